package lma

import (
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// announcement is what MAGs are told of a restart that lost bindings. Nobody answers it, so that it is said several times.
type announcement struct {
	datagrams []mobility.Datagram
	next      int // of the datagrams
	left      int // times that all are sent yet
	delay     time.Duration
	due       time.Time
}

const (
	announcements   = 3 // times that each MAG is told
	announcedAtOnce = 256
)

// AnnounceRestart tells the MAGs that are known that the anchor has lost bindings, so that they register anew (RFC 5847 section 3.2): those of the
// configuration, those that it still has bindings of, and those at the far ends of paths that bindings went over before.
func (m *Machine) AnnounceRestart(now time.Time, before []mobility.Ends, out *mobility.Effects) {
	var met []*peer
	for i := range before {
		if p, isNew := m.meetAt(now, &before[i]); isNew {
			p.rejoin(&before[i], now)
			met = append(met, p)
		}
	}
	var said mobility.Effects
	for _, p := range m.sortedPeers(func(p *peer) bool { return !p.beat.Deaf() }) {
		if from, to, ok := p.way(); ok {
			m.sendHeartbeat(from, to, &wire.Heartbeat{Flags: wire.HeartbeatU | wire.HeartbeatR}, m.peerSignature(p.via, p, p.addr), m.marking(p).CodePoint, &said)
		}
	}
	for _, p := range met { // until they register anew
		m.forget(now, p)
	}
	m.announcement = announcement{datagrams: said.Send, left: announcements, delay: time.Second, due: now}
	m.announce(now, out)
}

// deadline returns when there is something to announce.
func (a *announcement) deadline() (at time.Time, ok bool) { return a.due, a.left > 0 }

// announce sends what is due, in portions so that others do not wait.
func (m *Machine) announce(now time.Time, out *mobility.Effects) {
	a := &m.announcement
	if at, ok := a.deadline(); !ok || at.After(now) {
		return
	}
	portion := a.datagrams[a.next:min(len(a.datagrams), a.next+announcedAtOnce)]
	out.Send = append(out.Send, portion...)
	if a.next += len(portion); a.next < len(a.datagrams) {
		return
	}
	a.next, a.due, a.delay = 0, now.Add(a.delay), 2*a.delay
	if a.left--; a.left == 0 {
		*a = announcement{}
	}
}
