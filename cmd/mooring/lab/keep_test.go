package lab

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mooring/tests/tool"
)

// unprivileged is what a user without privileges is made of.
var unprivileged = []string{"unshare", "--user", "--map-user=1000", "--map-group=1000"}

// Without privileges, the lab has namespaces of its own. An interrupt takes it down where it was kept.
func TestUnprivilegedUser(t *testing.T) {
	t.Parallel()
	p := start(t, append(unprivileged, mooring, "lab", "--json", "--keep")...)
	p.until("keep", "")
	if p.count("handover", "mn") != 1 || p.count("pbu", "mag2") == 0 {
		t.Error(p.story())
	}
	all := family(p.Process.Pid)
	namespaces := namespacesOf(t, all[1])
	p.interrupt()
	p.ends(0)
	gone(t, all, namespaces)
}

// What a kept lab prints can be pasted into a shell, line by line, by whoever started it.
func TestPrintedCommands(t *testing.T) {
	t.Parallel()
	var clients []string
	for _, name := range []string{"gnmi_cli", "gnmic"} {
		path, err := tool.Path(name)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, filepath.Dir(path))
	}
	for _, test := range []struct {
		name             string
		command          []string
		transport, moves string
		at, other        string // gateways: where the node is in the end, and the other one
		careOf           string // of the other one
	}{
		{"as one is", nil, "ipv6", "1", "mag2", "mag1", "2001:db8:0:11::2"},
		{"unprivileged", unprivileged, "ipv4", "2", "mag1", "mag2", "192.0.2.34"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, slices.Concat(test.command, []string{mooring, "lab", "--json", "--keep", "--transport", test.transport, "--moves", test.moves})...)
			p.until("keep", "")
			s := newShell(t, p, clients)
			if ping := s.run("ping"); strings.Count(ping, " 3 received") != 2 {
				t.Error(ping)
			}
			s.shows(test.at)
			s.captures("move", test.careOf, func() { p.until("tunnel-up", test.other) })
			s.shows(test.other)
			s.run("back")
			p.until("tunnel-up", test.at)
			s.shows(test.at)
			p.interrupt()
			p.ends(0)
		})
	}
}

// shell runs commands that a lab has printed, word for word.
type shell struct {
	t       *testing.T
	begin   string            // that makes the hosts commands
	printed map[string]string // by what is said before
	path    string
}

var (
	beginLine   = regexp.MustCompile(`(?m)^  (\. .*)$`)
	commandLine = regexp.MustCompile(`(?m)^  ([a-zA-Z]+) +(.*)$`)
)

func newShell(t *testing.T, p *process, clients []string) *shell {
	text := p.events[len(p.events)-1].Text
	s := &shell{t: t, begin: beginLine.FindString(text), printed: map[string]string{}, path: strings.Join(append(clients, os.Getenv("PATH")), ":")}
	for _, line := range commandLine.FindAllStringSubmatch(text, -1) {
		name := line[1]
		if client := regexp.MustCompile(` (gnmic|gnmi_cli) `).FindStringSubmatch(line[2]); client != nil {
			name = client[1]
		}
		s.printed[name] = line[2]
	}
	for _, name := range []string{"ping", "move", "back", "capture", "state", "NETCONF", "gNMI", "gnmi_cli", "gnmic"} {
		if s.printed[name] == "" {
			t.Fatalf("there is no %s in: %s", name, text)
		}
	}
	return s
}

// command is one of those that were printed, in a shell of its own. It is interrupted when ctx ends.
func (s *shell) command(ctx context.Context, name string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", s.begin+"\n"+s.printed[name])
	cmd.Env = append(os.Environ(), "PATH="+s.path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) } // as at a terminal
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// run runs one that succeeds, and returns what it prints.
func (s *shell) run(name string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	out, err := s.command(ctx, name).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %s: %v: %s", name, s.printed[name], err, out)
	}
	return string(out)
}

// shows asks in each way, and expects the node at a gateway.
func (s *shell) shows(gateway string) {
	s.t.Helper()
	for name, wanted := range map[string][]string{
		"state":    {"mn1@lab.example", gateway, "active"},
		"gNMI":     {"mn1@lab.example", gateway, "active"},
		"NETCONF":  {"<mn-id>mn1@lab.example</mn-id>", "<peer>" + gateway + "</peer>", "<ok/>"},
		"gnmi_cli": {`"mn-id": {Deprecated TypedValue_JsonVal mn1@lab.example}`, `"peer": {Deprecated TypedValue_JsonVal ` + gateway + `}`},
		"gnmic":    {`"mn-id": "mn1@lab.example"`, `"peer": "` + gateway + `"`, `"state": "active"`},
	} {
		out := s.run(name)
		for _, want := range wanted {
			if !strings.Contains(out, want) {
				s.t.Errorf("%s: there is no %q in: %s", name, want, out)
			}
		}
	}
}

// captures runs the capture and, once it has begun, another command, and waits until a registration from an address and the answer to it
// were seen.
func (s *shell) captures(command, from string, settled func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	capture := s.command(ctx, "capture")
	out, err := capture.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	problems, err := capture.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := capture.Start(); err != nil {
		s.t.Fatal(err)
	}
	if said, ok := lineWith(problems, "Capture started"); !ok {
		s.t.Fatalf("the capture does not begin: %s", said)
	}
	s.run(command)
	if said, ok := lineWith(out, from, "Binding Update"); !ok {
		s.t.Fatalf("there is no registration from %s in: %s", from, said)
	}
	if said, ok := lineWith(out, "Binding Acknowledgement"); !ok {
		s.t.Fatalf("there is no answer in: %s", said)
	}
	settled()
	cancel()
	capture.Wait()
}

// lineWith reads until a line with words, and returns all that it has read.
func lineWith(r interface{ Read([]byte) (int, error) }, words ...string) (said string, ok bool) {
	var line []byte
	b := make([]byte, 1)
	for {
		if n, err := r.Read(b); n == 0 || err != nil {
			return said, false
		}
		line = append(line, b[0])
		if b[0] != '\n' {
			continue
		}
		said += string(line)
		if !slices.ContainsFunc(words, func(w string) bool { return !bytes.Contains(line, []byte(w)) }) {
			return said, true
		}
		line = nil
	}
}
