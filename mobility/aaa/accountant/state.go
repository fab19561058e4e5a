package accountant

import (
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/client"
	"mooring/mobility/aaa/spool"
)

// Session describes an open session.
type Session struct {
	ID, MultiSession string
	Kind             aaa.Kind
	Anchor           string
	Binding          dataplane.SessionID // of a node
	Created          mobility.Instant    // of the binding
	Tunnel           dataplane.TunnelID
	Started          time.Time
	LastRecord       time.Time // that a server took, in whole seconds after Started; zero: none in this process
}

// Sessions returns the open sessions of an anchor, in no order.
func (a *Accountant) Sessions(anchor string) (list []Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spool == nil {
		return nil
	}
	for s := range a.ledger.Sessions {
		if s.Anchor() == anchor {
			list = append(list, a.describe(s))
		}
	}
	return list
}

// Session returns the open session of an Acct-Session-Id, and whether there is one.
func (a *Accountant) Session(id string) (Session, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spool == nil {
		return Session{}, false
	}
	s := a.ledger.Session(id)
	if s == nil {
		return Session{}, false
	}
	return a.describe(s), true
}

func (a *Accountant) describe(s *aaa.Session) Session {
	return Session{
		ID: s.ID(), MultiSession: a.ledger.MultiSession(s), Kind: s.Kind(), Anchor: s.Anchor(), Binding: s.Binding(), Created: s.Created(), Tunnel: s.Tunnel(),
		Started: s.Started(), LastRecord: s.LastRecord(),
	}
}

// Servers returns how the servers are doing, sorted by name.
func (a *Accountant) Servers() []client.Status {
	if c, _ := a.parts(); c != nil {
		return c.Servers()
	}
	return nil
}

// Statistics are the counters of an anchor or a customer, and how many of their records wait.
func (a *Accountant) Statistics(owner aaa.Owner) (s client.Statistics, queued int) {
	if c, q := a.parts(); c != nil {
		return c.Statistics(owner), q.QueuedOf(owner)
	}
	return s, 0
}

// Queue describes the queue as a whole.
func (a *Accountant) Queue() (room aaa.Room, queued int, left spool.Left) {
	if _, q := a.parts(); q != nil {
		return q.Room(), q.Queued(), q.Left()
	}
	return aaa.Ample, 0, left
}

func (a *Accountant) parts() (*client.Client, *spool.Spool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spool == nil {
		return nil, nil
	}
	return a.client, a.spool
}

// nothing is a dataplane that counts nothing.
type nothing struct{}

func (nothing) Node(string, dataplane.SessionID) (u aaa.Usage, ok bool) { return u, false }
func (nothing) Tunnel(dataplane.TunnelID) (u aaa.Usage, ok bool)        { return u, false }
