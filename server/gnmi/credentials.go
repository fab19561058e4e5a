package gnmi

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc/credentials"

	"mooring/server/access"
)

// identity is what is known of the other end of a connection. It is the AuthInfo of its RPCs.
type identity struct {
	credentials.CommonAuthInfo
	remote      string
	local       *access.User // by the word of the kernel, on the local socket
	certificate []byte       // that the client has proved to hold the key of; nil: none

	mu       sync.Mutex
	verified login // the last password that was right, see authenticator
}

// AuthType implements credentials.AuthInfo.
func (id *identity) AuthType() string { return "mooring" }

// handshaker makes identities: of the local socket by what the kernel says, of everybody else by TLS.
type handshaker struct {
	tls   credentials.TransportCredentials
	users *access.Users
}

// newHandshaker shows the certificate that current gives; those of clients it accepts when they are listed (decision 39). Sessions are
// not resumed: whoever is taken off that list shall not come in again.
func newHandshaker(current func() *tls.Certificate, users *access.Users) *handshaker {
	return &handshaker{users: users, tls: credentials.NewTLS(&tls.Config{
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
		ClientAuth:             tls.RequestClientCert,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current(), nil },
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return nil // a password has to do
			}
			der := state.PeerCertificates[0].Raw
			if _, err := users.Certificate(der, ""); err != nil {
				return fmt.Errorf("client certificate %s is not listed: %w", access.Fingerprint(der), err)
			}
			return nil
		},
	})}
}

// ServerHandshake implements credentials.TransportCredentials.
func (h *handshaker) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if local, ok := raw.(*net.UnixConn); ok {
		who, err := access.Peer(local)
		if err != nil {
			return nil, nil, err
		}
		return raw, &identity{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, remote: "local socket", local: &who}, nil
	}
	below := &records{Conn: raw}
	conn, info, err := h.tls.ServerHandshake(below)
	if err != nil {
		return nil, nil, err
	}
	id := &identity{remote: raw.RemoteAddr().String()}
	if t, ok := info.(credentials.TLSInfo); ok {
		id.CommonAuthInfo = t.CommonAuthInfo
		if len(t.State.PeerCertificates) > 0 {
			id.certificate = t.State.PeerCertificates[0].Raw
		}
	}
	return recordConn{conn, below}, id, nil
}

// ClientHandshake implements credentials.TransportCredentials; a server makes none.
func (h *handshaker) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, fmt.Errorf("these are credentials of a server")
}

// Info implements credentials.TransportCredentials.
func (h *handshaker) Info() credentials.ProtocolInfo { return h.tls.Info() }

// Clone implements credentials.TransportCredentials.
func (h *handshaker) Clone() credentials.TransportCredentials { return h }

// OverrideServerName implements credentials.TransportCredentials, of clients only.
func (h *handshaker) OverrideServerName(string) error { return nil }
