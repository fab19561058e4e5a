package netconf

import "time"

// periodicUpdates sends what is selected at the boundaries of periods.
type periodicUpdates struct {
	of      *pushSubscription
	terms   pushTerms // that due was reckoned by
	due     time.Time // zero: nothing was sent yet
	created time.Time // of the first update
}

// turn implements updates.
func (u *periodicUpdates) turn(t pushTerms) (wake, error) {
	now := time.Now()
	switch {
	case u.due.IsZero() && t.anchor.IsZero(): // the first update sets the pace (RFC 8641 section 4.2)
		u.due, u.created = now, now
	case u.due.IsZero() || t.period != u.terms.period || !t.anchor.Equal(u.terms.anchor):
		u.due = u.next(t, now)
	}
	u.terms = t
	if now.Before(u.due) {
		return wake{at: u.due}, nil
	}
	if _, err := u.of.tellAll(u.of.read(t, u.of.session.server.store.Running().Root)); err != nil {
		return wake{}, err
	}
	next := u.due.Add(t.period)
	if now = time.Now(); now.After(next) { // a client that reads slowly has missed updates (RFC 8641 section 3.11.1)
		next = u.next(t, now)
		if err := u.missed(); err != nil {
			return wake{}, err
		}
	}
	u.due = next
	return wake{at: next}, nil
}

// missed says that updates were left out.
func (u *periodicUpdates) missed() error {
	if err := u.of.suspend(subscribed + ":unsupportable-volume"); err != nil {
		return err
	}
	return u.of.resume()
}

func (u *periodicUpdates) next(t pushTerms, now time.Time) time.Time {
	if t.anchor.IsZero() {
		t.anchor = u.created
	}
	return t.next(now)
}

func (u *periodicUpdates) close() {}
