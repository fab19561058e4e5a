package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
)

const help = `Lab builds a mobility domain in network namespaces on this machine, and lets a node that knows nothing of mobility
move from one gateway to another:

  cn -- lma -- core -+- mag1 .. mn
                     +- mag2

Each of lma, mag1 and mag2 is a process of "mooring run", which is configured over gNMI. The node is a plain Linux network
stack with a DHCP client. It pings its correspondent cn and has TCP connections with it while its link is moved; probes every
5 ms, both ways and in both families, find out for how long nothing came through.

Lab fails when an address of the node changed, when traffic did not resume, or when something was left behind. It needs
/dev/net/tun and, where it is not run by root, user namespaces; without them it exits with code 2.

With --vm all of it is in a virtual machine with Debian's kernel, which is downloaded once (apt-get) and emulated (QEMU). That is
some ten times slower, so that times mean nothing, but it has every kind of tunnel, needs no privilege, and touches nothing here.`

// Command is "mooring lab".
func Command() *cobra.Command {
	o := &Options{Element: []string{"/proc/self/exe", "run"}}
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Let a node move between two gateways on this machine",
		Long:  help,
		Example: `  mooring lab
  mooring lab --transport ipv4 --moves 10 --pcap /tmp/lab
  mooring lab --vm
  mooring lab --keep`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			return o.command(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Transport, "transport", "ipv6", "`FAMILY` that carries signalling and tunnels: ipv4 or ipv6")
	f.IntVar(&o.Moves, "moves", 1, "how often the node moves")
	f.BoolVar(&o.Keep, "keep", false, "leave the lab up afterwards, and say how to go on by hand")
	f.StringVar(&o.Backend, "backend", "", "`BACKEND` of the elements' dataplane: auto, kernel or userspace (default auto, with --vm kernel)")
	f.BoolVar(&o.vm, "vm", false, "have the lab in a virtual machine (QEMU), whose kernel has every tunnel driver")
	f.StringVar(&o.Captures, "pcap", "", "`FOLDER` for captures of the links, which Wireshark can read")
	f.BoolVar(&o.JSON, "json", false, "print one JSON object a line")
	cmd.AddCommand(loopCommand())
	return cmd
}

func (o *Options) command(ctx context.Context) error {
	switch {
	case o.Transport != "ipv4" && o.Transport != "ipv6":
		return &Unfit{fmt.Errorf("--transport %s: it has to be ipv4 or ipv6", o.Transport)}
	case o.Moves < 1:
		return &Unfit{fmt.Errorf("--moves %d: it has to be 1 at least", o.Moves)}
	}
	if _, err := backend.Parse(cmp.Or(o.Backend, "auto")); err != nil {
		return &Unfit{fmt.Errorf("--backend: %w", err)}
	}
	if o.vm {
		return o.inMachine(ctx)
	}
	return o.have(ctx, func(ctx context.Context, folder string, o Options) error {
		_, err := Run(ctx, folder, o)
		return err
	})
}

// have has a lab in a process that another one supervises.
func (o *Options) have(ctx context.Context, run func(context.Context, string, Options) error) error {
	if err := o.checkCaptures(); err != nil {
		return &Unfit{fmt.Errorf("--pcap %s: %w", o.Captures, err)}
	}
	if folder := os.Getenv(folderVariable); folder != "" {
		return o.supervised(ctx, folder, run)
	}
	return supervise(ctx)
}

// checkCaptures makes the folder for captures, and sees whether files can be made in it.
func (o *Options) checkCaptures() error {
	if o.Captures == "" {
		return nil
	}
	if err := os.MkdirAll(o.Captures, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(o.Captures, ".mooring-")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// supervised has the lab. Its folder is the parent's, unless the parent is gone.
func (o *Options) supervised(ctx context.Context, folder string, run func(context.Context, string, Options) error) error {
	// The first signal ends ctx. More may come, of which none is to kill us then: the kernel sends one for each thread of a parent
	// that is killed.
	more := make(chan os.Signal, 1)
	signal.Notify(more, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(more)
	signal.Ignore(syscall.SIGPIPE) // nobody reads the timeline any more: the exit code will tell
	parent := os.Getppid()
	o.custody = os.NewFile(custodyFD, "custody")
	err := run(ctx, folder, *o)
	if os.Getppid() != parent {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return err
}

// supervise runs the same command again, in a process that has the lab, and looks after what it leaves, however it ends. When this
// process is killed, the other one takes the lab down.
func supervise(ctx context.Context) error {
	was, err := lookAround()
	if err != nil {
		return err
	}
	mine, its, err := custodySocket()
	if err != nil {
		return err
	}
	defer mine.Close()
	folder, err := os.MkdirTemp("", "mooring-lab-")
	if err != nil {
		return err
	}
	if socket := filepath.Join(folder, "mag1", socketFile); len(socket) > longestSocket {
		return errors.Join(&Unfit{fmt.Errorf("%s is longer than the %d octets that the name of a socket may have; set TMPDIR to a shorter folder",
			socket, longestSocket)}, os.RemoveAll(folder))
	}
	// Whoever loses his parent becomes a child of this process, and can be waited for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return errors.Join(fmt.Errorf("become the parent of orphans: %w", err), os.RemoveAll(folder))
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), folderVariable+"="+folder)
	cmd.ExtraFiles = []*os.File{its} // as custodyFD
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGTERM,
		Setpgid:   true, // an interrupt at the terminal comes by way of this process
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = takeDownPatience
	netns.Isolate(cmd)
	err = cmd.Run()
	its.Close()
	if cmd.ProcessState == nil {
		return errors.Join(&Unfit{fmt.Errorf("start in a user namespace: %w; %s", err, netns.Remedy)}, os.RemoveAll(folder))
	}
	namespaces, err := takeOver(mine)
	defer namespaces.close()
	if left := errors.Join(err, was.clear(folder, namespaces)); left != nil {
		return left
	}
	if code := cmd.ProcessState.ExitCode(); code > 0 { // the process has said why
		os.Exit(code)
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("the process of the lab ended: %v", cmd.ProcessState)
	}
	return nil
}

// longestSocket is how long the name of a socket may be (unix(7)).
const longestSocket = 107

// takeDownPatience is how long the lab may take to be taken down.
const takeDownPatience = time.Minute
