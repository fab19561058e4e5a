package homelink

import (
	"net/netip"
	"time"

	"mooring/mobility/attach/frame"
)

// answerARP answers for the default router and for every address of the home subnet that is not the node's own: they all are
// behind the tunnel (RFC 5844 section 3.2.3.2, RFC 1027). An answer for the node's own address would be a conflict to it (RFC 5227).
func (m *Machine) answerARP(now time.Time, n *node, f *frame.Frame, out *Effects) {
	home, ok := n.home(now)
	announcement := f.Source == f.Target
	if !ok || announcement || f.Target != home.router && (!home.prefix.Contains(f.Target) || f.Target == home.prefix.Addr()) {
		return
	}
	m.replyARP(n, f.Source, f.Target, out)
}

// announceRouter tells the node unasked where its default router is: it may have asked before there was an answer, and would not ask
// again for a second.
func (m *Machine) announceRouter(now time.Time, n *node, out *Effects) {
	if home, ok := n.home(now); ok {
		m.replyARP(n, home.prefix.Addr(), home.router, out)
	}
}

func (m *Machine) replyARP(n *node, asked, address netip.Addr, out *Effects) {
	b, err := m.gateway(n).ARPReply(n.mac, asked, address)
	if m.send(b, err, out) {
		m.stats.ARPReplies.Add(1)
	}
}
