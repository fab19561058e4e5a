package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"mooring/cmd/mooring/element"
	"mooring/cmd/mooring/lab"
	"mooring/dataplane/netns"
)

const handoverHelp = `Handover measures for how long the traffic of a node is interrupted when its link is moved from one gateway to another
in a lab (see "mooring lab"), whose links add no delay: from the last packet delivered on the old path to the first on the new,
the longest of four flows of probes every 5 ms, both ways in both families. wall_s is the median of the moves.

  handover-bare   the baseline: no mobility; the link is moved between two routers, and whoever moves it sets their
                  addresses and the correspondent's routes by himself at once
  handover-ipv6   signalling and tunnels over IPv6
  handover-ipv4   signalling and tunnels over IPv4 and UDP

The ratio is that of the interruption of the baseline to this one: 0.5 is twice as long.`

type handoverOptions struct {
	moves      int
	transports []string
}

func handoverCommand() *cobra.Command {
	var o handoverOptions
	cmd := &cobra.Command{
		Use:   "handover",
		Short: "Measure how long a handover interrupts traffic",
		Long:  handoverHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := netns.Enter(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM) // the lab is taken down then
			defer stop()
			results, err := o.run(ctx)
			if err != nil {
				return err
			}
			if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
				return printJSON(cmd.OutOrStdout(), results)
			}
			return printHandovers(cmd.OutOrStdout(), results)
		},
	}
	cmd.Flags().IntVar(&o.moves, "moves", 10, "moves of each kind")
	cmd.Flags().StringSliceVar(&o.transports, "transports", []string{"ipv6", "ipv4"}, "what carries signalling and tunnels")
	return cmd
}

// elementCommand is an element of the lab.
func elementCommand() *cobra.Command {
	var o element.Options
	cmd := &cobra.Command{
		Use:    "element",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			return runElement(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.StateDir, "state-dir", "", "folder of the element")
	return cmd
}

// peakFile is where an element of the lab leaves the largest size that it has had, in MiB.
const peakFile = "peak"

func runElement(ctx context.Context, o element.Options) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	e, err := element.Start(ctx, o)
	if err != nil {
		return err
	}
	err = errors.Join(e.Wait(ctx), e.Close())
	peak := fmt.Append(nil, resident(os.Getpid(), "VmHWM:"))
	return errors.Join(err, os.WriteFile(filepath.Join(o.StateDir, peakFile), peak, 0o600))
}

func (o *handoverOptions) run(ctx context.Context) ([]Result, error) {
	if o.moves < 1 {
		return nil, errors.New("--moves: there has to be one at least")
	}
	baseline, err := measureMoves("bare", func() ([]lab.Move, float64, error) {
		moves, err := lab.Bare(ctx, o.moves)
		return moves, 0, err // there is no element
	})
	if err != nil {
		return nil, err
	}
	results := []Result{baseline}
	for _, transport := range o.transports {
		r, err := measureMoves(transport, func() ([]lab.Move, float64, error) { return o.lab(ctx, transport) })
		if err != nil {
			return nil, fmt.Errorf("handover over %s: %w", transport, err)
		}
		results = append(results, r)
	}
	for i := range results {
		results[i].Ratio = baseline.Wall / results[i].Wall
	}
	return results, nil
}

// lab runs a lab with elements that are this program once more, and tells the size of the largest.
func (o *handoverOptions) lab(ctx context.Context, transport string) (moves []lab.Move, peak float64, err error) {
	folder, err := os.MkdirTemp("", "mooring-bench-")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(folder)
	moves, err = lab.Run(ctx, folder, lab.Options{
		Transport: transport, Moves: o.moves, Out: io.Discard, Element: []string{"/proc/self/exe", "element"},
	})
	files, _ := filepath.Glob(filepath.Join(folder, "*", peakFile)) // the pattern is good
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		mib, parseErr := strconv.ParseFloat(string(text), 64)
		peak, err = max(peak, mib), errors.Join(err, readErr, parseErr)
	}
	return moves, peak, err
}

// measureMoves lets a node move. Its result has the median interruption as Wall.
func measureMoves(name string, run func() ([]lab.Move, float64, error)) (Result, error) {
	before := cpuOf(unix.RUSAGE_SELF) + cpuOf(unix.RUSAGE_CHILDREN)
	moves, peak, err := run()
	if err != nil {
		return Result{}, err
	}
	var interruptions []float64
	for _, m := range moves {
		interruptions = append(interruptions, m.Interruption/1000)
	}
	return Result{
		Name: "handover-" + name, N: int64(len(moves)), Wall: middle(interruptions),
		CPU: (cpuOf(unix.RUSAGE_SELF) + cpuOf(unix.RUSAGE_CHILDREN) - before).Seconds(), RSS: peak,
	}, nil
}

// middle is the median; of an even number of values the mean of the two in the middle.
func middle(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}

func printHandovers(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "name\tmoves\tmedian ms\tcpu s\trss MiB\tratio\t")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%.2f\t%.1f\t%.3f\t\n", r.Name, r.N, 1000*r.Wall, r.CPU, r.RSS, r.Ratio)
	}
	return t.Flush()
}
