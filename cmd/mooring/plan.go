package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/client"
	"mooring/cmd/mooring/element"
)

// planOptions are the flags of plan.
type planOptions struct {
	target        client.Target
	asJSON, check bool
}

func planCommand() *cobra.Command {
	o := &planOptions{}
	cmd := &cobra.Command{
		Use:   "plan [FILE]",
		Short: "Say what a configuration would do to the host, and do nothing",
		Long: `Plan asks a running element what the dataplane would do to the host if a configuration were committed: which VRFs, interfaces in them,
access links, tunnels and routes would be made, changed and removed, in the order in which that is done. The configuration is the whole
one in FILE (RFC 7951 JSON, or XML) or, without FILE, the candidate that NETCONF clients edit. The bindings that there are now obey it in
the mind: what ends, what changes, and what another backend makes anew is in the plan.

Where no element runs in the state folder, FILE is planned as what an element does at once that starts with it. What an earlier process has
left on the host is not looked at then: an element keeps of it what is wanted, and removes the rest.

A configuration that asks for backend kernel is refused, with exit code 1, where the kernel lacks tunnels, and one with a tunnel-interface where
user space would carry the tunnel, whether an element runs or not. Without one, what the kernel lacks is looked into in a network namespace of its
own, for which a privilege is needed (exit code 3); backend userspace does not ask for it.

The exit code is 0 also when there is something to do; with --check it is 1 then.`,
		Example: `  mooring plan lma.json
  mooring plan lma.json --check && echo nothing to do
  mooring plan --state-dir /tmp/lma --json
  mooring plan lma.json --address lma1.example.net --user alice --password-file password.txt --fingerprint SHA256:…`,
		Args:              cobra.MaximumNArgs(1),
		RunE:              o.run,
		ValidArgsFunction: cobra.FixedCompletions([]string{"json", "xml"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	f := cmd.Flags()
	managerFlags(f, &o.target)
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object a line: the kind of operation and the object")
	f.BoolVar(&o.check, "check", false, "end with exit code 1 when there is something to do")
	cmd.MarkFlagDirname("state-dir")
	return cmd
}

// operation is what would be done to an object.
type operation struct {
	Kind   string `xml:"kind" json:"operation"`
	Object string `xml:"object" json:"object"`
}

// errToDo is the outcome of --check where there is something to do.
var errToDo = errors.New("there is something to do")

func (o *planOptions) run(cmd *cobra.Command, args []string) error {
	file := ""
	if len(args) > 0 {
		file = args[0]
	}
	list, err := o.plan(cmd, file)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	encoder := json.NewEncoder(cmd.OutOrStdout())
	encoder.SetEscapeHTML(false)
	for _, each := range list {
		counts[each.Kind]++
		if o.asJSON {
			err = encoder.Encode(each)
		} else {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%-6s  %s\n", each.Kind, each.Object)
		}
		if err != nil {
			return err
		}
	}
	if !o.asJSON {
		fmt.Fprintf(cmd.OutOrStdout(), "%d to make, %d to change, %d to remove\n", counts["make"], counts["change"], counts["remove"])
	}
	if o.check && len(list) > 0 {
		return errToDo
	}
	return nil
}

// plan asks the element; where none runs here, FILE is what one would start with. A FILE that makes no sense is not asked about.
func (o *planOptions) plan(cmd *cobra.Command, file string) (list []operation, err error) {
	text, atStart := "", (*element.StartPlan)(nil)
	if file != "" {
		if atStart, err = element.PlanStart(cmd.Context(), file); err != nil {
			return nil, err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	s, err := manage(cmd.Context(), &o.target)
	if errors.Is(err, client.ErrUnreachable) && o.target.Address == "" && file != "" {
		for _, step := range atStart.Steps {
			list = append(list, operation{step.Kind(), fmt.Sprint(step.Object)})
		}
		return list, atStart.Check()
	}
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var reply struct {
		Operations []operation `xml:"operation"`
	}
	err = s.Do(`<action xmlns="urn:ietf:params:xml:ns:yang:1"><system xmlns="urn:mooring:yang:mooring-system"><dataplane><plan>`+
		parameter("configuration", text)+`</plan></dataplane></system></action>`, &reply)
	return reply.Operations, placed(err)
}

// placed says where in the configuration an element finds fault with it.
func placed(err error) error {
	if refusal, ok := errors.AsType[*client.RPCError](err); ok && refusal.Path != "" && refusal.Message != "" {
		return fmt.Errorf("%s: %w", refusal.Path, err)
	}
	return err
}
