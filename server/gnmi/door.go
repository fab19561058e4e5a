package gnmi

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
)

// door bounds how many connections are open over all TCP sockets. Who comes when it is full is turned away at once, rather than kept
// waiting without a word.
type door struct {
	max  int64
	open atomic.Int64
	log  *slog.Logger
}

// limit puts the door before a socket.
func (d *door) limit(l net.Listener) net.Listener { return &guarded{l, d} }

type guarded struct {
	net.Listener
	door *door
}

// Accept implements net.Listener.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g.door.open.Add(1) <= g.door.max {
			return &counted{Conn: conn, door: g.door}, nil
		}
		g.door.open.Add(-1)
		g.door.log.Warn("gNMI connection refused: too many are open", "remote", conn.RemoteAddr(), "limit", g.door.max)
		conn.Close()
	}
}

// counted is a connection that gives its place back when it is closed.
type counted struct {
	net.Conn
	door *door
	once sync.Once
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.once.Do(func() { c.door.open.Add(-1) })
	return c.Conn.Close()
}
