// Package vm runs programs in a virtual machine with a distribution's kernel, which has the tunnel drivers that the kernel here may lack.
//
// The machine has no disk and no network: an initramfs has the kernel's modules, the programs, and an init (package guest), which runs
// them one after the other. It is emulated by QEMU, without KVM.
package vm

import (
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mooring/dataplane/vm/guest"
)

// Machine is a machine to be.
type Machine struct {
	Init     string            // file of a static binary that calls guest.Main
	Files    map[string]string // of the machine, without the leading slash, and where they are here
	Commands []guest.Command
	Out, Err io.Writer // for what the commands say; what the kernel says comes with Err
	// Instruction is what the machine's clock takes for each instruction, of one processor; a power of two of nanoseconds. Rates are then the
	// same however busy the host is, and compare what is carried out. Where the host is busy, so is who waits for it. 0: the host's time.
	Instruction time.Duration
	// Calibrated has an instruction that copies or clears memory count for eight octets, as those of a processor do rather than for one, which is
	// what QEMU's own says to be best (erms).
	Calibrated bool
}

// Run boots the machine and waits until its commands have ended. It returns nil when all have succeeded; when ctx ends, the machine is
// switched off. The kernel is fetched once, into the user's cache folder.
func (m *Machine) Run(ctx context.Context) error {
	kernel, err := findKernel(ctx)
	if err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	folder, err := os.MkdirTemp("", "mooring-vm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	image := filepath.Join(folder, "initramfs")
	if err := m.pack(kernel, image); err != nil {
		return err
	}
	return m.boot(ctx, kernel, image, filepath.Join(folder, "status"))
}

// pack writes the initramfs.
func (m *Machine) pack(kernel kernel, name string) error {
	modules, err := kernel.modules(wantedModules)
	if err != nil {
		return err
	}
	commands, err := json.Marshal(m.Commands)
	if err != nil {
		return err
	}
	image, err := createArchive(name)
	if err != nil {
		return err
	}
	image.file("init", m.Init)
	for i, module := range modules {
		image.file(fmt.Sprintf("%s/%03d-%s", guest.Modules, i, filepath.Base(module)), module) // they are loaded in this order
	}
	for name, from := range m.Files {
		image.file(name, from)
	}
	image.text(guest.Commands, string(commands))
	return image.close()
}

// boot runs the machine until it switches itself off. Its serial ports are standard output, how it ended, and standard error. Its timer is
// not checked: an emulated one may stand still on a busy machine.
func (m *Machine) boot(ctx context.Context, kernel kernel, image, status string) error {
	reading, writing, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reading.Close()
	processor := "max"
	if m.Calibrated {
		processor = "max,erms=off,fsrm=off"
	}
	machine := []string{"-accel", "tcg,thread=multi", "-smp", "2", "-cpu", processor}
	if m.Instruction > 0 {
		shift := bits.TrailingZeros64(uint64(m.Instruction))
		machine = []string{"-accel", "tcg,thread=single", "-smp", "1", "-icount", fmt.Sprintf("shift=%d,sleep=off", shift), "-cpu", processor}
	}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", append(machine, "-m", "1024",
		"-kernel", kernel.image, "-initrd", image, "-append", "console=ttyS2 quiet panic=-1 net.ifnames=0 mitigations=off no_timer_check "+guest.Mark+"=1",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-serial", "file:"+status, "-serial", "file:/dev/fd/3")...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = m.Out, m.Err, []*os.File{writing}
	var copying sync.WaitGroup
	copying.Go(func() { io.Copy(m.Err, reading) })
	err = cmd.Run()
	writing.Close()
	copying.Wait()
	if err != nil {
		return fmt.Errorf("qemu: %w", errors.Join(err, context.Cause(ctx)))
	}
	said, err := os.ReadFile(status)
	switch result := strings.TrimSpace(string(said)); {
	case err != nil:
		return err
	case result == "":
		return errors.New("the machine went off without a word; its kernel or its init has failed")
	case result != guest.Passed:
		return errors.New(result)
	}
	return nil
}

// Again returns a machine that runs what this process was started as, with the same arguments but for those of names without. The program
// calls guest.Main first of all. It is an error when there can be no such machine.
func Again(without ...string) (*Machine, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := static(program); err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return nil, fmt.Errorf("%w; install qemu-system-x86", err)
	}
	args := []string{"/init"}
	for _, arg := range os.Args[1:] {
		if name, _, _ := strings.Cut(arg, "="); !slices.Contains(without, name) {
			args = append(args, arg)
		}
	}
	return &Machine{Init: program, Commands: []guest.Command{{Args: args}}}, nil
}

// static returns why a binary cannot run in a machine, which has no libraries; nil if it can.
func static(binary string) error {
	f, err := elf.Open(binary)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s needs shared libraries, which the machine does not have; build it with CGO_ENABLED=0", binary)
		}
	}
	return nil
}
