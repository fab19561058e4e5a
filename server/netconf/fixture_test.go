package netconf

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/crypto/ssh"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/netconf/framing"
	"mooring/server/notify"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/validate"
	"mooring/yang"
)

// compiled is the schema of an element with the module of the tests beside its own.
var compiled = sync.OnceValues(func() (*schema.Schema, *validate.Rules) {
	files := fstest.MapFS{}
	for dir, from := range map[string]fs.FS{"own": os.DirFS("testdata"), "served": yang.FS} {
		if err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".yang") {
				text, _ := fs.ReadFile(from, name)
				files[dir+"/"+name] = &fstest.MapFile{Data: text}
			}
			return err
		}); err != nil {
			panic(err)
		}
	}
	sources := append(model.Sources(), schema.Source{Name: "example-traps", Implement: true}, schema.Source{Name: "example-oracle", Implement: true},
		schema.Source{Name: "example-calls", Implement: true})
	s, err := schema.Compile(files, sources...)
	if err != nil {
		panic(err)
	}
	rules, err := validate.Compile(s)
	if err != nil {
		panic(err)
	}
	return s, rules
})

// hostKey is that of all servers.
var hostKey = sync.OnceValue(func() ssh.Signer {
	_, key, _ := ed25519.GenerateKey(nil) // crypto/rand does not fail
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	return signer
})

var (
	admin = access.User{Name: "root", Groups: []string{access.AdminGroup}, Origin: access.Local}
	guest = access.User{Name: "guest", Origin: access.SSH, Remote: "192.0.2.7:40000"}
)

// fixture is a server over a store that keeps nothing.
type fixture struct {
	t      testing.TB
	server *Server
	store  *datastore.Store
	hooks  *hooks
	events *notify.Log
	tasks  sync.WaitGroup
}

// hooks is a pipeline that tests take part in.
type hooks struct {
	warn    func(datastore.Change) []*tree.Error
	prepare func(context.Context) error
	state   func() error // of the leaf top/state
}

func (h *hooks) Translate(c datastore.Change) ([]*tree.Error, error) { return h.warn(c), nil }

func (h *hooks) Prepare(ctx context.Context, c datastore.Change) (datastore.Prepared, []*tree.Error, error) {
	if err := h.prepare(ctx); err != nil {
		return nil, nil, err
	}
	return nothing{}, h.warn(c), nil
}

type nothing struct{}

func (nothing) Apply() {}
func (nothing) Abort() {}

// start starts a server whose running configuration is the one given as JSON, or empty.
func start(t testing.TB, startup string, limits Limits) *fixture {
	t.Helper()
	return startWith(t, startup, limits, func(*state.State) {})
}

// startWith starts a server with more state.
func startWith(t testing.TB, startup string, limits Limits, mount func(*state.State)) *fixture {
	t.Helper()
	s, rules := compiled()
	h := &hooks{warn: func(datastore.Change) []*tree.Error { return nil }, prepare: func(context.Context) error { return nil }, state: func() error { return nil }}
	events := notify.NewLog(s, notify.Limits{Events: 100})
	o := datastore.Options{Schema: s, Rules: rules, Pipeline: h, Confirmations: events.Confirmation}
	if startup != "" {
		root, err := tree.DecodeJSON(strings.NewReader(startup), s.Root, tree.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o.Startup = func() (*tree.Node, error) { return root, nil }
	}
	store, err := datastore.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	unfollow := events.Follow(store)
	running := func() *tree.Node { return store.Running().Root }
	st := state.New(s, 0)
	def := s.Find("/example-traps:top")
	st.Mount(state.Table{Node: def, Parts: []*schema.Node{def.ChildNamed("state")}, Read: func(_ context.Context, _ state.Keys, out *state.Out) error {
		if err := h.state(); err != nil {
			return err
		}
		out.Row().Text(def.ChildNamed("state"), "fine")
		return nil
	}})
	mount(st)
	server, err := New(Options{Store: store, Users: &access.Users{Running: running}, Access: access.NewControl(running), State: st, Actions: actions(s), Events: events,
		HostKey: hostKey(), Limits: limits, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, server: server, store: store, hooks: h, events: events}
	t.Cleanup(func() {
		server.Close()
		f.tasks.Wait()
		unfollow()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// client is the other end of a session, which speaks in plain octets.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *framing.Reader
	out  *framing.Writer
	id   uint32
	next int
}

// pipe returns the two ends of a TCP connection: unlike those of net.Pipe they have room for a message.
func pipe(t testing.TB) (net.Conn, net.Conn) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	ours.(*net.TCPConn).SetReadBuffer(socketBuffer)
	theirs.(*net.TCPConn).SetWriteBuffer(socketBuffer)
	return ours, theirs
}

// socketBuffer bounds what the kernel keeps for a client that does not read, so that little is enough to show that a writer waits.
const socketBuffer = 64 << 10

// connect begins a session without SSH, and without a hello of the client.
func (f *fixture) connect(user access.User) *client {
	f.t.Helper()
	ours, theirs := pipe(f.t)
	ctx, cancel := context.WithCancel(f.server.ctx)
	x := f.server.newSession(ctx, theirs, user, func(<-chan struct{}) { theirs.Close() })
	if x == nil {
		f.t.Fatal("there are too many sessions")
	}
	f.tasks.Go(func() {
		defer cancel()
		defer context.AfterFunc(f.server.ctx, func() { theirs.Close() })()
		x.run()
		theirs.Close()
	})
	return &client{t: f.t, conn: ours, in: framing.NewReader(ours), out: framing.NewWriter(ours), id: x.id}
}

func hello(base string) string {
	return `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>` + base + `</capability></capabilities></hello>`
}

// dial begins a session of version 1.1.
func (f *fixture) dial(user access.User) *client {
	f.t.Helper()
	c := f.connect(user)
	c.read()
	c.send(hello(base11))
	c.in.Upgrade()
	c.out.Upgrade()
	return c
}

// hurry gives a message a minute: a test that waits for ever says nothing.
func (c *client) hurry() {
	if c.conn != nil {
		c.conn.SetDeadline(time.Now().Add(time.Minute))
	}
}

// send sends a message as it is.
func (c *client) send(text string) {
	c.t.Helper()
	c.hurry()
	io.WriteString(c.out, text)
	if err := c.out.End(); err != nil {
		c.t.Fatal(err)
	}
}

// read reads a message.
func (c *client) read() string {
	c.t.Helper()
	c.hurry()
	if err := c.in.Next(); err != nil {
		c.t.Fatalf("no message came: %v", err)
	}
	text, err := io.ReadAll(c.in)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// rpc sends an operation and returns what stands in the reply.
func (c *client) rpc(operation string) string {
	c.t.Helper()
	c.next++
	start := fmt.Sprintf(`<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="%d">`, c.next)
	c.send(rpc(c.next, operation))
	text, ok := strings.CutPrefix(strings.TrimPrefix(c.read(), xmlDeclaration), start)
	if !ok {
		c.t.Fatalf("%s\nthe reply does not begin with %s: %s", operation, start, text)
	}
	return strings.TrimSuffix(text, "</rpc-reply>")
}

// rpc makes a request, chunk a message of version 1.1 in one piece.
func rpc(id int, operation string) string {
	return fmt.Sprintf(`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="%d">%s</rpc>`, id, operation)
}

func chunk(message string) string { return fmt.Sprintf("\n#%d\n%s\n##\n", len(message), message) }

// must runs operations that succeed without a word.
func (c *client) must(operations ...string) {
	c.t.Helper()
	for _, op := range operations {
		if got := c.rpc(op); got != "<ok/>" {
			c.t.Fatalf("%s\ngot %s", op, got)
		}
	}
}

// ended checks that the server has ended the session.
func (c *client) ended() {
	c.t.Helper()
	if err := c.in.Next(); err == nil {
		text, _ := io.ReadAll(c.in)
		c.t.Fatalf("the session goes on: %s", text)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatal("the session was not ended")
	}
}

// edit makes an edit-config of the candidate.
func edit(config string, options ...string) string {
	return "<edit-config><target><candidate/></target>" + strings.Join(options, "") + "<config>" + config + "</config></edit-config>"
}

// top is configuration of the tests' module.
func top(content string) string { return `<top xmlns="urn:example:traps">` + content + `</top>` }

const (
	commit     = "<commit/>"
	discard    = "<discard-changes/>"
	rollback   = "<error-option>rollback-on-error</error-option>"
	getTraps   = `<get-config><source><%s/></source><filter><top xmlns="urn:example:traps"/></filter></get-config>`
	testFirst  = "<test-option>test-then-set</test-option>"
	testOnly   = "<test-option>test-only</test-option>"
	replaceAll = "<default-operation>replace</default-operation>"
	none       = "<default-operation>none</default-operation>"
)

// traps returns the content of top in a datastore.
func (c *client) traps(datastore string) string {
	c.t.Helper()
	text := strings.TrimSuffix(strings.TrimPrefix(c.rpc(fmt.Sprintf(getTraps, datastore)), "<data>"), "</data>")
	return strings.TrimSuffix(strings.TrimPrefix(text, `<top xmlns="urn:example:traps">`), "</top>")
}
