package element

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netlink"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/aaa/accountant"
	"mooring/mobility/aaa/client"
	"mooring/mobility/aaa/disconnect"
	"mooring/mobility/attach"
	"mooring/mobility/engine"
	"mooring/mobility/journal"
	"mooring/mobility/transport"
	"mooring/server/access"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/gnmi"
	"mooring/server/ios"
	"mooring/server/metrics"
	"mooring/server/model"
	"mooring/server/netconf"
	"mooring/server/notify"
	"mooring/server/state"
	"mooring/server/tree"
)

// Options of an Element.
type Options struct {
	StateDir string // is made where it is missing
	// Startup is a file that is committed when the state folder has no configuration, or always with StartupReplace: RFC 7951
	// JSON, or XML. Empty: none.
	Startup        string
	StartupReplace bool
	StartupFrom    ios.Dialect // 0: Startup is JSON or XML; else it is a text of that dialect
	// NETCONF, GNMI and Metrics are where the servers listen, whatever the configuration says; nil leaves it to the configuration.
	NETCONF, GNMI, Metrics []netip.AddrPort
	Version                string
	Log                    *slog.Logger
}

// Element is a running network element: LMAs, MAGs, or both.
type Element struct {
	Options
	started     time.Time
	startupUsed bool
	parsed      func() (*tree.Node, error) // the startup file, where it was read before the dataplane was opened
	folder      *folder
	keys        *access.Keys
	certificate *access.Certificate

	plane      *backend.Plane
	matches    matches // of access lists
	reconciler *reconcile.Reconciler
	bindings   *journal.Journal
	// interruption is the one before the start, once it is over; nil where there was none.
	interruption atomic.Pointer[state.Interruption]
	sockets      *transport.Sockets
	engine       *engine.Engine
	access       *attach.Server

	accounting  *accountant.Accountant
	asker       *client.Asker // asks RADIUS servers about nodes
	disconnects *disconnect.Server

	translator     *apply.Translator
	store          *datastore.Store
	state          *state.State
	events         *notify.Log
	unfollow       func() // ends the events about commits
	notifications  *notifications
	complaints     complaints
	tracer         *tracer
	control        *access.Control
	ssh, tls, gnmi *listener // NETCONF over SSH and over TLS, gNMI
	metrics        *listener
	netconf        *netconf.Server
	measurer       *metrics.Server              // serves metrics
	servers        []interface{ Close() }       // those that let somebody in
	running        atomic.Pointer[apply.Config] // what all parts obey
	forced         bool                         // the change that is prepared may not be refused; commits take turns

	parts *errgroup.Group // those with a loop
	stop  context.CancelFunc
	ended context.Context // when a part failed, or all were stopped
	close sync.Once
}

// Start starts an element and returns when it obeys its configuration. ctx bounds the start alone. The error is a *ConfigError
// where a configuration makes no sense, and is ErrPrivilege or ErrInUse where that is the reason.
func Start(ctx context.Context, o Options) (*Element, error) {
	e := &Element{
		Options: o, started: time.Now(),
		ssh:     &listener{fixed: o.NETCONF, configured: func(m *apply.Management) apply.Listener { return m.NETCONF }},
		tls:     &listener{configured: func(m *apply.Management) apply.Listener { return m.NETCONFTLS }},
		gnmi:    &listener{fixed: o.GNMI, configured: func(m *apply.Management) apply.Listener { return m.GNMI }},
		metrics: &listener{fixed: o.Metrics, configured: func(m *apply.Management) apply.Listener { return m.Metrics }},
	}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Element) start(ctx context.Context) (err error) {
	if err := checkPrivileges(); err != nil {
		return err
	}
	if e.StateDir, err = filepath.Abs(e.StateDir); err != nil { // others are told names in it
		return fmt.Errorf("state folder: %w", err)
	}
	if e.folder, err = openFolder(e.StateDir); err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	if e.keys, err = access.LoadKeys(e.folder.Root, hostname, e.started); err != nil {
		return err
	}
	e.certificate = access.NewCertificate(e.folder.Root, e.keys, e.Log)
	if err := e.readStartup(); err != nil {
		return err
	}
	if err := e.startParts(); err != nil {
		return err
	}
	if err := e.openStore(ctx); err != nil {
		return err
	}
	return e.startServers(ctx)
}

// startParts makes the parts that signal and forward, connects them, and lets them run. They do nothing until they are configured.
func (e *Element) startParts() (err error) {
	s, err := model.Schema()
	if err != nil {
		return err
	}
	e.events = notify.NewLog(s, notify.Limits{})
	e.notifications, e.tracer = newNotifications(e.events), newTracer(e.events)
	if e.plane, err = backend.Open(backend.Options{Log: e.Log, Names: e.vrfNames(), Notes: netlink.Notes{Folder: filepath.Join(e.StateDir, carriedDir)}, Renewed: e.renewed}); err != nil {
		return err
	}
	e.matches.read = e.plane.Matches
	processor := NewProcessor()
	e.reconciler = reconcile.New(e.plane, reconcile.Options{
		Log:      e.Log,
		Results:  func(r []dataplane.Result) { e.engine.Installed(r) },
		Links:    func(event dataplane.Event) { e.access.Link(event) },
		Repaired: e.repaired,
		Settled:  e.interrupted,
		Removing: processor.Busy,
	})
	if e.bindings, err = openBindings(e.folder.Root, e.Log); err != nil {
		return err
	}
	e.openAccounting()
	e.sockets = transport.NewSockets(transport.Options{Log: e.Log, Enter: e.plane.InVRF})
	e.access = attach.New(attach.Options{Log: e.Log, Attached: func(a mobility.Attachment) { e.engine.Attached(a) }})
	e.engine = engine.New(engine.Options{
		Log: e.Log, Transport: e.sockets, Dataplane: e.reconciler, Store: e.bindings, Grants: e.access.Grants, Ask: e.ask, Events: e.happened, Records: e.tracer.took,
	})
	e.tracer.engine = e.engine
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.parts, e.ended = errgroup.WithContext(ctx)
	e.parts.Go(func() error { TendHeap(e.ended); return nil })
	e.parts.Go(func() error { processor.Share(e.ended); return nil })
	e.parts.Go(func() error { e.folder.stay(e.ended); return nil })
	for _, run := range []func(context.Context) error{e.engine.Run, e.access.Run, e.reconciler.Run, e.accounting.Run} {
		e.parts.Go(func() error { return run(e.ended) })
	}
	return nil
}

// openStore puts the configuration into force.
func (e *Element) openStore(ctx context.Context) error {
	s, err := model.Schema()
	if err != nil {
		return err
	}
	if e.translator, err = apply.New(s); err != nil {
		return err
	}
	e.running.Store(&apply.Config{Mobility: &mobility.Config{}, Dataplane: &dataplane.Config{}}) // what parts obey that were told nothing
	e.state = state.New(s, 0)
	e.state.Log = e.Log
	if err := e.state.MountElement(e.sources()); err != nil {
		return err
	}
	e.store, err = datastore.Open(ctx, datastore.Options{
		Schema: s, Dir: e.folder.Root, Pipeline: e.pipeline(e.translator), Log: e.Log,
		Startup: e.startup(), StartupReplace: e.StartupReplace, Confirmations: e.events.Confirmation,
	})
	if err != nil {
		return e.asConfigError(err)
	}
	e.unfollow = e.events.Follow(e.store)
	e.control = access.NewControl(e.root)
	return nil
}

// startServers lets users in.
func (e *Element) startServers(ctx context.Context) error {
	users := &access.Users{Running: e.root}
	g, err := gnmi.New(gnmi.Options{
		Store: e.store, State: e.state, Access: e.control, Users: users, Log: e.Log,
		Certificate: e.certificate.Current,
	})
	if err != nil {
		return err
	}
	e.servers = append(e.servers, g)
	n, err := netconf.New(netconf.Options{
		Store: e.store, State: e.state, Access: e.control, Users: users, Events: e.events, Log: e.Log, HostKey: e.keys.Host,
		Certificate: e.certificate.Current, Actions: e.actions(e.store.Schema()), Files: e.reachable(e.running.Load().Manage.URLs),
	})
	if err != nil {
		return err
	}
	e.servers = append(e.servers, n)
	e.netconf = n
	if e.measurer, err = metrics.New(metrics.Options{State: e.state, Certificate: e.certificate.Current, Log: e.Log}); err != nil {
		return err
	}
	e.servers = append(e.servers, e.measurer)
	e.measurer.Secure(e.running.Load().Manage.MetricsTLS)
	local, err := e.folder.listenLocal(SocketFile)
	if err != nil {
		return err
	}
	localNETCONF, err := e.folder.listenLocal(NETCONFFile)
	if err != nil {
		return errors.Join(err, local.Close())
	}
	if err := errors.Join(e.ssh.begin(ctx, n.SSH), e.tls.begin(ctx, n.TLS), e.gnmi.begin(ctx, g), e.metrics.begin(ctx, e.measurer)); err != nil {
		return errors.Join(err, local.Close(), localNETCONF.Close())
	}
	n.ServeLocal(localNETCONF)
	n.CallHome.Configure(managers(e.running.Load().Manage))
	g.ServeLocal(local)
	return nil
}

// root is the running configuration.
func (e *Element) root() *tree.Node { return e.store.Running().Root }

// Wait returns nil when ctx ends, and sooner when a part of the element failed.
func (e *Element) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-e.ended.Done():
		return fmt.Errorf("the element stopped by itself: %w", context.Cause(e.ended))
	}
}

// Close stops the element and takes what it made on the host back. Peers are told nothing: their bindings last until their
// lifetimes end, so that a restart costs no registration. Who wants to take leave of them disables LMAs and MAGs in the
// configuration first.
func (e *Element) Close() (err error) {
	e.close.Do(func() { err = e.closeAll() })
	return err
}

func (e *Element) closeAll() error {
	var errs []error
	for _, s := range e.servers {
		s.Close()
	}
	if e.store != nil {
		e.unfollow()
		errs = append(errs, e.store.Close())
	}
	if e.parts != nil {
		e.tracer.close()
		e.stop()
		e.parts.Wait() // what made a part fail, Wait has told
		e.disconnects.Close()
		e.asker.Close()
		errs = append(errs, e.accounting.Close(), e.sockets.Close(), e.clearHost()) // counters are read while they are there
	}
	if e.bindings != nil {
		errs = append(errs, e.bindings.Close())
	}
	if e.plane != nil {
		errs = append(errs, e.plane.Close())
	}
	if e.folder != nil {
		errs = append(errs, e.folder.Close())
	}
	return errors.Join(errs...)
}

// clearHost removes everything that the plane holds. Nothing is forwarded in user space once the process has ended.
func (e *Element) clearHost() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var batch []dataplane.Op
	for object, err := range e.plane.Dump(ctx) {
		if err != nil {
			return err
		}
		batch = append(batch, dataplane.Op{Delete: true, Object: object})
	}
	slices.SortStableFunc(batch, func(a, b dataplane.Op) int { return cmp.Compare(leantOn(a.Object), leantOn(b.Object)) })
	return errors.Join(e.plane.Apply(ctx, batch)...)
}

// leantOn orders objects for their removal: what others lean on goes last.
func leantOn(o dataplane.Object) int {
	switch o.(type) {
	case dataplane.Tunnel:
		return 1
	case dataplane.Link:
		return 2
	case dataplane.Member:
		return 3
	case dataplane.VRF:
		return 4
	}
	return 0
}
