package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
	"mooring/server/access"
)

// TestWatchCommand follows an anchor while its gateway is disabled, while it is killed, and when it is back.
func TestWatchCommand(t *testing.T) {
	d := newDomain(t)
	d.anchor.set("100", elem("pmipv6"), elem("lma", "name", "lma"), elem("bce"), elem("delete-wait-time"))
	watching := program(privileged, "watch", "--state-dir", d.lmaDir, "--json", "--interval", "1s")
	out, err := watching.StdoutPipe()
	must(t, err)
	must(t, watching.Start())
	defer watching.Process.Kill()
	type line struct {
		Event, Machine, Node, Peer, Text string
		Bindings                         int
	}
	lines := json.NewDecoder(out)
	await := func(event, text string) (l line) {
		t.Helper()
		var passed []line
		for {
			if err := lines.Decode(&l); err != nil {
				t.Fatalf("no %s: %v; before: %+v", event, err, passed)
			}
			if l.Event == event && strings.Contains(l.Text, text) {
				return l
			}
			passed, l = append(passed, l), line{}
		}
	}
	if l := await("rates", ""); l.Machine != "lma lma" || l.Bindings != 1 {
		t.Errorf("at first %+v", l)
	}
	d.disableGateway()
	if l := await("binding-changed", "delete-pending"); l.Node != "mn1@lab.example" || l.Machine != "lma lma" || l.Peer != "mag1" {
		t.Errorf("the node detached: %+v", l)
	}
	await("binding-gone", "mn1@lab.example")
	d.anchor.end(syscall.SIGKILL)
	await("connection-lost", "no element answers")
	d.anchor = run(t, d.lma, d.lmaDir)
	await("connected", "")
	d.gateway.set("true", elem("pmipv6"), elem("mag", "name", "mag1"), elem("enabled"))
	await("binding-created", "mn1@lab.example is registered at mag1 with 198.18.0.")
	must(t, watching.Process.Signal(syscall.SIGINT))
	if err := watching.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
}

// terminal is a pseudo-terminal with a program on it.
type terminal struct {
	master *os.File
	mu     sync.Mutex
	seen   bytes.Buffer
}

// onTerminal starts a program of a host on a terminal of 100 columns and 30 lines.
func onTerminal(t *testing.T, h *netns.Host, args ...string) (*terminal, func() error) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { master.Close() })
	must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	defer slave.Close()
	x := &terminal{master: master}
	x.resize(t, 100, 30)
	cmd := program(privileged, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	must(t, h.Start(cmd))
	t.Cleanup(func() { cmd.Process.Kill() })
	go func() {
		r := bufio.NewReader(master)
		for {
			c, err := r.ReadByte()
			if err != nil {
				return // the other end is closed
			}
			x.mu.Lock()
			x.seen.WriteByte(c)
			x.mu.Unlock()
		}
	}()
	return x, cmd.Wait
}

func (x *terminal) resize(t *testing.T, columns, lines uint16) {
	t.Helper()
	must(t, unix.IoctlSetWinsize(int(x.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines}))
}

// await waits until all of the texts have been written since it was called last.
func (x *terminal) await(t *testing.T, texts ...string) (seen string) {
	t.Helper()
	eventually(t, func() string {
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, text := range texts {
			if !strings.Contains(x.seen.String(), text) {
				return fmt.Sprintf("no %q in %q", text, x.seen.String())
			}
		}
		return ""
	})
	x.mu.Lock()
	defer x.mu.Unlock()
	seen = x.seen.String()
	x.seen.Reset()
	return seen
}

// TestWatchOnATerminal shows an element on a terminal, which is made smaller, until somebody types Ctrl-C: then the terminal is as it was.
func TestWatchOnATerminal(t *testing.T) {
	d := newDomain(t)
	x, wait := onTerminal(t, d.lma, "watch", "--state-dir", d.lmaDir)
	x.await(t, "\x1b[?1049h\x1b[?25l", "lma lma", "mag1", "mn1@lab.example", "198.18.0.2")
	x.resize(t, 30, 12)
	x.await(t, "\x1b[H")
	for line := range strings.SplitSeq(strings.ReplaceAll(x.await(t, "\x1b[H", "\x1b[J"), "\x1b[H", "\n"), "\n") {
		if line = strings.NewReplacer("\x1b[K", "", "\x1b[J", "", "\r", "").Replace(line); len(line) > 30 {
			t.Errorf("a line too long for the terminal: %q", line)
		}
	}
	d.disableGateway()
	_, err := x.master.WriteString("\x03")
	must(t, err)
	if err := wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if last := x.await(t, "\x1b[?25h\x1b[?1049l"); !strings.HasSuffix(last, "\x1b[?25h\x1b[?1049l") {
		t.Errorf("the last that was written: %q", last)
	}
}

// TestPasswordIsAskedForOnATerminal types a password, which is not shown.
func TestPasswordIsAskedForOnATerminal(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	hash, err := access.HashPassword("correct horse")
	must(t, err)
	p := run(t, h, dir, "--gnmi", "127.0.0.1:0", "--netconf", "off", "--startup", write(t, "users.json", fmt.Sprintf(`{
		"mooring-system:system": {"user": [{"name": "alice", "password": %q}]},
		"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["alice"]}]}}}`, hash)))
	x, wait := onTerminal(t, h, "show", "pools", "--address", p.said("gNMI"), "--user", "alice", "--insecure-skip-verify")
	x.await(t, "password: ")
	eventually(t, func() string {
		if mode, err := unix.IoctlGetTermios(int(x.master.Fd()), unix.TCGETS); err != nil || mode.Lflag&unix.ECHO != 0 {
			return fmt.Sprintf("what is typed is shown: %v", err)
		}
		return ""
	})
	_, err = x.master.WriteString("correct horse\n")
	must(t, err, wait())
	if said := x.await(t, "no pools"); strings.Contains(said, "horse") {
		t.Errorf("the password is shown: %q", said)
	}
}

// TestCompletion asks for completions as a shell does.
func TestCompletion(t *testing.T) {
	h := newHost(t, "h")
	for _, c := range []struct{ args, want string }{
		{"wat", "watch\t"}, {"watch --int", "--interval"}, {"show bindings --", "--node"}, {"show peers --status u", "up"}, {"watch --state-dir x", ":16"}, // folders only
	} {
		if o := complete(t, h, privileged, append([]string{"__complete"}, strings.Fields(c.args)...)...); !strings.Contains(o.out, c.want) {
			t.Errorf("%s is completed to %q", c.args, o.out)
		}
	}
}

// TestWatchWithoutElement gives up where there is nobody, and where the flags make no sense.
func TestWatchWithoutElement(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	complete(t, h, privileged, "watch", "--state-dir", dir).expect(t, 5, "no element answers in "+dir)
	complete(t, h, privileged, "watch", "--address", "127.0.0.1:9339", "--insecure-skip-verify").expect(t, 5, "no element answers at 127.0.0.1:9339")
	complete(t, h, privileged, "watch", "--interval", "10ms").expect(t, 2, "--interval 10ms: the shortest is 1s")
}
