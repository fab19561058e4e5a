package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"mooring/dataplane/netns"
)

// lmaOptions say how an anchor is measured.
type lmaOptions struct {
	bindings int
	length   time.Duration // of the refreshes
	stateDir string
}

func lmaCommand() *cobra.Command {
	o := lmaOptions{}
	serve := false
	cmd := &cobra.Command{
		Use:   "lma",
		Short: "Measure an anchor with many bindings",
		Long: `Lma registers N nodes at an anchor that keeps its bindings on the disk, over UDP on loopback with authentication:

  hold     the registrations; the ratio is that of 1 KiB to what the process grows by for each binding, all included, while refreshes run
  restart  the anchor is killed under refreshes and started again: the time from its start to its first answer. Every node is then asked
           after: one that was acknowledged and is gone is an error. The ratio is that of 3 seconds to that time

The anchor is a process of its own with the engine, the sockets, the store and the reconciler of the product; its forwarding plane takes
everything and holds nothing. The processor time is that of the anchor.`,
		Example: `  mooring-bench lma
  mooring-bench lma --bindings 1000000 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if serve {
				return serveLMA(cmd, o)
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
	cmd.Flags().DurationVar(&o.length, "time", 3*time.Second, "how long bindings are refreshed")
	cmd.Flags().StringVar(&o.stateDir, "state-dir", "", "`FOLDER` of the store; a temporary one where it is not given")
	cmd.Flags().BoolVar(&serve, "serve", false, "be the anchor")
	cmd.Flags().MarkHidden("serve")
	return cmd
}

func (o lmaOptions) run() (results []Result, err error) {
	if o.bindings <= 0 {
		return nil, errors.New("--bindings: there has to be one at least")
	}
	if o.stateDir == "" {
		if o.stateDir, err = os.MkdirTemp("", "mooring-bench"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(o.stateDir)
	}
	h, err := netns.NewHost("lma")
	if err != nil {
		return nil, err
	}
	defer h.Close()
	p, err := startLMA(h, o)
	if err != nil {
		return nil, err
	}
	defer func() { p.kill() }()
	gateway, err := newAskingMAG(h)
	if err != nil {
		return nil, err
	}
	defer gateway.conn.Close()
	if _, err := gateway.untilAnswered(time.Minute, o.bindings); err != nil {
		return nil, err
	}
	hold, err := o.hold(p, gateway)
	if err != nil {
		return nil, err
	}
	if p, err = o.killUnderLoad(h, p, gateway); err != nil {
		return nil, err
	}
	restart, err := o.restart(p, gateway)
	if err != nil {
		return nil, err
	}
	return []Result{hold, restart}, nil
}

// hold registers every node, and refreshes them for a while.
func (o lmaOptions) hold(p *lmaProcess, gateway *askingMAG) (r Result, err error) {
	before := resident(p.pid(), "VmRSS:")
	cpu, err := processorTime(p.pid())
	if err != nil {
		return r, err
	}
	begun := time.Now()
	if err := gateway.ask(o.bindings, o.bindings); err != nil {
		return r, fmt.Errorf("register: %w", err)
	}
	r = Result{Name: fmt.Sprintf("hold-%d", o.bindings), N: int64(o.bindings), Unit: "binding", Wall: time.Since(begun).Seconds()}
	after, err := processorTime(p.pid())
	if err != nil {
		return r, err
	}
	r.CPU = (after - cpu).Seconds()
	for until := time.Now().Add(o.length); time.Now().Before(until); {
		if err := gateway.ask(10_000, o.bindings); err != nil {
			return r, fmt.Errorf("refresh: %w", err)
		}
	}
	r.RSS = resident(p.pid(), "VmRSS:")
	r.Ratio = 1024 / max(1, (r.RSS-before)*1024*1024/float64(o.bindings))
	return r, nil
}

// killUnderLoad ends the anchor while it is asked, and starts it again.
func (o lmaOptions) killUnderLoad(h *netns.Host, p *lmaProcess, gateway *askingMAG) (*lmaProcess, error) {
	killed := make(chan error, 1)
	time.AfterFunc(o.length/4, func() { p.kill(); killed <- nil })
	gateway.untilKilled(o.bindings)
	<-killed
	return startLMA(h, o)
}

// restart asks until there is an answer, and then for every node.
func (o lmaOptions) restart(p *lmaProcess, gateway *askingMAG) (r Result, err error) {
	answered, err := gateway.untilAnswered(time.Minute, o.bindings)
	if err != nil {
		return r, err
	}
	r = Result{Name: fmt.Sprintf("restart-%d", o.bindings), N: int64(o.bindings), Unit: "binding", Wall: answered.Sub(p.started).Seconds()}
	cpu, err := processorTime(p.pid())
	if err != nil {
		return r, err
	}
	r.CPU, r.RSS, r.Ratio = cpu.Seconds(), resident(p.pid(), "VmHWM:"), 3/r.Wall
	gateway.node = 0
	if err := gateway.ask(o.bindings, o.bindings); err != nil {
		return r, fmt.Errorf("after the restart: %w", err)
	}
	counted, err := p.count()
	switch {
	case err != nil:
		return r, err
	case counted.Initial != 0 || counted.Bindings != o.bindings || gateway.different > 0:
		return r, fmt.Errorf("of %d bindings that were acknowledged %d are there after the restart, %d had to be made anew, %d with other prefixes",
			o.bindings, counted.Bindings, counted.Initial, gateway.different)
	}
	return r, nil
}
