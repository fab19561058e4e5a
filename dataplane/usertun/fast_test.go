package usertun

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	netlib "github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// What nobody takes in one piece is cut on the way: by the kernel where a packet leaves a gateway, and where it leaves the
// anchor for a core that is slower than the tunnel.
func TestSuperPacketsAreCutWhereTheyMustBe(t *testing.T) {
	for _, encap := range []dataplane.Encap{dataplane.EncapIP, dataplane.EncapGRE} {
		for _, v6 := range []bool{false, true} {
			e := tunnelOver(encap, v6)
			t.Run(e.anchor.String(), func(t *testing.T) {
				d := newDomain(t)
				for h, device := range map[*netns.Host]string{d.mag: "eth0", d.lma: "eth1"} {
					l, err := h.Net.LinkByName(device)
					must(t, err, h.Net.LinkSetGSOMaxSize(l, 1500))
				}
				d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
				for _, to := range []struct{ node, cn string }{{nodeAddr4, cnAddr4}, {nodeAddr6, cnAddr6}} {
					transfer(t, d.node, d.cn, to.cn)
					transfer(t, d.cn, d.node, to.node)
				}
				expectCarried(t, d.anchor, e.anchor, true)
				expectCarried(t, d.access, e.access, true)
			})
		}
	}
}

// What one node sends another leaves a tunnel at the anchor and enters one there.
func TestNodeToNode(t *testing.T) {
	for _, encap := range encaps {
		forEachWay(t, encap.String(), encap, func(t *testing.T, w way) {
			d := newDomainBy(t, w)
			e := tunnelOver(encap, false)
			d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
			second := newHost(t, "second")
			must(t, netns.Connect(second, "eth0", d.mag, "access2"), second.Address("eth0", "10.0.0.2/32"))
			d.attach(t, second)
			l, err := second.Net.LinkByName("eth0")
			must(t, err)
			prefix := netip.MustParsePrefix("10.0.0.2/32")
			apply(t, d.anchor, routeInto(prefix, dataplane.Path{Tunnel: e.anchor}))
			apply(t, d.access,
				dataplane.Link{Name: "access2", MAC: magMAC, LinkLocal: netip.MustParseAddr("fe80::1")},
				dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: prefix}, Via: dataplane.Target{Link: "access2"}},
				dataplane.SourceRoute{Link: "access2", Source: prefix, Path: dataplane.Path{Tunnel: e.access}},
				dataplane.Neighbour{Link: "access2", Addr: prefix.Addr(), MAC: dataplane.MAC(l.Attrs().HardwareAddr)})
			transfer(t, d.node, second, "10.0.0.2")
			transfer(t, second, d.node, nodeAddr4)
		})
	}
}

// A node that moves between two interfaces of a gateway is reached on the new one, in either order of what is told.
func TestMoveBetweenAccessInterfaces(t *testing.T) {
	d := newDomain(t)
	e := tunnelOver(dataplane.EncapGRE, false)
	d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
	transfer(t, d.cn, d.node, nodeAddr4)
	must(t, netns.Connect(newHost(t, "nobody"), "eth0", d.mag, "access2"))
	apply(t, d.access, dataplane.Link{Name: "access2", MAC: magMAC})
	prefix := netip.MustParsePrefix("10.0.0.1/32")
	here := dataplane.SourceRoute{Link: "access", Source: prefix, Path: dataplane.Path{Tunnel: e.access}}
	there := here
	there.Link = "access2"
	apply(t, d.access, there) // there before it leaves here, and back
	remove(t, d.access, here)
	apply(t, d.access, here)
	remove(t, d.access, there)
	before := d.access.carried(e.access).RxPackets
	transfer(t, d.cn, d.node, nodeAddr4)
	if after := d.access.carried(e.access).RxPackets; after == before && !confined(t) {
		t.Error("the kernel has carried nothing since")
	}
}

// carried returns what the fast path alone has counted.
func (p *Plane) carried(id dataplane.TunnelID) dataplane.Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tunnels[id].endpoint.fast.traffic(p.tunnels[id])
}

// attached returns the number of programs at an interface.
func attached(t *testing.T, h *netns.Host, name string, where ebpf.AttachType) (n int) {
	t.Helper()
	l, err := h.Net.LinkByName(name)
	must(t, err)
	must(t, h.Do(func() error {
		result, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: where})
		if err == nil {
			n = len(result.Programs)
		}
		return err
	}))
	return n
}

// A process that is killed leaves no program behind.
func TestKilledProcessLeavesNoProgram(t *testing.T) {
	h, other := newHost(t, "host"), newHost(t, "other")
	for _, name := range []string{"eth0", "access1", "access2"} {
		must(t, netns.Connect(h, name, other, name))
	}
	must(t, h.Address("eth0", "192.0.2.1/24"), h.Address("eth0", "2001:db8::1/64"))
	if confined(t) {
		planetest.Start(t, h)() // there is no program to be left
		return
	}
	kill := planetest.Start(t, h)
	eventually(t, "a program at the underlay", func() bool { return attached(t, h, "eth0", ebpf.AttachTCXIngress) == 1 })
	if n := attached(t, h, "access1", ebpf.AttachTCXIngress); n != 0 {
		t.Errorf("%d programs at an access interface", n)
	}
	kill()
	eventually(t, "no program at the underlay", func() bool { return attached(t, h, "eth0", ebpf.AttachTCXIngress) == 0 })
}

// A plane whose fast path fails goes on without.
func TestFailedFastPathIsLeft(t *testing.T) {
	d := newDomain(t)
	e := tunnelOver(dataplane.EncapGRE, false)
	d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
	transfer(t, d.cn, d.node, nodeAddr4)
	for _, p := range []*Plane{d.anchor, d.access} {
		p.mu.Lock()
		p.fast[""].check(errors.New("a map is full"))
		p.mu.Unlock()
		if p.FastPath() == nil {
			t.Fatal("still on")
		}
	}
	if !confined(t) && attached(t, d.lma, "eth0", ebpf.AttachTCXIngress)+attached(t, d.mag, "eth0", ebpf.AttachTCXIngress) != 0 {
		t.Error("programs are still there")
	}
	before := d.anchor.carried(e.anchor)
	transfer(t, d.cn, d.node, nodeAddr4)
	transfer(t, d.node, d.cn, cnAddr6)
	if after := d.anchor.carried(e.anchor); after != before {
		t.Errorf("the kernel carried %+v, then %+v", before, after)
	}
}

// IPsec policies are not gone round.
func TestIPsecEndsFastPath(t *testing.T) {
	d := newDomain(t)
	e := tunnelOver(dataplane.EncapIP, false)
	d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
	transfer(t, d.cn, d.node, nodeAddr4)
	handle, err := netlib.NewHandleAt(vnetns.NsHandle(d.lma.FD()), unix.NETLINK_XFRM)
	must(t, err)
	defer handle.Close()
	local, err := netlib.ParseIPNet(lmaAddr4 + "/32")
	must(t, err)
	remote, err := netlib.ParseIPNet(magAddr4 + "/32")
	must(t, err, handle.XfrmPolicyAdd(&netlib.XfrmPolicy{
		Src: local, Dst: remote, Dir: netlib.XFRM_DIR_OUT, Action: netlib.XFRM_POLICY_BLOCK,
	}))
	eventually(t, "the fast path is off", func() bool { return d.anchor.FastPath() != nil })
	if confined(t) {
		return
	}
	if err := d.anchor.FastPath(); !strings.Contains(err.Error(), "IPsec") {
		t.Error(err)
	}
	if n, err := d.access.host("").IPsecPolicies(); n != 0 || err != nil {
		t.Errorf("%d policies at the gateway, %v", n, err)
	}
	sink, source := listen(t, d.node, nodeAddr4, 2000), listen(t, d.cn, cnAddr4, 0)
	_, err = source.WriteToUDPAddrPort([]byte("blocked"), netip.MustParseAddrPort(nodeAddr4+":2000"))
	must(t, err)
	if b := arrives(t, sink, 100*time.Millisecond); b != nil {
		t.Errorf("%q went round the policy", b)
	}
}

// The underlay's way to the peer changes: the fast path follows.
func TestFastPathFollowsTheWay(t *testing.T) {
	d := newDomain(t)
	e := tunnelOver(dataplane.EncapIP, false)
	d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
	transfer(t, d.cn, d.node, nodeAddr4)
	must(t, netns.Connect(d.lma, "eth2", d.core, "lma2"),
		d.lma.Address("eth2", "198.51.101.1/24"), d.core.Address("lma2", "198.51.101.2/24"))
	for _, change := range []error{
		d.lma.Route(magAddr4+"/32", "198.51.101.2"), d.core.Route(lmaAddr4+"/32", "198.51.101.1"),
	} {
		must(t, change)
	}
	deadline := time.Now().Add(10 * time.Second)
	for moved := false; !moved; {
		if time.Now().After(deadline) {
			t.Fatal("the kernel carries nothing on the new way")
		}
		before := d.anchor.carried(e.anchor)
		transfer(t, d.cn, d.node, nodeAddr4)
		after := d.anchor.carried(e.anchor)
		moved = confined(t) || after.TxPackets > before.TxPackets+500 && after.RxPackets > before.RxPackets
	}
}
