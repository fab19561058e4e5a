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

	"mooring/dataplane/netns"
)

// A lab is looked after by another process. That gives it a folder and the end of a socket, through which it is handed the namespaces.
const (
	folderVariable = "MOORING_LAB_FOLDER" // of the environment: marks the process that has the lab
	custodyFD      = 3
)

// custodySocket makes the socket: an end for this process and one for that of the lab.
func custodySocket() (mine, its *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket for the namespaces: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "custody"), os.NewFile(uintptr(fds[1]), "custody"), nil
}

// handOver gives the namespaces of hosts to whoever has the other end of a socket.
func handOver(to *os.File, hosts []*netns.Host) error {
	var fds []int
	for _, h := range hosts {
		fds = append(fds, h.FD())
	}
	if err := unix.Sendmsg(int(to.Fd()), []byte{0}, unix.UnixRights(fds...), nil, 0); err != nil {
		return fmt.Errorf("hand over the namespaces: %w", err)
	}
	return nil
}

// custody is namespaces of a lab. As long as it holds them, the kernel gives their names to no others.
type custody struct {
	files []*os.File
	names []string
}

// takeOver takes what has been handed over; the lab may have ended before it did. The caller closes the custody.
func takeOver(from *os.File) (*custody, error) {
	c := &custody{}
	rights := make([]byte, unix.CmsgSpace(32*4)) // of more hosts than there are
	_, n, _, _, err := unix.Recvmsg(int(from.Fd()), make([]byte, 1), rights, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if errors.Is(err, unix.EAGAIN) || n == 0 {
		return c, nil
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return c, err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return c, err
		}
		for _, fd := range fds {
			if err := c.add(os.NewFile(uintptr(fd), "namespace")); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

func (c *custody) add(file *os.File) error {
	c.files = append(c.files, file)
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	c.names = append(c.names, name)
	return err
}

func (c *custody) close() {
	for _, f := range c.files {
		f.Close()
	}
}

// endPatience is how long what has been killed may take to end.
const endPatience = 5 * time.Second

// before is what was there before the lab, and is none of its business.
type before struct {
	devices  []string
	children []int // of this process
}

func lookAround() (b before, err error) {
	b.children = childrenOf("self")
	b.devices, err = deviceNames()
	return b, err
}

// clear removes what the lab of a folder has left, now that its process has ended, and reports it. Files are to be expected where the
// process was killed.
func (b before) clear(folder string, namespaces *custody) error {
	errs := []error{b.reap(), os.RemoveAll(folder), namespaces.gone()}
	now, err := deviceNames()
	errs = append(errs, err)
	for _, name := range now {
		if (slices.Contains(interfaces, name) || slices.Contains(loopInterfaces, name)) && !slices.Contains(b.devices, name) {
			errs = append(errs, fmt.Errorf("interface %s was left behind", name))
		}
	}
	return errors.Join(errs...)
}

// reap waits for the processes of the lab, whose parent is now this one, and kills those that do not end by themselves.
func (b before) reap() error {
	var errs []error
	for deadline := time.Now().Add(endPatience); ; time.Sleep(time.Millisecond) {
		left := slices.DeleteFunc(childrenOf("self"), func(pid int) bool { return slices.Contains(b.children, pid) })
		if len(left) == 0 {
			return errors.Join(errs...)
		}
		late := time.Now().After(deadline)
		for _, pid := range left {
			if late {
				errs = append(errs, fmt.Errorf("process %d was left behind, and killed", pid))
				_ = unix.Kill(pid, unix.SIGKILL) // it may have ended meanwhile
			}
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // it is looked for again
		}
		if late {
			deadline = time.Now().Add(endPatience)
		}
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

// gone waits until nobody else has the namespaces any more.
func (c *custody) gone() error {
	for deadline := time.Now().Add(endPatience); ; time.Sleep(10 * time.Millisecond) {
		who, err := c.others()
		if err != nil || len(who) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("network namespaces were left behind: %s", strings.Join(who, ", "))
		}
	}
}

// others says what keeps the namespaces alive besides this process: processes inside, open files, mounts.
func (c *custody) others() (who []string, err error) {
	own := fmt.Sprintf("/proc/%d/", os.Getpid())
	for _, pattern := range []string{"/proc/[0-9]*/ns/net", "/proc/[0-9]*/task/[0-9]*/ns/net", "/proc/[0-9]*/fd/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			name, err := os.Readlink(file) // processes come and go
			if err == nil && slices.Contains(c.names, name) && !strings.HasPrefix(file, own) {
				who = append(who, file)
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		// What is mounted, and where, are the fourth and the fifth field (proc_pid_mountinfo(5)).
		if fields := strings.Fields(line); len(fields) > 4 && slices.Contains(c.names, fields[3]) {
			who = append(who, "mount at "+fields[4])
		}
	}
	return who, err
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
