package netconf

import (
	"fmt"
	"strconv"

	"mooring/server/datastore"
	"mooring/server/netconf/filter"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// mountSubscriptions mounts /streams and /subscriptions of RFC 8639.
func (s *Server) mountSubscriptions() {
	streams, list := s.schema.Find("/"+subscribed+":streams/stream"), s.schema.Find("/"+subscribed+":subscriptions/subscription")
	if streams == nil || list == nil || list.Config {
		return
	}
	s.mount(streams, func(out *state.Out) {
		size, row := s.events.Size(), out.Row(stream)
		row.Text(streams.ChildNamed("description"), streamDescription)
		row.Empty(streams.ChildNamed("replay-support"))
		row.Time(streams.ChildNamed("replay-log-creation-time"), size.Created)
		row.Time(streams.ChildNamed("replay-log-aged-time"), size.Aged)
	})
	receivers := list.ChildNamed("receivers")
	receiver := receivers.ChildNamed("receiver")
	s.mount(list, func(out *state.Out) {
		for _, sub := range s.dynamic.list() {
			of := sub.common()
			row := out.Row(strconv.FormatUint(uint64(of.id), 10))
			sub.describe(row, list)
			row.Text(list.ChildNamed("encoding"), xmlEncoding)
			row.Open(receivers)
			row.Open(receiver)
			row.Text(receiver.ChildNamed("name"), fmt.Sprintf("session %d of user %s", of.session.id, of.session.user.Name))
			row.Uint(receiver.ChildNamed("sent-event-records"), of.sent.Load())
			row.Uint(receiver.ChildNamed("excluded-event-records"), of.excluded.Load())
			state := "active"
			if of.suspended.Load() {
				state = "suspended"
			}
			row.Text(receiver.ChildNamed("state"), state)
			row.Close()
			row.Close()
		}
	})
}

// filterText is a filter as it is written.
type filterText struct {
	in   *schema.Node // a leaf with an expression, or an anydata with a subtree; nil: there is none, and everything is selected
	text string
}

// namedFilter returns a filter of the configuration. list is stream-filter or selection-filter.
func namedFilter(config *tree.Node, list, name string) (filterText, error) {
	filters := config.Schema().Child(subscribed, "filters")
	if filters != nil {
		if n := config.Child(filters); n != nil {
			if entry := n.ChildNamed(list).Entry(name); entry != nil {
				return writtenIn(entry), nil
			}
		}
	}
	return filterText{}, fmt.Errorf("there is no %s %s in the configuration", list, name)
}

// writtenIn is the filter of an entry, which is one of two kinds.
func writtenIn(entry *tree.Node) filterText {
	for n := range entry.Children() {
		if !n.Schema().IsKey() {
			return filterText{n.Schema(), n.Value()}
		}
	}
	return filterText{}
}

// compile makes it ready for use. xpath compiles expressions; their prefixes are names of modules.
func (f filterText) compile(s *Server, xpath func(*schema.Schema, string, map[string]string) (*filter.Filter, error)) (*filter.Filter, error) {
	switch {
	case f.in == nil:
		return nil, nil
	case f.in.Kind == schema.AnyData:
		return filter.SubtreeText(f.in, f.text)
	}
	return xpath(s.schema, f.text, s.moduleNames())
}

// xpath is the expression that a request gave for a filter; "" where it gave none.
func (f filterText) xpath() string {
	if f.in == nil || f.in.Kind == schema.AnyData {
		return ""
	}
	return f.text
}

// followFilters tells subscriptions that refer to a filter of the configuration what becomes of it. before is what the first of the
// commits changes.
func (s *Server) followFilters(commits *datastore.Follower, before *tree.Node) {
	def := s.schema.Root.Child(subscribed, "filters")
	if def == nil {
		return
	}
	for {
		c, err := commits.Next(s.ctx)
		if err != nil {
			return
		}
		if !before.Child(def).Same(c.Root.Child(def)) {
			for _, sub := range s.dynamic.list() {
				sub.refilter(c.Root)
			}
		}
		before = c.Root
	}
}
