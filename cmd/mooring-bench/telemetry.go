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
	gets           int
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
  sync4-N     four clients that subscribe on change and count, until all are in sync; judged by wall time
  refresh-N   one client that subscribes on change, and then 10,000 refreshes a second; judged by processor time
  alone-N     the same refreshes while nobody subscribes: what of refresh-N is the work of the process that refreshes, and not telemetry
  stopped-N   one client that subscribes on change, is in sync, and then does not read for a minute of refreshes; judged by processor
              time. Its wall time is that of the sync and a minute when nobody who refreshes has to wait; its RSS has what the
              subscription keeps of each binding and the garbage of the refreshes, too

Each is measured with the subscribe and cache packages of OpenConfig, too, which keep one atomic notification for each binding: that is
the baseline, and the ratio is what it takes to what we take. It has no Get, so that it is asked for one binding with Subscribe ONCE.

The processor time is that of the server alone. RSS is how much the server grows at most, beyond what it holds at first.`,
		Example: `  mooring-bench telemetry
  mooring-bench telemetry --bindings 10000 --many 50000 --time 3s --stopped 3s --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if serve != "" {
				return serveTelemetry(cmd, serve, o.bindings)
			}
			results, err := o.run(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return printResults(cmd, results)
		},
	}
	cmd.Flags().IntVar(&o.bindings, "bindings", 128_000, "number N of bindings")
	cmd.Flags().IntVar(&o.many, "many", 1_000_000, "number M of bindings")
	cmd.Flags().IntVar(&o.rate, "rate", 10_000, "refreshes in a second")
	cmd.Flags().DurationVar(&o.length, "time", 15*time.Second, "how long bindings are refreshed")
	cmd.Flags().DurationVar(&o.stopped, "stopped", time.Minute, "how long a client does not read")
	cmd.Flags().IntVar(&o.gets, "gets", 1000, "how many bindings are asked for with Get")
	cmd.Flags().StringVar(&serve, "serve", "", "serve bindings, as mooring or as peer")
	cmd.Flags().MarkHidden("serve")
	return cmd
}

// telemetryMeasure is one line of the outcome. byCPU says what it is judged by.
type telemetryMeasure struct {
	name  string
	unit  string
	byCPU bool
	do    func(ctx context.Context, p *telemetryProcess, clients []*telemetryClient) (n int, err error)
}

// telemetryClients is how many there are, each with a connection of its own. All but one measure need only the first.
const telemetryClients = 4

func (o telemetryOptions) run(ctx context.Context, progress io.Writer) ([]Result, error) {
	if o.bindings < 1 || o.many < 1 || o.rate < 1 || o.gets < 1 {
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
	for _, m := range measures {
		var n int
		r, err := p.measure(func() (err error) {
			n, err = m.do(ctx, p, clients)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		r.Name, r.N, r.Unit, r.Ratio = fmt.Sprintf("%s-%d", m.name, bindings), int64(n), m.unit, 1
		if base, known := baseline[m.name]; !known {
			baseline[m.name] = r
		} else if r.Ratio = base.Wall / r.Wall; m.byCPU {
			r.Ratio = base.CPU / r.CPU
		}
		if p.kind == telemetryPeerKind {
			r.Name += "-peer"
		}
		results = append(results, r)
	}
	return results, nil
}

func (o telemetryOptions) measures() []telemetryMeasure {
	leaves := o.bindings * len(telemetryLeaves)
	return []telemetryMeasure{
		{"once", "leaf", true, func(ctx context.Context, _ *telemetryProcess, c []*telemetryClient) (int, error) {
			return leaves, c[0].once(ctx, "*", o.bindings)
		}},
		{"sync4", "leaf", false, func(ctx context.Context, _ *telemetryProcess, c []*telemetryClient) (int, error) {
			return len(c) * leaves, o.sync(ctx, c)
		}},
		{"refresh", "refresh", true, o.refresh},
		{"alone", "refresh", true, func(_ context.Context, p *telemetryProcess, _ []*telemetryClient) (int, error) {
			return o.put(p, o.length)
		}},
		{"stopped", "refresh", true, o.stop},
	}
}

func (o telemetryOptions) measuresOfMany() []telemetryMeasure {
	return []telemetryMeasure{
		{"once", "leaf", false, func(ctx context.Context, _ *telemetryProcess, c []*telemetryClient) (int, error) {
			return o.many * len(telemetryLeaves), c[0].count(ctx, gpb.SubscriptionList_ONCE, o.many)
		}},
		{"get", "get", false, func(ctx context.Context, p *telemetryProcess, c []*telemetryClient) (int, error) {
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
	count := o.refreshes(o.length)
	told := make(chan error, 1)
	go func() { told <- untilTold(stream, o.bindings, count) }()
	if err := p.order("refresh %d %d", count, o.rate); err != nil {
		return 0, err
	}
	return count, <-told
}

// stop subscribes, and does not read on while bindings are refreshed.
func (o telemetryOptions) stop(ctx context.Context, p *telemetryProcess, clients []*telemetryClient) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := clients[0].subscribe(ctx, gpb.SubscriptionList_STREAM, "*")
	if err != nil {
		return 0, err
	}
	if err := untilSync(stream, o.bindings); err != nil {
		return 0, err
	}
	return o.put(p, o.stopped)
}

// put has bindings refreshed for so long.
func (o telemetryOptions) put(p *telemetryProcess, length time.Duration) (int, error) {
	count := o.refreshes(length)
	return count, p.order("refresh %d %d", count, o.rate)
}

func (o telemetryOptions) refreshes(length time.Duration) int {
	return int(length.Seconds() * float64(o.rate))
}

// untilTold reads until the last sequence number of every binding has been told that count refreshes change.
func untilTold(stream gpb.GNMI_SubscribeClient, bindings, count int) error {
	last := map[string]uint64{}
	for done := range count {
		i, sequence := refreshed(done, bindings)
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
