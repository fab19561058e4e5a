package homelink

import (
	"time"

	"mooring/dataplane"
	"mooring/mobility/attach/frame"
)

// A host whose carrier returns has nothing to say: its addresses are valid, its router has not changed. So it is asked, and asked
// again while the silence lasts, with pauses that double: its interface may need a while before it can answer.
const (
	provocations = 12
	firstPause   = time.Millisecond
)

// series are the questions to a link where nobody was noticed yet.
type series struct {
	sent int
	next time.Time // zero: no more
}

// provoke asks whoever is there for a sign. IPv4 knows no such question; hosts that have nothing else speak unasked, by DHCP and ARP.
func (m *Machine) provoke(now time.Time, out *Effects) {
	m.ask(nil, frame.AllNodes, out)
	m.stats.Provocations.Add(1)
	m.series.next = now.Add(firstPause << m.series.sent)
	if m.series.sent++; m.series.sent == provocations {
		m.series.next = time.Time{}
	}
}

// ask makes nodes answer that we know no address of: some firewalls let the one question pass, some the other.
func (m *Machine) ask(n *node, to dataplane.MAC, out *Effects) {
	gateway := m.gateway(n)
	echo, err := gateway.EchoRequest(to)
	m.send(echo, err, out)
	query, err := gateway.ListenerQuery(to)
	m.send(query, err, out)
}

// pollAt is when a node has to be asked whether it is still there.
func (m *Machine) pollAt(n *node) time.Time {
	switch poll := m.mag.Poll; {
	case poll.Interval == 0:
		return time.Time{}
	case n.misses > 0:
		return n.polledAt.Add(poll.Timeout)
	default:
		return n.heardAt.Add(poll.Interval)
	}
}

// poll asks a silent node, or gives it up (RFC 5213 section 6.13). Data is not looked at: a node that forwards all the time is asked
// too.
func (m *Machine) poll(now time.Time, n *node, out *Effects) {
	if n.misses > m.mag.Poll.Retries {
		m.lose(n, out)
		return
	}
	n.polledAt = now
	n.misses++
	m.stats.Polls.Add(1)
	gateway := m.gateway(n)
	home, ok := n.home(now)
	if ok {
		request, err := gateway.ARPRequest(n.mac, home.router, home.prefix.Addr())
		m.send(request, err, out)
	}
	switch {
	case n.address.IsValid():
		solicitation, err := gateway.NeighbourSolicitation(n.mac, n.address)
		m.send(solicitation, err, out)
	case !ok:
		m.ask(n, n.mac, out)
	}
}
