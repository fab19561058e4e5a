package netconf

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// unanswered is how many tests in a row a client may leave unanswered.
const unanswered = 2

// transport takes a connection through a login. What it returns serves the sessions of whoever logged in, and returns when the
// connection is of no more use. Sessions do not know it: they read and write octets, have a user, and can be dropped.
type transport func(*call) (serve func(), err error)

// call is a TCP connection to a client, whoever made it.
type call struct {
	net.Conn
	keepAlive time.Duration    // how often the client is asked whether it is there, where the transport can; 0: never
	idle      time.Duration    // when nothing has passed for as long, it is closed; 0: never
	session   func(change int) // is told that a session begins (1) or ends (-1); nil: nobody asks

	timer *time.Timer // of idle
}

// Read implements net.Conn.
func (c *call) Read(b []byte) (n int, err error) {
	if n, err = c.Conn.Read(b); n > 0 && c.timer != nil {
		c.timer.Reset(c.idle)
	}
	return n, err
}

// Write implements net.Conn.
func (c *call) Write(b []byte) (n int, err error) {
	if n, err = c.Conn.Write(b); n > 0 && c.timer != nil {
		c.timer.Reset(c.idle)
	}
	return n, err
}

func (c *call) begin() {
	if c.session != nil {
		c.session(1)
	}
}

func (c *call) end() {
	if c.session != nil {
		c.session(-1)
	}
}

var errBusy = errors.New("too many clients are logging in")

// serve takes a connection through the login, unless too many are in theirs, and serves its sessions until it ends. The error
// says why nobody was let in.
func (s *Server) serve(c *call, over transport) error {
	defer c.Close()
	select {
	case s.logins <- struct{}{}:
	default:
		return errBusy
	}
	loggedIn := sync.OnceFunc(func() { <-s.logins })
	defer loggedIn()
	defer context.AfterFunc(s.ctx, func() { c.Close() })()
	if c.idle > 0 {
		c.timer = time.AfterFunc(c.idle, func() { c.Close() })
		defer c.timer.Stop()
	}
	c.SetDeadline(time.Now().Add(s.limits.LoginTimeout))
	serve, err := over(c)
	if err != nil {
		return err
	}
	c.SetDeadline(time.Time{})
	loggedIn()
	serve()
	return nil
}

// turnAway lets a client read what was written to it last. A socket that is closed with octets unread takes that back (RFC 1122
// section 4.2.2.13).
func (c *call) turnAway(linger time.Duration) {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	c.SetDeadline(time.Now().Add(linger))
	io.Copy(io.Discard, c.Conn)
}
