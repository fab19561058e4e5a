package aaa

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// Kind says what a session accounts.
type Kind uint8

// The kinds of sessions.
const (
	Node Kind = iota + 1
	Tunnel
)

func (k Kind) String() string {
	if k == Node {
		return "mobile-node"
	}
	return "tunnel"
}

// Session is an accounting session that is open. It belongs to a ledger. There is one for each node, so that a word more costs 8 MB at a million: what records say of a
// node is made of what its binding holds, which the binding table has anyway, and what few sessions have is apart.
type Session struct {
	anchor *anchor
	held   *mobility.Holding            // of a node: what its binding held when it was last accounted; nil: see apart.past
	ends   unique.Handle[mobility.Ends] // of a node: likewise
	*apart                              // nil: of a node whose traffic was not counted
	number uint64

	started      mobility.Instant
	binding      dataplane.SessionID // of a node
	acknowledged uint32              // when a server last took a record of it: seconds since started, counted from 1; 0: not in this process
	access       wire.AccessType     // of a node
	kind         Kind
}

// apart is what most sessions of nodes do not have, as long as nothing counts their traffic.
type apart struct {
	used    Usage
	seen    Usage // what the dataplane's counters showed when used was last brought up to date
	counted bool  // whether the dataplane counts at all; if not, used says nothing
	past    *Kept // of a node: as an earlier process left it, until its binding has been seen
	tunnel  *tunnel
}

// tunnel is what sessions of tunnels have.
type tunnel struct {
	id       dataplane.TunnelID
	identity []byte    // attributes that every record of it has
	nodes    int       // sessions of nodes that go through it
	due      time.Time // its next Interim-Update; zero: there is none
}

// SessionName is the Acct-Session-Id of a session by its number, and by when the first of its kind began.
func SessionName(birth time.Time, number uint64) string {
	var room [25]byte
	name := append(appendHex(room[:0], uint64(uint32(birth.Unix()))), '-')
	return string(appendHex(name, number))
}

// appendHex appends a number in hexadecimal digits, eight at least.
func appendHex(b []byte, n uint64) []byte {
	const digitBits, least = 4, 8
	for digits := max(least, (bits.Len64(n)+digitBits-1)/digitBits); digits > 0; digits-- {
		b = append(b, "0123456789ABCDEF"[n>>(digitBits*(digits-1))&0xf])
	}
	return b
}

// SessionNumber is the inverse of SessionName. ok is false for what is no name of that time.
func SessionNumber(birth time.Time, name string) (number uint64, ok bool) {
	_, digits, _ := strings.Cut(name, "-")
	number, err := strconv.ParseUint(digits, 16, 64)
	return number, err == nil && SessionName(birth, number) == name
}

// ID is the Acct-Session-Id.
func (s *Session) ID() string { return SessionName(s.anchor.birth, s.number) }

// Number tells the session from all others since the ledger's birth.
func (s *Session) Number() uint64 { return s.number }

// Kind says what it accounts.
func (s *Session) Kind() Kind { return s.kind }

// Anchor is the name of the anchor that it is of.
func (s *Session) Anchor() string { return s.anchor.Name }

// Started is when it began.
func (s *Session) Started() time.Time { return s.started.Time() }

// Binding is the number of a node's binding. Another one may get it after a restart, but not with the same time of creation.
func (s *Session) Binding() dataplane.SessionID { return s.binding }

// Created is when a node's binding was made.
func (s *Session) Created() mobility.Instant {
	switch {
	case s.kind == Tunnel:
		return 0
	case s.held == nil:
		return s.past.Created
	}
	return s.held.Created
}

// Tunnel is that which it accounts, or that a node's packets go through.
func (s *Session) Tunnel() dataplane.TunnelID {
	switch {
	case s.kind == Tunnel:
		return s.tunnel.id
	case s.held == nil:
		return s.past.Tunnel
	}
	return s.ends.Value().Tunnel
}

// Acknowledge notes that a server has taken a record of it.
func (s *Session) Acknowledge(now time.Time) {
	s.acknowledged = 1 + uint32(max(0, now.Sub(s.Started())/time.Second))
}

// LastRecord is when a server last took a record of it, in whole seconds after it had started; zero: not in this process.
func (s *Session) LastRecord() time.Time {
	if s.acknowledged == 0 {
		return time.Time{}
	}
	return s.Started().Add(time.Duration(s.acknowledged-1) * time.Second)
}

// take has records say of the session's node what a row of its binding says.
func (s *Session) take(b *mobility.Binding) {
	s.held, s.ends, s.access = b.Holding, b.Ends, b.Access
	if s.apart != nil {
		s.past = nil
		if !s.counted {
			s.apart = nil
		}
	}
}

// says reports whether records of the session say of its node what they would by a row of its binding.
func (s *Session) says(b *mobility.Binding) bool {
	if s.held == nil {
		return s.past.Tunnel == b.Ends.Value().Tunnel && bytes.Equal(s.past.Identity, appendIdentity(nil, s.anchor.Name, b))
	}
	was := s.row()
	return was.Ends == b.Ends && was.Access == b.Access && was.SameAddresses(b) && was.LinkID == b.LinkID
}

// row is as much of a binding's row as records tell.
func (s *Session) row() mobility.Binding {
	return mobility.Binding{Holding: s.held, ID: s.binding, Ends: s.ends, Access: s.access}
}

// identify adds the attributes that every record of the session has.
func (s *Session) identify(a attributes) attributes {
	switch {
	case s.kind == Tunnel:
		return append(a, s.tunnel.identity...)
	case s.held == nil:
		return append(a, s.past.Identity...)
	}
	row := s.row()
	return appendIdentity(a, s.anchor.Name, &row)
}

// appendIdentity appends what records say of the node of a binding.
func appendIdentity(a attributes, anchor string, b *mobility.Binding) attributes {
	a.describe(&NodeIdentity{
		Node: b.Node, Link: b.LinkID, Home: b.Home.Prefix(), Prefixes: b.Prefixes, Access: b.Access, Service: b.Service(),
		Anchor: anchor, Address: b.Ends.Value().Local, MobileNetworks: b.Networks, Customer: b.Tenant().Customer, VRF: b.Tenant().VRF,
		APN: b.Under().APN,
	})
	return a
}

// Kept returns the session as it is to be on disk.
func (s *Session) Kept() Kept {
	k := Kept{
		Number: s.number, Kind: s.kind, Anchor: s.Anchor(), Started: s.Started(), Tunnel: s.Tunnel(), Binding: s.binding, Created: s.Created(),
		Identity: s.identify(nil),
	}
	if s.apart != nil {
		k.Used, k.Seen, k.Counted = s.used, s.seen, s.counted
	}
	return k
}

// restored returns a session of an anchor as it was on disk.
func restored(a *anchor, k *Kept) *Session {
	s := &Session{
		anchor: a, number: k.Number, started: mobility.At(k.Started), binding: k.Binding, kind: k.Kind,
		apart: &apart{used: k.Used, seen: k.Seen, counted: k.Counted},
	}
	if k.Kind == Tunnel {
		s.tunnel = &tunnel{id: k.Tunnel, identity: k.Identity}
	} else {
		s.past = k
	}
	return s
}

// Usage is traffic of a node or a tunnel: inner packets and their octets. Rx is from the node.
type Usage struct {
	RxPackets, RxOctets uint64
	TxPackets, TxOctets uint64
}

// since returns what was counted between two readings of counters. They may have begun at 0 in between, and then count what they show.
func (u Usage) since(seen Usage) Usage {
	if u.RxPackets < seen.RxPackets || u.RxOctets < seen.RxOctets || u.TxPackets < seen.TxPackets || u.TxOctets < seen.TxOctets {
		return u
	}
	return Usage{u.RxPackets - seen.RxPackets, u.RxOctets - seen.RxOctets, u.TxPackets - seen.TxPackets, u.TxOctets - seen.TxOctets}
}

func (u Usage) plus(v Usage) Usage {
	return Usage{u.RxPackets + v.RxPackets, u.RxOctets + v.RxOctets, u.TxPackets + v.TxPackets, u.TxOctets + v.TxOctets}
}

// Meter reads the counters of the dataplane. They may still be read for some minutes after what they count is gone. ok is false for what
// is not counted.
type Meter interface {
	Node(anchor string, binding dataplane.SessionID) (u Usage, ok bool)
	Tunnel(id dataplane.TunnelID) (u Usage, ok bool)
}

// read brings the usage of a session up to date, and reports whether it has changed.
func (s *Session) read(m Meter) bool {
	var now Usage
	var ok bool
	if s.kind == Node {
		now, ok = m.Node(s.anchor.Name, s.binding)
	} else {
		now, ok = m.Tunnel(s.tunnel.id)
	}
	switch {
	case !ok, s.apart != nil && s.counted && now == s.seen:
		return false
	case s.apart == nil:
		s.apart = &apart{}
	}
	s.used, s.seen, s.counted = s.used.plus(now.since(s.seen)), now, true
	return true
}

// node returns the session of the node that has a binding of this number, or nil.
func (a *anchor) node(id dataplane.SessionID) *Session {
	return a.nodes.Find(spread(uint64(id)), func(s *Session) bool { return s.binding == id })
}

// sorted returns the sessions of nodes in the order of their bindings.
func (a *anchor) sorted() []*Session {
	return slices.SortedFunc(a.nodes.All(), func(x, y *Session) int { return cmp.Compare(x.binding, y.binding) })
}

// spread makes a hash of numbers, which are counted up (D. Knuth, The Art of Computer Programming, section 6.4: the golden ratio).
func spread(number uint64) uint32 { return uint32(number * 0x9e3779b97f4a7c15 >> 32) }
