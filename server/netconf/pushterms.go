package netconf

import (
	"slices"
	"strconv"
	"time"

	"mooring/server/netconf/filter"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

const (
	yangPush     = "ietf-yang-push" // RFC 8641
	centisecond  = 10 * time.Millisecond
	minPeriod    = 10 * centisecond // between updates of a periodic subscription
	datastoreIDs = "ietf-datastores"
)

// pushTerms are what is agreed on of a subscription to a datastore (RFC 8641 section 4.2).
type pushTerms struct {
	datastore string // running, intended, candidate or operational
	filter    *filter.Filter
	written   filterText // the filter, unless a request had a subtree
	name      string     // of the filter, when it is one of the configuration
	stop      time.Time

	period time.Duration // zero: it is told what changes
	anchor time.Time     // of the periods; zero: the first update

	dampening time.Duration
	sync      bool
	excluded  []string // kinds of changes that are not told
}

// pushTerms reads what a request wants of a subscription; what it does not say stays.
func (r *request) pushTerms(t pushTerms) (pushTerms, error) {
	if err := r.pushFilter(&t); err != nil {
		return t, err
	}
	if stop, given := r.time("stop-time"); given {
		if t.stop = stop; !stop.After(time.Now()) {
			return t, protocolError(tree.InvalidValue, "stop-time", "stop-time lies in the past")
		}
	}
	if n := r.input.ChildNamed("periodic"); n != nil {
		t.period = centiseconds(n, "period")
		if anchor, given := n.Leaf("anchor-time"); given {
			t.anchor, _ = time.Parse(time.RFC3339Nano, anchor) // checked by its type
		}
		if t.period < minPeriod {
			return t, r.hinted(pushError(tree.InvalidValue, "period-unsupported", "updates cannot be sent that often"),
				hint{"period-hint", strconv.Itoa(int(minPeriod / centisecond))})
		}
	}
	if n := r.input.ChildNamed("on-change"); n != nil {
		if _, given := n.Leaf("dampening-period"); given || r.def.Name == "establish-subscription" {
			t.dampening = centiseconds(n, "dampening-period")
		}
		if sync, there := n.EffectiveLeaf("sync-on-start"); there { // of establish-subscription alone
			t.sync = sync == "true"
		}
		for e := range n.ChildNamed("excluded-change").Entries() {
			t.excluded = append(t.excluded, e.Value())
		}
	}
	return t, r.pushable(t)
}

func centiseconds(n *tree.Node, leaf string) time.Duration {
	text, _ := n.EffectiveLeaf(leaf)
	count, _ := strconv.ParseUint(text, 10, 32) // checked by its type
	return time.Duration(count) * centisecond
}

// pushFilter reads the selection filter.
func (r *request) pushFilter(t *pushTerms) error {
	if r.filter != nil {
		t.filter, t.written, t.name = r.filter, filterText{}, ""
	}
	written, name, given, err := r.writtenFilter("datastore-xpath-filter", "selection-filter-ref", "selection-filter")
	if err != nil || !given {
		return err
	}
	f, err := written.compile(r.server, filter.XPath)
	if err != nil {
		return r.unsupportedFilter(err)
	}
	t.filter, t.written, t.name = f, written, name
	return nil
}

// writtenFilter reads the filter that a request gives by an expression, or by a name in a list of the configuration.
func (r *request) writtenFilter(expression, reference, list string) (written filterText, name string, given bool, err error) {
	if name, given = r.given(reference); given {
		if written, err = namedFilter(r.server.store.Running().Root, list, name); err != nil {
			err = r.unsupportedFilter(err)
		}
		return written, name, true, err
	}
	text, given := r.given(expression)
	return filterText{r.parameter(expression), text}, "", given, nil
}

// pushable finds out whether there can be a subscription on these terms (RFC 8641 section 3.2).
func (r *request) pushable(t pushTerms) error {
	s := r.server
	if !slices.Contains([]string{"running", "intended", "candidate", "operational"}, t.datastore) {
		return pushError(tree.InvalidValue, "datastore-not-subscribable", "there is nothing to subscribe to in datastore "+t.datastore)
	}
	selectable := func(def *schema.Node) bool { return (def.Config || t.datastore == "operational") && !def.IsKey() }
	switch {
	case !t.filter.Selects(s.schema, selectable):
		return pushError(tree.OperationFailed, "unchanging-selection", "the filter can select nothing of datastore "+t.datastore)
	case t.period > 0:
		return nil
	case t.datastore == "candidate":
		return pushError(tree.NotSupported, "on-change-unsupported", "changes of the candidate are not told; say periodic")
	case t.datastore != "operational", s.state == nil:
		return nil
	case !t.filter.Selects(s.schema, func(def *schema.Node) bool { return selectable(def) && !s.ticking()[def] }):
		return pushError(tree.NotSupported, "on-change-unsupported", "what the filter selects changes all the time; say periodic")
	}
	if err := t.filter.Followable(s.state); err != nil {
		return r.unsupportedFilter(err)
	}
	return nil
}

// pushError is an error with an identity of RFC 8641.
func pushError(tag tree.Tag, identity, message string) *tree.Error {
	return &tree.Error{Tag: tag, AppTag: yangPush + ":" + identity, Message: message}
}

// tickingNodes are the nodes of operational data whose changes are not told (RFC 8641 section 3.10).
func (s *Server) tickingNodes() map[*schema.Node]bool {
	ticking := map[*schema.Node]bool{}
	for _, v := range s.state.At(nil) {
		for _, def := range v.Passing() {
			ticking[def] = true
		}
	}
	return ticking
}

// describe says what the terms are.
func (t pushTerms) describe(d describer, def *schema.Node) {
	d.Text(def.ChildNamed("datastore"), datastoreIDs+":"+t.datastore)
	if t.name != "" {
		d.Text(def.ChildNamed("selection-filter-ref"), t.name)
	} else {
		d.Text(def.ChildNamed("datastore-xpath-filter"), t.written.xpath())
	}
	d.Text(def.ChildNamed("stop-time"), timeText(t.stop))
	if t.period > 0 {
		n := def.ChildNamed("periodic")
		d.Open(n)
		d.Text(n.ChildNamed("period"), countText(t.period))
		d.Text(n.ChildNamed("anchor-time"), timeText(t.anchor))
		d.Close()
		return
	}
	n := def.ChildNamed("on-change")
	d.Open(n)
	d.Text(n.ChildNamed("dampening-period"), countText(t.dampening))
	d.Text(n.ChildNamed("sync-on-start"), strconv.FormatBool(t.sync))
	for _, kind := range t.excluded {
		d.Text(n.ChildNamed("excluded-change"), kind)
	}
	d.Close()
}

func countText(d time.Duration) string { return strconv.FormatInt(int64(d/centisecond), 10) }

// next is the first instant after now that is a whole number of periods away from the anchor, before or after it (section 4.2).
func (t pushTerms) next(now time.Time) time.Time {
	since := now.Sub(t.anchor)
	whole := since / t.period
	if since < 0 && since%t.period != 0 {
		whole--
	}
	return t.anchor.Add((whole + 1) * t.period)
}
