// Package backend chooses what carries an element's tunnels: the kernel, user space, or each what it does best.
package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"mooring/dataplane"
	"mooring/dataplane/kernel"
	"mooring/dataplane/netlink"
	"mooring/dataplane/plane"
	"mooring/dataplane/usertun"
)

// Both count for accounting.
var _, _ plane.Meter = (*kernel.Carrier)(nil), (*usertun.Carrier)(nil)

// Wish is what the configuration asks for.
type Wish uint8

// The backends that can be asked for.
const (
	Auto      Wish = iota // tunnels that the kernel can do without a loss are the kernel's, the others are of user space
	Kernel                // all are the kernel's; what it cannot do is refused
	Userspace             // all are of user space
)

func (w Wish) String() string { return [...]string{"auto", "kernel", "userspace"}[w] }

// Parse reads the name of a wish.
func Parse(name string) (Wish, error) {
	for w := range Userspace + 1 {
		if name == w.String() {
			return w, nil
		}
	}
	return 0, fmt.Errorf("no backend %q; it has to be auto, kernel or userspace", name)
}

// Options of a Plane. The zero value works, for the process's own namespace.
type Options struct {
	Log           *slog.Logger
	Namespace     *netlink.Namespace // these five as of plane.Options
	Names         string
	Notes         netlink.Notes
	NoVRFDevices  bool
	Renewed       func(vrf string)
	UserSpaceOnly bool                         // as of usertun.Options
	Probe         func() map[kernel.Kind]error // what the host lacks; nil for kernel.Probe. It is asked once
}

// Plane is a dataplane.Plane that is told its backend. It begins with Userspace.
type Plane struct {
	*plane.Plane
	log    *slog.Logger
	user   *usertun.Carrier
	kernel *kernel.Carrier
	claim  *netlink.Claim

	probe func() map[kernel.Kind]error // once

	mu      sync.Mutex
	wish    Wish
	settled bool // nothing is another backend's
}

// Open returns a plane. It has taken over what an earlier process has left to the kernel. It wraps netlink.ErrClaimed where there is another
// plane in the namespace that is not closed yet.
func Open(o Options) (*Plane, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Plane{log: o.Log, kernel: kernel.New(o.Log), wish: Userspace}
	if o.Probe == nil {
		o.Probe = kernel.Probe
	}
	p.probe = sync.OnceValue(o.Probe)
	p.user = usertun.New(usertun.Options{
		Log: o.Log, UserSpaceOnly: o.UserSpaceOnly,
		Notify: func(e dataplane.Event) { p.Plane.Notify(e) },
	})
	var err error
	if p.claim, err = o.Namespace.Claim(); err != nil {
		return nil, err
	}
	p.Plane, err = plane.Open(plane.Options{
		Log: o.Log, Namespace: o.Namespace, Names: o.Names, Notes: o.Notes, NoVRFDevices: o.NoVRFDevices, Renewed: o.Renewed,
	}, p.user, p.kernel)
	if err != nil {
		return nil, errors.Join(err, p.claim.Close())
	}
	return p, nil
}

// Close lets go of the host, as plane.Plane does, and then of the namespace.
func (p *Plane) Close() error { return errors.Join(p.Plane.Close(), p.claim.Close()) }

// Check returns why the host cannot do what is asked for, with what to do about it.
func (p *Plane) Check(w Wish) error {
	if w != Kernel {
		return nil
	}
	return CheckKernel(p.probe())
}

// CheckKernel returns why a host that lacks so many kinds of tunnels cannot do with the kernel alone, with what to do about it.
func CheckKernel(lacks map[kernel.Kind]error) error {
	var missing []string
	for _, k := range kernel.Kinds() {
		if err := lacks[k]; err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", k, err))
		}
	}
	if missing == nil {
		return nil
	}
	return errors.New("the kernel of this host cannot carry tunnels; load what is missing, or choose the backend auto or userspace:\n" +
		strings.Join(missing, "\n"))
}

// Adopts reports whether any tunnel may be an interface that somebody else has made, with a backend: the kernel carries it.
func (p *Plane) Adopts(w Wish) bool { return w != Userspace && Adopts(w, p.probe()) }

// Adopts is Plane.Adopts of a host that lacks so many kinds of tunnels.
func Adopts(w Wish, lacks map[kernel.Kind]error) bool {
	return w == Kernel || w == Auto && len(kernelKinds(lacks)) > 0
}

// Adoptable says what keeps an interface from being adopted, with a backend that need not be in use yet.
func (p *Plane) Adoptable(w Wish, o dataplane.Adoption) error {
	if !p.Adopts(w) {
		return plane.NotAdoptable(o.Device)
	}
	return p.kernel.Adoptable(o)
}

// Use has the backend carry all tunnels from now on; see plane.Use, and Moves for what is to be made again. A kernel that cannot refuses them one by one.
func (p *Plane) Use(w Wish) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.settled && p.wish == w {
		return nil
	}
	p.wish = w
	err := p.Plane.Use(p.choice(w))
	p.settled = err == nil
	level := slog.LevelInfo
	if p.Check(w) != nil {
		level = slog.LevelWarn // only a start is let pass with it
	}
	p.log.Log(context.Background(), level, "dataplane backend", "asked-for", w, "in-use", p.inUse(), "reason", p.reason(w))
	return err
}

// Moves says which tunnels Use(w) would hand to another carrier. They have to be made again then.
func (p *Plane) Moves(w Wish) func(dataplane.TunnelID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	from, to := p.choice(p.wish).Of, p.choice(w).Of
	return func(id dataplane.TunnelID) bool { return from(id) != to(id) }
}

// Wish is that of the last call of Use.
func (p *Plane) Wish() Wish {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wish
}

func (p *Plane) choice(w Wish) plane.Choice {
	byKernel := func(dataplane.TunnelID) plane.Carrier { return p.kernel }
	switch {
	case w == Kernel:
		return plane.Choice{Of: byKernel}
	case w == Userspace || len(p.kernelKinds()) == 0:
		return plane.Choice{Of: func(dataplane.TunnelID) plane.Carrier { return p.user }, Rest: p.user}
	}
	kinds := p.kernelKinds()
	return plane.Choice{Rest: p.user, Of: func(id dataplane.TunnelID) plane.Carrier {
		if slices.Contains(kinds, kernel.KindOf(id)) {
			return p.kernel
		}
		return p.user
	}}
}

// kernelKinds are what Auto gives to the kernel. Tunnels over UDP are not among them: a port belongs to the kernel or to a process, and of
// the two only a process can learn the ports of peers behind a NAT, for whose sake UDP is there, and use keys.
func (p *Plane) kernelKinds() []kernel.Kind { return kernelKinds(p.probe()) }

// kernelKinds is Plane.kernelKinds of a host that lacks so many kinds of tunnels.
func kernelKinds(lacks map[kernel.Kind]error) (kinds []kernel.Kind) {
	for _, k := range kernel.Kinds() {
		if lacks[k] == nil {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// State says whether the kernel is in use, by its name or "userspace", and why.
func (p *Plane) State() (inUse Wish, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inUse(), p.reason(p.wish)
}

func (p *Plane) inUse() Wish {
	switch {
	case p.wish != Auto:
		return p.wish
	case len(p.kernelKinds()) > 0:
		return Kernel
	}
	return Userspace
}

func (p *Plane) reason(w Wish) string {
	switch {
	case w == Kernel && p.Check(w) != nil:
		return "it is configured, but " + p.Check(w).Error()
	case w == Kernel:
		return "it is configured"
	case w == Userspace:
		return "it is configured; " + p.fast()
	}
	var does, lacks []string
	for _, k := range kernel.Kinds() {
		switch err := p.probe()[k]; {
		case err != nil:
			lacks = append(lacks, fmt.Sprintf("%s (%v)", k, err))
		default:
			does = append(does, k.String())
		}
	}
	switch {
	case does == nil:
		return "the best of this host: the kernel lacks " + strings.Join(lacks, ", ") + "; " + p.fast()
	case lacks == nil:
		return "the best of this host: the kernel has every kind of tunnel; those over UDP, whose ports may have to be learnt, are carried in user space"
	}
	return fmt.Sprintf("the best of this host: the kernel has %s; it lacks %s, which user space carries, and those over UDP; %s",
		strings.Join(does, ", "), strings.Join(lacks, ", "), p.fast())
}

func (p *Plane) fast() string {
	if off := p.user.FastPath(); off != nil {
		return "no fast path for user space: " + off.Error()
	}
	return "a fast path carries plain packets of ip and gre"
}

// FastPath returns nil if user space has a fast path, or else why it has not.
func (p *Plane) FastPath() error { return p.user.FastPath() }
