package gnmi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"
	"unique"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/pool"
	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/yang"
)

// models are those of an element, and an example that has every type.
var testSchema = sync.OnceValue(func() *schema.Schema {
	sources := append(model.Sources(), schema.Source{Name: "example-types", Implement: true},
		schema.Source{Name: "example-system", Implement: true, Features: []string{"tls"}}, schema.Source{Name: "example-any", Implement: true},
		schema.Source{Name: "example-conditions", Implement: true})
	files := fstest.MapFS{}
	for _, from := range []fs.FS{yang.FS, os.DirFS("../tree/schema/testdata"), os.DirFS("testdata")} {
		fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(name) == ".yang" {
				data, _ := fs.ReadFile(from, name)
				files[filepath.Base(name)] = &fstest.MapFile{Data: data}
			}
			return err
		})
	}
	s, err := schema.Compile(files, sources...)
	if err != nil {
		panic(err)
	}
	return s
})

// hash of the password secret; making one takes a while.
var secretHash = sync.OnceValue(func() string {
	hash, err := access.HashPassword("secret")
	if err != nil {
		panic(err)
	}
	return hash
})

// element is an element with a gNMI server: a datastore, the bindings of one LMA, users, and sockets.
type element struct {
	t        testing.TB
	store    *datastore.Store
	bindings *binding.Table
	server   *Server
	at       netip.AddrPort
	socket   string
	dir      string // where the configuration is kept
	roots    *x509.CertPool

	mute     error                  // what the pools say instead of their state
	broken   string                 // with what they panic
	mistaken atomic.Pointer[string] // with what access control panics

	mu          sync.Mutex
	certificate *tls.Certificate
}

// configuration is what the element begins with: alice may do everything, bob may read all but users, carol nothing.
const configuration = `{
	"mooring-pmipv6:pmipv6": {
		"domain": [{"name": "example.net"}],
		"lma": [{"name": "lma1", "domain": "example.net", "address": {"ipv6": ["2001:db8::1"]}, "bce": {"maximum": 2500}, "dynamic-mag-learning": true,
			"network": [{"name": "home", "pool": {"mobile-node": {"ipv4": {"start-address": "10.0.0.1", "pool-prefix": 8}}}}]}]},
	"mooring-system:system": {
		"client-certificate": [{"fingerprint": "PRINT", "user": "alice"}],
		"user": [{"name": "alice", "password": "HASH"}, {"name": "bob", "password": "HASH"}, {"name": "carol", "password": "HASH"}]},
	"example-system:system": {"name": "mooring", "load": 10},
	"ietf-netconf-acm:nacm": {
		"groups": {"group": [{"name": "admin", "user-name": ["alice"]}, {"name": "readers", "user-name": ["bob"]}, {"name": "others", "user-name": ["carol"]}]},
		"rule-list": [
			{"name": "1", "group": ["admin"], "rule": [{"name": "all", "action": "permit"}]},
			{"name": "2", "group": ["readers"], "rule": [
				{"name": "users", "path": "/mooring-system:system/user", "access-operations": "*", "action": "deny"},
				{"name": "reading", "access-operations": "read", "action": "permit"},
				{"name": "rest", "access-operations": "*", "action": "deny"}]},
			{"name": "3", "group": ["*"], "rule": [{"name": "nothing", "access-operations": "*", "action": "deny"}]}]}}`

// setup changes the options before the server is made.
type setup func(*Options)

func newElement(t testing.TB, setups ...setup) *element {
	t.Helper()
	return newElementOver(t, nil, setups...)
}

// newElementOver is newElement with something that follows the configuration.
func newElementOver(t testing.TB, pipeline datastore.Pipeline, setups ...setup) *element {
	t.Helper()
	s := testSchema()
	e := &element{t: t, bindings: binding.New(), socket: filepath.Join(t.TempDir(), "mooring.sock")}
	e.dir = t.TempDir()
	dir, err := os.OpenRoot(e.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	startup, err := tree.DecodeJSON(strings.NewReader(
		strings.NewReplacer("HASH", secretHash(), "PRINT", access.Fingerprint(aliceCertificate().Certificate[0])).Replace(configuration)), s.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if e.store, err = datastore.Open(t.Context(), datastore.Options{Schema: s, Dir: dir, Pipeline: pipeline}); err != nil {
		t.Fatal(err)
	}
	e.replace(startup)
	st := state.New(s, 20*time.Millisecond)
	if err := st.MountElement(state.Sources{
		LMAs: func() []state.LMA {
			return []state.LMA{{Name: "lma1", Table: e.bindings, Statistics: &mobility.Statistics{},
				Peers:    func(context.Context) ([]lma.PeerState, error) { return nil, nil },
				Networks: e.pools,
				Session:  func(id dataplane.SessionID) dataplane.SessionID { return id }}}
		},
		Configured: func() *mobility.Config { return &mobility.Config{} },
		Version:    "0.1.0", Started: time.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	keys, err := access.LoadKeys(dir, "mooring.example.net", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.show(&keys.Certificate)
	running := func() *tree.Node { return e.store.Running().Root }
	o := Options{Store: e.store, State: st, Access: access.NewControl(e.ruled), Users: &access.Users{Running: running}, Certificate: e.shown}
	for _, change := range setups {
		change(&o)
	}
	st.Log = o.Log
	if e.server, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.server.Close)
	e.listen()
	return e
}

// ruled gives access control the rules.
func (e *element) ruled() *tree.Node {
	if mistake := e.mistaken.Load(); mistake != nil {
		panic(*mistake)
	}
	return e.store.Running().Root
}

func (e *element) pools(context.Context) (map[string][]pool.Usage, error) {
	if e.broken != "" {
		panic(e.broken)
	}
	return nil, e.mute
}

// replace puts another configuration into force, as somebody else than a gNMI client.
func (e *element) replace(root *tree.Node) {
	e.t.Helper()
	c := e.store.NewSession(access.Element, 0).Private()
	if err := c.Replace(root); err != nil {
		e.t.Fatal(err)
	}
	if _, err := c.Commit(e.t.Context(), datastore.CommitOptions{}); err != nil {
		e.t.Fatal(err)
	}
}

func (e *element) show(c *tls.Certificate) {
	e.mu.Lock()
	defer e.mu.Unlock()
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		e.t.Fatal(err)
	}
	e.roots = x509.NewCertPool()
	e.roots.AddCert(leaf)
	e.certificate = c
}

func (e *element) shown() *tls.Certificate {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.certificate
}

func (e *element) listen() {
	e.t.Helper()
	local, err := net.ListenUnix("unix", &net.UnixAddr{Name: e.socket, Net: "unix"})
	if err != nil {
		e.t.Fatal(err)
	}
	e.server.ServeLocal(local)
	e.server.Prepare(e.t.Context(), []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}).Apply()
	bound, err := e.server.Status()
	if err != nil || len(bound) != 1 {
		e.t.Fatalf("listening at %v: %v", bound, err)
	}
	e.at = bound[0]
}

// client is a client of the element, over one connection.
type client struct {
	gpb.GNMIClient
	conn *grpc.ClientConn
}

// local is a client at the local socket, who may do everything.
func (e *element) local() client {
	e.t.Helper()
	return e.dial("unix:"+e.socket, insecure.NewCredentials())
}

// aliceCertificate is what alice proves who she is with, when it is not her password.
var aliceCertificate = sync.OnceValue(func() tls.Certificate {
	c, err := newClientCertificate()
	if err != nil {
		panic(err)
	}
	return c
})

// client is a client over TLS who may do everything: alice, with a certificate.
func (e *element) client(options ...grpc.DialOption) client {
	e.t.Helper()
	return e.dial(e.at.String(), credentials.NewTLS(&tls.Config{RootCAs: e.roots, Certificates: []tls.Certificate{aliceCertificate()}}), options...)
}

// replaceLeaf commits a value of a leaf as another protocol does.
func (e *element) replaceLeaf(at, value string) {
	e.t.Helper()
	p := pattern(e.t, at)
	c := e.store.NewSession(access.User{Name: "dora", Origin: access.SSH}, 7).Private()
	if _, err := c.Edit(nil, tree.At(testSchema(), p, tree.Merge, tree.NewLeaf(p.Last().Node, value))); err != nil {
		e.t.Fatal(err)
	}
	if _, err := c.Commit(e.t.Context(), datastore.CommitOptions{Via: "netconf"}); err != nil {
		e.t.Fatal(err)
	}
}

// over is a client over TLS with a name and a password, or with neither.
func (e *element) over(name, password string) client {
	e.t.Helper()
	var options []grpc.DialOption
	if name != "" {
		options = append(options, grpc.WithPerRPCCredentials(basic{name, password}))
	}
	return e.dial(e.at.String(), credentials.NewTLS(&tls.Config{RootCAs: e.roots}), options...)
}

func (e *element) dial(target string, creds credentials.TransportCredentials, options ...grpc.DialOption) client {
	e.t.Helper()
	conn, err := grpc.NewClient(target, append(options, grpc.WithTransportCredentials(creds))...)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { conn.Close() })
	return client{gpb.NewGNMIClient(conn), conn}
}

// basic sends a name and a password with each RPC.
type basic struct{ name, password string }

func (l basic) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"username": l.name, "password": l.password}, nil
}

func (basic) RequireTransportSecurity() bool { return true }

// as adds credentials to an RPC.
func as(ctx context.Context, name, password string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "username", name, "password", password)
}

// path reads /name/name[key=value][key=value]; \ takes the next sign literally.
func path(text string) *gpb.Path {
	p := &gpb.Path{}
	rest := text
	next := func(stops string) (word string) {
		var b strings.Builder
		for len(rest) > 0 && !strings.ContainsRune(stops, rune(rest[0])) {
			if rest[0] == '\\' {
				rest = rest[1:]
			}
			b.WriteByte(rest[0])
			rest = rest[1:]
		}
		return b.String()
	}
	for strings.HasPrefix(rest, "/") {
		rest = rest[1:]
		e := &gpb.PathElem{Name: next("/[")}
		for strings.HasPrefix(rest, "[") {
			rest = rest[1:]
			key := next("=")
			rest = rest[1:]
			if e.Key == nil {
				e.Key = map[string]string{}
			}
			e.Key[key] = next("]")
			rest = rest[1:]
		}
		if e.Name != "" {
			p.Elem = append(p.Elem, e)
		}
	}
	return p
}

func paths(texts ...string) (list []*gpb.Path) {
	for _, text := range texts {
		list = append(list, path(text))
	}
	return list
}

// session is a binding.
func session(id int, change func(*mobility.Binding)) *mobility.Binding {
	now := mobility.At(time.Unix(1_800_000_000, 0))
	gateway := netip.MustParseAddr("2001:db8::11")
	b := &mobility.Binding{
		ID:       dataplane.SessionID(id),
		Ends:     unique.Make(mobility.Ends{Local: netip.MustParseAddr("2001:db8::1"), Remote: netip.AddrPortFrom(gateway, 0), CareOf: gateway, Peer: "mag1"}),
		Lifetime: 600 * time.Second, Expires: mobility.At(time.Unix(1_800_000_600, 0)), Updated: now,
		Profile: unique.Make("@example.net"), Sequence: 1, State: mobility.StateActive, Install: mobility.Installed,
		Holding: &mobility.Holding{
			Node:     mobility.NAI(fmt.Sprintf("node%d@example.net", id)),
			LinkID:   mobility.LinkID([]byte{2, 0, 0, 0, byte(id >> 8), byte(id)}),
			Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 8, byte(id >> 16), byte(id >> 8), byte(id)}), 64)},
			Created:  now, Tenancy: unique.Make(mobility.Tenancy{Network: "home"}),
		},
	}
	if change != nil {
		change(b)
	}
	return b
}

// refresh is a binding after a number of refreshes.
func refresh(id int, sequence uint16) *mobility.Binding {
	return session(id, func(b *mobility.Binding) { b.Sequence = sequence })
}
