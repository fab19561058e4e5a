package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/client"
)

// clearOptions are the flags of clear.
type clearOptions struct {
	target  client.Target
	machine string
	asJSON  bool
}

func clearCommand() *cobra.Command {
	o := &clearOptions{}
	cmd := &cobra.Command{
		Use:   "clear",
		Short: "End bindings of a running element, or let its counters begin anew",
		Long: `Clear has a running element do something, over NETCONF: on the local socket in its state folder, which root and the owner of the
process need no login for, or with --address over SSH.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &usageError{errors.New("say what to clear: bindings or statistics")}
		},
	}
	f := cmd.PersistentFlags()
	managerFlags(f, &o.target)
	f.StringVar(&o.machine, "machine", "", "`NAME` of an LMA or MAG; all that run unless given")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object a line: what became of each LMA and MAG")
	cmd.MarkPersistentFlagDirname("state-dir")
	cmd.AddCommand(o.statistics(), o.bindings())
	return cmd
}

func (o *clearOptions) statistics() *cobra.Command {
	var peer, customer string
	cmd := &cobra.Command{
		Use:   "statistics",
		Short: "Let counters begin anew at 0",
		Long: `The counters of LMAs and MAGs, of their peers and of their tunnels begin anew at 0, for whoever reads them and over every protocol. The
high-water marks of pools become the present use. Accounting is not touched: its records are complete whatever is cleared.`,
		Example: `  mooring clear statistics
  mooring clear statistics --machine lma1 --peer mag1
  mooring clear statistics --customer CUST1
  mooring clear statistics --address lma1.example.net --user alice --password-file password.txt --fingerprint SHA256:… --json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&peer, "peer", "", "`ID` of a peer, as show peers has it; only its counters")
	cmd.Flags().StringVar(&customer, "customer", "", "`NAME` of a customer of an LMA; only its counters")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if peer != "" && customer != "" {
			return &usageError{errors.New("say whose counters: --peer or --customer")}
		}
		s, list, err := o.begin(cmd)
		if err != nil {
			return err
		}
		defer s.Close()
		type reply struct {
			Since string `xml:"discontinuity-time"`
		}
		which := func(m named) string { return parameter(peerOf(m), peer) + parameter("customer", customer) }
		return each(s, serving(list, customer), "clear-statistics", which, func(m named, r reply) error {
			return o.print(cmd.OutOrStdout(), map[string]any{"machine": m.String(), "discontinuity-time": r.Since}, "%s counts from %s on\n", m, r.Since)
		})
	}
	return cmd
}

func (o *clearOptions) bindings() *cobra.Command {
	var all bool
	var node, id, peer, customer string
	cmd := &cobra.Command{
		Use:   "bindings",
		Short: "End bindings",
		Long: `Bindings of LMAs end, and their MAGs are told where they know revocation; those of MAGs are de-registered, and a node that is still there
is registered anew.`,
		Example: `  mooring clear bindings --node mn1@example.net
  mooring clear bindings --machine lma1 --peer mag1
  mooring clear bindings --customer CUST1
  mooring clear bindings --all --json`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.BoolVar(&all, "all", false, "every binding")
	f.StringVar(&node, "node", "", "`NAI` whose bindings end")
	f.StringVar(&id, "id", "", "`ID` of the binding, as show bindings --json has it")
	f.StringVar(&peer, "peer", "", "`ID` of the peer whose bindings end")
	f.StringVar(&customer, "customer", "", "`NAME` of the customer of an LMA whose bindings end")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		given := 0
		for _, name := range []string{"all", "node", "id", "peer", "customer"} {
			if cmd.Flags().Changed(name) {
				given++
			}
		}
		if given != 1 {
			return &usageError{errors.New("say which bindings end: one of --all, --node, --id, --peer and --customer")}
		}
		s, list, err := o.begin(cmd)
		if err != nil {
			return err
		}
		defer s.Close()
		which := func(m named) string {
			if all {
				return "<all/>"
			}
			return parameter("nai", node) + parameter("id", id) + parameter(peerOf(m), peer) + parameter("customer", customer)
		}
		type reply struct {
			Cleared int `xml:"cleared"`
		}
		return each(s, serving(list, customer), "clear-binding", which, func(m named, r reply) error {
			return o.print(cmd.OutOrStdout(), map[string]any{"machine": m.String(), "cleared": r.Cleared}, "%s: bindings that end: %d\n", m, r.Cleared)
		})
	}
	return cmd
}

// serving are the machines that may have a customer: where one is named, LMAs alone.
func serving(list []named, customer string) []named {
	if customer == "" {
		return list
	}
	return slices.DeleteFunc(list, func(m named) bool { return m.role != "lma" })
}

// peerOf is what a parameter is called that names the other end.
func peerOf(m named) string { return map[string]string{"lma": "mag", "mag": "lma"}[m.role] }

// begin finds out who is to do it.
func (o *clearOptions) begin(cmd *cobra.Command) (*client.Session, []named, error) {
	s, err := manage(cmd.Context(), &o.target)
	if err != nil {
		return nil, nil, err
	}
	list, err := runningMachines(s, o.machine)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, list, nil
}

func (o *clearOptions) print(w io.Writer, object map[string]any, format string, values ...any) error {
	if o.asJSON {
		return json.NewEncoder(w).Encode(object)
	}
	_, err := fmt.Fprintf(w, format, values...)
	return err
}
