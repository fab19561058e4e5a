package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A lab is looked after by another process, which is told by these what to look for.
const (
	folderVariable = "MOORING_LAB_FOLDER" // of the environment: marks the process that has the lab
	namespacesFile = "namespaces"         // in that folder: the names that the kernel has for them
)

// record writes down which namespaces the hosts are.
func (t *topology) record(folder string) error {
	var all strings.Builder
	for _, h := range t.hosts {
		name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", h.FD()))
		if err != nil {
			return err
		}
		fmt.Fprintln(&all, name)
	}
	return os.WriteFile(filepath.Join(folder, namespacesFile), []byte(all.String()), 0o600)
}

// endPatience is how long what has been killed may take to end.
const endPatience = 5 * time.Second

// clear removes what the lab of a folder has left, now that its process has ended, and reports it. devices are the interfaces that
// were there before. Files are to be expected where the process was killed.
func clear(folder string, devices []string) error {
	text, _ := os.ReadFile(filepath.Join(folder, namespacesFile)) // the lab may have ended before it was written
	errs := []error{reap(), os.RemoveAll(folder), namespacesGone(strings.Fields(string(text)))}
	now, err := deviceNames()
	errs = append(errs, err)
	for _, name := range now {
		if slices.Contains(interfaces, name) && !slices.Contains(devices, name) {
			errs = append(errs, fmt.Errorf("interface %s was left behind", name))
		}
	}
	return errors.Join(errs...)
}

// reap waits for the processes of the lab, whose parent is now this one, and kills those that do not end by themselves.
func reap() error {
	var errs []error
	for deadline := time.Now().Add(endPatience); ; {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR), pid > 0:
			continue
		case err != nil: // there are no more
			return errors.Join(errs...)
		case time.Now().After(deadline):
			for _, child := range childrenOf("self") {
				errs = append(errs, fmt.Errorf("process %d was left behind, and killed", child))
				_ = unix.Kill(child, unix.SIGKILL) // it may have ended meanwhile
			}
			deadline = time.Now().Add(endPatience)
		}
		time.Sleep(time.Millisecond)
	}
}

// childrenOf lists the children of a process, which is named as under /proc.
func childrenOf(process string) (pids []int) {
	lists, _ := filepath.Glob("/proc/" + process + "/task/*/children") // the pattern is well-formed
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread that has ended has none
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// namespacesGone waits until nobody has the namespaces any more.
func namespacesGone(names []string) error {
	for deadline := time.Now().Add(endPatience); ; time.Sleep(10 * time.Millisecond) {
		who, err := holders(names)
		if err != nil || len(who) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("network namespaces were left behind: %s", strings.Join(who, ", "))
		}
	}
}

// holders says what keeps namespaces alive: processes inside, open files, mounts.
func holders(names []string) (who []string, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	for _, pattern := range []string{"/proc/[0-9]*/ns/net", "/proc/[0-9]*/task/[0-9]*/ns/net", "/proc/[0-9]*/fd/*"} {
		links, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, link := range links {
			target, err := os.Readlink(link)
			if err == nil && slices.Contains(names, target) { // processes come and go, and some are not ours to look at
				who = append(who, link)
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	for _, field := range strings.Fields(string(mounts)) {
		if slices.Contains(names, field) {
			who = append(who, "mount of "+field)
		}
	}
	return who, nil
}

func deviceNames() (names []string, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	for _, each := range all {
		names = append(names, each.Name)
	}
	return names, nil
}
