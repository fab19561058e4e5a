package engine

import (
	"errors"
	"slices"
	"strings"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/mag"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// Role is what a machine is.
type Role uint8

// The roles.
const (
	RoleLMA Role = iota + 1
	RoleMAG
)

func (r Role) String() string {
	switch r {
	case RoleLMA:
		return "lma"
	case RoleMAG:
		return "mag"
	}
	return "element"
}

// Name names a machine of the element; the zero value is the element itself.
type Name struct {
	Role Role
	Name string
}

func (n Name) String() string { return strings.TrimSpace(n.Role.String() + " " + n.Name) }

// machine is what an LMA and a MAG have in common.
type machine interface {
	Receive(now time.Time, in *mobility.Inbound, out *mobility.Effects)
	Installed(now time.Time, result dataplane.Result, out *mobility.Effects)
	Advance(now time.Time, out *mobility.Effects)
	Deadline() (time.Time, bool)
	Close(now time.Time, out *mobility.Effects)
	LastID() dataplane.SessionID
	Statistics() *mobility.Statistics

	// SetStorable says whether anything can be stored. Withhold takes back from effects that could not be stored what acknowledges them, before they
	// are carried out, and Unstored ends what began with them, after they were.
	SetStorable(can bool)
	Withhold(out *mobility.Effects)
	Unstored(now time.Time, id dataplane.SessionID, out *mobility.Effects)
}

// unit is a machine and what the loop knows of it.
type unit struct {
	machine
	Name
	table  *binding.Table
	key    string              // what it is called in the store
	number dataplane.SessionID // distinguishes its sessions in the dataplane
	out    *mobility.Effects   // to be carried out; nil: nothing

	watched map[mobility.NodeID]*watched // nil: none
}

type anchor struct {
	unit
	lma *lma.Machine
	cfg *mobility.LMA
}

type gateway struct {
	unit
	mag *mag.Machine
	cfg *mobility.MAG
}

// element is the machines by everything that a message can name them by. It belongs to the loop.
type element struct {
	anchors  map[string]*anchor
	gateways map[string]*gateway
	leaving  []*anchor // that are removed, and still tell their MAGs so
	units    []*unit   // sorted by name, anchors first
	owners   map[transport.Address]owner
	links    map[string]*gateway
	numbers  map[dataplane.SessionID]*unit
	last     dataplane.SessionID // number
	busy     []*unit
	spare    []*mobility.Effects
}

// owner is who has an address. The two roles may share one.
type owner struct {
	anchor  *anchor
	gateway *gateway
}

func newElement() element {
	return element{anchors: map[string]*anchor{}, gateways: map[string]*gateway{}, numbers: map[dataplane.SessionID]*unit{}}
}

// at returns the machine that a message is for, or nil.
func (e *element) at(in *mobility.Inbound) *unit {
	o := e.owners[transport.AddressOf(in.To)]
	switch {
	case o.anchor == nil && o.gateway == nil:
		return nil
	case o.gateway == nil || o.anchor != nil && !o.gateway.isFor(in):
		return &o.anchor.unit
	}
	return &o.gateway.unit
}

// isFor says whether a message is for a gateway that has its address in common with an anchor. What both may get is for the gateway when an anchor
// of its sent it; what neither knows is counted by the anchor.
func (g *gateway) isFor(in *mobility.Inbound) bool {
	switch in.Message.(type) {
	case *wire.BindingAck, *wire.BindingRefreshRequest, *wire.UpdateNotification:
		return true
	case *wire.Heartbeat, *wire.Revocation, *wire.RevocationAck, *wire.BindingError:
		return slices.ContainsFunc(g.cfg.Anchors, func(p mobility.Peer) bool { return slices.Contains(p.Addresses, in.From.Addr.Addr()) })
	}
	bad, ok := errors.AsType[*wire.DecodeError](in.Err)
	return ok && bad.Type == wire.TypeBindingAck
}

// deadline returns when the first machine wants to be woken.
func (e *element) deadline() (first time.Time, ok bool) {
	for u := range e.awake {
		at, has := u.Deadline()
		if has && (!ok || at.Before(first)) {
			first, ok = at, true
		}
	}
	return first, ok
}

// awake yields the machines that have deadlines: all, and those that are leaving.
func (e *element) awake(yield func(*unit) bool) {
	for _, u := range e.units {
		if !yield(u) {
			return
		}
	}
	for _, a := range e.leaving {
		if !yield(&a.unit) {
			return
		}
	}
}

// mark notes that u has Effects to be carried out, and returns them.
func (e *element) mark(u *unit) *mobility.Effects {
	if u.out == nil {
		u.out = e.effects()
		e.busy = append(e.busy, u)
	}
	return u.out
}

// settle tells the tables that all effects have been carried out.
func (e *element) settle() {
	for _, u := range e.units {
		u.table.Settle()
	}
}

// The identifier of a session in the dataplane is that of the binding, which is unique in its table, with the number of the
// machine in the upper bits.
const numberShift = 40

func (u *unit) session(id dataplane.SessionID) dataplane.SessionID { return u.number<<numberShift | id }

// ofSession returns the machine and the binding that a session of the dataplane belongs to; nil if the machine is gone.
func (e *element) ofSession(id dataplane.SessionID) (*unit, dataplane.SessionID) {
	return e.numbers[id>>numberShift], id & (1<<numberShift - 1)
}
