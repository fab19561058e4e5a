package client

import (
	"layeh.com/radius/rfc2866"

	"mooring/mobility/aaa/spool"
)

// window is the front of a lane: which of its records may travel. It is pure.
type window struct {
	slots []slot // in the order of arrival
	last  uint64 // number of the newest that was ever in it

	// Memory of take.
	sessions map[string]bool // that have a record in front
	anchors  map[string]bool // that have any record in front
	barred   map[string]bool // anchors that have an On or Off in front
}

type slot struct {
	spool.Entry
	session, anchor string // of the record
	announces       bool
	travels         bool
	refused         int // times that it was sent and no server took it
}

func newWindow() *window {
	return &window{sessions: map[string]bool{}, anchors: map[string]bool{}, barred: map[string]bool{}}
}

// add takes in entries with numbers that only grow.
func (w *window) add(entries []spool.Entry) {
	for _, e := range entries {
		w.slots = append(w.slots, slot{Entry: e, session: e.Session(), anchor: e.Anchor(), announces: announces(e.Status())})
		w.last = e.Number
	}
}

// take returns a record that may travel now, and marks it: the first of those that were refused least often. A record that servers do not like
// would else be the one that finds out whether they are back, for ever.
func (w *window) take() (spool.Entry, bool) {
	best := w.choose()
	if best == nil {
		return spool.Entry{}, false
	}
	best.travels = true
	return best.Entry, true
}

func (w *window) choose() (best *slot) {
	clear(w.sessions)
	clear(w.anchors)
	clear(w.barred)
	for i := range w.slots {
		s := &w.slots[i]
		if !s.travels && !w.barred[s.anchor] && !w.sessions[s.session] && !(s.announces && w.anchors[s.anchor]) && (best == nil || s.refused < best.refused) {
			if best = s; s.refused == 0 {
				break
			}
		}
		w.sessions[s.session], w.anchors[s.anchor] = true, true
		if s.announces {
			w.barred[s.anchor] = true
		}
	}
	return best
}

// announces reports whether a record is about an anchor and all of its sessions.
func announces(status rfc2866.AcctStatusType) bool {
	return status == rfc2866.AcctStatusType_Value_AccountingOn || status == rfc2866.AcctStatusType_Value_AccountingOff
}

// back says that a record has to travel again. refused: it was sent.
func (w *window) back(number uint64, refused bool) {
	for i := range w.slots {
		if s := &w.slots[i]; s.Number == number {
			s.travels = false
			if refused {
				s.refused++
			}
		}
	}
}

// done takes records out.
func (w *window) done(entries []spool.Entry) {
	gone := make(map[uint64]bool, len(entries))
	for _, e := range entries {
		gone[e.Number] = true
	}
	kept := w.slots[:0]
	for _, s := range w.slots {
		if !gone[s.Number] {
			kept = append(kept, s)
		}
	}
	clear(w.slots[len(kept):])
	w.slots = kept
}
