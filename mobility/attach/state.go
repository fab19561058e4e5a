package attach

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"mooring/mobility/attach/homelink"
)

// State is what can be said of an access link. Its counters go on.
type State struct {
	Link       string
	Up         bool // nodes are looked for on it
	Statistics *homelink.Statistics
}

// Links lists the access links by name.
func (s *Server) Links() []State {
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.states.links), func(a, b State) int { return cmp.Compare(a.Link, b.Link) })
}

func (l *link) state() State {
	return State{Link: l.name, Up: l.socket != nil, Statistics: l.machine.Statistics()}
}

// states are the states of all links, for others to read. The zero value is empty.
type states struct {
	mu    sync.Mutex
	links map[string]State
}

func (s *states) set(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.links == nil {
		s.links = map[string]State{}
	}
	s.links[state.Link] = state
}

func (s *states) remove(link string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, link)
}
