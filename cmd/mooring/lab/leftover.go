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

	"mooring/dataplane/netlink"
)

// A lab is looked after by another process, which is told by these what to look for.
const (
	folderVariable = "MOORING_LAB_FOLDER" // of the environment: marks the process that has the lab
	namespacesFile = "namespaces"         // in that folder: the names that the kernel has for them
)

// identity tells a namespace from all others: the name that the kernel shows is used again when the namespace is gone, perhaps for
// that of another lab; its cookie is not.
type identity struct {
	name   string
	cookie uint64
}

// record writes down which namespaces the hosts are.
func (t *topology) record(folder string) error {
	var all strings.Builder
	for _, h := range t.hosts {
		file := fmt.Sprintf("/proc/self/fd/%d", h.FD())
		name, err := os.Readlink(file)
		if err != nil {
			return err
		}
		id, err := identify(name, file)
		if err != nil {
			return err
		}
		fmt.Fprintln(&all, id.name, id.cookie)
	}
	return os.WriteFile(filepath.Join(folder, namespacesFile), []byte(all.String()), 0o600)
}

// recorded reads what record has written. The lab may have ended before it did.
func recorded(folder string) (namespaces []identity) {
	text, _ := os.ReadFile(filepath.Join(folder, namespacesFile))
	for line := range strings.Lines(string(text)) {
		var id identity
		if _, err := fmt.Sscan(line, &id.name, &id.cookie); err == nil {
			namespaces = append(namespaces, id)
		}
	}
	return namespaces
}

// identify tells which namespace a file stands for. name is what the kernel shows for it.
func identify(name, file string) (identity, error) {
	ns, err := netlink.OpenNamespace(file)
	if err != nil {
		return identity{}, err
	}
	defer ns.Close()
	cookie, err := ns.Cookie()
	return identity{name, cookie}, err
}

// endPatience is how long what has been killed may take to end.
const endPatience = 5 * time.Second

// clear removes what the lab of a folder has left, now that its process has ended, and reports it. devices are the interfaces that
// were there before. Files are to be expected where the process was killed.
func clear(folder string, devices []string) error {
	namespaces := recorded(folder)
	errs := []error{reap(), os.RemoveAll(folder), namespacesGone(namespaces)}
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
func namespacesGone(namespaces []identity) error {
	for deadline := time.Now().Add(endPatience); ; time.Sleep(10 * time.Millisecond) {
		who, err := holders(namespaces)
		if err != nil || len(who) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("network namespaces were left behind: %s", strings.Join(who, ", "))
		}
	}
}

// holders says what keeps namespaces alive: processes inside, open files, mounts.
func holders(namespaces []identity) (who []string, err error) {
	for _, pattern := range []string{"/proc/[0-9]*/ns/net", "/proc/[0-9]*/task/[0-9]*/ns/net", "/proc/[0-9]*/fd/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if name, err := os.Readlink(file); err == nil && isOneOf(namespaces, name, file) { // processes come and go
				who = append(who, file)
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		// What is mounted, and where, are the fourth and the fifth field (proc_pid_mountinfo(5)).
		if fields := strings.Fields(line); len(fields) > 4 && isOneOf(namespaces, fields[3], fields[4]) {
			who = append(who, "mount at "+fields[4])
		}
	}
	return who, err
}

// isOneOf reports whether a file, for which the kernel shows name, stands for one of the namespaces. What we may not enter belongs to
// somebody else.
func isOneOf(namespaces []identity, name, file string) bool {
	if !slices.ContainsFunc(namespaces, func(id identity) bool { return id.name == name }) {
		return false
	}
	id, err := identify(name, file)
	return err == nil && slices.Contains(namespaces, id)
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
