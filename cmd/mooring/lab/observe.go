package lab

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"mooring/mobility/wire"
)

// signalled puts a message of the signalling into the timeline.
func (l *lab) signalled(s sighting) {
	from, to := hostOf(s.from), hostOf(s.to)
	switch m := s.message.(type) {
	case *wire.BindingUpdate:
		what := "registers"
		if m.Lifetime == 0 {
			what = "de-registers"
		}
		l.timeline.add(s.at, from, "pbu", "%s %s at %s: sequence %d, handoff %v", what, m.MNID.Value, to, m.Seq, m.Handoff.Value)
	case *wire.BindingAck:
		l.timeline.add(s.at, from, "pba", "answers %s: sequence %d, status %d (%v)", to, m.Seq, m.Status, m.Status)
	default:
		l.timeline.add(s.at, from, "signalling", "%v to %s", m, to)
	}
}

// hostOf names the element that has an address.
func hostOf(a netip.Addr) string {
	for _, link := range coreLinks {
		if a == netip.MustParseAddr(link.own4) || a == netip.MustParseAddr(link.own6) {
			return link.element
		}
	}
	return a.String()
}

// follow puts what becomes of the bindings of the elements into the timeline.
func (l *lab) follow(ctx context.Context, fail context.CancelCauseFunc) {
	for _, e := range l.elements {
		role := "mag"
		if e.name == "lma" {
			role = "lma"
		}
		l.followed.Go(func() {
			err := l.clients[e.name].follow(ctx, role, e.name, func(at time.Time, before, after row) {
				l.bound(at, e.name, before, after)
			})
			if err == nil {
				return
			}
			select {
			case <-e.ended: // that is the reason, and reported
			case <-time.After(time.Second):
				fail(err)
			}
		})
	}
}

// bound tells of a binding that has changed. On a gateway the tunnel is up when the binding is active, too: before, there is nothing
// to forward by.
func (l *lab) bound(at time.Time, element string, before, after row) {
	switch {
	case after == nil:
		l.timeline.add(at, element, "binding", "of %s is gone", before["mn-id"])
	case up(after) && (!up(before) || before["care-of-address"] != after["care-of-address"]):
		l.timeline.add(at, element, "tunnel-up", "packets of %s pass the tunnel to %s", after["mn-id"], after["peer"])
	}
}

func up(r row) bool {
	return r["forwarding"] == "installed" && (r["state"] == "active" || r["state"] == "refresh-pending")
}

// registered is what a message asks for or gives.
func registered(o *wire.Options) string {
	var all []string
	for _, p := range o.IPv4HoARequests {
		all = append(all, p.Prefix.String())
	}
	if o.IPv4HoAReply.Set {
		all = append(all, o.IPv4HoAReply.Value.String())
	}
	for _, p := range o.HNPs {
		all = append(all, p.Prefix.String())
	}
	for _, p := range o.DMNPs {
		all = append(all, p.Prefix.String())
	}
	return strings.Join(all, ", ")
}
