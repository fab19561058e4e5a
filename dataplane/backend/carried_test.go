package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// carrying names the variable that makes this test binary carry an interface and end itself at a step of that: "FOLDER in|out STEP".
const carrying = "MOORING_TEST_CARRYING"

const carriedLink = "c1"

var (
	red       = dataplane.Op{Object: dataplane.VRF{Name: "red"}}
	inRed     = dataplane.Op{Object: dataplane.Member{Link: carriedLink, VRF: "red"}}
	outOfRed  = dataplane.Op{Object: inRed.Object, Delete: true}
	allOfIt   = "up 203.0.113.1/24 2001:db8:c::1/64 198.51.100.0/24>203.0.113.2 2001:db8:99::/48>2001:db8:c::2"
	inDefault = "default: " + allOfIt
	inVRF     = "red: " + allOfIt
)

// An interface goes into a VRF and comes back, and the process is killed before each step of that. The next one, which wants nothing yet, finds or gives back
// addresses and routes, in whichever of the VRFs it was; and can go on.
func TestCarriedInterfacesLoseNothing(t *testing.T) {
	h := carriedHost(t)
	s, err := netns.NewStage()
	must(t, err)
	t.Cleanup(s.Close)
	folder := t.TempDir()
	run := func(way string, step int) (said []string, killed bool) {
		t.Helper()
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), fmt.Sprint(carrying, "=", folder, " ", way, " ", step))
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		must(t, s.Do(func() error { return h.StartAsThread(cmd) }))
		err := cmd.Wait()
		if killed = cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled(); err != nil && !killed {
			t.Fatalf("%s, step %d: %v\n%s", way, step, err, errs.String())
		}
		return strings.Split(strings.TrimSpace(out.String()), "\n"), killed
	}
	kills, ways := 0, []string{"in", "out"}
	for step, more := 1, true; more; step++ {
		way := ways[step%2] // each step of one way: a process takes its time
		said, killed := run(way, step)
		if found := said[0]; found != inDefault && found != inVRF {
			t.Errorf("killed %d times, at last before step %d: there is %q", kills, step, found)
		}
		if len(said) < 2 || said[1] != map[string]string{"in": inDefault, "out": inVRF}[way] {
			t.Errorf("killed %d times, at last before step %d: after one move more there is %q", kills, step, said)
		}
		if more = killed; killed {
			kills++
		}
	}
	if kills < 9 {
		t.Errorf("there were only %d steps to be killed at", kills)
	}
	if left, err := os.ReadDir(filepath.Join(folder, "carried")); err != nil || len(left) > 0 {
		t.Errorf("of what nobody lacks there are notes: %v, %v", left, err)
	}
}

// carry is the process: it says what the interface has when it has started, and when it is where its way begins.
func carry(task string) error {
	var folder, way string
	var last int
	if _, err := fmt.Sscan(task, &folder, &way, &last); err != nil {
		return err
	}
	steps, armed := 0, false
	p, err := Open(Options{Names: filepath.Join(folder, "vrf"), Notes: netlink.Notes{Folder: filepath.Join(folder, "carried"), Step: func() {
		if armed {
			steps++
		}
		if armed && steps == last {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}}})
	if err != nil {
		return err
	}
	apply := func(ops ...dataplane.Op) error { return errors.Join(p.Apply(context.Background(), ops)...) }
	fmt.Println(described(p))
	there, back := inRed, outOfRed
	if way == "out" {
		there, back = outOfRed, inRed
	}
	if err := apply(red, inRed, back); err != nil {
		return err
	}
	fmt.Println(described(p))
	armed = true
	return errors.Join(apply(there), p.Close())
}

// described says in which VRF the interface is, and what it has there.
func described(p *Plane) string {
	for _, vrf := range []string{"default", "red"} {
		var text string
		err := p.InVRF(strings.TrimPrefix(vrf, "default"), func(device string) (err error) {
			text, err = describedIn(device)
			return err
		})
		if err == nil && text != "" {
			return vrf + ": " + text
		}
	}
	return "nowhere"
}

// describedIn does, in the namespace of the thread, if it is in the VRF of that interface; "" if it is not.
func describedIn(device string) (string, error) {
	h, err := netlib.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return "", err
	}
	defer h.Close()
	link, err := h.LinkByName(carriedLink)
	if err != nil {
		return "", err
	}
	table := unix.RT_TABLE_MAIN
	if device != "" {
		master, err := h.LinkByName(device)
		if err != nil {
			return "", err
		}
		table = int(master.(*netlib.Vrf).Table)
		device = fmt.Sprint(master.Attrs().Index)
	}
	if at := link.Attrs().MasterIndex; device == "" && at != 0 || device != "" && device != fmt.Sprint(at) {
		return "", nil
	}
	words := []string{"down"}
	if link.Attrs().RawFlags&unix.IFF_UP != 0 {
		words[0] = "up"
	}
	for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
		addresses, err := h.AddrList(link, family)
		if err != nil {
			return "", err
		}
		for _, a := range addresses {
			if !a.IP.IsLinkLocalUnicast() {
				words = append(words, a.IPNet.String())
			}
		}
	}
	routes, err := h.RouteListFiltered(netlib.FAMILY_ALL, &netlib.Route{LinkIndex: link.Attrs().Index, Table: table}, netlib.RT_FILTER_OIF|netlib.RT_FILTER_TABLE)
	if err != nil {
		return "", err
	}
	for _, r := range routes {
		if r.Gw != nil {
			words = append(words, fmt.Sprint(r.Dst, ">", r.Gw))
		}
	}
	return strings.Join(words, " "), nil
}

// carriedHost has an interface with addresses and routes of somebody else's.
func carriedHost(t *testing.T) *netns.Host {
	t.Helper()
	h, other := newHost(t), newHost(t)
	must(t, netns.Connect(h, carriedLink, other, "eth0"), h.Address(carriedLink, "203.0.113.1/24"), h.Address(carriedLink, "2001:db8:c::1/64"),
		h.Route("198.51.100.0/24", "203.0.113.2"), h.Route("2001:db8:99::/48", "2001:db8:c::2"))
	return h
}

func newHost(t *testing.T) *netns.Host {
	t.Helper()
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}
