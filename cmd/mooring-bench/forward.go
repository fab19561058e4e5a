package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"mooring/dataplane/backend"
	"mooring/dataplane/kernel"
	"mooring/dataplane/netns"
	"mooring/dataplane/vm"
)

const forwardHelp = `Measure forwarding from a correspondent to a mobile node over LMA and MAG, four namespaces in
a row, each variant as often as --rounds says, and before each time plain kernel forwarding over
the same path, which the ratio is to. Of each variant the round with the median ratio is shown, of
the kernel the round with the median rate. All variants take about two minutes a round; standard
error says what is being measured.

  forward-tcp-*  octets that one TCP stream delivers, with windows up to 32 MiB
  forward-pps-*  datagrams of 64 octets at the highest rate that loses at most one in a thousand,
                 found by bisection
  forward-trains-*  datagrams of 64 octets, 32 at once, each time when the last have arrived

*-bare is the kernel's tunnel without our rules, and without what they check.
*-user-space does without the fast path that an element has for IP-in-IP and GRE where the host
allows it (root on Linux 6.6 or newer). Where it does not, both are the same, and standard error
says why.

The backend kernel is measured in a virtual machine where the kernel here has no tunnels. That is
emulated: only ratios mean something. Its one processor takes the same time for each instruction,
so that the ratios do not depend on what else runs here. QEMU's copies memory octet by octet, and
with --calibrated eight octets at once, which is nearer to a processor of today: what is done for
each packet weighs more then (docs/adr/0296). It needs a static binary (CGO_ENABLED=0).

The ends of the tunnel are processes of their own; all share the processors of this machine, so
what else runs on it shows: look at the middle of many rounds on an idle machine.`

type forwardOptions struct {
	backend    string
	vm         bool
	calibrated bool
	rounds     int
	length     time.Duration
	variants   []string
	measures   []string
}

func forwardCommand() *cobra.Command {
	var o forwardOptions
	cmd := &cobra.Command{
		Use:   "forward",
		Short: "Measure tunnels against plain kernel forwarding",
		Long:  forwardHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if elsewhere, err := o.needsMachine(cmd.ErrOrStderr()); elsewhere || err != nil {
				return cmp.Or(err, runInMachine(cmd, slowMachine, o.calibrated))
			}
			if err := netns.Enter(); err != nil {
				return err
			}
			results, err := o.run(cmd.ErrOrStderr())
			return errors.Join(printResults(cmd, results), err)
		},
	}
	cmd.Flags().StringVar(&o.backend, "backend", "userspace", "`BACKEND` of the dataplane: auto, kernel or userspace")
	cmd.Flags().BoolVar(&o.vm, "vm", false, "measure in a virtual machine (QEMU), whose kernel has every tunnel driver")
	cmd.Flags().BoolVar(&o.calibrated, "calibrated", false, "have the virtual machine copy memory at about the cost of a processor of today")
	cmd.Flags().IntVar(&o.rounds, "rounds", 3, "measurements of each variant")
	cmd.Flags().DurationVar(&o.length, "time", time.Second, "length of one measurement")
	cmd.Flags().StringSliceVar(&o.variants, "variants", nil, "only these of "+variantNames())
	cmd.Flags().StringSliceVar(&o.measures, "measures", []string{"tcp", "pps"}, "what to measure")
	return cmd
}

type measure struct {
	name, unit string
	run        func(*topology, time.Duration) (n int64, wall time.Duration, err error)
}

// measures are what is measured of every variant.
var measures = []measure{
	{"tcp", "B", measureTCP},
	{"pps", "pkt", measurePackets},
	{"trains", "pkt", measureTrains},
}

// needsMachine reports whether what is to be measured can only be measured in a virtual machine, or is wanted there.
func (o *forwardOptions) needsMachine(progress io.Writer) (bool, error) {
	wish, err := backend.Parse(o.backend)
	if err != nil || o.vm || wish != backend.Kernel {
		return o.vm, err
	}
	return lacking(progress), nil
}

// lacking reports, and says, whether the kernel here lacks tunnels.
func lacking(progress io.Writer) bool {
	for kind, lack := range kernel.Probe() {
		fmt.Fprintf(progress, "the kernel has no %s here (%v): a virtual machine is started\n", kind, lack)
		return true
	}
	return false
}

// What a machine takes for an instruction: where a lot of them go into what is measured, a clock that runs slowly beside ours makes it last.
const (
	slowMachine = 8 * time.Nanosecond
	fastMachine = time.Nanosecond
)

// runInMachine runs the command again in a virtual machine. Copies of a calibrated one cost as much as a processor's (vm.Machine).
func runInMachine(cmd *cobra.Command, instruction time.Duration, calibrated bool) error {
	machine, err := vm.Again("--vm")
	if err != nil {
		return err
	}
	machine.Out, machine.Err, machine.Instruction, machine.Calibrated = cmd.OutOrStdout(), cmd.ErrOrStderr(), instruction, calibrated
	return machine.Run(cmd.Context())
}

// run measures. What was measured before an error is returned with it.
func (o *forwardOptions) run(progress io.Writer) ([]Result, error) {
	chosen, err := o.choose()
	if err != nil {
		return nil, err
	}
	all := map[string][]Result{}
	err = o.measureAll(chosen, progress, func(kernel, r Result) {
		all[kernel.Name] = append(all[kernel.Name], kernel)
		all[r.Name] = append(all[r.Name], r)
	})
	return o.medians(chosen, all), err
}

// measureAll hands over each result of each round with that of the baseline before it.
func (o *forwardOptions) measureAll(chosen []variant, progress io.Writer, measured func(kernel, r Result)) error {
	for round := range o.rounds {
		for _, m := range o.wanted() {
			for _, v := range chosen {
				fmt.Fprintf(progress, "round %d of %d: %s over %s\n", round+1, o.rounds, m.name, v.name)
				kernel, err := m.measure(variants[0], o.length)
				if err != nil {
					return fmt.Errorf("%s over %s: %w", m.name, variants[0].name, err)
				}
				r, err := m.measure(v, o.length)
				if err != nil {
					return fmt.Errorf("%s over %s: %w", m.name, v.name, err)
				}
				r.Ratio, kernel.Ratio = r.Rate()/kernel.Rate(), 1
				measured(kernel, r)
			}
		}
	}
	return nil
}

// medians are of each measure the baseline and the variants, where there are any results.
func (o *forwardOptions) medians(chosen []variant, all map[string][]Result) (results []Result) {
	add := func(name string, by func(Result) float64) {
		if some := all[name]; len(some) > 0 {
			results = append(results, median(some, by))
		}
	}
	for _, m := range o.wanted() {
		add("forward-"+m.name+"-"+variants[0].name, Result.Rate)
		for _, v := range chosen {
			add("forward-"+m.name+"-"+v.name, Result.ratio)
		}
	}
	return results
}

func (o *forwardOptions) wanted() (chosen []measure) {
	for _, m := range measures {
		if slices.Contains(o.measures, m.name) {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// choose returns the variants that were asked for, without the baseline.
func (o *forwardOptions) choose() ([]variant, error) {
	var chosen []variant
	for _, v := range variants[1:] {
		v.backend = o.backend
		if len(o.variants) == 0 && !v.bare && (o.backend != backend.Kernel.String() || !v.slow) {
			chosen = append(chosen, v)
		}
	}
	for _, name := range o.variants {
		found := false
		for _, v := range variants[1:] {
			if v.backend = o.backend; v.name == name {
				chosen, found = append(chosen, v), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no variant %q; there are %s", name, variantNames())
		}
	}
	return chosen, nil
}

func (m measure) measure(v variant, length time.Duration) (Result, error) {
	before := cpuOf(unix.RUSAGE_SELF) + cpuOf(unix.RUSAGE_CHILDREN)
	t, err := build(v)
	if err != nil {
		t.close()
		return Result{}, err
	}
	n, wall, err := m.run(t, length)
	peak := t.close()
	if err != nil {
		return Result{}, err
	}
	cpu := cpuOf(unix.RUSAGE_SELF) + cpuOf(unix.RUSAGE_CHILDREN) - before
	return Result{Name: "forward-" + m.name + "-" + v.name, Unit: m.unit, N: n, CPU: cpu.Seconds(), Wall: wall.Seconds(), RSS: peak}, nil
}

func measureTCP(t *topology, length time.Duration) (int64, time.Duration, error) {
	node, cn := t.hosts[0], t.hosts[3]
	return streamTCP(cn, node, node4, length)
}

const (
	tolerated  = 0.001     // part of the packets that may be lost
	steps      = 9         // of the bisection
	attempts   = 2         // at each step: the machine has other things to do, too
	packetsMax = 1_600_000 // a second
)

// measurePackets finds the highest rate of small packets that arrives.
func measurePackets(t *topology, length time.Duration) (int64, time.Duration, error) {
	node, cn := t.hosts[0], t.hosts[3]
	s, err := newSink(node)
	if err != nil {
		return 0, 0, err
	}
	defer s.close()
	to := netip.AddrPortFrom(netip.MustParseAddr(node4), uint16(s.port))
	low, high := 0.0, float64(packetsMax)
	var best int64
	length /= 4
	for range steps {
		rate := (low + high) / 2
		if low == 0 {
			rate = high / 8
		}
		arrived, err := s.withstands(cn, to, rate, length)
		if err != nil {
			return 0, 0, err
		}
		if arrived > 0 {
			low, best = rate, arrived
		} else {
			high = rate
		}
	}
	if best == 0 {
		return 0, 0, errors.New("no rate of small packets arrives whole")
	}
	return best, length, nil
}

// measureTrains sends small packets in trains, each when the last has arrived: what the path takes for a packet, without a search for a rate.
func measureTrains(t *topology, length time.Duration) (int64, time.Duration, error) {
	node, cn := t.hosts[0], t.hosts[3]
	s, err := newSink(node)
	if err != nil {
		return 0, 0, err
	}
	defer s.close()
	return s.trains(cn, netip.AddrPortFrom(netip.MustParseAddr(node4), uint16(s.port)), length)
}

// withstands returns how many packets arrived at this rate; 0 if too many were lost, or not as many could be sent.
func (s *sink) withstands(from *netns.Host, to netip.AddrPort, rate float64, length time.Duration) (int64, error) {
	for range attempts {
		before := s.count.Load()
		sent, err := generate(from, to, rate, length)
		if err != nil {
			return 0, err
		}
		time.Sleep(50 * time.Millisecond) // for what is under way
		got := s.count.Load() - before
		if float64(sent) >= 0.98*rate*length.Seconds() && float64(got) >= (1-tolerated)*float64(sent) {
			return got, nil
		}
	}
	return 0, nil
}
