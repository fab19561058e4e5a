package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"

	"mooring/dataplane/vm"
	"mooring/dataplane/vm/guest"
)

// inMachine has the same command in a virtual machine, of which this program is the init, too.
func (o *Options) inMachine(ctx context.Context) error {
	if o.Keep || o.Captures != "" {
		return &Unfit{errors.New("--keep and --pcap do not go with --vm: nothing outlasts the machine")}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := vm.Static(program); err != nil {
		return &Unfit{err}
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return &Unfit{err}
	}
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(arg string) bool { return arg == "--vm" || arg == "--vm=true" })
	machine := vm.Machine{Init: program, Commands: []guest.Command{{Args: append([]string{"/init"}, args...)}}, Out: o.Out}
	err = machine.Run(ctx)
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
