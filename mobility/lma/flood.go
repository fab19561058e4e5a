package lma

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"mooring/mobility"
)

// Looking at a message in vain takes nearly half the work of a refresh. Who sends very many of those has the anchor screen what comes by a transport, before it
// takes that in: the MAGs that it knows pass, of all others so many that it looks at some in vain, and who is new gets in by asking again (docs/adr/0430).
const (
	strangersPerSecond = 10_000                 // messages in vain of all senders together that are not known; half as many end a flood
	knownPerSecond     = 25_000                 // of those that are, whose addresses somebody forges; half as many, too
	leastShare         = 0.001                  // that passes of anybody's
	floodWindow        = time.Second            // that messages are counted for
	settling           = 100 * time.Millisecond // before the next one: until then come messages that waited when the screen was put up
	calmWindows        = 10                     // that end a flood
)

// flood is what is looked at in vain by one transport. The zero value is nothing.
type flood struct {
	since     time.Time // when the counting began, or begins; zero: there has been nothing to count
	strangers int       // messages of senders that are not known
	known     int       // of those that are, together
	senders   []int     // and of each sender of the screen
	calm      int       // windows, one after the other
	screen    *mobility.Screen
	at        []netip.Addr // that the screen is put up at
}

// inVain notes that a message proved nothing. Where there are too many, it has them screened.
func (m *Machine) inVain(now time.Time, via *transport, from netip.Addr, out *mobility.Effects) {
	f := &via.flood
	if f.since.IsZero() {
		f.since = now
		m.floods.Include(now.Add(floodWindow), true)
	}
	if now.Before(f.since) {
		return
	}
	known := via.peers[from] != nil
	if f.screen != nil {
		var i int
		if i, known = f.screen.Find(from); known {
			f.senders[i]++
		}
	}
	if known {
		f.known++
	} else {
		f.strangers++
	}
	if f.strangers >= strangersPerSecond || f.known >= knownPerSecond {
		m.judge(now, via, out)
	}
}

// watchFloods judges what has been counted for long enough.
func (m *Machine) watchFloods(now time.Time, out *mobility.Effects) {
	if first, ok := m.floods.Get(); !ok || now.Before(first) {
		return
	}
	m.floods = mobility.Deadline{}
	for t := range m.everyTransport {
		if f := &t.flood; !f.since.IsZero() && !now.Before(f.since.Add(floodWindow)) {
			m.judge(now, t, out)
		}
		m.floods.Include(t.flood.since.Add(floodWindow), !t.flood.since.IsZero())
	}
}

// judge puts up a screen, renews it or takes it away, by what has been looked at in vain since the counting began, and begins to count anew.
func (m *Machine) judge(now time.Time, t *transport, out *mobility.Effects) {
	f := &t.flood
	strangers, known, senders := f.rates(now)
	isFlood := strangers >= strangersPerSecond || known >= knownPerSecond
	switch {
	case f.screen == nil && !isFlood:
		*f = flood{}
		return
	case f.screen == nil:
		out.Events = append(out.Events, t.floodEvent(mobility.FloodBegun, strangers+known))
	case strangers < strangersPerSecond/2 && known < knownPerSecond/2:
		if f.calm++; f.calm == calmWindows {
			t.unscreen(out)
			return
		}
	default:
		f.calm = 0
	}
	f.at, f.screen = t.addresses, m.screen(t, strangers, senders)
	f.since, f.strangers, f.known, f.senders = now.Add(settling), 0, 0, make([]int, len(f.screen.Senders))
	m.floods.Include(f.since.Add(floodWindow), true)
	t.screenAt(f.screen, out)
}

// rates are how many messages are sent in vain in a second, those that the screen keeps away included.
func (f *flood) rates(now time.Time) (strangers, known float64, senders map[netip.Prefix]float64) {
	seconds := max(now.Sub(f.since), time.Millisecond).Seconds()
	strangers, known = float64(f.strangers)/seconds, float64(f.known)/seconds
	if f.screen == nil {
		return strangers, known, nil
	}
	strangers, known, senders = strangers/f.screen.Others, 0, map[netip.Prefix]float64{}
	for i, n := range f.senders {
		one := f.screen.Senders[i]
		senders[one.Prefix] = float64(n) / seconds / one.Share
		known += senders[one.Prefix]
	}
	return strangers, known, senders
}

// screen lets the MAGs that are known pass, but for what is too much in the name of some: there it is fair to the rest.
func (m *Machine) screen(t *transport, strangers float64, senders map[netip.Prefix]float64) *mobility.Screen {
	s := &mobility.Screen{Others: shareOf(strangers, strangersPerSecond)}
	fair := fairRate(senders, knownPerSecond)
	for _, p := range mobility.Prefixes(m.knownAt(t), mobility.MostSenders) {
		s.Senders = append(s.Senders, mobility.Sender{Prefix: p, Share: shareOf(senders[p], fair)})
	}
	return s
}

// knownAt lists where known MAGs send from: those that are configured, and those that have proved to be MAGs.
func (m *Machine) knownAt(t *transport) (addresses []netip.Addr) {
	for _, p := range t.peers {
		addresses = append(addresses, p.addr)
		if p.remote.IsValid() && p.remote.Addr() != p.addr {
			addresses = append(addresses, p.remote.Addr())
		}
	}
	if t != m.own {
		for _, p := range m.own.peers {
			if p.cfg != nil {
				addresses = append(addresses, p.addr)
			}
		}
	}
	return addresses
}

// shareOf is the part of a rate that keeps within bounds.
func shareOf(rate, bound float64) float64 {
	if rate <= bound {
		return 1
	}
	return max(bound/rate, leastShare)
}

// fairRate is the most that each may have so that all together have no more than so much (max-min fairness).
func fairRate(rates map[netip.Prefix]float64, together float64) float64 {
	sorted := make([]float64, 0, len(rates))
	for _, rate := range rates {
		sorted = append(sorted, rate)
	}
	slices.Sort(sorted)
	for i, rate := range sorted {
		if each := together / float64(len(sorted)-i); rate > each {
			return each
		}
		together -= rate
	}
	return math.Inf(1)
}

// unscreen ends a flood.
func (t *transport) unscreen(out *mobility.Effects) {
	out.Events = append(out.Events, t.floodEvent(mobility.FloodEnded, 0))
	t.screenAt(nil, out)
	t.flood = flood{}
}

// unscreenAll has everybody's messages taken in: what is screened, and for whom, is about to change.
func (m *Machine) unscreenAll(out *mobility.Effects) {
	for t := range m.everyTransport {
		if t.flood.screen != nil {
			t.unscreen(out)
		}
	}
}

func (t *transport) screenAt(s *mobility.Screen, out *mobility.Effects) {
	for _, addr := range t.flood.at {
		out.Screens = append(out.Screens, mobility.Screening{At: mobility.VRFAddr{VRF: t.vrf, Addr: addr}, Screen: s})
	}
}

func (t *transport) floodEvent(kind mobility.EventKind, rate float64) mobility.Event {
	return mobility.Event{Kind: kind, Flood: &mobility.FloodEvent{VRF: t.vrf, Customer: t.customer.name(), Rate: uint64(rate)}}
}
