package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/element"
	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/gnmi"
	"mooring/server/model"
	"mooring/server/netconf"
	"mooring/server/netconf/urls"
	"mooring/server/notify"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/yang"
)

// serveOptions say what to serve.
type serveOptions struct {
	list    list
	entries int
	yang    []string // files of modules instead of ours
}

// served says where something is served, and to whom.
type served struct {
	PID      int    `json:"pid"`
	NETCONF  string `json:"netconf"`
	TLS      string `json:"netconf-tls,omitempty"` // NETCONF over TLS, for whoever configures a certificate of his
	GNMI     string `json:"gnmi"`
	User     string `json:"user"`
	Password string `json:"password"`
	Files    string `json:"files,omitempty"` // the folder that file URLs lead to; "" when there are none
}

var anyPort = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}

// run serves until it is interrupted, and leaves nothing behind.
func (o serveOptions) run(cmd *cobra.Command) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "mooring-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	at := served{PID: os.Getpid(), User: "bench", Password: rand.Text()}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	begin := o.element
	if o.list.yang != "" && len(o.yang) == 0 {
		file, err := o.list.module(dir)
		if err != nil {
			return err
		}
		o.yang = []string{file}
	}
	if len(o.yang) > 0 {
		begin = o.modules
	}
	end, err := begin(ctx, dir, &at, log)
	if err != nil {
		return err
	}
	if o.entries > 0 {
		err = o.configure(at)
	}
	if err == nil {
		err = at.print(cmd)
	}
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, end())
}

func (s served) print(cmd *cobra.Command) error {
	asJSON, err := cmd.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "NETCONF   %s\ngNMI      %s\nuser      %s\npassword  %s\nprocess   %d\n",
		s.NETCONF, s.GNMI, s.User, s.Password, s.PID)
	if s.TLS != "" && err == nil {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "TLS       %s\n", s.TLS)
	}
	if s.Files != "" && err == nil {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "files     %s\n", s.Files)
	}
	return err
}

// element starts an element.
func (o serveOptions) element(ctx context.Context, dir string, at *served, log *slog.Logger) (end func() error, err error) {
	startup := filepath.Join(dir, "startup.json")
	if err := os.WriteFile(startup, at.userJSON(), 0o600); err != nil {
		return nil, err
	}
	e, err := element.Start(ctx, element.Options{
		StateDir: filepath.Join(dir, "state"), Startup: startup, NETCONF: anyPort, GNMI: anyPort, Version: "bench", Log: log,
	})
	if err != nil {
		return nil, err
	}
	m := e.Management()
	at.NETCONF, at.GNMI = m.NETCONF.Bound[0].String(), m.GNMI.Bound[0].String()
	return e.Close, nil
}

// configure commits the entries like any client.
func (o serveOptions) configure(at served) error {
	client, err := dialNETCONF(at.NETCONF, at.User, at.Password)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.edit(strings.NewReader(o.list.xml(0, o.entries, 0))); err != nil {
		return err
	}
	return client.ok("<commit/>")
}

// userJSON configures the user, who may do everything.
func (s served) userJSON() []byte {
	hash, err := access.HashPassword(s.Password)
	if err != nil {
		panic(err) // a password of ours
	}
	return fmt.Appendf(nil, `{
  "mooring-system:system": {"user": [{"name": %[1]q, "password": %[2]q}]},
  "ietf-netconf-acm:nacm": {
    "groups": {"group": [{"name": "bench", "user-name": [%[1]q]}]},
    "rule-list": [{"name": "bench", "group": ["bench"], "rule": [{"name": "all", "action": "permit"}]}]
  }
}
`, s.User, hash)
}

// modules serves foreign modules: configuration in datastores and over both protocols, which nothing obeys.
func (o serveOptions) modules(ctx context.Context, dir string, at *served, log *slog.Logger) (end func() error, err error) {
	s, err := o.compile(filepath.Join(dir, "yang"))
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	events := notify.NewLog(s, notify.Limits{})
	store, err := datastore.Open(ctx, datastore.Options{
		Schema: s, Dir: root, Log: log, Confirmations: events.Confirmation,
		Startup: func() (*tree.Node, error) {
			return tree.DecodeJSON(bytes.NewReader(at.userJSON()), s.Root, tree.DecodeOptions{})
		},
	})
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	keys, err := access.LoadKeys(root, "localhost", time.Now())
	if err != nil {
		return nil, errors.Join(err, store.Close(), root.Close())
	}
	running := func() *tree.Node { return store.Running().Root }
	users, control, view := &access.Users{Running: running}, access.NewControl(running), state.New(s, 0)
	g, err := gnmi.New(gnmi.Options{
		Store: store, State: view, Access: control, Users: users, Log: log,
		Certificate: func() *tls.Certificate { return &keys.Certificate },
	})
	if err != nil {
		return nil, errors.Join(err, store.Close(), root.Close())
	}
	n, err := netconf.New(netconf.Options{Store: store, State: view, Access: control, Users: users, Events: events, Log: log, HostKey: keys.Host,
		Certificate: func() *tls.Certificate { return &keys.Certificate }})
	if err != nil {
		g.Close()
		return nil, errors.Join(err, store.Close(), root.Close())
	}
	files, err := reachFiles(root, at)
	if err != nil {
		n.Close()
		g.Close()
		return nil, errors.Join(err, store.Close(), root.Close())
	}
	n.ReachURLs(&urls.Files{Config: urls.Config{File: true}, Folder: files})
	unfollow := events.Follow(store)
	n.SSH.Prepare(ctx, anyPort).Apply()
	n.TLS.Prepare(ctx, anyPort).Apply()
	g.Prepare(ctx, anyPort).Apply()
	end = func() error {
		n.Close()
		g.Close()
		unfollow()
		return errors.Join(store.Close(), files.Close(), root.Close())
	}
	if at.NETCONF, err = onlyAddress(n.SSH.Status()); err != nil {
		return nil, errors.Join(err, end())
	}
	if at.TLS, err = onlyAddress(n.TLS.Status()); err != nil {
		return nil, errors.Join(err, end())
	}
	if at.GNMI, err = onlyAddress(g.Status()); err != nil {
		return nil, errors.Join(err, end())
	}
	return end, nil
}

// reachFiles makes a folder for file URLs: whoever tests modules of his own may want the capability, and the folder is ours.
func reachFiles(root *os.Root, at *served) (*os.Root, error) {
	const name = "files"
	if err := root.Mkdir(name, 0o700); err != nil {
		return nil, err
	}
	at.Files = filepath.Join(root.Name(), name)
	return root.OpenRoot(name)
}

func onlyAddress(bound []netip.AddrPort, err error) (string, error) {
	if err != nil || len(bound) == 0 {
		return "", cmp.Or(err, errors.New("nothing listens"))
	}
	return bound[0].String(), nil
}

// compile compiles the files, what stands in their folders for them to import, and of our modules those that the servers themselves
// need. All of it is brought together in dir.
func (o serveOptions) compile(dir string) (*schema.Schema, error) {
	if err := os.CopyFS(dir, yang.FS); err != nil {
		return nil, err
	}
	sources := slices.DeleteFunc(model.Sources(), func(m schema.Source) bool {
		return strings.HasPrefix(m.Name, "mooring-pmipv6") || m.Name == "mooring-deviations"
	})
	for _, file := range o.yang {
		if err := copyYANG(filepath.Dir(file), dir); err != nil {
			return nil, err
		}
		base, isYANG := strings.CutSuffix(filepath.Base(file), ".yang")
		if _, err := os.Stat(file); err != nil || !isYANG {
			return nil, cmp.Or(err, fmt.Errorf("%s: it has to be called NAME.yang", file))
		}
		name, revision, _ := strings.Cut(base, "@")
		sources = append(sources, schema.Source{Name: name, Revision: revision, Implement: true, Features: []string{"*"}})
	}
	return schema.Compile(os.DirFS(dir), sources...)
}

// copyYANG copies the modules of a folder that are not in another yet.
func copyYANG(from, to string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.yang"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if present, _ := filepath.Glob(filepath.Join(to, "*", filepath.Base(file))); len(present) > 0 {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
