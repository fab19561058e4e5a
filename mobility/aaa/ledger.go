package aaa

import (
	"bytes"
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc3162"

	"mooring/dataplane"
	"mooring/dataplane/index"
	"mooring/mobility"
)

// Ledger knows which sessions are open, and turns what happens into records. Whatever it is told twice, or too late, changes nothing: a node
// has one session for the life of its binding, a tunnel one while nodes go through it. One goroutine uses a Ledger.
type Ledger struct {
	meter   Meter
	birth   time.Time
	last    uint64 // number of the newest session
	anchors map[string]*anchor
	numbers index.Index[*Session] // those of the anchors, by their numbers
	orphans map[string][]*Kept    // by anchor: of an earlier ledger, and their anchor has not been seen yet
	scratch attributes
}

// anchor is an LMA that is accounted.
type anchor struct {
	Anchor
	birth    time.Time // the ledger's
	since    time.Time // when it was first configured
	compared bool
	nodes    index.Index[*Session] // by their bindings
	tunnels  map[dataplane.TunnelID]*Session
	shown    map[dataplane.TunnelID]Usage // what the counters of tunnels showed whose sessions ended
	interim  []*Session                   // of tunnels, the one that is due first at the front; those that ended are left in it until their turn
}

// NewLedger returns a ledger with the sessions that an earlier one left open. birth is when the first of its kind began, last the number of the
// newest session since: together they make the names of sessions unique.
func NewLedger(meter Meter, birth time.Time, last uint64, open []*Kept) *Ledger {
	l := &Ledger{meter: meter, birth: birth, last: last, anchors: map[string]*anchor{}, orphans: map[string][]*Kept{}}
	for _, k := range open {
		l.orphans[k.Anchor] = append(l.orphans[k.Anchor], k)
	}
	return l
}

func (l *Ledger) newAnchor(cfg Anchor, since time.Time) *anchor {
	return &anchor{Anchor: cfg, birth: l.birth, since: since, tunnels: map[dataplane.TunnelID]*Session{}, shown: map[dataplane.TunnelID]Usage{}}
}

// Configure takes over which anchors are accounted. Those that are not any more have their sessions stopped, and say goodbye; so do those that
// only an earlier process knew. It returns the names of those that are new: their tables are to be compared.
func (l *Ledger) Configure(now time.Time, anchors []Anchor, out *Changes) (fresh []string) {
	wanted := map[string]bool{}
	for _, cfg := range anchors {
		wanted[cfg.Name] = true
		a := l.anchors[cfg.Name]
		if a == nil {
			a = l.newAnchor(cfg, now)
			l.anchors[cfg.Name] = a
			fresh = append(fresh, cfg.Name)
		}
		before := a.Anchor
		a.Anchor = cfg
		if before.Interim != cfg.Interim {
			a.schedule(now)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.anchors)) {
		if !wanted[name] {
			l.close(now, l.anchors[name], out)
			delete(l.anchors, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.orphans)) {
		if !wanted[name] {
			a := l.newAnchor(Anchor{Name: name}, now)
			l.adopt(now, a)
			l.close(now, a, out)
		}
	}
	return fresh
}

// close ends everything of an anchor.
func (l *Ledger) close(now time.Time, a *anchor, out *Changes) {
	for _, s := range a.sorted() {
		l.stop(now, a, s, rfc2866.AcctTerminateCause_Value_AdminReset, out)
	}
	l.stopUnused(now, a, rfc2866.AcctTerminateCause_Value_AdminReset, out)
	l.announce(now, a, rfc2866.AcctStatusType_Value_AccountingOff, out)
}

// Compare makes the sessions of an anchor agree with its bindings, and is called when the anchor is new and whenever events may have been
// lost. gone is why sessions ended whose binding is not there. When there is no session of an earlier time left, Accounting-On says so to the
// servers: they close what they may still think open (RFC 2866 section 2, feature RAD-11).
func (l *Ledger) Compare(now time.Time, name string, bindings iter.Seq[*mobility.Binding], gone rfc2866.AcctTerminateCause, out *Changes) {
	a := l.anchors[name]
	if a == nil {
		return
	}
	l.adopt(now, a)
	rows := slices.SortedFunc(bindings, func(x, y *mobility.Binding) int { return cmp.Compare(x.ID, y.ID) })
	next := rows
	for _, s := range a.sorted() {
		for len(next) > 0 && next[0].ID < s.binding {
			next = next[1:]
		}
		if len(next) == 0 || next[0].ID != s.binding || next[0].Created != s.Created() {
			l.stop(now, a, s, gone, out)
		}
	}
	l.stopUnused(now, a, gone, out)
	if !a.compared && a.nodes.Len() == 0 {
		l.announce(now, a, rfc2866.AcctStatusType_Value_AccountingOn, out)
	}
	a.compared = true
	for _, b := range rows {
		l.follow(now, a, b, out)
	}
}

// stopUnused ends the sessions of tunnels that no node goes through.
func (l *Ledger) stopUnused(now time.Time, a *anchor, why rfc2866.AcctTerminateCause, out *Changes) {
	for _, id := range slices.SortedFunc(maps.Keys(a.tunnels), compareTunnels) {
		if s := a.tunnels[id]; s.tunnel.nodes <= 0 {
			l.stop(now, a, s, why, out)
		}
	}
}

// adopt takes over what an earlier process left open.
func (l *Ledger) adopt(now time.Time, a *anchor) {
	orphans := l.orphans[a.Name]
	delete(l.orphans, a.Name)
	if len(orphans) == 0 {
		return
	}
	for _, k := range orphans {
		s := restored(a, k)
		l.numbers.Put(spread(s.number), s)
		if s.kind == Node {
			a.nodes.Put(spread(uint64(s.binding)), s)
		} else {
			a.tunnels[s.tunnel.id] = s
		}
	}
	for s := range a.nodes.All() {
		if t := a.tunnels[s.Tunnel()]; t != nil {
			t.tunnel.nodes++
		}
	}
	a.schedule(now)
}

// Event takes in what happened to a binding of an anchor. Others than anchors that are accounted are none of the ledger's business.
func (l *Ledger) Event(at time.Time, name string, ev *mobility.Event, out *Changes) {
	a := l.anchors[name]
	if a == nil || ev.Binding == nil {
		return
	}
	switch ev.Kind {
	case mobility.BindingCreated, mobility.BindingRefreshed, mobility.BindingHandover:
		l.follow(at, a, ev.Binding, out)
	case mobility.BindingDeregistered:
		if s := a.of(ev.Binding); s != nil { // it has no traffic any more
			l.settle(a, s, out)
		}
	case mobility.BindingDeleted:
		if s := a.of(ev.Binding); s != nil {
			l.stop(ended(at, ev.Binding), a, s, Cause(ev), out)
		}
	}
}

// of returns the session of a binding.
func (a *anchor) of(b *mobility.Binding) *Session {
	if s := a.node(b.ID); s != nil && s.Created() == b.Created {
		return s
	}
	return nil
}

// ended is when a binding's traffic ended: one that was de-registered has been kept for a while without any.
func ended(at time.Time, b *mobility.Binding) time.Time {
	if b.State == mobility.StateDeletePending {
		return b.Updated.Time()
	}
	return at
}

// settle reads the counters of a session and of its tunnel.
func (l *Ledger) settle(a *anchor, s *Session, out *Changes) {
	for _, each := range []*Session{s, a.tunnels[s.Tunnel()]} {
		if each != nil && each.read(l.meter) {
			out.Open = append(out.Open, each)
		}
	}
}

// follow starts the session of a binding that is new, and takes over what is different of one that is not.
func (l *Ledger) follow(now time.Time, a *anchor, b *mobility.Binding, out *Changes) {
	s := a.of(b)
	if other := a.node(b.ID); s == nil && other != nil { // of another time
		if other.Created() > b.Created {
			return
		}
		l.stop(now, a, other, rfc2866.AcctTerminateCause_Value_NASError, out)
	}
	switch {
	case s == nil:
		s = &Session{kind: Node, binding: b.ID}
		s.take(b)
		late := b.Created.Time().Before(a.since)
		l.start(now, a, s, late, out)
		l.join(now, a, s, late, out)
		l.record(now, a, s, rfc2866.AcctStatusType_Value_Start, nil, out)
	case s.says(b) && a.tunnels[s.Tunnel()] != nil:
		s.take(b)
	default:
		l.move(now, a, s, b, out)
	}
}

// move takes over another identity or another tunnel.
func (l *Ledger) move(now time.Time, a *anchor, s *Session, b *mobility.Binding, out *Changes) {
	was := s.Tunnel()
	s.read(l.meter)
	s.take(b)
	out.Open = append(out.Open, s)
	is := s.Tunnel()
	if was != is || a.tunnels[was] == nil {
		l.join(now, a, s, false, out)
	}
	if was != is {
		l.leave(now, a, was, rfc2866.AcctTerminateCause_Value_UserRequest, out)
	}
}

// start opens a session. What was counted so far is its own, unless accounting is late: it began later than what it accounts.
func (l *Ledger) start(now time.Time, a *anchor, s *Session, late bool, out *Changes) {
	l.last++
	out.Last = l.last
	s.anchor, s.number, s.started = a, l.last, mobility.At(now)
	l.numbers.Put(spread(s.number), s)
	if s.kind == Node {
		a.nodes.Put(spread(uint64(s.binding)), s)
	} else {
		a.tunnels[s.tunnel.id], s.seen = s, a.shown[s.tunnel.id]
	}
	if s.read(l.meter); late && s.apart != nil {
		s.used = Usage{}
	}
	out.Open = append(out.Open, s)
}

// join counts a node to its tunnel, whose session begins with the first one.
func (l *Ledger) join(now time.Time, a *anchor, s *Session, late bool, out *Changes) {
	id := s.Tunnel()
	t := a.tunnels[id]
	if t == nil {
		t = &Session{kind: Tunnel, apart: &apart{tunnel: &tunnel{id: id, identity: tunnelAttributes(a.Name, id, s.held.Tenant())}}}
		l.start(now, a, t, late, out)
		l.record(now, a, t, rfc2866.AcctStatusType_Value_Start, nil, out)
		a.appoint(t, now)
	}
	t.tunnel.nodes++
}

// leave is the inverse of join; a session of a tunnel ends with its last node.
func (l *Ledger) leave(now time.Time, a *anchor, id dataplane.TunnelID, why rfc2866.AcctTerminateCause, out *Changes) {
	t := a.tunnels[id]
	if t == nil {
		return
	}
	if t.tunnel.nodes--; t.tunnel.nodes <= 0 {
		l.stop(now, a, t, why, out)
	}
}

// stop ends a session.
func (l *Ledger) stop(now time.Time, a *anchor, s *Session, why rfc2866.AcctTerminateCause, out *Changes) {
	s.read(l.meter)
	if began := s.Started(); now.Before(began) {
		now = began
	}
	l.record(now, a, s, rfc2866.AcctStatusType_Value_Stop, &why, out)
	out.Closed = append(out.Closed, s.number)
	l.numbers.Delete(spread(s.number), s)
	if s.kind == Tunnel {
		delete(a.tunnels, s.tunnel.id)
		a.shown[s.tunnel.id] = s.seen
		return
	}
	a.nodes.Delete(spread(uint64(s.binding)), s)
	l.leave(now, a, s.Tunnel(), why, out)
}

// record makes a record of a session.
func (l *Ledger) record(now time.Time, a *anchor, s *Session, status rfc2866.AcctStatusType, why *rfc2866.AcctTerminateCause, out *Changes) {
	list := l.scratch[:0]
	list.event(status, now)
	list.text(rfc2866.AcctSessionID_Type, s.ID())
	list.text(rfc2866.AcctMultiSessionID_Type, l.MultiSession(s))
	if status != rfc2866.AcctStatusType_Value_Start {
		list.integer(rfc2866.AcctSessionTime_Type, uint32(now.Sub(s.Started())/time.Second))
		if s.apart != nil && s.counted {
			list.usage(s.used)
		}
	}
	if why != nil {
		list.integer(rfc2866.AcctTerminateCause_Type, uint32(*why))
	}
	l.scratch = s.identify(list)
	out.Records = append(out.Records, Record{At: now, Attributes: bytes.Clone(l.scratch)})
}

// announce makes an Accounting-On or -Off.
func (l *Ledger) announce(now time.Time, a *anchor, status rfc2866.AcctStatusType, out *Changes) {
	l.last++
	out.Last = l.last
	var list attributes
	list.event(status, now)
	list.text(rfc2866.AcctSessionID_Type, SessionName(l.birth, l.last)) // wanted even here (RFC 2866 section 5.5)
	list.text(rfc2865.NASIdentifier_Type, a.Name)
	for _, addr := range a.Addresses {
		list.address(rfc2865.NASIPAddress_Type, rfc3162.NASIPv6Address_Type, addr)
	}
	out.Records = append(out.Records, Record{At: now, Attributes: list})
}

func compareTunnels(a, b dataplane.TunnelID) int { return cmp.Compare(tunnelName(a), tunnelName(b)) }
