// Mooring is a Proxy Mobile IPv6 network element: a local mobility anchor, a mobile access gateway, or both.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/lab"
	"mooring/dataplane/vm/guest"
)

func main() {
	guest.Main()           // where it is the init of a virtual machine
	runtime.LockOSThread() // others find the process where its main thread is: no goroutine that visits a namespace is to lead it there
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who asks a second time does not want to wait for a good end
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mooring:", err)
	}
	os.Exit(exitCode(err))
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "mooring",
		Short: "A Proxy Mobile IPv6 network element",
		Long: `Mooring is a Proxy Mobile IPv6 network element (RFC 5213, RFC 5844): a local mobility anchor, a mobile access
gateway, or both. It is configured over NETCONF and gNMI.

` + exitCodes,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(clearCommand(), importCommand(), runCommand(), lab.Command(), planCommand(), showCommand(), traceCommand(), versionCommand(), watchCommand())
	checkUsage(root)
	return root
}
