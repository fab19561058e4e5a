package homelink

import (
	"net/netip"
	"slices"
	"time"

	"mooring/mobility/attach/frame"
)

// MAX_INITIAL_RTR_ADVERTISEMENTS and MAX_INITIAL_RTR_ADVERT_INTERVAL (RFC 4861 section 10).
const (
	initialAdvertisements = 3
	initialInterval       = 16 * time.Second
)

// minimumMTU is what every IPv6 link has to carry; hosts ignore less (RFC 8200 section 5).
const minimumMTU = 1280

// announce tells the node what has changed, and repeats it soon: frames get lost.
func (m *Machine) announce(now time.Time, n *node, out *Effects) {
	n.initial = initialAdvertisements
	m.advertise(now, n, out)
}

// advertise tells the node its prefixes now, because it asks or because it is time. There is no delay and no lower limit between
// two of them: RFC 4861 section 6.2.6 spares the many nodes of a link, and this goes to one.
func (m *Machine) advertise(now time.Time, n *node, out *Effects) {
	n.advertiseAt = time.Time{}
	if !m.up || m.link.Advertise.MaxInterval == 0 || len(n.grant.Prefixes)+len(n.withdrawn) == 0 {
		return
	}
	m.sendAdvertisement(n, m.advertisement(now, n), out)
	if n.initial--; n.initial <= 0 {
		n.initial, n.withdrawn = 0, nil
	}
	if len(n.grant.Prefixes)+len(n.withdrawn) > 0 {
		n.advertiseAt = now.Add(m.pause(n))
	}
}

func (m *Machine) advertisement(now time.Time, n *node) frame.Advertisement {
	lifetime := remaining(now, n.grant)
	var a frame.Advertisement
	for _, p := range n.grant.Prefixes {
		a.Prefixes = append(a.Prefixes, frame.Prefix{Prefix: p, Lifetime: lifetime})
	}
	for _, p := range n.withdrawn {
		a.Prefixes = append(a.Prefixes, frame.Prefix{Prefix: p}) // RFC 5213 section 6.12
	}
	if len(n.grant.Prefixes) > 0 && lifetime > 0 {
		a.RouterLifetime = m.link.Advertise.RouterLifetime
	}
	if mtu := m.linkMTU(n.grant.MTU); mtu > 0 {
		a.MTU = max(mtu, minimumMTU)
	}
	return a
}

// cease says that the gateway is not the router any more, as it has been so far (RFC 4861 section 6.2.5).
func (m *Machine) cease(now time.Time, n *node, out *Effects) {
	if m.link.Advertise.MaxInterval == 0 || len(n.grant.Prefixes) == 0 {
		return
	}
	last := m.advertisement(now, n)
	last.RouterLifetime = 0
	m.sendAdvertisement(n, last, out)
}

func (m *Machine) sendAdvertisement(n *node, a frame.Advertisement, out *Effects) {
	b, err := m.gateway(n).RouterAdvertisement(n.mac, a)
	if m.send(b, err, out) {
		m.stats.RouterAdvertisements.Add(1)
	}
}

// pause is a random time between two advertisements (RFC 4861 section 6.2.4).
func (m *Machine) pause(n *node) time.Duration {
	low, high := m.link.Advertise.MinInterval, m.link.Advertise.MaxInterval
	pause := low
	if high > low {
		pause += time.Duration(m.random.Int64N(int64(high-low) + 1))
	}
	if n.initial > 0 {
		pause = min(pause, initialInterval)
	}
	return pause
}

// withdraw remembers to take back what the node had and has not any more.
func (n *node) withdraw(old []netip.Prefix) {
	for _, p := range old {
		if !slices.Contains(n.withdrawn, p) {
			n.withdrawn = append(n.withdrawn, p)
		}
	}
	n.withdrawn = slices.DeleteFunc(n.withdrawn, func(p netip.Prefix) bool { return slices.Contains(n.grant.Prefixes, p) })
}
