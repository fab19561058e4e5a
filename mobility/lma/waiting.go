package lma

import (
	"bytes"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// maxWaiting bounds the requests that wait for a decision.
const maxWaiting = 10_000

// waiting holds requests of nodes of which nobody knows whether they moved or came over a second interface. Each waits for the
// old MAG to de-register the node, MaxDelayBeforeNewBCEAssign at most (RFC 5213 section 5.4.1.2). A MAG that asks again replaces
// what waits: it is the newest request that is answered, once.
type waiting struct {
	byNode map[waiter]*held
	queue  []*held // in the order of their ends; those taken out are left in it until their turn
}

// waiter is a node of a customer, or of none.
type waiter struct {
	customer string
	node     mobility.NodeID
}

func waiterOf(b *mobility.Binding) waiter { return waiter{b.Tenant().Customer, b.Node} }

type held struct {
	node      waiter
	from, to  mobility.Endpoint
	codePoint uint8
	octets    []byte
	asked     *mobility.Statistics // of the one who asked
	until     time.Time
	taken     bool
}

// hold keeps the request and reports whether there was room for it.
func (w *waiting) hold(r *request, wait time.Duration) bool {
	node := waiter{r.via.customer.name(), mobility.NodeIDOf(r.update.MNID.Value)}
	h := w.byNode[node]
	if h == nil {
		if len(w.queue) >= maxWaiting {
			return false
		}
		if w.byNode == nil {
			w.byNode = map[waiter]*held{}
		}
		h = &held{node: node, until: r.now.Add(wait)}
		w.byNode[node] = h
		w.queue = append(w.queue, h)
	} else {
		h.forgo()
	}
	h.asked = r.via.counted(r.peer)
	h.from, h.to, h.codePoint, h.octets = r.in.From, r.in.To, r.in.CodePoint, bytes.Clone(r.in.Octets)
	return true
}

// forgo counts a request that will not be answered, because another is.
func (h *held) forgo() {
	h.asked.Dropped[mobility.DropSuperseded].Add(1)
	h.asked.PBUDiscarded.Add(1)
}

// next returns when the first wait ends.
func (w *waiting) next() (time.Time, bool) {
	for len(w.queue) > 0 && w.queue[0].taken {
		w.queue = w.queue[1:]
	}
	if len(w.queue) == 0 {
		return time.Time{}, false
	}
	return w.queue[0].until, true
}

// due takes out the first request whose wait has ended, or returns nil.
func (w *waiting) due(now time.Time) *held {
	if until, ok := w.next(); !ok || until.After(now) {
		return nil
	}
	return w.take(w.queue[0].node)
}

// take takes out the request of a node, or returns nil.
func (w *waiting) take(node waiter) *held {
	h := w.byNode[node]
	if h != nil {
		h.taken = true
		delete(w.byNode, node)
	}
	return h
}

// overtake takes out the request of a node when a newer one of the same MAG was answered, or any that moved a session of the
// node. That another MAG prolongs what it has only says that the node is still there.
func (w *waiting) overtake(node waiter, from mobility.Endpoint, moved bool) {
	if h := w.byNode[node]; h != nil && (moved || h.from == from) {
		w.take(node).forgo()
	}
}

// resume decides on what waited for the node of a binding, because its old MAG has de-registered it or its old binding is gone.
func (m *Machine) resume(now time.Time, b *mobility.Binding, out *mobility.Effects) {
	m.resumeNode(now, waiterOf(b), out)
}

func (m *Machine) resumeNode(now time.Time, node waiter, out *mobility.Effects) {
	if h := m.waiting.take(node); h != nil {
		m.replay(now, h, out)
	}
}

// replay processes a request that waited. It was authenticated and in order when it came; everything else may have changed.
func (m *Machine) replay(now time.Time, h *held, out *mobility.Effects) {
	if r := m.reopen(now, h); r != nil && m.authenticate(r, out) && m.admit(r, out) {
		m.decide(r, out)
	}
}

// reopen makes a request of what waited; nil if the address that it was sent to is gone, or not its customer's any more.
func (m *Machine) reopen(now time.Time, h *held) *request {
	msg, err := m.decoder.Decode(h.octets)
	if err != nil {
		return nil // it decoded when it came
	}
	if !m.listens(h.to.VRF, h.to.Addr.Addr(), h.node.customer) {
		h.forgo()
		return nil
	}
	via := m.transportAt(h.to.VRF, h.to.Addr.Addr())
	in, update := &mobility.Inbound{From: h.from, To: h.to, CodePoint: h.codePoint, Octets: h.octets, Message: msg}, msg.(*wire.BindingUpdate)
	return &request{now: now, in: in, via: via, update: update, careOf: careOf(in, update), peer: m.sender(via, in.From.Addr.Addr()), late: true}
}
