package frr

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
)

// daemons is where Debian's package frr has them.
const daemons = "/usr/lib/frr/"

// router is a host with FRR on it: zebra, staticd, and bgpd.
type router struct {
	t      *testing.T
	host   *netns.Host
	folder string // of sockets, whose paths have to be short
}

// startRouter starts FRR in a namespace, with everything it writes in a folder of its own.
func startRouter(t *testing.T, h *netns.Host, bgp string) *router {
	t.Helper()
	folder, err := os.MkdirTemp("", "frr")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	r := &router{t, h, folder}
	// Its daemons want their user to be in this group. They are root of the test's namespaces here, which may be nobody outside.
	must(t, os.MkdirAll(notes, 0o755), os.WriteFile(r.file("group"), []byte("root:x:0:\nfrrvty:x:0:root\n"), 0o644),
		os.WriteFile(r.file("bgpd.conf"), []byte(bgp), 0o644), os.WriteFile(r.file("empty.conf"), nil, 0o644),
		os.WriteFile(r.file("vtysh.conf"), []byte("username root nopassword\n"), 0o644)) // the virtual machine has no PAM
	r.start("zebra", "empty.conf", "zebra.vty")
	r.start("staticd", "empty.conf", "staticd.vty")
	r.start("bgpd", "bgpd.conf", "bgpd.vty")
	return r
}

func (r *router) file(name string) string { return filepath.Join(r.folder, name) }

// notes is where FRR keeps notes for a crash. The virtual machine has no such folder at first.
const notes = "/var/tmp"

// private has a command run with a file in the place of /etc/group, and with a folder of its own for notes.
const private = `mount --bind "$0" /etc/group && mount -t tmpfs tmpfs ` + notes + ` && exec "$@"`

// start starts a daemon, and returns when it listens.
func (r *router) start(daemon, config, socket string) {
	r.t.Helper()
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", private, r.file("group"),
		daemons+daemon, "-u", "root", "-g", "root", "--vty_socket", r.folder, "-z", r.file("zserv"), "-i", r.file(daemon+".pid"), "-P", "0",
		"-f", r.file(config), "--log", "stdout")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	must(r.t, r.host.Start(cmd))
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	r.t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if r.t.Failed() {
			r.t.Logf("%s on %s:\n%s", daemon, r.host.Name, &said)
		}
	})
	eventually(r.t, daemon+" listens", func() bool {
		select {
		case <-ended:
			r.t.Fatalf("%s has ended", daemon)
		default:
		}
		_, err := os.Stat(r.file(socket))
		return err == nil
	})
}

// configure gives FRR lines of its configuration.
func (r *router) configure(lines ...string) {
	r.t.Helper()
	args := []string{"--config_dir", r.folder, "--vty_socket", r.folder, "-c", "configure terminal"}
	for _, line := range lines {
		args = append(args, "-c", line)
	}
	if out, err := exec.Command("vtysh", args...).CombinedOutput(); err != nil || len(out) > 0 { // a failure may have the status 0
		r.t.Fatalf("vtysh: %v: %s", err, out)
	}
}

// hears waits until these are the prefixes that the router has from its neighbour, and no others.
func (r *router) hears(prefixes ...string) {
	r.t.Helper()
	prefixes = slices.Sorted(slices.Values(prefixes))
	var got []string
	defer func() {
		if r.t.Failed() {
			r.t.Logf("%s has heard of %v, want %v", r.host.Name, got, prefixes)
		}
	}()
	eventually(r.t, fmt.Sprintf("the neighbour hears of %v", prefixes), func() bool {
		got = nil
		for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
			routes, err := r.host.Net.RouteListFiltered(family, &netlib.Route{Protocol: unix.RTPROT_BGP}, netlib.RT_FILTER_PROTOCOL)
			if err != nil {
				return false
			}
			for _, route := range routes {
				got = append(got, route.Dst.String())
			}
		}
		slices.Sort(got)
		return slices.Equal(got, prefixes)
	})
}

// way is the router that packets for an address are sent to, or "link" if they leave by an interface at once; empty: they are discarded.
func way(h *netns.Host, to string) string {
	routes, err := h.Net.RouteGet(netip.MustParseAddr(to).AsSlice())
	switch {
	case err != nil || len(routes) == 0:
		return ""
	case routes[0].Gw == nil:
		return "link"
	}
	return routes[0].Gw.String()
}

// bgpWith is a router that speaks BGP with one neighbour over either IP version, and passes on what it is told to. The AS number may have a
// VRF behind it.
func bgpWith(as, id, neighbour4, neighbour6, redistribute string) string {
	return strings.NewReplacer("AS", as, "ID", id, "FOUR", neighbour4, "SIX", neighbour6, "REDISTRIBUTE", redistribute).Replace(`
route-map MOORING permit 10
 match metric 211
router bgp AS
 bgp router-id ID
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 neighbor FOUR remote-as external
 neighbor FOUR timers connect 1
 neighbor FOUR advertisement-interval 0
 neighbor SIX remote-as external
 neighbor SIX timers connect 1
 neighbor SIX advertisement-interval 0
 address-family ipv4 unicast
  REDISTRIBUTE
  neighbor FOUR activate
 address-family ipv6 unicast
  REDISTRIBUTE
  neighbor SIX activate
`)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not so: ", what)
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
