package homelink

import (
	"bytes"
	"cmp"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/attach/frame"
)

// Effects is what a step of the machine asks for, in this order: a node that waits for its registration waits the shortest. The
// caller owns it.
type Effects struct {
	Attachments []mobility.Attachment // 1 told to the mobility core
	Frames      [][]byte              // 2 sent
	Known       bool                  // 3 Machine.Known has changed
}

// Statistics counts what happened since the machine was made. The machine writes, anybody may read.
type Statistics struct {
	Received, Malformed  atomic.Uint64 // frames
	Crowded              atomic.Uint64 // frames of unknown nodes while there are too many of them
	Provocations, Polls  atomic.Uint64 // sent
	RouterSolicitations  atomic.Uint64
	RouterAdvertisements atomic.Uint64
	ARPReplies           atomic.Uint64
	DHCPReceived         atomic.Uint64
	DHCPMisaddressed     atomic.Uint64 // of another client than their sender, relayed, or for another server
	DHCPHeld             atomic.Uint64 // until there is something to answer with
	Offers, Acks, Naks   atomic.Uint64
	Unbuilt              atomic.Uint64 // frames that could not be built: the gateway has no link-local address
}

// Machine is one access link. One goroutine uses it; its Statistics may be read by others. Its cost per step grows with the number
// of nodes on the link, which is one where links are as RFC 5213 section 6.3 wants them.
type Machine struct {
	mag    *mobility.MAG
	link   *mobility.AccessLink
	random *rand.Rand
	stats  Statistics
	parser *frame.Parser
	up     bool
	own    dataplane.MAC // of the interface
	mtu    int           // of the interface
	nodes  map[dataplane.MAC]*node
	series series
}

// New returns the machine of a link of mag. It is down. It takes its random numbers, which spread periodic messages over time, from
// random alone.
func New(mag *mobility.MAG, link *mobility.AccessLink, random *rand.Rand) *Machine {
	return &Machine{mag: mag, link: link, random: random, parser: frame.NewParser(), nodes: map[dataplane.MAC]*node{}}
}

// Statistics returns the counters.
func (m *Machine) Statistics() *Statistics { return &m.stats }

// Up says that frames can be sent and received from now on, through an interface with that address and MTU. It may be said
// again.
func (m *Machine) Up(now time.Time, own dataplane.MAC, mtu int, out *Effects) {
	m.up, m.own, m.mtu = true, own, mtu
	if len(m.Known()) == 0 {
		m.series = series{}
		m.provoke(now, out)
	}
}

// Down says that the interface is gone or has no carrier, and all nodes with it.
func (m *Machine) Down(out *Effects) {
	if !m.up {
		return
	}
	m.up, m.series = false, series{}
	clear(m.nodes)
	out.Known = true
	out.Attachments = append(out.Attachments, mobility.Attachment{Kind: mobility.LinkLost, Link: m.link.Name})
}

// Close takes everything back from the nodes, because the link is not an access link any more. It reports nothing: the core knows.
func (m *Machine) Close(now time.Time, out *Effects) {
	for _, n := range m.sorted() {
		m.Grant(now, mobility.Grant{MAC: n.mac}, out)
	}
	m.up = false
	clear(m.nodes)
}

// Receive takes in a frame. It belongs to the caller and is not used after the call.
func (m *Machine) Receive(now time.Time, b []byte, out *Effects) {
	if !m.up {
		return
	}
	m.stats.Received.Add(1)
	f, err := m.parser.Parse(b)
	switch {
	case err != nil:
		m.stats.Malformed.Add(1)
		return
	case f.Kind == frame.Foreign || f.From == m.own || f.From == m.mag.Domain.LinkMAC:
		return
	}
	n := m.notice(now, &f, out)
	if n == nil {
		m.stats.Crowded.Add(1)
		return
	}
	switch f.Kind {
	case frame.RouterSolicitation:
		m.stats.RouterSolicitations.Add(1)
		m.advertise(now, n, out)
	case frame.NeighbourSolicitation:
		m.answerSolicitation(n, &f, out)
	case frame.ARPRequest:
		m.answerARP(now, n, &f, out)
	case frame.DHCP:
		m.serveDHCP(now, n, f.DHCP, out)
	}
}

// Reconfigure makes the machine obey another configuration of the same link.
func (m *Machine) Reconfigure(now time.Time, mag *mobility.MAG, link *mobility.AccessLink, out *Effects) {
	before, after := m.mag.Domain, mag.Domain
	leaves := m.up && (link.Advertise.MaxInterval == 0 || before.LinkLocal != after.LinkLocal || before.LinkMAC != after.LinkMAC)
	changed := leaves || link.Advertise != m.link.Advertise
	if leaves {
		for _, n := range m.sorted() {
			m.cease(now, n, out)
		}
	}
	m.mag, m.link = mag, link
	if changed {
		for _, n := range m.sorted() {
			m.announce(now, n, out)
		}
	}
}

// Deadline returns when Advance has something to do.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	at = m.series.next
	for _, n := range m.nodes {
		at = earlier(at, earlier(n.advertiseAt, earlier(m.pollAt(n), n.forgetAt())))
	}
	return at, !at.IsZero()
}

// Advance does what is due.
func (m *Machine) Advance(now time.Time, out *Effects) {
	if due(now, m.series.next) {
		m.provoke(now, out)
	}
	for _, n := range m.sorted() {
		if due(now, n.advertiseAt) {
			m.advertise(now, n, out)
		}
		switch {
		case due(now, n.forgetAt()):
			m.lose(n, out)
		case due(now, m.pollAt(n)):
			m.poll(now, n, out)
		}
	}
}

// due reports whether something was to be done by now; the zero time never is.
func due(now, at time.Time) bool { return !at.IsZero() && !at.After(now) }

// earlier returns the earlier of two times, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// sorted lists the nodes in the order of their addresses.
func (m *Machine) sorted() []*node {
	return slices.SortedFunc(maps.Values(m.nodes), func(a, b *node) int { return bytes.Compare(a.mac[:], b.mac[:]) })
}

// gateway is who the gateway is to a node, nil standing for those it does not know yet.
func (m *Machine) gateway(n *node) frame.Gateway {
	g := frame.Gateway{MAC: cmp.Or(m.mag.Domain.LinkMAC, m.own), LinkLocal: m.mag.Domain.LinkLocal}
	if n != nil && n.grant.LinkLocal.IsValid() {
		g.LinkLocal = n.grant.LinkLocal
	}
	if !g.LinkLocal.IsValid() || g.LinkLocal.IsUnspecified() {
		g.LinkLocal = linkLocalOf(m.own)
	}
	return g
}

// linkLocalOf is the address that hosts give an interface with that Ethernet address (RFC 4291 appendix A).
func linkLocalOf(mac dataplane.MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
}

// send appends a frame that was built.
func (m *Machine) send(b []byte, err error, out *Effects) bool {
	if err != nil {
		m.stats.Unbuilt.Add(1)
		return false
	}
	out.Frames = append(out.Frames, b)
	return true
}
