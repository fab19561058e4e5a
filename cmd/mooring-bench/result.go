package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Result is one line of any benchmark: what was done, what it cost, and how it compares. Names are stable, so that results
// can be compared from commit to commit.
type Result struct {
	Name  string  `json:"name"`
	N     int64   `json:"n"`       // things done, of the Unit
	CPU   float64 `json:"cpu_s"`   // seconds of processor time, all processes together
	Wall  float64 `json:"wall_s"`  // seconds
	RSS   float64 `json:"rss_mib"` // largest resident size of a process under test
	Ratio float64 `json:"ratio"`   // of the rate to that of the baseline in the same run; 1 for the baseline itself
	Unit  string  `json:"-"`

	// Of telemetry alone: how long the longest refresh took, and how many more goroutines and MiB there are when all is over.
	longest    time.Duration
	goroutines int
	held       float64
}

// Rate returns how many things were done in a second.
func (r Result) Rate() float64 { return float64(r.N) / r.Wall }

// perItem is the processor time of each, in seconds.
func (r Result) perItem() float64 { return r.CPU / float64(r.N) }

func (r Result) ratio() float64 { return r.Ratio }

// printResults prints what a command has measured, as its --json flag says.
func printResults(cmd *cobra.Command, results []Result) error {
	asJSON, err := cmd.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), results)
	}
	return printTable(cmd.OutOrStdout(), results)
}

func printJSON(w io.Writer, results []Result) error {
	encoder := json.NewEncoder(w)
	for _, r := range results {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func printTable(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "name\trate\tn\tcpu s\twall s\trss MiB\tratio\t")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.2f\t%.2f\t%.1f\t%.3f\t\n", r.Name, humanRate(r.Rate(), r.Unit), r.N, r.CPU, r.Wall, r.RSS, r.Ratio)
	}
	return t.Flush()
}

func humanRate(rate float64, unit string) string {
	for _, scale := range []struct {
		from   float64
		prefix string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if rate >= scale.from {
			return fmt.Sprintf("%.2f %s%s/s", rate/scale.from, scale.prefix, unit)
		}
	}
	return fmt.Sprintf("%.2f %s/s", rate, unit)
}

// median returns the result in the middle by this figure. It puts the results in order.
func median(results []Result, by func(Result) float64) Result {
	slices.SortFunc(results, func(a, b Result) int { return cmp.Compare(by(a), by(b)) })
	return results[len(results)/2]
}

// cpuOf is the processor time of this process, or of those that have ended under it.
func cpuOf(who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		return 0 // the kernel knows who it is
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident reads a figure of the size of a process, in MiB; 0 if it has ended. The ru_maxrss of a process that has ended would not do: it
// is at least the size of who started it.
func resident(pid int, figure string) float64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), figure)
	kib, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	return kib / 1024
}
