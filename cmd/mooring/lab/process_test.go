package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// These tests run "mooring lab" as people do. They wait for the kernel more than they compute, so they run side by side.

// mooring is the program, which TestMain builds: with the race detector where the test has it.
var mooring string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "mooring-lab-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mooring = filepath.Join(folder, "mooring")
	build := exec.Command("go", "build", "-race="+strconv.FormatBool(racing()), "-o", mooring, "mooring/cmd/mooring")
	build.Stderr = os.Stderr
	code := 1
	if build.Run() == nil {
		code = m.Run()
	}
	os.RemoveAll(folder)
	os.Exit(code)
}

func racing() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// process is a running lab.
type process struct {
	*exec.Cmd
	t      *testing.T
	temp   string // where it may have temporary files
	lines  *bufio.Scanner
	errors bytes.Buffer
	events []Event // that were read
}

// start starts a command that runs the lab, and prints JSON.
func start(t *testing.T, command ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(command[0], command[1:]...), t: t, temp: t.TempDir()}
	p.Env = append(os.Environ(), "TMPDIR="+p.temp)
	p.Stderr = &p.errors
	p.WaitDelay = time.Minute
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// until reads the timeline until an event of some host; an empty event is its end.
func (p *process) until(event, host string) {
	p.t.Helper()
	for p.lines.Scan() {
		var e Event
		d := json.NewDecoder(bytes.NewReader(p.lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil || d.More() || e.Event == "" || e.At < 0 {
			p.t.Fatalf("not a line of the timeline: %s (%v)", p.lines.Text(), err)
		}
		p.events = append(p.events, e)
		if e.Event == event && e.Host == host {
			return
		}
	}
	if event != "" {
		p.t.Fatalf("the lab ended before %s %s: %s", host, event, p.story())
	}
}

// ends waits for the end and expects an exit code. Nothing may be left.
func (p *process) ends(code int) {
	p.t.Helper()
	p.until("", "")
	err := p.Wait()
	if got := p.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d, want %d (%v): %s", got, code, err, p.story())
	}
	if left, err := os.ReadDir(p.temp); err != nil || len(left) > 0 {
		p.t.Errorf("temporary files %v are left (%v)", left, err)
	}
}

func (p *process) story() string {
	var b strings.Builder
	for _, e := range p.events {
		fmt.Fprintf(&b, "\n%10.1f %s %s %s", e.At, e.Host, e.Event, e.Text)
	}
	return b.String() + "\n" + p.errors.String()
}

// count counts the events of a kind at a host.
func (p *process) count(event, host string) (n int) {
	for _, e := range p.events {
		if e.Event == event && (host == "" || e.Host == host) {
			n++
		}
	}
	return n
}

// MAG-06, LMA-10: the node keeps its addresses and its traffic goes on, over both transports; the timeline tells of it, and the captures
// can be read by others.
func TestHandover(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ transport, filter, source, mag2 string }{
		{"ipv6", "ipv6.nxt == 135", "ipv6.src", "2001:db8:0:12::2"},
		{"ipv4", "udp.port == 5436", "ip.src", "192.0.2.34"},
	} {
		t.Run(test.transport, func(t *testing.T) {
			t.Parallel()
			captures := filepath.Join(t.TempDir(), "captures")
			p := start(t, mooring, "lab", "--json", "--moves", "2", "--transport", test.transport, "--pcap", captures)
			p.ends(0)
			checkTimeline(t, p)
			// tshark names the messages (mip6.mhtype 5 and 6) and whether they are proxy registrations.
			seen := tshark(t, filepath.Join(captures, "core-lma.pcap"), test.filter, test.source, "mip6.mhtype", "mip6.bu.p_flag", "mip6.ba.p_flag")
			for _, want := range []string{test.mag2 + "\t5\t1\t", "\t6\t\t1"} {
				if !slices.ContainsFunc(seen, func(line string) bool { return strings.Contains(asDigits(line), want) }) {
					t.Errorf("tshark finds no %q among %q", want, seen)
				}
			}
			for _, name := range []string{"core-mag1", "core-mag2", "cn-eth0", "mn-eth0"} {
				if len(tshark(t, filepath.Join(captures, name+".pcap"), "udp.port == 9", "frame.number")) == 0 {
					t.Errorf("no probes in %s.pcap", name)
				}
			}
		})
	}
}

// asDigits lets versions of tshark agree on how a flag looks.
func asDigits(line string) string {
	return strings.NewReplacer("True", "1", "False", "0").Replace(line)
}

func tshark(t *testing.T, file, filter string, fields ...string) []string {
	t.Helper()
	args := []string{"-n", "-r", file, "-Y", filter, "-T", "fields"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, problems.String())
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

func checkTimeline(t *testing.T, p *process) {
	t.Helper()
	for _, want := range []struct {
		event, host string
		least       int
	}{
		{"configured", "lma", 1}, {"configured", "mag1", 1}, {"configured", "mag2", 1},
		{"attach", "mag1", 2}, {"attach", "mag2", 1}, {"pbu", "mag1", 2}, {"pbu", "mag2", 1}, {"pba", "lma", 3},
		{"tunnel-up", "lma", 3}, {"tunnel-up", "mag1", 2}, {"tunnel-up", "mag2", 1},
		{"first-packet", "mn", 4}, {"first-packet", "cn", 4}, {"move", "mn", 2}, {"handover", "mn", 2}, {"summary", "", 1},
	} {
		if got := p.count(want.event, want.host); got < want.least {
			t.Errorf("%d events %s at %s, want %d: %s", got, want.event, want.host, want.least, p.story())
		}
	}
	if !slices.IsSortedFunc(p.events, func(a, b Event) int { return int(a.At*1000) - int(b.At*1000) }) {
		t.Errorf("the timeline is out of order: %s", p.story())
	}
	for _, e := range p.events {
		if e.Event != "handover" {
			continue
		}
		if e.Move == nil || e.Interruption <= 0 || e.From == e.To || len(e.Before) != 2 || !slices.Equal(e.Before, e.After) ||
			!e.Before[0].Is4() || !netip.MustParsePrefix("2001:db8:100::/40").Contains(e.Before[1]) {
			t.Errorf("handover %+v", e)
		}
	}
}

// Without privileges, the lab has namespaces of its own. An interrupt takes it down where it was kept.
func TestUnprivilegedUser(t *testing.T) {
	t.Parallel()
	p := start(t, "unshare", "--user", "--map-user=1000", "--map-group=1000", mooring, "lab", "--json", "--keep")
	p.until("keep", "")
	if p.count("handover", "mn") != 1 || p.count("pbu", "mag2") == 0 {
		t.Error(p.story())
	}
	all := family(p.Process.Pid)
	namespaces := namespacesOf(t, all[1])
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.ends(0)
	gone(t, all, namespaces)
}

// Where the lab cannot be, it says what to do.
func TestUnfitMachine(t *testing.T) {
	for _, test := range []struct{ name, prepare, remedy string }{
		{"without tun", "mount --bind /dev/net /dev/net && mount -o remount,bind,nodev /dev/net", "/dev/net/tun"},
		{"without user namespaces", "echo 1 > /proc/sys/user/max_user_namespaces", "sysctl -w user.max_user_namespaces"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, "unshare", "--map-root-user", "--mount", "sh", "-c",
				test.prepare+` && exec unshare --user --map-user=1000 --map-group=1000 "$@"`, "sh", mooring, "lab", "--json")
			p.ends(2)
			if !strings.Contains(p.errors.String(), test.remedy) {
				t.Errorf("it says %q, want something of %s", p.errors.String(), test.remedy)
			}
		})
	}
	p := start(t, mooring, "lab", "--transport", "ipv5")
	p.ends(2)
}

// Whoever is killed, nothing stays.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		victim func(lab []int) int
		says   string
	}{
		{"an element", func(lab []int) int { return lab[len(lab)-1] }, "ended by itself (signal: killed)"},
		{"the process of the lab", func(lab []int) int { return lab[1] }, "the process of the lab ended: signal: killed"},
		{"the process that looks after it", func(lab []int) int { return lab[0] }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, mooring, "lab", "--json", "--keep")
			p.until("keep", "")
			all := family(p.Process.Pid)
			if len(all) != 5 { // it, the lab, three elements
				t.Fatalf("the lab has the processes %v: %s", all, p.story())
			}
			namespaces := namespacesOf(t, all[1])
			if err := syscall.Kill(test.victim(all), syscall.SIGKILL); err != nil {
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

// The commands that a kept lab prints lead into its hosts. Whoever is still there when the lab ends is told of.
func TestKeptNamespaceIsLeftBehind(t *testing.T) {
	t.Parallel()
	p := start(t, mooring, "lab", "--json", "--keep")
	p.until("keep", "")
	enter := regexp.MustCompile(`mn="(nsenter [^"]*)"`).FindStringSubmatch(p.events[len(p.events)-1].Text)
	if enter == nil {
		t.Fatal(p.story())
	}
	guest := exec.Command("sh", "-c", "exec "+enter[1]+" sh -c 'cat /proc/net/dev; exec sleep 300'")
	out, err := guest.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := guest.Start(); err != nil {
		t.Fatal(err)
	}
	defer guest.Wait()
	defer guest.Process.Kill()
	inside := bufio.NewScanner(out)
	for inside.Scan() && !strings.Contains(inside.Text(), "eth0:") {
	}
	if !strings.Contains(inside.Text(), "eth0:") {
		t.Errorf("%s does not lead to the node", enter[1])
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.ends(1)
	if want := fmt.Sprintf("network namespaces were left behind: /proc/%d/", guest.Process.Pid); !strings.Contains(p.errors.String(), want) {
		t.Errorf("it says %q, want %q", p.errors.String(), want)
	}
}

// family lists a process and all that come from it, parents first.
func family(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, childrenOf(strconv.Itoa(all[i]))...)
	}
	return all
}

// namespacesOf names the namespaces that the process of a lab holds.
func namespacesOf(t *testing.T, pid int) (namespaces []identity) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name, err := os.Readlink(file); err == nil && strings.HasPrefix(name, "net:") {
			id, err := identify(name, file)
			if err != nil {
				t.Fatal(err)
			}
			namespaces = append(namespaces, id)
		}
	}
	if len(namespaces) < 6 {
		t.Fatalf("the lab has the namespaces %v", namespaces)
	}
	return namespaces
}

func gone(t *testing.T, processes []int, namespaces []identity) {
	t.Helper()
	eventually(t, "the processes are gone", func() bool {
		return !slices.ContainsFunc(processes, func(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	})
	eventually(t, "the namespaces are gone", func() bool {
		who, err := holders(namespaces)
		return err == nil && len(who) == 0
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// A node that moves to a gateway that serves no node has no traffic, and the lab says so.
func TestTrafficThatDoesNotResumeIsAnError(t *testing.T) {
	t.Parallel()
	p := start(t, mooring, "lab", "--json")
	p.until("configured", "mag2")
	sockets, err := filepath.Glob(filepath.Join(p.temp, "mooring-lab-*", "mag2", "mooring.sock"))
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	mag2, err := dial("mag2", sockets[0])
	if err != nil {
		t.Fatal(err)
	}
	defer mag2.close()
	gateways := &gpb.Path{Elem: []*gpb.PathElem{{Name: "pmipv6"}, {Name: "mag", Key: map[string]string{"name": "mag2"}}}}
	if _, err := mag2.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{gateways}}); err != nil {
		t.Fatal(err)
	}
	p.ends(1)
	if !strings.Contains(p.errors.String(), "traffic did not resume: IPv4 to mn, IPv4 to cn, IPv6 to mn, IPv6 to cn, TCP over IPv4, TCP over IPv6") {
		t.Errorf("it says %s", p.errors.String())
	}
}

func TestChangedAddressIsAnError(t *testing.T) {
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
