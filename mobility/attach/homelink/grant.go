package homelink

import (
	"net/netip"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/attach/frame"
)

// empty reports whether a grant gives nothing.
func empty(g mobility.Grant) bool { return len(g.Prefixes) == 0 && !g.Home.IsValid() }

// remaining is how long a grant lasts.
func remaining(now time.Time, g mobility.Grant) time.Duration {
	if g.Expires.IsZero() {
		return frame.Infinite
	}
	return max(0, g.Expires.Sub(now))
}

// granted reports whether the node has anything.
func (n *node) granted(now time.Time) bool { return !empty(n.grant) && remaining(now, n.grant) > 0 }

// home is the IPv4 part of a grant.
type home struct {
	prefix netip.Prefix // address, and length of the subnet
	router netip.Addr
	mtu    int           // 0: unknown
	lasts  time.Duration // frame.Infinite: without end
}

func (n *node) home(now time.Time) (home, bool) {
	g := n.grant
	h := home{g.Home, g.Router, g.MTU, remaining(now, g)}
	return h, g.Home.IsValid() && g.Router.Is4() && h.lasts > 0
}

// Grant offers a node what the core has got for it, in place of what it had: it is told at once, and so is what waited for that.
func (m *Machine) Grant(now time.Time, g mobility.Grant, out *Effects) {
	if !m.up {
		return
	}
	n := m.grantee(now, g)
	if n == nil {
		return
	}
	old := n.grant
	g.Prefixes = slices.Clone(g.Prefixes)
	if empty(g) { // what is left to say is said as before
		g.LinkLocal, g.MTU = old.LinkLocal, old.MTU
	}
	n.grant, n.grantedAt, n.asked = g, now, false
	n.withdraw(old.Prefixes)
	if slices.Equal(g.Prefixes, old.Prefixes) && g.MTU == old.MTU && g.LinkLocal == old.LinkLocal {
		m.advertise(now, n, out)
	} else {
		m.announce(now, n, out)
	}
	if g.Home != old.Home || g.Router != old.Router {
		m.announceRouter(now, n, out)
	}
	m.answerHeld(now, n, out)
}

// grantee finds the node that a grant is for, even if it was not noticed: the core may speak from memory.
func (m *Machine) grantee(now time.Time, g mobility.Grant) *node {
	if n := m.nodes[g.MAC]; n != nil || empty(g) || g.MAC == (dataplane.MAC{}) {
		return n
	}
	return m.add(now, g.MAC)
}

// linkMTU is the size of the largest packet that the node may send: the smaller one of tunnel and link (RFC 5213 section 6.9.5). 0 is
// unknown.
func (m *Machine) linkMTU(tunnel int) int {
	if tunnel == 0 || m.mtu != 0 && m.mtu < tunnel {
		return m.mtu
	}
	return tunnel
}
