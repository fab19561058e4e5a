package netconf

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	nemith "nemith.io/netconf"
	"nemith.io/netconf/rpc"
	"nemith.io/netconf/transport"
	overssh "nemith.io/netconf/transport/ssh"
	overtls "nemith.io/netconf/transport/tls"
)

// manager is a session of nemith.io/netconf.
type manager struct {
	*nemith.Session
	t    *testing.T
	told chan string // notifications
}

// overSSH and overTLS connect by a key of the user.
func overSSH(t *testing.T, e *element) transport.Transport {
	t.Helper()
	text, err := os.ReadFile(e.keyFile)
	check(t, err)
	key, err := ssh.ParsePrivateKey(text)
	check(t, err)
	conn, err := overssh.Dial(t.Context(), "tcp", e.addr.String(),
		&ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.FixedHostKey(e.host)})
	check(t, err)
	return conn
}

func overTLS(t *testing.T, e *element) transport.Transport {
	t.Helper()
	own, err := tls.LoadX509KeyPair(e.certFile, e.certKeyFile)
	check(t, err)
	trusted := x509.NewCertPool()
	trusted.AddCert(e.certificate)
	conn, err := overtls.Dial(t.Context(), "tcp", e.listenTLS(t).String(),
		&tls.Config{Certificates: []tls.Certificate{own}, RootCAs: trusted, ServerName: e.certificate.Subject.CommonName})
	check(t, err)
	return conn
}

// listenTLS returns where the server takes TLS connections.
func (e *element) listenTLS(t *testing.T) netip.AddrPort {
	t.Helper()
	bound, err := e.server.TLS.Status()
	check(t, err)
	if len(bound) == 0 {
		e.server.TLS.Prepare(t.Context(), []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}).Apply()
		bound, err = e.server.TLS.Status()
		check(t, err)
	}
	return bound[0]
}

// orderly is a transport that one writes to or closes after the other: the client closes it when the other end has, whatever it is at.
type orderly struct {
	transport.Transport
	turn sync.Mutex
}

func (o *orderly) MsgWriter() (io.WriteCloser, error) {
	w, err := o.Transport.MsgWriter()
	return &orderlyMessage{w, &o.turn}, err
}

func (o *orderly) Close() error {
	o.turn.Lock()
	defer o.turn.Unlock()
	return o.Transport.Close()
}

// Upgrade goes on with the framing of base 1.1.
func (o *orderly) Upgrade() { o.Transport.(interface{ Upgrade() }).Upgrade() }

type orderlyMessage struct {
	io.WriteCloser
	turn *sync.Mutex
}

func (m *orderlyMessage) Write(b []byte) (int, error) {
	m.turn.Lock()
	defer m.turn.Unlock()
	return m.WriteCloser.Write(b)
}

func (m *orderlyMessage) Close() error {
	m.turn.Lock()
	defer m.turn.Unlock()
	return m.WriteCloser.Close()
}

// manage begins a session.
func manage(t *testing.T, over transport.Transport, options ...nemith.SessionOption) *manager {
	t.Helper()
	m := &manager{t: t, told: make(chan string, 100)}
	s, err := nemith.NewSession(&orderly{Transport: over}, append(options, nemith.WithLogger(slog.New(slog.DiscardHandler)),
		nemith.WithNotifHandlerFunc(func(_ context.Context, message *nemith.Message) {
			text, err := io.ReadAll(message)
			if err != nil {
				text = []byte(err.Error())
			}
			m.told <- string(text)
		}))...)
	check(t, err)
	m.Session = s
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s.Close(ctx) // of a session that has ended, too
	})
	return m
}

// executable is an operation of the client that answers ok.
type executable interface {
	Exec(context.Context, *nemith.Session) error
}

// text is an operation that the client has no type for, and that answers ok.
type text string

func (op text) Exec(ctx context.Context, s *nemith.Session) error {
	var reply rpc.OkReply
	if err := s.Exec(ctx, string(op), &reply); err != nil {
		return err
	}
	if !reply.OK {
		return errors.New("the answer is not ok")
	}
	return nil
}

// must runs operations that succeed.
func (m *manager) must(operations ...executable) {
	m.t.Helper()
	for _, op := range operations {
		if err := op.Exec(m.t.Context(), m.Session); err != nil {
			m.t.Fatalf("%T %v: %v", op, op, err)
		}
	}
}

// refused runs an operation that fails for one reason.
func (m *manager) refused(op executable) nemith.RPCError {
	m.t.Helper()
	err := op.Exec(m.t.Context(), m.Session)
	list, ok := err.(nemith.RPCErrors)
	if !ok || len(list) != 1 {
		m.t.Fatalf("%T %v: %v, want one rpc-error", op, op, err)
	}
	return list[0]
}

// get reads a datastore.
func (m *manager) get(source rpc.Datastore, filter rpc.Filter) string {
	m.t.Helper()
	got, err := rpc.GetConfig{Source: source, Filter: filter}.Exec(m.t.Context(), m.Session)
	check(m.t, err)
	return string(got)
}

// reply runs an operation and returns what stands in its reply.
func (m *manager) reply(operation string) string {
	m.t.Helper()
	var reply struct {
		Text string `xml:",innerxml"`
	}
	if err := m.Exec(m.t.Context(), operation, &reply); err != nil {
		m.t.Fatalf("%s: %v", operation, err)
	}
	return reply.Text
}

// notified returns the next notification, in which something has to stand.
func (m *manager) notified(want string) string {
	m.t.Helper()
	select {
	case got := <-m.told:
		if !strings.Contains(got, want) {
			m.t.Fatalf("told %s, want %s", got, want)
		}
		return got
	case <-time.After(time.Minute):
		m.t.Fatalf("not told about %s", want)
		return ""
	}
}
