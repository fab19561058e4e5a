package netconf

import (
	"time"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

const (
	ncEvent     = "notifications"    // the module of create-subscription
	manageEvent = "nc-notifications" // the module of streams
	stream      = "NETCONF"          // RFC 5277 section 3.2.3
)

// createSubscription sends the events of the stream to the session from now on (RFC 5277 section 2.1.1).
func (r *request) createSubscription() (answer, error) {
	x, events := r.session, r.server.events
	if name := r.value("stream"); name != stream {
		return nil, protocolError(tree.InvalidValue, "stream", "there is no stream "+schema.Quote(name)+"; there is "+stream)
	}
	start, replay := r.time("startTime")
	stop, stops := r.time("stopTime")
	switch {
	case stops && !replay:
		return nil, protocolError(tree.MissingElement, "startTime", "stopTime is of use only together with startTime")
	case replay && start.After(time.Now()):
		return nil, protocolError(tree.BadElement, "startTime", "startTime lies in the future")
	case stops && !stop.After(start):
		return nil, protocolError(tree.BadElement, "stopTime", "stopTime is not later than startTime")
	}
	if err := x.subs.takeStream(); err != nil {
		return nil, err
	}
	sub := newStreamSubscription(x, streamTerms{filter: r.filter, stop: stop})
	sub.begin(events, start)
	return func(w *replyWriter) error {
		x.subscribe(sub.run)
		return ok(w)
	}, nil
}

// misplacedFilter takes the filter of create-subscription in the base namespace, where ncclient puts it.
func misplacedFilter(def *schema.Node, el *xmlio.Element) *schema.Node {
	if def.Kind != schema.Input || def.Module.Name != ncEvent || el.Name != (xmlio.Name{Space: tree.NetconfNamespace, Local: "filter", Prefix: el.Name.Prefix}) {
		return nil
	}
	return def.ChildNamed("filter")
}

// time returns a parameter that is a time. Its zone does not matter.
func (r *request) time(name string) (t time.Time, given bool) {
	text, given := r.given(name)
	if given {
		t, _ = time.Parse(time.RFC3339Nano, text) // checked by its type
	}
	return t, given
}
