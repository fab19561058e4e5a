package listen

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"
)

// greet serves a socket by saying a name to whoever connects.
func greet(name string) func(net.Listener) {
	return func(l net.Listener) {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, name)
			conn.Close()
		}
	}
}

func newSockets(t *testing.T) *Sockets {
	s := New("test", slog.New(slog.DiscardHandler), greet("hello"))
	t.Cleanup(s.Close)
	return s
}

func hear(t *testing.T, at netip.AddrPort) string {
	t.Helper()
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	said, _ := io.ReadAll(conn)
	return string(said)
}

func addrs(list ...string) (want []netip.AddrPort) {
	for _, text := range list {
		want = append(want, netip.MustParseAddrPort(text))
	}
	return want
}

func bound(t *testing.T, s *Sockets) []netip.AddrPort {
	t.Helper()
	at, err := s.Status()
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestPrepareBindsAndApplyServes(t *testing.T) {
	s := newSockets(t)
	c := s.Prepare(t.Context(), addrs("127.0.0.1:0", "127.0.0.2:0"))
	if at := bound(t, s); len(at) != 0 {
		t.Fatalf("listens at %v before the change is applied", at)
	}
	c.Apply()
	at := bound(t, s)
	if len(at) != 2 || at[0].Port() != at[1].Port() {
		t.Fatalf("bound %v, want one free port on both addresses", at)
	}
	for _, a := range at {
		if got := hear(t, a); got != "hello" {
			t.Errorf("%s says %q", a, got)
		}
	}
	s.Prepare(t.Context(), addrs("127.0.0.2:0")).Apply()
	if now := bound(t, s); len(now) != 1 || now[0] != at[1] {
		t.Errorf("bound %v, want only %v, which was never closed", now, at[1])
	}
}

func TestAbortGivesBack(t *testing.T) {
	s := newSockets(t)
	c := s.Prepare(t.Context(), addrs("127.0.0.1:0"))
	taken := addrOf(c.bound[addrs("127.0.0.1:0")[0]])
	c.Abort()
	if at := bound(t, s); len(at) != 0 {
		t.Errorf("listens at %v", at)
	}
	l, err := net.Listen("tcp", taken.String())
	if err != nil {
		t.Fatalf("the port was not given back: %v", err)
	}
	l.Close()
}

// TestOwnSocketInTheWay moves from all addresses to one of them on the same port, which cannot be bound before the other is closed.
func TestOwnSocketInTheWay(t *testing.T) {
	s := newSockets(t)
	s.Prepare(t.Context(), addrs("0.0.0.0:0")).Apply()
	port := bound(t, s)[0].Port()
	one := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	s.Prepare(t.Context(), []netip.AddrPort{one}).Apply()
	if at := bound(t, s); len(at) != 1 || at[0] != one {
		t.Errorf("bound %v, want %s", at, one)
	}
	if got := hear(t, one); got != "hello" {
		t.Errorf("says %q", got)
	}
}

// TestTaken tells a port that somebody else has from one that the server itself has, and from an address that the host lacks.
func TestTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s := newSockets(t)
	c := s.Prepare(t.Context(), append(addrs("192.0.2.1:0", "127.0.0.1:0"), addrOf(other)))
	if got := c.Taken(); len(got) != 1 || got[0] != addrOf(other) {
		t.Errorf("taken are %v, want %v", got, addrOf(other))
	}
	c.Abort()
	s.Prepare(t.Context(), addrs("0.0.0.0:0")).Apply()
	c = s.Prepare(t.Context(), []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), bound(t, s)[0].Port())})
	if got := c.Taken(); got != nil {
		t.Errorf("taken are %v, which the server has itself", got)
	}
	c.Abort()
}

func TestFailureIsToldAndTriedAgain(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := addrOf(other)
	s := newSockets(t)
	s.retry = time.Millisecond
	s.Prepare(t.Context(), []netip.AddrPort{at}).Apply()
	if _, err := s.Status(); err == nil {
		t.Fatal("no word of a port that is taken")
	}
	other.Close()
	for {
		if at, err := s.Status(); err == nil && len(at) == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if got := hear(t, at); got != "hello" {
		t.Errorf("says %q", got)
	}
}

func TestClose(t *testing.T) {
	s := New("test", slog.New(slog.DiscardHandler), greet("hello"))
	s.Prepare(t.Context(), addrs("127.0.0.1:0")).Apply()
	at := bound(t, s)[0]
	s.Close() // waits for who serves
	if got := hear(t, at); got == "hello" {
		t.Error("still there")
	}
	s.Prepare(t.Context(), addrs("127.0.0.1:0")).Apply()
	if now := bound(t, s); len(now) != 0 {
		t.Errorf("listens at %v after it was closed", now)
	}
}
