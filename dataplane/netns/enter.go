package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
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
	if os.Geteuid() == 0 || os.Getenv(inside) != "" {
		return nil
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return fmt.Errorf("start in a user namespace: %w; run as root, or allow them: sysctl -w "+
			"user.max_user_namespaces=10000 (Debian: kernel.unprivileged_userns_clone=1, Ubuntu: "+
			"kernel.apparmor_restrict_unprivileged_userns=0)", err)
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

// Main runs tests that need namespaces: as root where they are started by root, else as Enter says.
func Main(m interface{ Run() int }) {
	if err := Enter(); err != nil {
		fmt.Fprintln(os.Stderr, "tests need network namespaces:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
