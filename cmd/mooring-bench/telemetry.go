package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// telemetryOptions say how telemetry is measured.
type telemetryOptions struct {
	bindings, many int
	rate           int           // refreshes in a second
	length         time.Duration // of the refreshes
	stopped        time.Duration // of a client that does not read
	gets, cycles   int
}

func telemetryCommand() *cobra.Command {
	o := telemetryOptions{}
	serve := ""
	cmd := &cobra.Command{
		Use:   "telemetry",
		Short: "Measure gNMI telemetry of bindings",
		Long: `Telemetry tells ten leaves of each binding over gNMI and measures what that costs the server, which is a process of its own:

  once-N      Subscribe ONCE of N bindings by a client that decodes what it gets; judged by processor time
  once-M      the same of M bindings by a client that only counts octets; judged by wall time
  get-M       Get of one of M bindings at a time, by its key; judged by wall time
  sync4-N     four clients that subscribe on change and count, until all are in sync; judged by wall time
  alone-N     a minute of 10,000 refreshes a second while nobody subscribes, which the process of the server makes itself
  refresh-N   one client that subscribes on change, and then 15 s of the same refreshes; judged by processor time, without that of alone-N:
              the rest is telemetry
  stopped-N   one client that has subscribed on change and is in sync does not read for a minute of refreshes; judged by processor time
              as refresh-N is. Its wall time is a minute when nobody who refreshes has to wait; its RSS, which begins when the client is
              in sync, has the garbage of the refreshes, too, as that of alone-N has
  cycles-N    a client subscribes to everything on change and cancels after the first message, 1000 times; judged by what is left of
              that, and of our server only

Each but the last is measured with the subscribe and cache packages of OpenConfig, too, which keep one atomic notification for each binding: that is
the baseline, and the ratio is what it takes to what we take. It has no Get, so that it is asked for one binding with Subscribe ONCE.

The processor time is that of the server alone. RSS is how much the server grows at most, beyond what it holds at first.

With the sizes and times that are the defaults, which takes about ten minutes, a second table says which of the goals are met.`,
		Example: `  mooring-bench telemetry
  mooring-bench telemetry --bindings 10000 --many 50000 --time 3s --stopped 3s --cycles 100 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if serve != "" {
				return serveTelemetry(cmd, serve, o.bindings)
			}
			results, err := o.run(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := printResults(cmd, results); err != nil {
				return err
			}
			return o.printVerdicts(cmd.ErrOrStderr(), results)
		},
	}
	cmd.Flags().IntVar(&o.bindings, "bindings", 128_000, "number N of bindings")
	cmd.Flags().IntVar(&o.many, "many", 1_000_000, "number M of bindings")
	cmd.Flags().IntVar(&o.rate, "rate", 10_000, "refreshes in a second")
	cmd.Flags().DurationVar(&o.length, "time", 15*time.Second, "how long bindings are refreshed")
	cmd.Flags().DurationVar(&o.stopped, "stopped", time.Minute, "how long a client does not read")
	cmd.Flags().IntVar(&o.gets, "gets", 1000, "how many bindings are asked for with Get")
	cmd.Flags().IntVar(&o.cycles, "cycles", 1000, "how often a client subscribes and cancels")
	cmd.Flags().StringVar(&serve, "serve", "", "serve bindings, as mooring or as peer")
	cmd.Flags().MarkHidden("serve")
	return cmd
}

// telemetryMeasure is one line of the outcome. byCPU says what it is judged by.
type telemetryMeasure struct {
	name  string
	unit  string
	byCPU bool
	ours  bool   // there is no baseline
	less  string // another measure, whose processor time for as many things is not counted
	// ready does what is not measured, and is undone when the measure is; nil: there is nothing.
	ready func(ctx context.Context, clients []*telemetryClient) (undo func(), err error)
	do    func(ctx context.Context, p *telemetryProcess, clients []*telemetryClient) (n int, err error)
}

// telemetryClients is how many there are, each with a connection of its own. All but one measure need only the first.
const telemetryClients = 4

func (o telemetryOptions) run(ctx context.Context, progress io.Writer) ([]Result, error) {
	if o.bindings < 1 || o.many < 1 || o.rate < 1 || o.gets < 1 || o.cycles < 1 {
		return nil, errors.New("one of everything is the least")
	}
	var results []Result
	for _, of := range []struct {
		bindings int
		measures []telemetryMeasure
	}{{o.bindings, o.measures()}, {o.many, o.measuresOfMany()}} {
		baseline := map[string]Result{}
		for _, kind := range []string{telemetryPeerKind, telemetryElementKind} {
			fmt.Fprintf(progress, "measuring %s with %d bindings\n", kind, of.bindings)
			round, err := measureTelemetry(ctx, kind, of.bindings, of.measures, baseline)
			if err != nil {
				return nil, fmt.Errorf("%s with %d bindings: %w", kind, of.bindings, err)
			}
			for _, r := range round {
				fmt.Fprintf(progress, "%s: %.2f s of processor time, %.2f s, %.0f MiB\n", r.Name, r.CPU, r.Wall, r.RSS)
			}
			results = append(results, round...)
		}
	}
	return results, nil
}

// leastCPU is what is taken for processor time that is too little to be told from none, in seconds.
const leastCPU = 0.01

// measureTelemetry measures one server; the first to be measured is the baseline.
func measureTelemetry(ctx context.Context, kind string, bindings int, measures []telemetryMeasure, baseline map[string]Result) (results []Result, err error) {
	p, err := startTelemetry(kind, bindings)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	var clients []*telemetryClient
	for range telemetryClients {
		c, err := dialTelemetry(p.served, p.kind == telemetryPeerKind)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		if err := c.once(ctx, "1", 1); err != nil { // connects, has the password checked, and is the first of everything
			return nil, err
		}
		clients = append(clients, c)
	}
	known := map[string]Result{}
	for _, m := range measures {
		if m.ours && kind == telemetryPeerKind {
			continue
		}
		r, err := m.measure(ctx, p, clients)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		if less, ok := known[m.less]; ok {
			r.CPU = max(leastCPU, r.CPU-less.CPU*float64(r.N)/float64(less.N))
		}
		known[m.name] = r
		r.Name, r.Ratio = fmt.Sprintf("%s-%d", m.name, bindings), 1
		base, measured := baseline[m.name]
		switch {
		case m.ours:
		case !measured:
			baseline[m.name] = r
		case m.byCPU:
			r.Ratio = base.CPU / r.CPU
		default:
			r.Ratio = base.Wall / r.Wall
		}
		if p.kind == telemetryPeerKind {
			r.Name += "-peer"
		}
		results = append(results, r)
	}
	return results, nil
}

// measure measures one thing at one server.
func (m *telemetryMeasure) measure(ctx context.Context, p *telemetryProcess, clients []*telemetryClient) (Result, error) {
	if m.ready != nil {
		undo, err := m.ready(ctx, clients)
		if err != nil {
			return Result{}, err
		}
		defer undo()
	}
	var n int
	r, err := p.measure(func() (err error) {
		n, err = m.do(ctx, p, clients)
		return err
	})
	r.N, r.Unit, r.longest = int64(n), m.unit, p.longest
	if err == nil {
		r.goroutines, r.held, err = p.kept(m.ours)
	}
	return r, err
}

func (o telemetryOptions) measures() []telemetryMeasure {
	leaves := o.bindings * len(telemetryLeaves)
	return []telemetryMeasure{
		{name: "once", unit: "leaf", byCPU: true, do: func(ctx context.Context, _ *telemetryProcess, c []*telemetryClient) (int, error) {
			return leaves, c[0].once(ctx, "*", o.bindings)
		}},
		{name: "sync4", unit: "leaf", do: func(ctx context.Context, _ *telemetryProcess, c []*telemetryClient) (int, error) {
			return len(c) * leaves, o.sync(ctx, c)
		}},
		{name: "alone", unit: "refresh", byCPU: true, do: func(_ context.Context, p *telemetryProcess, _ []*telemetryClient) (int, error) {
			return o.put(p, max(o.length, o.stopped))
		}},
		{name: "refresh", unit: "refresh", byCPU: true, less: "alone", do: o.refresh},
		{name: "stopped", unit: "refresh", byCPU: true, less: "alone", ready: o.stop, do: func(_ context.Context, p *telemetryProcess, _ []*telemetryClient) (int, error) {
			return o.put(p, o.stopped)
		}},
		{name: "cycles", unit: "cycle", ours: true, do: func(ctx context.Context, _ *telemetryProcess, c []*telemetryClient) (int, error) {
			for range o.cycles {
				if err := c[0].first(ctx); err != nil {
					return 0, err
				}
			}
			return o.cycles, nil
		}},
	}
}

func (o telemetryOptions) measuresOfMany() []telemetryMeasure {
	return []telemetryMeasure{
		{name: "once", unit: "leaf", do: func(ctx context.Context, _ *telemetryProcess, c []*telemetryClient) (int, error) {
			return o.many * len(telemetryLeaves), c[0].count(ctx, gpb.SubscriptionList_ONCE, o.many)
		}},
		{name: "get", unit: "get", do: func(ctx context.Context, p *telemetryProcess, c []*telemetryClient) (int, error) {
			for i := range o.gets {
				id := strconv.FormatInt(int64(i*(o.many/o.gets)+1), 16)
				one := func() error { return c[0].keyed(ctx, id) }
				if p.kind == telemetryPeerKind {
					one = func() error { return c[0].once(ctx, id, 1) }
				}
				if err := one(); err != nil {
					return 0, err
				}
			}
			return o.gets, nil
		}},
	}
}

// sync subscribes by several clients at once until all of them are in sync.
func (o telemetryOptions) sync(ctx context.Context, clients []*telemetryClient) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range clients {
		group.Go(func() error { return c.count(ctx, gpb.SubscriptionList_STREAM, o.bindings) })
	}
	return group.Wait()
}

// refresh subscribes, and has bindings refreshed. What is told in the end is what the last refreshes made of them.
func (o telemetryOptions) refresh(ctx context.Context, p *telemetryProcess, clients []*telemetryClient) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := clients[0].subscribe(ctx, gpb.SubscriptionList_STREAM, "*")
	if err != nil {
		return 0, err
	}
	if err := untilSync(stream, o.bindings); err != nil {
		return 0, err
	}
	told, before := make(chan error, 1), p.refreshes
	go func() { told <- untilTold(stream, o.bindings, before, o.refreshes(o.length)) }()
	count, err := o.put(p, o.length)
	if err != nil {
		return 0, err
	}
	return count, <-told
}

// stop subscribes and, once it is in sync, does not read on.
func (o telemetryOptions) stop(ctx context.Context, clients []*telemetryClient) (undo func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := clients[0].subscribe(ctx, gpb.SubscriptionList_STREAM, "*")
	if err == nil {
		err = untilSync(stream, o.bindings)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return cancel, nil
}

// put has bindings refreshed for so long.
func (o telemetryOptions) put(p *telemetryProcess, length time.Duration) (int, error) {
	count := o.refreshes(length)
	before := p.refreshes
	p.refreshes += count
	return count, p.order("refresh %d %d %d", before, count, o.rate)
}

func (o telemetryOptions) refreshes(length time.Duration) int {
	return int(length.Seconds() * float64(o.rate))
}

// untilTold reads until the last sequence number of every binding has been told that count refreshes change, after those before.
func untilTold(stream gpb.GNMI_SubscribeClient, bindings, before, count int) error {
	last := map[string]uint64{}
	for done := range count {
		i, sequence := refreshed(before+done, bindings)
		last[strconv.FormatInt(int64(i+1), 16)] = uint64(sequence)
	}
	for len(last) > 0 {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		elems := m.GetUpdate().GetPrefix().GetElem()
		id := elems[len(elems)-1].GetKey()["id"]
		for _, u := range m.GetUpdate().GetUpdate() {
			if u.GetPath().GetElem()[0].GetName() == "sequence" && u.GetVal().GetUintVal() == last[id] {
				delete(last, id)
			}
		}
	}
	return nil
}
