//go:build vm

package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
	"mooring/dataplane/reconcile"
)

const (
	udpDevice = "mt-vpr58q19jqsq"
	greDevice = "mt-or76hcietq4p"
)

var pathPrefix = netip.MustParsePrefix("10.0.0.1/32")

// newHost is a host like that of planetest, with a plane of the kind under test.
func newHost(t *testing.T) (*netns.Host, *Plane) {
	t.Helper()
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	other, err := netns.NewHost("other")
	must(t, err)
	t.Cleanup(func() { other.Close() })
	for _, name := range []string{"eth0", "access1", "access2"} {
		must(t, netns.Connect(h, name, other, name))
	}
	must(t, h.Address("eth0", "192.0.2.1/24"), h.Address("eth0", "2001:db8::1/64"))
	p, err := openPlane(h.Namespace)
	must(t, err)
	t.Cleanup(func() { p.Close() })
	return h, p
}

func apply(p *Plane, objects ...dataplane.Object) error {
	var batch []dataplane.Op
	for _, o := range objects {
		batch = append(batch, dataplane.Op{Object: o})
	}
	return errors.Join(p.Apply(context.Background(), batch)...)
}

// picture is what the host itself says: tunnel interfaces, routes and rules of ours, and the elements of nftables. Tables are named after
// the interfaces that they are for.
func picture(t *testing.T, h *netns.Host, p *Plane) string {
	t.Helper()
	var lines []string
	links, err := h.Net.LinkList()
	must(t, err)
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
		if strings.HasPrefix(l.Attrs().Name, namePrefix) {
			lines = append(lines, fmt.Sprintf("%s %s mtu %d: %s", l.Type(), l.Attrs().Name, l.Attrs().MTU, l.Attrs().Alias))
		}
	}
	table := func(n int) string {
		switch {
		case n == unix.RT_TABLE_MAIN:
			return "main"
		case n > netlink.TableMark:
			return "mark " + names[n-netlink.TableMark]
		}
		return names[n-netlink.TableAccess]
	}
	for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
		routes, err := h.Net.RouteListFiltered(family, &netlib.Route{Protocol: netlink.Protocol}, netlib.RT_FILTER_PROTOCOL|netlib.RT_FILTER_TABLE)
		must(t, err)
		for _, r := range routes {
			via := names[r.LinkIndex]
			if r.Type == unix.RTN_BLACKHOLE {
				via = "blackhole"
			}
			lines = append(lines, fmt.Sprintf("route %s table %s metric %d: %s", r.Dst, table(r.Table), r.Priority, via))
		}
		rules, err := h.Net.RuleList(family)
		must(t, err)
		for _, r := range rules {
			if r.Protocol == netlink.Protocol {
				lines = append(lines, fmt.Sprintf("rule %d priority %d iif %q marked %t: table %s", family, r.Priority, r.IifName, r.Mark == uint32(r.Table), table(r.Table)))
			}
		}
	}
	p.mu.Lock()
	sources, err := p.places[""].filter.sources()
	p.mu.Unlock()
	must(t, err)
	for _, s := range sources {
		lines = append(lines, fmt.Sprintf("nftables %s from %s: %s", s.Link, s.Source, table(int(s.mark))))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// What a host is really given.
func TestHostState(t *testing.T) {
	h, p := newHost(t)
	must(t, apply(p, planetest.Everything()...))
	want := `ip6gre mt-bjt19csm806v mtu 1456: mooring: gre 2001:db8::1 > 2001:db8::2 mtu 0
ip6gre mt-or76hcietq4p mtu 1452: mooring: gre 2001:db8::1 > 2001:db8::2 tx key 7 rx key 7 mtu 0
nftables access1 from 10.1.0.1/32: mark mt-vpr58q19jqsq
nftables access1 from 2001:db8:3::/64: mark mt-or76hcietq4p
route 0.0.0.0/0 table access1 metric 212: blackhole
route 0.0.0.0/0 table access1 metric 213: blackhole
route 0.0.0.0/0 table access2 metric 212: blackhole
route 0.0.0.0/0 table access2 metric 213: blackhole
route 0.0.0.0/0 table mark mt-or76hcietq4p metric 212: mt-or76hcietq4p
route 0.0.0.0/0 table mark mt-or76hcietq4p metric 213: blackhole
route 0.0.0.0/0 table mark mt-vpr58q19jqsq metric 212: mt-vpr58q19jqsq
route 0.0.0.0/0 table mark mt-vpr58q19jqsq metric 213: blackhole
route 10.0.0.0/24 table main metric 212: blackhole
route 10.0.0.1/32 table main metric 212: mt-vpr58q19jqsq
route 10.1.0.1/32 table main metric 212: access1
route 2001:db8:1::/64 table main metric 212: mt-or76hcietq4p
route 2001:db8:2::/48 table main metric 212: blackhole
route 2001:db8:3::/64 table main metric 212: access1
route ::/0 table access1 metric 212: blackhole
route ::/0 table access1 metric 213: blackhole
route ::/0 table access2 metric 212: blackhole
route ::/0 table access2 metric 213: blackhole
route ::/0 table mark mt-or76hcietq4p metric 212: mt-or76hcietq4p
route ::/0 table mark mt-or76hcietq4p metric 213: blackhole
route ::/0 table mark mt-vpr58q19jqsq metric 212: mt-vpr58q19jqsq
route ::/0 table mark mt-vpr58q19jqsq metric 213: blackhole
rule 10 priority 5899 iif "" marked true: table mark mt-or76hcietq4p
rule 10 priority 5899 iif "" marked true: table mark mt-vpr58q19jqsq
rule 10 priority 5900 iif "access1" marked false: table access1
rule 10 priority 5900 iif "access2" marked false: table access2
rule 2 priority 5899 iif "" marked true: table mark mt-or76hcietq4p
rule 2 priority 5899 iif "" marked true: table mark mt-vpr58q19jqsq
rule 2 priority 5900 iif "access1" marked false: table access1
rule 2 priority 5900 iif "access2" marked false: table access2
sit mt-vpr58q19jqsq mtu 1400: mooring: udp 192.0.2.1 > 192.0.2.2 port 5437 mtu 1400
`
	if got := picture(t, h, p); got != want {
		t.Errorf("host has\n%swant\n%s", got, want)
	}
	for _, o := range slices.Backward(planetest.Everything()) {
		must(t, p.Apply(t.Context(), []dataplane.Op{{Delete: true, Object: o}})...)
	}
	if got := picture(t, h, p); got != "\n" {
		t.Errorf("left:\n%s", got)
	}
}

// Somebody else's interface in the place of ours stays, and the status says which it is. When it has gone, ours is made.
func TestInterfaceOfStranger(t *testing.T) {
	path := pathOver(dataplane.EncapGRE, "192.0.2.1", "192.0.2.2", 0)
	for name, stranger := range map[string]netlib.Link{
		nameOf(path): &netlib.Dummy{},
		"backup":     &netlib.Gretun{Local: net.IPv4(192, 0, 2, 1), Remote: net.IPv4(192, 0, 2, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			h, p := newHost(t)
			stranger.Attrs().Name = name
			must(t, h.Net.LinkAdd(stranger))
			if err := apply(p, dataplane.Tunnel{ID: path.Tunnel}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("tunnel: %v", err)
			}
			if got, err := dataplane.Picture(t.Context(), p); got != "" || err != nil {
				t.Errorf("the host has\n%s%v", got, err)
			}
			link, err := h.Net.LinkByName(name)
			if err != nil || link.Type() != stranger.Type() {
				t.Fatalf("the stranger's interface: %+v, %v", link, err)
			}
			must(t, h.Delete(name), apply(p, dataplane.Tunnel{ID: path.Tunnel}))
		})
	}
}

// What the kernel cannot do is refused with the reason, and leaves nothing.
func TestRefused(t *testing.T) {
	_, p := newHost(t)
	udp := pathOver(dataplane.EncapUDP, "192.0.2.1", "192.0.2.2", 0).Tunnel
	ip := pathOver(dataplane.EncapIP, "192.0.2.1", "192.0.2.2", 0).Tunnel
	mixed, far := ip, ip
	mixed.Peer, far.Peer = pathOver(dataplane.EncapIP, "2001:db8::1", "2001:db8::2", 0).Tunnel.Peer, pathOver(dataplane.EncapIP, "192.0.2.1", "198.51.100.1", 0).Tunnel.Peer
	for want, id := range map[string]dataplane.TunnelID{
		"learn the peer's port": udp, "not of one family": mixed, "way to 198.51.100.1": far,
	} {
		if err := apply(p, dataplane.Tunnel{ID: id}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
	}
	udp.Port = netlink.PortData
	must(t, apply(p, dataplane.Tunnel{ID: udp}))
	if err := apply(p, dataplane.Tunnel{ID: ip}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("IP in IP beside UDP: %v", err)
	}
	keyed := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: pathPrefix}, Via: dataplane.Target{Path: dataplane.Path{Tunnel: udp, Tx: dataplane.Key{Value: 1, Set: true}}}}
	if err := apply(p, keyed); err == nil || !strings.Contains(err.Error(), "no keys") {
		t.Errorf("key over UDP: %v", err)
	}
	if got, err := dataplane.Picture(t.Context(), p); got != "tunnel "+udp.String()+"\n" || err != nil {
		t.Errorf("the host has\n%s%v", got, err)
	}
}

// Whatever a stranger does to tunnel interfaces and to the table of nftables is seen by the next comparison, and mended.
func TestDamageIsMended(t *testing.T) {
	for name, damage := range map[string]func(h *netns.Host, p *Plane) error{
		"interface deleted": func(h *netns.Host, p *Plane) error { return h.Delete(greDevice) },
		"interface down":    func(h *netns.Host, p *Plane) error { return h.Down(greDevice) },
		"MTU changed":       func(h *netns.Host, p *Plane) error { return h.SetMTU(udpDevice, 1280) },
		"table deleted": func(h *netns.Host, p *Plane) error {
			p.places[""].filter.conn.DelTable(p.places[""].filter.table)
			return p.places[""].filter.flush(nil)
		},
		"rule deleted": func(h *netns.Host, p *Plane) error { return p.places[""].host.UnsteerMark(p.steered()[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			h, p := newHost(t)
			must(t, apply(p, planetest.Everything()...))
			before := picture(t, h, p)
			must(t, damage(h, p))
			if picture(t, h, p) == before {
				t.Fatal("no damage was done")
			}
			_, err := dataplane.Picture(t.Context(), p)
			must(t, err, apply(p, planetest.Everything()...)) // as the reconciler would what it misses
			if after := picture(t, h, p); after != before {
				t.Errorf("host has\n%swant\n%s", after, before)
			}
			if whole, err := p.places[""].filter.intact(); !whole || err != nil {
				t.Errorf("rules are whole: %t, %v", whole, err)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	if lacks := Probe(); len(lacks) > 0 {
		t.Fatalf("this host has everything, but: %v", lacks)
	}
	runtime.LockOSThread() // privileges are a thread's
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var all, some [2]unix.CapUserData
	must(t, unix.Capget(&header, &all[0]))
	some = all
	some[0].Effective &^= 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SYS_ADMIN
	must(t, unix.Capset(&header, &some[0]))
	lacks := Probe()
	must(t, unix.Capset(&header, &all[0]))
	for _, k := range Kinds() {
		if err := lacks[k]; err == nil || !strings.Contains(err.Error(), unix.EPERM.Error()) {
			t.Errorf("%s without privileges: %v", k, lacks[k])
		}
	}
}

// A plane that finds its table gone while it works makes it again, with all that was in it.
func TestTableIsMadeAgainAtOnce(t *testing.T) {
	h, p := newHost(t)
	must(t, apply(p, planetest.Everything()...))
	before := picture(t, h, p)
	p.places[""].filter.conn.DelTable(p.places[""].filter.table)
	source := of[dataplane.SourceRoute]()[0]
	moved := source
	moved.Path = dataplane.Path{Tunnel: of[dataplane.Tunnel]()[1].ID}
	must(t, p.places[""].filter.flush(nil), apply(p, moved), apply(p, source))
	if after := picture(t, h, p); after != before {
		t.Errorf("host has\n%swant\n%s", after, before)
	}
}

// of returns the objects of one kind among everything.
func of[T dataplane.Object]() (all []T) {
	for _, o := range planetest.Everything() {
		if o, ok := o.(T); ok {
			all = append(all, o)
		}
	}
	return all
}

// Rules that somebody has taken away are noticed, and made again.
func TestRulesAreMadeAgain(t *testing.T) {
	_, p := newHost(t)
	must(t, apply(p, planetest.Everything()...))
	p.places[""].filter.conn.FlushChain(&nftables.Chain{Table: p.places[""].filter.table, Name: "deliver"})
	must(t, p.places[""].filter.flush(nil))
	for _, want := range []bool{false, true} {
		if whole, err := p.places[""].filter.intact(); whole != want || err != nil {
			t.Errorf("rules are whole: %t, %v; want %t", whole, err, want)
		}
		_, err := dataplane.Picture(t.Context(), p)
		must(t, err)
	}
}

// Somebody deletes a tunnel interface, or takes it down: without a periodic comparison, it and everything that led into it is back.
func TestLostInterfaceIsBack(t *testing.T) {
	h, p := newHost(t)
	path := dataplane.Path{Tunnel: pathOver(dataplane.EncapGRE, "2001:db8::1", "2001:db8::2", 0).Tunnel, Tx: dataplane.Key{Value: 7, Set: true}, Rx: dataplane.Key{Value: 7, Set: true}}
	r := reconcile.New(p, reconcile.Options{})
	r.Configure(dataplane.Config{Links: []dataplane.Link{{Name: "access1"}}})
	r.Want([]dataplane.Change{
		{ID: 1, Session: &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: path, Prefixes: []netip.Prefix{pathPrefix}}},
		{ID: 2, Session: &dataplane.Session{ID: 2, Side: dataplane.Access, Path: path, Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:3::/64")}, Link: "access1"}},
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	defer running.Wait()
	defer stop()
	becomes := func(want func(string) bool) (now string) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if now = picture(t, h, p); want(now) {
				return now
			}
		}
		t.Fatalf("the host has\n%s", now)
		return ""
	}
	whole := becomes(func(now string) bool {
		return strings.Count(now, "table mark "+greDevice) == 6 && strings.Contains(now, "route 10.0.0.1/32 table main metric 212: "+greDevice)
	})
	unsteer := func(string) error { return p.places[""].host.UnsteerMark(p.steered()[0]) }
	for _, damage := range []func(string) error{h.Delete, h.Down, unsteer, h.Delete} {
		must(t, damage(greDevice))
		becomes(func(now string) bool { return now == whole })
	}
}
