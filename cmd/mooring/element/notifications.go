package element

import (
	"cmp"
	"net/netip"
	"strconv"
	"time"

	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/mobility/wire"
	"mooring/server/notify"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// notifications makes notifications of the model from what happens to nodes (mooring-pmipv6-events). One goroutine uses it.
type notifications struct {
	log  *notify.Log
	defs map[engine.Role]map[string]*schema.Node
	told map[refusal]*refusals
}

// refusal is a kind of event that is told once a minute for each address.
type refusal struct {
	machine engine.Name
	def     *schema.Node
	from    netip.Addr
}

type refusals struct {
	since uint64 // events since the last one that was told, with the next
	last  time.Time
}

const (
	quiet       = time.Minute // between two notifications of one kind about one address
	maxRefusals = 10_000      // addresses that are remembered
)

func newNotifications(log *notify.Log) *notifications {
	return &notifications{log: log, defs: notificationsOf(log), told: map[refusal]*refusals{}}
}

// notificationsOf are the notifications of LMAs and MAGs, by name.
func notificationsOf(log *notify.Log) map[engine.Role]map[string]*schema.Node {
	defs := map[engine.Role]map[string]*schema.Node{}
	for role, path := range map[engine.Role]string{engine.RoleLMA: "/mooring-pmipv6:pmipv6/lma", engine.RoleMAG: "/mooring-pmipv6:pmipv6/mag"} {
		defs[role] = map[string]*schema.Node{}
		for _, def := range log.Schema().Find(path).Notifications {
			defs[role][def.Name] = def
		}
	}
	return defs
}

// add tells of an event. Kinds of which the schema knows no notification, or has the feature switched off, are not told.
func (n *notifications) add(ev engine.Event) {
	defs := n.defs[ev.Machine.Role]
	switch ev.Kind {
	case mobility.BindingCreated, mobility.BindingRefreshed, mobility.BindingHandover, mobility.BindingDeleted:
		def := defs[ev.Kind.String()]
		n.log.Add(ev.At, def, []string{ev.Machine.Name}, func(b *tree.Builder) { bindingEvent(b, def, ev.Event) })
	case mobility.PathUp, mobility.PathDown, mobility.PeerRestarted:
		if def := defs[ev.Kind.String()]; def != nil {
			n.log.Add(ev.At, def, []string{ev.Machine.Name}, func(b *tree.Builder) { pathEvent(b, def, ev.Event) })
		}
	case mobility.EntitlementExceeded, mobility.EntitlementCleared:
		if def := defs[ev.Kind.String()]; def != nil {
			n.log.Add(ev.At, def, []string{ev.Machine.Name}, func(b *tree.Builder) {
				b.Uint(def.ChildNamed("bce-count"), uint64(ev.Usage.Bindings))
				b.Uint(def.ChildNamed("limit"), uint64(ev.Usage.Limit))
			})
		}
	case mobility.TunnelEstablished, mobility.TunnelReleased:
		def := defs[ev.Kind.String()]
		n.log.Add(ev.At, def, []string{ev.Machine.Name}, func(b *tree.Builder) {
			b.Leaf(def.ChildNamed("tunnel"), state.TunnelID(ev.Path.Tunnel))
			pathEvent(b, def, ev.Event)
		})
	case mobility.PoolHigh, mobility.PoolExhausted:
		def := defs[ev.Kind.String()]
		n.log.Add(ev.At, def, []string{ev.Machine.Name}, func(b *tree.Builder) {
			b.Leaf(def.ChildNamed("network"), ev.Pool.Network)
			b.Leaf(def.ChildNamed("start-address"), ev.Pool.Start.String())
			b.Uint(def.ChildNamed("used"), ev.Pool.Used)
			b.Uint(def.ChildNamed("total"), ev.Pool.Total)
		})
	case mobility.Unauthentic:
		def := defs[ev.Kind.String()]
		n.log.Add(ev.At, def, []string{ev.Machine.Name}, func(b *tree.Builder) {
			b.Leaf(def.ChildNamed("source"), ev.Peer.Addr().Unmap().WithZone("").String())
			if ev.Failure.SPI.Set {
				b.Uint(def.ChildNamed("spi"), uint64(ev.Failure.SPI.Value))
			}
			b.Uint(def.ChildNamed("count"), uint64(ev.Failure.Count))
		})
	case mobility.RegistrationRefused:
		switch {
		case ev.Machine.Role == engine.RoleLMA && (ev.Status == wire.StatusTimestampMismatch || ev.Status == wire.StatusTimestampLowerThanPrev):
			n.seldom(ev, defs["timestamp-rejected"])
		case ev.Machine.Role == engine.RoleMAG && ev.Status == wire.StatusInsufficientResources && !ev.Peer.IsValid():
			n.seldom(ev, defs["binding-limit-reached"])
		}
	}
}

// deleteReasons are the values of the leaf reason; what is missing goes without.
var deleteReasons = map[mobility.DeleteReason]string{
	mobility.Deregistered: "de-registered", mobility.Expired: "expired", mobility.Unconfigured: "reconfigured",
	mobility.Refused: "refused", mobility.Cleared: "cleared", mobility.PeerLost: "peer-restarted", mobility.Revoked: "revoked",
}

func bindingEvent(b *tree.Builder, def *schema.Node, ev mobility.Event) {
	b.Leaf(def.ChildNamed("mn-id"), ev.Node.String())
	if ev.Binding != nil {
		ends := ev.Binding.Ends.Value()
		b.Leaf(def.ChildNamed("id"), state.BindingID(ev.Binding.ID))
		if ends.Remote.IsValid() {
			b.Leaf(def.ChildNamed("peer"), peerOf(ends))
		}
		if ev.Binding.Home.IsValid() {
			b.Leaf(def.ChildNamed("hoa"), ev.Binding.Home.Addr().String())
		}
		for _, p := range ev.Binding.Prefixes {
			b.Leaf(def.ChildNamed("hnp"), p.String())
		}
	}
	if ev.Kind == mobility.BindingHandover {
		b.Leaf(def.ChildNamed("previous-peer"), peerOf(ev.Before.Value()))
	}
	if reason := deleteReasons[ev.Reason]; ev.Kind == mobility.BindingDeleted && reason != "" {
		b.Leaf(def.ChildNamed("reason"), reason)
	}
}

// peerOf is the name of a peer or, where it was learned, its address.
func peerOf(ends mobility.Ends) string { return cmp.Or(ends.Peer, ends.Remote.Addr().String()) }

func pathEvent(b *tree.Builder, def *schema.Node, ev mobility.Event) {
	b.Leaf(def.ChildNamed("peer"), cmp.Or(ev.Path.Peer, ev.Peer.Addr().String()))
	if ev.Path.Local.IsValid() {
		b.Leaf(def.ChildNamed("local-address"), ev.Path.Local.String())
	}
	b.Leaf(def.ChildNamed("remote-address"), ev.Peer.Addr().String())
	if leaf := def.ChildNamed("bindings"); leaf != nil {
		b.Uint(leaf, uint64(ev.Path.Bindings))
	}
}

// seldom tells of an event unless it has told of one like it within the last minute; then it is counted, and told with the next.
func (n *notifications) seldom(ev engine.Event, def *schema.Node) {
	if def == nil {
		return
	}
	key := refusal{ev.Machine, def, ev.Peer.Addr()}
	r := n.told[key]
	if r == nil {
		if len(n.told) >= maxRefusals {
			clear(n.told)
		}
		r = &refusals{}
		n.told[key] = r
	}
	r.since++
	if !r.last.IsZero() && ev.At.Sub(r.last) < quiet {
		return
	}
	n.log.Add(ev.At, def, []string{ev.Machine.Name}, func(b *tree.Builder) {
		if leaf := def.ChildNamed("source"); leaf != nil {
			b.Leaf(leaf, ev.Peer.Addr().Unmap().WithZone("").String())
			b.Leaf(def.ChildNamed("difference"), strconv.FormatInt(ev.Skew.Milliseconds(), 10))
			b.Uint(def.ChildNamed("count"), r.since)
		} else {
			b.Leaf(def.ChildNamed("mn-id"), ev.Node.String())
		}
	})
	r.since, r.last = 0, ev.At
}
