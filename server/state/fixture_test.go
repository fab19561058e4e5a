package state

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/aaa/client"
	"mooring/mobility/attach"
	"mooring/mobility/binding"
	"mooring/mobility/journal"
	"mooring/mobility/lma"
	"mooring/mobility/mag"
	"mooring/mobility/pool"
	"mooring/mobility/transport"
	"mooring/mobility/trie"
	"mooring/mobility/wire"
	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// element compiles the schema that an element serves. It takes a while.
var element = sync.OnceValue(func() *schema.Schema {
	s, err := model.Schema()
	if err != nil {
		panic(err)
	}
	return s
})

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// domain is an LMA and two MAGs, real machines whose messages reach each other at once.
type domain struct {
	t      testing.TB
	now    time.Time
	seq    uint16 // of ask
	cut    bool   // nothing can be sent
	config *mobility.Config
	lma    *lma.Machine
	mag    *mag.Machine
	away   *mag.Machine // the gateway that nodes move to; it is not part of the element
	tables struct{ lma, mag *binding.Table }
	state  *State
	plane  *plane
	src    Sources
}

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func newDomain(t testing.TB) *domain {
	t.Helper()
	d := &domain{t: t, now: start, plane: &plane{}}
	common := &mobility.Domain{
		Name: "example.net", LinkLocal: netip.IPv6Unspecified(), Profiles: store{
			"@example.net":   {Name: "@example.net", Network: "home", Service: mobility.ServiceDual},
			"n1@example.net": {Name: "n1@example.net", Network: "home", Service: mobility.ServiceDual},
			epcRealm:         {Name: epcRealm, Network: "home", Service: mobility.ServiceDual},
			"@cust.example":  {Name: "@cust.example", Network: "cust", Service: mobility.ServiceDual, Customer: "CUST1"},
			"@pool.example":  {Name: "@pool.example", Network: "drawing", Service: mobility.ServiceDual},
			"@example.org":   {Name: "@example.org", Network: "tiny", Service: mobility.ServiceDual},
		},
	}
	var peers trie.Map[*mobility.Peer]
	for _, p := range []mobility.Peer{{Name: "mag1", Domain: "example.net", Addresses: []netip.Addr{addr("2001:db8::11")}},
		{Name: "mag3%other", Domain: "other", Addresses: []netip.Addr{addr("198.51.100.3")}, Encap: dataplane.EncapGRE, Transport: mobility.OverIPv6}} {
		peers = peers.With(p.Name, &p, nil)
	}
	anchor := &mobility.LMA{
		Name: "lma1", Domain: common, Addresses: []netip.Addr{addr("2001:db8::1"), addr("198.51.100.1")}, MaxPrefixes: 2, MaxBindings: 2_000_000,
		Lifetime: 600 * time.Second, Refresh: 300 * time.Second, DeleteWait: 10 * time.Second, CreateWait: time.Second, TimestampWindow: 7 * time.Second,
		LearnPeers: true, AcceptForcedUDP: true, Peers: peers, Networks: map[string]*mobility.Network{
			"home": {Name: "home", Pools: []mobility.Pool{
				{Start: addr("10.0.0.2"), Bits: 8, Unit: 32, Router: addr("10.0.0.1")}, {Start: addr("2001:db8:8000::"), Bits: 33, Unit: 64}}},
			"tiny": {Name: "tiny", Pools: []mobility.Pool{ // no home address and one prefix
				{Start: addr("192.0.2.2"), Bits: 30, Unit: 32, Router: addr("192.0.2.2")}, {Start: addr("2001:db8:7000::"), Bits: 64, Unit: 64},
				{Start: addr("20.20.20.1"), Bits: 28, Unit: 28, Mobile: true}, {Start: addr("2002:20:0:1::1"), Bits: 64, Unit: 64, Mobile: true}}},
			"drawing": {Name: "drawing", Pools: []mobility.Pool{{Start: addr("2001:db8:6000::1"), End: addr("2001:db8:6000::2"), Bits: 64, Unit: 64, Shared: "pool6"}}},
		}, Customers: map[string]*mobility.Customer{"CUST1": {Name: "CUST1", VRF: "VRF1", Transports: []mobility.VRFAddr{{VRF: "CUSTSP", Addr: addr("15.15.15.2")}},
			Networks: map[string]*mobility.Network{"cust": {Name: "cust", Pools: []mobility.Pool{
				{Start: addr("192.0.2.2"), Bits: 30, Unit: 32, Router: addr("192.0.2.2")}, {Start: addr("2001:db8:7000::"), Bits: 64, Unit: 64},
				{Start: addr("20.20.20.1"), Bits: 24, Unit: 25, Mobile: true}, {Start: addr("2002:20:0:1::1"), Bits: 64, Unit: 64, Mobile: true}}}}}},
	}
	d.config = &mobility.Config{LMAs: map[string]*mobility.LMA{"lma1": anchor}, MAGs: map[string]*mobility.MAG{"mag1": gateway(common, "mag1", "2001:db8::11")}}
	d.tables.lma, d.tables.mag = binding.New(), binding.New()
	d.lma, d.mag = lma.New(start, anchor, d.tables.lma, 0), mag.New(start, d.config.MAGs["mag1"], d.tables.mag, 0)
	d.away = mag.New(start, gateway(common, "mag2", "2001:db8::12"), binding.New(), 0)
	d.src = d.sources()
	d.state = New(element(), 10*time.Millisecond)
	if err := d.state.MountElement(d.src); err != nil {
		t.Fatal(err)
	}
	return d
}

// epcRealm is of nodes that are identified by their IMSI.
const epcRealm = "@nai.epc.mnc015.mcc234.3gppnetwork.org"

// store is a policy store.
type store map[string]*mobility.Profile

func (s store) Node(nai []byte) *mobility.Profile    { return s[string(nai)] }
func (s store) Realm(realm []byte) *mobility.Profile { return s[string(realm)] }
func (s store) Named(name string) *mobility.Profile  { return s[name] }

func (s store) Rehomed(mobility.Profiles) iter.Seq[string] { return func(func(string) bool) {} } // no customer gets another name

func gateway(in *mobility.Domain, name, address string) *mobility.MAG {
	return &mobility.MAG{
		Name: name, Domain: in, Addresses: []netip.Addr{addr(address)}, MaxBindings: 1000, Lifetime: 600 * time.Second, Refresh: 200 * time.Second,
		InitialRetransmit: time.Second, MaxRetransmit: 32 * time.Second, APN: "internet.example", APNLabels: true,
		Anchors: []mobility.Peer{{Name: "lma1", Domain: "example.net", Addresses: []netip.Addr{addr("2001:db8::1")}}},
		Links: []mobility.AccessLink{{Name: "access0", Access: wire.Access80211, Realm: "example.net", Nodes: trie.Map[mobility.NodeID]{}.
			With("\x02\x00\x00\x00\x00\x01", mobility.NAI("n1@example.net"), nil).With("\x02\x00\x00\x00\x00\x04", mobility.NAI("0234150999999999"+epcRealm), nil)}},
	}
}

// sources are the machines and, around them, an element that says something of everything.
func (d *domain) sources() Sources {
	anchor := LMA{Name: "lma1", Table: d.tables.lma, Statistics: d.lma.Statistics(),
		Peers: func(context.Context) ([]lma.PeerState, error) { return slices.Collect(d.lma.Peers), nil },
		Networks: func(context.Context) (map[string][]pool.Usage, error) {
			usage := map[string][]pool.Usage{}
			d.lma.Networks(func(name string, pools []pool.Usage) bool {
				usage[name] = pools
				return true
			})
			return usage, nil
		},
		Customers: func(context.Context) ([]lma.CustomerState, error) { return slices.Collect(d.lma.Customers), nil },
		Session:   func(id dataplane.SessionID) dataplane.SessionID { return id | 1<<40 },
		Health:    d.lma.Health,

		Entitlement: func(context.Context) (lma.EntitlementState, error) { return d.lma.Entitlement(), nil }}
	gateway := MAG{Name: "mag1", Table: d.tables.mag, Statistics: d.mag.Statistics(),
		Anchors: func(context.Context) ([]mag.AnchorState, error) { return slices.Collect(d.mag.Anchors), nil },
		Session: func(id dataplane.SessionID) dataplane.SessionID { return id | 2<<40 }, Health: d.mag.Health}
	return Sources{
		LMAs:       func() []LMA { return []LMA{anchor} },
		MAGs:       func() []MAG { return []MAG{gateway} },
		Configured: func() *mobility.Config { return d.config },
		Signalling: func() []transport.Status {
			return []transport.Status{
				{Address: transport.Address{Addr: addr("198.51.100.1")}, Err: errors.New("the host does not have it"), Counters: transport.Counters{Received: 1, Overrun: 2, Unreadable: 3, Answered: 1, Sent: 5, Unsent: 6}},
				{Address: transport.Address{Addr: addr("2001:db8::1")}, Counters: transport.Counters{Received: 7, Unreadable: 1, Checksum: 1, Sent: 8}},
				{Address: transport.Address{Addr: addr("2001:db8::11")}, Counters: transport.Counters{Received: 9}},
				{Address: transport.Address{Addr: addr("15.15.15.2"), VRF: "CUSTSP"}, Err: errors.New("there is no CUSTSP"), Counters: transport.Counters{Received: 20, Sent: 10}},
				{Address: transport.Address{Addr: addr("2001:db8::1"), VRF: "other"}, Counters: transport.Counters{Received: 1000}},
			}
		},
		Links:      func() []attach.State { return []attach.State{{Link: "access0", Up: true}} },
		Dataplane:  d.plane,
		Accounting: accounting{},
		ProfileServers: func() []client.Status {
			return []client.Status{{Name: "r1", Down: true, Began: start, Requests: 11, Retransmissions: 12, Responses: 13, Timeouts: 14, BadResponses: 15, Accepts: 16, Rejects: 17}}
		},
		Traces: func() []Trace {
			records := []TraceRecord{{start, "received", "from 2001:db8::11: PBU"}, {start, "sent", "to 2001:db8::11: PBA"}}
			return []Trace{{false, "lma1", "n1@example.net", start, start.Add(time.Minute), 1, records}, {true, "mag1", "n1@example.net", start, start.Add(time.Minute), 0, records[:1]}}
		},
		Capabilities: func() Capabilities {
			return Capabilities{[]string{"local-mobility-anchor", "mobile-access-gateway"}, []string{"ipv4", "ipv6"}, []string{"ip-in-ip", "udptunnel"}}
		},
		Version: "0.1.0", Started: start,
		NETCONF: func() Listener {
			return Listener{[]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:830")}, "[::1]:830: address in use"}
		},
		NETCONFTLS: func() Listener {
			return Listener{[]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:6513")}, "[::1]:6513: address in use"}
		},
		CallHome: func() []Manager {
			return []Manager{{Name: "m1", Connected: true}, {Name: "m2", Error: "connection refused", Next: start.Add(time.Minute)}}
		},
		HostKeys: func() []HostKey { return []HostKey{{"ssh-ed25519", "SHA256:abc"}} },
		GNMI: func() Listener {
			return Listener{[]netip.AddrPort{netip.MustParseAddrPort("[::1]:9339")}, "127.0.0.1:9339: address in use"}
		},
		Metrics: func() Listener {
			return Listener{[]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9340")}, "[::1]:9340: address in use"}
		},
		Certificate: func() Certificate {
			return Certificate{strings.Repeat("ab:", 31) + "ab", true, start.AddDate(10, 0, 0)}
		},
		BindingStore: func() journal.Status {
			return journal.Status{State: journal.Failing, Err: errors.New("no space left on device"), Since: start, Failures: 1, Restored: 128000,
				Damage: []journal.Damage{{File: "log.00000007", Offset: 4096, Octets: 120, Reason: "the checksum is wrong"}}}
		},
		Backend: func() Backend { return Backend{"userspace", "the kernel has no tunnel driver"} },
		Interruption: func() *Interruption {
			return &Interruption{Since: start.Add(-time.Minute), Duration: 1500 * time.Millisecond, Tunnels: 2, Bindings: 40_000}
		},
		Forwarding: func() *dataplane.Config {
			return &dataplane.Config{VRFs: []dataplane.VRF{{Name: "CUSTSP", Table: 70}, {Name: "VRF1"}, {Name: "VRF2"}},
				Members:  []dataplane.Member{{Link: "ce0", VRF: "VRF1"}, {Link: "gone0", VRF: "VRF2"}},
				Policies: []dataplane.Policy{{}, {Inbound: &dataplane.Filter{}}, {Inbound: filtered}, {Inbound: filtered, ClampMSS: true}}}
		},
		Matches: func() map[dataplane.MatchKey]dataplane.Matches {
			return map[dataplane.MatchKey]dataplane.Matches{{List: "acl1", Rule: "10"}: {Packets: 31, Octets: 32}}
		},
		VRFKind: func(vrf string) string { return map[string]string{"VRF1": "vrf-interface", "VRF2": "namespace"}[vrf] },
		Commit:  func() Commit { return Commit{"17", start, "admin", d.warnings()} },
		Denied:  func() Denied { return Denied{1, 2, 3} },
	}
}

// filtered refers to a list that two tunnel ends share, with a rule for both IP versions.
var filtered = &dataplane.Filter{List: &dataplane.AccessList{Name: "acl1", V4: true, V6: true, Rules: []dataplane.AccessRule{
	{Name: "20", Version: 4}, {Name: "20", Version: 6}, {Name: "10", Version: 4, Permit: true}}}}

func (d *domain) warnings() iter.Seq[*tree.Error] {
	path, err := schema.ParsePath(element(), "/mooring-pmipv6:pmipv6/lma[name='lma1']/default-profile", element().Module)
	if err != nil {
		d.t.Fatal(err)
	}
	return slices.Values([]*tree.Error{{AppTag: "W-REF", Path: path, Message: "no profile guest"}})
}

// plane is the dataplane: what tests put into it.
type plane struct {
	mu       sync.Mutex
	tunnels  []reconcile.TunnelStatus
	sessions map[dataplane.SessionID]error
}

func (p *plane) Tunnels() ([]reconcile.TunnelStatus, dataplane.Drops) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.tunnels), dataplane.Drops{NoSession: 11, Send: 12}
}

func (p *plane) Session(id dataplane.SessionID) (reconcile.SessionStatus, bool) {
	err, ok := p.sessions[id]
	return reconcile.SessionStatus{State: reconcile.Failed, Err: err}, ok
}

// Object says that the VRF VRF1 and what is in it are well, and nothing else.
func (p *plane) Object(key any) (reconcile.ObjectStatus, bool) {
	s := reconcile.ObjectStatus{State: reconcile.Installed, Since: start}
	switch key {
	case dataplane.VRFKey("CUSTSP"):
		s = reconcile.ObjectStatus{Object: dataplane.VRF{Name: "CUSTSP", Table: 70}, State: reconcile.Failed, Err: errors.New("table 70 has routes of others"), Since: start,
			Tries: 3, RetryAt: start.Add(time.Second)}
	case dataplane.MemberKey("gone0"):
		s.State = reconcile.Pending
	}
	return s, true
}

func (p *plane) Counts() (pending, installed, failed int) { return 1, 400_000, 2 }

func (p *plane) Objects() []reconcile.ObjectStatus {
	vrf, _ := p.Object(dataplane.VRFKey("CUSTSP"))
	return []reconcile.ObjectStatus{vrf, {Object: dataplane.Member{Link: "ce0", VRF: "VRF1"}, State: reconcile.Installed, Since: start},
		{Object: dataplane.Link{Name: "access0"}, Unwanted: true, Since: start}}
}

func (p *plane) Repairs() ([]reconcile.Repair, uint64) {
	return []reconcile.Repair{{Number: 7, At: start, Object: dataplane.Member{Link: "ce0", VRF: "VRF1"}, Count: 2, Found: reconcile.Notified}}, 9
}

func (p *plane) set(tunnels ...reconcile.TunnelStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tunnels = tunnels
}

// attach lets a node appear at a gateway, and leave lets it go; all messages that follow are exchanged.
func (d *domain) attach(at *mag.Machine, node byte) { d.notice(at, mobility.NodeAttached, node) }
func (d *domain) leave(at *mag.Machine, node byte)  { d.notice(at, mobility.NodeDetached, node) }

func (d *domain) notice(at *mag.Machine, kind mobility.AttachmentKind, node byte) {
	d.now = d.now.Add(time.Millisecond)
	var out mobility.Effects
	at.Attached(d.now, mobility.Attachment{Kind: kind, Link: "access0", MAC: dataplane.MAC{2, 0, 0, 0, 0, node}}, &out)
	d.exchange(at, &out)
}

// reach lets the MAG of the element speak IPv4 with an LMA.
func (d *domain) reach(anchor, theirs, ours string) {
	m := *d.config.MAGs["mag1"]
	m.Addresses = []netip.Addr{addr(ours)}
	m.Anchors = []mobility.Peer{{Name: anchor, Domain: "example.net", Addresses: []netip.Addr{addr("2001:db8::1"), addr(theirs)}}}
	both := m
	both.Addresses = []netip.Addr{addr("2001:db8::11"), addr(ours)}
	both.ForceUDP = true // what asks for UDP goes over IPv4
	d.config.MAGs["mag1"] = &both
	var out mobility.Effects
	d.mag.Reconfigure(d.now, &both, &out)
	d.exchange(d.mag, &out)
}

// exchange carries requests to the LMA, and its answers back.
func (d *domain) exchange(from *mag.Machine, out *mobility.Effects) {
	for _, request := range out.Send {
		if d.cut {
			request.CountUnsent()
			continue
		}
		var answers, more mobility.Effects
		d.lma.Receive(d.now, inbound(request), &answers)
		for _, answer := range answers.Send {
			from.Receive(d.now, inbound(answer), &more)
		}
		d.exchange(from, &more)
	}
}

// ask sends the LMA a request from a MAG's address: for a new prefix, unless it is changed.
func (d *domain) ask(from, node string, change func(*wire.BindingUpdate)) {
	d.now, d.seq = d.now.Add(time.Millisecond), d.seq+1
	u := &wire.BindingUpdate{Seq: d.seq, Flags: wire.UpdateA | wire.UpdateP, Lifetime: 100, Options: wire.Options{
		MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte(node)}), HNPs: []wire.HNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}},
		Handoff: wire.Some(wire.HandoffUnknown), AccessType: wire.Some(wire.Access80211), LinkLayerID: wire.Some(wire.LinkLayerID(node)),
		Timestamp: wire.Some(wire.TimestampOf(d.now))}}
	if change != nil {
		change(u)
	}
	var out, answers mobility.Effects
	source, to := mobility.Endpoint{Addr: netip.AddrPortFrom(addr(from), 0)}, mobility.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::1]:0")}
	if err := out.Message(source, to, u, mobility.Signature{}, 0); err != nil {
		d.t.Fatal(err)
	}
	d.lma.Receive(d.now, inbound(out.Send[0]), &answers)
	for _, answer := range answers.Send {
		if d.cut {
			answer.CountUnsent()
		}
	}
}

// reconfigure has the LMA obey a configuration that differs by what change does.
func (d *domain) reconfigure(change func(*mobility.LMA)) {
	anchor := *d.config.LMAs["lma1"]
	change(&anchor)
	d.config.LMAs["lma1"] = &anchor
	d.lma.Reconfigure(d.now, &anchor, new(mobility.Effects))
}

// beat lets the LMA and the MAG ask each other for a sign of life.
func (d *domain) beat() {
	h := mobility.Heartbeat{Interval: time.Minute, Timeout: 10 * time.Second, Retries: 3}
	anchor, gateway := *d.config.LMAs["lma1"], *d.config.MAGs["mag1"]
	anchor.Heartbeat, gateway.Heartbeat = h, h
	d.config.LMAs["lma1"], d.config.MAGs["mag1"] = &anchor, &gateway
	var requests, answers mobility.Effects
	d.lma.Reconfigure(d.now, &anchor, &requests)
	d.mag.Reconfigure(d.now, &gateway, &requests)
	requests.Reset()
	d.mag.Advance(d.now, &requests)
	d.exchange(d.mag, &requests)
	requests.Reset()
	d.lma.Advance(d.now, &requests)
	for _, request := range requests.Send {
		d.mag.Receive(d.now, inbound(request), &answers)
	}
	for _, answer := range answers.Send {
		d.lma.Receive(d.now, inbound(answer), &mobility.Effects{})
	}
}

// revoke counts revocations, of each kind another number.
func (d *domain) revoke() {
	count := func(c *mobility.Statistics) {
		c.BRISent.Add(wire.TriggerAdministrative)
		c.BRIReceived.Add(wire.TriggerUserInitiated)
		for range 2 {
			c.BRASent.Add(wire.RevocationNoBinding)
		}
		for range 3 {
			c.BRAReceived.Add(wire.RevocationSuccess)
		}
		c.BRIUnsent.Add(4)
		c.BRAUnsent.Add(5)
		c.BRIDiscarded.Add(6)
		c.BRADiscarded.Add(7)
	}
	for p := range d.lma.Peers {
		if p.Name == "mag1" {
			count(p.Statistics)
		}
	}
	for a := range d.mag.Anchors {
		count(a.Statistics)
	}
}

// twice asks for two mobile networks of one IP version.
var twice = [][]wire.DMNP{
	slices.Repeat([]wire.DMNP{{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}}, 2), slices.Repeat([]wire.DMNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}}, 2),
}

// exhaust asks for more than the tiny network has.
func (d *domain) exhaust() {
	d.ask("2001:db8::11", "n@example.org", func(u *wire.BindingUpdate) { u.HNPs = append(u.HNPs, u.HNPs...) })
	d.ask("2001:db8::11", "n@example.org", func(u *wire.BindingUpdate) {
		u.HNPs, u.IPv4HoARequests = nil, []wire.IPv4HoARequest{{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}}
	})
	d.ask("2001:db8::11", "n@pool.example", func(u *wire.BindingUpdate) { u.HNPs = append(u.HNPs, u.HNPs...) })
	for _, any := range twice {
		d.ask("2001:db8::11", "n@example.org", func(u *wire.BindingUpdate) { u.DMNPs = any })
	}
}

// garble lets a message with a wrong checksum arrive, at the LMA from the MAG and the other way round.
func (d *domain) garble() {
	anchor, gateway := mobility.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::1]:0")}, mobility.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::11]:0")}
	wrong := &wire.DecodeError{Kind: wire.KindChecksum}
	d.lma.Receive(d.now, &mobility.Inbound{From: gateway, To: anchor, Err: wrong}, &mobility.Effects{})
	d.mag.Receive(d.now, &mobility.Inbound{From: anchor, To: gateway, Err: wrong}, &mobility.Effects{})
}

func inbound(sent mobility.Datagram) *mobility.Inbound {
	in := &mobility.Inbound{From: sent.From, To: sent.To, Octets: sent.Octets}
	in.Message, in.Err = wire.Parse(sent.Octets)
	return in
}

// advance lets time pass for the LMA.
func (d *domain) advance(by time.Duration) {
	d.now = d.now.Add(by)
	var out mobility.Effects
	d.lma.Advance(d.now, &out)
}

// get reads everything that a path is about, as one JSON text for each row, sorted.
func (d *domain) get(path string) []string {
	d.t.Helper()
	p, err := schema.ParsePath(element(), path, element().Module)
	if err != nil {
		d.t.Fatal(err)
	}
	var texts []string
	for _, v := range d.state.At(p) {
		for row, err := range v.Rows(d.t.Context()) {
			if err != nil {
				d.t.Fatal(err)
			}
			texts = append(texts, d.text(row))
		}
	}
	slices.Sort(texts)
	return texts
}

// text renders a row at the domain's time, with its path before it.
func (d *domain) text(row Row) string {
	r := NewRenderer()
	path := strings.ReplaceAll(strings.ReplaceAll(row.Path().String(), "mooring-pmipv6:pmipv6/", ""), "mooring-system:", "")
	if row.Gone() {
		return path + " gone"
	}
	n := r.Render(row, d.now)
	return fmt.Sprintf("%s %s", path, tree.AppendJSON(nil, n, n.Schema().Module))
}
