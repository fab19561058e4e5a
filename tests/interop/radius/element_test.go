package radius

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }

// background starts a command in a host. kill ends it at once, and waits for that; ended is closed when it has ended.
func background(t *testing.T, h *netns.Host, cmd *exec.Cmd) (kill func(), ended chan struct{}) {
	t.Helper()
	started := make(chan error)
	ended = make(chan struct{})
	go func() {
		runtime.LockOSThread() // the command dies with the thread that starts it
		defer runtime.UnlockOSThread()
		err := h.Start(cmd)
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(ended)
	}()
	must(t, <-started)
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		<-ended
	})
	t.Cleanup(kill)
	return kill, ended
}

// domain is a node, its MAG and LMA, and who the node talks to:
//
//	node ──access0── mag ──eth0── lma ──eth1── cn
type domain struct {
	t                  *testing.T
	node, mag, lma, cn *netns.Host
	program, folder    string
}

const (
	cnAddr   = "2001:db8:c::2"
	nodeMAC  = "02:00:5e:10:00:01"
	identity = "mn1@lab.example"
)

func newDomain(t *testing.T) *domain {
	t.Helper()
	d := &domain{t: t, folder: t.TempDir(), program: mooring(t)}
	for name, h := range map[string]**netns.Host{"node": &d.node, "mag": &d.mag, "lma": &d.lma, "cn": &d.cn} {
		host, err := netns.NewHost(name)
		must(t, err)
		t.Cleanup(func() { host.Close() })
		*h = host
		if name != "node" {
			must(t, host.Sysctl("ipv6/conf/default/accept_dad", "0"))
		}
	}
	must(t,
		netns.Connect(d.mag, "eth0", d.lma, "eth0"), netns.Connect(d.lma, "eth1", d.cn, "eth0"),
		d.mag.Address("eth0", "2001:db8:a::11/64"), d.lma.Address("eth0", "2001:db8:a::1/64"),
		d.lma.Address("eth1", "2001:db8:c::1/64"), d.cn.Address("eth0", cnAddr+"/64"), d.cn.Route("::/0", "2001:db8:c::1"))
	mac, err := net.ParseMAC(nodeMAC)
	must(t, err)
	pair := &netlib.Veth{LinkAttrs: netlib.NewLinkAttrs(), PeerName: "access0"}
	pair.Name, pair.MTU, pair.TxQLen, pair.HardwareAddr = "eth0", 1500, 1000, mac
	must(t, d.node.Net.LinkAdd(pair), d.node.Move("access0", d.mag))
	return d
}

const onBackend = `"dataplane": {"backend": "` + carrying + `"}`

const common = `"domain": [{"name": "lab.example", "auth-option": {"spi": 4096, "key": "secret"},
	"lma": [{"id": "lma", "ipv6-address": "2001:db8:a::1"}],
	"nai": [{"id": "` + identity + `", "network": "home", "service": "ipv6", "lma": "lma"}]}]`

// anchored is the configuration of the LMA: accounting goes to two servers in the LMA's own network, of which the first is at port 1646.
const anchored = `{"mooring-system:system": {` + onBackend + `, "aaa": {
	"radius": {"timeout": 1, "retransmit": 1, "dead-time": 1, "server": [
		{"name": "first", "address": "127.0.0.1", "acct-port": 1646, "shared-secret": "cisco"},
		{"name": "second", "address": "127.0.0.1", "acct-port": 2646, "shared-secret": "cisco"}]},
	"accounting": {"mobile": [{"name": "default", "group": ["radius"]}]}}},
	"mooring-pmipv6:pmipv6": {` + common + `, "lma": [{"name": "lma", "domain": "lab.example", "address": {"ipv6": ["2001:db8:a::1"]},
		"bce": {"delete-wait-time": 1000}, "aaa": {"accounting": {"enabled": true}},
		"mag": [{"id": "mag", "domain": "lab.example", "ipv6-address": "2001:db8:a::11"}],
		"network": [{"name": "home", "pool": {"mobile-node": {"ipv6": {"start-address": "2001:db8:100::", "pool-prefix": 40}}}}]}]}}`

const gateway = `{"mooring-system:system": {` + onBackend + `}, "mooring-pmipv6:pmipv6": {` + common + `, "mag": [{"name": "mag", "domain": "lab.example", "address": {"ipv6": "2001:db8:a::11"},
	"lma": [{"id": "lma", "domain": "lab.example"}],
	"interface": [{"name": "access0", "node": [{"link-layer-address": "` + nodeMAC + `", "nai": "` + identity + `"}]}]}]}}`

// run starts an element and returns how it is killed.
func (d *domain) run(h *netns.Host, configuration string) (kill func()) {
	d.t.Helper()
	state := filepath.Join(d.folder, h.Name)
	startup := state + ".json"
	must(d.t, os.WriteFile(startup, []byte(configuration), 0o600))
	log, err := os.OpenFile(state+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(d.t, err)
	defer log.Close()
	cmd := exec.Command(d.program, "run", "--state-dir", state, "--startup", startup, "--netconf", "127.0.0.1:0", "--gnmi", "127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = log, log
	kill, ended := background(d.t, h, cmd)
	d.t.Cleanup(func() {
		if d.t.Failed() {
			text, _ := os.ReadFile(state + ".log")
			d.t.Logf("%s:\n%s", h.Name, text)
		}
	})
	socket := filepath.Join(state, "mooring.sock")
	eventually(d.t, "element "+h.Name+" listens", func() bool {
		select {
		case <-ended:
			d.t.Fatalf("element %s ended", h.Name)
		default:
		}
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return kill
}

// attach lets the node come, and returns its address when it reaches the other side.
func (d *domain) attach() (home netip.Addr) {
	d.t.Helper()
	must(d.t, d.mag.Up("access0"), d.node.Up("eth0"))
	eventually(d.t, "the node has an address of its home network", func() bool {
		link, err := d.node.Net.LinkByName("eth0")
		must(d.t, err)
		addrs, err := d.node.Net.AddrList(link, netlib.FAMILY_V6)
		must(d.t, err)
		for _, a := range addrs {
			if addr, ok := netip.AddrFromSlice(a.IP); ok && strings.HasPrefix(addr.String(), "2001:db8:1") && a.Flags&0x40 == 0 { // IFA_F_TENTATIVE
				home = addr
			}
		}
		return home.IsValid()
	})
	return home
}

// tunnelIs waits until the LMA has an interface of this kind for its tunnel.
func (d *domain) tunnelIs(kind string) {
	d.t.Helper()
	eventually(d.t, "the LMA has a tunnel, which is a "+kind, func() bool {
		links, err := d.lma.Net.LinkList()
		must(d.t, err)
		return slices.ContainsFunc(links, func(l netlib.Link) bool {
			return l.Type() == kind && l.Attrs().Alias != "" // the kernel's own have none
		})
	})
}

// detach lets the node go.
func (d *domain) detach() {
	d.t.Helper()
	must(d.t, d.node.Down("eth0"), d.mag.Down("access0"))
}

// udp opens a socket in a host.
func (d *domain) udp(h *netns.Host, addr string) (conn *net.UDPConn) {
	d.t.Helper()
	must(d.t, h.Do(func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 4000)))
		return err
	}))
	d.t.Cleanup(func() { conn.Close() })
	return conn
}

// exchange sends datagrams of some size from one socket to another and makes sure that each arrives.
func (d *domain) exchange(from, to *net.UDPConn, n, size int) {
	d.t.Helper()
	buffer := make([]byte, 2048)
	for range n {
		_, err := from.WriteTo(make([]byte, size), to.LocalAddr())
		must(d.t, err, to.SetReadDeadline(time.Now().Add(time.Minute)))
		if got, err := to.Read(buffer); err != nil || got != size {
			d.t.Fatalf("of %d octets %d arrived: %v", size, got, err)
		}
	}
}

// bindings is how many bindings the LMA shows.
func (d *domain) bindings() int {
	d.t.Helper()
	out, err := exec.CommandContext(d.t.Context(), d.program, "show", "bindings", "--json", "--state-dir", filepath.Join(d.folder, "lma")).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%v: %s", err, out)
	}
	return strings.Count(string(out), identity)
}
