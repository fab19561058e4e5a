package netconf

import (
	"context"
	"errors"
	"net"

	"mooring/server/access"
)

// ServeLocal serves users of this host at a socket of the file system, in a goroutine of its own: what RFC 6242 puts into SSH, without SSH. The
// server closes the socket when it ends.
func (s *Server) ServeLocal(l *net.UnixListener) {
	stop := context.AfterFunc(s.ctx, func() { l.Close() })
	s.tasks.Go(func() {
		defer stop()
		s.accept(l, s.loginLocal)
	})
}

// loginLocal is a transport: the kernel says who is at the other end.
func (s *Server) loginLocal(c *call) (serve func(), err error) {
	conn, ok := c.Conn.(*net.UnixConn)
	if !ok {
		return nil, errors.New("not a local socket")
	}
	user, err := access.Peer(conn)
	if err != nil {
		return nil, err
	}
	return func() { s.serveOne(c, c, user) }, nil
}
