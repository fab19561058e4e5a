package netconf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/netconf/framing"
	"mooring/server/tree"
)

// certify makes a self-signed certificate that ends after a while.
func certify(t testing.TB, name string, valid time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(valid)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// overTLS starts a server with a user, ann, who is a member of the group admin and has an SSH key and a certificate.
func overTLS(t testing.TB, limits Limits) (f *fixture, addr string, ann tls.Certificate) {
	t.Helper()
	ann = certify(t, "somebody else", time.Hour)
	f = start(t, users(ann), limits)
	shown := certify(t, "server", time.Hour)
	f.server.certificate = func() *tls.Certificate { return &shown }
	return f, f.open(f.server.TLS), ann
}

// users is a configuration in which ann has these certificates.
func users(certificates ...tls.Certificate) string {
	var list []string
	for _, c := range certificates {
		list = append(list, `{"fingerprint": "`+strings.ToLower(access.Fingerprint(c.Certificate[0]))+`", "user": "ann"}`)
	}
	return `{"mooring-system:system": {"user": [{"name": "ann"}], "client-certificate": [` + strings.Join(list, ",") + `]},
		"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["ann"]}]}}}`
}

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// shake makes a TLS connection of one version.
func shake(conn net.Conn, version uint16, show ...tls.Certificate) (*tls.Conn, error) {
	c := tls.Client(conn, &tls.Config{MinVersion: version, MaxVersion: version, InsecureSkipVerify: true, Certificates: show})
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return c, c.Handshake()
}

func dialTLS(t testing.TB, addr string, version uint16, show ...tls.Certificate) (*tls.Conn, error) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return shake(conn, version, show...)
}

// over begins a session of version 1.1 over a connection.
func over(t testing.TB, conn net.Conn) *client {
	t.Helper()
	c := &client{t: t, conn: conn, in: framing.NewReader(conn), out: framing.NewWriter(conn)}
	c.read()
	c.send(hello(base11))
	c.in.Upgrade()
	c.out.Upgrade()
	return c
}

// sessionTLS begins a session.
func sessionTLS(t testing.TB, addr string, show tls.Certificate) *client {
	t.Helper()
	conn, err := dialTLS(t, addr, tls.VersionTLS13, show)
	if err != nil {
		t.Fatal(err)
	}
	return over(t, conn)
}

func TestTLS(t *testing.T) {
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			f, addr, ann := overTLS(t, Limits{})
			conn, err := dialTLS(t, addr, version, ann)
			if err != nil {
				t.Fatal(err)
			}
			c := over(t, conn)
			c.must(lockC, edit(top("<name>a</name>")), commit)
			if got := c.traps("running"); got != "<name>a</name>" {
				t.Errorf("running has %s", got)
			}
			if got := c.state("sessions"); !strings.Contains(got, `:netconf-tls</transport><username>ann</username><source-host>127.0.0.1</source-host>`) {
				t.Errorf("sessions: %s", got)
			}
			other := f.dial(admin)
			if got := said(t, other.rpc(lockC)); !strings.HasPrefix(got, protocol+"lock-denied") {
				t.Errorf("a lock of another transport: %s", got)
			}
			c.must("<close-session/>")
			if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF { // without close_notify it would be io.ErrUnexpectedEOF
				t.Errorf("after the session came %d octets and %v, want the end of TLS", n, err)
			}
			other.must(lockC, unlockC)
		})
	}
}

// Whoever cannot show a certificate that is listed is told so by an alert, even who speaks before listening, and gets no session.
func TestTLSTurnsAway(t *testing.T) {
	f, addr, ann := overTLS(t, Limits{})
	stranger := certify(t, "ann", time.Hour)
	stolen := tls.Certificate{Certificate: ann.Certificate, PrivateKey: certify(t, "thief", time.Hour).PrivateKey}
	for _, c := range []struct {
		what    string
		show    []tls.Certificate
		version uint16
		alert   string
	}{
		{"no certificate", nil, tls.VersionTLS12, "handshake failure"},
		{"no certificate", nil, tls.VersionTLS13, "certificate required"},
		{"a certificate that is not listed", []tls.Certificate{stranger}, tls.VersionTLS12, "bad certificate"},
		{"a certificate that is not listed", []tls.Certificate{stranger}, tls.VersionTLS13, "bad certificate"},
		{"one that is listed behind one that is not", []tls.Certificate{{Certificate: append(stranger.Certificate, ann.Certificate...),
			PrivateKey: stranger.PrivateKey}}, tls.VersionTLS13, "bad certificate"},
		{"a certificate of somebody else", []tls.Certificate{stolen}, tls.VersionTLS12, "error decrypting message"},
		{"a certificate of somebody else", []tls.Certificate{stolen}, tls.VersionTLS13, "error decrypting message"},
		{"an old version", []tls.Certificate{ann}, tls.VersionTLS11, "protocol version not supported"},
	} {
		conn, err := dialTLS(t, addr, c.version, c.show...)
		if err == nil {
			for range 3 { // a connection that is reset refuses the second
				if _, err := io.WriteString(conn, hello(base11)); err != nil {
					t.Errorf("%s, %s: %v while the client speaks", c.what, tls.VersionName(c.version), err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			_, err = conn.Read(make([]byte, 1))
		}
		if err == nil || !strings.Contains(err.Error(), c.alert) {
			t.Errorf("%s, %s: %v; want the alert %q", c.what, tls.VersionName(c.version), err, c.alert)
		}
		conn.Close()
	}
	f.until("their places are free", func() bool { return len(f.server.logins) == 0 })
	if got := f.server.total.sessions.Load(); got != 0 {
		t.Errorf("%d sessions began", got)
	}
}

// Only the digest counts: a certificate that has ended is as good as it was when somebody listed it.
func TestTLSCertificateThatHasEnded(t *testing.T) {
	f, addr, _ := overTLS(t, Limits{})
	old := certify(t, "", -time.Hour)
	f.configure(users(old))
	sessionTLS(t, addr, old).must(discard)
}

// configure replaces the whole configuration.
func (f *fixture) configure(document string) {
	f.t.Helper()
	root, err := tree.DecodeJSON(strings.NewReader(document), f.store.Schema().Root, tree.DecodeOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	c := f.store.NewSession(access.Element, 0).Private()
	if err := c.Replace(root); err != nil {
		f.t.Fatal(err)
	}
	if _, err := c.Commit(f.t.Context(), datastore.CommitOptions{}); err != nil {
		f.t.Fatal(err)
	}
}

// A new certificate of the server is shown to whoever comes then, and sessions under the old one go on.
func TestTLSNewCertificate(t *testing.T) {
	f, _, ann := overTLS(t, Limits{})
	first, second := certify(t, "first", time.Hour), certify(t, "second", time.Hour)
	var shown atomic.Pointer[tls.Certificate]
	shown.Store(&first)
	f.server.certificate = shown.Load
	addr := f.open(f.server.TLS)
	var sessions []*client
	for _, want := range []*tls.Certificate{&first, &second} {
		shown.Store(want)
		conn, err := dialTLS(t, addr, tls.VersionTLS13, ann)
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().PeerCertificates[0].Subject.CommonName; got != map[bool]string{true: "first", false: "second"}[want == &first] {
			t.Errorf("the server shows %s", got)
		}
		sessions = append(sessions, over(t, conn))
	}
	for _, c := range sessions {
		c.must(lockC, unlockC)
	}
}

// Who is taken off the list stays and does not come back, nor by a session that TLS could resume.
func TestTLSListIsLookedUpAtEveryHandshake(t *testing.T) {
	f, addr, ann := overTLS(t, Limits{})
	config := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{ann}, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	conn, err := tls.Dial("tcp", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	c := over(t, conn)
	f.configure(users())
	if again, err := tls.Dial("tcp", addr, config); err == nil {
		defer again.Close()
		if _, err := again.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad certificate") {
			t.Errorf("ann came back: %v", err)
		}
	}
	c.send(rpc(1, getSessions))
	if got := c.read(); !strings.Contains(got, "rpc-reply") { // she is no admin any more: the rules are looked up as well
		t.Errorf("the session says %s", got)
	}
}

const getSessions = `<get><filter><netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><sessions/></netconf-state></filter></get>`

// Limits hold for all transports together.
func TestTLSSharesLimits(t *testing.T) {
	f, addr, ann := overTLS(t, Limits{Sessions: 1, Logins: 1, LoginTimeout: 300 * time.Millisecond, Linger: shortPause})
	c := sessionTLS(t, addr, ann)
	if conn, err := dialTLS(t, addr, tls.VersionTLS13, ann); err != nil {
		t.Errorf("a second connection: %v", err)
	} else if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a second session: %v, want the end", err)
	}
	c.must("<close-session/>")
	f.until("there is room", func() bool { return f.server.session(1) == nil })

	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	f.until("somebody is logging in", func() bool { return len(f.server.logins) == 1 })
	if _, err := login(f.listen(), "ann", ssh.Password("")); err == nil || strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("a login over SSH meanwhile: %v, want that nobody listens to it", err)
	}
	f.until("who says nothing is turned away", func() bool { return len(f.server.logins) == 0 })
}

// A session is ended from outside whatever its client does.
func TestTLSKill(t *testing.T) {
	f, addr, ann := overTLS(t, Limits{})
	deaf := sessionTLS(t, addr, ann)
	deaf.must(edit(top(items(8_000))), commit, lockC)
	for i := range 20 { // more than the sockets hold
		deaf.send(rpc(i, `<get-config><source><running/></source></get-config>`))
	}
	victim := f.server.session(1)
	f.until("the victim is writing", func() bool { return victim.count.in.Load() >= 5 })
	c := sessionTLS(t, addr, ann)
	c.must("<kill-session><session-id>1</session-id></kill-session>", lockC, unlockC)

	gone := sessionTLS(t, addr, ann)
	gone.must(lockC)
	gone.conn.(*tls.Conn).NetConn().Close()
	f.until("the lock of who is gone is free", func() bool { return len(f.store.Locks()) == 0 })
}

// Who logs in and says nothing is sent away.
func TestTLSHelloTimeout(t *testing.T) {
	_, addr, ann := overTLS(t, Limits{HelloTimeout: 100 * time.Millisecond})
	conn, err := dialTLS(t, addr, tls.VersionTLS13, ann)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the connection ends with %v", err)
	}
}

func TestTLSLeavesNothingBehind(t *testing.T) {
	compiled()
	before := runtime.NumGoroutine()
	t.Run("server", func(t *testing.T) {
		f, addr, ann := overTLS(t, Limits{})
		c := sessionTLS(t, addr, ann)
		c.must(lockC)
		if _, err := dialTLS(t, addr, tls.VersionTLS13, ann); err != nil { // a session that never says hello
			t.Fatal(err)
		}
		silent, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		turnedAway, err := dialTLS(t, addr, tls.VersionTLS13, certify(t, "", time.Hour)) // the server waits for it to read
		if err != nil {
			t.Fatal(err)
		}
		defer turnedAway.Close()
		f.server.Close()
		if n := len(f.server.sessions); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		if _, err := net.Dial("tcp", addr); err == nil {
			t.Error("somebody still listens")
		}
	})
	noMoreThan(t, before)
}
