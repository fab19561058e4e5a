package reconcile

import (
	"unique"

	"mooring/dataplane"
)

// metering is whether sessions are counted each by itself, and how far a change of that is.
type metering struct {
	wanted bool
	others int // sessions that are still as before
	from   int // slot of the index of sessions that is looked at next
}

// want has so many sessions be counted, or not.
func (m *metering) want(wanted bool, sessions int) {
	if m.wanted != wanted {
		m.wanted, m.others = wanted, sessions-m.others
	}
}

// left notes that a session is not there any more.
func (m *metering) left(s *session) {
	if s.form.Value().metered != m.wanted {
		m.others--
	}
}

// meterSome has some sessions be as is wanted. It waits for all that is to be made: whoever is new does not wait for it.
func (p *plan) meterSome(slots int) {
	if m := &p.metering; m.others > 0 && !p.making() {
		m.from = p.sessions.Walk(m.from, slots, p.meter) // round and round: what has moved meanwhile is met again
	}
}

// meter has the routes that a session has be made again, if it is to be counted, or is not any more. Who has them stays the same.
func (p *plan) meter(s *session) {
	f := s.form.Value()
	if f.metered == p.metering.wanted {
		return
	}
	p.metering.left(s)
	f.metered = p.metering.wanted
	s.form = unique.Make(f)
	if f.side != dataplane.Anchor {
		return
	}
	for _, it := range s.items {
		if it.isRoute() && it.heir == s {
			p.begin(it)
		}
	}
}

// making reports whether anything waits to be made.
func (p *plan) making() bool {
	for _, q := range p.queues[toMake] {
		if len(q) > 0 {
			return true
		}
	}
	return false
}
