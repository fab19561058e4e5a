package lma

import (
	"mooring/mobility"
	"mooring/mobility/wire"
)

// checkOrder sorts out requests that come late, or come again (RFC 5213 section 5.5).
func (m *Machine) checkOrder(r *request) wire.Status {
	switch {
	case r.late:
		return wire.StatusAccepted
	case r.stamp.Set && !m.cfg.IgnoreTimestamps:
		return m.checkTimestamp(r)
	}
	b := m.previous(r)
	switch {
	case b == nil:
		return wire.StatusAccepted
	case r.update.Timestamp.Set && !r.fromMAGOf(b):
		return wire.StatusAccepted // another MAG counts from another number
	case !newer(r.update.Seq, b.Sequence):
		return wire.StatusSequenceOutOfWindow
	}
	return wire.StatusAccepted
}

// checkTimestamp compares with every session of the node, whatever session the request would be about: a copy of a request
// that moved a session must not move it back, nor begin another one. An equal timestamp is a copy's. The older one is noticed
// before the one outside of the window, so that a copy of an old request is not answered with an invitation to set the clock.
func (m *Machine) checkTimestamp(r *request) wire.Status {
	stamp := r.stamp.Value
	for _, b := range r.sessions {
		if stamp <= b.Timestamp {
			return wire.StatusTimestampLowerThanPrev
		}
	}
	if r.now.Sub(stamp.Time()).Abs() > m.cfg.TimestampWindow {
		return wire.StatusTimestampMismatch
	}
	return wire.StatusAccepted
}

// newer says whether a sequence number follows another one modulo 2^16 (RFC 6275 section 9.5.1).
func newer(seq, than uint16) bool { return seq != than && seq-than < 1<<15 }

// previous returns the binding that the request follows upon, as far as sequence numbers go: they count for each session. Where the
// MAG gives no link-layer identifier, a copy of the first request is known by the node's only binding.
func (m *Machine) previous(r *request) *mobility.Binding {
	for _, b := range r.sessions {
		if r.sameInterface(b) {
			return b
		}
	}
	if len(r.sessions) == 1 && r.linkID() == nil {
		return r.sessions[0]
	}
	return m.lookup(r).binding
}
