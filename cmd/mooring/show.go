package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/client"
)

// showOptions are the flags of show.
type showOptions struct {
	target client.Target
	asJSON bool
	watch  bool
	out    io.Writer
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
			return &usageError{errors.New("say what to show: bindings, peers, tunnels or pools")}
		},
	}
	f := cmd.PersistentFlags()
	targetFlags(f, &o.target)
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object a line: the path of a row and its value (RFC 7951)")
	f.BoolVar(&o.watch, "watch", false, "go on, and print again what changes; with --json, only the rows that do")
	for _, v := range views {
		cmd.AddCommand(o.command(v))
	}
	return cmd
}

func (o *showOptions) command(v view) *cobra.Command {
	return &cobra.Command{
		Use:   v.name,
		Short: v.short,
		Long:  v.long,
		Example: strings.ReplaceAll(`  mooring show NAME
  mooring show NAME --state-dir /tmp/lma --watch
  mooring show NAME --address lma1.example.net:9339 --user alice --password-file password.txt --json`, "NAME", v.name),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.out = cmd.OutOrStdout()
			c, err := o.target.Dial()
			if err != nil {
				return err
			}
			err = o.show(cmd.Context(), c, v)
			return errors.Join(err, c.Close())
		},
	}
}

func (o *showOptions) show(ctx context.Context, c *client.Client, v view) error {
	switch {
	case o.watch && o.asJSON:
		return c.Follow(ctx, o.printSynced, o.printChange, v.paths...)
	case o.watch:
		return o.redraw(ctx, c, v)
	}
	rows, err := c.Get(ctx, nil, v.paths...)
	if err != nil {
		return err
	}
	if o.asJSON {
		return o.printJSON(rows.All())
	}
	return v.print(o.out, rows.All())
}

// redrawInterval is how often a table that is watched is read again.
const redrawInterval = time.Second

// redraw prints the table, and again whenever it reads differently, until ctx ends.
func (o *showOptions) redraw(ctx context.Context, c *client.Client, v view) error {
	ticker := time.NewTicker(redrawInterval)
	defer ticker.Stop()
	last := ""
	for {
		rows, err := c.Get(ctx, nil, v.paths...)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		var table strings.Builder
		if err := v.print(&table, rows.All()); err != nil {
			return err
		}
		if table.String() != last {
			last = table.String()
			if _, err := io.WriteString(o.out, clearScreen(o.out)+last); err != nil {
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

func (o *showOptions) printSynced(rows *client.Rows) error { return o.printJSON(rows.All()) }

func (o *showOptions) printChange(change client.Change) error {
	return errors.Join(o.printJSON(change.Set), o.printGone(change.Gone))
}

func (o *showOptions) printJSON(rows []*client.Row) error {
	encoder := json.NewEncoder(o.out)
	for _, row := range rows {
		if err := encoder.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

func (o *showOptions) printGone(rows []*client.Row) error {
	encoder := json.NewEncoder(o.out)
	for _, row := range rows {
		if err := encoder.Encode(map[string]any{"path": row.Path, "gone": true}); err != nil {
			return err
		}
	}
	return nil
}

// print prints rows as a table, sorted by the first columns.
func (v view) print(w io.Writer, rows []*client.Row) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintf(w, "no %s\n", v.name)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, c := range v.columns {
		if i > 0 {
			fmt.Fprint(t, "\t")
		}
		fmt.Fprint(t, c.title)
	}
	fmt.Fprintln(t)
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		cells := make([]string, 0, len(v.columns))
		for _, c := range v.columns {
			cells = append(cells, c.cell(row))
		}
		lines = append(lines, strings.Join(cells, "\t"))
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintln(t, line)
	}
	return t.Flush()
}
