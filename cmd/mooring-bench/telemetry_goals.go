package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// telemetryGoal is a figure that a measure may have at most.
type telemetryGoal struct {
	measure string
	what    string
	most    float64
	of      func(Result) float64
}

func goalCPU(r Result) float64  { return r.CPU }
func goalWall(r Result) float64 { return r.Wall }
func goalRSS(r Result) float64  { return r.RSS }

// telemetryGoals are those of 128,000 and of a million bindings, 15 s of refreshes and a reader who is stopped for a minute.
var telemetryGoals = []telemetryGoal{
	{"once-128000", "ONCE of 128,000 bindings: server, CPU s", 0.6, goalCPU},
	{"once-128000", "ONCE of 128,000 bindings: growth, MiB", 40, goalRSS},
	{"once-1000000", "ONCE of 1,000,000 bindings: s", 4, goalWall},
	{"once-1000000", "ONCE of 1,000,000 bindings: growth, MiB", 64, goalRSS},
	{"sync4-128000", "four subscribers in sync: s", 3, goalWall},
	{"refresh-128000", "sync and 15 s of 10,000 refreshes/s: server, CPU s", 2, goalCPU},
	{"get-1000000", "Get of one binding of 1,000,000: ms", 1, func(r Result) float64 { return r.Wall / float64(r.N) * 1000 }},
	{"cycles-128000", "1,000 subscribe/cancel cycles: goroutines left", 0, func(r Result) float64 { return float64(r.goroutines) }},
	{"cycles-128000", "1,000 subscribe/cancel cycles: memory left, MiB", 1, func(r Result) float64 { return r.held }},
	{"stopped-128000", "a reader stopped for a minute: memory that it holds, MiB", 32, func(r Result) float64 { return r.held }},
	// Peers repeat a registration after a second (RFC 5213 section 9.1, INITIAL_BINDACK_TIMEOUT of RFC 6275); what takes a tenth of that delays nobody.
	{"stopped-128000", "a reader stopped for a minute: longest registration, ms", 100, func(r Result) float64 { return r.longest.Seconds() * 1000 }},
}

// printVerdicts says which of the goals are met; of smaller measures nothing is said.
func (o telemetryOptions) printVerdicts(w io.Writer, results []Result) error {
	if o.rate != 10_000 || o.length != 15*time.Second || o.stopped != time.Minute || o.cycles != 1000 {
		return nil
	}
	return printGoals(w, results)
}

func printGoals(w io.Writer, results []Result) error {
	byName := map[string]Result{}
	for _, r := range results {
		byName[r.Name] = r
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "goal\tat most\tmeasured\t")
	for _, g := range telemetryGoals {
		r, measured := byName[g.measure]
		if !measured {
			continue
		}
		verdict := "met"
		if g.of(r) > g.most {
			verdict = "MISSED"
		}
		fmt.Fprintf(t, "%s\t%g\t%.2f\t%s\n", g.what, g.most, g.of(r), verdict)
	}
	return t.Flush()
}
