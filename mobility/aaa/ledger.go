package aaa

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc3162"

	"mooring/dataplane"
	"mooring/mobility"
)

// Ledger knows which sessions are open, and turns what happens into records. Whatever it is told twice, or too late, changes nothing: a node
// has one session for the life of its binding, a tunnel one while nodes go through it. One goroutine uses a Ledger.
type Ledger struct {
	meter   Meter
	birth   time.Time
	last    uint64 // number of the newest session
	anchors map[string]*anchor
	byID    map[string]*Session   // those of the anchors
	orphans map[string][]*Session // by anchor: restored, and their anchor has not been seen yet
}

// anchor is an LMA that is accounted.
type anchor struct {
	Anchor
	since    time.Time // when it was first configured
	compared bool
	nodes    map[dataplane.SessionID]*Session
	tunnels  map[dataplane.TunnelID]*Session
	shown    map[dataplane.TunnelID]Usage // what the counters of tunnels showed whose sessions ended
	interim  []*Session                   // of tunnels, the one that is due first at the front; those that ended are left in it until their turn
}

// NewLedger returns a ledger with the sessions that an earlier one left open. birth is when the first of its kind began, last the number of the
// newest session since: together they make the names of sessions unique.
func NewLedger(meter Meter, birth time.Time, last uint64, open []*Session) *Ledger {
	l := &Ledger{
		meter: meter, birth: birth, last: last, anchors: map[string]*anchor{}, byID: map[string]*Session{}, orphans: map[string][]*Session{},
	}
	for _, s := range open {
		l.orphans[s.Anchor] = append(l.orphans[s.Anchor], s)
	}
	return l
}

func newAnchor(cfg Anchor, since time.Time) *anchor {
	return &anchor{Anchor: cfg, since: since, nodes: map[dataplane.SessionID]*Session{}, tunnels: map[dataplane.TunnelID]*Session{},
		shown: map[dataplane.TunnelID]Usage{}}
}

// Configure takes over which anchors are accounted. Those that are not any more have their sessions stopped, and say goodbye; so do those that
// only an earlier process knew. It returns the names of those that are new: their tables are to be compared.
func (l *Ledger) Configure(now time.Time, anchors []Anchor, out *Changes) (fresh []string) {
	wanted := map[string]bool{}
	for _, cfg := range anchors {
		wanted[cfg.Name] = true
		a := l.anchors[cfg.Name]
		if a == nil {
			a = newAnchor(cfg, now)
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
			a := newAnchor(Anchor{Name: name}, now)
			l.adopt(now, a)
			l.close(now, a, out)
		}
	}
	return fresh
}

// close ends everything of an anchor.
func (l *Ledger) close(now time.Time, a *anchor, out *Changes) {
	for _, id := range slices.Sorted(maps.Keys(a.nodes)) {
		l.stop(now, a, a.nodes[id], rfc2866.AcctTerminateCause_Value_AdminReset, out)
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
	rows := map[dataplane.SessionID]*mobility.Binding{}
	for b := range bindings {
		rows[b.ID] = b
	}
	for _, id := range slices.Sorted(maps.Keys(a.nodes)) {
		s := a.nodes[id]
		if b := rows[id]; b == nil || b.Created != s.Created {
			l.stop(now, a, s, gone, out)
		}
	}
	l.stopUnused(now, a, gone, out)
	if !a.compared && len(a.nodes) == 0 {
		l.announce(now, a, rfc2866.AcctStatusType_Value_AccountingOn, out)
	}
	a.compared = true
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		l.follow(now, a, rows[id], out)
	}
}

// stopUnused ends the sessions of tunnels that no node goes through.
func (l *Ledger) stopUnused(now time.Time, a *anchor, why rfc2866.AcctTerminateCause, out *Changes) {
	for _, id := range slices.SortedFunc(maps.Keys(a.tunnels), compareTunnels) {
		if s := a.tunnels[id]; s.nodes <= 0 {
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
	for _, s := range orphans {
		l.byID[s.ID] = s
		if s.Kind == Node {
			a.nodes[s.Binding] = s
		} else {
			a.tunnels[s.Tunnel] = s
		}
	}
	for _, s := range orphans {
		if t := a.tunnels[s.Tunnel]; t != nil && s.Kind == Node {
			t.nodes++
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
	if s := a.nodes[b.ID]; s != nil && s.Created == b.Created {
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
	for _, each := range []*Session{s, a.tunnels[s.Tunnel]} {
		if each != nil && each.read(l.meter) {
			out.Open = append(out.Open, each)
		}
	}
}

// follow starts the session of a binding that is new, and takes over what is different of one that is not.
func (l *Ledger) follow(now time.Time, a *anchor, b *mobility.Binding, out *Changes) {
	s := a.of(b)
	if other := a.nodes[b.ID]; s == nil && other != nil { // of another time
		if other.Created > b.Created {
			return
		}
		l.stop(now, a, other, rfc2866.AcctTerminateCause_Value_NASError, out)
	}
	switch tunnel := b.Ends.Value().Tunnel; {
	case s == nil:
		s = &Session{Kind: Node, Binding: b.ID, Created: b.Created, Tunnel: tunnel, Identity: identity(a.Name, b), row: b}
		late := b.Created.Time().Before(a.since)
		l.start(now, a, s, late, out)
		l.join(now, a, s, late, out)
		l.record(now, a, s, rfc2866.AcctStatusType_Value_Start, nil, out)
	case s.row == b || s.row != nil && sameIdentity(s.row, b):
		s.row = b
	default:
		l.move(now, a, s, b, out)
	}
}

// move takes over another identity or another tunnel.
func (l *Ledger) move(now time.Time, a *anchor, s *Session, b *mobility.Binding, out *Changes) {
	was := s.Tunnel
	s.read(l.meter)
	s.row, s.Tunnel, s.Identity = b, b.Ends.Value().Tunnel, identity(a.Name, b)
	out.Open = append(out.Open, s)
	if was != s.Tunnel || a.tunnels[was] == nil {
		l.join(now, a, s, false, out)
	}
	if was != s.Tunnel {
		l.leave(now, a, was, rfc2866.AcctTerminateCause_Value_UserRequest, out)
	}
}

// sameIdentity reports whether records of two versions of a binding say the same of it.
func sameIdentity(a, b *mobility.Binding) bool {
	return a.Ends == b.Ends && a.Access == b.Access && a.SameAddresses(b) && a.LinkID == b.LinkID
}

// identity is what records say of the node of a binding.
func identity(anchor string, b *mobility.Binding) []byte {
	node := NodeIdentity{
		Node: b.Node, Link: b.LinkID, Home: b.Home, Prefixes: b.Prefixes, Access: b.Access, Service: b.Service(),
		Anchor: anchor, Address: b.Ends.Value().Local, MobileNetworks: b.Networks, Customer: b.Tenant().Customer, VRF: b.Tenant().VRF,
	}
	var a attributes
	a.describe(&node)
	return a
}

// start opens a session. What was counted so far is its own, unless accounting is late: it began later than what it accounts.
func (l *Ledger) start(now time.Time, a *anchor, s *Session, late bool, out *Changes) {
	l.last++
	out.Last = l.last
	s.ID, s.Anchor, s.Started = fmt.Sprintf("%08X-%08X", uint32(l.birth.Unix()), l.last), a.Name, now
	l.byID[s.ID] = s
	if s.Kind == Node {
		a.nodes[s.Binding] = s
	} else {
		a.tunnels[s.Tunnel], s.Seen = s, a.shown[s.Tunnel]
	}
	if s.read(l.meter); late {
		s.Used = Usage{}
	}
	out.Open = append(out.Open, s)
}

// join counts a node to its tunnel, whose session begins with the first one.
func (l *Ledger) join(now time.Time, a *anchor, s *Session, late bool, out *Changes) {
	t := a.tunnels[s.Tunnel]
	if t == nil {
		t = &Session{Kind: Tunnel, Tunnel: s.Tunnel, Identity: tunnelAttributes(a.Name, s.Tunnel, s.row.Tenant())}
		l.start(now, a, t, late, out)
		l.record(now, a, t, rfc2866.AcctStatusType_Value_Start, nil, out)
		a.appoint(t, now)
	}
	t.nodes++
}

// leave is the inverse of join; a session of a tunnel ends with its last node.
func (l *Ledger) leave(now time.Time, a *anchor, id dataplane.TunnelID, why rfc2866.AcctTerminateCause, out *Changes) {
	t := a.tunnels[id]
	if t == nil {
		return
	}
	if t.nodes--; t.nodes <= 0 {
		l.stop(now, a, t, why, out)
	}
}

// stop ends a session.
func (l *Ledger) stop(now time.Time, a *anchor, s *Session, why rfc2866.AcctTerminateCause, out *Changes) {
	s.read(l.meter)
	if now.Before(s.Started) {
		now = s.Started
	}
	l.record(now, a, s, rfc2866.AcctStatusType_Value_Stop, &why, out)
	out.Closed = append(out.Closed, s.ID)
	delete(l.byID, s.ID)
	if s.Kind == Tunnel {
		delete(a.tunnels, s.Tunnel)
		a.shown[s.Tunnel] = s.Seen
		return
	}
	delete(a.nodes, s.Binding)
	l.leave(now, a, s.Tunnel, why, out)
}

// record makes a record of a session.
func (l *Ledger) record(now time.Time, a *anchor, s *Session, status rfc2866.AcctStatusType, why *rfc2866.AcctTerminateCause, out *Changes) {
	var list attributes
	list.event(status, now)
	list.text(rfc2866.AcctSessionID_Type, s.ID)
	joined := s.ID
	if t := a.tunnels[s.Tunnel]; t != nil {
		joined = t.ID
	}
	list.text(rfc2866.AcctMultiSessionID_Type, joined)
	if status != rfc2866.AcctStatusType_Value_Start {
		list.integer(rfc2866.AcctSessionTime_Type, uint32(now.Sub(s.Started)/time.Second))
		if s.Counted {
			list.usage(s.Used)
		}
	}
	if why != nil {
		list.integer(rfc2866.AcctTerminateCause_Type, uint32(*why))
	}
	out.Records = append(out.Records, Record{At: now, Attributes: append(list, s.Identity...)})
}

// announce makes an Accounting-On or -Off.
func (l *Ledger) announce(now time.Time, a *anchor, status rfc2866.AcctStatusType, out *Changes) {
	l.last++
	out.Last = l.last
	var list attributes
	list.event(status, now)
	list.text(rfc2866.AcctSessionID_Type, fmt.Sprintf("%08X-%08X", uint32(l.birth.Unix()), l.last)) // wanted even here (RFC 2866 section 5.5)
	list.text(rfc2865.NASIdentifier_Type, a.Name)
	for _, addr := range a.Addresses {
		list.address(rfc2865.NASIPAddress_Type, rfc3162.NASIPv6Address_Type, addr)
	}
	out.Records = append(out.Records, Record{At: now, Attributes: list})
}

func compareTunnels(a, b dataplane.TunnelID) int { return cmp.Compare(tunnelName(a), tunnelName(b)) }
