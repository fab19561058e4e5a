package usertun

import (
	"iter"
	"maps"
	"net/netip"
	"sync"

	"github.com/gaissmai/bart"
)

// table maps the prefixes of nodes to routes. Packets look up in it while it changes: they wait for a change, which takes a microsecond.
// (To publish a changed copy instead costs ten, and ten kilobytes of garbage.) But for lookup, Carrier.mu is held.
type table struct {
	mu     sync.RWMutex
	routes bart.Table[*route]
}

// lookup returns the route for a node.
func (t *table) lookup(node netip.Addr) (*route, bool) {
	t.mu.RLock()
	r, ok := t.routes.Lookup(node)
	t.mu.RUnlock()
	return r, ok
}

func (t *table) get(prefix netip.Prefix) (*route, bool) { return t.routes.Get(prefix) }

// all yields every route; the table does not change meanwhile.
func (t *table) all() iter.Seq2[netip.Prefix, *route] { return t.routes.All() }

func (t *table) put(prefix netip.Prefix, r *route) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.routes.Insert(prefix, r)
}

func (t *table) remove(prefix netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.routes.Delete(prefix)
}

// empty returns what was in the table.
func (t *table) empty() map[netip.Prefix]*route {
	old := maps.Collect(t.routes.All())
	t.mu.Lock()
	defer t.mu.Unlock()
	t.routes = bart.Table[*route]{}
	return old
}
