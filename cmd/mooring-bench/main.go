// Mooring-bench measures what Mooring does, each time against a baseline measured in the same run.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mooring/dataplane/vm/guest"
)

func main() {
	guest.Main() // where it is the init of a virtual machine
	if err := command().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "mooring-bench:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "mooring-bench",
		Short:         "Measure Mooring against baselines of the same run",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().Bool("json", false, "print one JSON object a line instead of a table")
	root.AddCommand(forwardCommand(), handoverCommand(), configCommand(), planeCommand(), routesCommand(), elementCommand(), telemetryCommand(), lmaCommand(), customersCommand())
	return root
}
