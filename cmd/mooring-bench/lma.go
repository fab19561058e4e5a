package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
)

// lmaOptions say how an anchor is measured.
type lmaOptions struct {
	bindings int
	length   time.Duration // of the refreshes
	stateDir string
	backend  string // of the dataplane; empty or noBackend: none
	// accounting has a RADIUS server told of every node.
	accounting bool
}

func lmaCommand() *cobra.Command {
	o := lmaOptions{}
	serve := ""
	cmd := &cobra.Command{
		Use:   "lma",
		Short: "Measure an anchor with many bindings",
		Long: `Lma registers N nodes at an anchor that keeps its bindings on the disk, over UDP on loopback with authentication:

  echo      the same datagrams, in the same batches, to a server that sends them back and does nothing else: the baseline of the next two
  register  every node is registered: stored on the disk and handed to the dataplane
  refresh   registrations are prolonged, after a pause as long as --time says, in which the anchor collects what it is rid of since it made them
  flood     as refresh, while as many requests that are not authentic come from 250 addresses of which none is a gateway's
  flood-10  as flood, with ten times as many
  flood-spoofed  as flood-10, but all in the name of one gateway, which is not the one that refreshes
  hold      refreshes go on; the ratio is that of 1 KiB to what the process has grown by for each binding, all included: the median of its resident size
            while all are refreshed, less that while 100 are, before, when 1000 nodes have come and gone until garbage was collected three times
  restart   the anchor is killed under refreshes and started again: the time from its start to its first answer. Every node is then asked
            after: one that was acknowledged and is gone is an error. The ratio is that of 3 seconds to that time

The ratio of register and refresh is to echo, in messages a second or in messages a second of processor time, whichever is less; that of the floods
to refresh in processor time, or in time to the same while the flood goes to another address, whichever is less: who floods takes a part of the gateway's processor.
What the host keeps from the anchor's socket is processor time of the sender here, since it is the same host.
The anchor is a process of its own with the engine, the sockets, the store and the reconciler of the product; unless
--backend says which, its forwarding plane takes everything and holds nothing. With --accounting nodes are accounted all the time, by records and open sessions on the disk, to
a RADIUS server that answers, and there is one line more:

  account   as register, until the server has taken the Start of every node; after the restart it may have been told of no session that ended, or began anew

The processor time is that of the anchor, or of the echo server: each has a processor of the machine to itself until
it is restarted, and their gateway, which prepares its requests beforehand, another one.`,
		Example: `  mooring-bench lma
  mooring-bench lma --accounting
  mooring-bench lma --backend userspace
  mooring-bench lma --bindings 1000000 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := backend.Parse(o.backend); err != nil && o.backend != noBackend {
				return err
			}
			switch serve {
			case "anchor", "customers":
				return serveLMA(cmd, o, serve == "customers")
			case "echo":
				return serveEcho()
			}
			if err := netns.Enter(); err != nil {
				return err
			}
			results, err := o.run()
			if err != nil {
				return err
			}
			return printResults(cmd, results)
		},
	}
	cmd.Flags().IntVar(&o.bindings, "bindings", 128_000, "number N of bindings")
	cmd.Flags().DurationVar(&o.length, "time", 3*time.Second, "how long bindings are refreshed, each time")
	cmd.Flags().StringVar(&o.stateDir, "state-dir", "", "`FOLDER` of the store; a temporary one where it is not given")
	cmd.Flags().StringVar(&o.backend, "backend", noBackend, "`BACKEND` of the dataplane: auto, kernel, userspace, or none, which takes everything and holds nothing")
	cmd.Flags().BoolVar(&o.accounting, "accounting", false, "account every node with a RADIUS server that answers, in the process of the gateway; adds the line account")
	cmd.Flags().StringVar(&serve, "serve", "", "be the anchor, or the echo server")
	cmd.Flags().MarkHidden("serve")
	return cmd
}

// lmaRun is one run of the benchmark.
type lmaRun struct {
	lmaOptions
	host    *netns.Host
	anchor  *lmaProcess
	echo    *lmaProcess
	gateway *askingMAG
	strangers,
	spoofer *flooder
	radius *radiusServer
	empty  float64 // MiB that the anchor took with few bindings that were refreshed
	begun  int     // sessions that were accounted since then, in all
}

func (o lmaOptions) run() (results []Result, err error) {
	if o.bindings <= few {
		return nil, fmt.Errorf("--bindings: there have to be more than %d", few)
	}
	if o.stateDir == "" {
		if o.stateDir, err = os.MkdirTemp("", "mooring-bench"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(o.stateDir)
	}
	r := lmaRun{lmaOptions: o}
	defer r.close()
	if err := r.open(); err != nil {
		return nil, err
	}
	if results, err = r.apart(); err != nil {
		return nil, err
	}
	hold, err := r.hold()
	if err != nil {
		return nil, err
	}
	if err := r.killUnderLoad(); err != nil {
		return nil, err
	}
	restart, err := r.restart()
	if err != nil {
		return nil, err
	}
	return append(results, hold, restart), nil
}

func (r *lmaRun) open() (err error) {
	if r.host, err = netns.NewHost("lma"); err != nil {
		return err
	}
	if r.gateway, err = newAskingMAG(r.host, magAddress, lmaSecret); err != nil {
		return err
	}
	if r.strangers, err = newStrangers(r.host); err != nil {
		return err
	}
	if r.spoofer, err = newFlooder(r.host, spoofedAddress); err != nil || !r.accounting {
		return err
	}
	r.radius, err = newRadiusServer(r.host)
	return err
}

func (r *lmaRun) close() {
	for _, p := range []*lmaProcess{r.anchor, r.echo} {
		if p != nil {
			p.kill()
		}
	}
	if r.gateway != nil {
		r.gateway.conn.Close()
	}
	for _, f := range []*flooder{r.strangers, r.spoofer} {
		if f != nil {
			f.close()
		}
	}
	if r.radius != nil {
		r.radius.conn.Close()
	}
	if r.host != nil {
		r.host.Close()
	}
}

// apart has anchor and echo server on one processor and their gateway on another, and returns the rates.
func (r *lmaRun) apart() (results []Result, err error) {
	all, err := processors()
	if err != nil {
		return nil, err
	}
	if err := stayOn(only(0, all)); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stayOn(all)) }()
	if r.echo, err = startLMA(r.host, "echo", r.lmaOptions, only(1, all)); err != nil {
		return nil, err
	}
	if r.anchor, err = startLMA(r.host, "anchor", r.lmaOptions, only(1, all)); err != nil {
		return nil, err
	}
	if _, err := r.gateway.untilAnswered(time.Minute, 1); err != nil {
		return nil, err
	}
	if err := r.warmUp(); err != nil {
		return nil, fmt.Errorf("warm-up: %w", err)
	}
	if r.empty, err = r.refreshing(few); err != nil {
		return nil, err
	}
	return r.rates()
}

// few nodes are there before memory is measured: what the program takes anyhow, its buffers, and a heap that has been used, is not for the bindings.
const few = 100

// warmUp has nodes come and go until garbage was collected of it, and leaves few.
func (r *lmaRun) warmUp() error {
	const nodes, collections = 1000, 3
	begun, err := r.anchor.count()
	for now := begun; err == nil && now.Collections < begun.Collections+collections; {
		r.gateway.node = 0
		if err = r.gateway.ask(nodes, nodes); err != nil {
			return err
		}
		r.gateway.node, r.gateway.leaving = few, true
		err = r.gateway.exchange(r.gateway.prepare(nodes-few, nodes), lmaAddress)
		r.gateway.leaving = false
		clear(r.gateway.has)
		if err == nil {
			now, err = r.anchor.count()
		}
		if err == nil && now.Bindings != few {
			err = fmt.Errorf("%d nodes are there when all but %d have gone", now.Bindings, few)
		}
	}
	if err != nil {
		return err
	}
	return r.accounted(few)
}

// refreshing has nodes refreshed for a while, and returns how many MiB the anchor takes: the median, because that swings with the collection of garbage.
func (r *lmaRun) refreshing(nodes int) (float64, error) {
	r.gateway.node = 0
	var sizes []float64
	for until := time.Now().Add(r.length); len(sizes) == 0 || time.Now().Before(until); {
		if err := r.gateway.ask(atOnce, nodes); err != nil {
			return 0, err
		}
		sizes = append(sizes, resident(r.anchor.pid(), "VmRSS:"))
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2], nil
}

// hold has every node refreshed, and so for a while.
func (r *lmaRun) hold() (hold Result, err error) {
	r.gateway.node = 0
	if hold, err = costOf("hold", "binding", r.anchor, r.bindings, func() error { return r.gateway.ask(r.bindings, r.bindings) }); err != nil {
		return hold, err
	}
	hold.RSS, err = r.refreshing(r.bindings)
	hold.Ratio = 1024 / max(1, (hold.RSS-r.empty)*1024*1024/float64(r.bindings-few))
	return hold, err
}

// killUnderLoad ends the anchor while it is asked, and starts it again.
func (r *lmaRun) killUnderLoad() (err error) {
	killed := make(chan struct{})
	time.AfterFunc(r.length/4, func() { r.anchor.kill(); close(killed) })
	r.gateway.untilKilled(r.bindings)
	<-killed
	all, err := processors()
	if err != nil {
		return err
	}
	r.anchor, err = startLMA(r.host, "anchor", r.lmaOptions, all)
	return err
}

// restart asks until there is an answer, and then for every node.
func (r *lmaRun) restart() (row Result, err error) {
	answered, err := r.gateway.untilAnswered(time.Minute, r.bindings)
	if err != nil {
		return row, err
	}
	row = Result{Name: "restart", N: int64(r.bindings), Unit: "binding", Wall: answered.Sub(r.anchor.started).Seconds()}
	if _, err := r.anchor.count(); err != nil { // it says so when it accounts, too
		return row, err
	}
	cpu, err := processorTime(r.anchor.pid())
	if err != nil {
		return row, err
	}
	row.CPU, row.RSS, row.Ratio = cpu.Seconds(), resident(r.anchor.pid(), "VmHWM:"), 3/row.Wall
	r.gateway.node = 0
	if err := r.gateway.ask(r.bindings, r.bindings); err != nil {
		return row, fmt.Errorf("after the restart: %w", err)
	}
	counted, err := r.anchor.count()
	switch {
	case err != nil:
		return row, err
	case counted.Initial != 0 || counted.Bindings != r.bindings || r.gateway.different > 0:
		return row, fmt.Errorf("of %d bindings that were acknowledged %d are there after the restart, %d had to be made anew, %d with other prefixes",
			r.bindings, counted.Bindings, counted.Initial, r.gateway.different)
	case r.accounting:
		return row, r.stillAccounted()
	}
	return row, nil
}
