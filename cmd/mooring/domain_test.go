package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	netlib "github.com/vishvananda/netlink"

	"mooring/cmd/mooring/client"
	"mooring/dataplane/netns"
)

// domain is an anchor and a gateway on one wire, and a node at the gateway: the plain network stack of a kernel.
type domain struct {
	t                *testing.T
	lma, mag, mn     *netns.Host
	anchor, gateway  *process
	lmaDir, magDir   string
	lmaFile, magFile string
}

// newDomain starts the elements with the configurations of the lab. The node is registered when it returns.
func newDomain(t *testing.T) *domain {
	d := &domain{
		t: t, lma: newHost(t, "lma"), mag: newHost(t, "mag"), mn: newHost(t, "mn"), lmaDir: t.TempDir(), magDir: t.TempDir(),
		lmaFile: "../../examples/lab/ipv6/lma.json", magFile: "../../examples/lab/ipv6/mag1.json",
	}
	must(t,
		netns.Connect(d.lma, "core", d.mag, "core"), d.lma.Address("core", "2001:db8:0:1::2/32"), d.mag.Address("core", "2001:db8:0:11::2/32"),
		netns.Connect(d.mn, "eth0", d.mag, "access0"), d.mn.Down("eth0"))
	d.anchor = run(t, d.lma, d.lmaDir, "--startup", d.lmaFile)
	d.gateway = run(t, d.mag, d.magDir, "--startup", d.magFile)
	link, err := d.mn.Net.LinkByName("eth0")
	must(t, err)
	must(t, d.mn.Net.LinkSetHardwareAddr(link, net.HardwareAddr{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}), d.mn.Up("eth0"))
	d.registered(1)
	return d
}

// registered waits until both elements have the one binding of the node, forward for it, and the node has its address and its router.
func (d *domain) registered(id int) {
	d.t.Helper()
	for _, p := range []*process{d.anchor, d.gateway} {
		eventually(d.t, func() string {
			list := p.values("bindings")
			if len(list) != 1 || list[0]["state"] != "active" || list[0]["forwarding"] != "installed" || list[0]["hoa"] != "198.18.0.2" || list[0]["tunnel"] == nil {
				return fmt.Sprintf("%s has bindings %v", p.host.Name, list)
			}
			return ""
		})
	}
	eventually(d.t, func() string {
		link, err := d.mn.Net.LinkByName("eth0")
		must(d.t, err)
		addresses, err := d.mn.Net.AddrList(link, netlib.FAMILY_V6)
		must(d.t, err)
		for _, a := range addresses {
			if strings.HasPrefix(a.IP.String(), "2001:db8:100:") {
				return ""
			}
		}
		return fmt.Sprintf("the node has addresses %v", addresses)
	})
}

// set commits one leaf of an element, over its local socket.
func (p *process) set(value string, path ...*gpb.PathElem) {
	p.t.Helper()
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	_, err = c.Set(p.t.Context(), &gpb.SetRequest{Update: []*gpb.Update{{
		Path: &gpb.Path{Elem: path}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}},
	}}})
	must(p.t, err)
}

// delete takes a node from the configuration of an element, over its local socket.
func (p *process) delete(path ...*gpb.PathElem) error {
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	_, err = c.Set(p.t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{{Elem: path}}})
	return err
}

// LMA-19: a network of which nodes have addresses stays.
func TestNetworkInUse(t *testing.T) {
	d := newDomain(t)
	err := d.anchor.delete(elem("pmipv6"), elem("lma", "name", "lma"), elem("network", "name", "home"))
	if err == nil || !strings.Contains(err.Error(), "/mooring-pmipv6:pmipv6/lma[name='lma']/network[name='home']: bindings with addresses of the network: 1") {
		t.Errorf("the network of a binding was deleted: %v", err)
	}
	d.registered(1)
	must(t, d.anchor.delete(elem("pmipv6"), elem("lma", "name", "lma")))
}

func (d *domain) disableGateway() {
	d.gateway.set("false", elem("pmipv6"), elem("mag", "name", "mag1"), elem("enabled"))
}

func elem(name string, key ...string) *gpb.PathElem {
	e := &gpb.PathElem{Name: name}
	if len(key) > 0 {
		e.Key = map[string]string{key[0]: key[1]}
	}
	return e
}
