package lab

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The lab is to fail when an address changed, when traffic did not resume, and when something was left behind. In these tests it does.

// folder is that of the running lab.
func (p *process) folder() string {
	p.t.Helper()
	found, err := filepath.Glob(filepath.Join(p.temp, "mooring-lab-*"))
	if err != nil || len(found) != 1 {
		p.t.Fatalf("folders %v: %v", found, err)
	}
	return found[0]
}

// on runs a command on a host of the running lab.
func (p *process) on(host string, command ...string) {
	p.t.Helper()
	args := append([]string{"-c", `. "$0" && "$@"`, filepath.Join(p.folder(), hostsFile), host}, command...)
	if out, err := exec.Command("sh", args...).CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %q: %v: %s", host, command, err, out)
	}
}

// commit merges a configuration into that of an element of the running lab.
func (p *process) commit(element, configuration string) {
	p.t.Helper()
	c, err := dial(element, filepath.Join(p.folder(), element, socketFile))
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.close()
	if err := c.commit(p.t.Context(), []byte(configuration)); err != nil {
		p.t.Fatal(err)
	}
}

// says checks what the lab wrote to standard error.
func (p *process) says(pattern string) {
	p.t.Helper()
	if !regexp.MustCompile(pattern).MatchString(p.errors.String()) {
		p.t.Errorf("it says %q, want %q", p.errors.String(), pattern)
	}
}

// To the second gateway the node is somebody else, so that the anchor gives it other addresses.
func TestChangedAddressIsAnError(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"ipv6", "ipv4"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			p := start(t, mooring, "lab", "--json", "--transport", transport)
			p.until("configured", "mag2")
			const somebodyElse = `"domain": [{"name": "lab.example", "nai": [{"id": "mn2@lab.example", "network": "home", "service": "dual", "lma": "lma"}]}]`
			p.until("attach", "mag1")
			p.commit("lma", `{"mooring-pmipv6:pmipv6": {`+somebodyElse+`}}`)
			p.commit("mag2", `{"mooring-pmipv6:pmipv6": {`+somebodyElse+`, "mag": [{"name": "mag2",
				"interface": [{"name": "access0", "node": [{"link-layer-address": "`+nodeMAC+`", "nai": "mn2@lab.example"}]}]}]}}`)
			p.ends(1)
			p.says(`^mooring: move 1, from mag1 to mag2: the node's addresses were 198\.18\.0\.2 and (2001:db8:100::\S+) and are 198\.18\.0\.2 and .*2001:db8:100:1:`)
			if p.count("handover", "") > 0 || p.count("summary", "") > 0 {
				t.Error(p.story())
			}
		})
	}
}

func TestChangedAddresses(t *testing.T) {
	before := []netip.Addr{netip.MustParseAddr("198.18.0.2"), netip.MustParseAddr("2001:db8:100::1")}
	if err := unchanged(before, slices.Clone(before)); err != nil {
		t.Error(err)
	}
	for _, after := range [][]netip.Addr{nil, before[:1], {before[0], netip.MustParseAddr("2001:db8:100:1::1")}} {
		if unchanged(before, after) == nil {
			t.Errorf("%v became %v, and that is no error", before, after)
		}
	}
}

func TestTrafficThatDoesNotResumeIsAnError(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(p *process)
	}{
		{"the gateway is disabled", func(p *process) {
			p.commit("mag2", `{"mooring-pmipv6:pmipv6": {"mag": [{"name": "mag2", "enabled": false}]}}`)
		}},
		{"the core has lost the gateway", func(p *process) { p.on("core", "ip", "link", "set", "mag2", "down") }},
		{"the anchor takes nothing from the gateway", func(p *process) {
			p.commit("lma", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "lma", "enabled": false}]}}`)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, mooring, "lab", "--json")
			p.until("tcp", "mn")
			test.spoil(p)
			p.ends(1)
			p.says(`^mooring: move 1, from mag1 to mag2: traffic did not resume: IPv4 to mn, IPv4 to cn, IPv6 to mn, IPv6 to cn, TCP over IPv4, TCP over IPv6: waited 10s\n$`)
		})
	}
}

// Whoever is still there when the lab ends is told of.
func TestKeptNamespaceIsLeftBehind(t *testing.T) {
	t.Parallel()
	for name, user := range map[string][]string{"as one is": nil, "unprivileged": unprivileged} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, append(slices.Clone(user), mooring, "lab", "--json", "--keep")...)
			p.until("keep", "")
			guest := exec.Command("sh", "-c", `. "$0" && mn sh -c 'cat /proc/net/dev; echo $$; exec sleep 300'`, filepath.Join(p.folder(), hostsFile))
			var problems strings.Builder
			guest.Stderr = &problems
			out, err := guest.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := guest.Start(); err != nil {
				t.Fatal(err)
			}
			defer guest.Wait()
			inside, devices, pid := bufio.NewScanner(out), "", 0
			for pid == 0 && inside.Scan() {
				devices += inside.Text()
				pid, _ = strconv.Atoi(inside.Text())
			}
			if !strings.Contains(devices, nodeLink+":") || pid == 0 {
				t.Fatalf("that does not lead to the node but to %s: %s", devices, &problems)
			}
			defer syscall.Kill(pid, syscall.SIGKILL)
			p.interrupt()
			p.ends(1)
			p.says(fmt.Sprintf("^mooring: network namespaces were left behind: .*/proc/%d/", pid))
		})
	}
}

func TestDeviceIsLeftBehind(t *testing.T) {
	t.Parallel()
	t.Run("on a host of the lab", func(t *testing.T) {
		t.Parallel()
		p := start(t, mooring, "lab", "--json", "--keep")
		p.until("keep", "")
		p.on("mag1", "ip", "link", "add", "forgotten", "type", "veth", "peer", "name", "other")
		p.interrupt()
		p.ends(1)
		p.says("^mooring: interface (forgotten|other) was left behind on mag1\ninterface (forgotten|other) was left behind on mag1\n$")
	})
	t.Run("where it was started", func(t *testing.T) {
		t.Parallel()
		p := start(t, "unshare", "--map-root-user", "--net", mooring, "lab", "--json", "--keep")
		p.until("keep", "")
		enter := []string{"--user", "--net", "--preserve-credentials", "--target", strconv.Itoa(p.Process.Pid)}
		if out, err := exec.Command("nsenter", append(enter, "ip", "link", "add", accessEnd, "type", "veth", "peer", "name", "other")...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		p.interrupt()
		p.ends(1)
		p.says("^mooring: interface access0 was left behind\n$")
	})
}

// asProgram makes this test binary another program.
const (
	asProgram = "MOORING_LAB_TEST_PROGRAM"
	orphanage = "orphanage"
)

// keepOrphan does as a supervisor whose lab has ended and left a process.
func keepOrphan() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	was, err := lookAround()
	if err != nil {
		panic(err)
	}
	if err := exec.Command("sh", "-c", "sleep 300 &").Run(); err == nil {
		fmt.Println(childrenOf("self"), was.reap())
	}
}

func TestProcessIsLeftBehind(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), asProgram+"="+orphanage)
	out, err := cmd.Output()
	var orphan, named int
	if _, scan := fmt.Sscanf(string(out), "[%d] process %d was left behind, and killed\n", &orphan, &named); err != nil || scan != nil || orphan != named {
		t.Errorf("it says %q (%v, %v)", out, err, scan)
	}
	if syscall.Kill(orphan, 0) == nil {
		t.Errorf("process %d is still there", orphan)
	}
}

// What its shell had begun before is none of the lab's business.
func TestProcessesOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	p := start(t, "sh", "-c", `sleep 300 >/dev/null 2>&1 & exec "$@"`, "sh", mooring, "lab", "--json", "--keep")
	p.until("keep", "")
	all := family(p.Process.Pid)
	other := all[slices.IndexFunc(all, func(pid int) bool {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return string(name) == "sleep\n"
	})]
	defer syscall.Kill(other, syscall.SIGKILL)
	p.interrupt()
	p.ends(0)
	if err := syscall.Kill(other, 0); err != nil {
		t.Errorf("process %d: %v", other, err)
	}
}
