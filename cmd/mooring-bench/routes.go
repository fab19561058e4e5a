package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
)

const routesHelp = `Measure how fast the forwarding state of an anchor's bindings comes to the host and goes, against a
program that does nothing but send routes to the kernel, 64 a message.

  routes-plain    routes of that program
  routes-tunnels  the first binding of each of --peers gateways, for which its tunnel of GRE is made, from
                  the moment when they are asked for until the last one is known to be installed
  routes-alone    the other bindings, each with one IPv4 address: like the program, routes and nothing else
  routes-install  those two as one: all that the bindings took
  routes-remove   the bindings of one customer, a tenth of them or at least one, which are removed
  routes-beside   bindings that come one after the other while that happens: wall_s is the longest
                  that one had to wait until it was installed, and the ratio is that to 50 ms. The first
                  comparison with the host falls into this time. Signalling waits for none of it: see "mooring-bench customers"`

type routesOptions struct {
	backend         string
	bindings, peers int
}

func routesCommand() *cobra.Command {
	var o routesOptions
	cmd := &cobra.Command{
		Use:   "routes",
		Short: "Measure the installation of bindings against plain netlink",
		Long:  routesHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wish, err := backend.Parse(o.backend)
			if err != nil {
				return err
			}
			if wish == backend.Kernel && lacking(cmd.ErrOrStderr()) {
				return runInMachine(cmd, slowMachine, true)
			}
			if err := netns.Enter(); err != nil {
				return err
			}
			results, err := o.run(cmd.Context(), wish)
			if err != nil {
				return err
			}
			return printResults(cmd, results)
		},
	}
	cmd.Flags().StringVar(&o.backend, "backend", "userspace", "`BACKEND` of the dataplane: auto, kernel or userspace")
	cmd.Flags().IntVar(&o.bindings, "bindings", 128_000, "how many")
	cmd.Flags().IntVar(&o.peers, "peers", 1000, "how many gateways they are behind")
	return cmd
}

func (o *routesOptions) run(ctx context.Context, wish backend.Wish) ([]Result, error) {
	if o.bindings <= 0 || o.peers <= 0 {
		return nil, errors.New("--bindings and --peers: there has to be one at least")
	}
	if ctx == nil {
		ctx = context.Background()
	}
	plain, err := o.plain()
	if err != nil {
		return nil, fmt.Errorf("plain routes: %w", err)
	}
	plain.Ratio = 1
	ours, err := o.install(ctx, wish)
	if err != nil {
		return nil, err
	}
	for i := range ours {
		if ours[i].Ratio == 0 {
			ours[i].Ratio = ours[i].Rate() / plain.Rate()
		}
	}
	return append([]Result{plain}, ours...), nil
}

// newRouter is a host with a way to all peers.
func newRouter() (*netns.Host, *netns.Host, error) {
	h, err := netns.NewHost("lma")
	if err != nil {
		return nil, nil, err
	}
	other, err := netns.NewHost("core")
	if err != nil {
		return nil, nil, err
	}
	return h, other, firstError(
		func() error { return netns.Connect(h, "eth0", other, "eth0") },
		func() error { return h.Address("eth0", "192.0.2.1/24") },
		func() error { return other.Address("eth0", "192.0.2.2/24") },
		func() error { return h.Route("172.16.0.0/12", "192.0.2.2") },
	)
}

// installer has a reconciler, and waits for what it installs.
type installer struct {
	*reconcile.Reconciler
	mu      sync.Mutex
	waiting map[dataplane.SessionID]bool
	err     error
	done    chan struct{} // has a token when nothing is waiting any more
}

func (i *installer) results(all []dataplane.Result) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range all {
		if r.Err != nil {
			i.err = r.Err
		}
		delete(i.waiting, r.ID)
	}
	if len(i.waiting) == 0 {
		select {
		case i.done <- struct{}{}:
		default:
		}
	}
}

// await asks for sessions and waits until all are installed.
func (i *installer) await(changes []dataplane.Change) (time.Duration, error) {
	i.mu.Lock()
	for _, c := range changes {
		i.waiting[c.ID] = true
	}
	select {
	case <-i.done:
	default:
	}
	i.mu.Unlock()
	start := time.Now()
	i.Want(changes)
	<-i.done
	i.mu.Lock()
	defer i.mu.Unlock()
	return time.Since(start), i.err
}

func (o *routesOptions) install(ctx context.Context, wish backend.Wish) ([]Result, error) {
	h, other, err := newRouter()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	defer other.Close()
	p, err := backend.Open(backend.Options{UserSpaceOnly: true, Namespace: h.Namespace})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := p.Use(wish); err != nil {
		return nil, err
	}
	i := &installer{waiting: map[dataplane.SessionID]bool{}, done: make(chan struct{}, 1)}
	i.Reconciler = reconcile.New(p, reconcile.Options{Results: i.results})
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { i.Run(ctx) })
	defer running.Wait()
	defer stop()
	i.Configure(dataplane.Config{})

	changes := make([]dataplane.Change, o.bindings)
	for n := range changes {
		changes[n] = o.binding(n)
	}
	first := min(o.peers, o.bindings)
	tunnels, err := i.measure("routes-tunnels", changes[:first])
	if err != nil {
		return nil, err
	}
	alone, err := i.measure("routes-alone", changes[first:])
	if err != nil {
		return nil, err
	}
	installed := Result{Name: "routes-install", N: tunnels.N + alone.N, CPU: tunnels.CPU + alone.CPU, Wall: tunnels.Wall + alone.Wall,
		RSS: resident(unix.Getpid(), "VmRSS:")}
	rest, err := o.remove(i)
	results := []Result{tunnels, installed}
	if alone.N > 0 {
		results = slices.Insert(results, 1, alone)
	}
	return append(results, rest...), err
}

// measure installs sessions, of which there may be none.
func (i *installer) measure(name string, changes []dataplane.Change) (Result, error) {
	before := cpuOf(unix.RUSAGE_SELF)
	wall, err := time.Duration(0), error(nil)
	if len(changes) > 0 {
		wall, err = i.await(changes)
	}
	return Result{Name: name, N: int64(len(changes)), CPU: (cpuOf(unix.RUSAGE_SELF) - before).Seconds(), Wall: wall.Seconds()}, err
}

// remove takes the bindings of a customer away, while others come.
func (o *routesOptions) remove(i *installer) ([]Result, error) {
	n := max(o.bindings/10, 1)
	gone := make([]dataplane.Change, n)
	for k := range gone {
		gone[k].ID = o.binding(k).ID
	}
	before, start := cpuOf(unix.RUSAGE_SELF), time.Now()
	i.Want(gone)
	var longest time.Duration
	probes := 0
	for i.Status().Objects > o.bindings-n+o.peers+probes || probes == 0 {
		took, err := i.await([]dataplane.Change{o.binding(o.bindings + probes)})
		if err != nil {
			return nil, err
		}
		longest = max(longest, took)
		probes++
	}
	wall := time.Since(start)
	return []Result{
		{Name: "routes-remove", N: int64(n), CPU: (cpuOf(unix.RUSAGE_SELF) - before).Seconds(), Wall: wall.Seconds()},
		{Name: "routes-beside", N: int64(probes), Wall: longest.Seconds(), Ratio: longest.Seconds() / 0.05},
	}, nil
}

// binding is the n-th.
func (o *routesOptions) binding(n int) dataplane.Change {
	peer := n % o.peers
	id := dataplane.TunnelID{
		Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.AddrFrom4([4]byte{172, 16, byte(peer >> 8), byte(peer)}), Encap: dataplane.EncapGRE,
	}
	session := &dataplane.Session{
		ID: dataplane.SessionID(n + 1), Side: dataplane.Anchor, Path: dataplane.Path{Tunnel: id},
		Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)},
	}
	return dataplane.Change{ID: session.ID, Session: session}
}

// plain sends as many routes as there are bindings.
func (o *routesOptions) plain() (Result, error) {
	h, other, err := newRouter()
	if err != nil {
		return Result{}, err
	}
	defer h.Close()
	defer other.Close()
	link, err := h.Net.LinkByName("eth0")
	if err != nil {
		return Result{}, err
	}
	var fd int
	if err := h.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		return err
	}); err != nil {
		return Result{}, err
	}
	defer unix.Close(fd)
	before, start := cpuOf(unix.RUSAGE_SELF), time.Now()
	if err := sendRoutes(fd, o.bindings, link.Attrs().Index); err != nil {
		return Result{}, err
	}
	wall := time.Since(start)
	return Result{Name: "routes-plain", N: int64(o.bindings), CPU: (cpuOf(unix.RUSAGE_SELF) - before).Seconds(), Wall: wall.Seconds()}, nil
}
