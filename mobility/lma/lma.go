package lma

import (
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/heartbeat"
	"mooring/mobility/revocation"
	"mooring/mobility/wire"
)

// Machine is a local mobility anchor. One goroutine uses it; its Table and Statistics may be read by others.
type Machine struct {
	cfg      *mobility.LMA
	table    *binding.Table
	stats    mobility.Statistics
	networks networks
	// own is where the MAGs are that speak to an address of the anchor itself; transports has it, too, under these addresses.
	own        *transport
	transports map[mobility.VRFAddr]*transport // empty while there are no customers: then own is the only one
	customers  map[string]*customer
	beats      heartbeat.Monitor[*peer]
	healths    heartbeat.Board[pathKey]
	// announcement is of a restart that lost bindings.
	announcement announcement
	// revocations are the indications that MAGs have not acknowledged.
	revocations revocation.Queue
	farewells   farewells
	entitlement entitlement
	departed    map[mobility.VRFAddr]*transport // see departFrom
	restarts    uint32                          // our restart counter (RFC 5847 section 3.2)
	keys        map[*mobility.Key]*wire.Authenticator
	waiting     waiting
	inquiries   inquiries
	unsent      map[dataplane.SessionID]withheld
	failures    mobility.AuthFailures
	forged      mobility.RateLimit         // of refusals of requests that are not authentic
	floods      mobility.Deadline          // when one is to be judged, at the latest
	tunnels     map[dataplane.TunnelID]int // bindings by the tunnel that they use
	lastID      dataplane.SessionID
	vacating    []dataplane.SessionID // what Vacate has still to end, as far as it has looked

	// Memory that is used again from step to step.
	request request
	decoder wire.Decoder // of requests that waited
	ack     wire.BindingAck

	unstorable bool // nothing can be stored
	leaving    bool // see Leave
}

var noTerms = unique.Make(mobility.Terms{})

// New returns the anchor that cfg describes, without bindings. The machine is the owner of table. restarts is what it tells its peers as restart counter
// (RFC 5847 section 3.2).
func New(now time.Time, cfg *mobility.LMA, table *binding.Table, restarts uint32) *Machine {
	m := &Machine{
		cfg:      cfg,
		table:    table,
		stats:    mobility.Statistics{Began: now},
		restarts: restarts,
		unsent:   map[dataplane.SessionID]withheld{},
		tunnels:  map[dataplane.TunnelID]int{},

		entitlement: entitlement{since: now},
		forged:      mobility.RateLimit{PerSecond: refusalsPerSecond, AtOnce: refusalsAtOnce},
	}
	m.own = newTransport("", nil, &m.stats)
	m.beats.Changed = func(p *heartbeat.Path[*peer]) { m.healths.Put(p.Owner.key(), p.Health) }
	m.configureNetworks()
	m.configureCustomers(now)
	m.configurePeers(now, &mobility.LMA{Domain: cfg.Domain})
	return m
}

// Statistics returns the counters; anybody may read them at any time.
func (m *Machine) Statistics() *mobility.Statistics { return &m.stats }

// Receive takes in a message that was sent to one of the anchor's addresses.
func (m *Machine) Receive(now time.Time, in *mobility.Inbound, out *mobility.Effects) {
	via := m.wayOf(in.To)
	if via == nil {
		m.stats.Dropped[mobility.DropUnexpected].Add(1)
		return
	}
	if m.leaving || len(m.departed) > 0 && !m.isHome(in.To) {
		m.receiveLate(now, via, in, out)
		return
	}
	sender := m.sender(via, in.From.Addr.Addr())
	if in.Err != nil {
		via.drop(sender, mobility.ReasonOf(in.Err))
		m.inVain(now, via, in.From.Addr.Addr(), out)
		return
	}
	update, ok := in.Message.(*wire.BindingUpdate)
	if !ok {
		m.receiveOther(now, via, in, out)
		return
	}
	r := &m.request
	*r = request{now: now, in: in, via: via, update: update, careOf: careOf(in, update), peer: sender, sessions: r.sessions[:0]}
	switch {
	case update.Flags&wire.UpdateP == 0:
		r.discard(mobility.DropNotProxy)
		m.inVain(now, via, in.From.Addr.Addr(), out)
	case !isUnicast(r.careOf):
		r.discard(mobility.DropMalformed)
		m.inVain(now, via, in.From.Addr.Addr(), out)
	case m.authenticate(r, out) && m.admit(r, out):
		m.decide(r, out)
	}
	via.counted(r.peer).PBUReceived.Add(1) // now it is known who sent it
}

// receiveOther takes in what is no Binding Update.
func (m *Machine) receiveOther(now time.Time, via *transport, in *mobility.Inbound, out *mobility.Effects) {
	switch msg := in.Message.(type) {
	case *wire.Heartbeat:
		m.heartbeat(now, via, in, msg, out)
	case *wire.Revocation:
		m.revokedBy(now, via, in, msg, out)
	case *wire.RevocationAck:
		m.revocationAck(now, via, in, msg, out)
	case *wire.BindingError:
		m.bindingError(now, via, in, msg, out)
	default:
		via.drop(via.speaker(in.From.Addr), mobility.DropUnexpected)
	}
}

// decide acts upon a request that was found good.
func (m *Machine) decide(r *request, out *mobility.Effects) {
	found := m.lookup(r)
	if r.update.Lifetime == 0 && !m.inquiries.empty() {
		m.inquiries.forget(r)
	}
	switch {
	case found.refused != wire.StatusAccepted:
		m.refuse(r, found.refused, out)
	case found.wait && m.waiting.hold(r, m.cfg.CreateWait):
		m.askWhere(r.now, found.binding, out)
	case found.wait:
		r.discard(mobility.DropOverload)
	case found.binding == nil && r.update.Lifetime == 0:
		r.discard(mobility.DropNoSession)
	case m.asksTooMuch(r, found.binding):
		m.refuse(r, wire.StatusNotAuthorizedForHNP, out)
	case m.asks(r) && m.mustAsk(r, found.binding) && !m.authorized(r, out):
	case r.forbidden():
		m.refuseService(r, found.binding, out)
	case found.binding == nil:
		m.register(r, out)
	case r.update.Lifetime == 0:
		m.deregister(r, found.binding, out)
	case found.binding.State == mobility.StateRevoking && r.fromMAGOf(found.binding):
		m.refuse(r, wire.StatusProhibited, out) // it is told to end it; a node that moves is not concerned
	default:
		m.extend(r, found.binding, out)
	}
}

// Installed takes in what became of a session in the dataplane.
func (m *Machine) Installed(now time.Time, result dataplane.Result, out *mobility.Effects) {
	b := m.table.Get(result.ID)
	if b == nil {
		return
	}
	state := mobility.Installed
	if result.Err != nil {
		state = mobility.InstallFailed
	}
	if b.Install != state {
		row := m.table.Copy(b)
		row.Install = state
		m.table.Renew(row) // so that the first refresh needs no memory
	}
	if result.Err == nil {
		m.sendWithheld(result.ID, out)
	}
}

// Deadline returns when Advance has something to do, at the latest.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	var first mobility.Deadline
	first.Include(m.table.NextAlarm())
	first.Include(m.waiting.next())
	first.Include(m.inquiries.next())
	first.Include(m.beats.Deadline())
	first.Include(m.revocations.Deadline())
	first.Include(m.farewellDeadline())
	first.Include(m.announcement.deadline())
	first.Include(m.floods.Get())
	return first.Get()
}

// Advance does what is due: bindings expire, de-registered ones are forgotten, and who waited long enough gets a session of
// its own.
func (m *Machine) Advance(now time.Time, out *mobility.Effects) {
	for b := m.table.PopAlarm(now); b != nil; b = m.table.PopAlarm(now) {
		reason := mobility.Expired
		if b.State == mobility.StateDeletePending {
			reason = mobility.Deregistered
		}
		m.end(now, b, reason, out)
		m.resume(now, b, out)
	}
	for held := m.waiting.due(now); held != nil; held = m.waiting.due(now) {
		m.replay(now, held, out)
	}
	for q := m.inquiries.due(now); q != nil; q = m.inquiries.due(now) {
		m.conclude(now, q, &mobility.Authorization{}, out)
	}
	m.beat(now, out)
	m.repeat(now, out)
	m.sayFarewells(now, out)
	m.announce(now, out)
	m.watchFloods(now, out)
}

// Clear ends a binding because an operator wants it to, and reports whether there was one. It ends when its MAG has heard of that, or was told often
// enough.
func (m *Machine) Clear(now time.Time, id dataplane.SessionID, out *mobility.Effects) bool {
	b := m.table.Get(id)
	if b == nil {
		return false
	}
	m.revoke(now, b, out)
	return true
}
