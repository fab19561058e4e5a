package planetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// Plane is a plane under test that forwards in a network namespace.
type Plane interface {
	dataplane.Plane
	Close() error
}

// InNamespace makes a Host of a network namespace, with a plane that open opens in it (nil: in that of the process). The test's TestMain
// calls Main.
func InNamespace(t *testing.T, open func(*netlink.Namespace) (Plane, error)) *Host {
	t.Helper()
	h, other := newNamespace(t, "host"), newNamespace(t, "other")
	connect := func(name string) { must(t, netns.Connect(h, name, other, name)) }
	connect("eth0")
	connect("access1")
	connect("access2")
	must(t, h.Address("eth0", "192.0.2.1/24"), h.Address("eth0", "2001:db8::1/64"))
	start := func() Plane {
		p, err := open(h.Namespace)
		must(t, err)
		t.Cleanup(func() { p.Close() })
		return p
	}
	p := start()
	return &Host{
		Plane:      p,
		RemoveLink: func(name string) { must(t, h.Delete(name)) },
		AddLink:    connect,
		Lose:       func(key any) { must(t, lose(h, key)) },
		Restart: func() dataplane.Plane {
			must(t, p.Close())
			Start(t, h)()
			return start()
		},
	}
}

// planeToKill marks the environment of a process that Main runs a plane in, to be killed.
const planeToKill = "MOORING_TEST_PLANE_TO_KILL"

// Main runs tests that use InNamespace; open as there.
func Main(m *testing.M, open func(*netlink.Namespace) (Plane, error)) {
	if os.Getenv(planeToKill) != "" {
		waitToBeKilled(open)
	}
	netns.Main(m)
}

// waitToBeKilled makes everything that a plane can make, and waits for its end.
func waitToBeKilled(open func(*netlink.Namespace) (Plane, error)) {
	p, err := open(nil)
	if err == nil {
		err = errors.Join(p.Apply(context.Background(), put(Everything()...))...)
	}
	fmt.Println("ready:", err)
	time.Sleep(time.Hour) // and not select: the runtime would find a process that nothing can wake
}

// Start runs a process in the host that has a plane make everything it can. The function ends it with SIGKILL.
func Start(t *testing.T, h *netns.Host) (kill func()) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stderr = append(os.Environ(), planeToKill+"=1"), os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err, h.Start(cmd))
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready: <nil>\n" {
		t.Fatalf("process said %q, %v", line, err)
	}
	return func() {
		must(t, cmd.Process.Kill())
		cmd.Wait()
	}
}

// lose removes an object of ours with the tools of a stranger.
func lose(h *netns.Host, key any) error {
	switch key := key.(type) {
	case dataplane.RouteKey:
		routes, err := h.Net.RouteListFiltered(netlib.FAMILY_ALL, &netlib.Route{Protocol: netlink.Protocol}, netlib.RT_FILTER_PROTOCOL)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if r.Dst.String() == key.Prefix.String() {
				return h.Net.RouteDel(&r)
			}
		}
	case dataplane.NeighbourKey:
		link, err := h.Net.LinkByName(key.Link)
		if err != nil {
			return err
		}
		return h.Net.NeighDel(&netlib.Neigh{LinkIndex: link.Attrs().Index, IP: net.IP(key.Addr.AsSlice())})
	case dataplane.LinkKey:
		rules, err := h.Net.RuleList(netlib.FAMILY_V6)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if r.IifName == string(key) && r.Protocol == netlink.Protocol {
				r.Family = netlib.FAMILY_V6
				return h.Net.RuleDel(&r)
			}
		}
	}
	return fmt.Errorf("%v is not there", key)
}

func newNamespace(t testing.TB, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	must(t, err, h.Sysctl("ipv6/conf/default/accept_dad", "0")) // nobody else is there, and it takes two seconds
	t.Cleanup(func() { h.Close() })
	return h
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
