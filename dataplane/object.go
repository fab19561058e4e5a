package dataplane

import (
	"context"
	"errors"
	"iter"
	"net/netip"
)

// Object is one thing that a host holds for us: a VRF, Member, Link, Policy, Adoption, Tunnel, Route, SourceRoute or Neighbour, or a Setting that is
// wrong. Objects are values; two objects with the same Key are versions of one thing.
type Object interface{ Key() any } // the key is comparable

// Tunnel is one end of a tunnel.
type Tunnel struct {
	ID  TunnelID
	MTU int // largest inner packet in octets; 0 derives it from the path to the peer
}

// Target says where a Route leads. Exactly one field is set.
type Target struct {
	Path      Path   // into a tunnel
	Link      string // to an interface
	Blackhole bool   // nowhere
}

// Route leads packets for Prefix to Via. Packets that leave a tunnel must come from a prefix whose route leads into that
// very path: a MAG cannot send as another's node.
type Route struct {
	VRFPrefix
	Via Target
	Standing
	// Owner is the session whose traffic is counted by itself as long as it goes by this route; 0: it is not. It is nothing that the host
	// holds: Dump leaves it out.
	Owner SessionID
}

// Standing is what a route is to the routing protocols of the host, which know nothing of who made it. The zero value: it is not meant for
// them, and goes before all that they have.
type Standing struct {
	Told     bool  // they may pass it on to their neighbours
	Distance uint8 // administrative distance: a route of theirs to the same prefix is used instead, where that has a lower one; 0: none is
}

// SourceRoute leads packets that arrive on Link from an address in Source into a tunnel, wherever they are bound
// (RFC 5213 section 6.10.5). Packets that leave that tunnel must be for Source.
type SourceRoute struct {
	Link   string
	Source netip.Prefix
	Path   Path
}

// Neighbour fixes the link-layer address of a node.
type Neighbour struct {
	Link string
	Addr netip.Addr
	MAC  MAC
}

// Link gives an access interface the addresses that every MAG of the domain shares, and leads what arrives on it into
// tunnels by the SourceRoutes of the interface (RFC 5213 section 6.9.3, RFC 6543). What no SourceRoute covers is dropped.
type Link struct {
	Name      string
	VRF       string     // that the interface is in; empty for the default one
	MAC       MAC        // zero: keep the interface's own
	LinkLocal netip.Addr // invalid: keep the interface's own
}

// The keys of the objects.
type (
	RouteKey       VRFPrefix
	SourceRouteKey struct {
		Link   string
		Source netip.Prefix
	}
	NeighbourKey struct {
		Link string
		Addr netip.Addr
	}
	LinkKey string
)

func (t Tunnel) Key() any      { return t.ID }
func (r Route) Key() any       { return RouteKey(r.VRFPrefix) }
func (s SourceRoute) Key() any { return SourceRouteKey{s.Link, s.Source} }
func (n Neighbour) Key() any   { return NeighbourKey{n.Link, n.Addr} }
func (l Link) Key() any        { return LinkKey(l.Name) }

// ErrNoLink is wrapped by the errors of a Plane about what is on an interface that is not there. Interfaces come and go with nodes.
var ErrNoLink = errors.New("there is no such interface")

// LinkOf names the interface that an object is on; empty if there is none.
func LinkOf(o Object) string {
	switch o := o.(type) {
	case Link:
		return o.Name
	case Member:
		return o.Link
	case Adoption:
		return o.Device
	case Route:
		return o.Via.Link
	case SourceRoute:
		return o.Link
	case Neighbour:
		return o.Link
	}
	return ""
}

// PathOf returns the path that an object leads packets into, and whether there is one.
func PathOf(o Object) (Path, bool) {
	switch o := o.(type) {
	case Route:
		return o.Via.Path, o.Via.Link == "" && !o.Via.Blackhole
	case SourceRoute:
		return o.Path, true
	}
	return Path{}, false
}

// Op makes one object exist as given, or (Delete) not exist. Both are idempotent: an object that is there already, or is
// absent already, is success.
type Op struct {
	Delete bool
	Object Object
	// Strays says that the host may have a Route with another Standing, too, which it keeps apart. That goes in any case.
	Strays bool
}

// EventKind says what happened on the host.
type EventKind uint8

// The events of a Plane.
const (
	LinkUp     EventKind = iota + 1 // the interface exists and has carrier
	LinkDown                        // it has lost carrier, or is gone
	ObjectLost                      // somebody changed or removed an object of ours
	Overrun                         // events were lost, or too much changed to name it: compare everything
)

// Event is something that happened on the host without our doing.
type Event struct {
	Kind EventKind
	Link string // LinkUp, LinkDown
	MAC  MAC    // LinkUp: the interface's own address
	Key  any    // ObjectLost
}

// Counters are the packets and octets of inner traffic of one tunnel since it was made, or adopted.
type Counters struct {
	RxPackets, RxOctets uint64
	TxPackets, TxOctets uint64
	Drops               Drops
}

// Plus returns what both have counted.
func (c Counters) Plus(other Counters) Counters {
	return c.With(other, func(a, b uint64) uint64 { return a + b })
}

// Since returns what was counted after c was as it was before; 0 of what is less now.
func (c Counters) Since(before Counters) Counters {
	return c.With(before, func(now, before uint64) uint64 { return max(now, before) - before })
}

// With returns what f makes of each count and that of other.
func (c Counters) With(other Counters, f func(own, others uint64) uint64) Counters {
	return Counters{
		RxPackets: f(c.RxPackets, other.RxPackets), RxOctets: f(c.RxOctets, other.RxOctets),
		TxPackets: f(c.TxPackets, other.TxPackets), TxOctets: f(c.TxOctets, other.TxOctets),
		Drops: c.Drops.with(other.Drops, f),
	}
}

// Drops counts dropped packets by reason.
type Drops struct {
	NoSession uint64 // no binding for the node's address
	Spoofed   uint64 // the source, or the path it came by, is not the binding's
	Filtered  uint64 // a Policy does not let it pass
	TooBig    uint64 // beyond the tunnel's MTU; the sender was told
	Congested uint64 // marked by the core as having met congestion, of a sender that does not know the mark (RFC 6040)
	Malformed uint64 // not an IP packet, or an encapsulation header that makes no sense
	Send      uint64 // the host refused to send it
}

// Add adds the counts of other.
func (d *Drops) Add(other Drops) {
	*d = d.with(other, func(a, b uint64) uint64 { return a + b })
}

func (d Drops) with(other Drops, f func(own, others uint64) uint64) Drops {
	return Drops{
		NoSession: f(d.NoSession, other.NoSession), Spoofed: f(d.Spoofed, other.Spoofed), Filtered: f(d.Filtered, other.Filtered),
		TooBig: f(d.TooBig, other.TooBig), Congested: f(d.Congested, other.Congested), Malformed: f(d.Malformed, other.Malformed), Send: f(d.Send, other.Send),
	}
}

// TunnelState is what a Plane knows of one tunnel.
type TunnelState struct {
	Device  string // that the inner packets pass through; several are separated by commas
	MTU     int    // in force: the largest inner packet in octets
	Fast    bool   // the kernel itself carries the plain packets
	Lasts   bool   // it carries packets also when there is no process
	Adopted bool   // Device is somebody else's
	Counters
}

// Plane is one forwarding plane, real or not.
type Plane interface {
	// Apply carries out the operations in their order and returns one error (or nil) for each of them. A failed
	// operation does not keep the rest from being tried.
	Apply(ctx context.Context, batch []Op) []error
	// Dump yields every object of ours that the host holds, whoever made it. It ends with the first error.
	Dump(ctx context.Context) iter.Seq2[Object, error]
	// Watch yields what happens on the host until ctx ends. It starts with the present state of every interface.
	Watch(ctx context.Context) iter.Seq2[Event, error]
	// Tunnels returns the state of every tunnel, and the drops that belong to none. It may be called at any time.
	Tunnels() (map[TunnelID]TunnelState, Drops)
}
