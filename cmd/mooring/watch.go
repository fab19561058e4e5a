package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/client"
	"mooring/cmd/mooring/watch"
)

// watchOptions are the flags of watch.
type watchOptions struct {
	target   client.Target
	asJSON   bool
	interval time.Duration
}

// leastInterval is the shortest pause between samples that an element grants.
const leastInterval = time.Second

func watchCommand() *cobra.Command {
	o := &watchOptions{}
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Watch what happens in a running element",
		Long: `Watch shows a running element as it is now: how much it signals and forwards, its peers, the nodes that were registered,
moved or went last, and what else happened. It asks as show does: on the local socket, or with --address over TLS.

On a terminal it fills the screen until it is interrupted. Elsewhere it writes a line for everything that happens and, while they
change, for the rates of each LMA and MAG; with --json an object a line. A connection that is lost is tried again.

Of an element with more than ten thousand bindings, only those are shown that change while it is watched.`,
		Example: `  mooring watch
  mooring watch --state-dir /tmp/lma --interval 5s
  mooring watch --address lma1.example.net:9339 --user alice --password-file password.txt --fingerprint 3A:…
  mooring watch --json | jq 'select(.event == "handover")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	targetFlags(f, &o.target)
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object a line: what happened, or the rates of an LMA or MAG")
	f.DurationVar(&o.interval, "interval", 2*time.Second, "`TIME` between two looks at the counters")
	cmd.MarkFlagDirname("state-dir")
	cmd.RegisterFlagCompletionFunc("interval", cobra.FixedCompletions([]string{"1s", "2s", "10s"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *watchOptions) run(cmd *cobra.Command) error {
	if o.interval < leastInterval {
		return &usageError{fmt.Errorf("--interval %v: the shortest is %v", o.interval, leastInterval)}
	}
	c, err := dial(&o.target)
	if err != nil {
		return err
	}
	err = watch.Run(cmd.Context(), watch.Options{Client: c, Target: o.target.String(), Out: cmd.OutOrStdout(), JSON: o.asJSON, Interval: o.interval})
	return errors.Join(err, c.Close())
}
