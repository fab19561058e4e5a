package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// configOptions say how configuration is measured.
type configOptions struct {
	entries []int // NAIs of a domain, one round each; the first is the baseline
	rounds  int   // how often what concerns one entry is done
}

func configCommand() *cobra.Command {
	o := configOptions{}
	s := serveOptions{entries: -1}
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Measure edits, commits and reads of configurations over NETCONF",
		Long: `Config configures an element with the NAIs of a domain over NETCONF and measures the processor time and memory of the element:

  load              edit-config of all entries into the candidate
  commit-all        commit of them
  get-all           get-config of all
  commit-leaf       edit-config and commit of one leaf of one entry
  confirmed-commit  edit-config and confirmed commit of one leaf
  cancel-commit     cancel-commit of that
  get-one           get-config of one entry

The ratio is that of what a second of processor time does (entries for the first three, operations for the rest) to the same with the
first number of entries: 1 is a cost that does not grow.

With --serve it measures nothing: it starts an element with that many entries on loopback, prints where it listens, and runs until it is
interrupted. With --yang it serves other modules instead of ours, with datastores and protocols and nothing that obeys them.`,
		Example: `  mooring-bench config
  mooring-bench config --entries 1000,100000 --json
  mooring-bench config --serve 10000
  mooring-bench config --yang acme.yang --yang acme-types.yang`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.entries >= 0 || len(s.yang) > 0 {
				return s.run(cmd)
			}
			results, err := o.run(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return printResults(cmd, results)
		},
	}
	cmd.Flags().IntSliceVar(&o.entries, "entries", []int{1000, 10_000, 100_000}, "numbers of entries to measure with")
	cmd.Flags().IntVar(&o.rounds, "rounds", 20, "how often what concerns one entry is done")
	cmd.Flags().IntVar(&s.entries, "serve", -1, "start an element with this `NUMBER` of entries and leave it up")
	cmd.Flags().StringArrayVar(&s.yang, "yang", nil, "serve the module in this `FILE`, and what it imports from the same folder; may be repeated")
	cmd.MarkFlagsMutuallyExclusive("serve", "entries")
	return cmd
}

func (o configOptions) run(progress io.Writer) ([]Result, error) {
	if len(o.entries) == 0 || o.rounds < 1 {
		return nil, fmt.Errorf("give at least one number of entries and one round")
	}
	var results []Result
	for _, n := range o.entries {
		fmt.Fprintf(progress, "measuring %d entries\n", n)
		round, err := o.measure(n)
		if err != nil {
			return nil, fmt.Errorf("with %d entries: %w", n, err)
		}
		results = append(results, round...)
	}
	baseline := results[:len(results)/len(o.entries)]
	for i := range results {
		results[i].Ratio = results[i].perCPU() / baseline[i%len(baseline)].perCPU()
	}
	return results, nil
}

// perCPU returns how many things are done in a second of processor time.
func (r Result) perCPU() float64 { return float64(r.N) / r.CPU }

// measure configures n entries in an element of its own.
func (o configOptions) measure(n int) ([]Result, error) {
	if n < 1 {
		return nil, fmt.Errorf("one entry is the least")
	}
	served, err := startServed()
	if err != nil {
		return nil, err
	}
	defer served.stop()
	client, err := served.dial()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	m := meter{process: served.pid, size: n}
	one := n / 2
	leaf := 0
	edit := func() error { // another value each time
		leaf++
		return client.edit(strings.NewReader(domainXML(one, one+1, leaf)))
	}
	all := domainXML(0, n, 0)
	m.measure("load", n, "entry", 1, func() error { return client.edit(strings.NewReader(all)) })
	m.measure("commit-all", n, "entry", 1, func() error { return client.ok("<commit/>") })
	m.measure("get-all", n, "entry", 1, func() error {
		entries := &counter{text: "</nai>"}
		err := client.read(entries, `<get-config><source><running/></source></get-config>`)
		if err == nil && entries.n != n {
			err = fmt.Errorf("%d entries in the reply", entries.n)
		}
		return err
	})
	m.measure("commit-leaf", 1, "commit", o.rounds, func() error {
		if err := edit(); err != nil {
			return err
		}
		return client.ok("<commit/>")
	})
	for range o.rounds {
		m.measure("confirmed-commit", 1, "commit", 1, func() error {
			if err := edit(); err != nil {
				return err
			}
			return client.ok("<commit><confirmed/></commit>")
		})
		m.measure("cancel-commit", 1, "commit", 1, func() error { return client.ok("<cancel-commit/>") })
	}
	m.measure("get-one", 1, "read", o.rounds, func() error {
		var reply bytes.Buffer
		err := client.read(&reply, `<get-config><source><running/></source><filter type="subtree">`+filterXML(one)+`</filter></get-config>`)
		if err == nil && !strings.Contains(reply.String(), nai(one)) {
			err = fmt.Errorf("entry %s is not in the reply", nai(one))
		}
		return err
	})
	return m.results, m.err
}

// meter adds up what operations cost a process. After the first failure it does nothing more.
type meter struct {
	process int
	size    int
	results []Result
	err     error
}

// measure does an operation of n things several times, and adds its cost to what the operation has cost before.
func (m *meter) measure(name string, n int, unit string, times int, operation func() error) {
	name = fmt.Sprintf("%s-%d", name, m.size)
	for range times {
		if m.err != nil {
			return
		}
		before, err := processorTime(m.process)
		began := time.Now()
		if err == nil {
			err = operation()
		}
		wall := time.Since(began)
		after, errAfter := processorTime(m.process)
		if err == nil {
			err = errAfter
		}
		if err != nil {
			m.err = fmt.Errorf("%s: %w", name, err)
			return
		}
		m.add(Result{Name: name, N: int64(n), CPU: (after - before).Seconds(), Wall: wall.Seconds(), RSS: residentPeak(m.process), Unit: unit})
	}
}

func (m *meter) add(r Result) {
	for i := range m.results {
		if sum := &m.results[i]; sum.Name == r.Name {
			sum.N, sum.CPU, sum.Wall, sum.RSS = sum.N+r.N, sum.CPU+r.CPU, sum.Wall+r.Wall, max(sum.RSS, r.RSS)
			return
		}
	}
	m.results = append(m.results, r)
}

// The configuration that is measured: a domain with NAIs.

const domainOpen = `<pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><domain><name>bench</name>`

const domainClose = `</domain></pmipv6>`

func nai(i int) string { return fmt.Sprintf("user%07d@example.net", i) }

// domainXML holds the NAIs from first to before last; other entitles them to something else.
func domainXML(first, last, other int) string {
	var b strings.Builder
	b.WriteString(domainOpen)
	b.WriteString(`<lma><id>lma1</id></lma>`)
	for i := first; i < last; i++ {
		fmt.Fprintf(&b, `<nai><id>%s</id><network>net-a</network><service>%s</service><lma>lma1</lma></nai>`,
			nai(i), []string{"dual", "ipv6"}[other%2])
	}
	b.WriteString(domainClose)
	return b.String()
}

func filterXML(i int) string {
	return domainOpen + `<nai><id>` + nai(i) + `</id></nai>` + domainClose
}
