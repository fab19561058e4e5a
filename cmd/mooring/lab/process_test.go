package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netns"
	"mooring/tests/said"
)

// These tests run "mooring lab" as people do. They wait for the kernel more than they compute, so they run side by side, however few
// processors there are.
const sideBySide = "4"

// mooring is the program, which TestMain builds: with the race detector where the test has it.
var mooring string

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case orphanage:
		keepOrphan()
	default:
		runTests(m)
	}
}

func runTests(m *testing.M) {
	if err := netns.Enter(); err != nil { // to be allowed to look into namespaces
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	folder, err := os.MkdirTemp("", "mooring-lab-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mooring = filepath.Join(folder, "mooring")
	build := exec.Command("go", "build", "-race="+strconv.FormatBool(racing()), "-o", mooring, "mooring/cmd/mooring")
	build.Stderr = os.Stderr
	code := 1
	flag.Parse()
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		panic(err)
	}
	races := filepath.Join(folder, "race")
	os.Setenv("GORACE", "atexit_sleep_ms=0 log_path="+races) // a second of patience at each end adds up
	if build.Run() == nil {
		code = max(m.Run(), showRaces(races))
	}
	os.RemoveAll(folder)
	os.Exit(code)
}

// showRaces prints what the race detector has found in processes of labs, of which those only repeat the end, and returns 1 where that is anything.
func showRaces(log string) (code int) {
	found, _ := filepath.Glob(log + ".*")
	for _, name := range found {
		text, _ := os.ReadFile(name)
		fmt.Fprintf(os.Stderr, "%s", text)
		code = 1
	}
	return code
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
	out    io.Closer
	lines  *bufio.Scanner
	errors said.Text
	events []Event // that were read
}

// shortTemp makes a folder whose name, other than that of t.TempDir, is short enough for sockets in it.
func shortTemp(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp(filepath.Dir(mooring), "")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// start starts a command that runs the lab, and prints JSON.
func start(t *testing.T, command ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(command[0], command[1:]...), t: t, temp: shortTemp(t)}
	p.Env = append(os.Environ(), "TMPDIR="+p.temp)
	p.Stderr = &p.errors
	p.WaitDelay = time.Minute
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out, p.lines = out, bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// patience is how long anything may take that is waited for.
const patience = 2 * time.Minute

// until reads the timeline until an event of some host; an empty event is its end.
func (p *process) until(event, host string) {
	p.t.Helper()
	defer time.AfterFunc(patience, func() { p.Process.Kill() }).Stop()
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

// interrupt is Ctrl-C.
func (p *process) interrupt() {
	p.t.Helper()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
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
