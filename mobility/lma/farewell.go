package lma

import (
	"net/netip"
	"time"

	"mooring/mobility"
	"mooring/mobility/revocation"
	"mooring/mobility/wire"
)

// farewell is an indication that waits until others have been answered, because as many as there may be are on their way, or until those before it are sent.
type farewell struct {
	from mobility.VRFAddr // where it will come from
	say  func(now time.Time, out *mobility.Effects)
}

// farewells are in the order in which they came. The zero value is empty.
type farewells struct {
	list []farewell
	said int // of the list
	from map[mobility.VRFAddr]int
}

const (
	mostFarewells = 1 << 20 // beyond that MAGs are told once
	saidAtOnce    = 256     // by a step, so that others do not wait
)

func (f *farewells) len() int    { return len(f.list) - f.said }
func (f *farewells) empty() bool { return f.len() == 0 }
func (f *farewells) full() bool  { return f.len() >= mostFarewells }

func (f *farewells) add(w farewell) {
	if f.from == nil {
		f.from = map[mobility.VRFAddr]int{}
	}
	f.from[w.from]++
	f.list = append(f.list, w)
}

func (f *farewells) next() (w farewell) {
	w, f.list[f.said] = f.list[f.said], farewell{}
	if f.said++; f.said == len(f.list) {
		f.list, f.said = nil, 0
	}
	if f.from[w.from]--; f.from[w.from] == 0 {
		delete(f.from, w.from)
	}
	return w
}

// mustWait says whether an indication has to wait for others, and may.
func (m *Machine) mustWait() bool {
	return (m.revocations.Len() >= revocation.MaxPending || !m.farewells.empty()) && !m.farewells.full()
}

// sayFarewells sends indications that waited, as long as there is room for them.
func (m *Machine) sayFarewells(now time.Time, out *mobility.Effects) {
	for n := 0; n < saidAtOnce && !m.farewells.empty() && m.revocations.Len() < revocation.MaxPending; n++ {
		if w := m.farewells.next(); m.speaksFrom(w.from) {
			w.say(now, out)
		}
	}
}

// farewellDeadline returns when sayFarewells has something to do: at once, where there is room.
func (m *Machine) farewellDeadline() (at time.Time, ok bool) {
	return m.stats.Began, !m.farewells.empty() && m.revocations.Len() < revocation.MaxPending
}

// indicateLater is indicate for one that has to wait. The MAG may register the node anew meanwhile, or its lifetime may end: then nothing is said.
func (m *Machine) indicateLater(b *mobility.Binding, trigger wire.RevocationTrigger, ending bool) {
	row, ends := *b, b.Ends.Value()
	if !m.stands(b) {
		m.departFrom(&ends, m.departing(&ends))
	}
	say := func(now time.Time, out *mobility.Effects) {
		if row.Expires.Time().After(now) && !m.deaf(&row) && !m.isBack(&row) {
			m.indicate(now, &row, trigger, 0, out)
		}
	}
	if ending {
		say = func(now time.Time, out *mobility.Effects) {
			if b := m.table.Get(row.ID); b != nil && b.State == mobility.StateRevoking && m.revocations.Of(b.ID) == nil {
				m.askToEnd(now, b, out)
			}
		}
	}
	m.farewells.add(farewell{mobility.VRFAddr{VRF: ends.Tunnel.VRF, Addr: ends.Local}, say})
}

// isBack says whether a node is registered again by the MAG that it had a binding with.
func (m *Machine) isBack(was *mobility.Binding) bool {
	old := was.Ends.Value()
	for b := range m.table.ByNode(was.Node) {
		ends := b.Ends.Value()
		if ends.Remote == old.Remote && ends.Local == old.Local && ends.Tunnel.VRF == old.Tunnel.VRF {
			return true
		}
	}
	return false
}

// takeLeaveOf tells a MAG that all its bindings have ended, with one message (RFC 5846 section 8.1).
func (m *Machine) takeLeaveOf(now time.Time, p *peer, out *mobility.Effects) {
	from, to, ok := p.way()
	if !ok {
		return
	}
	p.left = true
	sign, marking := m.peerSignature(p.via, p, p.addr), m.marking(p)
	say := func(now time.Time, out *mobility.Effects) {
		msg := &wire.Revocation{Trigger: wire.TriggerPerPeerPolicy, Seq: m.revocations.Next(), Flags: wire.RevocationP | wire.RevocationG}
		if out.Message(from, to, msg, sign, marking.CodePoint) != nil {
			return
		}
		sent := &out.Send[len(out.Send)-1]
		sent.Unsent = &p.stats.BRIUnsent
		p.stats.BRISent.Add(msg.Trigger)
		if m.revocations.Len() < revocation.MaxPending { // else it is said once
			m.revocations.Sent(now, &revocation.Pending{Trigger: msg.Trigger, Sign: sign, Count: p.stats, Datagram: *sent}, m.cfg.Revocation)
		}
	}
	if m.mustWait() {
		m.farewells.add(farewell{mobility.VRFAddr{VRF: from.VRF, Addr: from.Addr.Addr()}, say})
		return
	}
	say(now, out)
}

// Leave ends up to n bindings of an anchor that is to be no more, and reports whether more are left. Whoever calls Close calls it before, as long as it reports
// so, and has time for others in between: the bindings may be very many. From the first call on the anchor takes in nothing but acknowledgements.
func (m *Machine) Leave(now time.Time, n int, out *mobility.Effects) (more bool) {
	if m.table.Len() <= n {
		return false
	}
	m.leaving, m.waiting, m.inquiries = true, waiting{}, inquiries{}
	for b := range m.table.All() {
		if n == 0 {
			break
		}
		ends := b.Ends.Value()
		if p := m.peerOf(&ends); p != nil && !p.left && !p.deaf {
			m.takeLeaveOf(now, p, out)
		}
		m.end(now, b, mobility.Unconfigured, out)
		n--
	}
	return true
}

// Close ends every binding, because the anchor is no more. What it says to its MAGs is repeated until they have heard of it, or were told often enough: it goes on
// for as long as Departed yields addresses, and has nothing else any more.
func (m *Machine) Close(now time.Time, out *mobility.Effects) {
	m.unscreenAll(out)
	for _, p := range m.sortedPeers(func(p *peer) bool { return p.bindings > 0 && !p.left && !p.deaf }) {
		m.takeLeaveOf(now, p, out)
	}
	for t := range m.everyTransport {
		for _, addr := range t.addresses {
			m.departAt(mobility.VRFAddr{VRF: t.vrf, Addr: addr}, t)
		}
	}
	for b := range m.table.All() {
		m.end(now, b, mobility.Unconfigured, out)
	}
	m.waiting, m.inquiries, m.announcement = waiting{}, inquiries{}, announcement{}
	bare := mobility.LMA{Name: m.cfg.Name, Domain: m.cfg.Domain, DefaultProfile: m.cfg.DefaultProfile, Revocation: m.cfg.Revocation}
	m.Reconfigure(now, &bare, new(mobility.Effects))
}

// Forsake ends what is said from an address that the anchor had: another one has it now, and MAGs would take it for that one's word.
func (m *Machine) Forsake(at mobility.VRFAddr) {
	delete(m.departed, at)
	m.revocations.RemoveFrom(mobility.Endpoint{VRF: at.VRF, Addr: netip.AddrPortFrom(at.Addr, controlPort(at.Addr))})
}
