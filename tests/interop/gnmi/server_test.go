// Package gnmi speaks to the gNMI server with clients that others wrote, gnmic and gnmi_cli of OpenConfig, over TLS on loopback and over the
// local socket, and with one of our own (client_test.go) that does what these cannot. That asks an element that runs, too (running_test.go), for the
// statements of the checklist of gNMI, by their numbers (statements_test.go).
package gnmi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/pool"
	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/gnmi"
	"mooring/server/model"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/tests/tool"
)

const (
	user     = "operator"
	password = "correct horse"
)

// The clients that others wrote.
var gnmiCLI, gnmic string

func TestMain(m *testing.M) {
	var err, errGnmic error
	gnmiCLI, err = tool.Path("gnmi_cli")
	gnmic, errGnmic = tool.Path("gnmic")
	if err := errors.Join(err, errGnmic); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	netns.Main(m)
}

// element is a server with the schema of an element, an LMA with bindings, and a user who may do everything.
type element struct {
	addr     netip.AddrPort
	socket   string
	dir      string // ca.crt, and client.crt with client.key
	store    *datastore.Store
	bindings *binding.Table
}

const configuration = `{
	"mooring-pmipv6:pmipv6": {"domain": [{"name": "example.net"}], "lma": [{"name": "lma1", "domain": "example.net", "address": {"ipv6": ["2001:db8::1"]}}]},
	"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["operator"]}]}},
	"mooring-system:system": {"host-name": "lma1", "user": [{"name": "operator", "password": "%s"}], "client-certificate": [{"fingerprint": "%s", "user": "operator"}]}}`

func serve(t *testing.T) *element {
	t.Helper()
	s, err := model.Schema()
	check(t, err)
	e := &element{dir: t.TempDir(), bindings: binding.New()}
	e.socket = filepath.Join(e.dir, "mooring.sock")
	hash, err := access.HashPassword(password)
	check(t, err)
	startup, err := tree.DecodeJSON(strings.NewReader(fmt.Sprintf(configuration, hash, e.newClientCertificate(t))), s.Root, tree.DecodeOptions{})
	check(t, err)
	dir, err := os.OpenRoot(t.TempDir())
	check(t, err)
	t.Cleanup(func() { dir.Close() })
	e.store, err = datastore.Open(t.Context(), datastore.Options{Schema: s, Dir: dir, Startup: func() (*tree.Node, error) { return startup, nil }})
	check(t, err)
	keys, err := access.LoadKeys(dir, "localhost", time.Now())
	check(t, err)
	e.writePEM(t, "ca.crt", "CERTIFICATE", keys.Certificate.Certificate[0])
	running := func() *tree.Node { return e.store.Running().Root }
	server, err := gnmi.New(gnmi.Options{Store: e.store, State: e.state(t, s), Users: &access.Users{Running: running}, Access: access.NewControl(running),
		Certificate: func() *tls.Certificate { return &keys.Certificate }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	check(t, err)
	t.Cleanup(func() {
		server.Close()
		check(t, e.store.Close())
	})
	local, err := net.ListenUnix("unix", &net.UnixAddr{Name: e.socket, Net: "unix"})
	check(t, err)
	server.ServeLocal(local)
	server.Prepare(t.Context(), []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}).Apply()
	at, err := server.Status()
	check(t, err)
	e.addr = at[0]
	return e
}

// state is that of an LMA.
func (e *element) state(t *testing.T, s *schema.Schema) *state.State {
	t.Helper()
	st := state.New(s, 50*time.Millisecond)
	check(t, st.MountElement(state.Sources{
		LMAs: func() []state.LMA {
			return []state.LMA{{Name: "lma1", Table: e.bindings, Statistics: &mobility.Statistics{},
				Peers:    func(context.Context) ([]lma.PeerState, error) { return nil, nil },
				Networks: func(context.Context) (map[string][]pool.Usage, error) { return nil, nil },
				Session:  func(id dataplane.SessionID) dataplane.SessionID { return id }}}
		},
		Configured: func() *mobility.Config {
			return &mobility.Config{LMAs: map[string]*mobility.LMA{"lma1": {Name: "lma1"}}}
		}, Version: "0.1.0", Started: time.Now(),
	}))
	return st
}

// put registers a node, or refreshes its registration.
func (e *element) put(id int, sequence uint16) {
	gateway := netip.MustParseAddr("2001:db8::11")
	now := time.Now()
	e.bindings.Put(&mobility.Binding{
		ID: dataplane.SessionID(id), Sequence: sequence, State: mobility.StateActive, Install: mobility.Installed,
		Ends:     unique.Make(mobility.Ends{Local: netip.MustParseAddr("2001:db8::1"), Remote: netip.AddrPortFrom(gateway, 0), CareOf: gateway, Peer: "mag1"}),
		Lifetime: time.Hour, Expires: mobility.At(now.Add(time.Hour)), Updated: mobility.At(now),
		Holding: &mobility.Holding{
			Node:     mobility.NAI(fmt.Sprintf("node%d@example.net", id)),
			Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 8, 0, byte(id >> 8), byte(id)}), 64)},
			Created:  mobility.At(now),
		},
	})
}

// newClientCertificate makes a certificate for the client and returns its fingerprint.
func (e *element) newClientCertificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "collector"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	e.writePEM(t, "client.crt", "CERTIFICATE", der)
	e.writePEM(t, "client.key", "PRIVATE KEY", secret)
	return access.Fingerprint(der)
}

func (e *element) writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	check(t, os.WriteFile(filepath.Join(e.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
