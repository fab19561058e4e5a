package element

import (
	"sync"

	"mooring/dataplane"
	"mooring/server/tree/schema"
)

// matches are what rules of access lists have decided about since an operator last cleared it.
type matches struct {
	read    func() map[dataplane.MatchKey]dataplane.Matches // the dataplane goes on counting
	mu      sync.Mutex
	cleared map[dataplane.MatchKey]dataplane.Matches // what was shown then
}

// clear lets the rules of a list begin anew, of "" none.
func (m *matches) clear(list string) {
	if list == "" {
		return
	}
	now := m.read()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cleared == nil {
		m.cleared = map[dataplane.MatchKey]dataplane.Matches{}
	}
	for key, n := range now {
		if key.List == list {
			m.cleared[key] = n
		}
	}
}

// since returns what was counted since. A rule that counts less than what was cleared is a new one.
func (m *matches) since() map[dataplane.MatchKey]dataplane.Matches {
	now := m.read()
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, had := range m.cleared {
		n, there := now[key]
		if !there || n.Packets < had.Packets || n.Octets < had.Octets {
			delete(m.cleared, key)
			continue
		}
		now[key] = dataplane.Matches{Packets: n.Packets - had.Packets, Octets: n.Octets - had.Octets}
	}
	return now
}

// listOf names the access list that the tunnels of an anchor or gateway go through; empty: none.
func (e *Element) listOf(machine schema.Path) string {
	at := e.root().Get(machine)
	for _, local := range []string{"tunnel", "acl"} {
		if at == nil {
			return ""
		}
		at = at.ChildNamed(local)
	}
	if at == nil {
		return ""
	}
	return at.Value()
}
