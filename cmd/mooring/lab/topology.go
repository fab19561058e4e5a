package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane/netns"
)

// The addresses of the topology; those of the elements are the ones of examples/lab. Links have prefixes of the lengths behind them.
const (
	cn4, cnGateway4 = "203.0.113.2", "203.0.113.1"       // 24
	cn6, cnGateway6 = "2001:db8:cc::2", "2001:db8:cc::1" // 64
	nodeMAC         = "02:00:5e:10:00:01"                // by which the gateways know the node
)

// coreLinks are the links of the elements to the core.
var coreLinks = []struct{ element, own4, core4, own6, core6 string }{
	{"lma", "192.0.2.2", "192.0.2.1", "2001:db8:0:1::2", "2001:db8:0:1::1"},      // 28, 64
	{"mag1", "192.0.2.18", "192.0.2.17", "2001:db8:0:11::2", "2001:db8:0:11::1"}, // 28, 64
	{"mag2", "192.0.2.34", "192.0.2.33", "2001:db8:0:12::2", "2001:db8:0:12::1"}, // 28, 64
}

// The interfaces. Those of the core are called like the element at their other end.
const (
	uplink    = "eth0"    // of the elements and of the correspondent node
	toCN      = "eth1"    // of the LMA
	nodeLink  = "eth0"    // of the node
	accessEnd = "access0" // its other end, which is moved from gateway to gateway
)

// interfaces are all of them.
var interfaces = []string{"lo", uplink, toCN, nodeLink, accessEnd, "lma", "mag1", "mag2"}

// topology is the hosts of the lab:
//
//	cn ── lma ── core ┬── mag1 ┄┄ mn
//	                  └── mag2
type topology struct {
	cn, lma, core, mag1, mag2, mn *netns.Host
	all                           []*netns.Host
}

// build makes the hosts and joins them. The node's link ends nowhere yet. The caller closes the topology, also after an error.
func build() (*topology, error) {
	t := &topology{}
	for _, each := range []struct {
		name string
		host **netns.Host
	}{{"cn", &t.cn}, {"lma", &t.lma}, {"core", &t.core}, {"mag1", &t.mag1}, {"mag2", &t.mag2}, {"mn", &t.mn}} {
		h, err := netns.NewHost(each.name)
		if errors.Is(err, os.ErrPermission) {
			return t, &Unfit{fmt.Errorf("%w; %s", err, netns.Remedy)}
		}
		if err != nil {
			return t, err
		}
		*each.host = h
		t.all = append(t.all, h)
	}
	if err := t.joinCore(); err != nil {
		return t, err
	}
	return t, errors.Join(t.joinCorrespondent(), prepareNode(t.mn))
}

func (t *topology) host(name string) *netns.Host {
	for _, h := range t.all {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// joinCore lays the links of the elements to the core, which routes between them and knows nothing of nodes.
func (t *topology) joinCore() error {
	if err := errors.Join(t.core.Forward(), atOnce(t.core), atOnce(t.lma), atOnce(t.cn)); err != nil {
		return err
	}
	for _, l := range coreLinks {
		h := t.host(l.element)
		if err := netns.Connect(h, uplink, t.core, l.element); err != nil {
			return err
		}
		err := errors.Join(
			h.Address(uplink, l.own4+"/28"), t.core.Address(l.element, l.core4+"/28"), h.Route("0.0.0.0/0", l.core4),
			h.Address(uplink, l.own6+"/64"), t.core.Address(l.element, l.core6+"/64"), h.Route("::/0", l.core6),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// atOnce lets the new links of a host be usable without duplicate address detection: a router asks for link-layer addresses from its
// own link-local address.
func atOnce(h *netns.Host) error { return h.Sysctl("ipv6/conf/default/accept_dad", "0") }

// joinCorrespondent puts the correspondent node behind the LMA.
func (t *topology) joinCorrespondent() error {
	if err := netns.Connect(t.cn, uplink, t.lma, toCN); err != nil {
		return err
	}
	return errors.Join(
		t.cn.Address(uplink, cn4+"/24"), t.lma.Address(toCN, cnGateway4+"/24"), t.cn.Route("0.0.0.0/0", cnGateway4),
		t.cn.Address(uplink, cn6+"/64"), t.lma.Address(toCN, cnGateway6+"/64"), t.cn.Route("::/0", cnGateway6),
	)
}

// prepareNode gives a node its link. The other end waits in the node itself, down, until it is attached to a gateway.
func prepareNode(mn *netns.Host) error {
	mac, err := net.ParseMAC(nodeMAC)
	if err != nil {
		return err
	}
	pair := &netlib.Veth{LinkAttrs: netlib.NewLinkAttrs(), PeerName: accessEnd}
	pair.Name, pair.MTU, pair.TxQLen, pair.HardwareAddr = nodeLink, 1500, 1000, mac
	if err := mn.Net.LinkAdd(pair); err != nil {
		return fmt.Errorf("the node's link: %w", err)
	}
	return mn.Up(nodeLink)
}

// clean checks that the elements have left no interface on hosts besides those that are named, after they have ended.
func clean(hosts []*netns.Host, named []string) error {
	var errs []error
	for _, h := range hosts {
		links, err := h.Net.LinkList()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: list interfaces: %w", h.Name, err))
		}
		for _, link := range links {
			if name := link.Attrs().Name; !slices.Contains(named, name) {
				errs = append(errs, fmt.Errorf("interface %s was left behind on %s", name, h.Name))
			}
		}
	}
	return errors.Join(errs...)
}

// ofDrivers are interfaces that the kernel's tunnel drivers make in every namespace when they are loaded. Nobody can remove them.
var ofDrivers = []string{"tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0"}
