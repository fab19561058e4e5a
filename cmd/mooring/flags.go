package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mooring/cmd/mooring/element"
)

// stateDirFlag adds --state-dir.
func stateDirFlag(f *pflag.FlagSet, dir *string) {
	fallback, _ := element.DefaultStateDir() // empty where there is none: then the flag has to be given
	f.StringVar(dir, "state-dir", fallback, "`FOLDER` of the element's configuration, keys and local socket")
}

// usageArgs makes a complaint about arguments one about usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{err}
		}
		return nil
	}
}
