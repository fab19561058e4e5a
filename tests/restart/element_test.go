// Package restart kills elements under traffic.
package restart

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"

	"mooring/cmd/mooring/element"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/examples"
	"mooring/tests/said"
)

// asElement is the variable that says which state folder this process is an element of.
const asElement = "MOORING_TEST_ELEMENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asElement); dir != "" {
		if err := beElement(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	netns.Main(m)
}

// beElement runs until its input ends, or until it is killed. The configuration that it is to begin with replaces the one it has.
func beElement(dir string) error {
	e, err := element.Start(context.Background(), element.Options{
		StateDir: dir, Startup: dir + "/startup.json", StartupReplace: true, NETCONF: []netip.AddrPort{}, GNMI: []netip.AddrPort{}, Metrics: []netip.AddrPort{},
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return e.Wait(context.Background())
}

// running is an element that is a process.
type running struct {
	t    *testing.T
	host *netns.Host
	dir  string
	cmd  *exec.Cmd
	log  *said.Text // since it was started last
}

// newElement starts an element of the lab, of which something may be prepared before.
func newElement(t *testing.T, h *netns.Host, example string, w way, prepare ...func(*running)) *running {
	config, err := examples.FS.ReadFile(example)
	must(t, err)
	r := configured(t, h, config)
	r.change(`"mooring-system:system": {`, `"mooring-system:system": {"dataplane": {"backend": "`+w.backend+`"}, `)
	if w.encap != "" {
		r.change(`"auth-option"`, `"encap": "`+w.encap+`", "auth-option"`)
	}
	for _, do := range prepare {
		do(r)
	}
	r.start()
	t.Cleanup(r.kill)
	return r
}

// configured is an element that has not been started yet.
func configured(t *testing.T, h *netns.Host, config []byte) *running {
	r := &running{t: t, host: h, dir: t.TempDir()}
	r.obey(config)
	return r
}

// obey has the element begin with a configuration when it is started next.
func (r *running) obey(config []byte) {
	r.t.Helper()
	must(r.t, os.WriteFile(r.dir+"/startup.json", config, 0o600))
}

// change alters the configuration that the element begins with.
func (r *running) change(old, new string) {
	r.t.Helper()
	config, err := os.ReadFile(r.dir + "/startup.json")
	must(r.t, err)
	if !bytes.Contains(config, []byte(old)) {
		r.t.Fatalf("the configuration has no %s", old)
	}
	r.obey(bytes.Replace(config, []byte(old), []byte(new), 1))
}

func (r *running) start() {
	r.t.Helper()
	r.launch()()
}

// launch starts the element, and returns what waits until it is ready.
func (r *running) launch() (await func()) {
	r.t.Helper()
	r.log = &said.Text{}
	r.cmd = exec.Command("/proc/self/exe")
	r.cmd.Env, r.cmd.Stderr = append(os.Environ(), asElement+"="+r.dir), io.MultiWriter(r.log, os.Stderr)
	out, err := r.cmd.StdoutPipe()
	must(r.t, err, r.host.Start(r.cmd))
	return func() {
		r.t.Helper()
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
			r.t.Fatalf("%s does not start: %q, %v", r.host.Name, line, err)
		}
	}
}

// kill gives the element no time for anything.
func (r *running) kill() {
	r.cmd.Process.Kill()
	r.cmd.Wait()
}

// anchorAddress is one of the anchor, which nodes speak to.
const anchorAddress = "2001:db8:0:1::2"

// way is what carries the packets of a domain.
type way struct {
	backend string
	v4      bool   // outside; then over UDP, as the example has it
	encap   string // over IPv6; empty: IP in IP
}

// domain is an anchor, a gateway and a node at home.
type domain struct {
	lma, mag, node  *netns.Host
	anchor, gateway *running
	home            string // address of the node
}

func newDomain(t *testing.T, w way, prepareAnchor ...func(*running)) *domain {
	t.Helper()
	d := &domain{lma: newHost(t, "lma"), mag: newHost(t, "mag"), node: newHost(t, "mn")}
	must(t, netns.Connect(d.lma, "core", d.mag, "core"), d.lma.Address("core", anchorAddress+"/32"), d.mag.Address("core", "2001:db8:0:11::2/32"),
		d.lma.Address("core", "192.0.2.2/24"), d.mag.Address("core", "192.0.2.18/24"),
		netns.Connect(d.node, "eth0", d.mag, "access0"), d.node.Down("eth0"))
	example := "lab/ipv6/"
	if w.v4 {
		example = "lab/ipv4/"
	}
	d.anchor, d.gateway = newElement(t, d.lma, example+"lma.json", w, prepareAnchor...), newElement(t, d.mag, example+"mag1.json", w)
	link, err := d.node.Net.LinkByName("eth0")
	must(t, err, d.node.Net.LinkSetHardwareAddr(link, net.HardwareAddr{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}), d.node.Up("eth0"))
	d.home = homeOf(t, d.node, "2001:db8:100:")
	await(t, d.node, d.lma, anchorAddress)
	return d
}

// homeOf waits for the address that the node makes of its home network prefix, which begins so.
func homeOf(t *testing.T, node *netns.Host, prefix string) string {
	t.Helper()
	link, err := node.Net.LinkByName("eth0")
	must(t, err)
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		addresses, err := netlink.Dump(func() ([]netlib.Addr, error) { return node.Net.AddrList(link, netlib.FAMILY_V6) })
		must(t, err)
		for _, a := range addresses {
			const tentative = 0x40
			if strings.HasPrefix(a.IP.String(), prefix) && a.Flags&tentative == 0 {
				return a.IP.String()
			}
		}
	}
	t.Fatal("the node has no address of its home network")
	return ""
}

// await waits until what a host sends to an address of another one arrives.
func await(t *testing.T, from, to *netns.Host, addr string) {
	t.Helper()
	var sink, source *net.UDPConn
	must(t, to.Do(func() (err error) {
		sink, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr)})
		return err
	}))
	defer sink.Close()
	must(t, from.Do(func() (err error) {
		source, err = net.ListenUDP("udp", nil)
		return err
	}))
	defer source.Close()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		source.WriteTo([]byte("hello"), sink.LocalAddr()) // there may be no way yet
		must(t, sink.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		if _, err := sink.Read(make([]byte, 10)); err == nil {
			return
		}
	}
	t.Fatalf("%s does not reach %s at %s", from.Name, to.Name, addr)
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
