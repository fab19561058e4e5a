package vrf

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// translate lets a host give what leaves by one of its links the address of that link.
func translate(t *testing.T, h *netns.Host, out string) {
	t.Helper()
	c, err := nftables.New(nftables.WithNetNSFd(h.FD()))
	must(t, err)
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "nat"})
	chain := c.AddChain(&nftables.Chain{Name: "out", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource})
	name := make([]byte, 16)
	copy(name, out)
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
		&expr.Masq{Random: true}, // ports as well
	}})
	must(t, c.Flush())
}

// The gateways of two customers are in one branch network, behind a translator of addresses and ports: the anchor sees one address, which is
// not theirs. Both customers' nodes have the same address, and each reaches its own; the first customer's signalling is authenticated (MLL-25, MP-02).
func TestMLL25_MP02_BehindATranslator(t *testing.T) {
	lma, nat := host(t, "lma"), host(t, "nat")
	must(t, nat.Forward(), netns.Connect(lma, "op1", nat, "out"), lma.Address("op1", "15.15.15.2/24"), lma.Address("op1", "15.15.15.3/24"),
		nat.Address("out", "15.15.15.77/24"))
	translate(t, nat, "out")
	anchor := start(t, lma, backend.Auto)
	forward := dataplane.Config{VRFs: []dataplane.VRF{{Name: "OP1"}}, Members: []dataplane.Member{{Link: "op1", VRF: "OP1"}}}
	customers := map[string]*mobility.Customer{}
	branches := []struct {
		name, vrf, link, own, router, anchor string
		site                                 *site
		cn                                   *netns.Host
	}{
		{name: "CUST1", vrf: "VRF1", link: "c1", own: "192.168.1.2", router: "192.168.1.1", anchor: "15.15.15.2"},
		{name: "CUST2", vrf: "VRF2", link: "c2", own: "192.168.2.2", router: "192.168.2.1", anchor: "15.15.15.3"},
	}
	for i := range branches {
		b := &branches[i]
		b.cn = host(t, "cn-"+b.name)
		must(t, netns.Connect(lma, b.link, b.cn, "eth0"), lma.Address(b.link, "203.0.113.1/24"),
			b.cn.Address("eth0", planetest.CNAddr4+"/24"), b.cn.Route("0.0.0.0/0", "203.0.113.1"))
		forward.VRFs = append(forward.VRFs, dataplane.VRF{Name: b.vrf})
		forward.Members = append(forward.Members, dataplane.Member{Link: b.link, VRF: b.vrf})
		customers[b.name] = customer(b.name, b.vrf, "net-"+b.name, mobility.VRFAddr{VRF: "OP1", Addr: addr(b.anchor)})
	}
	key := &mobility.Key{SPI: 0x100, Secret: []byte("xyz123")}
	customers["CUST1"].Key = key
	anchor.commit(t, &mobility.Config{LMAs: map[string]*mobility.LMA{"lma1": {
		Name: "lma1", Domain: domain(dataplane.EncapUDP), MaxPrefixes: 3, MaxBindings: 1000, Lifetime: time.Hour, DeleteWait: 10 * time.Millisecond,
		CreateWait: 1500 * time.Millisecond, TimestampWindow: time.Minute, LearnPeers: true, AcceptForcedUDP: true, Customers: customers,
	}}}, forward)
	for i := range branches {
		b := &branches[i]
		b.site = &site{host: host(t, "mag-"+b.name), node: host(t, "node-"+b.name)}
		must(t, netns.Connect(b.site.node, "eth0", b.site.host, "access"), netns.Connect(b.site.host, "eth0", nat, b.name),
			b.site.host.Address("eth0", b.own+"/24"), nat.Address(b.name, b.router+"/24"), b.site.host.Route("0.0.0.0/0", b.router))
		b.site.forwarder = start(t, b.site.host, backend.Auto)
		d := domain(dataplane.EncapUDP)
		if b.name == "CUST1" {
			d.Key = key
		}
		b.site.commit(t, &mobility.Config{MAGs: map[string]*mobility.MAG{"mag": {
			Name: "mag", Domain: d, Addresses: []netip.Addr{addr(b.own)}, ForceUDP: true,
			Anchors:     []mobility.Peer{{Name: "lma1", Addresses: []netip.Addr{addr(b.anchor)}}},
			MaxBindings: 10, Lifetime: time.Hour, Refresh: 5 * time.Minute, InitialRetransmit: 200 * time.Millisecond, MaxRetransmit: time.Second,
			Links: []mobility.AccessLink{{Name: "access", Access: wire.Access80211, Realm: "example.com"}},
		}}}, dataplane.Config{Links: []dataplane.Link{{Name: "access", MAC: planetest.MAGMAC, LinkLocal: addr("fe80::1")}}})
		b.site.attach(t)
		b.site.granted(t)
		if b.site.home != "10.10.10.2" {
			t.Errorf("%s: home address %s", b.name, b.site.home)
		}
	}
	for _, b := range branches {
		planetest.Transfer(t, b.site.node, b.cn, planetest.CNAddr4)
		planetest.Transfer(t, b.cn, b.site.node, b.site.home)
	}
	var ports []uint16
	for row := range anchor.engine.LMA("lma1").Table.All() {
		remote := row.Ends.Value().Remote
		if remote.Addr() != addr("15.15.15.77") {
			t.Errorf("%v is at %v", row.Node, remote)
		}
		ports = append(ports, remote.Port())
	}
	if len(ports) != 2 || ports[0] == ports[1] {
		t.Errorf("the ports are %v", ports)
	}
}
