// Package client is the command line's way to a running element: gNMI, over the local socket or over TLS, and state as rows.
package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"golang.org/x/term"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"mooring/cmd/mooring/element"
	"mooring/server/access"
)

// ErrUnreachable says that no element answers.
var ErrUnreachable = errors.New("no element answers")

// Target says which element to talk to, and as whom.
type Target struct {
	StateDir string // of an element on this host, whose local socket needs no login; counts where Address is empty
	Address  string // HOST or HOST:PORT of gNMI over TLS

	User, PasswordFile string // the file holds the password in its first line; - is standard input, or the terminal
	Cert, Key          string // files (PEM) with a client certificate, instead of or beside user and password

	CA                 string // file (PEM) with who may have signed the element's certificate; empty: whom the host trusts
	Fingerprint        string // SHA-256 digest of the element's certificate, which then needs nobody's signature
	InsecureSkipVerify bool   // believe any certificate

	password *string // once it was read
}

// Client talks with an element.
type Client struct {
	gpb.GNMIClient
	target  *Target
	address string
	options []grpc.DialOption
	conn    *grpc.ClientConn
}

// Dial gets ready to talk. The error says what is wrong with the target; whether anybody answers shows later.
func (t *Target) Dial() (*Client, error) {
	address, options, err := t.local()
	if t.Address != "" {
		address, options, err = t.remote()
	}
	if err != nil {
		return nil, err
	}
	c := &Client{target: t, address: address, options: options}
	if err := c.connect(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Client) connect() (err error) {
	if c.conn, err = grpc.NewClient(c.address, c.options...); err != nil {
		return fmt.Errorf("%s: %w", c.address, err)
	}
	c.GNMIClient = gpb.NewGNMIClient(c.conn)
	return nil
}

// Redial ends the connection and gets ready to make another one at once, however often that failed before. Nothing else may use the client
// meanwhile.
func (c *Client) Redial() error { return errors.Join(c.conn.Close(), c.connect()) }

// String tells where the element is.
func (t *Target) String() string { return cmp.Or(t.Address, t.StateDir) }

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

func (t *Target) local() (address string, options []grpc.DialOption, err error) {
	name, err := filepath.Abs(filepath.Join(t.StateDir, element.SocketFile))
	if err != nil {
		return "", nil, err
	}
	return "unix://" + name, []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, nil
}

func (t *Target) remote() (address string, options []grpc.DialOption, err error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.CA != "" {
		if config.RootCAs, err = readPool(t.CA); err != nil {
			return "", nil, err
		}
	}
	if t.Fingerprint != "" {
		config.InsecureSkipVerify = true // who signed it does not matter
		config.VerifyConnection = t.verifyFingerprint
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return "", nil, fmt.Errorf("client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	options = []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(config))}
	if t.User != "" {
		password, err := readPassword(t.PasswordFile)
		if err != nil {
			return "", nil, fmt.Errorf("password: %w", err)
		}
		options = append(options, grpc.WithPerRPCCredentials(login{t.User, password}))
	}
	return "dns:///" + withPort(t.Address, gnmiPort), options, nil
}

// gnmiPort is where gNMI is, unless somebody says otherwise (registered with IANA as gnmi-gnoi).
const gnmiPort = "9339"

// withPort adds the port to an address that has none.
func withPort(address, port string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), port)
}

func readPool(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: there is no certificate (PEM) in it", name)
	}
	return pool, nil
}

func (t *Target) verifyFingerprint(state tls.ConnectionState) error {
	if got := access.Fingerprint(state.PeerCertificates[0].Raw); !strings.EqualFold(got, t.Fingerprint) {
		return fmt.Errorf("the element's certificate has the fingerprint %s, not that of --fingerprint", got)
	}
	return nil
}

// readPassword reads the first line of a file; somebody at a terminal is asked for it.
func readPassword(name string) (string, error) {
	if stdin := int(os.Stdin.Fd()); name == "-" && term.IsTerminal(stdin) {
		fmt.Fprint(os.Stderr, "password: ")
		password, err := term.ReadPassword(stdin)
		fmt.Fprintln(os.Stderr)
		return string(password), err
	}
	if name == "-" {
		name = "/dev/stdin"
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	password, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(password, "\r"), nil
}

// login is the metadata that gNMI authenticates users by (gNMI specification section 3.1).
type login struct{ user, password string }

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (l login) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"username": l.user, "password": l.password}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (l login) RequireTransportSecurity() bool { return true }

// explain says what to do about the error of an RPC.
func (c *Client) explain(err error) error {
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unavailable:
		return c.target.explainUnreachable(plain(s.Message()))
	case codes.Unauthenticated:
		return fmt.Errorf("%s; log in with --user and --password-file, or with --cert and --key", withoutMethod(s.Message()))
	case codes.Canceled, codes.DeadlineExceeded:
		return err
	}
	return errors.New(s.Message())
}

func (t *Target) explainUnreachable(why string) error {
	switch {
	case t.Address == "" && strings.Contains(why, "permission denied"):
		return fmt.Errorf("%w: %s is for root and for who runs the element (%s); be one of them, or log in with --address and --user",
			element.ErrPrivilege, t.StateDir, why)
	case t.Address == "":
		return fmt.Errorf("%w in %s: start one with mooring run --state-dir, or name another with --state-dir or --address (%s)",
			ErrUnreachable, t.StateDir, why)
	case strings.Contains(why, "first record does not look like a TLS handshake"):
		return fmt.Errorf("%w at %s: what is there does not speak TLS; gNMI is at port %s unless it is configured otherwise", ErrUnreachable, t.Address, gnmiPort)
	case strings.Contains(why, "produced zero addresses"): // what gRPC says of a name that DNS does not know
		return fmt.Errorf("%w at %s: there is no host of this name", ErrUnreachable, t.Address)
	case strings.Contains(why, "not that of --fingerprint"):
		return fmt.Errorf("%w at %s that can be trusted: %s; compare both with what the element prints when it starts", ErrUnreachable, t.Address, why)
	case strings.Contains(why, "unable to authenticate"): // what SSH says
		return errors.New("the element does not know this user and password; log in with --user and --password-file")
	case strings.Contains(why, "certificate"):
		return fmt.Errorf("%w at %s that can be trusted: %s; trust its certificate by --fingerprint, as the element prints it when it starts, or by --ca",
			ErrUnreachable, t.Address, why)
	}
	return fmt.Errorf("%w at %s: %s", ErrUnreachable, t.Address, why)
}

// withoutMethod takes away the name of the RPC, which nobody typed.
func withoutMethod(message string) string {
	if method, why, ok := strings.Cut(message, ": "); ok && strings.HasPrefix(method, "/"+gpb.GNMI_ServiceDesc.ServiceName+"/") {
		return why
	}
	return message
}

// plain takes away what gRPC puts around the reason why a connection failed.
func plain(message string) string {
	for _, prefix := range []string{`connection error: desc = "`, "transport: ", "authentication handshake failed: ", "Error while dialing: ", "tls: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	return strings.TrimSuffix(message, `"`)
}
