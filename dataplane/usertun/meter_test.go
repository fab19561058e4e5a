package usertun

import (
	"net/netip"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/planetest"
)

// eventuallySame waits until the usage of a session is that of a tunnel since before, as far as bytes and packets go. The last packets may
// still be on their way from one counter to the other.
func eventuallySame(t *testing.T, p *Plane, owner dataplane.SessionID, id dataplane.TunnelID, before dataplane.Counters) dataplane.Counters {
	t.Helper()
	var own, tunnel dataplane.Counters
	for range 6000 {
		var ok bool
		if own, ok = p.Plane.SessionUsage(owner); !ok {
			t.Fatalf("session %d is not counted", owner)
		}
		tunnel, _ = p.Plane.TunnelUsage(id)
		if own.RxOctets == tunnel.RxOctets-before.RxOctets && own.TxOctets == tunnel.TxOctets-before.TxOctets &&
			own.RxPackets == tunnel.RxPackets-before.RxPackets && own.TxPackets == tunnel.TxPackets-before.TxPackets {
			return own
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the session has %+v, and the tunnel %+v, of which %+v is not its", own, tunnel, before)
	return own
}

// The traffic of a session is counted by itself, whoever carries it, over a change of its routes; that of a tunnel over its making anew.
func TestSessionsAreCountedByThemselves(t *testing.T) {
	for _, encap := range encaps {
		forEachWay(t, encap.String(), encap, func(t *testing.T, w way) {
			d := newDomainBy(t, w)
			e := tunnelOver(encap, false)
			d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
			transfer(t, d.node, d.cn, cnAddr4)
			if _, ok := d.anchor.Plane.SessionUsage(7); ok {
				t.Error("a session is counted that nobody asked for")
			}
			before := settled(t, d.anchor, e.anchor)
			owned := func(owner dataplane.SessionID) {
				for _, p := range prefixes("10.0.0.1/32", "2001:db8:1::/64") {
					r := routeInto(p, dataplane.Path{Tunnel: e.anchor})
					r.Owner = owner
					apply(t, d.anchor, r)
				}
			}
			owned(7)
			transfer(t, d.cn, d.node, nodeAddr4)
			transfer(t, d.node, d.cn, cnAddr6)
			both := settled(t, d.anchor, e.anchor)
			own := eventuallySame(t, d.anchor, 7, e.anchor, before)
			if own.RxOctets < 1<<20 || own.TxOctets < 1<<20 || own.RxPackets == 0 || own.TxPackets == 0 {
				t.Errorf("counted was %+v", own)
			}
			owned(8) // another session has the prefixes now, and what the first has had stays its own
			transfer(t, d.node, d.cn, cnAddr4)
			eventuallySame(t, d.anchor, 8, e.anchor, both)
			if after, ok := d.anchor.Plane.SessionUsage(7); !ok || after != own {
				t.Errorf("the first session had %+v, and has %+v", own, after)
			}
			total := settled(t, d.anchor, e.anchor)
			remake(t, d, e)
			if again, ok := d.anchor.Plane.TunnelUsage(e.anchor); !ok || again.RxOctets < total.RxOctets || again.TxOctets < total.TxOctets {
				t.Errorf("the tunnel had carried %+v, and after it was made anew %+v", total, again)
			}
		})
	}
}

// Every plane counts the same.
func TestUsage(t *testing.T) {
	for _, name := range []string{"ip6", "gre4-key", "udp4"} {
		t.Run(name, func(t *testing.T) {
			_, h := planetest.MeterIn(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) }, planetest.Bindings()[name])
			planetest.Usage(t, h)
		})
	}
}

// settled waits until a tunnel's counters stand still.
func settled(t *testing.T, p *Plane, id dataplane.TunnelID) (last dataplane.Counters) {
	t.Helper()
	for still := 0; still < 10; {
		now, ok := p.Plane.TunnelUsage(id)
		if !ok {
			t.Fatalf("tunnel %v is not known", id)
		}
		if still++; now != last {
			still = 0
		}
		last = now
		time.Sleep(5 * time.Millisecond)
	}
	return last
}

// remake removes the anchor's tunnel with its routes, and makes them again.
func remake(t *testing.T, d *domain, e ends) {
	t.Helper()
	var routes []dataplane.Object
	for _, p := range prefixes("10.0.0.1/32", "2001:db8:1::/64") {
		routes = append(routes, routeInto(p, dataplane.Path{Tunnel: e.anchor}))
	}
	remove(t, d.anchor, append(routes, dataplane.Tunnel{ID: e.anchor})...)
	if _, ok := d.anchor.Plane.TunnelUsage(e.anchor); !ok {
		t.Error("what a tunnel has carried is forgotten with it")
	}
	apply(t, d.anchor, dataplane.Tunnel{ID: e.anchor})
	apply(t, d.anchor, routes...)
}

// Usage of a session is forgotten some minutes after its last route, and not while it has one again.
func TestUsageIsForgotten(t *testing.T) {
	m := newMeters()
	now := time.Unix(1_800_000_000, 0)
	var off *accelerator
	gone, back := &usage{owner: 1, fast: off}, &usage{owner: 2, fast: off}
	at := dataplane.VRFPrefix{Prefix: netip.MustParsePrefix("10.0.0.1/32")}
	m.usages[1], m.usages[2], m.owners[at] = gone, back, 2
	m.rest(gone, now)
	m.rest(back, now)
	m.rest(nil, now)
	back.routes++
	m.forget(now.Add(remembered - 1))
	if m.usages[1] != gone || m.of(at) != back {
		t.Error("forgotten too soon")
	}
	m.forget(now.Add(remembered))
	if m.usages[1] != nil || m.of(at) != back || len(m.unused) != 0 {
		t.Errorf("remembered are %v, and waiting %v", m.usages, m.unused)
	}
}
