package netconf

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"mooring/server/access"
	"mooring/server/listen"
	"mooring/server/netconf/framing"
)

// listen lets a server listen for SSH on loopback, and returns where.
func (f *fixture) listen() string {
	f.t.Helper()
	return f.open(f.server.SSH)
}

// open opens a socket on loopback.
func (f *fixture) open(sockets *listen.Sockets) string {
	f.t.Helper()
	sockets.Prepare(f.t.Context(), []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}).Apply()
	bound, err := sockets.Status()
	if len(bound) != 1 || err != nil {
		f.t.Fatalf("the server listens at %v, %v", bound, err)
	}
	return bound[0].String()
}

// hash is that of ann's password. Passwords cost time by design, most of all under the race detector: a test that is about
// something else logs in with a key.
var hash = sync.OnceValue(func() string {
	text, err := access.HashPassword("secret")
	if err != nil {
		panic(err)
	}
	return text
})

// sshKeys are those of ann: making them takes longer than most tests.
var sshKeys = sync.OnceValue(func() []any {
	_, modern, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return []any{modern, old}
})

// reachable starts a server with users: ann has a password, and an ed25519 and an RSA key; all are members of the group admin.
func reachable(t testing.TB, limits Limits) (f *fixture, addr string, ann []ssh.AuthMethod) {
	t.Helper()
	ann = []ssh.AuthMethod{ssh.Password("secret")}
	var keys []string
	for _, private := range sshKeys() {
		key, err := ssh.NewSignerFromKey(private)
		if err != nil {
			t.Fatal(err)
		}
		ann = append(ann, ssh.PublicKeys(key))
		keys = append(keys, `{"name": "`+key.PublicKey().Type()+`", "algorithm": "`+key.PublicKey().Type()+`", "key-data": "`+
			base64.StdEncoding.EncodeToString(key.PublicKey().Marshal())+`"}`)
	}
	f = start(t, `{
		"mooring-system:system": {"user": [{"name": "ann", "password": "`+hash()+`", "authorized-key": [`+strings.Join(keys, ",")+`]}]},
		"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["ann"]}]}}}`, limits)
	return f, f.listen(), ann
}

func login(addr, user string, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	return ssh.Dial("tcp", addr, &ssh.ClientConfig{User: user, Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 20 * time.Second})
}

// channel opens a session in a connection.
func channel(t testing.TB, conn *ssh.Client) *client {
	t.Helper()
	s, err := conn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestSubsystem("netconf"); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, in: framing.NewReader(out), out: framing.NewWriter(in)}
	c.read()
	c.send(hello(base11))
	c.in.Upgrade()
	c.out.Upgrade()
	return c
}

func TestLogin(t *testing.T) {
	f, addr, ann := reachable(t, Limits{})
	for i, way := range ann {
		conn, err := login(addr, "ann", way)
		if err != nil {
			t.Fatalf("way %d: %v", i, err)
		}
		defer conn.Close()
		if string(conn.ServerVersion()) != "SSH-2.0-Mooring" {
			t.Errorf("the server is %s", conn.ServerVersion())
		}
		a, b := channel(t, conn), channel(t, conn) // sessions of one connection
		a.must(lockC)
		if got := said(t, b.rpc(lockC)); !strings.HasPrefix(got, protocol+"lock-denied") {
			t.Errorf("a second lock: %s", got)
		}
		if got := b.state("sessions"); !strings.Contains(got, "<username>ann</username><source-host>127.0.0.1</source-host>") {
			t.Errorf("sessions: %s", got)
		}
		a.must("<close-session/>")
		a.ended()
		b.must(lockC, unlockC) // its neighbour goes on
	}
	f.until("the connections are counted", func() bool { return len(f.server.logins) == 0 })
}

// A session that is killed takes no other along, though they share a connection, and though its client reads nothing.
func TestKillNeighbour(t *testing.T) {
	f, addr, ann := reachable(t, Limits{})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a, b := channel(t, conn), channel(t, conn)
	a.must(edit(top(items(8_000))), commit)
	b.must(lockC)
	for i := range 3 { // more than the window of a channel
		b.send(rpc(i, `<get-config><source><running/></source></get-config>`))
	}
	victim := f.server.session(2)
	f.until("the victim is writing", func() bool { return victim.count.in.Load() >= 2 })
	a.must("<kill-session><session-id>2</session-id></kill-session>", lockC, unlockC)
	a.must("<close-session/>")
}

// A connection serves the subsystem netconf and nothing else.
func TestOnlyTheSubsystem(t *testing.T) {
	_, addr, ann := reachable(t, Limits{})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, ask := range map[string]func(*ssh.Session) error{
		"shell":     func(s *ssh.Session) error { return s.Shell() },
		"exec":      func(s *ssh.Session) error { return s.Start("netconf") },
		"pty":       func(s *ssh.Session) error { return s.RequestPty("vt100", 24, 80, nil) },
		"subsystem": func(s *ssh.Session) error { return s.RequestSubsystem("sftp") },
		"env":       func(s *ssh.Session) error { return s.Setenv("A", "b") },
	} {
		s, err := conn.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if ask(s) == nil {
			t.Errorf("%s was granted", name)
		}
		s.Close()
	}
	if _, err := conn.Dial("tcp", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "unknown channel type") {
		t.Errorf("forwarding: %v", err)
	}
	if _, err := conn.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("forwarding back was granted")
	}
	channel(t, conn).must(discard)
}

// As many as may log in at a time are greeted; whoever else comes is turned away at once, and has a place when one of them is gone.
func TestLoginLimits(t *testing.T) {
	f := start(t, "", Limits{Logins: 2, LoginTimeout: time.Hour, Linger: shortPause})
	addr := f.listen()
	greeted := func() (net.Conn, bool) {
		t.Helper()
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := conn.Read(make([]byte, len("SSH-2.0-")))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("somebody is neither greeted nor turned away")
		}
		return conn, n > 0
	}
	one, first := greeted()
	_, second := greeted()
	if _, third := greeted(); !first || !second || third {
		t.Errorf("of three the server greets %t, %t and %t", first, second, third)
	}
	one.Close()
	f.until("there is room", func() bool { return len(f.server.logins) == 1 })
	if _, again := greeted(); !again {
		t.Error("a place that is free again is not given")
	}
}

// Whoever does not log in is sent away, however much he says.
func TestLoginTimeout(t *testing.T) {
	addr := start(t, "", Limits{LoginTimeout: 300 * time.Millisecond}).listen()
	for _, says := range []string{"", "SSH-2.0-slow\r\n"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, says)
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: the connection stays open", says)
		}
	}
}

// Whoever logs in and then wants nothing is sent away.
func TestIdleLogin(t *testing.T) {
	_, addr, ann := reachable(t, Limits{HelloTimeout: 100 * time.Millisecond})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	conn.Wait()
}

func TestSessionLimits(t *testing.T) {
	f, addr, ann := reachable(t, Limits{Sessions: 2})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a, b := channel(t, conn), channel(t, conn)
	s, err := conn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if s.RequestSubsystem("netconf") == nil {
		t.Error("a third session was granted")
	}
	a.must(discard)
	b.must("<close-session/>")
	f.until("there is room", func() bool { return f.server.session(2) == nil })
	channel(t, conn).must(discard)

	var open int
	for range 2 * maxChannels {
		if s, err := conn.NewSession(); err == nil {
			defer s.Close()
			open++
		}
	}
	if open == 0 || open >= maxChannels {
		t.Errorf("%d more channels were opened", open)
	}
}

// Close ends everything that a server ever began, in whatever state it is.
func TestNothingIsLeftBehind(t *testing.T) {
	compiled()
	before := runtime.NumGoroutine()
	t.Run("server", func(t *testing.T) {
		f, addr, ann := reachable(t, Limits{})
		for range 3 {
			conn, err := login(addr, "ann", ann[1])
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			channel(t, conn).must(lockR, unlockR)
			if _, err := conn.NewSession(); err != nil { // a channel that never becomes a session
				t.Fatal(err)
			}
			s, err := conn.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.RequestSubsystem("netconf"); err != nil { // a session that never says hello
				t.Fatal(err)
			}
			silent, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
		}
		dropped, err := login(addr, "ann", ann[1])
		if err != nil {
			t.Fatal(err)
		}
		x := channel(t, dropped)
		x.must(lockC, edit(top("<name>a</name>")), trial)
		dropped.Close()
		f.until("what the lost session did is undone", func() bool { return len(f.store.Locks()) == 0 && f.store.Running().ID == 3 })
		f.server.Close()
		if n := len(f.server.sessions); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		if _, err := net.Dial("tcp", addr); err == nil {
			t.Error("somebody still listens")
		}
		f.server.Close() // a second time does nothing
	})
	noMoreThan(t, before)
}

// noMoreThan checks the number of goroutines.
func noMoreThan(t *testing.T, before int) {
	t.Helper()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond) // those of the client, which its Close does not wait for
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}
