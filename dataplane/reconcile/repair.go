package reconcile

import (
	"time"

	"mooring/dataplane"
)

// Finding is how it was noticed that an object of ours was missing, or different.
type Finding uint8

// The ways.
const (
	Notified Finding = iota + 1 // the host has told of it
	Compared                    // a comparison has found it
)

func (f Finding) String() string {
	if f == Notified {
		return "notified"
	}
	return "compared"
}

// Repair says that objects were made again together, which somebody else had removed or changed.
type Repair struct {
	Number uint64 // counts repairs from 1
	At     time.Time
	Object dataplane.Object // the first
	Count  int
	Found  Finding
}

// maxRepairs is how many repairs are remembered.
const maxRepairs = 100

// repairs are those of a Reconciler.
type repairs struct {
	latest  []Repair // the oldest first
	number  uint64
	objects uint64 // of all of them
}

// note takes in items that were made again, and returns what is to be said of it: an event for each way of finding them.
func (r *repairs) note(items []*item, now time.Time) (list []Repair) {
	for _, found := range []Finding{Notified, Compared} {
		repair := Repair{At: now, Found: found}
		for _, it := range items {
			if it.missed != found {
				continue
			}
			if repair.Count++; repair.Object == nil {
				repair.Object = it.object()
			}
		}
		if repair.Count == 0 {
			continue
		}
		r.number++
		r.objects += uint64(repair.Count)
		repair.Number = r.number
		list = append(list, repair)
	}
	for _, it := range items {
		it.missed = 0
	}
	r.latest = append(r.latest, list...)
	r.latest = r.latest[max(0, len(r.latest)-maxRepairs):]
	return list
}

// Repairs returns the latest repairs, the oldest first, and how many objects were made again since New.
func (r *Reconciler) Repairs() (latest []Repair, objects uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(latest, r.repairs.latest...), r.repairs.objects
}
