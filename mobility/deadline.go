package mobility

import "time"

// Deadline is the earliest of several instants, each of which there may be or not. The zero value is none.
type Deadline struct {
	at  time.Time
	set bool
}

// Include takes another instant into account, if ok.
func (d *Deadline) Include(at time.Time, ok bool) {
	if ok && (!d.set || at.Before(d.at)) {
		d.at, d.set = at, true
	}
}

// Get returns the earliest instant; ok is false where there is none.
func (d *Deadline) Get() (at time.Time, ok bool) { return d.at, d.set }
