package lab

import (
	"context"
	"errors"
	"os"

	"mooring/dataplane/backend"
	"mooring/dataplane/vm"
)

// inMachine has the same command in a virtual machine, of which this program is the init, too. Files of this host are there as well.
func (o *Options) inMachine(ctx context.Context, files ...string) error {
	if o.Keep || o.Captures != "" {
		return &Unfit{errors.New("--keep and --pcap do not go with --vm: nothing outlasts the machine")}
	}
	machine, err := vm.Again("--vm")
	if err != nil {
		return &Unfit{err}
	}
	if o.Backend == "" { // a machine is for the kernel's tunnels
		command := &machine.Commands[0]
		command.Args = append(command.Args, "--backend", backend.Kernel.String())
	}
	if err := machine.Bring(ctx, files...); err != nil {
		return &Unfit{err}
	}
	machine.Out, machine.Err = o.Out, os.Stderr
	err = machine.Run(ctx)
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
