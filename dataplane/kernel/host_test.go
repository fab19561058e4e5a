//go:build vm

package kernel

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
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

// everyKind is what a host holds that has a tunnel of each kind to a peer of its own, with both families in it and a node behind it, and all else
// that there is.
func everyKind() (objects []dataplane.Object) {
	objects = append(objects, dataplane.VRF{Name: "red", Table: 77}, dataplane.Link{Name: "access1", MAC: dataplane.MAC{2, 0, 0, 0, 9, 9}, LinkLocal: netip.MustParseAddr("fe80::1")},
		dataplane.Policy{PolicyKey: dataplane.PolicyKey{Local: netip.MustParseAddr("192.0.2.1"), Side: dataplane.Anchor}, ClampMSS: true, Inbound: &dataplane.Filter{
			Blocked: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
			List:    &dataplane.AccessList{Name: "web", V4: true, Rules: []dataplane.AccessRule{{Name: "10", Permit: true, Version: 4, Protocol: dataplane.Octet{Value: 6, Set: true}}}},
		}},
		dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: netip.MustParsePrefix("10.0.0.0/16")}, Via: dataplane.Target{Blackhole: true}})
	bindings := planetest.Bindings()
	for i, name := range slices.Sorted(maps.Keys(bindings)) {
		b, n := bindings[name], byte(10+i)
		path, _ := b.Paths()
		path.Tunnel.Local, path.Tunnel.Peer = netip.MustParseAddr("192.0.2.1"), netip.AddrFrom4([4]byte{192, 0, 2, n})
		if b.V6 {
			path.Tunnel.Local, path.Tunnel.Peer = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", n))
		}
		objects = append(objects, dataplane.Tunnel{ID: path.Tunnel})
		for _, node := range []string{fmt.Sprintf("10.0.%d.1/32", n), fmt.Sprintf("2001:db8:%d::/64", n)} {
			prefix := netip.MustParsePrefix(node)
			objects = append(objects, dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: prefix}, Via: dataplane.Target{Path: path}},
				dataplane.SourceRoute{Link: "access1", Source: prefix, Path: path})
		}
		if name == "gre4-key" || name == "ip6" { // and one in a VRF, which other packets are in than those outside
			path.Tunnel.Peer = path.Tunnel.Peer.Next().Next().Next().Next().Next().Next().Next().Next().Next()
			objects = append(objects, dataplane.Tunnel{ID: path.Tunnel},
				dataplane.Route{VRFPrefix: dataplane.VRFPrefix{VRF: "red", Prefix: netip.MustParsePrefix(fmt.Sprintf("10.0.%d.1/32", n))}, Via: dataplane.Target{Path: path}})
		}
	}
	return objects
}

// hostState is the text of planetest.HostText with everyKind.
//
//go:embed testdata/host.txt
var hostState string

// What a host is really given, for tunnels of every kind: read as iproute2 and nft would, without anything of ours.
func TestHostState(t *testing.T) {
	h, p := newHost(t)
	before := planetest.HostText(t, h)
	all := everyKind()
	must(t, apply(p, all...))
	if got := planetest.HostText(t, h); got != hostState {
		t.Errorf("host has\n%swant\n%s", got, hostState)
	}
	for _, o := range slices.Backward(all) {
		must(t, p.Apply(t.Context(), []dataplane.Op{{Delete: true, Object: o}})...)
	}
	if got := planetest.HostText(t, h); got != before {
		t.Errorf("left:\n%sand there was\n%s", got, before)
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
			before := planetest.HostText(t, h)
			must(t, damage(h, p))
			if planetest.HostText(t, h) == before {
				t.Fatal("no damage was done")
			}
			_, err := dataplane.Picture(t.Context(), p)
			must(t, err, apply(p, planetest.Everything()...)) // as the reconciler would what it misses
			if after := planetest.HostText(t, h); after != before {
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
	source := of[dataplane.SourceRoute]()[0]
	moved := source
	moved.Path = dataplane.Path{Tunnel: of[dataplane.Tunnel]()[1].ID}
	must(t, apply(p, planetest.Everything()...), apply(p, moved), apply(p, source)) // both tunnels have been a gateway's
	before := planetest.HostText(t, h)
	p.places[""].filter.conn.DelTable(p.places[""].filter.table)
	must(t, p.places[""].filter.flush(nil), apply(p, moved), apply(p, source))
	if after := planetest.HostText(t, h); after != before {
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

// The table of nftables is whole or not at all, whatever answers to its transactions are lost.
func TestHostWithoutRoomForAnswers(t *testing.T) {
	planetest.Unheard(t, openIn, func(p planetest.Plane) (hear func()) {
		c := p.(*Plane).Carrier
		c.mu.Lock()
		conn := c.places[""].filter.conn
		c.mu.Unlock()
		room := setRoom(t, conn, 0)
		return func() { setRoom(t, conn, room) }
	})
}
