package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"

	"mooring/dataplane/netns"
	"mooring/mobility"
)

// site is where a customer's nodes are: a gateway with a link to the anchor, in the VRF of an operator.
type site struct {
	name, customer, vrf string
	link                string     // at the anchor
	anchor, own         netip.Addr // the ends of the path
	key                 *mobility.Key
	behind              string // the host there
	nai                 string // of what is registered
}

// records are what the server has to be told of the site when something begins or ends.
func (s *site) records(kind string) []string {
	whose := fmt.Sprintf(", customer=%s vrf-id=%s", s.customer, customerVRFs[s.customer])
	return []string{kind + ofNode(s.nai) + whose, kind + ofTunnel(s.anchor.String(), s.own.String()) + whose}
}

// customerVRFs are those of the example.
var customerVRFs = map[string]string{"CUST1": "VRF1", "CUST2": "VRF2"}

// The sites. Those of one operator know nothing of the other's: cpe1 and cpe3 even have the same address.
func sites() []*site {
	first := &mobility.Key{SPI: 0x100, Secret: []byte("xyz123")} // of CUST1, in the example
	at := netip.MustParseAddr
	return []*site{
		{name: "cpe1", customer: "CUST1", vrf: "CUSTSP", link: "br1",
			anchor: at("15.15.15.2"), own: at("15.15.15.11"), key: first, behind: "pc1", nai: "cpe1@CUST1"},
		{name: "cpe2", customer: "CUST2", vrf: "CUSTSP", link: "br2",
			anchor: at("16.16.16.2"), own: at("16.16.16.11"), behind: "pc2", nai: "cpe2@CUST2"},
		{name: "cpe3", customer: "CUST1", vrf: "CUSTSP2", link: "br3",
			anchor: at("15.15.15.2"), own: at("15.15.15.11"), key: first, behind: "pc3", nai: "cpe3@CUST1"},
		{name: "mag", customer: "CUST2", vrf: "CUSTSP2", link: "br4",
			anchor: at("2002:16::2"), own: at("2002:16::11"), behind: "mn", nai: "host1@CUST2"},
	}
}

// The rest of the topology. What the example names is of its own choice.
const (
	serverLink    = "aaa0"       // of the anchor, in the default VRF, to the RADIUS server
	serverAddress = "10.10.10.2" // of the example
	serverPort    = 1646         // of the example
	clientAddress = "10.10.10.1"
	sharedSecret  = "cisco" // that the type 7 key of the example hides
)

// headquarters are the customers' own hosts behind the anchor. They have the same addresses.
var headquarters = []struct{ name, vrf, link string }{{"cn1", "VRF1", "c1"}, {"cn2", "VRF2", "c2"}}

// loopInterfaces are all of them.
var loopInterfaces = []string{"lo", uplink, lan, accessEnd, serverLink, "br1", "br2", "br3", "br4", "c1", "c2"}

// memberships is the configuration that puts the links of the anchor into VRFs: the example says which VRFs there are, and not what is in them.
func memberships() ([]byte, error) {
	links := map[string][]string{}
	for _, s := range sites() {
		links[s.vrf] = append(links[s.vrf], s.link)
	}
	for _, hq := range headquarters {
		links[hq.vrf] = append(links[hq.vrf], hq.link)
	}
	var list []map[string]any
	for _, vrf := range slices.Sorted(maps.Keys(links)) {
		list = append(list, map[string]any{"name": vrf, "mooring-network-instance:vrf": map[string]any{"interface": links[vrf]}})
	}
	return json.Marshal(map[string]any{"ietf-network-instance:network-instances": map[string]any{"network-instance": list}})
}

// loopTopology is the hosts:
//
//	pc1 ── cpe1 ──┐                ┌── cn1
//	pc2 ── cpe2 ──┤ CUSTSP    VRF1 │
//	              ├───── lma ──────┤
//	pc3 ── cpe3 ──┤ CUSTSP2   VRF2 │
//	 mn ┄┄ mag  ──┘       │        └── cn2
//	                     aaa
type loopTopology struct {
	byName map[string]*netns.Host
	all    []*netns.Host
}

func (t *loopTopology) add(name string) (*netns.Host, error) {
	h, err := netns.NewHost(name)
	if errors.Is(err, os.ErrPermission) {
		return nil, &Unfit{fmt.Errorf("%w; %s", err, netns.Remedy)}
	}
	if err != nil {
		return nil, err
	}
	t.all = append(t.all, h)
	return h, atOnce(h)
}

// buildLoop makes the hosts and joins them. The caller closes them, also after an error.
func buildLoop() (t *loopTopology, err error) {
	t = &loopTopology{byName: map[string]*netns.Host{}}
	for _, name := range []string{"lma", "aaa", "cn1", "cn2", "cpe1", "cpe2", "cpe3", "mag", "pc1", "pc2", "pc3", "mn"} {
		if t.byName[name], err = t.add(name); err != nil {
			return t, err
		}
	}
	for _, s := range sites() {
		if err := t.joinSite(s); err != nil {
			return t, err
		}
	}
	for _, hq := range headquarters {
		if err := t.joinHeadquarters(hq.name, hq.link); err != nil {
			return t, err
		}
	}
	lma, aaa := t.byName["lma"], t.byName["aaa"]
	return t, errors.Join(netns.Connect(lma, serverLink, aaa, uplink),
		lma.Address(serverLink, clientAddress+"/24"), aaa.Address(uplink, serverAddress+"/24"), prepareNode(t.byName["mn"]))
}

func (t *loopTopology) joinSite(s *site) error {
	lma, gateway := t.byName["lma"], t.byName[s.name]
	bits := 24
	if s.own.Is6() {
		bits = 64
	}
	err := errors.Join(netns.Connect(lma, s.link, gateway, uplink),
		lma.Address(s.link, netip.PrefixFrom(s.anchor, bits).String()), gateway.Address(uplink, netip.PrefixFrom(s.own, bits).String()))
	if err != nil || s.behind == "mn" {
		return err
	}
	return netns.Connect(gateway, lan, t.byName[s.behind], uplink)
}

func (t *loopTopology) joinHeadquarters(name, link string) error {
	lma, cn := t.byName["lma"], t.byName[name]
	return errors.Join(netns.Connect(lma, link, cn, uplink),
		lma.Address(link, cnGateway4+"/24"), cn.Address(uplink, cn4+"/24"), cn.Route("0.0.0.0/0", cnGateway4),
		lma.Address(link, cnGateway6+"/64"), cn.Address(uplink, cn6+"/64"), cn.Route("::/0", cnGateway6))
}
