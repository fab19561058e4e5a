package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/tests/said"
)

// patience is how long anything may take that is waited for.
const patience = 30 * time.Second

// process is a running element.
type process struct {
	t    *testing.T
	dir  string
	host *netns.Host
	cmd  *exec.Cmd
	log  bytes.Buffer
	says []string // what it announced
}

// run starts an element on a host and waits until it says that it is running.
func run(t *testing.T, h *netns.Host, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, dir: dir, host: h, cmd: program(privileged, append([]string{"run", "--state-dir", dir}, args...)...)}
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(p.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.end(syscall.SIGKILL)
		}
		if strings.Contains(p.log.String(), "DATA RACE") {
			t.Error("the race detector found something")
		}
		if t.Failed() {
			t.Logf("log of the element on %s:\n%s", h.Name, &p.log)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.says = append(p.says, lines.Text())
		if strings.Contains(lines.Text(), "local gNMI") {
			return p
		}
	}
	p.cmd.Wait()
	t.Fatalf("the element on %s did not start: %v\n%s", h.Name, p.cmd.ProcessState, &p.log)
	return nil
}

// said returns what was announced of something, such as gNMI.
func (p *process) said(of string) string {
	for _, line := range p.says {
		if text, ok := strings.CutPrefix(line, "  "+of+" "); ok {
			return strings.TrimSpace(text)
		}
	}
	p.t.Fatalf("nothing was said of %s in %q", of, p.says)
	return ""
}

// end sends a signal and waits for the end; it returns the exit code, or -1 of a process that was killed.
func (p *process) end(signal syscall.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// show returns what a subcommand of show prints.
func (p *process) show(args ...string) string {
	p.t.Helper()
	o := complete(p.t, p.host, privileged, append([]string{"show", "--state-dir", p.dir}, args...)...)
	if o.code != 0 || o.stderr != "" {
		p.t.Fatalf("show %s: exit code %d\n%s", args, o.code, o.stderr)
	}
	return o.out
}

// values returns the values of the rows that show --json prints.
func (p *process) values(of string) (values []map[string]any) {
	p.t.Helper()
	for line := range strings.Lines(p.show(of, "--json")) {
		var row struct {
			Path  string
			Value map[string]any
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil || row.Path == "" {
			p.t.Fatalf("%s: %v", line, err)
		}
		values = append(values, row.Value)
	}
	return values
}

// eventually waits until ok returns an empty text, which otherwise says what is missing.
func eventually(t *testing.T, ok func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		missing := ok()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// write makes a file in a folder of the test.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// held lists what an element has made on a host: devices, and routes, rules and neighbours that carry its protocol number.
func held(t *testing.T, h *netns.Host) (list []string) {
	t.Helper()
	err := h.Do(func() error {
		routes := fmt.Sprintf("route show table all proto %d", netlink.Protocol)
		for _, what := range []string{"-brief link", "-4 " + routes, "-6 " + routes, "-4 rule", "-6 rule"} {
			out, err := exec.Command("ip", strings.Fields(what)...).Output()
			if err != nil {
				return fmt.Errorf("ip %s: %w", what, err)
			}
			for line := range strings.Lines(string(out)) {
				device := strings.HasSuffix(what, "link") && strings.HasPrefix(line, "mooring")
				rule := strings.HasSuffix(what, "rule") && strings.HasPrefix(line, "5900:")
				if device || rule || strings.Contains(what, "route") {
					list = append(list, strings.TrimSpace(line))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// output is what a process has written so far.
type output struct{ said.Text }
