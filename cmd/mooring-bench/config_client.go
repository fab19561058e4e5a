package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"

	"mooring/server/netconf/framing"
)

// netconfClient is the least that a NETCONF client can be: it reads replies as octets, so that it takes little time from the server.
type netconfClient struct {
	conn *ssh.Client
	in   *framing.Reader
	out  *framing.Writer
}

func dialNETCONF(address, user, password string) (*netconfClient, error) {
	conn, err := ssh.Dial("tcp", address, &ssh.ClientConfig{
		User:            user,
		Auth:            []ssh.AuthMethod{ssh.Password(password)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // a process of ours, on loopback
	})
	if err != nil {
		return nil, fmt.Errorf("NETCONF at %s: %w", address, err)
	}
	c := &netconfClient{conn: conn}
	if err := c.open(); err != nil {
		return nil, fmt.Errorf("NETCONF at %s: %w", address, err)
	}
	return c, nil
}

func (c *netconfClient) open() error {
	session, err := c.conn.NewSession()
	if err != nil {
		return err
	}
	in, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	out, err := session.StdinPipe()
	if err != nil {
		return err
	}
	if err := session.RequestSubsystem("netconf"); err != nil {
		return err
	}
	c.in, c.out = framing.NewReader(in), framing.NewWriter(out)
	const hello = `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>` +
		`<capability>urn:ietf:params:netconf:base:1.1</capability></capabilities></hello>`
	if _, err := io.WriteString(c.out, hello); err != nil {
		return err
	}
	if err := c.out.End(); err != nil {
		return err
	}
	if err := c.in.Hello(); err != nil {
		return err
	}
	c.out.Upgrade()
	return c.in.Upgrade()
}

// Close ends the session.
func (c *netconfClient) Close() error { return c.conn.Close() }

// edit merges a configuration into the candidate.
func (c *netconfClient) edit(config io.Reader) error {
	return c.expectOK(io.MultiReader(strings.NewReader(`<edit-config><target><candidate/></target><config>`), config,
		strings.NewReader(`</config></edit-config>`)))
}

// ok calls an operation that answers ok.
func (c *netconfClient) ok(operation string) error { return c.expectOK(strings.NewReader(operation)) }

func (c *netconfClient) expectOK(operation io.Reader) error {
	var reply bytes.Buffer
	if err := c.call(&reply, operation); err != nil {
		return err
	}
	// A reply that holds warnings has no <ok/> (RFC 6241 section 4.3).
	if text := reply.String(); !strings.Contains(text, "<ok/>") && strings.Contains(text, "<error-severity>error<") {
		return fmt.Errorf("refused: %s", text)
	}
	return nil
}

// read calls an operation and writes its reply to w.
func (c *netconfClient) read(w io.Writer, operation string) error {
	head := &prefix{left: 4096}
	if err := c.call(io.MultiWriter(w, head), strings.NewReader(operation)); err != nil {
		return err
	}
	if bytes.Contains(head.octets, []byte("<rpc-error>")) {
		return fmt.Errorf("refused: %s", head.octets)
	}
	return nil
}

func (c *netconfClient) call(reply io.Writer, operation io.Reader) error {
	request := io.MultiReader(strings.NewReader(`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">`), operation,
		strings.NewReader(`</rpc>`))
	if _, err := io.Copy(c.out, request); err != nil {
		return err
	}
	if err := c.out.End(); err != nil {
		return err
	}
	if err := c.in.Next(); err != nil {
		return err
	}
	_, err := io.Copy(reply, c.in)
	return err
}

// prefix keeps the beginning of what is written to it.
type prefix struct {
	octets []byte
	left   int
}

func (p *prefix) Write(b []byte) (int, error) {
	keep := min(len(b), p.left)
	p.octets = append(p.octets, b[:keep]...)
	p.left -= keep
	return len(b), nil
}

// counter counts how often a text occurs in what is written to it.
type counter struct {
	text  string
	n     int
	first func() // called at the first write, unless nil
	tail  []byte // of what came before, too short to hold the text
}

func (c *counter) Write(b []byte) (int, error) {
	if c.first != nil {
		c.first()
		c.first = nil
	}
	c.tail = append(c.tail, b[:min(len(b), len(c.text)-1)]...)
	c.n += bytes.Count(c.tail, []byte(c.text)) + bytes.Count(b, []byte(c.text))
	last := append(c.tail, b[min(len(b), len(c.text)-1):]...)
	c.tail = append([]byte(nil), last[max(0, len(last)-len(c.text)+1):]...)
	return len(b), nil
}
