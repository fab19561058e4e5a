// Package revocation keeps the Binding Revocation Indications that were sent and not acknowledged: each is sent again, unchanged, after a while
// that doubles, and in the end given up. It is told what the time is and what arrives; what a revocation does is the business of the machine.
//
// RFC 5846 sections 6.1 and 6.3.
package revocation

import (
	"bytes"
	"container/heap"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// MaxPending bounds the indications that may be on their way at a time: a sequence number is that of one of them (RFC 5846 section 6.1.1).
const MaxPending = 1 << 15

// Pending is an indication that is on its way.
type Pending struct {
	Trigger wire.RevocationTrigger
	Node    mobility.NodeID       // empty: it is about all nodes of a peer
	Binding dataplane.SessionID   // that ends with the answer; 0: it has ended, or goes on elsewhere
	Reason  mobility.DeleteReason // why Binding ends
	Sign    mobility.Signature    // of the indication, and of what answers it
	Hash    mobility.HomeAddressHash
	Count   *mobility.Statistics // that it and its answer are counted in
	mobility.Datagram

	seq   uint16
	delay time.Duration
	left  int // repetitions
	due   time.Time
	place int // in the heap
}

// Queue is the indications of a machine. One goroutine uses it; the zero value is empty.
type Queue struct {
	pending   pending
	bySeq     map[uint16]*Pending
	byBinding map[dataplane.SessionID]*Pending
	byNode    map[mobility.NodeID][]*Pending
	bySource  map[mobility.Endpoint]int // how many were sent from there
	seq       uint16
}

// Len returns how many indications are on their way.
func (q *Queue) Len() int { return len(q.pending) }

// Begin has the indications numbered from the one after seq on.
func (q *Queue) Begin(seq uint16) { q.seq = seq }

// Next returns the sequence number of the next indication; there has to be room for one.
func (q *Queue) Next() uint16 {
	for q.seq++; q.bySeq[q.seq] != nil; q.seq++ {
	}
	return q.seq
}

// Sent takes in that p, with the number that Next returned, was sent. It keeps a copy of the octets.
func (q *Queue) Sent(now time.Time, p *Pending, timers mobility.Revocation) {
	if q.bySeq == nil {
		q.bySeq, q.byBinding, q.byNode = map[uint16]*Pending{}, map[dataplane.SessionID]*Pending{}, map[mobility.NodeID][]*Pending{}
		q.bySource = map[mobility.Endpoint]int{}
	}
	p.Octets = bytes.Clone(p.Octets)
	p.seq, p.delay, p.left, p.due = q.seq, timers.DelayMin, timers.Retries, now.Add(timers.DelayMin)
	q.bySeq[p.seq] = p
	if p.Binding != 0 {
		q.byBinding[p.Binding] = p
	}
	if p.Node != "" {
		q.byNode[p.Node] = append(q.byNode[p.Node], p)
	}
	q.bySource[p.From]++
	heap.Push(&q.pending, p)
}

// Of returns the indication that a binding ends with, or nil.
func (q *Queue) Of(binding dataplane.SessionID) *Pending { return q.byBinding[binding] }

// SentFrom reports whether indications from an endpoint are on their way.
func (q *Queue) SentFrom(at mobility.Endpoint) bool { return q.bySource[at] > 0 }

// Deadline returns when Due has something to say.
func (q *Queue) Deadline() (at time.Time, ok bool) {
	if len(q.pending) == 0 {
		return time.Time{}, false
	}
	return q.pending[0].due, true
}

// Due returns an indication that is to be sent again, or else is given up and out of the queue; nil when there is none (RFC 5846 section 6.3).
func (q *Queue) Due(now time.Time, timers mobility.Revocation) (p *Pending, again bool) {
	if at, ok := q.Deadline(); !ok || at.After(now) {
		return nil, false
	}
	p = q.pending[0]
	if p.left == 0 {
		q.remove(p)
		return p, false
	}
	p.left--
	p.delay = min(2*p.delay, max(timers.DelayMax, timers.DelayMin))
	p.due = now.Add(p.delay)
	heap.Fix(&q.pending, 0)
	return p, true
}

// Find returns the indication with a sequence number that was sent to where an answer comes from, or nil.
func (q *Queue) Find(seq uint16, from mobility.Endpoint) *Pending {
	if p := q.bySeq[seq]; p != nil && p.To.VRF == from.VRF && p.To.Addr.Addr() == from.Addr.Addr() {
		return p
	}
	return nil
}

// Remove takes an indication out.
func (q *Queue) Remove(p *Pending) { q.remove(p) }

// About returns the indications about a node. The slice is valid until the queue changes.
func (q *Queue) About(node mobility.NodeID) []*Pending { return q.byNode[node] }

// RemoveAbout takes out the indications about a node that match picks.
func (q *Queue) RemoveAbout(node mobility.NodeID, match func(*Pending) bool) {
	for _, p := range slices.Clone(q.byNode[node]) {
		if match(p) {
			q.remove(p)
		}
	}
}

// RemoveTo takes out the indications to a peer, and returns them.
func (q *Queue) RemoveTo(peer mobility.Endpoint) (removed []*Pending) {
	return q.removeWhere(func(p *Pending) bool { return p.To == peer })
}

// RemoveFrom takes out the indications from an address.
func (q *Queue) RemoveFrom(at mobility.Endpoint) {
	q.removeWhere(func(p *Pending) bool { return p.From == at })
}

func (q *Queue) removeWhere(match func(*Pending) bool) (removed []*Pending) {
	for _, p := range q.pending {
		if match(p) {
			removed = append(removed, p)
		}
	}
	for _, p := range removed {
		q.remove(p)
	}
	return removed
}

func (q *Queue) remove(p *Pending) {
	heap.Remove(&q.pending, p.place)
	delete(q.bySeq, p.seq)
	if q.bySource[p.From]--; q.bySource[p.From] == 0 {
		delete(q.bySource, p.From)
	}
	if q.byBinding[p.Binding] == p {
		delete(q.byBinding, p.Binding)
	}
	if p.Node == "" {
		return
	}
	if rest := slices.DeleteFunc(q.byNode[p.Node], func(other *Pending) bool { return other == p }); len(rest) > 0 {
		q.byNode[p.Node] = rest
	} else {
		delete(q.byNode, p.Node)
	}
}

// pending is a heap by the time of the next repetition.
type pending []*Pending

func (h pending) Len() int           { return len(h) }
func (h pending) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h pending) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *pending) Push(x any) {
	p := x.(*Pending)
	p.place = len(*h)
	*h = append(*h, p)
}

func (h *pending) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return p
}
