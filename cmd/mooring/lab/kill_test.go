package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mooring/dataplane/netlink"
)

// Whoever is killed, nothing stays, and it is said who it was. Node and correspondent are no processes: their packets are the kernel's,
// and what else they have is in the process of the lab.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, event, host, says string }{
		{"lma", "keep", "", "element lma ended by itself (signal: killed)"},
		{"mag1", "keep", "", "element mag1 ended by itself (signal: killed)"},
		{"mag2", "keep", "", "element mag2 ended by itself (signal: killed)"},
		{"lma", "first-packet", "mn", "element lma ended by itself (signal: killed)"},
		{"mag2", "attach", "mag1", "element mag2 ended by itself (signal: killed)"},
		{"lab", "keep", "", "the process of the lab ended: signal: killed"},
		{"lab", "first-packet", "cn", "the process of the lab ended: signal: killed"},
		{"supervisor", "keep", "", ""},
		{"supervisor", "configured", "lma", ""},
	} {
		t.Run(test.name+" at "+test.event, func(t *testing.T) {
			t.Parallel()
			p := start(t, mooring, "lab", "--json", "--keep")
			p.until(test.event, test.host)
			all := family(p.Process.Pid)
			if len(all) != 5 { // it, the lab, three elements
				t.Fatalf("the lab has the processes %v: %s", all, p.story())
			}
			namespaces := namespacesOf(t, all[1])
			if err := syscall.Kill(victim(t, test.name, all), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			p.until("", "")
			if p.Wait() == nil || !strings.Contains(p.errors.String(), test.says) {
				t.Errorf("%v; it says %q, want %q", p.ProcessState, p.errors.String(), test.says)
			}
			gone(t, all, namespaces)
			eventually(t, "no temporary files", func() bool { left, err := os.ReadDir(p.temp); return err == nil && len(left) == 0 })
		})
	}
}

// victim finds a process by what it does among those of a lab.
func victim(t *testing.T, name string, all []int) int {
	t.Helper()
	switch name {
	case "supervisor":
		return all[0]
	case "lab":
		return all[1]
	}
	for _, pid := range all[2:] {
		command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.HasSuffix(command, []byte("/"+name+"\x00")) {
			return pid
		}
	}
	t.Fatalf("no %s among the processes %v", name, all)
	return 0
}

// family lists a process and all that come from it, parents first.
func family(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, childrenOf(strconv.Itoa(all[i]))...)
	}
	return all
}

// The kernel gives the name of a namespace that is gone to another one, perhaps of another lab. Its cookie it does not.
type cookies map[string]uint64

// namespacesOf tells the namespaces that the process of a lab holds, but for its own, which it holds for a moment when it visits another.
func namespacesOf(t *testing.T, pid int) cookies {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		t.Fatal(err)
	}
	namespaces := cookies{}
	for _, file := range files {
		if name, err := os.Readlink(file); err == nil && strings.HasPrefix(name, "net:") && name != own {
			if namespaces[name], err = cookie(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(namespaces) < 6 {
		t.Fatalf("the lab has the namespaces %v", namespaces)
	}
	return namespaces
}

func cookie(file string) (uint64, error) {
	ns, err := netlink.OpenNamespace(file)
	if err != nil {
		return 0, err
	}
	defer ns.Close()
	return ns.Cookie()
}

// held reports whether anybody has one of the namespaces.
func (c cookies) held() bool {
	all := &custody{}
	for name := range c {
		all.names = append(all.names, name)
	}
	who, err := all.others()
	return err != nil || slices.ContainsFunc(who, func(file string) bool {
		name, _ := os.Readlink(file)
		now, err := cookie(file)
		return err == nil && now == c[name]
	})
}

func gone(t *testing.T, processes []int, namespaces cookies) {
	t.Helper()
	eventually(t, "the processes are gone", func() bool {
		return !slices.ContainsFunc(processes, func(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	})
	eventually(t, "the namespaces are gone", func() bool { return !namespaces.held() })
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
