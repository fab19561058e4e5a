// Package planetest holds what every dataplane.Plane must do, as one test body for all of them. What a host holds is
// compared as text.
package planetest

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
)

// Host is an empty host under a plane. It has the interfaces "access1" and "access2", the local addresses 192.0.2.1 and
// 2001:db8::1, and a way to the rest of their networks.
type Host struct {
	Plane dataplane.Plane

	RemoveLink, AddLink func(name string)      // make an interface vanish, and come back
	Lose                func(key any)          // remove an object as a stranger would
	Restart             func() dataplane.Plane // kill the plane without a chance to tidy up, and start another
}

var (
	udp = dataplane.TunnelID{Local: addr("192.0.2.1"), Peer: addr("192.0.2.2"), Port: 5437, Encap: dataplane.EncapUDP}
	gre = dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: addr("2001:db8::2"), Encap: dataplane.EncapGRE}
	key = dataplane.Key{Value: 7, Set: true}

	toUDP = "udp 192.0.2.1 > 192.0.2.2 port 5437"
	toGRE = "gre 2001:db8::1 > 2001:db8::2"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// Test runs every check, each on a host of its own.
func Test(t *testing.T, newHost func(t *testing.T) *Host) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, h *Host)
	}{
		{"objects come and go", objects},
		{"operations are idempotent", idempotent},
		{"a route has one standing at last", standings},
		{"a failure does not stop the batch", failures},
		{"leftovers of an earlier process go", leftovers},
		{"what a stranger removes is back without a comparison", strangers},
		{"what goes with an interface comes back with it", links},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, newHost(t)) })
	}
}

func put(objects ...dataplane.Object) (batch []dataplane.Op) {
	for _, o := range objects {
		batch = append(batch, dataplane.Op{Object: o})
	}
	return batch
}

func toRemove(objects ...dataplane.Object) (batch []dataplane.Op) {
	for _, o := range objects {
		batch = append([]dataplane.Op{{Delete: true, Object: o}}, batch...) // in reverse
	}
	return batch
}

func apply(t *testing.T, p dataplane.Plane, batch []dataplane.Op) {
	t.Helper()
	for i, err := range p.Apply(t.Context(), batch) {
		if err != nil {
			t.Fatalf("%s (remove: %t): %v", batch[i].Object, batch[i].Delete, err)
		}
	}
}

func expect(t *testing.T, p dataplane.Plane, lines ...string) {
	t.Helper()
	got, err := dataplane.Picture(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if want := text(lines); got != want {
		t.Errorf("the host has\n%swant\n%s", got, want)
	}
}

func text(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// Everything is one object of each kind and more, in an order in which they can be made.
func Everything() []dataplane.Object {
	path := dataplane.Path{Tunnel: gre, Tx: key, Rx: key}
	return []dataplane.Object{
		dataplane.Link{Name: "access1", MAC: dataplane.MAC{2, 0, 0, 0, 9, 9}, LinkLocal: addr("fe80::1")},
		dataplane.Link{Name: "access2"},
		dataplane.Policy{PolicyKey: dataplane.PolicyKey{Local: gre.Local, Side: dataplane.Anchor}, Inbound: blockPools, ClampMSS: true},
		dataplane.Tunnel{ID: udp, MTU: 1400},
		dataplane.Tunnel{ID: gre},
		route("10.0.0.1/32", dataplane.Target{Path: dataplane.Path{Tunnel: udp}}),
		route("2001:db8:1::/64", dataplane.Target{Path: path}),
		route("10.0.0.0/24", dataplane.Target{Blackhole: true}),
		route("2001:db8:2::/48", dataplane.Target{Blackhole: true}),
		route("10.1.0.1/32", dataplane.Target{Link: "access1"}),
		route("2001:db8:3::/64", dataplane.Target{Link: "access1"}),
		dataplane.SourceRoute{Link: "access1", Source: prefix("10.1.0.1/32"), Path: dataplane.Path{Tunnel: udp}},
		dataplane.SourceRoute{Link: "access1", Source: prefix("2001:db8:3::/64"), Path: path},
		dataplane.Neighbour{Link: "access1", Addr: addr("10.1.0.1"), MAC: dataplane.MAC{2, 0, 0, 0, 0, 7}},
	}
}

var onlyTCP = &dataplane.Filter{List: &dataplane.AccessList{Name: "tcp", V4: true,
	Rules: []dataplane.AccessRule{{Name: "10", Permit: true, Version: 4, Protocol: dataplane.Octet{Value: 6, Set: true}}}}}

// blockPools keeps nodes apart.
var blockPools = &dataplane.Filter{Blocked: []netip.Prefix{prefix("10.0.0.0/24"), prefix("2001:db8:1::/64")}}

func route(p string, via dataplane.Target) dataplane.Route {
	return dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: prefix(p)}, Via: via}
}

var everythingText = []string{
	"link access1 02:00:00:00:09:09 fe80::1",
	"link access2",
	"neighbour access1 10.1.0.1: 02:00:00:00:00:07",
	"policy anchor 2001:db8::1 clamp mss block 10.0.0.0/24 2001:db8:1::/64",
	"route 10.0.0.0/24: blackhole",
	"route 10.0.0.1/32: " + toUDP,
	"route 10.1.0.1/32: link access1",
	"route 2001:db8:1::/64: " + toGRE + " tx key 7 rx key 7",
	"route 2001:db8:2::/48: blackhole",
	"route 2001:db8:3::/64: link access1",
	"source route access1 from 10.1.0.1/32: " + toUDP,
	"source route access1 from 2001:db8:3::/64: " + toGRE + " tx key 7 rx key 7",
	"tunnel " + toGRE,
	"tunnel " + toUDP + " mtu 1400",
}

func objects(t *testing.T, h *Host) {
	expect(t, h.Plane)
	all := Everything()
	apply(t, h.Plane, put(all...))
	expect(t, h.Plane, everythingText...)
	tunnels, _ := h.Plane.Tunnels()
	if len(tunnels) != 2 || tunnels[udp].MTU != 1400 || tunnels[udp].Device == "" {
		t.Errorf("tunnels %+v", tunnels)
	}
	apply(t, h.Plane, put(
		route("10.0.0.1/32", dataplane.Target{Path: dataplane.Path{Tunnel: gre}}),
		route("2001:db8:1::/64", dataplane.Target{Blackhole: true}),
		route("10.0.0.0/24", dataplane.Target{Path: dataplane.Path{Tunnel: udp}}),
		route("10.1.0.1/32", dataplane.Target{Link: "access2"}),
		dataplane.Tunnel{ID: udp, MTU: 1300},
		dataplane.Link{Name: "access1", MAC: dataplane.MAC{2, 0, 0, 0, 8, 8}, LinkLocal: addr("fe80::2")},
		dataplane.Policy{PolicyKey: dataplane.PolicyKey{Local: gre.Local, Side: dataplane.Anchor}, Inbound: onlyTCP},
		dataplane.SourceRoute{Link: "access1", Source: prefix("10.1.0.1/32"), Path: dataplane.Path{Tunnel: gre}},
		dataplane.Neighbour{Link: "access1", Addr: addr("10.1.0.1"), MAC: dataplane.MAC{2, 0, 0, 0, 0, 8}}))
	expect(t, h.Plane,
		"link access1 02:00:00:00:08:08 fe80::2",
		"link access2",
		"neighbour access1 10.1.0.1: 02:00:00:00:00:08",
		`policy anchor 2001:db8::1 list "tcp" ipv4; "10" permit ipv4 protocol 6 from any to any`,
		"route 10.0.0.0/24: "+toUDP,
		"route 10.0.0.1/32: "+toGRE,
		"route 10.1.0.1/32: link access2",
		"route 2001:db8:1::/64: blackhole",
		"route 2001:db8:2::/48: blackhole",
		"route 2001:db8:3::/64: link access1",
		"source route access1 from 10.1.0.1/32: "+toGRE,
		"source route access1 from 2001:db8:3::/64: "+toGRE+" tx key 7 rx key 7",
		"tunnel "+toGRE,
		"tunnel "+toUDP+" mtu 1300")
	apply(t, h.Plane, toRemove(all...))
	expect(t, h.Plane)
}

func idempotent(t *testing.T, h *Host) {
	all := Everything()
	apply(t, h.Plane, toRemove(all...))
	apply(t, h.Plane, put(all...))
	apply(t, h.Plane, put(all...))
	expect(t, h.Plane, everythingText...)
	apply(t, h.Plane, toRemove(all...))
	apply(t, h.Plane, toRemove(all...))
	expect(t, h.Plane)
}

// A host keeps routes of another standing apart: they go when it is said that they may be there.
func standings(t *testing.T, h *Host) {
	for _, to := range []struct {
		prefix string
		via    dataplane.Target
		text   string
	}{
		{"10.0.0.0/24", dataplane.Target{Blackhole: true}, "route 10.0.0.0/24: blackhole"},
		{"2001:db8:3::/64", dataplane.Target{Link: "access1"}, "route 2001:db8:3::/64: link access1"},
	} {
		r := route(to.prefix, to.via)
		apply(t, h.Plane, put(r))
		expect(t, h.Plane, to.text)
		r.Standing = dataplane.Standing{Told: true, Distance: 200}
		apply(t, h.Plane, put(r))
		expect(t, h.Plane, to.text, to.text+" told distance 200")
		r.Standing = dataplane.Standing{Told: true}
		apply(t, h.Plane, []dataplane.Op{{Object: r, Strays: true}})
		expect(t, h.Plane, to.text+" told")
		apply(t, h.Plane, put(route(to.prefix, to.via)))
		apply(t, h.Plane, toRemove(r))
		expect(t, h.Plane, to.text)
		r.Distance = 255
		apply(t, h.Plane, put(r))
		apply(t, h.Plane, []dataplane.Op{{Delete: true, Object: route(to.prefix, to.via), Strays: true}})
		expect(t, h.Plane)
	}
}

func failures(t *testing.T, h *Host) {
	blackhole := route("10.0.0.0/24", dataplane.Target{Blackhole: true})
	errs := h.Plane.Apply(t.Context(), put(
		dataplane.Link{Name: "absent"},
		route("10.0.0.1/32", dataplane.Target{Path: dataplane.Path{Tunnel: udp}}),
		dataplane.SourceRoute{Link: "access1", Source: prefix("10.1.0.1/32"), Path: dataplane.Path{Tunnel: udp}},
		blackhole))
	for i, err := range errs {
		if (err == nil) != (i == 3) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	expect(t, h.Plane, "route 10.0.0.0/24: blackhole")
	apply(t, h.Plane, put(dataplane.Tunnel{ID: udp}, route("10.0.0.1/32", dataplane.Target{Path: dataplane.Path{Tunnel: udp}})))
	if err := h.Plane.Apply(t.Context(), toRemove(dataplane.Tunnel{ID: udp}))[0]; err == nil {
		t.Error("a tunnel that a route leads into was removed")
	}
}

// running runs a reconciler that wants everything, in two sessions, until the test ends.
func running(t *testing.T, p dataplane.Plane) (*reconcile.Reconciler, func()) {
	path := dataplane.Path{Tunnel: gre, Tx: key, Rx: key}
	r := reconcile.New(p, reconcile.Options{})
	r.Want([]dataplane.Change{
		{ID: 1, Session: &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: path, Prefixes: []netip.Prefix{prefix("10.0.0.1/32"), prefix("2001:db8:1::/64")}}},
		{ID: 2, Session: &dataplane.Session{ID: 2, Side: dataplane.Access, Path: path, Prefixes: []netip.Prefix{prefix("10.1.0.1/32"), prefix("2001:db8:3::/64")},
			Link: "access1", LinkAddr: dataplane.MAC{2, 0, 0, 0, 0, 7}}},
	})
	r.Configure(dataplane.Config{
		Links:      []dataplane.Link{{Name: "access1", MAC: dataplane.MAC{2, 0, 0, 0, 9, 9}, LinkLocal: addr("fe80::1")}},
		Blackholes: []dataplane.Blackhole{{VRFPrefix: dataplane.VRFPrefix{Prefix: prefix("10.0.0.0/24")}}},
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	end := sync.OnceFunc(func() { stop(); running.Wait() })
	t.Cleanup(end)
	return r, end
}

var wantedText = text([]string{
	"link access1 02:00:00:00:09:09 fe80::1",
	"neighbour access1 10.1.0.1: 02:00:00:00:00:07",
	"route 10.0.0.0/24: blackhole",
	"route 10.0.0.1/32: " + toGRE + " tx key 7 rx key 7",
	"route 10.1.0.1/32: link access1",
	"route 2001:db8:1::/64: " + toGRE + " tx key 7 rx key 7",
	"route 2001:db8:3::/64: link access1",
	"source route access1 from 10.1.0.1/32: " + toGRE + " tx key 7 rx key 7",
	"source route access1 from 2001:db8:3::/64: " + toGRE + " tx key 7 rx key 7",
	"tunnel " + toGRE,
})

// becomes waits until the host holds what is wanted.
func becomes(t *testing.T, p dataplane.Plane, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		got, err := dataplane.Picture(t.Context(), p)
		if err == nil && got == wantedText {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v the host has (%v)\n%swant\n%s", within, err, got, wantedText)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func leftovers(t *testing.T, h *Host) {
	apply(t, h.Plane, put(Everything()...))
	p := h.Restart()
	running(t, p)
	becomes(t, p, patience)
}

func strangers(t *testing.T, h *Host) {
	r, _ := running(t, h.Plane)
	becomes(t, h.Plane, patience)
	for _, lost := range []any{
		dataplane.RouteKey{Prefix: prefix("10.0.0.1/32")},
		dataplane.RouteKey{Prefix: prefix("2001:db8:1::/64")},
		dataplane.RouteKey{Prefix: prefix("10.0.0.0/24")},
		dataplane.RouteKey{Prefix: prefix("10.1.0.1/32")},
		dataplane.NeighbourKey{Link: "access1", Addr: addr("10.1.0.1")},
		dataplane.LinkKey("access1"),
	} {
		h.Lose(lost)
		becomes(t, h.Plane, patience)
	}
	eventually(t, "six repairs are told of", func() bool { // they are counted after the host has them
		_, objects := r.Repairs()
		return objects >= 6
	})
	if status := r.Status(); status.Failed > 0 {
		t.Errorf("failures %+v", status.Failures)
	}
}

func links(t *testing.T, h *Host) {
	running(t, h.Plane)
	becomes(t, h.Plane, patience)
	for range 2 {
		h.RemoveLink("access1")
		h.AddLink("access1")
		becomes(t, h.Plane, patience)
	}
}
