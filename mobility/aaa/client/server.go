package client

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"mooring/mobility/aaa"
)

// server is what is known of a RADIUS server, whatever lanes it is in.
type server struct {
	began    time.Time
	counters counters

	mu     sync.Mutex
	addr   netip.AddrPort
	health health
}

type counters struct{ requests, retransmissions, responses, timeouts, bad atomic.Uint64 }

// health says whether a server answers. It is pure.
type health struct {
	down    bool
	until   time.Time // of down: it is passed over until then
	probing bool      // of down: a request is under way that finds out
}

// admit reports whether a request may be sent now.
func (h *health) admit(now time.Time) bool {
	if !h.down {
		return true
	}
	if h.probing || now.Before(h.until) {
		return false
	}
	h.probing = true
	return true
}

// heard takes in whether a request was answered. It reports whether the server went down or came up thereby.
func (h *health) heard(now time.Time, answered bool, dead time.Duration) (changed bool) {
	changed = h.down == answered
	if answered {
		*h = health{}
	} else {
		*h = health{down: true, until: now.Add(dead)}
	}
	return changed
}

// retry is when it makes sense to ask the server again.
func (h *health) retry(now time.Time, timeout time.Duration) time.Time {
	if h.down && h.until.After(now) {
		return h.until
	}
	return now.Add(timeout)
}

// Status is how a server is doing.
type Status struct {
	Name  string
	Down  bool // it is passed over
	Began time.Time

	Requests        uint64 // repetitions not counted
	Retransmissions uint64
	Responses       uint64
	Timeouts        uint64 // requests that were never answered
	BadResponses    uint64
}

func (s *server) status(name string) Status {
	s.mu.Lock()
	down := s.health.down
	s.mu.Unlock()
	c := &s.counters
	return Status{name, down, s.began, c.requests.Load(), c.retransmissions.Load(), c.responses.Load(), c.timeouts.Load(), c.bad.Load()}
}

// moved forgets what is known of a server that is somewhere else now.
func (s *server) moved(to aaa.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr != to.Addr {
		s.addr, s.health = to.Addr, health{}
	}
}

// Statistics counts the records of an owner since the start of the process. A record that goes to several groups counts for each.
type Statistics struct {
	Start, Update, Stop uint64 // that a server took
	Failed              uint64 // times that no server answered
	Retransmitted       uint64
}
