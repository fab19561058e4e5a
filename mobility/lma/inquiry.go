package lma

import (
	"bytes"
	"math"
	"net/netip"
	"slices"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// presumed stands for the profile of a node that AAA servers are asked about, where they need not be asked (again): its session has what they
// granted, and the request wants no more.
var presumed = &mobility.Profile{Service: mobility.ServiceDual}

// inquiries are the requests of nodes that AAA servers have been asked about. A MAG that repeats its request replaces what waits, and nobody is
// asked again: it is the newest request that is answered, once. The zero value is empty.
type inquiries struct {
	byID   map[uint64]*inquiry
	byNode map[waiter][]*inquiry
	queue  []*inquiry // in the order of their ends; those taken out are left in it until their turn
	last   uint64     // that was given to a question
	turn   uint64     // of the request that came last
}

type inquiry struct {
	held
	id   uint64
	link string
	turn uint64 // requests are counted as they come
}

func (q *inquiries) empty() bool { return len(q.byID) == 0 }

// of returns what waits for the same MAG and interface as a request, or nil.
func (q *inquiries) of(node waiter, r *request) *inquiry {
	link := r.linkID()
	for _, w := range q.byNode[node] {
		if w.from == r.in.From && w.link == string(link) {
			return w
		}
	}
	return nil
}

func (r *request) waiter() waiter {
	return waiter{r.via.customer.name(), mobility.NodeIDOf(r.update.MNID.Value)}
}

// keep lets a request wait, and says whether it is the first.
func (q *inquiries) keep(r *request, patience time.Duration) (w *inquiry, first bool) {
	node := r.waiter()
	if w = q.of(node, r); w == nil {
		if q.byID == nil {
			q.byID, q.byNode = map[uint64]*inquiry{}, map[waiter][]*inquiry{}
		}
		q.last++
		w, first = &inquiry{held: held{node: node, until: r.now.Add(patience)}, id: q.last, link: string(r.linkID())}, true
		q.byID[w.id] = w
		q.byNode[node] = append(q.byNode[node], w)
		q.queue = append(q.queue, w)
	} else {
		w.forgo()
	}
	q.turn++
	w.turn, w.asked = q.turn, r.via.counted(r.peer)
	w.from, w.to, w.codePoint, w.octets = r.in.From, r.in.To, r.in.CodePoint, bytes.Clone(r.in.Octets)
	return w, first
}

func (q *inquiries) next() (time.Time, bool) {
	for len(q.queue) > 0 && q.queue[0].taken {
		q.queue[0] = nil
		q.queue = q.queue[1:]
	}
	if len(q.queue) == 0 {
		return time.Time{}, false
	}
	return q.queue[0].until, true
}

// due takes out the first request that has waited long enough, or returns nil.
func (q *inquiries) due(now time.Time) *inquiry {
	if until, ok := q.next(); !ok || until.After(now) {
		return nil
	}
	return q.take(q.queue[0])
}

func (q *inquiries) take(w *inquiry) *inquiry {
	w.taken = true
	delete(q.byID, w.id)
	if rest := slices.DeleteFunc(q.byNode[w.node], func(other *inquiry) bool { return other == w }); len(rest) > 0 {
		q.byNode[w.node] = rest
	} else {
		delete(q.byNode, w.node)
	}
	return w
}

// forget takes out what the MAG of a request has taken back by it.
func (q *inquiries) forget(r *request) {
	if w := q.of(r.waiter(), r); w != nil {
		q.take(w).forgo()
	}
}

// overtake takes out the requests for an interface that came before the one that its session was made of: they must not move it back.
func (q *inquiries) overtake(b *mobility.Binding, r *request) {
	before := r.turn
	if !r.late {
		before = math.MaxUint64
	}
	for _, w := range slices.Clone(q.byNode[waiterOf(b)]) {
		if w.turn < before && w.link == string(b.LinkID) {
			q.take(w).forgo()
		}
	}
}

// asks says whether there are requests like this one that AAA servers are asked about.
func (m *Machine) asks(r *request) bool {
	return r.source == mobility.ProfileAAA || m.cfg.Authorize.Networks
}

// mustAsk says whether such a request needs the word of an AAA server: one that makes a session does, and one that wants more than its session has
// (RFC 6572 section 6.1), or another service (RFC 5149 section 4.2). One that will be refused anyhow does not.
func (m *Machine) mustAsk(r *request, b *mobility.Binding) bool {
	switch {
	case r.update.Lifetime == 0, m.unstorable, b == nil && m.full():
		return false
	case r.source == mobility.ProfileAAA && (b == nil || b.Source != mobility.ProfileAAA || m.cfg.Authorize.Refreshes || r.wants()&^b.Service() != 0 || r.changesService(b)):
		return true
	}
	return m.cfg.Authorize.Networks && r.wantsNetworksBeside(b)
}

// wantsNetworksBeside says whether the request asks for mobile networks that a binding, which may be nil, does not have.
func (r *request) wantsNetworksBeside(b *mobility.Binding) bool {
	var had []netip.Prefix
	if b != nil {
		had = b.Networks
	}
	for asked := range r.networks {
		if !hasNetwork(had, asked) {
			return true
		}
	}
	return false
}

// hasNetwork says whether had answers what is asked for: this very network, or with an unspecified address any of the IP version.
func hasNetwork(had []netip.Prefix, asked netip.Prefix) bool {
	return slices.ContainsFunc(had, func(p netip.Prefix) bool {
		return p == asked.Masked() || asked.Addr().IsUnspecified() && p.Addr().Is4() == asked.Addr().Is4()
	})
}

// authorized says whether a request may go on. If not, it waits for an answer, or was refused.
func (m *Machine) authorized(r *request, out *mobility.Effects) bool {
	status := wire.StatusAccepted
	switch {
	case r.answer == nil:
		m.ask(r, out)
		return false
	case r.answer.Verdict == mobility.Granted:
		status = m.entitle(r)
	case r.answer.Verdict == mobility.Unanswered:
		status = wire.StatusInsufficientResources
		out.Events = append(out.Events, mobility.Event{
			Kind: mobility.AuthorizationFailed, Node: mobility.NodeIDOf(r.update.MNID.Value), Peer: r.in.From.Addr})
	case r.source == mobility.ProfileAAA:
		status = wire.StatusProxyRegNotEnabled
	default:
		status = wire.StatusNotAuthorizedForDMNP
	}
	if status != wire.StatusAccepted {
		m.refuse(r, status, out)
	}
	return status == wire.StatusAccepted
}

// ask puts a question, unless it is put already.
func (m *Machine) ask(r *request, out *mobility.Effects) {
	if len(m.inquiries.byID) >= m.cfg.Authorize.Pending && m.inquiries.of(r.waiter(), r) == nil {
		m.refuse(r, wire.StatusInsufficientResources, out)
		return
	}
	if w, first := m.inquiries.keep(r, m.cfg.Authorize.Patience); first {
		out.Ask = append(out.Ask, question(r, w))
	}
}

func question(r *request, w *inquiry) mobility.Question {
	u := r.update
	q := mobility.Question{
		ID: w.id, Until: w.until, Node: w.node.node, Link: mobility.LinkID(w.link), Access: u.AccessType.Value, APN: u.ServiceSelection.Value.Name(),
		Service: r.wants(), Address: r.in.To.Addr.Addr(), Customer: w.node.customer, VRF: r.vrf(),
	}
	for _, hnp := range u.HNPs {
		q.Prefixes = append(q.Prefixes, hnp.Prefix.Masked())
	}
	if len(u.IPv4HoARequests) > 0 {
		q.Home = r.home()
	}
	return q
}

// entitle takes over the profile that was granted, and makes the checks again that depend on it.
func (m *Machine) entitle(r *request) wire.Status {
	if r.source != mobility.ProfileAAA {
		return wire.StatusAccepted // it has a profile, and was asked about for its networks
	}
	a := r.answer
	r.profile = a.Over(m.cfg.Domain.Profiles.Named(m.cfg.DefaultProfile))
	switch {
	case len(a.Anchors) > 0 && !slices.ContainsFunc(a.Anchors, r.via.hasAddress):
		return wire.StatusNotLMAForThisMN
	case len(a.Prefixes) > m.cfg.MaxPrefixes:
		return wire.StatusNotAuthorizedForHNP
	}
	if status := m.checkAnchor(r); status != wire.StatusAccepted {
		return status
	}
	return checkService(r)
}

var nothingGiven mobility.Authorization

// given is what an AAA server gives the node; of one that has a profile here, it was asked about networks alone.
func (r *request) given() *mobility.Authorization {
	if r.answer == nil || r.source != mobility.ProfileAAA {
		return &nothingGiven
	}
	return r.answer
}

// Authorized takes in what AAA servers say to a question. Nobody has to wait for that any more: the node may be registered otherwise, and the
// one who asked for it gone.
func (m *Machine) Authorized(now time.Time, id uint64, answer *mobility.Authorization, out *mobility.Effects) {
	if w := m.inquiries.byID[id]; w != nil {
		m.conclude(now, m.inquiries.take(w), answer, out)
	}
}

// conclude decides upon a request that waited for an answer.
func (m *Machine) conclude(now time.Time, w *inquiry, answer *mobility.Authorization, out *mobility.Effects) {
	r := m.reopen(now, &w.held)
	switch {
	case r == nil:
		return
	case !m.mayServe(r.peer):
		w.forgo()
		return
	}
	r.answer, r.turn = answer, w.turn
	if m.authenticate(r, out) && m.admit(r, out) {
		m.decide(r, out)
	}
}
