package planetest

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
)

// Foreigners finds that what others have on the host stays as it is: when a process begins, while it makes and repairs what it wants beside
// them, when it ends, and when the next one wants nothing of all that and cleans up. In their numbers, names and prefixes the foreign objects
// are as close to ours as they can be. tunnels says that the host has tunnel and vrf interfaces.
func Foreigners(t *testing.T, open func(*netlink.Namespace) (Plane, error), tunnels bool) {
	h, other := newNamespace(t, "host"), newNamespace(t, "other")
	for _, name := range []string{"eth0", "access1", "customer", "foreign0", "mt-foreign", "mooring77"} { // two begin as ours do
		must(t, netns.Connect(h, name, other, name))
	}
	must(t, h.Address("eth0", "192.0.2.1/24"), h.Address("eth0", "2001:db8::1/64"))
	settleForeigners(t, h, tunnels)
	look := func() string { // without the interface that is wanted in a VRF: that may be a namespace, which goes with the process
		return strings.Replace(HostText(t, h), "link customer: veth up mtu 1500\n", "", 1)
	}
	before := look()
	for _, begins := range []string{"link foreign0: veth", "nexthop 7: protocol 4", "route 10.0.0.1/32 table main metric 50 protocol 186", "rule 5900 protocol 4",
		"rule 5899 protocol 0", "neighbour 10.1.0.9 dev access1", "nft 2 mooring chain prove rule 00", "nft 1 foreign chain forward rule 00"} {
		if !strings.Contains(before, "\n"+begins) {
			t.Fatalf("%s: nobody has made that:\n%s", begins, before)
		}
	}
	undisturbed := func(when string) {
		t.Helper()
		now := look()
		for line := range strings.Lines(before) {
			if !strings.Contains("\n"+now, "\n"+line) {
				t.Errorf("%s there is no %s in\n%s", when, line, now)
			}
		}
	}
	p, err := open(h.Namespace)
	must(t, err)
	undisturbed("when it has begun")
	r := reconcile.New(p, reconcile.Options{})
	wantAll(r)
	stop := run(t, r)
	eventuallyInstalled(t, r)
	time.Sleep(2 * time.Second) // the host has said what interfaces there are: what is on them is made again then, which is no repair
	undisturbed("with all of ours")
	must(t, lose(h, dataplane.RouteKey{Prefix: prefix("10.0.0.1/32")}), lose(h, dataplane.LinkKey("access1")))
	_, err = onTable(func(c *nftables.Conn, table *nftables.Table) { c.DelTable(table) })(h)
	must(t, err)
	eventually(t, "what was taken away is back", func() bool {
		_, objects := r.Repairs()
		pending, _, failed := r.Counts()
		return objects >= 2 && pending+failed == 0
	})
	undisturbed("after repairs")
	stop()
	must(t, p.Close())
	undisturbed("when it has ended")

	if p, err = open(h.Namespace); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	undisturbed("when another has begun")
	r = reconcile.New(p, reconcile.Options{})
	r.Configure(dataplane.Config{})
	run(t, r)
	eventuallySame(t, before, look)
}

// settleForeigners makes objects of others.
func settleForeigners(t *testing.T, h *netns.Host, tunnels bool) {
	t.Helper()
	must(t, h.Address("foreign0", "10.0.0.254/32"))
	if tunnels {
		must(t, h.Net.LinkAdd(&netlib.Vrf{LinkAttrs: netlib.LinkAttrs{Name: "theirs"}, Table: 70}), h.Up("theirs"))
		MakeTunnel(t, h, "tunnel", dataplane.TunnelID{Local: addr("192.0.2.1"), Peer: addr("192.0.2.77"), Encap: dataplane.EncapGRE})
	}
	link, err := h.Net.LinkByName("foreign0")
	must(t, err)
	index := link.Attrs().Index
	const bgp = 186 // RTPROT_BGP (linux/rtnetlink.h)
	for _, r := range []netlib.Route{
		{Dst: netns.IPNet(prefix("10.0.0.1/32")), Priority: 50, Protocol: bgp},
		{Dst: netns.IPNet(prefix("10.0.0.0/24")), Priority: 60, Protocol: unix.RTPROT_STATIC},
		{Dst: netns.IPNet(prefix("2001:db8:1::/64")), Priority: 300, Protocol: bgp},
		{Dst: netns.IPNet(prefix("0.0.0.0/0")), Priority: 70, Protocol: unix.RTPROT_STATIC, Table: netlink.TableAccess + 99},
		{Dst: netns.IPNet(prefix("0.0.0.0/0")), Priority: 70, Protocol: unix.RTPROT_STATIC, Table: netlink.TableMark + 99},
	} {
		r.LinkIndex = index
		must(t, h.Net.RouteAdd(&r))
	}
	for _, family := range families {
		atAccess, ofMark := netlib.NewRule(), netlib.NewRule()
		atAccess.Family, atAccess.Priority, atAccess.IifName, atAccess.Table, atAccess.Protocol = family, netlink.RulePriority, "access1", 100, unix.RTPROT_STATIC
		ofMark.Family, ofMark.Priority, ofMark.Mark, ofMark.Table = family, netlink.RulePriority-1, netlink.MarkOf(index), netlink.TableMark+99
		must(t, h.Net.RuleAdd(atAccess), h.Net.RuleAdd(ofMark))
	}
	access, err := h.Net.LinkByName("access1")
	ours := net.HardwareAddr{2, 0, 0, 0, 9, 9} // the address that it is to have: with a change of that, the kernel forgets all neighbours
	must(t, err, h.Net.LinkSetHardwareAddr(access, ours), h.Net.NeighSet(&netlib.Neigh{LinkIndex: access.Attrs().Index, Family: unix.AF_INET, State: unix.NUD_PERMANENT,
		IP: net.IPv4(10, 1, 0, 9).To4(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}))
	must(t, addNexthop(h, 7, index))
	must(t, foreignTables(h))
}

// addNexthop makes a nexthop object (linux/nexthop.h).
func addNexthop(h *netns.Host, number, device int) error {
	return h.Do(func() error {
		r := nl.NewNetlinkRequest(unix.RTM_NEWNEXTHOP, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
		r.AddData(fixed{unix.AF_INET, 0, unix.RTPROT_STATIC, 0, 0, 0, 0, 0}) // struct nhmsg
		const id, oif = 1, 5                                                 // NHA_ID, NHA_OIF
		r.AddData(nl.NewRtAttr(id, binary.NativeEndian.AppendUint32(nil, uint32(number))))
		r.AddData(nl.NewRtAttr(oif, binary.NativeEndian.AppendUint32(nil, uint32(device))))
		_, err := r.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
}

// fixed is the part of a message before its attributes.
type fixed []byte

func (f fixed) Len() int          { return len(f) }
func (f fixed) Serialize() []byte { return f }

// foreignTables makes a table of our name in another family, and one of another name.
func foreignTables(h *netns.Host) error {
	conn, err := nftables.New(nftables.WithNetNSFd(h.FD()))
	if err != nil {
		return err
	}
	for _, table := range []*nftables.Table{{Name: netlink.FilterTable, Family: nftables.TableFamilyIPv4}, {Name: "foreign", Family: nftables.TableFamilyINet}} {
		conn.AddTable(table)
		hook := conn.AddChain(&nftables.Chain{Name: "forward", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter})
		plain := conn.AddChain(&nftables.Chain{Name: "prove", Table: table})
		for _, chain := range []*nftables.Chain{hook, plain} {
			conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
		}
		if err := conn.Flush(); err != nil {
			return err
		}
	}
	return nil
}
