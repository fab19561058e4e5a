package vrf

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
)

// stage is one where network namespaces have names as "ip netns" gives them.
type stage struct{ *netns.Stage }

func newStage(t *testing.T) stage {
	t.Helper()
	s, err := netns.NewStage()
	must(t, err)
	t.Cleanup(s.Close)
	must(t, s.Do(func() error {
		return errors.Join(os.MkdirAll("/run", 0o755), unix.Mount("tmpfs", "/run", "tmpfs", 0, ""), os.Mkdir("/run/netns", 0o755))
	}))
	return stage{s}
}

// name gives a host's network a name.
func (s stage) name(t *testing.T, h *netns.Host) {
	t.Helper()
	must(t, s.Do(func() error {
		file := filepath.Join("/run/netns", h.Name)
		return errors.Join(os.WriteFile(file, nil, 0o600), unix.Mount(fmt.Sprintf("/proc/self/fd/%d", h.FD()), file, "", unix.MS_BIND, ""))
	}))
}

func (s stage) start(t *testing.T, h *netns.Host, folder, startup string) (p *process) {
	t.Helper()
	must(t, s.Do(func() (err error) { p, err = launch(t, h.StartAsThread, folder, startup); return err }))
	p.await()
	return p
}

// files are the names of VRFs that an element keeps.
func (s stage) files(t *testing.T, p *process) (names []string) {
	t.Helper()
	must(t, s.Do(func() (err error) { names, err = filepath.Glob(p.dir + "/vrf/*"); return err }))
	return names
}

// answers reports whether a host's neighbour in a VRF does.
func answers(t *testing.T, h *netns.Host, address string) bool {
	t.Helper()
	var err error
	must(t, h.Do(func() error {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", net.JoinHostPort(address, "9"), time.Second); err == nil {
			c.Close()
		}
		return nil
	}))
	return err == nil || errors.Is(err, syscall.ECONNREFUSED)
}

// An element in a network that has a name, which others have given it, is killed. Its VRFs are there for the next one with the interfaces in them
// and their addresses, traffic goes on in them meanwhile, and whoever does not want them any more, or ends as asked, gives everything back.
func TestMLL02_VRFsOutliveTheProcess(t *testing.T) {
	lma, cn1, cn2, others := host(t, "lma"), host(t, "cn1"), host(t, "cn2"), host(t, "others")
	for link, cn := range map[string]*netns.Host{"c1": cn1, "c2": cn2} {
		must(t, netns.Connect(lma, link, cn, "eth0"), lma.Address(link, "203.0.113.1/24"), cn.Address("eth0", "203.0.113.2/24"))
	}
	for _, link := range []string{"op1", "op2"} {
		must(t, netns.Connect(lma, link, others, link))
	}
	s := newStage(t)
	s.name(t, lma)
	folder, wanted := t.TempDir(), anchorYANG(t, map[string]string{"CUST1": "OP1", "CUST2": "OP2"})
	placed := func(inVRFs bool) func() bool {
		return func() bool {
			for _, name := range []string{"c1", "c2", "op1", "op2"} {
				link, err := lma.Net.LinkByName(name)
				if (err != nil || link.Attrs().MasterIndex != 0) != inVRFs {
					return false
				}
			}
			return !inVRFs || answers(t, cn1, "203.0.113.1") && answers(t, cn2, "203.0.113.1")
		}
	}
	p := s.start(t, lma, folder, wanted)
	eventually(t, "the interfaces are in their VRFs", placed(true))
	for range 2 {
		p.end(syscall.SIGKILL)
		for _, cn := range []*netns.Host{cn1, cn2} {
			if !answers(t, cn, "203.0.113.1") {
				t.Errorf("%s has lost its customer's VRF with the process", cn.Name)
			}
		}
		p = s.start(t, lma, folder, wanted)
		eventually(t, "the interfaces are in their VRFs", placed(true))
	}
	p.end(syscall.SIGTERM)
	eventually(t, "the interfaces are back", placed(false))
	if left := s.files(t, p); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	p = s.start(t, lma, folder, wanted)
	eventually(t, "the interfaces are in their VRFs", placed(true))
	p.end(syscall.SIGKILL)
	must(t, os.RemoveAll(filepath.Join(p.dir, "config"))) // so that the next one wants nothing of this
	p = s.start(t, lma, folder, `{"mooring-system:system": {"host-name": "other"}}`)
	eventually(t, "the interfaces are back", placed(false))
	eventually(t, "nothing is left by who was killed", func() bool { return len(s.files(t, p)) == 0 })
}
