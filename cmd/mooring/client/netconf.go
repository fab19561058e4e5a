package client

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"mooring/cmd/mooring/element"
	"mooring/server/netconf/framing"
)

// Session is a NETCONF session (RFC 6241), for what gNMI does not have: actions and notifications. It speaks version 1.0, which is enough for
// small messages. One goroutine uses it.
type Session struct {
	conn  io.ReadWriteCloser
	in    *framing.Reader
	out   *framing.Writer
	asked int
	told  [][]byte // notifications that came before a reply
}

const hello = `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>`

// Manage begins a session: on the local socket, or over SSH. It ends with ctx.
func (t *Target) Manage(ctx context.Context) (*Session, error) {
	dial := t.dialLocal
	if t.Address != "" {
		dial = t.dialSSH
	}
	conn, err := dial(ctx)
	if err != nil {
		return nil, t.explainUnreachable(err.Error())
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	s := &Session{conn: conn, in: framing.NewReader(conn), out: framing.NewWriter(conn)}
	if err := errors.Join(s.write(hello), s.in.Hello()); err != nil {
		return nil, errors.Join(t.explainUnreachable(err.Error()), conn.Close())
	}
	return s, nil
}

// Close takes leave and ends the session.
func (s *Session) Close() error {
	s.Do("<close-session/>", nil) // where that fails, it has ended already
	return s.conn.Close()
}

func (s *Session) write(message string) error {
	_, err := io.WriteString(s.out, message)
	return errors.Join(err, s.out.End())
}

// RPCError is what an element has against a request (RFC 6241 section 4.3).
type RPCError struct {
	Severity string `xml:"error-severity"`
	Tag      string `xml:"error-tag"`
	Path     string `xml:"error-path"`
	Message  string `xml:"error-message"`
}

func (e *RPCError) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return strings.TrimSpace(e.Tag + " " + e.Path)
}

// Input reports whether the request itself makes no sense, whatever the element is.
func (e *RPCError) Input() bool {
	return e.Tag == "invalid-value" || e.Tag == "missing-element" || e.Tag == "unknown-element" || e.Tag == "bad-element"
}

// Do has an operation carried out, and decodes the content of the reply into reply, unless that is nil. The error joins *RPCError values where the element refuses.
func (s *Session) Do(operation string, reply any) error {
	s.asked++
	if err := s.write(fmt.Sprintf(`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="%d">%s</rpc>`, s.asked, operation)); err != nil {
		return s.lost(err)
	}
	for {
		message, err := s.read()
		if err != nil {
			return err
		}
		if isNotification(message) {
			s.told = append(s.told, message)
			continue
		}
		return decodeReply(message, reply)
	}
}

func decodeReply(message []byte, into any) error {
	var refused struct {
		Errors []*RPCError `xml:"rpc-error"`
	}
	if err := xml.Unmarshal(message, &refused); err != nil {
		return err
	}
	var errs []error
	for _, e := range refused.Errors {
		if e.Severity != "warning" {
			errs = append(errs, e)
		}
	}
	if len(errs) > 0 || into == nil {
		return errors.Join(errs...)
	}
	return xml.Unmarshal(message, into)
}

// Next returns the next notification.
func (s *Session) Next() (message []byte, err error) {
	if len(s.told) > 0 {
		message, s.told = s.told[0], s.told[1:]
		return message, nil
	}
	return s.read()
}

func (s *Session) read() ([]byte, error) {
	if err := s.in.Next(); err != nil {
		return nil, s.lost(err)
	}
	message, err := io.ReadAll(s.in)
	if err != nil {
		return nil, s.lost(err)
	}
	return message, nil
}

func (s *Session) lost(err error) error {
	return fmt.Errorf("%w any more: the session ended (%w)", ErrUnreachable, err)
}

func isNotification(message []byte) bool {
	var root struct{ XMLName xml.Name }
	return xml.Unmarshal(message, &root) == nil && root.XMLName.Local == "notification"
}

// Text is a text as XML has it.
func Text(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}

func (t *Target) dialLocal(ctx context.Context) (io.ReadWriteCloser, error) {
	name, err := filepath.Abs(filepath.Join(t.StateDir, element.NETCONFFile))
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, "unix", name)
}

// netconfPort is where NETCONF over SSH is (RFC 6242 section 7).
const netconfPort = "830"

func (t *Target) dialSSH(ctx context.Context) (io.ReadWriteCloser, error) {
	config := &ssh.ClientConfig{User: t.User, HostKeyCallback: t.verifyHostKey}
	if t.password == nil {
		password, err := readPassword(t.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
		t.password = &password // nobody is asked twice
	}
	config.Auth = []ssh.AuthMethod{ssh.Password(*t.password)}
	address := withPort(t.Address, netconfPort)
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	conn, channels, requests, err := ssh.NewClientConn(raw, address, config)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	c := &channel{client: ssh.NewClient(conn, channels, requests)}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (t *Target) verifyHostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	got := ssh.FingerprintSHA256(key)
	switch {
	case t.InsecureSkipVerify || got == t.Fingerprint:
		return nil
	case t.Fingerprint == "":
		return fmt.Errorf("the element's host key is %s: compare it with what the element prints when it starts, and give it with --fingerprint", got)
	}
	return fmt.Errorf("the element's host key has the fingerprint %s, not that of --fingerprint", got)
}

// channel is the subsystem in an SSH connection (RFC 6242 section 3).
type channel struct {
	client *ssh.Client
	io.Reader
	io.Writer
}

func (c *channel) open() error {
	x, err := c.client.NewSession()
	if err != nil {
		return err
	}
	in, errIn := x.StdinPipe()
	out, errOut := x.StdoutPipe()
	c.Reader, c.Writer = out, in
	return errors.Join(errIn, errOut, x.RequestSubsystem("netconf"))
}

// Close implements io.Closer.
func (c *channel) Close() error { return c.client.Close() }
