package lab

import (
	"context"
	"errors"
	"os"

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
