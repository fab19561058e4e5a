package gnmi

import (
	"net"
	"sync"
)

// recordConn is a TLS connection that hands all records of one Write to the host at once. TLS by itself writes each by itself, and with each
// the client is woken. One goroutine writes at a time; any may close.
type recordConn struct {
	net.Conn
	records *records
}

// Write implements net.Conn. After an error nobody can say how much has been sent: the connection is of no use then.
func (c recordConn) Write(b []byte) (int, error) {
	c.records.hold()
	n, err := c.Conn.Write(b)
	if errSend := c.records.release(); err == nil && errSend != nil {
		return 0, errSend
	}
	return n, err
}

// Close implements net.Conn. TLS says goodbye, which has to wait for what is being sent; a client who does not read is not waited for.
func (c recordConn) Close() error {
	if c.records.mu.TryLock() {
		c.records.closing = true
		c.records.mu.Unlock()
	} else {
		c.records.Conn.Close()
	}
	return c.Conn.Close()
}

// records is what lies below TLS. TLS sees to it that its records are written one after the other, whoever they come from.
type records struct {
	net.Conn
	mu      sync.Mutex
	held    *[]byte // what is to be sent together; nil: everything is sent at once
	closing bool    // nothing is sent any more but the goodbye
}

// Write implements net.Conn.
func (r *records) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		return r.Conn.Write(b)
	}
	*r.held = append(*r.held, b...)
	return len(b), nil
}

func (r *records) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = batches.Get(0)
}

// release sends what was held.
func (r *records) release() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closing:
		err = net.ErrClosed
	case len(*r.held) > 0:
		_, err = r.Conn.Write(*r.held)
	}
	batches.Put(r.held)
	r.held = nil
	return err
}
