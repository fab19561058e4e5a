// Package binding is the table of bindings of one LMA or MAG: rows, the indexes that the machine looks up, the order of
// changes that observers follow, and one alarm a row.
//
// One goroutine, the owner, writes (Put, Delete, SetAlarm, PopAlarm); any may read. Rows are replaced, never changed, so a
// reader keeps what it got. At a million bindings every octet of an entry costs a megabyte.
package binding

import (
	"hash/maphash"
	"iter"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"mooring/dataplane"
	"mooring/dataplane/index"
	"mooring/mobility"
	"mooring/mobility/wire"
)

const shardCount = 64

// Table holds bindings. Make one with New.
type Table struct {
	shards [shardCount]shard
	count  atomic.Int64

	// The rest belongs to the owner.
	found    *entry             // by the last look-up or Put: most often the next to be put
	byNode   index.Index[entry] // first of a chain over entry.sibling
	byPrefix index.Index[entry] // by VRF and prefix, or home address
	seed     maphash.Seed       // of both
	alarms   alarms
}

// shard is one part of the rows, with the order in which they changed.
type shard struct {
	mu      sync.RWMutex
	rows    index.Index[entry] // by ID
	newest  *entry             // most recent change; linked by entry.older
	oldest  *entry
	changes uint64      // of the newest
	seen    uint64      // the newest that any mark has seen
	marks   []*Mark     // all that read from the table
	place   int         // among the shards
	deleted []tombstone // oldest first
}

type tombstone struct {
	entry  *entry
	change uint64
}

type entry struct {
	row          *mobility.Binding // nil: deleted, and kept until every mark has seen it
	held         *mobility.Holding // the row's
	id           dataplane.SessionID
	change       uint64
	older, newer *entry
	sibling      *entry // next entry of the same node
	alarm        alarm
	place        int32  // in the heap of alarms, counted from 1; 0: not in it
	puts         uint32 // how often the row was put
}

// fetch reads something of the row and of what it holds. Both are far away in a large table, and the second is known from the first: so the
// processor waits for them at once, and not for one after the other when they are used.
func (e *entry) fetch() {
	octets := byte(e.row.Sequence) ^ byte(len(e.held.Node)) ^ byte(e.held.Created)
	runtime.KeepAlive(octets) // else nothing would be read
}

// New returns an empty table.
func New() *Table {
	t := &Table{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].place = i
	}
	return t
}

func (t *Table) shardOf(id dataplane.SessionID) *shard { return &t.shards[id%shardCount] }

// rowHash spreads identifiers, which are counted up, over all hashes (D. Knuth, The Art of Computer Programming, section 6.4: the golden ratio).
func rowHash(id dataplane.SessionID) uint32 { return uint32(uint64(id) * 0x9e3779b97f4a7c15 >> 32) }

// find returns the entry of a row, or of one that was deleted and is remembered; or nil.
func (s *shard) find(id dataplane.SessionID) *entry {
	return s.rows.Find(rowHash(id), func(e *entry) bool { return e.id == id })
}

// Len returns the number of bindings.
func (t *Table) Len() int { return int(t.count.Load()) }

// Put adds the row, or replaces the row with its ID. The table keeps b; nobody may change it afterwards.
func (t *Table) Put(b *mobility.Binding) {
	s := t.shardOf(b.ID)
	s.mu.Lock()
	e := t.recent(b.ID)
	if e == nil {
		e = s.find(b.ID)
	}
	if e == nil {
		e = &entry{id: b.ID}
		s.rows.Put(rowHash(b.ID), e)
	}
	t.found = e
	old := e.row
	e.row, e.held = b, b.Holding
	e.puts++
	s.touch(e)
	s.mu.Unlock()
	t.reindex(e, old, b)
	if old == nil {
		t.count.Add(1)
	}
}

// Delete removes the row and its alarm. Deleting what is absent changes nothing.
func (t *Table) Delete(id dataplane.SessionID) {
	s := t.shardOf(id)
	s.mu.Lock()
	e := s.find(id)
	if e == nil || e.row == nil {
		s.mu.Unlock()
		return
	}
	old := e.row
	e.row, e.held = nil, nil
	s.touch(e)
	s.deleted = append(s.deleted, tombstone{e, e.change})
	s.sweep()
	s.mu.Unlock()
	t.reindex(e, old, nil)
	t.alarms.remove(e)
	t.count.Add(-1)
}

// Get returns the row, or nil.
func (t *Table) Get(id dataplane.SessionID) *mobility.Binding {
	s := t.shardOf(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.find(id); e != nil {
		return e.row
	}
	return nil
}

// All yields every row, shard by shard. It holds no lock while it yields; a row that changes meanwhile is seen as it was or as
// it became.
func (t *Table) All() iter.Seq[*mobility.Binding] {
	return func(yield func(*mobility.Binding) bool) {
		var rows []*mobility.Binding
		for i := range t.shards {
			rows = t.shards[i].appendRows(rows[:0])
			for some := range slices.Chunk(rows, ahead) {
				fetch(some)
				for _, b := range some {
					if !yield(b) {
						return
					}
				}
			}
		}
	}
}

// ahead is how many rows are fetched together.
const ahead = 32

// fetch reads something of each row and of its node, all of which are far apart in a large table: the processor waits for all of them at
// once, and not for one after the other when they are used.
func fetch(rows []*mobility.Binding) {
	var octets byte
	for _, b := range rows {
		if b.Node != "" {
			octets ^= b.Node[0]
		}
		if len(b.Prefixes) > 0 {
			octets ^= byte(b.Prefixes[0].Bits())
		}
		octets ^= byte(b.Sequence) ^ byte(b.Created)
	}
	runtime.KeepAlive(octets) // else nothing would be read
}

func (s *shard) appendRows(rows []*mobility.Binding) []*mobility.Binding {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for e := range s.rows.All() { // not by way of the older ones, each of which would have to be waited for
		if e.row != nil {
			rows = append(rows, e.row)
		}
	}
	return rows
}

// recent returns the entry that was found last, if it is that of this row, to spare a look-up.
func (t *Table) recent(id dataplane.SessionID) *entry {
	if e := t.found; e != nil && e.id == id && e.row != nil {
		return e
	}
	return nil
}

// ByNode yields the rows of a node, one for each of its interfaces or sessions. For the owner only.
func (t *Table) ByNode(id mobility.NodeID) iter.Seq[*mobility.Binding] { return t.chain(t.firstOf(id)) }

// ByMNID is ByNode for an identifier as a message carries it; it does not allocate.
func (t *Table) ByMNID(id wire.MNID) iter.Seq[*mobility.Binding] { return t.chain(t.firstOfMNID(id)) }

func (t *Table) firstOfMNID(id wire.MNID) *entry {
	var room [128]byte
	key := append(append(room[:0], id.Subtype), id.ID...)
	hash := uint32(maphash.Bytes(t.seed, key))
	return t.byNode.Find(hash, func(e *entry) bool { return e.held.Node == mobility.NodeID(key) })
}

func (t *Table) nodeHash(id mobility.NodeID) uint32 {
	return uint32(maphash.String(t.seed, string(id)))
}

func (t *Table) firstOf(id mobility.NodeID) *entry {
	return t.byNode.Find(t.nodeHash(id), func(e *entry) bool { return e.held.Node == id })
}

func (t *Table) chain(e *entry) iter.Seq[*mobility.Binding] {
	return func(yield func(*mobility.Binding) bool) {
		for next := e; next != nil; {
			e, next = next, next.sibling
			t.found = e
			e.fetch()
			if !yield(e.row) {
				return
			}
		}
	}
}

// ByPrefix returns the row that holds exactly this home network prefix in a VRF, or this home address as /32. For the owner only.
func (t *Table) ByPrefix(vrf string, p netip.Prefix) *mobility.Binding {
	if e := t.holderOf(vrf, p); e != nil {
		t.found = e
		return e.row
	}
	return nil
}

func (t *Table) prefixHash(vrf string, p netip.Prefix) uint32 {
	return uint32(maphash.Comparable(t.seed, dataplane.VRFPrefix{VRF: vrf, Prefix: p}))
}

func (t *Table) holderOf(vrf string, p netip.Prefix) *entry {
	return t.byPrefix.Find(t.prefixHash(vrf, p), func(e *entry) bool { return e.held.Tenant().VRF == vrf && holds(e.held, p) })
}

// reindex moves e from where old stood to where b stands. Either may be nil. The entry has b already, so that it is taken out first.
func (t *Table) reindex(e *entry, old, b *mobility.Binding) {
	moves := old != nil && b != nil && old.Node != b.Node
	if old != nil && (b == nil || moves) {
		t.unchain(e, old.Node)
	}
	if b != nil && (old == nil || moves) {
		t.enchain(e, b.Node)
	}
	if old != nil && b != nil && old.Tenancy == b.Tenancy && old.SameAddresses(b) {
		return
	}
	if old != nil {
		vrf := old.Tenant().VRF
		for p := range addresses(old.Holding) {
			t.byPrefix.Delete(t.prefixHash(vrf, p), e)
		}
	}
	if b != nil {
		t.addAddresses(e, b)
	}
}

// addAddresses has the addresses of a row lead to it, also those that led to another.
func (t *Table) addAddresses(e *entry, row *mobility.Binding) {
	vrf := row.Tenant().VRF
	for p := range addresses(row.Holding) {
		hash := t.prefixHash(vrf, p)
		if other := t.holderOf(vrf, p); other != nil {
			t.byPrefix.Delete(hash, other)
		}
		t.byPrefix.Put(hash, e)
	}
}

// enchain makes e the first entry of a node.
func (t *Table) enchain(e *entry, node mobility.NodeID) {
	hash := t.nodeHash(node)
	if e.sibling = t.firstOf(node); e.sibling != nil {
		t.byNode.Delete(hash, e.sibling)
	}
	t.byNode.Put(hash, e)
}

// unchain takes e out of the entries of a node.
func (t *Table) unchain(e *entry, node mobility.NodeID) {
	hash := t.nodeHash(node)
	if t.byNode.Delete(hash, e) {
		if e.sibling != nil {
			t.byNode.Put(hash, e.sibling)
		}
	} else {
		before := t.firstOf(node)
		for before.sibling != e {
			before = before.sibling
		}
		before.sibling = e.sibling
	}
	e.sibling = nil
}

// addresses yields what a row is found by: its home network prefixes and its home address.
func addresses(h *mobility.Holding) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for _, p := range h.Prefixes {
			if !yield(p) {
				return
			}
		}
		if h.Home.IsValid() {
			yield(netip.PrefixFrom(h.Home.Addr(), h.Home.Addr().BitLen()))
		}
	}
}

func holds(h *mobility.Holding, p netip.Prefix) bool {
	return slices.Contains(h.Prefixes, p) || p.IsSingleIP() && h.Home.IsValid() && h.Home.Addr() == p.Addr()
}
