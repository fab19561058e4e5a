package homelink

import (
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/attach/frame"
)

// What is kept of those who may never be served is bounded.
const (
	maxStrangers  = 64              // nodes without a grant that the configuration does not name
	strangerTime  = 5 * time.Minute // after which a silent node without a grant is forgotten
	reattachAfter = 10 * time.Second
)

// node is a station on the link.
type node struct {
	mac        dataplane.MAC
	reportedAt time.Time  // to the core; zero: not noticed yet, the core speaks of it from memory
	heardAt    time.Time  // the last frame
	address    netip.Addr // one of its IPv6 addresses, link-local where we know such
	grant      mobility.Grant
	grantedAt  time.Time // or when the grant was taken back

	advertiseAt time.Time      // the next router advertisement
	initial     int            // how many more of them follow fast (RFC 4861 section 6.2.4)
	withdrawn   []netip.Prefix // which they have to take back

	request   *dhcpv4.DHCPv4 // that waits for a grant
	requestAt time.Time
	asked     bool // the core was told that the node wants a home address

	polledAt time.Time
	misses   int // polls since the last frame
}

// notice finds the node that a frame comes from and reports it if it is new. nil means that there is no room for it.
func (m *Machine) notice(now time.Time, f *frame.Frame, out *Effects) *node {
	n := m.nodes[f.From]
	switch {
	case n == nil && m.crowded(f.From):
		return nil
	case n == nil:
		n = m.add(now, f.From)
	}
	n.heardAt, n.misses = now, 0
	n.learn(f)
	if n.reportedAt.IsZero() || arrives(f) && n.granted(now) && now.Sub(n.reportedAt) >= reattachAfter {
		out.Known = out.Known || n.reportedAt.IsZero()
		n.reportedAt, m.series.next = now, time.Time{}
		m.report(mobility.NodeAttached, n, out)
	}
	return n
}

// arrives reports whether a frame is what a node says when it comes to a link. One that we know may have been elsewhere without
// our noticing.
func arrives(f *frame.Frame) bool {
	switch f.Kind {
	case frame.RouterSolicitation:
		return true
	case frame.NeighbourSolicitation: // duplicate address detection (RFC 4862 section 5.4.2)
		return f.Source.IsUnspecified() && f.Target.IsLinkLocalUnicast()
	case frame.DHCP:
		return f.DHCP.MessageType() == dhcpv4.MessageTypeDiscover || initReboot(f.DHCP)
	}
	return false
}

func (m *Machine) add(now time.Time, mac dataplane.MAC) *node {
	n := &node{mac: mac, heardAt: now}
	m.nodes[mac] = n
	return n
}

// crowded reports whether there are too many nodes to take in one more that the configuration does not name.
func (m *Machine) crowded(mac dataplane.MAC) bool {
	if _, named := m.link.Nodes.GetBytes(mac[:]); named {
		return false
	}
	strangers := 0
	for mac, n := range m.nodes {
		if _, named := m.link.Nodes.GetBytes(mac[:]); !named && empty(n.grant) {
			strangers++
		}
	}
	return strangers >= maxStrangers
}

// learn remembers an address of the node.
func (n *node) learn(f *frame.Frame) {
	address := f.Source
	switch f.Kind {
	case frame.NeighbourSolicitation:
		if address.IsUnspecified() { // it will be the node's unless somebody has it
			address = f.Target
		}
	case frame.NeighbourAdvertisement:
		address = f.Target
	case frame.RouterSolicitation, frame.ListenerReport:
	default:
		return
	}
	if !address.IsUnspecified() && (address.IsLinkLocalUnicast() || !n.address.IsLinkLocalUnicast()) {
		n.address = address
	}
}

// forgetAt is when a node without a grant is given up.
func (n *node) forgetAt() time.Time {
	if !empty(n.grant) || !n.advertiseAt.IsZero() {
		return time.Time{}
	}
	if n.grantedAt.After(n.heardAt) {
		return n.grantedAt.Add(strangerTime)
	}
	return n.heardAt.Add(strangerTime)
}

// lose gives a node up.
func (m *Machine) lose(n *node, out *Effects) {
	if !n.reportedAt.IsZero() {
		m.report(mobility.NodeDetached, n, out)
	}
	delete(m.nodes, n.mac)
	out.Known = true
}

// Moved says that a node was noticed on another link.
func (m *Machine) Moved(mac dataplane.MAC, out *Effects) {
	if n := m.nodes[mac]; n != nil {
		m.lose(n, out)
	}
}

// Known lists the nodes whose data frames are of no interest, because they were noticed before.
func (m *Machine) Known() []dataplane.MAC {
	var known []dataplane.MAC
	for _, n := range m.sorted() {
		if !n.reportedAt.IsZero() {
			known = append(known, n.mac)
		}
	}
	return known
}

func (m *Machine) report(kind mobility.AttachmentKind, n *node, out *Effects) {
	out.Attachments = append(out.Attachments, mobility.Attachment{Kind: kind, Link: m.link.Name, MAC: n.mac})
}
