package planetest

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/reconcile"
)

// Unprivileged is a plane whose changes the host refuses as those of a process without CAP_NET_ADMIN and CAP_NET_RAW.
type Unprivileged struct {
	dataplane.Plane
	On atomic.Bool
}

// Apply implements dataplane.Plane.
func (p *Unprivileged) Apply(ctx context.Context, batch []dataplane.Op) (errs []error) {
	if !p.On.Load() {
		return p.Plane.Apply(ctx, batch)
	}
	runtime.LockOSThread() // privileges are a thread's
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var all [2]unix.CapUserData
	err := unix.Capget(&header, &all[0])
	few := all
	few[0].Effective &^= 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW
	if err == nil {
		err = unix.Capset(&header, &few[0])
	}
	if err != nil {
		panic(err)
	}
	errs = p.Plane.Apply(ctx, batch)
	if unix.Capset(&header, &all[0]) == nil { // else the thread ends with the goroutine
		runtime.UnlockOSThread()
	}
	return errs
}

// Privileges finds that nothing is there of sessions that the host refuses, that the status of everything that was refused says why, and
// that all is there when the host has come round; and the same of their removal.
func Privileges(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	h := InNamespace(t, open)
	p := &Unprivileged{Plane: h.Plane}
	p.On.Store(true)
	r, _ := running(t, p)
	refused := func() bool {
		pending, installed, failed := r.Counts()
		return pending+installed == 0 && failed > 0
	}
	eventually(t, "the host has refused everything", refused)
	expectRefusals(t, r)
	for _, id := range []dataplane.SessionID{1, 2} {
		if s, _ := r.Session(id); s.State != reconcile.Failed || s.Err == nil {
			t.Errorf("session %d is %+v", id, s)
		}
	}
	expect(t, h.Plane)
	p.On.Store(false)
	becomes(t, h.Plane, time.Minute)
	p.On.Store(true)
	r.Want([]dataplane.Change{{ID: 1}, {ID: 2}})
	r.Configure(dataplane.Config{})
	eventually(t, "the host has refused to remove what is its own", refused)
	expectRefusals(t, r)
	p.On.Store(false)
	eventually(t, "everything has gone", func() bool { pending, installed, failed := r.Counts(); return pending+installed+failed == 0 })
	expect(t, h.Plane)
}

// expectRefusals finds that the status of each object names the missing privilege, or what the object leans on.
func expectRefusals(t *testing.T, r *reconcile.Reconciler) {
	t.Helper()
	leansOn := []string{"there is no tunnel", "is not an access interface", "routes still lead into it"}
	refused := 0
	for _, s := range r.Objects() {
		switch {
		case s.Err == nil || s.Tries == 0:
			t.Errorf("%s: %+v", s.Object, s)
		case errors.Is(s.Err, unix.EPERM) && strings.Contains(s.Err.Error(), "CAP_NET_"):
			refused++
		case !slices.ContainsFunc(leansOn, func(why string) bool { return strings.Contains(s.Err.Error(), why) }):
			t.Errorf("%s is refused with %v", s.Object, s.Err)
		}
	}
	if refused == 0 {
		t.Error("nothing is refused for want of privileges")
	}
}

// stalled is a plane whose reconciler neither hears nor sees anything while mu is locked.
type stalled struct {
	Plane
	mu    sync.RWMutex
	heard atomic.Bool // an event of a host that is watched
}

func (p *stalled) wait() {
	p.mu.RLock()
	defer p.mu.RUnlock()
}

// Watch implements dataplane.Plane.
func (p *stalled) Watch(ctx context.Context) iter.Seq2[dataplane.Event, error] {
	return func(yield func(dataplane.Event, error) bool) {
		for e, err := range p.Plane.Watch(ctx) {
			p.heard.Store(p.heard.Load() || e.Kind == dataplane.LinkUp)
			p.wait()
			if !yield(e, err) {
				return
			}
		}
	}
}

// Dump implements dataplane.Plane.
func (p *stalled) Dump(ctx context.Context) iter.Seq2[dataplane.Object, error] {
	return func(yield func(dataplane.Object, error) bool) {
		p.mu.RLock()
		defer p.mu.RUnlock()
		p.Plane.Dump(ctx)(yield)
	}
}

// Overrun has the host tell of more than its socket holds, and then take away what is wanted: nobody hears of that. All is back long before the
// next comparison.
func Overrun(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	var space *netlink.Namespace
	var p *stalled
	h := InNamespace(t, func(ns *netlink.Namespace) (Plane, error) {
		plane, err := open(ns)
		space, p = ns, &stalled{Plane: plane}
		return p, err
	})
	r, _ := running(t, p)
	becomes(t, p, patience)
	eventually(t, "somebody listens to the host", p.heard.Load)
	stranger, err := netlink.Open(space)
	must(t, err)
	defer stranger.Close()
	p.mu.Lock()
	flood(t, stranger)
	for _, lost := range []any{
		dataplane.RouteKey{Prefix: prefix("10.0.0.1/32")},
		dataplane.RouteKey{Prefix: prefix("2001:db8:1::/64")},
		dataplane.NeighbourKey{Link: "access1", Addr: addr("10.1.0.1")},
		dataplane.LinkKey("access1"),
	} {
		h.Lose(lost)
	}
	p.mu.Unlock()
	becomes(t, p, time.Minute)
	var repairs []reconcile.Repair
	eventually(t, "four repairs are told of", func() bool { // they are counted after the host has them
		var objects uint64
		repairs, objects = r.Repairs()
		return objects >= 4
	})
	for _, repair := range repairs {
		if repair.Found != reconcile.Compared {
			t.Errorf("%+v: the host has told of it, and nothing was tested", repair)
		}
	}
	h.Lose(dataplane.RouteKey{Prefix: prefix("10.0.0.1/32")}) // and it is heard again
	becomes(t, p, patience)
}

// flood makes and removes more routes than a socket holds notifications of.
func flood(t *testing.T, h *netlink.Host) {
	t.Helper()
	ops := make([]netlink.RouteOp, 20_000)
	for i := range ops {
		ops[i].Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 7, byte(i >> 8), byte(i)}), 32)
	}
	must(t, h.ApplyRoutes(ops)...)
	for i := range ops {
		ops[i].Delete = true
	}
	must(t, h.ApplyRoutes(ops)...)
}
