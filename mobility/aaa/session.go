package aaa

import (
	"time"

	"mooring/dataplane"
	"mooring/mobility"
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

// Session is an accounting session that is open. It is kept on disk, so that its Stop is sent whatever becomes of this process.
type Session struct {
	ID      string `json:"id"` // Acct-Session-Id
	Kind    Kind   `json:"kind"`
	Anchor  string `json:"anchor"`
	Started time.Time
	Tunnel  dataplane.TunnelID // of a tunnel, or that a node's packets go through

	// Of a node: its binding. Another one may get the same number after a restart, but not the same time too.
	Binding dataplane.SessionID `json:",omitempty"`
	Created mobility.Instant    `json:",omitempty"`

	Used     Usage
	Seen     Usage  // what the dataplane's counters showed when Used was last brought up to date
	Counted  bool   // whether the dataplane counts at all; if not, Used says nothing
	Identity []byte // attributes that every record of the session has, as in a packet

	Acknowledged time.Time `json:"-"` // when a server last took a record of it; zero: not in this process

	row   *mobility.Binding // of a node: as last accounted
	nodes int               // of a tunnel: sessions of nodes that go through it
	due   time.Time         // of a tunnel: its next Interim-Update; zero: there is none
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
	now, ok := m.Tunnel(s.Tunnel)
	if s.Kind == Node {
		now, ok = m.Node(s.Anchor, s.Binding)
	}
	if !ok || now == s.Seen && s.Counted {
		return false
	}
	s.Used, s.Seen, s.Counted = s.Used.plus(now.since(s.Seen)), now, true
	return true
}
