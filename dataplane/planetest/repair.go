package planetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	mdnetlink "github.com/mdlayher/netlink"
	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
)

// wreck is what a stranger does to a host.
type wreck struct {
	name string
	// do takes away something, and says what of; nothing where the host has no such thing.
	do   func(h *netns.Host) (of string, err error)
	told []string // how the object begins that the event names: one of these
}

var wrecks = []wreck{
	{"tunnel interface deleted", onDevice("mt-", (*netns.Host).Delete), []string{"tunnel "}},
	{"tunnel interface down", onDevice("mt-", (*netns.Host).Down), []string{"tunnel "}},
	{"tunnel interface out of its VRF", releaseTunnel, []string{"tunnel "}},
	{"tunnel interface put into a VRF", enslaveTunnel, []string{"tunnel "}},
	{"MTU of a tunnel interface", onDevice("mt-", func(h *netns.Host, name string) error { return h.SetMTU(name, 1300) }), []string{"tunnel "}},
	{"alias of a tunnel interface", onTunnel(func(h *netns.Host, l netlib.Link) error { return h.Net.LinkSetAlias(l, "mooring: theirs mtu 0") }), []string{"tunnel "}},
	{"group of a tunnel interface", onTunnel(func(h *netns.Host, l netlib.Link) error { return h.Net.LinkSetGroup(l, 5) }), []string{"tunnel "}},
	{"queue of a tunnel interface", onTunnel(func(h *netns.Host, l netlib.Link) error { return h.Net.LinkSetTxQLen(l, 7) }), []string{"tunnel "}},
	{"TUN interface deleted", onDevice("mooring", (*netns.Host).Delete), []string{"route ", "link access1"}},
	{"TUN interface down", onDevice("mooring", (*netns.Host).Down), []string{"route ", "link access1"}},
	{"MTU of a TUN interface", onDevice("mooring", func(h *netns.Host, name string) error { return h.SetMTU(name, 1300) }), []string{"tunnel "}},
	{"MTU of a TUN interface too small for IPv6", onDevice("mooring", func(h *netns.Host, name string) error { return h.SetMTU(name, 1000) }), []string{"tunnel "}},
	{"queue of a TUN interface", onInterface("mooring", func(h *netns.Host, l netlib.Link) error { return h.Net.LinkSetTxQLen(l, 7) }), []string{"tunnel "}},
	{"vrf interface deleted", onDevice("red", (*netns.Host).Delete), []string{"vrf red"}},
	{"vrf interface down", onDevice("red", (*netns.Host).Down), []string{"vrf red"}},
	{"rule of an access link deleted", onRule(func(r netlib.Rule) bool { return r.IifName != "" }), []string{"link access1"}},
	{"rule of all marks deleted", onRule(func(r netlib.Rule) bool { return r.Mark != 0 }), []string{"source route "}},
	{"rule of some marks deleted", onRule(func(r netlib.Rule) bool { return r.Goto > 0 && r.Priority > netlink.RulePriority && !r.Invert }), []string{"source route "}},
	{"rule of a mark deleted", onRule(func(r netlib.Rule) bool { return r.Table > ofLoopback }), []string{"source route "}},
	{"rule for marks of nothing deleted", onRule(isDiscard), []string{"source route "}},
	{"rule for what has no mark deleted", onRule(func(r netlib.Rule) bool { return r.Invert }), []string{"source route "}},
	{"route of a mark deleted", onMarkRoute(func(r netlib.Route) bool { return r.Table > ofLoopback && r.LinkIndex == r.Table-netlink.TableMark }), []string{"source route "}},
	{"nothing discards behind the route of a mark", onMarkRoute(func(r netlib.Route) bool { return r.Type == unix.RTN_BLACKHOLE }), []string{"source route "}},
	{"IPv4 route replaced", replaceRoute(unix.RT_TABLE_MAIN, prefix("10.0.0.1/32"), unix.RTPROT_STATIC), []string{"route 10.0.0.1/32"}},
	{"IPv6 route replaced", replaceRoute(unix.RT_TABLE_MAIN, prefix("2001:db8:1::/64"), unix.RTPROT_STATIC), []string{"route 2001:db8:1::/64"}},
	{"route replaced as if by us", replaceRoute(unix.RT_TABLE_MAIN, prefix("10.1.0.1/32"), netlink.Protocol), []string{"route 10.1.0.1/32"}},
	{"route of a pool replaced", replaceRoute(unix.RT_TABLE_MAIN, prefix("10.0.0.0/24"), unix.RTPROT_STATIC), []string{"route 10.0.0.0/24: "}},
	{"route of a pool in a VRF replaced", replaceRoute(77, prefix("10.0.0.0/24"), unix.RTPROT_STATIC), []string{"route 10.0.0.0/24 vrf red"}},
	{"last resort of a VRF replaced", replaceResort(77, netlib.FAMILY_V4, unix.RTPROT_STATIC), []string{"vrf red"}},
	{"last resort of a VRF for IPv6 replaced as if by us", replaceResort(77, netlib.FAMILY_V6, netlink.Protocol), []string{"vrf red"}},
	{"last resort of an access link replaced", replaceResort(netlink.TableAccess, netlib.FAMILY_V4, unix.RTPROT_STATIC), []string{"link access1"}},
	{"last resort of an access link for IPv6 replaced", replaceResort(netlink.TableAccess, netlib.FAMILY_V6, unix.RTPROT_STATIC), []string{"link access1"}},
	{"last resort of a mark replaced", replaceResort(netlink.TableMark, netlib.FAMILY_V4, unix.RTPROT_STATIC), []string{"source route "}},
	{"route of an access link replaced", replaceRoute(netlink.TableAccess, prefix("0.0.0.0/0"), unix.RTPROT_STATIC), []string{"link access1"}},
	{"route of a mark replaced", replaceRoute(netlink.TableMark, prefix("0.0.0.0/0"), unix.RTPROT_STATIC), []string{"source route "}},
	{"neighbour replaced", replaceNeighbour(unix.NUD_PERMANENT, net.HardwareAddr{2, 0, 0, 0, 0, 99}), []string{"neighbour access1"}},
	{"neighbour not permanent any more", replaceNeighbour(unix.NUD_REACHABLE, net.HardwareAddr{2, 0, 0, 0, 0, 7}), []string{"neighbour access1"}},
	{"table of nftables deleted", onTable(func(c *nftables.Conn, t *nftables.Table) { c.DelTable(t) }), []string{"tunnel "}},
	{"chain of nftables flushed", onTable(func(c *nftables.Conn, t *nftables.Table) {
		c.FlushChain(&nftables.Chain{Table: t, Name: "prove"})
	}), []string{"tunnel "}},
	{"rule of a policy deleted", deletePolicyRule, []string{"tunnel "}},
	{"table of nftables dormant", suspendTable, []string{"tunnel "}},
	{"chain of nftables discards", onTable(func(c *nftables.Conn, t *nftables.Table) {
		discard := nftables.ChainPolicyDrop
		c.AddChain(&nftables.Chain{Table: t, Name: "forward", Policy: &discard, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityMangle})
	}), []string{"tunnel "}},
	{"chain of nftables added", onTable(func(c *nftables.Conn, t *nftables.Table) { c.AddChain(&nftables.Chain{Table: t, Name: "more"}) }), []string{"tunnel "}},
	{"mark stands for nothing", onElements("paths"), []string{"source route "}},
	{"source not marked", onElements("from"), []string{"source route "}},
	{"rule of what nodes ask deleted", onRule(func(r netlib.Rule) bool { return r.Table == ofLoopback }), []string{"source route "}},
	{"route of what nodes ask deleted", onMarkRoute(func(r netlib.Route) bool { return r.Table == ofLoopback }), []string{"source route "}},
	{"table of ARP deleted", onTableOf(nftables.TableFamilyARP, func(c *nftables.Conn, t *nftables.Table) { c.DelTable(t) }), []string{"source route "}},
	{"chain of ARP flushed", onTableOf(nftables.TableFamilyARP, func(c *nftables.Conn, t *nftables.Table) {
		c.FlushChain(&nftables.Chain{Table: t, Name: "input"})
	}), []string{"source route "}},
	{"a node not answered", onTableOf(nftables.TableFamilyARP, func(c *nftables.Conn, t *nftables.Table) {
		c.FlushSet(&nftables.Set{Table: t, Name: "nodes"})
	}), []string{"source route "}},
	{"a node answered of its own address", onTableOf(nftables.TableFamilyARP, func(c *nftables.Conn, t *nftables.Table) {
		c.FlushSet(&nftables.Set{Table: t, Name: "own"})
	}), []string{"source route "}},
	{"no policy for an interface", onElements("anchors"), []string{"tunnel "}},
	{"segments of IPv4 too large", onElements("mss4"), []string{"tunnel "}},
	{"segments of IPv6 too large", onElements("mss6"), []string{"tunnel "}},
	{"blocked IPv4 not blocked", onElements("to4-"), []string{"tunnel "}},
	{"blocked IPv6 not blocked", onElements("to6-"), []string{"tunnel "}},
	{"IPv4 not forwarded", onSetting("ipv4/ip_forward", "0"), []string{"setting net.ipv4.ip_forward: 0 instead of 1"}},
	{"IPv6 not forwarded", onSetting("ipv6/conf/all/forwarding", "0"), []string{"setting net.ipv6.conf.all.forwarding: 0 instead of 1"}},
	{"access link does not forward", onSetting("ipv6/conf/access1/forwarding", "0"), []string{"setting net.ipv6.conf.access1.forwarding: 0 instead of 1"}},
	{"sources of a tunnel checked", onDevice("mt-", checkSources), []string{"setting net.ipv4.conf.mt-"}},
	{"sources of a TUN interface checked", onDevice("mooring", checkSources), []string{"setting net.ipv4.conf.mooring"}},
	{"all sources checked", onSetting("ipv4/conf/all/rp_filter", "1"), []string{"setting net.ipv4.conf."}},
}

// ofLoopback is the table of the mark that what nodes ask gets.
const ofLoopback = netlink.TableMark + netlink.Loopback

// KernelHasNo and UserSpaceHasNo are the wrecks that there is nothing for where tunnels are the kernel's, or are not, and VRFs are namespaces.
var (
	KernelHasNo = []string{"TUN interface deleted", "TUN interface down", "MTU of a TUN interface", "MTU of a TUN interface too small for IPv6",
		"queue of a TUN interface", "sources of a TUN interface checked"}
	UserSpaceHasNo = []string{"tunnel interface deleted", "tunnel interface down", "tunnel interface out of its VRF", "tunnel interface put into a VRF",
		"MTU of a tunnel interface", "alias of a tunnel interface", "group of a tunnel interface", "queue of a tunnel interface",
		"sources of a tunnel checked", "route of a pool in a VRF replaced", "last resort of a VRF replaced", "last resort of a VRF for IPv6 replaced as if by us",
		"last resort of a mark replaced",
		"vrf interface deleted", "vrf interface down",
		"rule of all marks deleted", "rule of some marks deleted", "rule of a mark deleted", "rule for marks of nothing deleted", "rule for what has no mark deleted",
		"route of a mark deleted", "route of a mark replaced", "nothing discards behind the route of a mark", "table of nftables deleted", "chain of nftables flushed", "rule of a policy deleted",
		"table of nftables dormant", "chain of nftables discards", "chain of nftables added", "mark stands for nothing", "source not marked",
		"rule of what nodes ask deleted", "route of what nodes ask deleted", "table of ARP deleted", "chain of ARP flushed", "a node not answered",
		"a node answered of its own address",
		"no policy for an interface", "segments of IPv4 too large", "segments of IPv6 too large", "blocked IPv4 not blocked", "blocked IPv6 not blocked"}
)

// Repairs finds that what a stranger takes away of a host is back, whole, because the host has told of it, and that an event says so. How
// long that takes, an emulated machine cannot show: TestTroubleIsLookedIntoAtOnce of package reconcile does. without names the wrecks that
// hosts of this plane have nothing for.
func Repairs(t *testing.T, open func(*netlink.Namespace) (Plane, error), without ...string) {
	h, repaired := repairedHost(t, open, time.Hour)
	repair(t, h, repaired, wrecks, without)
}

// repair has a stranger do all this, one after the other.
func repair(t *testing.T, h *netns.Host, repaired *told, wrecks []wreck, without []string) {
	text := func() string { return HostText(t, h) + passingText(h) + queuesText(h) }
	whole := text()
	for _, w := range wrecks {
		mended := t.Run(w.name, func(t *testing.T) {
			repaired.forget()
			began := time.Now()
			of, err := w.do(h)
			must(t, err)
			if slices.Contains(without, w.name) != (of == "") {
				t.Fatalf("this was done to %q", of)
			}
			if of == "" {
				return
			}
			eventuallySame(t, whole, text)
			t.Logf("%s is whole after %v", of, time.Since(began))
			if !within(patience, func() bool { return repaired.tells(w.told) }) {
				t.Fatalf("%s: no event names it; those told were %+v", of, repaired.list)
			}
		})
		if !mended { // nor would the next
			return
		}
	}
}

// queuesText is how many packets may wait at interfaces of ours.
func queuesText(h *netns.Host) string {
	var lines []string
	links, _ := netlink.Dump(h.Net.LinkList)
	for _, l := range links {
		if a := l.Attrs(); strings.HasPrefix(a.Name, "mt-") || strings.HasPrefix(a.Name, "mooring") {
			lines = append(lines, fmt.Sprintf("%s queues %d\n", a.Name, a.TxQLen))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// repairedHost is a host with all that wrecks are about, and what its reconciler tells of repairs, which compares that often.
func repairedHost(t *testing.T, open func(*netlink.Namespace) (Plane, error), compare time.Duration) (*netns.Host, *told) {
	t.Helper()
	h, p := connectedHost(t, open)
	repaired := &told{}
	r := reconcile.New(p, reconcile.Options{Compare: compare, Repaired: repaired.note})
	wantAll(r)
	run(t, r)
	eventuallyInstalled(t, r)
	time.Sleep(2 * time.Second) // the comparisons at the start are over
	return h, repaired
}

// connectedHost is a host with what wantAll leans on.
func connectedHost(t *testing.T, open func(*netlink.Namespace) (Plane, error)) (*netns.Host, Plane) {
	t.Helper()
	h, other := newNamespace(t, "host"), newNamespace(t, "other")
	for _, name := range []string{"eth0", "access1", "customer"} {
		must(t, netns.Connect(h, name, other, name))
	}
	must(t, h.Address("eth0", "192.0.2.1/24"), h.Address("eth0", "2001:db8::1/64"))
	p, err := open(h.Namespace)
	must(t, err)
	t.Cleanup(func() { p.Close() })
	return h, p
}

// wantAll wants sessions of both sides, one of them in a VRF, and a configuration.
func wantAll(r *reconcile.Reconciler) {
	path := dataplane.Path{Tunnel: gre, Tx: key, Rx: key}
	customer := dataplane.Path{Tunnel: dataplane.TunnelID{Local: addr("192.0.2.1"), Peer: addr("192.0.2.3"), Encap: dataplane.EncapGRE}}
	r.Want([]dataplane.Change{
		{ID: 1, Session: &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: path, Prefixes: []netip.Prefix{prefix("10.0.0.1/32"), prefix("2001:db8:1::/64")}}},
		{ID: 2, Session: &dataplane.Session{ID: 2, Side: dataplane.Access, Path: path, Prefixes: []netip.Prefix{prefix("10.1.0.1/32"), prefix("2001:db8:3::/64")},
			Link: "access1", LinkAddr: dataplane.MAC{2, 0, 0, 0, 0, 7}}},
		{ID: 3, Session: &dataplane.Session{ID: 3, Side: dataplane.Anchor, VRF: "red", Path: customer, Prefixes: []netip.Prefix{prefix("10.0.0.1/32")}}},
		{ID: 4, Session: &dataplane.Session{ID: 4, Side: dataplane.Anchor, Path: dataplane.Path{Tunnel: udp}, Prefixes: []netip.Prefix{prefix("10.0.0.4/32")}}},
	})
	r.Configure(wholeConfig())
}

// wholeConfig has all kinds of objects of a configuration.
func wholeConfig() dataplane.Config {
	return dataplane.Config{
		VRFs:       []dataplane.VRF{{Name: "red", Table: 77}},
		Members:    []dataplane.Member{{Link: "customer", VRF: "red"}},
		Links:      []dataplane.Link{{Name: "access1", MAC: dataplane.MAC{2, 0, 0, 0, 9, 9}, LinkLocal: addr("fe80::1")}},
		Blackholes: []dataplane.Blackhole{{VRFPrefix: dataplane.VRFPrefix{Prefix: prefix("10.0.0.0/24")}}, {VRFPrefix: dataplane.VRFPrefix{VRF: "red", Prefix: prefix("10.0.0.0/24")}}},
		Policies:   []dataplane.Policy{{PolicyKey: dataplane.PolicyKey{Local: gre.Local, Side: dataplane.Anchor}, Inbound: blockPools, ClampMSS: true}},
	}
}

func eventuallyInstalled(t *testing.T, r *reconcile.Reconciler) {
	t.Helper()
	eventually(t, "everything is installed", func() bool {
		pending, installed, failed := r.Counts()
		return pending+failed == 0 && installed >= 18
	})
}

// run has a reconciler run until the function is called, or the test ends.
func run(t *testing.T, r *reconcile.Reconciler) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

func eventuallySame(t *testing.T, want string, look func() string) {
	t.Helper()
	now := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if now = look(); now == want {
			return
		}
	}
	t.Fatalf("the host has\n%s\nand had\n%s", now, want)
}

// told is what was told of repairs.
type told struct {
	mu   sync.Mutex
	list []reconcile.Repair
}

func (o *told) note(list []reconcile.Repair) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, list...)
}

func (o *told) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = nil
}

// tells reports whether an object that begins like one of these was repaired.
func (o *told) tells(begins []string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.list, func(r reconcile.Repair) bool {
		object := fmt.Sprint(r.Object)
		return slices.ContainsFunc(begins, func(s string) bool { return strings.HasPrefix(object, s) })
	})
}

// onDevice does something to the first interface with a name that begins so.
func onDevice(begins string, do func(*netns.Host, string) error) func(*netns.Host) (string, error) {
	return func(h *netns.Host) (string, error) {
		links, err := netlink.Dump(h.Net.LinkList)
		for _, l := range links {
			if name := l.Attrs().Name; err == nil && strings.HasPrefix(name, begins) {
				return name, do(h, name)
			}
		}
		return "", err
	}
}

// releaseTunnel takes the first tunnel interface that is in a VRF out of it.
func releaseTunnel(h *netns.Host) (string, error) {
	links, err := netlink.Dump(h.Net.LinkList)
	for _, l := range links {
		if name := l.Attrs().Name; err == nil && strings.HasPrefix(name, "mt-") && l.Attrs().MasterIndex != 0 {
			return name, h.Net.LinkSetNoMaster(l)
		}
	}
	return "", err
}

// enslaveTunnel puts an interface that marked packets leave by into a VRF.
func enslaveTunnel(h *netns.Host) (string, error) {
	routes, err := netlink.Dump(func() ([]netlib.Route, error) {
		return h.Net.RouteListFiltered(netlib.FAMILY_V4, &netlib.Route{Table: unix.RT_TABLE_UNSPEC, Protocol: netlink.Protocol}, netlib.RT_FILTER_TABLE|netlib.RT_FILTER_PROTOCOL)
	})
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(routes, func(r netlib.Route) bool {
		return r.LinkIndex > netlink.Loopback && r.LinkIndex == r.Table-netlink.TableMark
	})
	if i < 0 {
		return "", nil
	}
	link, err := h.Net.LinkByIndex(routes[i].LinkIndex)
	if err != nil {
		return "", err
	}
	master, err := h.Net.LinkByName("red")
	if err != nil {
		return "", err
	}
	return link.Attrs().Name, h.Net.LinkSetMaster(link, master)
}

// onTunnel does something to the first tunnel interface.
func onTunnel(do func(*netns.Host, netlib.Link) error) func(*netns.Host) (string, error) {
	return onInterface("mt-", do)
}

// onInterface is onDevice of the interface as the library describes it.
func onInterface(begins string, do func(*netns.Host, netlib.Link) error) func(*netns.Host) (string, error) {
	return onDevice(begins, func(h *netns.Host, name string) error {
		link, err := h.Net.LinkByName(name)
		if err != nil {
			return err
		}
		return do(h, link)
	})
}

// onRule deletes the first rule of ours of a kind.
func onRule(is func(netlib.Rule) bool) func(*netns.Host) (string, error) {
	return func(h *netns.Host) (string, error) {
		for _, family := range families {
			rules, err := netlink.Dump(func() ([]netlib.Rule, error) { return h.Net.RuleList(family) })
			if err != nil {
				return "", err
			}
			for _, r := range rules {
				if r.Protocol == netlink.Protocol && is(r) {
					r.Family = family
					return r.String(), h.Net.RuleDel(&r)
				}
			}
		}
		return "", nil
	}
}

// isDiscard reports whether a rule of ours leads marks nowhere.
func isDiscard(r netlib.Rule) bool { return r.Mark != 0 && r.Goto <= 0 && r.Table == 0 }

// onMarkRoute deletes the first route of ours of a kind in the tables of marks.
func onMarkRoute(is func(netlib.Route) bool) func(*netns.Host) (string, error) {
	return func(h *netns.Host) (string, error) {
		routes, err := netlink.Dump(func() ([]netlib.Route, error) {
			return h.Net.RouteListFiltered(netlib.FAMILY_V4, &netlib.Route{Table: unix.RT_TABLE_UNSPEC, Protocol: netlink.Protocol}, netlib.RT_FILTER_TABLE|netlib.RT_FILTER_PROTOCOL)
		})
		for _, r := range routes {
			if err == nil && r.Table > netlink.TableMark && is(r) {
				return r.String(), h.Net.RouteDel(&r)
			}
		}
		return "", err
	}
}

// replaceRoute has a route of ours to a prefix lead elsewhere: in a table, or in the first one that has such a route of those behind a number that
// interfaces have each their own.
func replaceRoute(table int, to netip.Prefix, maker netlib.RouteProtocol) func(*netns.Host) (string, error) {
	return replace(table, netlib.FAMILY_ALL, maker, func(r netlib.Route) bool {
		return r.Dst.String() == netns.IPNet(to).String() && r.Priority == netlink.MetricKept
	})
}

// replaceResort has the last route of ours in a table lead on, which discards what no other does.
func replaceResort(table, family int, maker netlib.RouteProtocol) func(*netns.Host) (string, error) {
	return replace(table, family, maker, func(r netlib.Route) bool {
		return (r.Type == unix.RTN_BLACKHOLE || r.Type == unix.RTN_UNREACHABLE) && r.Priority > netlink.MetricKept
	})
}

// replace has the first route of ours of a kind lead elsewhere.
func replace(table, family int, maker netlib.RouteProtocol, is func(netlib.Route) bool) func(*netns.Host) (string, error) {
	return func(h *netns.Host) (string, error) {
		routes, err := netlink.Dump(func() ([]netlib.Route, error) {
			return h.Net.RouteListFiltered(family, &netlib.Route{Table: unix.RT_TABLE_UNSPEC, Protocol: netlink.Protocol}, netlib.RT_FILTER_TABLE|netlib.RT_FILTER_PROTOCOL)
		})
		if err != nil {
			return "", err
		}
		elsewhere, err := h.Net.LinkByName("eth0")
		if err != nil {
			return "", err
		}
		ofInterfaces := table == netlink.TableAccess || table == netlink.TableMark
		for _, r := range routes {
			there := r.Table == table || ofInterfaces && r.Table > table && r.Table < table+1<<20
			if there && is(r) {
				return r.String(), h.Net.RouteReplace(&netlib.Route{Dst: r.Dst, Table: r.Table, Priority: r.Priority, LinkIndex: elsewhere.Attrs().Index, Protocol: maker})
			}
		}
		return "", nil
	}
}

// replaceNeighbour has the neighbour of a node be another one.
func replaceNeighbour(state int, mac net.HardwareAddr) func(*netns.Host) (string, error) {
	return func(h *netns.Host) (string, error) {
		link, err := h.Net.LinkByName("access1")
		if err != nil {
			return "", err
		}
		n := &netlib.Neigh{LinkIndex: link.Attrs().Index, Family: unix.AF_INET, State: state, IP: net.IPv4(10, 1, 0, 1).To4(), HardwareAddr: mac}
		return n.String(), h.Net.NeighSet(n)
	}
}

// onTable does something to our table of nftables in the family inet.
func onTable(do func(*nftables.Conn, *nftables.Table)) func(*netns.Host) (string, error) {
	return onTableOf(nftables.TableFamilyINet, do)
}

func onTableOf(family nftables.TableFamily, do func(*nftables.Conn, *nftables.Table)) func(*netns.Host) (string, error) {
	return func(h *netns.Host) (string, error) {
		conn, err := nftables.New(nftables.WithNetNSFd(h.FD()))
		if err != nil {
			return "", err
		}
		tables, err := conn.ListTables()
		for _, table := range tables {
			if err == nil && table.Name == netlink.FilterTable && table.Family == family {
				do(conn, table)
				return "table " + table.Name, conn.Flush()
			}
		}
		return "", err
	}
}

// suspendTable has our table of nftables be without force, which the library cannot: it sends no flags.
func suspendTable(h *netns.Host) (of string, err error) {
	of, err = onTable(func(*nftables.Conn, *nftables.Table) {})(h)
	if of == "" || err != nil {
		return of, err
	}
	conn, err := mdnetlink.Dial(unix.NETLINK_NETFILTER, &mdnetlink.Config{NetNS: h.FD()})
	if err != nil {
		return of, err
	}
	defer conn.Close()
	const newTable = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWTABLE
	const name, flags, dormant = 1, 2, 1 // NFTA_TABLE_NAME, NFTA_TABLE_FLAGS, NFT_TABLE_F_DORMANT of linux/netfilter/nf_tables.h
	attributes, err := mdnetlink.MarshalAttributes([]mdnetlink.Attribute{
		{Type: name, Data: append([]byte(netlink.FilterTable), 0)}, {Type: flags, Data: []byte{0, 0, 0, dormant}},
	})
	edge := func(kind mdnetlink.HeaderType) mdnetlink.Message { // of a transaction
		return mdnetlink.Message{Header: mdnetlink.Header{Type: kind, Flags: mdnetlink.Request}, Data: []byte{0, 0, 0, unix.NFNL_SUBSYS_NFTABLES}}
	}
	if err == nil {
		_, err = conn.SendMessages([]mdnetlink.Message{
			edge(unix.NFNL_MSG_BATCH_BEGIN),
			{Header: mdnetlink.Header{Type: newTable, Flags: mdnetlink.Request | mdnetlink.Acknowledge}, Data: append([]byte{unix.NFPROTO_INET, 0, 0, 0}, attributes...)},
			edge(unix.NFNL_MSG_BATCH_END),
		})
	}
	if err == nil {
		_, err = conn.Receive()
	}
	return of, err
}

// onElements deletes all elements of the first set of our table that has any, of those with a name that begins so.
func onElements(begins string) func(*netns.Host) (string, error) {
	return func(h *netns.Host) (of string, err error) {
		_, failed := onTable(func(c *nftables.Conn, table *nftables.Table) {
			sets, e := c.GetSets(table)
			err = errors.Join(err, e)
			for _, set := range sets {
				if !strings.HasPrefix(set.Name, begins) || of != "" {
					continue
				}
				elements, e := c.GetSetElements(set)
				if err = errors.Join(err, e); len(elements) > 0 {
					of = "set " + set.Name
					err = errors.Join(err, c.SetDeleteElements(set, elements))
				}
			}
		})(h)
		return of, errors.Join(err, failed)
	}
}

// deletePolicyRule deletes the first rule of the first chain that a policy has made.
func deletePolicyRule(h *netns.Host) (of string, err error) {
	do := onTable(func(c *nftables.Conn, table *nftables.Table) {
		chains, e := c.ListChains()
		err = e
		for _, chain := range chains {
			if !strings.HasPrefix(chain.Name, "policy-") || of != "" {
				continue
			}
			rules, e := c.GetRules(table, chain)
			if err = errors.Join(err, e); len(rules) > 0 {
				of = "chain " + chain.Name
				err = errors.Join(err, c.DelRule(rules[0]))
			}
		}
	})
	_, failed := do(h)
	return of, errors.Join(err, failed)
}
