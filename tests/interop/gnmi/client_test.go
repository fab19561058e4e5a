package gnmi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/openconfig/gnmi/value"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// conformer is a client of our own for what gnmi_cli cannot do: passwords without a terminal, POLL step by step, every extension, closing
// its side early, and reading slowly on purpose. It reads paths and values with libraries of OpenConfig and not with ours.
type conformer struct {
	gpb.GNMIClient
	t    *testing.T
	conn *grpc.ClientConn
}

// door is where clients come in: an address, and the file with the certificate that is shown there to whoever asks for a name.
type door struct {
	address, certificate, name string
	options                    []grpc.DialOption
}

func (e *element) conform(t *testing.T, user, password string, certificates ...tls.Certificate) *conformer {
	t.Helper()
	return door{address: e.addr.String(), certificate: filepath.Join(e.dir, "ca.crt"), name: "localhost"}.conform(t, user, password, certificates...)
}

// conform connects over TLS. Of a name and a password there may be none; then the client certificate has to do, if there is one.
func (d door) conform(t *testing.T, user, password string, certificates ...tls.Certificate) *conformer {
	t.Helper()
	options := append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: d.trusted(t), ServerName: d.name, Certificates: certificates})),
		grpc.WithStaticStreamWindowSize(64 << 10), grpc.WithStaticConnWindowSize(64 << 10), // so that whoever does not read is noticed soon
	}, d.options...)
	if user != "" {
		options = append(options, grpc.WithPerRPCCredentials(login{"username": user, "password": password}))
	}
	conn, err := grpc.NewClient(d.address, options...)
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return &conformer{gpb.NewGNMIClient(conn), t, conn}
}

// trusted is the certificate that is shown.
func (d door) trusted(t *testing.T) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(d.certificate)
	check(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return roots
}

type login map[string]string

func (l login) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return l, nil
}

func (login) RequireTransportSecurity() bool { return true }

func path(t *testing.T, text string) *gpb.Path {
	t.Helper()
	p, err := ygot.StringToStructuredPath(text)
	check(t, err)
	return p
}

// load sets the maximum of bindings, which every test may change.
func (c *conformer) load(bindings uint64, extensions ...*extpb.Extension) error {
	_, err := c.Set(c.t.Context(), &gpb.SetRequest{Extension: extensions, Update: []*gpb.Update{{
		Path: path(c.t, "/pmipv6/lma[name=lma1]/bce/maximum"), Val: &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: bindings}},
	}}})
	return err
}

// leaf gets the value of a leaf as text.
func (c *conformer) leaf(at string) string {
	c.t.Helper()
	answer, err := c.Get(c.t.Context(), &gpb.GetRequest{Path: []*gpb.Path{path(c.t, at)}, Encoding: gpb.Encoding_PROTO})
	check(c.t, err)
	v, err := value.ToScalar(answer.GetNotification()[0].GetUpdate()[0].GetVal())
	check(c.t, err)
	return fmt.Sprint(v)
}

func (c *conformer) refuses(err error, code codes.Code) {
	c.t.Helper()
	if status.Code(err) != code {
		c.t.Errorf("%v, want %s", err, code)
	}
}

// stream is a Subscribe, and what it has told so far: by path, the value as text.
type stream struct {
	gpb.GNMI_SubscribeClient
	t      *testing.T
	told   map[string]string
	cancel context.CancelFunc
}

func (c *conformer) subscribe(mode gpb.SubscriptionList_Mode, extensions []*extpb.Extension, paths ...string) *stream {
	c.t.Helper()
	r := subscribing(mode, paths...)
	r.Extension = extensions
	return c.open(r)
}

// open begins a subscription as a request has it, of the target lma1.
func (c *conformer) open(r *gpb.SubscribeRequest) *stream {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	c.t.Cleanup(cancel)
	s, err := c.Subscribe(ctx)
	check(c.t, err)
	r.GetSubscribe().Prefix = &gpb.Path{Target: "lma1"}
	if err := s.Send(r); err != nil && !errors.Is(err, io.EOF) { // Recv tells why
		c.t.Fatal(err)
	}
	return &stream{s, c.t, map[string]string{}, cancel}
}

// next reads one message and notes what it tells.
func (s *stream) next() *gpb.SubscribeResponse {
	s.t.Helper()
	m, err := s.Recv()
	check(s.t, err)
	n := m.GetUpdate()
	if n != nil && n.GetPrefix().GetTarget() != "lma1" {
		s.t.Errorf("told is of target %q", n.GetPrefix().GetTarget())
	}
	for _, u := range n.GetUpdate() {
		elems := append(append([]*gpb.PathElem(nil), n.GetPrefix().GetElem()...), u.GetPath().GetElem()...)
		at, err := ygot.PathToString(&gpb.Path{Elem: elems})
		check(s.t, err)
		v, err := value.ToScalar(u.GetVal())
		check(s.t, err)
		s.told[at] = fmt.Sprint(v)
	}
	return m
}

// sync reads up to the sync_response.
func (s *stream) sync() *stream {
	s.t.Helper()
	for !s.next().GetSyncResponse() {
	}
	return s
}

// until reads until something is told of a path.
func (s *stream) until(at, want string) {
	s.t.Helper()
	for s.told[at] != want {
		s.next()
	}
}

// end reads up to the end.
func (s *stream) end() error {
	for {
		if _, err := s.Recv(); err != nil {
			return err
		}
	}
}
