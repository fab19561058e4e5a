package lma

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/revocation"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// multitude is more bindings than indications may be on their way at a time.
const multitude = revocation.MaxPending + 7232

// withBindings is an anchor with so many bindings of a customer, each with a MAG of its own, or all with one.
func withBindings(t *testing.T, n int, manyMAGs bool) (m *Machine, without *mobility.LMA) {
	t.Helper()
	cfg := baseConfig()
	cfg.Domain.Profiles.(scenario.Profiles)["@any"] = &mobility.Profile{Name: "@any", Service: mobility.ServiceDual}
	cfg.Revocation.Retries = 3
	bare := *cfg
	at := mobility.VRFAddr{VRF: "SP1", Addr: netip.MustParseAddr("15.15.15.2")}
	cfg.Customers = map[string]*mobility.Customer{"CUST1": {Name: "CUST1", VRF: "VRF1", Transports: []mobility.VRFAddr{at}, Unauthorized: true}}
	m = New(scenario.Start, cfg, binding.New(), 7)
	var rows []*mobility.Binding
	for i := range n {
		mag := netip.MustParseAddr("10.0.0.1")
		if manyMAGs {
			mag = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		}
		ends := mobility.Ends{Local: at.Addr, Remote: netip.AddrPortFrom(mag, mobility.ControlPort), CareOf: mag,
			Tunnel: dataplane.TunnelID{VRF: at.VRF, Local: at.Addr, Peer: mag, Encap: dataplane.EncapGRE}}
		rows = append(rows, &mobility.Binding{ID: dataplane.SessionID(i + 1), State: mobility.StateActive, Ends: unique.Make(ends),
			Lifetime: time.Hour, Expires: mobility.At(scenario.Start.Add(time.Hour)), Holding: &mobility.Holding{
				Node: mobility.NAI(fmt.Sprintf("mn%d@any", i)), Tenancy: unique.Make(mobility.Tenancy{Customer: "CUST1", VRF: "VRF1"}),
				Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 4: byte(i >> 16), 5: byte(i >> 8), 6: byte(i)}), 64)}}})
	}
	var out mobility.Effects
	m.Restore(scenario.Start, rows, dataplane.SessionID(n), &out)
	if m.table.Len() != n {
		t.Fatalf("%d bindings", m.table.Len())
	}
	return m, &bare
}

// hearing is MAGs that hear each indication, lose the first of each, and answer the second.
type hearing struct {
	*Machine
	t     *testing.T
	heard map[string]int // by the MAG and the node
	most  int            // that were on their way at a time
	steps int
	sent  int // the most of a step
	ended int
}

func indication(t *testing.T, d mobility.Datagram) *wire.Revocation {
	t.Helper()
	msg, err := wire.Parse(d.Octets)
	bri, ok := msg.(*wire.Revocation)
	if err != nil || !ok {
		t.Fatalf("%v, %v", msg, err)
	}
	return bri
}

// until lets time pass until nothing is left to be said.
func (h *hearing) until(now time.Time, out *mobility.Effects) {
	h.t.Helper()
	h.heard = map[string]int{}
	for {
		h.most = max(h.most, h.revocations.Len())
		if h.steps > 0 {
			h.sent = max(h.sent, len(out.Send))
		}
		var answers []mobility.Inbound
		for _, d := range out.Send {
			bri := indication(h.t, d)
			to := d.To.Addr.String() + " " + string(bri.MNID.Value.ID)
			if h.heard[to]++; h.heard[to] == 2 {
				answers = append(answers, mobility.Inbound{From: d.To, To: d.From, Message: &wire.RevocationAck{Seq: bri.Seq, Flags: bri.Flags}})
			}
		}
		for _, e := range out.Events {
			switch e.Kind {
			case mobility.RevocationTimedOut:
				h.t.Fatalf("%v gave up %v %q", now.Sub(scenario.Start), e.Peer, e.Node)
			case mobility.BindingDeleted:
				h.ended++
			}
		}
		*out = mobility.Effects{}
		for i := range answers {
			h.Receive(now, &answers[i], out)
		}
		at, ok := h.Deadline()
		if !ok && len(answers) == 0 {
			break
		}
		if at.After(now) {
			now = at
		}
		h.Advance(now, out)
		h.steps++
	}
	if now.Sub(scenario.Start) > time.Minute {
		h.t.Errorf("it took %v", now.Sub(scenario.Start))
	}
}

func (h *hearing) check() {
	h.t.Helper()
	if len(h.heard) != multitude || h.ended != multitude || h.table.Len() != 0 {
		h.t.Errorf("of %d bindings %d were told of, %d ended, %d are left", multitude, len(h.heard), h.ended, h.table.Len())
	}
	for to, n := range h.heard {
		if n != 2 {
			h.t.Fatalf("%s was told %d times", to, n)
		}
	}
	if h.most > revocation.MaxPending || h.sent > saidAtOnce+repeatedAtOnce {
		h.t.Errorf("%d indications were on their way at a time, and %d in one step", h.most, h.sent)
	}
	for at := range h.Departed {
		h.t.Errorf("%v is kept", at)
	}
	if !h.farewells.empty() || len(h.farewells.from) > 0 {
		h.t.Errorf("%d wait", len(h.farewells.list))
	}
}

// However many bindings end at a time, each indication is repeated until it is answered, also where the first of each is lost: of a customer who leaves, of
// bindings that an operator clears, and of an anchor that is removed and had very many MAGs.
func TestLMA11_EveryFarewellIsRepeated(t *testing.T) {
	t.Run("customer", func(t *testing.T) {
		m, without := withBindings(t, multitude, false)
		h := &hearing{Machine: m, t: t}
		var out mobility.Effects
		m.Reconfigure(scenario.Start, without, &out)
		h.until(scenario.Start, &out)
		h.check()
	})
	t.Run("clear", func(t *testing.T) {
		m, _ := withBindings(t, multitude, false)
		h := &hearing{Machine: m, t: t}
		var out mobility.Effects
		for id := range dataplane.SessionID(multitude) {
			m.Clear(scenario.Start, id+1, &out)
		}
		if m.table.Len() != multitude {
			t.Errorf("%d bindings ended before their MAGs heard of it", multitude-m.table.Len())
		}
		h.until(scenario.Start, &out)
		h.check()
	})
	t.Run("anchor", func(t *testing.T) {
		m, _ := withBindings(t, multitude, true)
		h := &hearing{Machine: m, t: t}
		var out mobility.Effects
		m.Close(scenario.Start, &out)
		h.until(scenario.Start, &out)
		h.check()
	})
	t.Run("anchor in turns", func(t *testing.T) {
		m, _ := withBindings(t, multitude, true)
		h := &hearing{Machine: m, t: t}
		var all mobility.Effects
		for more := true; more; {
			var out mobility.Effects
			if more = m.Leave(scenario.Start, 100, &out); len(out.Send) > 100 || len(out.Sessions) > 100 {
				t.Fatalf("a turn sends %d messages and ends %d bindings", len(out.Send), len(out.Sessions))
			}
			all.Send, all.Events = append(all.Send, out.Send...), append(all.Events, out.Events...)
		}
		m.Close(scenario.Start, &all)
		h.until(scenario.Start, &all)
		h.check()
	})
}

// An anchor that takes leave registers nobody any more: what it has told its MAGs stays true.
func TestLMA11_LeavingAnchorTakesNobody(t *testing.T) {
	m, _ := withBindings(t, 3, false)
	var out mobility.Effects
	if more := m.Leave(scenario.Start, 1, &out); !more || m.table.Len() != 2 {
		t.Fatalf("%d bindings of 3 are left after one has ended, more %t", m.table.Len(), more)
	}
	before := m.stats.Dropped[mobility.DropUnexpected].Load()
	out.Reset()
	m.Receive(scenario.Start, arriving(t, mobility.Endpoint{VRF: "SP1", Addr: netip.MustParseAddrPort("10.0.0.1:5436")},
		mobility.Endpoint{VRF: "SP1", Addr: netip.MustParseAddrPort("15.15.15.2:5436")}, &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP, Seq: 1, Lifetime: 100, Options: wire.Options{
			MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte("new@any")}), HNPs: []wire.HNP{{Prefix: netip.MustParsePrefix("2001:db8:77::/64")}},
			Handoff: wire.Some(wire.HandoffNewInterface), AccessType: wire.Some(wire.Access80211), Timestamp: wire.Some(wire.TimestampOf(scenario.Start))}}), &out)
	if len(out.Send)+len(out.Store) > 0 || m.table.Len() != 2 || m.stats.Dropped[mobility.DropUnexpected].Load() != before+1 {
		t.Errorf("it answers %d, stores %d, has %d bindings", len(out.Send), len(out.Store), m.table.Len())
	}
	if m.Leave(scenario.Start, 2, &out) {
		t.Error("it has more left than Close can end")
	}
}

// What waits to be said is not said any more when it is not true: the node is registered anew, its lifetime is over, or another has the address.
func TestLMA11_FarewellsThatAreOvertaken(t *testing.T) {
	const bindings, last = 3, "mn2@any"
	at := mobility.VRFAddr{VRF: "SP1", Addr: netip.MustParseAddr("15.15.15.2")}
	elsewhere := mobility.Endpoint{Addr: netip.MustParseAddrPort("198.51.100.1:5436")}
	busy := func(t *testing.T) (m *Machine, without *mobility.LMA) {
		m, without = withBindings(t, bindings, false)
		for m.revocations.Len() < revocation.MaxPending {
			m.revocations.Next()
			m.revocations.Sent(scenario.Start, &revocation.Pending{Datagram: mobility.Datagram{From: elsewhere}}, m.cfg.Revocation)
		}
		return m, without
	}
	room := func(m *Machine, now time.Time) (told []string) {
		m.revocations.RemoveFrom(elsewhere)
		var out mobility.Effects
		m.Advance(now, &out)
		for _, d := range out.Send {
			told = append(told, string(indication(t, d).MNID.Value.ID))
		}
		return told
	}
	clearAll := func(m *Machine, out *mobility.Effects) {
		for id := range dataplane.SessionID(bindings) {
			m.Clear(scenario.Start, id+1, out)
		}
	}
	for name, test := range map[string]struct {
		happens func(m *Machine, without *mobility.LMA, out *mobility.Effects)
		after   time.Duration
		told    int
	}{
		"nothing": {happens: func(m *Machine, without *mobility.LMA, out *mobility.Effects) {
			m.Reconfigure(scenario.Start, without, out)
		}, told: bindings},
		"registered anew": {happens: func(m *Machine, without *mobility.LMA, out *mobility.Effects) {
			with, row := m.cfg, *m.table.Get(bindings)
			m.Reconfigure(scenario.Start, without, out)
			m.Reconfigure(scenario.Start, with, out)
			m.table.Put(&row)
		}, told: bindings - 1},
		"over": {happens: func(m *Machine, without *mobility.LMA, out *mobility.Effects) {
			m.Reconfigure(scenario.Start, without, out)
		}, after: time.Hour},
		"forsaken": {happens: func(m *Machine, without *mobility.LMA, out *mobility.Effects) {
			m.Reconfigure(scenario.Start, without, out)
			m.Forsake(at)
		}},
		"cleared": {happens: func(m *Machine, _ *mobility.LMA, out *mobility.Effects) { clearAll(m, out) }, told: bindings},
		"cleared and moved": {happens: func(m *Machine, _ *mobility.LMA, out *mobility.Effects) {
			clearAll(m, out)
			row := *m.table.Get(bindings)
			row.State = mobility.StateActive // as a handover leaves it
			m.table.Put(&row)
		}, told: bindings - 1},
	} {
		t.Run(name, func(t *testing.T) {
			m, without := busy(t)
			var out mobility.Effects
			test.happens(m, without, &out)
			if len(out.Send) > 0 {
				t.Errorf("%d are told at once", len(out.Send))
			}
			told := room(m, scenario.Start.Add(test.after))
			if len(told) != test.told || test.told < bindings && slices.Contains(told, last) || !m.farewells.empty() {
				t.Errorf("told are %q", told)
			}
		})
	}
}
