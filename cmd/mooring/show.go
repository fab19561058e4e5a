package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/client"
)

// showOptions are the flags of show.
type showOptions struct {
	target client.Target
	asJSON bool
	watch  bool
	wide   bool
}

func showCommand() *cobra.Command {
	o := &showOptions{}
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the state of a running element",
		Long: `Show asks a running element for its state, over gNMI: on the local socket in its state folder, which root and the owner of
the process need no login for, or with --address over TLS.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &usageError{errors.New("say what to show: bindings, peers, tunnels, pools or objects")}
		},
	}
	f := cmd.PersistentFlags()
	targetFlags(f, &o.target)
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object a line: the path of a row and its value (RFC 7951)")
	f.BoolVar(&o.wide, "wide", false, "print more columns")
	f.BoolVar(&o.watch, "watch", false, "go on, and print again what changes; with --json, only the rows that do")
	cmd.MarkPersistentFlagDirname("state-dir")
	for _, v := range views {
		cmd.AddCommand(o.command(v))
	}
	return cmd
}

func (o *showOptions) command(v view) *cobra.Command {
	patterns := map[string]*string{}
	cmd := &cobra.Command{
		Use:   v.name,
		Short: v.short,
		Long:  v.long,
		Example: strings.NewReplacer("NAME", v.name, "FILTER", v.example).Replace(`  mooring show NAME
  mooring show NAME FILTER --wide
  mooring show NAME --state-dir /tmp/lma --watch
  mooring show NAME --address lma1.example.net --user alice --password-file password.txt --json`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			x := &shown{showOptions: o, view: v, out: cmd.OutOrStdout()}
			for _, f := range append(v.filters, byMachine) {
				if pattern := *patterns[f.flag]; pattern != "" {
					if err := x.filter(f, pattern); err != nil {
						return err
					}
				}
			}
			c, err := dial(&o.target)
			if err != nil {
				return err
			}
			err = x.show(cmd.Context(), c)
			return errors.Join(err, c.Close())
		},
	}
	for _, f := range append(v.filters, byMachine) {
		patterns[f.flag] = cmd.Flags().String(f.flag, "", f.usage)
		cmd.RegisterFlagCompletionFunc(f.flag, cobra.FixedCompletions(f.values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

// shown is a view that is being shown.
type shown struct {
	*showOptions
	view
	wanted []func(*client.Row) bool // all of which a row has to satisfy
	out    io.Writer
}

func (x *shown) filter(f filter, pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return &usageError{fmt.Errorf("--%s %s: %w", f.flag, pattern, err)}
	}
	x.wanted = append(x.wanted, func(r *client.Row) bool { return f.matches(pattern, r) })
	return nil
}

func (x *shown) wants(r *client.Row) bool {
	return !slices.ContainsFunc(x.wanted, func(wants func(*client.Row) bool) bool { return !wants(r) })
}

func (x *shown) show(ctx context.Context, c *client.Client) error {
	switch {
	case x.watch && x.asJSON:
		return c.Follow(ctx, x.printSynced, x.printChange, client.Whole(x.paths...)...)
	case x.watch:
		return x.redraw(ctx, c)
	}
	rows, err := c.Get(ctx, x.wants, client.Whole(x.paths...)...)
	if err != nil {
		return err
	}
	if x.asJSON {
		return x.printJSON(rows.All())
	}
	return x.print(x.out, rows.All())
}

// redrawInterval is how often a table that is watched is read again.
const redrawInterval = time.Second

// redraw prints the table, and again whenever it reads differently, until ctx ends.
func (x *shown) redraw(ctx context.Context, c *client.Client) error {
	ticker := time.NewTicker(redrawInterval)
	defer ticker.Stop()
	last := ""
	for {
		rows, err := c.Get(ctx, x.wants, client.Whole(x.paths...)...)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		var table strings.Builder
		if err := x.print(&table, rows.All()); err != nil {
			return err
		}
		if table.String() != last {
			last = table.String()
			if _, err := io.WriteString(x.out, clearScreen(x.out)+last); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// clearScreen is what goes before a table that takes the place of another: on a terminal the codes that clear it (ECMA-48), else an
// empty line.
func clearScreen(w io.Writer) string {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return "\x1b[H\x1b[2J"
		}
	}
	return "\n"
}

func (x *shown) printSynced(rows *client.Rows) error { return x.printJSON(rows.All()) }

func (x *shown) printChange(change client.Change) error {
	return errors.Join(x.printJSON(change.Set), x.printGone(change.Gone))
}

func (x *shown) printJSON(rows []*client.Row) error {
	encoder := json.NewEncoder(x.out)
	for _, row := range rows {
		if !x.wants(row) {
			continue
		}
		if err := encoder.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

func (x *shown) printGone(rows []*client.Row) error {
	encoder := json.NewEncoder(x.out)
	for _, row := range rows {
		if !x.wants(row) {
			continue
		}
		if err := encoder.Encode(map[string]any{"path": row.Path, "gone": true}); err != nil {
			return err
		}
	}
	return nil
}

// print prints rows as a table, sorted by the first columns.
func (x *shown) print(w io.Writer, rows []*client.Row) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintf(w, "no %s\n", x.name)
		return err
	}
	columns := x.columns
	if x.wide {
		columns = slices.Concat(columns, x.more)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, c := range columns {
		if i > 0 {
			fmt.Fprint(t, "\t")
		}
		fmt.Fprint(t, c.title)
	}
	fmt.Fprintln(t)
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		cells := make([]string, 0, len(columns))
		for _, c := range columns {
			cells = append(cells, strings.Map(printable, c.cell(row)))
		}
		lines = append(lines, strings.Join(cells, "\t"))
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintln(t, line)
	}
	return t.Flush()
}

// printable replaces what would change a terminal, or where the columns of a table are: names come from others.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}
