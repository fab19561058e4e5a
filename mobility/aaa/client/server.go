package client

import (
	"maps"
	"net/netip"
	"slices"
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

// registry has servers by name.
type registry map[string]*server

// of returns what is known of a server.
func (all registry) of(cfg aaa.Server) *server {
	s := all[cfg.Name]
	if s == nil {
		s = &server{began: time.Now()}
		all[cfg.Name] = s
	}
	s.moved(cfg)
	return s
}

// status says how the servers are doing, sorted by name.
func (all registry) status() (list []Status) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name].status(name))
	}
	return list
}

type counters struct{ requests, retransmissions, responses, timeouts, bad, accepts, rejects atomic.Uint64 }

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
	Accepts         uint64 // of responses: Access-Accept
	Rejects         uint64 // Access-Reject
}

func (s *server) status(name string) Status {
	s.mu.Lock()
	down := s.health.down
	s.mu.Unlock()
	c := &s.counters
	return Status{
		Name: name, Down: down, Began: s.began, Requests: c.requests.Load(), Retransmissions: c.retransmissions.Load(), Responses: c.responses.Load(),
		Timeouts: c.timeouts.Load(), BadResponses: c.bad.Load(), Accepts: c.accepts.Load(), Rejects: c.rejects.Load(),
	}
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
