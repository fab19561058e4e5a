package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// configOptions say how configuration is measured.
type configOptions struct {
	list    list
	entries []int // of the list, one round each; the first is the baseline
	rounds  int   // how often what concerns one entry is done
}

func configCommand() *cobra.Command {
	o := configOptions{}
	s := serveOptions{entries: -1}
	name := ""
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Measure edits, commits and reads of configurations over NETCONF",
		Long: `Config configures an element with the entries of a list over NETCONF and measures the processor time and memory of the element:

  load              edit-config of all entries into the candidate
  commit-all        commit of them
  get-all           get-config of all
  first-byte        get-config of all, up to the first octet of the reply
  commit-leaf       edit-config and commit of one leaf of one entry
  confirmed-commit  edit-config and confirmed commit of one leaf
  cancel-commit     cancel-commit of that
  get-one           get-config of one entry

The lists to choose from are:

` + listsHelp() + `
The ratio is that of what a second of processor time does (entries for the first three, operations for the rest) to the same with the
first number of entries: 1 is a cost that does not grow.

With --serve it measures nothing: it starts an element with that many entries on loopback, prints where it listens, and runs until it is
interrupted. With --yang it serves other modules instead of ours, with datastores and protocols and nothing that obeys them.`,
		Example: `  mooring-bench config
  mooring-bench config --entries 1000,100000 --json
  mooring-bench config --list wide
  mooring-bench config --serve 10000
  mooring-bench config --yang acme.yang --yang acme-types.yang`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.list, err = listNamed(name); err != nil {
				return err
			}
			s.list = o.list
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
	cmd.Flags().StringVar(&name, "list", "nai", "the `LIST` to measure with")
	cmd.Flags().IntSliceVar(&o.entries, "entries", []int{1000, 10_000, 100_000}, "numbers of entries to measure with")
	cmd.Flags().IntVar(&o.rounds, "rounds", 20, "how often what concerns one entry is done")
	cmd.Flags().IntVar(&s.entries, "serve", -1, "start an element with this `NUMBER` of entries and leave it up")
	cmd.Flags().StringArrayVar(&s.yang, "yang", nil, "serve the module in this `FILE`, and what it imports from the same folder; may be repeated")
	cmd.MarkFlagsMutuallyExclusive("serve", "entries")
	return cmd
}

func listsHelp() string {
	var b strings.Builder
	for _, l := range lists {
		fmt.Fprintf(&b, "  %-17s %s\n", l.name, l.what)
	}
	return b.String()
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
	served, err := startServed(o.list)
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
		return client.edit(strings.NewReader(o.list.xml(one, one+1, leaf)))
	}
	all := o.list.xml(0, n, 0)
	m.measure("load", n, "entry", 1, func() error { return client.edit(strings.NewReader(all)) })
	m.measure("commit-all", n, "entry", 1, func() error { return client.ok("<commit/>") })
	all = ""
	getAll := func(entries *counter) error {
		err := client.read(entries, `<get-config><source><running/></source></get-config>`)
		if err == nil && entries.n != n {
			err = fmt.Errorf("%d entries in the reply", entries.n)
		}
		return err
	}
	m.measure("get-all", n, "entry", 1, func() error { return getAll(&counter{text: o.list.end()}) })
	for range o.rounds {
		m.untilFirst("first-byte", "read", func(first func()) error { return getAll(&counter{text: o.list.end(), first: first}) })
	}
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
		err := client.read(&reply, `<get-config><source><running/></source><filter type="subtree">`+o.list.filter(one)+`</filter></get-config>`)
		if err == nil && !strings.Contains(reply.String(), o.list.key(one)) {
			err = fmt.Errorf("entry %s is not in the reply", o.list.key(one))
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
	for range times {
		m.once(name, n, unit, func(done func()) error {
			defer done()
			return operation()
		})
	}
}

// untilFirst does an operation once, and adds what it cost up to the instant when it calls first.
func (m *meter) untilFirst(name, unit string, operation func(first func()) error) {
	m.once(name, 1, unit, operation)
}

// once does an operation of n things, which says when it is done.
func (m *meter) once(name string, n int, unit string, operation func(done func()) error) {
	if m.err != nil {
		return
	}
	cost := Result{Name: fmt.Sprintf("%s-%d", name, m.size), N: int64(n), Unit: unit}
	before, err := processorTime(m.process)
	began := time.Now()
	var after time.Duration
	var errAfter error
	if err == nil {
		err = operation(func() {
			cost.Wall = time.Since(began).Seconds()
			after, errAfter = processorTime(m.process)
		})
	}
	if err = cmp.Or(err, errAfter); err != nil {
		m.err = fmt.Errorf("%s: %w", cost.Name, err)
		return
	}
	cost.CPU, cost.RSS = (after - before).Seconds(), resident(m.process, "VmHWM:")
	m.add(cost)
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
