package netconf

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// shortPause is what a server of the tests waits before it calls again. TestCallHomePauses has the true ones.
const shortPause = 100 * time.Millisecond

// manager is the other end of call home: it accepts connections and is a client on them.
type manager struct {
	t testing.TB
	net.Listener
	keys []ssh.AuthMethod
	cert tls.Certificate
}

// calling starts a server with the user ann, and a manager for it that can log in as her.
func calling(t testing.TB, limits Limits) (*fixture, *manager) {
	t.Helper()
	cert := certify(t, "", time.Hour)
	limits.Linger = shortPause
	f := start(t, users(cert), limits)
	f.server.certificate = func() *tls.Certificate { return &cert }
	f.server.CallHome.pause = shortPause
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return f, &manager{t: t, Listener: l, cert: cert}
}

// at is the manager as the server knows it.
func (m *manager) at(name string, overTLS bool) Manager {
	return Manager{Name: name, Address: m.Addr().String(), TLS: overTLS, KeepAlive: 10 * time.Second}
}

// await takes the next connection.
func (m *manager) await() net.Conn {
	m.t.Helper()
	m.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	conn, err := m.Accept()
	if err != nil {
		m.t.Fatalf("nobody calls: %v", err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	conn.(*net.TCPConn).SetReadBuffer(socketBuffer)
	m.t.Cleanup(func() { conn.Close() })
	return conn
}

// silence checks that nobody calls for a while.
func (m *manager) silence(d time.Duration) {
	m.t.Helper()
	m.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(d))
	if conn, err := m.Accept(); err == nil {
		conn.Close()
		m.t.Error("somebody calls")
	}
}

// secure logs in as ann over TLS.
func (m *manager) secure(conn net.Conn, show tls.Certificate) *tls.Conn {
	m.t.Helper()
	c, err := shake(conn, tls.VersionTLS13, show)
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// only tells how it goes with the only manager.
func (f *fixture) only() ManagerStatus {
	f.t.Helper()
	list := f.server.CallHome.Status()
	if len(list) != 1 {
		f.t.Fatalf("there are the managers %v", list)
	}
	return list[0]
}

// A server calls, is the server on the connection it made, and calls again when that has ended.
func TestCallHome(t *testing.T) {
	for name, session := range map[string]func(t *testing.T, conn net.Conn, m *manager) *client{
		"ssh": func(t *testing.T, conn net.Conn, m *manager) *client {
			c, channels, requests, err := ssh.NewClientConn(conn, "", &ssh.ClientConfig{User: "ann", Auth: m.keys, HostKeyCallback: ssh.FixedHostKey(hostKey().PublicKey())})
			if err != nil {
				t.Fatal(err)
			}
			return channel(t, ssh.NewClient(c, channels, requests))
		},
		"tls": func(t *testing.T, conn net.Conn, m *manager) *client { return over(t, m.secure(conn, m.cert)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, m := calling(t, Limits{})
			if name == "ssh" {
				f, _, m.keys = reachable(t, Limits{Linger: shortPause})
				f.server.CallHome.pause = shortPause
				m.keys = m.keys[1:]
			}
			f.server.CallHome.Configure([]Manager{m.at("m", name == "tls")})
			for round := range 2 {
				c := session(t, m.await(), m)
				c.must(lockC, edit(top("<name>a</name>")), commit, unlockC)
				if got := c.state("sessions"); !strings.Contains(got, ":netconf-"+name+"</transport><username>ann</username><source-host>127.0.0.1</source-host>") {
					t.Errorf("sessions: %s", got)
				}
				if s := f.only(); !s.Connected || s.Error != nil || !s.Next.IsZero() {
					t.Errorf("round %d: connected, it is %+v", round, s)
				}
				c.must("<close-session/>")
				c.ended()
				f.until("the call is over", func() bool { return !f.only().Connected })
				if s := f.only(); s.Connected || s.Error != nil || time.Until(s.Next) > 3*shortPause/2 {
					t.Errorf("round %d: between calls, it is %+v", round, s)
				}
			}
		})
	}
}

// When a manager is called: what becomes of each attempt, and how long the pause is after it. A chance of half a pause is allowed for.
func TestCallHomePauses(t *testing.T) {
	const s = time.Second
	refused := errors.New("connection refused")
	for _, c := range []struct {
		name   string
		m      Manager
		ends   []error       // of attempts; nil: there was a session
		lasts  time.Duration // how long a session takes
		pauses []time.Duration
		exact  bool
	}{
		{"nobody is there", Manager{}, []error{refused, refused, refused, refused, refused, refused, refused, refused, refused}, 0,
			[]time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}, false},
		{"it gets better", Manager{}, []error{refused, refused, refused, nil, refused, nil, nil}, time.Hour, []time.Duration{s, 2 * s, 4 * s, s, 2 * s, s}, false},
		{"nobody logs in", Manager{}, []error{errNoSession, errNoSession, errNoSession}, 0, []time.Duration{s, 2 * s}, false},
		{"from time to time", Manager{Period: 10 * time.Minute}, []error{nil, nil, nil}, time.Minute, []time.Duration{9 * time.Minute, 9 * time.Minute}, true},
		{"from time to time, with trouble", Manager{Period: 10 * time.Minute}, []error{nil, refused, refused, nil, nil}, 0, []time.Duration{10 * time.Minute, 2 * s, 4 * s, 10 * time.Minute}, false},
		{"sessions longer than the period", Manager{Period: time.Minute}, []error{nil, nil}, time.Hour, []time.Duration{s}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var began, ended []time.Time
				h := &CallHome{log: slog.New(slog.DiscardHandler)}
				h.ctx, h.stop = context.WithCancel(t.Context())
				end := func() {
					if ended = append(ended, time.Now()); len(ended) == len(c.ends) {
						h.stop()
					}
				}
				h.dial = func(context.Context, Manager) (net.Conn, error) {
					began = append(began, time.Now())
					if n := len(ended); n > 0 {
						if got := h.Status()[0]; got.Connected || got.Error != c.ends[n-1] || !got.Next.IsZero() {
							t.Errorf("after attempt %d it is %+v, want the error %v", n, got, c.ends[n-1])
						}
					}
					if c.ends[len(ended)] == refused {
						end()
						return nil, refused
					}
					here, _ := net.Pipe()
					return here, nil
				}
				h.serve = func(to *call, _ Manager) error {
					if c.ends[len(ended)] == nil {
						to.begin()
						if got := h.Status()[0]; !got.Connected || got.Error != nil || !got.Next.IsZero() {
							t.Errorf("in a session it is %+v", got)
						}
						time.Sleep(c.lasts)
						to.end()
					}
					end()
					return nil
				}
				h.Configure([]Manager{c.m})
				h.tasks.Wait()
				if len(began) != len(c.ends) {
					t.Fatalf("%d attempts, want %d", len(began), len(c.ends))
				}
				for i, want := range c.pauses {
					got := began[i+1].Sub(ended[i])
					if c.exact && got != want || got < want/2 || got > want+want/2 {
						t.Errorf("pause %d is %v, want %v", i, got, want)
					}
				}
			})
		})
	}
}

// Chance makes the pauses of two elements different.
func TestCallHomeJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &CallHome{log: slog.New(slog.DiscardHandler)}
		h.ctx, h.stop = context.WithCancel(t.Context())
		h.dial = func(context.Context, Manager) (net.Conn, error) { return nil, errors.New("connection refused") }
		var want []Manager
		for _, name := range strings.Split("abcdefgh", "") {
			want = append(want, Manager{Name: name})
		}
		h.Configure(want)
		synctest.Wait()
		next := map[time.Time]bool{}
		for _, s := range h.Status() {
			next[s.Next] = true
		}
		if len(next) < 2 {
			t.Errorf("%d managers are all called again at once", len(want))
		}
		h.close()
	})
}

// A change disturbs nobody: who is called already stays so, who is not wanted any more keeps the connection and is not called again.
func TestCallHomeConfigure(t *testing.T) {
	f, stays := calling(t, Limits{})
	_, goes := calling(t, Limits{})
	goes.cert = stays.cert
	home := f.server.CallHome
	home.Configure([]Manager{stays.at("stays", true), goes.at("goes", true)})
	a, b := over(t, stays.secure(stays.await(), stays.cert)), over(t, goes.secure(goes.await(), goes.cert))
	home.Configure([]Manager{stays.at("stays", true)})
	if got := f.only(); got.Name != "stays" || !got.Connected {
		t.Errorf("the manager is %+v", got)
	}
	a.must(lockC, unlockC)
	b.must(lockC, unlockC, "<close-session/>")
	goes.silence(3 * shortPause)

	moved := goes.at("stays", true) // another one under the name of the first
	home.Configure([]Manager{moved})
	c := over(t, goes.secure(goes.await(), goes.cert))
	a.must("<close-session/>")
	stays.silence(3 * shortPause)
	c.must(discard)
}

// What a manager does wrong is told, and it is called again.
func TestCallHomeErrors(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		act    func(m *manager, conn net.Conn)
		want   string
	}{
		"hangs up":     {Limits{}, func(_ *manager, conn net.Conn) { conn.Close() }, "EOF"},
		"says nothing": {Limits{LoginTimeout: 100 * time.Millisecond}, func(*manager, net.Conn) {}, "i/o timeout"},
		"speaks SSH":   {Limits{}, func(_ *manager, conn net.Conn) { io.WriteString(conn, "SSH-2.0-manager\r\n") }, "not look like a TLS handshake"},
		"is unknown": {Limits{}, func(m *manager, conn net.Conn) {
			secured := m.secure(conn, certify(m.t, "", time.Hour))
			if _, err := secured.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad certificate") {
				m.t.Errorf("the manager is told %v", err)
			}
		}, "is not listed"},
		"finds no place": {Limits{Sessions: 1}, func(m *manager, conn net.Conn) { m.secure(conn, m.cert) }, "no session"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, m := calling(t, c.limits)
			if c.limits.Sessions > 0 {
				f.dial(admin)
			}
			f.server.CallHome.Configure([]Manager{m.at("m", true)})
			for range 2 {
				c.act(m, m.await())
				f.until("the error is told", func() bool { return f.only().Error != nil })
				if s := f.only(); s.Connected || !strings.Contains(s.Error.Error(), c.want) {
					t.Errorf("it is %+v, want %q", s, c.want)
				}
			}
		})
	}
	t.Run("is away", func(t *testing.T) {
		f, m := calling(t, Limits{})
		at := m.at("m", true)
		m.Close()
		f.server.CallHome.Configure([]Manager{at})
		f.until("the error is told", func() bool { return f.only().Error != nil })
		if s := f.only(); !strings.Contains(s.Error.Error(), "connection refused") {
			t.Errorf("it is %+v", s)
		}
	})
}

// A manager that does not answer over SSH is given up and called again; one that does keeps its connection.
func TestCallHomeKeepAlive(t *testing.T) {
	t.Parallel()
	f, _, keys := reachable(t, Limits{})
	f.server.CallHome.pause = shortPause
	_, m := calling(t, Limits{})
	at := m.at("m", false)
	at.KeepAlive = 500 * time.Millisecond // a busy machine may take a while to answer
	f.server.CallHome.Configure([]Manager{at})
	connect := func() (*ssh.Client, <-chan *ssh.Request) {
		c, channels, requests, err := ssh.NewClientConn(m.await(), "", &ssh.ClientConfig{User: "ann", Auth: keys[1:], HostKeyCallback: ssh.InsecureIgnoreHostKey()})
		if err != nil {
			t.Fatal(err)
		}
		none := make(chan *ssh.Request)
		close(none)
		return ssh.NewClient(c, channels, none), requests
	}
	dead, _ := connect()
	channel(t, dead).must(lockC)
	f.until("the lock of who is dead is free", func() bool { return len(f.store.Locks()) == 0 })

	alive, tests := connect()
	c := channel(t, alive)
	for range 3 {
		test := <-tests
		if test.Type != "keepalive@ietf.org" || !test.WantReply {
			t.Fatalf("the test is %+v", test)
		}
		test.Reply(false, nil) // nobody knows that request
	}
	c.must(lockC, unlockC)
}

// The kernel tests what TLS cannot.
func TestCallHomeKeepAliveOfTheKernel(t *testing.T) {
	f, m := calling(t, Limits{})
	conn, err := f.server.dialManager(t.Context(), m.at("m", true))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		for _, o := range []struct{ level, option, want int }{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 10}, {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 10}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 2},
		} {
			if got, err := unix.GetsockoptInt(int(fd), o.level, o.option); err != nil || got != o.want {
				t.Errorf("option %d is %d, %v; want %d", o.option, got, err, o.want)
			}
		}
	})
}

// Who reads nothing for a while is not gone.
func TestCallHomeSlowReader(t *testing.T) {
	t.Parallel()
	f, m := calling(t, Limits{})
	at := m.at("m", true)
	at.KeepAlive = 300 * time.Millisecond
	f.server.CallHome.Configure([]Manager{at})
	c := over(t, m.secure(m.await(), m.cert))
	c.must(edit(top(items(8_000))), commit)
	const replies = 6 // more than the sockets hold
	for i := range replies {
		c.send(rpc(i, `<get-config><source><running/></source></get-config>`))
	}
	time.Sleep(8 * at.KeepAlive)
	if n := f.server.session(1).count.in.Load(); n == replies+2 {
		t.Error("the session went through all its requests: the test proves nothing")
	}
	c.conn.SetDeadline(time.Now().Add(2 * time.Minute))
	for range replies {
		if got := c.read(); !strings.HasSuffix(got, "</rpc-reply>") {
			t.Fatalf("a reply is cut short after %d octets", len(got))
		}
	}
	c.must("<close-session/>")
}

// A connection that is made from time to time does not stay when nothing happens, and stays while something does.
func TestCallHomeIdle(t *testing.T) {
	t.Parallel()
	f, m := calling(t, Limits{})
	at := m.at("m", true)
	at.Period, at.IdleTimeout = time.Hour, 3*time.Second
	f.server.CallHome.Configure([]Manager{at})
	c := over(t, m.secure(m.await(), m.cert))
	for range 10 {
		time.Sleep(400 * time.Millisecond)
		c.must(lockC, unlockC)
	}
	c.ended()
	f.until("the next call is due", func() bool { return !f.only().Next.IsZero() })
	if s := f.only(); s.Connected || s.Error != nil || time.Until(s.Next) < 50*time.Minute {
		t.Errorf("it is %+v", s)
	}
}

// Close ends calls in whatever state they are.
func TestCallHomeLeavesNothingBehind(t *testing.T) {
	compiled()
	before := runtime.NumGoroutine()
	t.Run("server", func(t *testing.T) {
		f, connected := calling(t, Limits{})
		_, silent := calling(t, Limits{})
		_, away := calling(t, Limits{})
		list := []Manager{connected.at("connected", true), connected.at("not wanted any more", true), silent.at("silent", false), away.at("away", true), {Name: "unreachable"}}
		away.Close()
		dial := f.server.CallHome.dial
		f.server.CallHome.dial = func(ctx context.Context, m Manager) (net.Conn, error) {
			if m.Name != "unreachable" {
				return dial(ctx, m)
			}
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		f.server.CallHome.Configure(list)
		for range 2 {
			over(t, connected.secure(connected.await(), connected.cert)).must(discard)
		}
		silent.await()
		f.server.CallHome.Configure(append(list[:1:1], list[2:]...))
		f.until("one waits for its turn", func() bool { return !f.server.CallHome.Status()[0].Next.IsZero() })
		f.server.Close()
		if n := len(f.server.sessions); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		f.server.CallHome.Configure(list) // nobody is called any more
		connected.silence(100 * time.Millisecond)
	})
	noMoreThan(t, before)
}

// A failure that goes on is logged once.
func TestCallHomeLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := &CallHome{log: slog.New(slog.NewTextHandler(&log, nil))}
		h.ctx, h.stop = context.WithCancel(t.Context())
		h.dial = func(context.Context, Manager) (net.Conn, error) { return nil, errors.New("connection refused") }
		h.Configure([]Manager{{Name: "m"}})
		time.Sleep(time.Hour)
		h.close()
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines are logged:\n%s", n, log.String())
		}
	})
}
