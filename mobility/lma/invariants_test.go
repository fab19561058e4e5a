package lma

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// world is a domain of MAGs that speak at random, and what the dataplane was told.
type world struct {
	*Machine
	t        testing.TB
	rnd      *rand.Rand
	now      time.Time
	sessions map[dataplane.SessionID]*dataplane.Session
	held     map[*mobility.Holding]mobility.Holding // as it was after the last step
	stored   map[dataplane.SessionID]*mobility.Binding
	heard    map[dataplane.SessionID]*mobility.Binding // of events
	told     []told
	asked    []mobility.Question // that nobody has answered yet
}

// told is an indication that a MAG was sent.
type told struct {
	mag, anchor mobility.Endpoint
	bri         *wire.Revocation
}

// TestMLL20_Invariants lets MAGs send whatever comes to their mind. However odd the history, the table, the pools, the peers and what
// the dataplane was told agree.
func TestMLL20_Invariants(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			w.cfg.AwaitInstall = seed%2 == 1
			for range 4000 {
				w.step()
				w.check()
			}
			for _, status := range []wire.Status{wire.StatusDMNPInUse, wire.StatusNotAuthorizedForDMNP, wire.StatusInsufficientResources} {
				if w.stats.PBASent.Load(status) < 10 {
					t.Errorf("the history is dull: %d requests were refused with %v", w.stats.PBASent.Load(status), status)
				}
			}
			answered, revoked := w.stats.BRAReceived.Load(wire.RevocationSuccess), w.stats.BRASent.Load(wire.RevocationSuccess)
			if answered < 10 || revoked < 5 {
				t.Errorf("the history is dull: %d revocations were answered, %d obeyed", answered, revoked)
			}
			if w.stats.Handover.Load() == 0 || w.stats.Deregistration.Load() == 0 || w.stats.Initial.Load() < 100 {
				t.Errorf("the history is dull: %d new, %d moved, %d ended", w.stats.Initial.Load(), w.stats.Handover.Load(), w.stats.Deregistration.Load())
			}
		})
	}
}

// FuzzReceive lets three messages of any content arrive, the third being the first one again.
func FuzzReceive(f *testing.F) {
	for seed := range uint64(50) {
		w := newWorld(f, seed)
		f.Add(w.octets(w.request()), w.octets(w.request()))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		w := newWorld(t, 1)
		w.cfg.IgnoreTimestamps = true
		for _, octets := range [][]byte{first, second, first} {
			var out mobility.Effects
			// Over IPv4, where the checksum does not matter.
			in := mobility.Inbound{From: mobility.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:5436")},
				To: mobility.Endpoint{Addr: netip.AddrPortFrom(w.cfg.Addresses[1], 5436)}, Octets: octets}
			in.Message, in.Err = wire.Parse(octets)
			w.Receive(w.now, &in, &out)
			w.pass(time.Second, &out)
			w.install(&out)
			w.check()
		}
	})
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{Machine: newRefresher(t, 0, "").Machine, t: t, rnd: rand.New(rand.NewPCG(seed, 1)), now: scenario.Start,
		sessions: map[dataplane.SessionID]*dataplane.Session{}, stored: map[dataplane.SessionID]*mobility.Binding{},
		heard: map[dataplane.SessionID]*mobility.Binding{}}
	w.cfg.MaxBindings, w.cfg.TimestampWindow = 11, time.Second
	net1 := &mobility.Network{Name: "net1", Pools: []mobility.Pool{
		{Start: netip.MustParseAddr("2001:db8::"), Bits: 60, Unit: 64}, w.cfg.Networks["net1"].Pools[1],
		{Start: netip.MustParseAddr("10.200.0.0"), Bits: 29, Unit: 31, Mobile: true},
		{Start: netip.MustParseAddr("2001:db9::"), Bits: 61, Unit: 64, Mobile: true},
	}}
	w.cfg.Networks = map[string]*mobility.Network{"net1": net1}
	w.cfg.Limits.All.Node = 3
	w.configureNetworks()
	return w
}

func (w *world) octets(a scenario.Arrival) []byte {
	in, err := a.Inbound()
	if err != nil {
		w.t.Fatal(err)
	}
	return in.Octets
}

func (w *world) step() {
	var out mobility.Effects
	switch w.rnd.IntN(9) {
	case 6: // an operator ends a binding
		for b := range w.table.All() {
			w.Clear(w.now, b.ID, &out)
			break
		}
		w.checkSent(&out)
	case 7: // a MAG answers, or does not
		if len(w.told) > 0 {
			a := w.told[w.rnd.IntN(len(w.told))]
			w.told = nil
			ack := &wire.RevocationAck{Seq: a.bri.Seq, Flags: a.bri.Flags, Status: []wire.RevocationStatus{0, 1, 128, 132}[w.rnd.IntN(4)]}
			w.receive(scenario.Arrival{From: a.mag.Addr, To: a.anchor.Addr, Message: ack}, &out)
		}
	case 8: // a MAG revokes
		bri := &wire.Revocation{Seq: 1, Flags: wire.RevocationP, Trigger: wire.TriggerUserInitiated}
		a := w.request()
		u := a.Message.(*wire.BindingUpdate)
		bri.MNID, bri.HNPs = u.MNID, u.HNPs
		if w.rnd.IntN(3) == 0 {
			bri.Flags |= wire.RevocationV
			bri.HNPs, bri.IPv4HoARequests = nil, u.IPv4HoARequests
		}
		a.Message = bri
		w.receive(a, &out)
	case 0:
		w.pass(time.Duration(w.rnd.IntN(4000))*time.Millisecond, &out)
	case 1:
		for id := range w.sessions {
			w.Installed(w.now, dataplane.Result{ID: id}, &out)
			w.checkSent(&out)
			break
		}
	default:
		w.pass(time.Millisecond, &out)
		w.receive(w.request(), &out)
	}
	w.install(&out)
}

// install keeps what the dataplane was told, what was reported, and what is to be asked.
func (w *world) install(out *mobility.Effects) {
	w.asked = append(w.asked, out.Ask...)
	for _, ev := range out.Events {
		switch {
		case ev.Kind == mobility.BindingDeleted:
			delete(w.heard, ev.Binding.ID)
		case ev.Binding != nil:
			w.heard[ev.Binding.ID] = ev.Binding
		}
	}
	for _, change := range out.Store {
		if change.New == nil {
			delete(w.stored, change.Old.ID)
		} else if old := w.stored[change.New.ID]; old != change.Old && (old == nil || change.Old == nil || old.Expires != change.Old.Expires) {
			w.t.Fatalf("%+v becomes %+v, and was stored as %+v", change.Old, change.New, old)
		} else {
			w.stored[change.New.ID] = change.New
		}
	}
	for _, change := range out.Sessions {
		if change.Session == nil {
			delete(w.sessions, change.ID)
		} else {
			w.sessions[change.ID] = change.Session
		}
	}
}

func (w *world) pass(d time.Duration, out *mobility.Effects) {
	until := w.now.Add(d)
	for at, ok := w.Deadline(); ok && !at.After(until); at, ok = w.Deadline() {
		w.now = at
		w.Advance(at, out)
	}
	w.now = until
}

func (w *world) receive(arrival scenario.Arrival, out *mobility.Effects) {
	in, err := arrival.Inbound()
	if err != nil {
		w.t.Fatal(err)
	}
	w.Receive(w.now, in, out)
	w.checkSent(out)
}

func (w *world) checkSent(out *mobility.Effects) {
	for _, d := range out.Send {
		msg, err := wire.Parse(d.Octets)
		if err != nil {
			w.t.Fatal(err)
		}
		switch msg := msg.(type) {
		case *wire.BindingAck:
			if msg.Status.Accepted() && msg.Lifetime > 0 {
				w.checkAccepted(msg)
			}
		case *wire.Revocation:
			w.told = append(w.told, told{d.To, d.From, msg})
		case *wire.RevocationAck:
		default:
			w.t.Fatalf("the anchor sends %v", msg)
		}
	}
}

// request makes up a PBU of one of a few nodes at one of a few MAGs.
func (w *world) request() scenario.Arrival {
	pick := func(n int) int { return w.rnd.IntN(n) }
	u := &wire.BindingUpdate{Seq: uint16(pick(1 << 16)), Flags: wire.UpdateA | wire.UpdateP, Lifetime: wire.Lifetime(pick(4) * 2)}
	u.MNID = wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: fmt.Appendf(nil, "mn%d@example.com", pick(6))})
	u.Handoff = wire.Some(wire.Handoff(1 + pick(5)))
	u.AccessType = wire.Some(wire.AccessType(3 + pick(2)))
	if pick(5) > 0 {
		u.LinkLayerID = wire.Some(wire.LinkLayerID{2, 0, 0, 0, 0, byte(pick(4))})
	}
	if pick(4) == 0 {
		u.LinkLocal = wire.Some(netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(pick(3))}))
		if pick(2) == 0 {
			u.LinkLocal.Value = netip.IPv6Unspecified()
		}
	}
	u.Timestamp = wire.Some(wire.TimestampOf(w.now))
	for range [...]int{0, 1, 1, 1, 1, 2, 3, 4}[pick(8)] {
		p := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		if pick(2) == 0 {
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, byte(pick(18))}), 64)
		}
		u.HNPs = append(u.HNPs, wire.HNP{Prefix: p})
	}
	if pick(3) > 0 {
		p := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if pick(2) == 0 {
			p = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(pick(12))}), 8)
		}
		u.IPv4HoARequests = append(u.IPv4HoARequests, wire.IPv4HoARequest{Prefix: p})
	}
	w.askNetworks(u)
	from := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, byte(1 + pick(3)), 15: 1})
	return scenario.Arrival{From: netip.AddrPortFrom(from, 0), To: netip.AddrPortFrom(w.cfg.Addresses[0], 0), Message: u}
}

// askNetworks asks for up to four mobile networks, of which some are outside the pools.
func (w *world) askNetworks(u *wire.BindingUpdate) {
	for range max(0, w.rnd.IntN(8)-3) {
		switch n := byte(w.rnd.IntN(10)); w.rnd.IntN(5) {
		case 0:
			u.DMNPs = append(u.DMNPs, wire.DMNP{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0)})
		case 1:
			u.DMNPs = append(u.DMNPs, wire.DMNP{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 200, 0, n}), 31)})
		case 2:
			u.DMNPs = append(u.DMNPs, wire.DMNP{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)})
		case 3:
			u.DMNPs = append(u.DMNPs, wire.DMNP{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb9, 7: n}), 64)})
		case 4:
			u.MobileNetworks = append(u.MobileNetworks, netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb9, 7: n}), 64))
		}
	}
}

// checkAccepted compares an answer with the binding that it announces.
func (w *world) checkAccepted(ack *wire.BindingAck) {
	for b := range w.table.ByMNID(ack.MNID.Value) {
		same := len(ack.HNPs) == len(b.Prefixes)
		for _, hnp := range ack.HNPs {
			same = same && slices.Contains(b.Prefixes, hnp.Prefix)
		}
		networks := slices.Clone(ack.MobileNetworks)
		for _, dmnp := range ack.DMNPs {
			networks = append(networks, dmnp.Prefix)
		}
		slices.SortFunc(networks, netip.Prefix.Compare)
		same = same && slices.Equal(networks, b.Networks)
		if same && ack.IPv4HoAReply.Value.Prefix == b.Home.Prefix() {
			return
		}
	}
	w.t.Fatalf("%v announces what no binding has", ack)
}

// checkHoldings holds when a step has replaced holdings, and has not changed any that readers may have.
func (w *world) checkHoldings() {
	w.t.Helper()
	for h, was := range w.held {
		if !reflect.DeepEqual(*h, was) {
			w.t.Fatalf("a holding became %+v in place, and was %+v", *h, was)
		}
	}
	w.held = map[*mobility.Holding]mobility.Holding{}
	for b := range w.table.All() {
		was := *b.Holding
		was.Prefixes, was.Networks = slices.Clone(was.Prefixes), slices.Clone(was.Networks)
		w.held[b.Holding] = was
	}
}

func (w *world) check() {
	w.t.Helper()
	w.checkHoldings()
	holders, bindings := map[netip.Prefix]dataplane.SessionID{}, map[netip.Addr]int{}
	var prefixes, homes uint64
	var networks versions
	for b := range w.table.All() {
		session := w.sessions[b.ID]
		if session == nil {
			w.t.Fatalf("the dataplane was not told of binding %d", b.ID)
		}
		if heard := w.heard[b.ID]; heard == nil || !heard.SameAddresses(b) { // accounting knows no better (feature RAD-04)
			w.t.Fatalf("the last event of binding %d showed %+v, it is %+v", b.ID, heard, b)
		}
		if session.Path != b.Path() || session.Blocked != (b.State == mobility.StateDeletePending) {
			w.t.Fatalf("binding %d is %v on %v, the dataplane has %+v", b.ID, b.State, b.Path(), session)
		}
		want := slices.Clone(b.Prefixes)
		prefixes += uint64(len(b.Prefixes))
		if b.Home.IsValid() {
			want = append(want, b.Home.Alone())
			homes++
		}
		want = append(want, b.Networks...)
		networks.add(b.Networks, 1)
		if len(b.Networks) > w.cfg.Limits.All.Node {
			w.t.Fatalf("binding %d has %v, more than %d", b.ID, b.Networks, w.cfg.Limits.All.Node)
		}
		if !slices.Equal(session.Prefixes, want) {
			w.t.Fatalf("binding %d has %v, the dataplane %v", b.ID, want, session.Prefixes)
		}
		for _, p := range want {
			if other, taken := holders[p]; taken {
				w.t.Fatalf("%v belongs to bindings %d and %d", p, other, b.ID)
			}
			holders[p] = b.ID
		}
		if b.Expires.Time().Before(w.now) {
			w.t.Fatalf("binding %d outlived its end", b.ID)
		}
		bindings[b.Ends.Value().Remote.Addr()]++
	}
	if len(w.sessions) != w.table.Len() || w.table.Len() > int(w.cfg.MaxBindings) {
		w.t.Fatalf("%d bindings, %d sessions, at most %d are allowed", w.table.Len(), len(w.sessions), w.cfg.MaxBindings)
	}
	usage := w.networks[unique.Make(mobility.Tenancy{Network: "net1"})].pools.Usage()
	if usage[0].Used != homes || usage[2].Used != prefixes || usage[1].Used != uint64(networks.ipv4) || usage[3].Used != uint64(networks.ipv6) {
		w.t.Fatalf("bindings hold %d home addresses, %d prefixes and mobile networks %+v, the pools count %+v", homes, prefixes, networks, usage)
	}
	for id := range w.unsent {
		if b := w.table.Get(id); b == nil || b.State != mobility.StateActive || b.Install == mobility.Installed {
			w.t.Fatalf("an answer is withheld for %+v", b)
		}
	}
	for peer := range w.Peers {
		if peer.Bindings != bindings[peer.Address] {
			w.t.Fatalf("peer %s has %d bindings and counts %d", peer.Address, bindings[peer.Address], peer.Bindings)
		}
	}
}
