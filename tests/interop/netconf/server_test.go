// Package netconf speaks to the NETCONF server with clients that others wrote, on loopback.
package netconf

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/crypto/ssh"

	"mooring/server/access"
	"mooring/server/action"
	"mooring/server/datastore"
	"mooring/server/netconf"
	"mooring/server/netconf/urls"
	"mooring/server/notify"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/yang"
)

const (
	user     = "operator"
	password = "correct horse"
)

// element is a server with the schema of an element, and a user who may do everything.
type element struct {
	addr        netip.AddrPort // of SSH
	keyFile     string         // of the user
	certFile    string         // of the user, for TLS; its key is in certKeyFile
	certKeyFile string
	host        ssh.PublicKey
	certificate *x509.Certificate // of the server
	folder      string            // of what file URLs name
	store       *datastore.Store
	server      *netconf.Server
}

// compile compiles modules of ours and of testdata.
func compile(t *testing.T, sources []schema.Source) *schema.Schema {
	t.Helper()
	files := fstest.MapFS{}
	for _, from := range []fs.FS{yang.FS, os.DirFS("testdata")} {
		names, err := fs.Glob(from, "*.yang")
		check(t, err)
		more, err := fs.Glob(from, "*/*.yang")
		check(t, err)
		for _, name := range append(names, more...) {
			text, err := fs.ReadFile(from, name)
			check(t, err)
			files[name] = &fstest.MapFile{Data: text}
		}
	}
	s, err := schema.Compile(files, sources...)
	check(t, err)
	return s
}

func decode(t *testing.T, s *schema.Schema, text string) *tree.Node {
	t.Helper()
	n, err := tree.DecodeJSON(strings.NewReader(text), s.Root, tree.DecodeOptions{})
	check(t, err)
	return n
}

// serve starts a server of some modules on a free port.
func serve(t *testing.T, modules []schema.Source) *element {
	t.Helper()
	return serveWith(t, modules, func(*state.State) {})
}

// serveWith starts a server with more state.
func serveWith(t *testing.T, modules []schema.Source, mount func(*state.State)) *element {
	t.Helper()
	s := compile(t, modules)
	e := &element{keyFile: filepath.Join(t.TempDir(), "key")}
	block, key, err := newKey()
	check(t, err)
	check(t, os.WriteFile(e.keyFile, pem.EncodeToMemory(block), 0o600))
	dir, err := os.OpenRoot(t.TempDir())
	check(t, err)
	t.Cleanup(func() { dir.Close() })
	events := notify.NewLog(s, notify.Limits{})
	e.store, err = datastore.Open(t.Context(), datastore.Options{Schema: s, Dir: dir, Confirmations: events.Confirmation, Startup: func() (*tree.Node, error) {
		return decode(t, s, `{"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["`+user+`"]}]}}}`), nil
	}})
	check(t, err)
	unfollow := events.Follow(e.store)
	certificate := e.certify(t)
	hash, err := access.HashPassword(password)
	check(t, err)
	users := decode(t, compile(t, []schema.Source{{Name: "ietf-netconf", Implement: true}, {Name: "mooring-system", Implement: true}}), `{"mooring-system:system": {
		"client-certificate": [{"fingerprint": "`+certificate+`", "user": "`+user+`"}], "user": [{
		"name": "`+user+`", "password": "`+hash+`", "authorized-key": [
			{"name": "test", "algorithm": "ssh-ed25519", "key-data": "`+base64.StdEncoding.EncodeToString(key.PublicKey().Marshal())+`"}]}]}}`)
	keys, err := access.LoadKeys(dir, "interop.example", time.Now())
	check(t, err)
	e.host, e.certificate = keys.Host.PublicKey(), keys.Certificate.Leaf
	st := state.New(s, 0)
	actions := &action.Registry{}
	actions.History(e.store, st)
	mount(st)
	server, err := netconf.New(netconf.Options{Store: e.store, Users: &access.Users{Running: func() *tree.Node { return users }},
		Access: access.NewControl(func() *tree.Node { return e.store.Running().Root }),
		State:  st, Actions: actions, Events: events, HostKey: keys.Host,
		Certificate: func() *tls.Certificate { return &keys.Certificate }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	check(t, err)
	e.server = server
	e.folder = t.TempDir()
	files, err := os.OpenRoot(e.folder)
	check(t, err)
	t.Cleanup(func() { files.Close() })
	server.ReachURLs(&urls.Files{Config: urls.Config{File: true}, Folder: files})
	server.SSH.Prepare(t.Context(), []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}).Apply()
	t.Cleanup(func() {
		server.Close()
		unfollow()
		check(t, e.store.Close())
	})
	bound, err := server.SSH.Status()
	check(t, err)
	e.addr = bound[0]
	return e
}

// certify makes a certificate for the user and returns its fingerprint. The keys of another element hold one.
func (e *element) certify(t *testing.T) (fingerprint string) {
	t.Helper()
	folder := t.TempDir()
	dir, err := os.OpenRoot(folder)
	check(t, err)
	defer dir.Close()
	keys, err := access.LoadKeys(dir, user, time.Now())
	check(t, err)
	e.certFile, e.certKeyFile = filepath.Join(folder, "keys", "certificate.pem"), filepath.Join(folder, "keys", "certificate-key.pem")
	return keys.CertificateFingerprint
}

// newKey makes an SSH key, as a file and ready for use.
func newKey() (*pem.Block, ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if err != nil {
		return nil, nil, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	return block, signer, err
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a program to its end and returns what it says.
func run(t *testing.T, stdin, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: make deps installs it", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir) // clients keep things there
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func absolute(t *testing.T, name string) string {
	path, err := filepath.Abs(name)
	check(t, err)
	return path
}

// file makes a file that holds text.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "script")
	check(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func port(e *element) string { return strconv.Itoa(int(e.addr.Port())) }
