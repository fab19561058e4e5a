package engine

import (
	"time"

	"mooring/mobility"
)

// carryOut does what the machines asked for in a step: first everything of one kind, then everything of the next.
func (e *Engine) carryOut(now time.Time) {
	busy := e.element.busy
	for _, u := range busy {
		if changes := u.out.Sessions; len(changes) > 0 {
			for i := range changes {
				changes[i].ID = u.session(changes[i].ID)
				if s := changes[i].Session; s != nil {
					s.ID = changes[i].ID
				}
			}
			e.Dataplane.Want(changes)
		}
	}
	for _, u := range busy {
		if len(u.out.Grants) > 0 {
			e.Grants(u.out.Grants)
		}
	}
	for _, u := range busy {
		if len(u.out.Send) > 0 {
			e.Transport.Send(u.out.Send)
		}
	}
	for i, u := range busy {
		if e.Events != nil {
			e.events.put(now, u.Name, u.out.Events)
		}
		u.reset()
		busy[i] = nil
	}
	e.element.busy = busy[:0]
}

// muchMemory is more than an ordinary step needs, in effects of one kind. What a commit or a mass expiry took is not kept.
const muchMemory = 4096

func (u *unit) reset() {
	u.busy = false
	if max(cap(u.out.Sessions), cap(u.out.Grants), cap(u.out.Send), cap(u.out.Events)) > muchMemory {
		u.out = mobility.Effects{}
		return
	}
	u.out.Reset()
}
