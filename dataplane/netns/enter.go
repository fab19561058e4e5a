package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	netlib "github.com/vishvananda/netlink"
)

// inside marks the environment of a process that Enter has started.
const inside = "MOORING_NETNS_INSIDE"

// Enter returns at once when the process is root. Otherwise it runs the same command again as root of new user, network
// and mount namespaces and never returns: the process ends with that command's exit code. The error says what to do where
// the machine does not let us.
//
// Call it first in TestMain or main:
//
//	func TestMain(m *testing.M) { netns.Main(m) }
func Enter() error {
	if os.Getenv(inside) != "" {
		return loopback()
	}
	if os.Geteuid() == 0 {
		return nil
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	Isolate(cmd)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return fmt.Errorf("start in a user namespace: %w; %s", err, Remedy)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		return err
	}
	os.Exit(0)
	return nil
}

// loopback brings up the one interface that a new namespace has, as it is up where the process came from.
func loopback() error {
	link, err := netlib.LinkByName("lo")
	if err == nil {
		err = netlib.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("loopback interface of the new namespace: %w", err)
	}
	return nil
}

// Remedy says what to do where a process may not make namespaces.
const Remedy = "run as root, or allow user namespaces: sysctl -w user.max_user_namespaces=10000 " +
	"(Debian: kernel.unprivileged_userns_clone=1, Ubuntu: kernel.apparmor_restrict_unprivileged_userns=0)"

// Isolate prepares a command, which has not been started yet, to be root of new user, network and mount namespaces. As root it
// leaves the command as it is.
func Isolate(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if os.Geteuid() == 0 {
		return
	}
	cmd.Env = append(cmd.Environ(), inside+"=1")
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}

// Main runs tests that need namespaces: as root where they are started by root, else as Enter says.
func Main(m interface{ Run() int }) {
	if err := Enter(); err != nil {
		fmt.Fprintln(os.Stderr, "tests need network namespaces:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
