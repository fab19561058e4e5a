package netconf

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"mooring/server/access"
)

// loginTLS is a transport (RFC 7589). The digest of the client's certificate says who the client is: it is listed, or the client
// is nobody. Neither the names in a certificate, nor who signed it, nor when it ends count (section 5).
func (s *Server) loginTLS(c *call) (serve func(), err error) {
	var user access.User
	conn := tls.Server(c, &tls.Config{
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true, // this Config is for one connection
		ClientAuth:             tls.RequireAnyClientCert,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.certificate(), nil },
		VerifyConnection: func(state tls.ConnectionState) (err error) {
			der := state.PeerCertificates[0].Raw
			if user, err = s.users.Certificate(der, c.RemoteAddr().String()); err != nil {
				return fmt.Errorf("client certificate %s is not listed: %w", access.Fingerprint(der), err)
			}
			return nil
		},
	})
	if err := conn.Handshake(); err != nil {
		c.turnAway(s.limits.Linger)
		return nil, err
	}
	return func() { s.serveOne(c, conn, user) }, nil
}

// serveOne serves the session that a connection is.
func (s *Server) serveOne(c *call, conn net.Conn, user access.User) {
	defer conn.Close() // over TLS it tells the client so (RFC 7589 section 4)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	x := s.newSession(ctx, conn, user, func(<-chan struct{}) { conn.Close() })
	if x == nil {
		return
	}
	c.begin()
	defer c.end()
	x.run()
}
