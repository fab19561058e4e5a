package engine

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/scenario"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

var (
	_ Transport = (*transport.Sockets)(nil)
	_ Transport = (*transport.Host)(nil)
	_ Dataplane = (*reconcile.Reconciler)(nil)
)

func TestMain(m *testing.M) { netns.Main(m) }

// station is an element with everything around it.
type station struct {
	*Engine
	t     testing.TB
	plane *plane
	stop  func() // and wait

	mu     sync.Mutex
	grants map[place]mobility.Grant // what each node was offered last
	served map[dataplane.MAC]bool   // who was ever offered a prefix
	events []Event
}

type place struct {
	link string
	mac  dataplane.MAC
}

// start runs an element. It ends with the test.
func start(t testing.TB, carrier Transport, change func(*Options)) *station {
	s := &station{t: t, plane: newPlane(), grants: map[place]mobility.Grant{}, served: map[dataplane.MAC]bool{}}
	o := Options{Transport: carrier, Dataplane: s.plane, Grants: s.grant, Events: s.event}
	if change != nil {
		change(&o)
	}
	s.Engine = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	s.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(s.stop)
	return s
}

// on runs an element on a host of a memory network.
func on(t testing.TB, net *transport.Memory, config *mobility.Config) *station {
	t.Helper()
	host := net.Host()
	s := start(t, host, nil)
	t.Cleanup(func() { host.Close() })
	s.commit(config)
	return s
}

func (s *station) commit(config *mobility.Config) {
	s.t.Helper()
	c, err := s.Prepare(s.t.Context(), nil, config)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(s.LMAs())+len(s.MAGs()) == 0 { // what is stored is not foretold
		c.Apply()
		return
	}
	planned := s.planned(config)
	c.Vacate()
	c.Apply()
	if done := s.plane.wanted(); !reflect.DeepEqual(planned, done) {
		s.t.Errorf("planned was\n%+v\nand wanted is\n%+v", planned, done)
	}
}

// planned is what the dataplane is to have when config is obeyed, as it is foretold.
func (s *station) planned(config *mobility.Config) map[dataplane.SessionID]*dataplane.Session {
	s.t.Helper()
	changes, err := s.Preview(s.t.Context(), config)
	if err != nil {
		s.t.Fatal(err)
	}
	sessions := s.plane.wanted()
	for _, c := range changes {
		if sessions[c.ID] = c.Session; c.Session == nil {
			delete(sessions, c.ID)
		}
	}
	return sessions
}

func (s *station) grant(list []mobility.Grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range list {
		s.grants[place{g.Link, g.MAC}] = g
		s.served[g.MAC] = s.served[g.MAC] || len(g.Prefixes) > 0
	}
}

func (s *station) event(list []Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, list...)
}

// forget drops what was noted so far.
func (s *station) forget() {
	s.plane.results()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.grants)
	s.events = nil
}

// attach lets a node appear.
func (s *station) attach(link string, mac dataplane.MAC) {
	s.Attached(mobility.Attachment{Kind: mobility.NodeAttached, Link: link, MAC: mac})
}

func (s *station) detach(link string, mac dataplane.MAC) {
	s.Attached(mobility.Attachment{Kind: mobility.NodeDetached, Link: link, MAC: mac})
}

// install reports every session as installed that was not reported before.
func (s *station) install() {
	if results := s.plane.results(); len(results) > 0 {
		s.Installed(results)
	}
}

// rows lists the bindings of all machines, one line each.
func (s *station) rows() (lines []string) {
	for _, l := range s.LMAs() {
		for b := range l.Table.All() {
			lines = append(lines, row(l.Name, b))
		}
	}
	for _, m := range s.MAGs() {
		for b := range m.Table.All() {
			lines = append(lines, row(m.Name, b))
		}
	}
	slices.Sort(lines)
	return lines
}

func row(machine string, b *mobility.Binding) string {
	return fmt.Sprintf("%s: %v %v %v %v to %v, install %d", machine, b.Node, b.State, b.Prefixes, b.Home, b.Ends.Value().Remote.Addr(), b.Install)
}

// plane is a Dataplane that remembers.
type plane struct {
	mu       sync.Mutex
	sessions map[dataplane.SessionID]*dataplane.Session
	fresh    []dataplane.Result
	room     chan struct{}
}

func newPlane() *plane {
	p := &plane{sessions: map[dataplane.SessionID]*dataplane.Session{}, room: make(chan struct{})}
	close(p.room)
	return p
}

func (p *plane) Want(changes []dataplane.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range changes {
		delete(p.sessions, c.ID)
		if c.Session != nil {
			p.sessions[c.ID] = c.Session
			p.fresh = append(p.fresh, dataplane.Result{ID: c.ID})
		}
	}
}

func (p *plane) Room() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.room
}

// fill leaves no room until the function that it returns is called.
func (p *plane) fill() (empty func()) {
	room := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room = room
	return func() { close(room) }
}

func (p *plane) results() []dataplane.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := p.fresh
	p.fresh = nil
	return fresh
}

// wanted returns the sessions by identifier.
func (p *plane) wanted() map[dataplane.SessionID]*dataplane.Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.sessions)
}

// The addresses of the test domain.
const (
	lma6, lma4   = "2001:db8:ffff::1", "198.51.100.1"
	mag16, mag14 = "2001:db8:1::1", "192.0.2.1"
	mag26, mag24 = "2001:db8:2::1", "192.0.2.2"
)

func addrs(list ...string) (all []netip.Addr) {
	for _, a := range list {
		all = append(all, netip.MustParseAddr(a))
	}
	return all
}

func domain() *mobility.Domain {
	return &mobility.Domain{Name: "d1", Profiles: scenario.Profiles{
		"@example.com": {Name: "@example.com", Network: "net1", Service: mobility.ServiceDual},
	}}
}

func anchorConfig(name string, addresses ...string) *mobility.LMA {
	return &mobility.LMA{
		Name: name, Domain: domain(), Addresses: addrs(addresses...),
		MaxPrefixes: 3, MaxBindings: 128000, Lifetime: time.Hour, DeleteWait: 10 * time.Second, CreateWait: 1500 * time.Millisecond,
		TimestampWindow: 300 * time.Millisecond, LearnPeers: true,
		Networks: map[string]*mobility.Network{"net1": {Name: "net1", Pools: []mobility.Pool{
			{Start: netip.MustParseAddr("2001:db8:a::"), Bits: 48, Unit: 64},
			{Start: netip.MustParseAddr("10.1.0.2"), Bits: 16, Unit: 32, Router: netip.MustParseAddr("10.1.0.1")},
		}}},
	}
}

func gatewayConfig(name string, anchors []string, links []string, addresses ...string) *mobility.MAG {
	m := &mobility.MAG{
		Name: name, Domain: domain(), Addresses: addrs(addresses...),
		Anchors:     []mobility.Peer{{Name: "lma1", Addresses: addrs(anchors...)}},
		MaxBindings: 10000, Lifetime: time.Hour, Refresh: 5 * time.Minute,
		InitialRetransmit: time.Second, MaxRetransmit: 32 * time.Second,
	}
	for _, link := range links {
		m.Links = append(m.Links, mobility.AccessLink{Name: link, Access: wire.Access80211, Realm: "example.com"})
	}
	return m
}

func justLMA(l *mobility.LMA) *mobility.Config {
	return &mobility.Config{LMAs: map[string]*mobility.LMA{l.Name: l}}
}

func justMAG(m *mobility.MAG) *mobility.Config {
	return &mobility.Config{MAGs: map[string]*mobility.MAG{m.Name: m}}
}

// pass lets time pass, and everything happen that happens meanwhile.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%q\nwant\n%q", what, got, want)
	}
}
