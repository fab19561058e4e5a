//go:build vm

package backend

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
	"mooring/dataplane/reconcile"
)

// Every wish carries every kind of tunnel, and whatever the wish was before, nothing of it is left: traffic goes on, and all devices are of
// the kind that is asked for. What is done is what was planned, and none of it is a repair.
func TestSwitch(t *testing.T) {
	for _, name := range []string{"gre4", "ip6", "udp4", "gre6-key"} {
		t.Run(name, func(t *testing.T) {
			b := planetest.Bindings()[name]
			d := planetest.NewDomain(t)
			anchorPath, accessPath := b.Paths()
			prefixes := []netip.Prefix{netip.MustParsePrefix(planetest.NodeAddr4 + "/32"), netip.MustParsePrefix("2001:db8:1::/64")}
			link, err := d.Node.Net.LinkByName("eth0")
			must(t, err)
			access := &dataplane.Session{ID: 1, Side: dataplane.Access, Path: accessPath, Prefixes: prefixes, Link: "access"}
			copy(access.LinkAddr[:], link.Attrs().HardwareAddr)
			ends := []*end{
				run(t, d.LMA, &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: anchorPath, Prefixes: prefixes}, dataplane.Config{}),
				run(t, d.MAG, access, dataplane.Config{Links: []dataplane.Link{{Name: "access", MAC: planetest.MAGMAC, LinkLocal: netip.MustParseAddr("fe80::1")}}}),
			}
			for _, w := range []Wish{Userspace, Kernel, Userspace, Auto, Kernel, Auto} {
				planned := map[*end][]string{}
				for _, e := range ends {
					planned[e] = e.use(t, w)
				}
				byKernel := w == Kernel || w == Auto && b.Encap != dataplane.EncapUDP
				for _, e := range ends {
					e.settle(t, byKernel)
				}
				for _, e := range ends {
					if done := e.applied(); !slices.Equal(done, planned[e]) {
						t.Errorf("%s: planned for %s is\n%s\ndone\n%s", e.host.Name, w, strings.Join(planned[e], "\n"), strings.Join(done, "\n"))
					}
				}
				planetest.Transfer(t, d.Node, d.CN, planetest.CNAddr4)
				planetest.Transfer(t, d.CN, d.Node, planetest.NodeAddr6)
				for _, h := range []*netns.Host{d.LMA, d.MAG} {
					expectDevices(t, h, w, byKernel)
				}
			}
		})
	}
}

// end is an end of tunnels: a plane that notes what it is handed, and a reconciler that wants a session and a configuration.
type end struct {
	*Plane
	host       *netns.Host
	reconciler *reconcile.Reconciler
	config     dataplane.Config

	mu  sync.Mutex
	ops []string
}

// run runs an end in a host, until it has what it wants.
func run(t *testing.T, h *netns.Host, s *dataplane.Session, config dataplane.Config) *end {
	t.Helper()
	p, err := openIn(h.Namespace)
	must(t, err)
	e := &end{Plane: p, host: h, config: config}
	e.reconciler = reconcile.New(e, reconcile.Options{Repaired: func(list []reconcile.Repair) {
		t.Errorf("%s: repaired are %v", h.Name, list)
	}})
	e.reconciler.Want([]dataplane.Change{{ID: s.ID, Session: s}})
	e.reconciler.Configure(config)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { e.reconciler.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait(); p.Close() })
	e.settle(t, false)
	return e
}

// Apply implements dataplane.Plane.
func (e *end) Apply(ctx context.Context, batch []dataplane.Op) []error {
	errs := e.Plane.Apply(ctx, batch)
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, op := range batch {
		e.ops = append(e.ops, fmt.Sprintf("%s: %v", describe(op), errs[i]))
	}
	return errs
}

// Watch implements dataplane.Plane, without interfaces that come: here all are there, and what is on one that comes is put again.
func (e *end) Watch(ctx context.Context) iter.Seq2[dataplane.Event, error] {
	return func(yield func(dataplane.Event, error) bool) {
		for event, err := range e.Plane.Watch(ctx) {
			if event.Kind != dataplane.LinkUp && !yield(event, err) {
				return
			}
		}
	}
}

// applied returns what the plane was handed since the last call.
func (e *end) applied() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	ops := e.ops
	e.ops = nil
	return ops
}

func describe(op dataplane.Op) string {
	if op.Delete {
		return fmt.Sprintf("remove %s", op.Object)
	}
	return fmt.Sprintf("put %s", op.Object)
}

// use has a backend carry the tunnels, as a commit does, and returns what was planned of that.
func (e *end) use(t *testing.T, w Wish) (planned []string) {
	t.Helper()
	e.applied()
	moves := e.Moves(w)
	for _, step := range e.reconciler.Preview(e.config, nil, moves) {
		planned = append(planned, fmt.Sprintf("%s: %v", describe(step.Op), error(nil)))
	}
	e.reconciler.Move(moves, func() { must(t, e.Use(w)) })
	e.reconciler.Configure(e.config)
	return planned
}

// settle waits until all is there, and the one tunnel has the device that it should have.
func (e *end) settle(t *testing.T, byKernel bool) {
	t.Helper()
	var tunnels map[dataplane.TunnelID]dataplane.TunnelState
	for range 3000 {
		tunnels, _ = e.Tunnels()
		pending, installed, failed := e.reconciler.Counts()
		for _, state := range tunnels {
			if len(tunnels) == 1 && state.Device != "" && strings.HasPrefix(state.Device, "mt-") == byKernel && installed > 2 && pending+failed == 0 {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("by the kernel: %t, want %t: %+v", !byKernel, byKernel, tunnels)
}

// expectDevices finds tunnel interfaces of the kernel, policy rules for them, and our table of nftables exactly where the kernel is used,
// and TUN devices for what user space does.
func expectDevices(t *testing.T, h *netns.Host, w Wish, byKernel bool) {
	t.Helper()
	links, err := h.Net.LinkList()
	must(t, err)
	mt, tun := 0, 0
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, "mt-") {
			mt++
		}
		if l.Type() == "tuntap" {
			tun++
		}
	}
	if (mt > 0) != byKernel {
		t.Errorf("%s with %s has %d tunnel interfaces", h.Name, w, mt)
	}
	if w == Kernel && h.Name == "mag" && tun > 0 {
		t.Errorf("%s with %s has %d TUN devices", h.Name, w, tun)
	}
	marked := 0
	rules, err := h.Net.RuleList(netlib.FAMILY_V4)
	must(t, err)
	for _, r := range rules {
		if r.Protocol == netlink.Protocol && r.Mark != 0 {
			marked++
		}
	}
	if !byKernel && marked > 0 {
		t.Errorf("%s with %s has %d rules for marks", h.Name, w, marked)
	}
}
