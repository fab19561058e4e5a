package nodes

import (
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

const domain = `"domain": [{"name": "lab.example", "auth-option": {"spi": 4096, "key": "secret"},
	"lma": [{"id": "lma", "ipv6-address": "2001:db8:a::1"}],
	"nai": [
		{"id": "four@lab.example", "network": "home", "service": "ipv4", "lma": "lma"},
		{"id": "six@lab.example", "network": "home", "service": "ipv6", "lma": "lma"},
		{"id": "both@lab.example", "network": "home", "service": "dual", "lma": "lma"}]}]`

const anchor = `{"mooring-pmipv6:pmipv6": {` + domain + `, "lma": [{"name": "lma", "domain": "lab.example", "address": {"ipv6": ["2001:db8:a::1"]},
	"mag": [{"id": "mag", "domain": "lab.example", "ipv6-address": "2001:db8:a::11"}],
	"network": [{"name": "home", "pool": {"mobile-node": {
		"ipv4": {"start-address": "198.18.0.2", "pool-prefix": 16, "default-router": "198.18.0.1"},
		"ipv6": {"start-address": "2001:db8:100::", "pool-prefix": 40}}}}]}]}}`

const gateway = `{"mooring-pmipv6:pmipv6": {` + domain + `, "mag": [{"name": "mag", "domain": "lab.example", "address": {"ipv6": "2001:db8:a::11"},
	"lma": [{"id": "lma", "domain": "lab.example"}], "interface": [
		{"name": "four", "node": [{"link-layer-address": "02:00:5e:10:00:04", "nai": "four@lab.example"}]},
		{"name": "six", "node": [{"link-layer-address": "02:00:5e:10:00:06", "nai": "six@lab.example"}]},
		{"name": "both", "node": [{"link-layer-address": "02:00:5e:10:00:0a", "nai": "both@lab.example"}]}]}]}}`

// The host that nodes talk to.
const cn4, cn6 = "203.0.113.2", "2001:db8:c::2"

// Three hosts of the kernel's own stack, one of them with IPv4 alone, one with IPv6 alone, and one with both: each is reached by, and reaches, what its
// service grants, by ICMP and TCP. Of the other version it is given nothing, and what it takes itself carries it nowhere.
func TestLMA27_EachVersionForWhomItIsGranted(t *testing.T) {
	lma, mag, cn := newHost(t, "lma"), newHost(t, "mag"), newHost(t, "cn")
	must(t, netns.Connect(lma, "core", mag, "core"), lma.Address("core", "2001:db8:a::1/64"), mag.Address("core", "2001:db8:a::11/64"),
		netns.Connect(lma, "inet", cn, "eth0"), lma.Address("inet", "203.0.113.1/24"), lma.Address("inet", "2001:db8:c::1/64"),
		cn.Address("eth0", cn4+"/24"), cn.Address("eth0", cn6+"/64"), cn.Route("0.0.0.0/0", "203.0.113.1"), cn.Route("::/0", "2001:db8:c::1"))
	nodes := []*node{
		newNode(t, mag, "four", 0x04, "198.18.9.9/16", "2001:db8:100:999::9/64"),
		newNode(t, mag, "six", 0x06, "198.18.9.10/16", "2001:db8:100:99a::9/64"),
		newNode(t, mag, "both", 0x0a, "198.18.9.11/16", "2001:db8:100:99b::9/64"),
	}
	run(t, lma, anchor)
	run(t, mag, gateway)
	granted := map[string][]string{"four": {cn4}, "six": {cn6}, "both": {cn4, cn6}}
	for _, n := range nodes {
		must(t, n.Up("eth0"))
	}
	for _, n := range nodes {
		t.Run(n.Name, func(t *testing.T) {
			n.configure(t, slices.Contains(granted[n.Name], cn4), slices.Contains(granted[n.Name], cn6))
			for _, to := range []string{cn4, cn6} {
				own := n.address(t, to)
				if !slices.Contains(granted[n.Name], to) {
					if own != "" {
						t.Errorf("it has %s", own)
					}
					n.takes(t, to)
					planetest.Unreachable(t, n.Host, cn, to)
					continue
				}
				n.pings(t, to)
				planetest.Transfer(t, n.Host, cn, to)
				planetest.Transfer(t, cn, n.Host, own)
			}
		})
	}
}

// node is a host at a link of a gateway. It may take addresses that nobody gave it.
type node struct {
	*netns.Host
	taken4, taken6 string
}

// newNode is a node whose link is down still.
func newNode(t *testing.T, mag *netns.Host, name string, mac byte, taken4, taken6 string) *node {
	t.Helper()
	n := &node{newHost(t, name), taken4, taken6}
	must(t, netns.Connect(n.Host, "eth0", mag, name), n.Down("eth0"))
	must(t, n.Net.LinkSetHardwareAddr(n.link(t), net.HardwareAddr{0x02, 0x00, 0x5e, 0x10, 0x00, mac}))
	return n
}

func (n *node) link(t *testing.T) netlib.Link {
	t.Helper()
	link, err := n.Net.LinkByName("eth0")
	must(t, err)
	return link
}

// configure has a DHCP client ask, as on any link, and the kernel make an address of what routers advertise.
func (n *node) configure(t *testing.T, v4, v6 bool) {
	t.Helper()
	tries := 2 // for what nobody answers
	if v4 {
		tries = 60
	}
	var client *nclient4.Client
	must(t, n.Do(func() (err error) {
		client, err = nclient4.New("eth0", nclient4.WithTimeout(time.Second), nclient4.WithRetry(tries))
		return err
	}))
	defer client.Close()
	lease, err := client.Request(t.Context())
	switch {
	case v4:
		must(t, err)
		mask, _ := lease.ACK.SubnetMask().Size()
		must(t, n.Address("eth0", netip.PrefixFrom(netip.AddrFrom4([4]byte(lease.ACK.YourIPAddr.To4())), mask).String()),
			n.Route("0.0.0.0/0", lease.ACK.Router()[0].String()))
	case !errors.Is(err, nclient4.ErrNoResponse):
		t.Errorf("DHCP: %v, %v", lease, err)
	}
	for until := time.Now().Add(time.Minute); v6 && n.address(t, cn6) == "" && time.Now().Before(until); {
		time.Sleep(50 * time.Millisecond)
	}
}

// address is the one that the node has of its home network, of the version of another address; empty: it has none.
func (n *node) address(t *testing.T, like string) string {
	t.Helper()
	family, home := netlib.FAMILY_V4, netip.MustParsePrefix("198.18.0.0/16")
	if strings.Contains(like, ":") {
		family, home = netlib.FAMILY_V6, netip.MustParsePrefix("2001:db8:100::/40")
	}
	list, err := netlink.Dump(func() ([]netlib.Addr, error) { return n.Net.AddrList(n.link(t), family) })
	must(t, err)
	for _, a := range list {
		const tentative = 0x40
		if addr, ok := netip.AddrFromSlice(a.IP); ok && home.Contains(addr.Unmap()) && a.Flags&tentative == 0 {
			return addr.Unmap().String()
		}
	}
	return ""
}

// takes gives the node an address that it was not given, and a default route over its link.
func (n *node) takes(t *testing.T, like string) {
	t.Helper()
	if strings.Contains(like, ":") {
		must(t, n.Sysctl("ipv6/conf/eth0/accept_dad", "0"), n.Address("eth0", n.taken6), n.Net.RouteReplace(n.onLink(t, "::/0")))
	} else {
		must(t, n.Address("eth0", n.taken4), n.Net.RouteReplace(n.onLink(t, "0.0.0.0/0")))
	}
}

// onLink leads what is for a prefix to the gateway's link-layer address.
func (n *node) onLink(t *testing.T, everything string) *netlib.Route {
	t.Helper()
	router, family := net.ParseIP("198.18.0.1"), netlib.FAMILY_V4
	if strings.Contains(everything, ":") {
		router, family = net.ParseIP("fe80::200:5eff:fe00:5213"), netlib.FAMILY_V6
	}
	fixed, err := net.ParseMAC("00:00:5e:00:52:13") // of every gateway (RFC 6543 section 5)
	must(t, err)
	index := n.link(t).Attrs().Index
	must(t, n.Net.NeighSet(&netlib.Neigh{LinkIndex: index, Family: family, State: netlib.NUD_PERMANENT, IP: router, HardwareAddr: fixed}))
	_, dst, err := net.ParseCIDR(everything)
	must(t, err)
	return &netlib.Route{LinkIndex: index, Dst: dst, Gw: router, Flags: int(netlib.FLAG_ONLINK), Priority: 1}
}

// pings waits for an answer to an echo request.
func (n *node) pings(t *testing.T, to string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ping", "-n", "-c", "1", "-w", "30", to)
	must(t, n.Do(func() error {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("ping %s: %v: %s", to, err, out)
		}
		return nil
	}))
}

func newHost(t *testing.T, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	must(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
