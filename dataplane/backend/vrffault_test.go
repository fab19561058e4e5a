//go:build vm

package backend

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
	"mooring/dataplane/reconcile"
	"mooring/dataplane/vm/guest"
)

// The status of a VRF, and of a tunnel, says what is in the way: a table of somebody else's, a missing privilege, a missing module. As soon as
// that has gone, it is there with all that leans on it.
func TestWhatIsInTheWayGoes(t *testing.T) {
	gre := dataplane.Tunnel{ID: dataplane.TunnelID{Local: netip.MustParseAddr("2001:db8::1"), Peer: netip.MustParseAddr("2001:db8::2"), Encap: dataplane.EncapGRE}}
	red := dataplane.VRF{Name: "red", Table: 70}
	session := dataplane.Session{ID: 1, Side: dataplane.Anchor, VRF: red.Name, Path: dataplane.Path{Tunnel: gre.ID},
		Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("2001:db8:1::/64")}}
	for name, c := range map[string]struct {
		key  any
		hurt func(t *testing.T, h *netns.Host, p *planetest.Unprivileged)
		heal func(t *testing.T, h *netns.Host, p *planetest.Unprivileged)
		want string
	}{
		"table of another": {red.Key(),
			func(t *testing.T, h *netns.Host, _ *planetest.Unprivileged) {
				must(t, h.Net.LinkAdd(&netlib.Vrf{LinkAttrs: netlib.LinkAttrs{Name: "theirs"}, Table: 70}))
			},
			func(t *testing.T, h *netns.Host, _ *planetest.Unprivileged) { must(t, h.Delete("theirs")) },
			"table 70 is that of the vrf interface theirs"},
		"privileges": {red.Key(),
			func(_ *testing.T, _ *netns.Host, p *planetest.Unprivileged) { p.On.Store(true) },
			func(_ *testing.T, _ *netns.Host, p *planetest.Unprivileged) { p.On.Store(false) },
			"make vrf interface red: operation not permitted; changing the network needs CAP_NET_ADMIN"},
		"module": {gre.Key(),
			func(t *testing.T, _ *netns.Host, _ *planetest.Unprivileged) { unload(t, "ip6_gre") },
			func(t *testing.T, _ *netns.Host, _ *planetest.Unprivileged) { load(t, "ip6_gre") },
			"the kernel has no module for it: modprobe ip6_gre"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := netns.NewHost("host")
			must(t, err)
			t.Cleanup(func() { h.Close() })
			must(t, h.Net.LinkAdd(&netlib.Dummy{LinkAttrs: netlib.LinkAttrs{Name: "core"}}), h.Up("core"), h.Address("core", gre.ID.Local.String()+"/64"))
			open, err := openIn(h.Namespace)
			must(t, err, open.Use(Kernel))
			t.Cleanup(func() { open.Close() })
			p := &planetest.Unprivileged{Plane: open}
			c.hurt(t, h, p)
			r := reconcile.New(p, reconcile.Options{})
			r.Want([]dataplane.Change{{ID: 1, Session: &session}})
			r.Configure(dataplane.Config{VRFs: []dataplane.VRF{red}})
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { r.Run(ctx) })
			t.Cleanup(func() { stop(); running.Wait() })
			settles := func(what string, ok func() bool) {
				t.Helper()
				for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("still not: %s; %+v", what, r.Objects())
					}
				}
			}
			settles("it is refused, and tried again", func() bool {
				s, _ := r.Object(c.key)
				return s.Tries > 1 && !s.RetryAt.IsZero() && strings.Contains(s.Err.Error(), c.want)
			})
			if s, _ := r.Session(1); s.State != reconcile.Failed || s.Err == nil {
				t.Errorf("the session is %+v", s)
			}
			picture, err := dataplane.Picture(t.Context(), open)
			if must(t, err); strings.Contains(picture, "route ") {
				t.Errorf("of a session that is refused there is\n%s", picture)
			}
			c.heal(t, h, p)
			settles("all is there", func() bool { s, _ := r.Session(1); return s.State == reconcile.Installed })
			if picture, err = dataplane.Picture(t.Context(), open); err != nil || strings.Count(picture, "route ") != 2 || !strings.Contains(picture, "vrf red table 70") {
				t.Errorf("now there is %v\n%s", err, picture)
			}
		})
	}
}

// load brings back what unload has taken from the machine.
func load(t *testing.T, module string) {
	t.Helper()
	files, err := filepath.Glob("/" + guest.Modules + "/*" + module + ".ko*")
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("module %s is in %v", module, files)
	}
	f, err := os.Open(files[0])
	must(t, err, unix.FinitModule(int(f.Fd()), "", 0), f.Close())
}

func unload(t *testing.T, module string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := unix.DeleteModule(module, unix.O_NONBLOCK)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return
		}
		if !errors.Is(err, unix.EAGAIN) || time.Now().After(deadline) { // namespaces that are gone let go of it later
			t.Fatalf("unload %s: %v", module, err)
		}
	}
}
