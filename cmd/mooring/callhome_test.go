package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netns"
	"mooring/server/access"
)

const (
	elementAt = "192.0.2.1"
	managerAt = "192.0.2.2"
)

// secured is a NETCONF session of version 1.0 over TLS, from the side of a manager.
type secured struct {
	t    *testing.T
	conn *tls.Conn
	in   *bufio.Reader
}

// secure begins a session on a connection.
func secure(t *testing.T, conn net.Conn, show tls.Certificate) *secured {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	c := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{show}})
	s := &secured{t, c, bufio.NewReader(c)}
	s.read()
	s.write(`<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>`)
	return s
}

const messageEnd = "]]>]]>" // RFC 6242 section 4.3

func (s *secured) write(message string) {
	s.t.Helper()
	s.conn.SetDeadline(time.Now().Add(patience))
	if _, err := s.conn.Write([]byte(message + messageEnd)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *secured) read() string {
	s.t.Helper()
	s.conn.SetDeadline(time.Now().Add(patience)) // for each message: a session may last
	var b strings.Builder
	for !strings.HasSuffix(b.String(), messageEnd) {
		c, err := s.in.ReadByte()
		if err != nil {
			s.t.Fatalf("after %q: %v", b.String(), err)
		}
		b.WriteByte(c)
	}
	return b.String()
}

// must runs an operation that succeeds without a word.
func (s *secured) must(operation string) {
	s.t.Helper()
	s.write(`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">` + operation + `</rpc>`)
	if got := s.read(); !strings.Contains(got, "<ok/>") {
		s.t.Fatalf("%s\ngot %s", operation, got)
	}
}

// system returns what the element says of its NETCONF server.
func (s *secured) system() string {
	s.t.Helper()
	s.write(`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><get><filter><system xmlns="urn:mooring:yang:mooring-system"><netconf/></system></filter></get></rpc>`)
	return s.read()
}

// shown is the fingerprint of the certificate that the element showed.
func (s *secured) shown() string {
	return access.Fingerprint(s.conn.ConnectionState().PeerCertificates[0].Raw)
}

// makeCertificate makes a self-signed certificate, also as the two files of PEM.
func makeCertificate(t *testing.T) (pair tls.Certificate, certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	must(t, err)
	text, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
	pair, err = tls.X509KeyPair(certificate, key)
	must(t, err)
	return pair, certificate, key
}

// A manager is called over TLS and comes in itself over TLS. A new certificate of the element cuts neither session. When the
// manager's link dies the element notices, and calls again when it is back. In between, the manager has a backup made.
func TestManagerOverTLS(t *testing.T) {
	box, manager := newHost(t, "element"), newHost(t, "manager")
	must(t, netns.Connect(box, "eth0", manager, "eth0"), box.Address("eth0", elementAt+"/24"), manager.Address("eth0", managerAt+"/24"))
	var home net.Listener
	must(t, manager.Do(func() (err error) {
		home, err = net.Listen("tcp4", managerAt+":4335")
		return err
	}))
	t.Cleanup(func() { home.Close() })
	accept := func() net.Conn {
		t.Helper()
		home.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
		conn, err := home.Accept()
		must(t, err)
		return conn
	}
	ann, _, _ := makeCertificate(t)
	dir := t.TempDir()
	p := run(t, box, dir, "--startup", write(t, "startup.json", fmt.Sprintf(`{
		"mooring-system:system": {
			"netconf": {
				"tls": {"enabled": true, "port": 0, "address": ["%s"]},
				"call-home": [{"name": "noc", "address": "%s", "transport": "tls", "keep-alive": 1}]},
			"user": [{"name": "ann"}],
			"client-certificate": [{"fingerprint": "%s", "user": "ann"}]},
		"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["ann"]}]}}}`,
		elementAt, managerAt, access.Fingerprint(ann.Certificate[0]))))

	called := secure(t, accept(), ann)
	if got := called.system(); !strings.Contains(got, "<name>noc</name>") || !strings.Contains(got, "<connected>true</connected>") ||
		!regexp.MustCompile(`<tls>.*<bound><address>`+elementAt+`</address><port>\d+</port></bound>.*<fingerprint>`+called.shown()).MatchString(got) {
		t.Errorf("the element says %s", got)
	}

	_, certificate, key := makeCertificate(t)
	must(t, os.WriteFile(filepath.Join(dir, "keys/certificate.pem"), certificate, 0o600), os.WriteFile(filepath.Join(dir, "keys/certificate-key.pem"), key, 0o600))
	var conn net.Conn
	must(t, manager.Do(func() (err error) {
		conn, err = net.Dial("tcp4", p.said("NETCONF over TLS"))
		return err
	}))
	came := secure(t, conn, ann)
	if came.shown() == called.shown() {
		t.Error("the element shows its old certificate")
	}
	if got := called.system(); !strings.Contains(got, came.shown()) {
		t.Errorf("the new certificate, %s, is not in %s", came.shown(), got)
	}

	came.must(`<edit-config><target><candidate/></target><config><system xmlns="urn:mooring:yang:mooring-system"><netconf><url><file>true</file></url></netconf></system></config></edit-config>`)
	came.must(`<commit/>`)
	came.must(`<copy-config><target><url>file:///backup.xml</url></target><source><running/></source></copy-config>`)
	came.must(`<validate><source><url>file:///backup.xml</url></source></validate>`)
	backup, err := os.ReadFile(filepath.Join(dir, "files/backup.xml"))
	must(t, err)
	if !strings.Contains(string(backup), "<name>noc</name>") {
		t.Errorf("the backup holds %s", backup)
	}

	must(t, manager.Down("eth0"))
	eventually(t, func() string {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", p.cmd.Process.Pid))
		must(t, err)
		if regexp.MustCompile(`:10EF 01 `).Match(table) { // established with port 4335
			return "the element has not noticed that its manager is gone:\n" + string(table)
		}
		return ""
	})
	must(t, manager.Up("eth0"))
	again := secure(t, accept(), ann)
	if again.shown() != came.shown() {
		t.Errorf("the element shows %s when it calls again, want %s", again.shown(), came.shown())
	}

	again.must(`<edit-config><target><candidate/></target><config><system xmlns="urn:mooring:yang:mooring-system"><netconf>
		<call-home xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"><name>noc</name></call-home></netconf></system></config></edit-config>`)
	again.must("<commit/>")
	if got := again.system(); strings.Contains(got, "noc") { // over the connection that it took out of the configuration
		t.Errorf("the element says %s", got)
	}
}
