package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

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

// loopVRFs are those of the example, and that of a second operator.
var loopVRFs = []string{"CUSTSP", "CUSTSP2", "VRF1", "VRF2"}

// loopInterfaces are all of them, with VRFs, where these are interfaces.
var loopInterfaces = append([]string{"lo", uplink, lan, accessEnd, serverLink, "br1", "br2", "br3", "br4", "c1", "c2"}, loopVRFs...)

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
	vrfs   map[string]*netns.Host // that are namespaces: where the kernel has no interfaces for VRFs
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
	t = &loopTopology{byName: map[string]*netns.Host{}, vrfs: map[string]*netns.Host{}}
	for _, name := range []string{"lma", "aaa", "cn1", "cn2", "cpe1", "cpe2", "cpe3", "mag", "pc1", "pc2", "pc3", "mn"} {
		if t.byName[name], err = t.add(name); err != nil {
			return t, err
		}
	}
	if err := t.makeVRFs(); err != nil {
		return t, err
	}
	for _, s := range sites() {
		if err := t.joinSite(s); err != nil {
			return t, err
		}
	}
	for _, hq := range headquarters {
		if err := t.joinHeadquarters(hq.name, hq.vrf, hq.link); err != nil {
			return t, err
		}
	}
	lma, aaa := t.byName["lma"], t.byName["aaa"]
	return t, errors.Join(netns.Connect(lma, serverLink, aaa, uplink),
		lma.Address(serverLink, clientAddress+"/24"), aaa.Address(uplink, serverAddress+"/24"), prepareNode(t.byName["mn"]))
}

// makeVRFs makes the VRFs of the anchor as its operator would (docs/adr/0237): interfaces, or namespaces where the kernel has none such.
func (t *loopTopology) makeVRFs() error {
	for i, name := range loopVRFs {
		device := &netlib.Vrf{LinkAttrs: netlib.NewLinkAttrs(), Table: uint32(1001 + i)}
		device.Name = name
		lma := t.byName["lma"]
		err := lma.Net.LinkAdd(device)
		switch {
		case errors.Is(err, unix.EOPNOTSUPP):
			if t.vrfs[name], err = t.add(name); err != nil {
				return err
			}
		case err != nil:
			return fmt.Errorf("VRF %s: %w", name, err)
		default:
			if err := lma.Up(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// in connects a host to the anchor, in a VRF, and returns where the link is now.
func (t *loopTopology) in(vrf, link string, to *netns.Host) (*netns.Host, error) {
	if space := t.vrfs[vrf]; space != nil {
		return space, netns.Connect(space, link, to, uplink)
	}
	lma := t.byName["lma"]
	if err := netns.Connect(lma, link, to, uplink); err != nil {
		return nil, err
	}
	device, err := lma.Net.LinkByName(link)
	if err != nil {
		return nil, err
	}
	master, err := lma.Net.LinkByName(vrf)
	if err != nil {
		return nil, err
	}
	return lma, lma.Net.LinkSetMaster(device, master)
}

func (t *loopTopology) joinSite(s *site) error {
	gateway := t.byName[s.name]
	at, err := t.in(s.vrf, s.link, gateway)
	if err != nil {
		return err
	}
	bits := 24
	if s.own.Is6() {
		bits = 64
	}
	err = errors.Join(at.Address(s.link, netip.PrefixFrom(s.anchor, bits).String()), gateway.Address(uplink, netip.PrefixFrom(s.own, bits).String()))
	if err != nil || s.behind == "mn" {
		return err
	}
	return netns.Connect(gateway, lan, t.byName[s.behind], uplink)
}

func (t *loopTopology) joinHeadquarters(name, vrf, link string) error {
	cn := t.byName[name]
	at, err := t.in(vrf, link, cn)
	if err != nil {
		return err
	}
	return errors.Join(
		at.Address(link, cnGateway4+"/24"), cn.Address(uplink, cn4+"/24"), cn.Route("0.0.0.0/0", cnGateway4),
		at.Address(link, cnGateway6+"/64"), cn.Address(uplink, cn6+"/64"), cn.Route("::/0", cnGateway6))
}

// nameVRFs lets the calling thread, and what it starts, know the namespaces of VRFs by the names that "ip netns" would have given them, and
// nobody else.
func (t *loopTopology) nameVRFs() error {
	if len(t.vrfs) == 0 {
		return nil
	}
	err := unix.Unshare(unix.CLONE_NEWNS)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err == nil {
		err = unix.Mount("tmpfs", "/run", "tmpfs", 0, "")
	}
	if err == nil {
		err = os.Mkdir("/run/netns", 0o755)
	}
	for name, space := range t.vrfs {
		file := "/run/netns/" + name
		if err == nil {
			err = os.WriteFile(file, nil, 0o600)
		}
		if err == nil {
			err = unix.Mount(fmt.Sprintf("/proc/self/fd/%d", space.FD()), file, "", unix.MS_BIND, "")
		}
	}
	if err != nil {
		return fmt.Errorf("name the namespaces of VRFs: %w", err)
	}
	return nil
}
