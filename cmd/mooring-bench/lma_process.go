package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"os"
	"os/exec"
	"runtime/metrics"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"mooring/cmd/mooring/element"
	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/aaa/accountant"
	"mooring/mobility/engine"
	"mooring/mobility/journal"
	"mooring/mobility/scenario"
	"mooring/mobility/transport"
	"mooring/mobility/trie"
	"mooring/mobility/wire"
)

const (
	lmaAddress     = "127.0.0.2"
	echoAddress    = "127.0.0.3"
	magAddress     = "127.0.0.1"
	otherAddress   = "127.0.0.4" // of a gateway of another customer
	spoofedAddress = "127.0.0.5" // of a gateway that is configured
	nobodyAddress  = "127.0.0.6" // of who takes in everything, and does nothing
	lmaSecret      = "0123456789abcdef"
)

// lmaProcess is this program once more, being the anchor.
type lmaProcess struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	said    *json.Decoder
	started time.Time
}

// lmaCounts is what the anchor says of itself.
type lmaCounts struct {
	Bindings  int
	Initial   uint64
	Refreshes uint64
	Forged    uint64 // requests that were refused, or dropped, as not authentic
	KeptAway  uint64 // by the host from the socket
	Pending   int    // objects that the dataplane does not have yet
	Records   int    // of accounting, that no server has taken yet
	// Collections of garbage since it began.
	Collections uint64
}

// startLMA starts an anchor, or an echo server, on some of the processors.
func startLMA(h *netns.Host, serve string, o lmaOptions, on unix.CPUSet) (*lmaProcess, error) {
	p := &lmaProcess{cmd: exec.Command("/proc/self/exe", "lma", "--serve", serve, "--state-dir", o.stateDir, "--bindings", strconv.Itoa(o.bindings), "--backend", cmp.Or(o.backend, noBackend),
		"--accounting="+strconv.FormatBool(o.accounting))}
	p.cmd.Stderr = os.Stderr
	orders, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.orders, p.said, p.started = orders, json.NewDecoder(out), time.Now()
	return p, startOn(on, func() error { return h.StartAsThread(p.cmd) })
}

func (p *lmaProcess) pid() int { return p.cmd.Process.Pid }

func (p *lmaProcess) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

func (p *lmaProcess) count() (c lmaCounts, err error) {
	if _, err := fmt.Fprintln(p.orders, "count"); err != nil {
		return c, err
	}
	return c, p.said.Decode(&c)
}

// settle waits until the dataplane has everything.
func (p *lmaProcess) settle() error {
	for {
		if c, err := p.count(); err != nil || c.Pending == 0 {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// serveLMA is the anchor, of one network or of two customers; it ends with its input.
func serveLMA(cmd *cobra.Command, o lmaOptions, customers bool) error {
	input, err := pollable(os.Stdin)
	if err != nil {
		return err
	}
	plane, err := openPlane(o.backend)
	if err != nil {
		return err
	}
	defer plane.Close()
	config, forwarding := lmaConfig(o.bindings), dataplane.Config{}
	if customers {
		config, forwarding = customersConfig(o, false), customersVRFs(false)
	}
	root, err := os.OpenRoot(o.stateDir)
	if err != nil {
		return err
	}
	folder, err := journal.Dir(root, "bindings")
	if err != nil {
		return err
	}
	store, err := journal.Open(folder, journal.Options{})
	if err != nil {
		return err
	}
	var e *engine.Engine
	sockets := transport.NewSockets(transport.Options{})
	processor := element.NewProcessor()
	reconciler := reconcile.New(plane, reconcile.Options{Results: func(r []dataplane.Result) { e.Installed(r) }, Removing: processor.Busy})
	charges := accountant.New(accountant.Options{
		Root: root, Name: "accounting/records.db", Bindings: func(lma string) iter.Seq[*mobility.Binding] { return e.LMA(lma).Table.All() },
		Dropped: func() uint64 { return e.Status().EventsDropped },
	})
	e = engine.New(engine.Options{
		Transport: sockets, Dataplane: reconciler, Store: store,
		Events: func(events []engine.Event) { charges.Happened(accountant.EventsOf(events)) },
	})
	ctx, stop := context.WithCancel(cmd.Context())
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return e.Run(ctx) })
	parts.Go(func() error { return reconciler.Run(ctx) })
	parts.Go(func() error { return charges.Run(ctx) })
	parts.Go(func() error { element.TendHeap(ctx); return nil })
	parts.Go(func() error { processor.Share(ctx); return nil })
	accounting := o.accountingConfig()
	if err := errors.Join(charges.Prepare(accounting), commit(ctx, e, config)); err != nil {
		stop()
		return err
	}
	charges.Configure(accounting)
	reconciler.Configure(forwarding)
	for orders := bufio.NewScanner(input); orders.Scan(); {
		if orders.Text() == "remove" {
			parts.Go(func() error {
				err := commit(ctx, e, customersConfig(o, true))
				reconciler.Configure(customersVRFs(true))
				return err
			})
			continue
		}
		l := e.LMA("lma")
		_, records, _ := charges.Queue()
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(lmaCounts{
			Bindings: l.Table.Len(), Initial: l.Statistics.Initial.Load(), Refreshes: l.Statistics.Refresh.Load(),
			Forged:   l.Statistics.PBASent.Load(wire.StatusAuthFail) + l.Statistics.Dropped[mobility.DropUnauthenticated].Load(),
			KeptAway: keptAway(sockets),
			Pending:  missing(reconciler.Status(), l.Table.Len()), Records: records, Collections: collections(),
		}); err != nil {
			break
		}
	}
	stop()
	return errors.Join(parts.Wait(), charges.Close(), store.Close())
}

// pollable is a pipe that is waited for without a thread. Where there is one processor, a goroutine that blocks in a system call has it until the
// scheduler takes it away, 10 to 20 ms later: all that time nobody would be served, after each order.
func pollable(pipe *os.File) (*os.File, error) {
	fd := int(pipe.Fd())
	err := unix.SetNonblock(fd, true) // NewFile looks at it
	return os.NewFile(uintptr(fd), pipe.Name()), err
}

func keptAway(s *transport.Sockets) (n uint64) {
	for _, status := range s.Status() {
		n += status.Overrun
	}
	return n
}

func collections() uint64 {
	cycles := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(cycles)
	return cycles[0].Value.Uint64()
}

func commit(ctx context.Context, e *engine.Engine, config *mobility.Config) error {
	c, err := e.Prepare(ctx, nil, config)
	if err == nil {
		c.Apply()
	}
	return err
}

// missing is what a dataplane does not have yet of so many bindings.
func missing(s reconcile.Status, bindings int) int {
	return bindings - s.Sessions + s.Pending + s.Failed
}

func lmaConfig(bindings int) *mobility.Config {
	return &mobility.Config{LMAs: map[string]*mobility.LMA{"lma": {
		Name: "lma", Addresses: []netip.Addr{netip.MustParseAddr(lmaAddress)},
		Domain: &mobility.Domain{Name: "d", Key: &mobility.Key{SPI: 256, Secret: []byte(lmaSecret)}, Profiles: scenario.Profiles{
			"@example.com": {Name: "@example.com", Network: "net", Service: mobility.ServiceDual},
		}},
		Peers:       trie.Map[*mobility.Peer]{}.With("spoofed", &mobility.Peer{Name: "spoofed", Addresses: []netip.Addr{netip.MustParseAddr(spoofedAddress)}}, nil),
		MaxPrefixes: 1, MaxBindings: uint32(bindings), Lifetime: time.Hour, TimestampWindow: time.Hour, LearnPeers: true,
		Networks: map[string]*mobility.Network{"net": {Name: "net", Pools: []mobility.Pool{
			{Start: netip.MustParseAddr("2001:db8::"), Bits: 32, Unit: 64},
			{Start: netip.MustParseAddr("10.0.0.2"), Bits: 8, Unit: 32, Router: netip.MustParseAddr("10.0.0.1")},
		}}},
	}}}
}

// closingPlane is a plane that is closed in the end.
type closingPlane interface {
	dataplane.Plane
	io.Closer
}

// openPlane opens a plane with a backend, or nowhere.
func openPlane(name string) (closingPlane, error) {
	if name == noBackend {
		return nowhere{}, nil
	}
	wish, err := backend.Parse(name)
	if err != nil {
		return nil, err
	}
	p, err := backend.Open(backend.Options{})
	if err != nil {
		return nil, err
	}
	return p, errors.Join(p.Check(wish), p.Use(wish))
}

// noBackend is what nowhere is called.
const noBackend = "none"

// nowhere is a plane that takes everything and holds nothing.
type nowhere struct{}

func (nowhere) Close() error { return nil }

func (nowhere) Apply(_ context.Context, batch []dataplane.Op) []error {
	return make([]error, len(batch))
}

func (nowhere) Dump(ctx context.Context) iter.Seq2[dataplane.Object, error] {
	return func(yield func(dataplane.Object, error) bool) {
		yield(nil, errors.New("it holds nothing"))
	}
}

func (nowhere) Watch(ctx context.Context) iter.Seq2[dataplane.Event, error] {
	return func(func(dataplane.Event, error) bool) { <-ctx.Done() }
}

func (nowhere) Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops) {
	return nil, dataplane.Drops{}
}
