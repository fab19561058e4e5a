package usertun

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

func TestPlane(t *testing.T) {
	planetest.Test(t, func(t *testing.T) *planetest.Host {
		return planetest.InNamespace(t, func(ns *netlink.Namespace) (planetest.Plane, error) {
			p, err := openIn(ns)
			if err == nil {
				expectFastPath(t, p, true)
			}
			return p, err
		})
	})
}

// The number of rules does not grow with that of bindings, whatever keys they have.
func TestRulesAreConstant(t *testing.T) {
	planetest.Rules(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) }, 0)
}

func TestForward(t *testing.T) {
	planetest.Forward(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) })
}

func openIn(ns *netlink.Namespace) (*Plane, error) {
	return openPlaneOf(Options{}, ns)
}

// picture is what the host itself says about a namespace, in the words of its own tools as far as they matter.
func picture(t *testing.T, h *netns.Host) string {
	t.Helper()
	var lines []string
	links, err := h.Net.LinkList()
	must(t, err)
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
		if l.Type() == "tuntap" {
			lines = append(lines, fmt.Sprintf("device %s mtu %d: %s", l.Attrs().Name, l.Attrs().MTU, l.Attrs().Alias))
		}
	}
	for family, name := range map[int]string{netlib.FAMILY_V4: "4", netlib.FAMILY_V6: "6"} {
		routes, err := h.Net.RouteListFiltered(family, &netlib.Route{Protocol: netlink.Protocol}, netlib.RT_FILTER_PROTOCOL|netlib.RT_FILTER_TABLE)
		must(t, err)
		for _, r := range routes {
			via := names[r.LinkIndex]
			if r.Type == unix.RTN_BLACKHOLE {
				via = "blackhole"
			}
			table := "main"
			if r.Table != unix.RT_TABLE_MAIN {
				table = names[r.Table-netlink.TableAccess]
			}
			lines = append(lines, fmt.Sprintf("route %s table %s metric %d: %s", r.Dst, table, r.Priority, via))
		}
		rules, err := h.Net.RuleList(family)
		must(t, err)
		for _, r := range rules {
			if r.Protocol == netlink.Protocol {
				lines = append(lines, fmt.Sprintf("rule %s %d iif %s: table %s", name, r.Priority, r.IifName, names[r.Table-netlink.TableAccess]))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// What a host is really given: a constant number of rules, tables that let nothing out, our protocol number on everything.
func TestHostState(t *testing.T) {
	h, other := newHost(t, "host"), newHost(t, "other")
	for _, name := range []string{"eth0", "access1", "access2"} {
		must(t, netns.Connect(h, name, other, name))
	}
	must(t, h.Address("eth0", "192.0.2.1/24"), h.Address("eth0", "2001:db8::1/64"))
	p := openPlane(t, h, false)
	apply(t, p, planetest.Everything()...)
	want := `device mooring0 mtu 65535: mooring: from mobile nodes on access1
device mooring1 mtu 65535: mooring: from mobile nodes on access2
device mooring2 mtu 65535: mooring: to mobile nodes
route 0.0.0.0/0 table access1 metric 212: mooring0
route 0.0.0.0/0 table access1 metric 213: blackhole
route 0.0.0.0/0 table access2 metric 212: mooring1
route 0.0.0.0/0 table access2 metric 213: blackhole
route 10.0.0.0/24 table main metric 212: blackhole
route 10.0.0.1/32 table main metric 212: mooring2
route 10.1.0.1/32 table main metric 212: access1
route 2001:db8:1::/64 table main metric 212: mooring2
route 2001:db8:2::/48 table main metric 212: blackhole
route 2001:db8:3::/64 table main metric 212: access1
route ::/0 table access1 metric 212: mooring0
route ::/0 table access1 metric 213: blackhole
route ::/0 table access2 metric 212: mooring1
route ::/0 table access2 metric 213: blackhole
rule 4 5900 iif access1: table access1
rule 4 5900 iif access2: table access2
rule 6 5900 iif access1: table access1
rule 6 5900 iif access2: table access2
`
	if got := picture(t, h); got != want {
		t.Errorf("host has\n%swant\n%s", got, want)
	}
	link, err := h.Net.LinkByName("access1")
	must(t, err)
	if mac := link.Attrs().HardwareAddr.String(); mac != "02:00:00:00:09:09" {
		t.Errorf("access1 has the address %s", mac)
	}
	addrs, err := h.Net.AddrList(link, netlib.FAMILY_V6)
	must(t, err)
	if !slices.ContainsFunc(addrs, func(a netlib.Addr) bool {
		return a.IP.String() == "fe80::1" && a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0
	}) {
		t.Errorf("access1 has the addresses %v", addrs)
	}
	for name, want := range map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv4/conf/mooring0/rp_filter": "0", "ipv6/conf/mooring0/addr_gen_mode": "1",
	} {
		if got, err := h.ReadSysctl(name); err != nil || got != want {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
}

// What foreigners put on the host stays, also where it looks like ours.
func TestForeignObjectsStay(t *testing.T) {
	h, other := newHost(t, "host"), newHost(t, "other")
	must(t, netns.Connect(h, "access1", other, "access1"), h.Address("access1", "10.1.0.254/24"), h.Route("10.0.0.0/24", "10.1.0.9"))
	p := openPlane(t, h, false)
	pool := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: prefixes("10.0.0.0/24")[0]}, Via: dataplane.Target{Blackhole: true}}
	apply(t, p, pool, dataplane.Link{Name: "access1"})
	remove(t, p, pool, dataplane.Link{Name: "access1"})
	routes, err := h.Net.RouteList(nil, netlib.FAMILY_V4)
	must(t, err)
	if len(routes) != 2 {
		t.Errorf("routes %v", routes)
	}
	if got := picture(t, h); got != "\n" && !strings.HasPrefix(got, "device") {
		t.Errorf("left: %s", got)
	}
}

// A device may be missed before who reads it has found out.
func TestDeletedDeviceIsMissedFirst(t *testing.T) {
	d := newDomain(t)
	e := tunnelOver(dataplane.EncapUDP, false)
	d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
	device := d.anchor.anchors[""]
	must(t, d.lma.Delete(device.name))
	eventually(t, "its reader knows", device.dead.Load)
	device.dead.Store(false)
	d.anchor.mu.Lock()
	_, err := d.anchor.mend()
	d.anchor.mu.Unlock()
	if must(t, err); d.anchor.anchors[""] == device {
		t.Error("it is not made again")
	}
}

// Somebody deletes a device of ours: the plane makes another, and everything on it is back within a second or so.
func TestDeletedDeviceIsMadeAgain(t *testing.T) {
	d := newDomain(t)
	e := tunnelOver(dataplane.EncapUDP, false)
	d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
	ctx, stop := context.WithCancel(t.Context())
	events := make(chan dataplane.Event, 100)
	go func() {
		for e := range d.anchor.Watch(ctx) {
			events <- e
		}
	}()
	defer stop()
	for e := range events {
		if e.Kind == dataplane.LinkUp && e.Link == "eth1" {
			break
		}
	}
	must(t, d.lma.Delete(d.anchor.anchors[""].name))
	deadline := time.After(30 * time.Second)
	for overrun := false; !overrun; {
		select {
		case e := <-events:
			overrun = e.Kind == dataplane.Overrun
		case <-deadline:
			t.Fatal("nothing was said")
		}
	}
	before, err := dataplane.Picture(t.Context(), d.anchor)
	must(t, err)
	if strings.Contains(before, "route") {
		t.Errorf("routes into a deleted device:\n%s", before)
	}
	for _, p := range prefixes("10.0.0.1/32", "2001:db8:1::/64") {
		apply(t, d.anchor, routeInto(p, dataplane.Path{Tunnel: e.anchor}))
	}
	transfer(t, d.cn, d.node, nodeAddr4)
	transfer(t, d.node, d.cn, cnAddr6)
}

func TestCheck(t *testing.T) {
	if err := Check(); err != nil {
		t.Fatalf("these tests run with every privilege, but: %v", err)
	}
	runtime.LockOSThread() // privileges are a thread's
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var all, some [2]unix.CapUserData
	must(t, unix.Capget(&header, &all[0]))
	some = all
	some[0].Effective &^= 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW
	must(t, unix.Capset(&header, &some[0]))
	err := Check()
	must(t, unix.Capset(&header, &all[0]))
	if err == nil || !strings.Contains(err.Error(), "CAP_NET_ADMIN is missing") || !strings.Contains(err.Error(), "CAP_NET_RAW is missing") ||
		!strings.Contains(err.Error(), "setcap") {
		t.Fatalf("without privileges: %v", err)
	}
}
