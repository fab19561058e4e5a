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
	"time"

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
		Args: unknownView,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &usageError{fmt.Errorf("say what to show: %s", viewNames())}
		},
	}
	cmd.SuggestionsMinimumDistance = 1
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

// viewNames lists all views.
func viewNames() string {
	names := make([]string, 0, len(views))
	for _, v := range views {
		names = append(names, v.name)
	}
	slices.Sort(names)
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// unknownView refuses what there is no view of, and says which was probably meant.
func unknownView(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := cobra.NoArgs(cmd, args)
	if meant := cmd.SuggestionsFor(args[0]); len(meant) > 0 {
		err = fmt.Errorf("%w (did you mean %s?)", err, strings.Join(meant, " or "))
	}
	return err
}

func (o *showOptions) command(v view) *cobra.Command {
	patterns := map[string]*string{}
	cmd := &cobra.Command{
		Use:        v.name,
		SuggestFor: v.alias,
		Short:      v.short,
		Long:       v.long,
		Example:    v.examples(),
		Args:       cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			x := &shown{showOptions: o, view: v, out: cmd.OutOrStdout()}
			for _, f := range v.allFilters() {
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
	for _, f := range v.allFilters() {
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
	if f.rows != nil {
		x.rows = f.rows
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
		return c.Follow(ctx, x.printSynced, x.printChange, x.rows...)
	case x.watch:
		return x.redraw(ctx, c)
	}
	rows, err := c.Get(ctx, x.wants, x.rows...)
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
		rows, err := c.Get(ctx, x.wants, x.rows...)
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
