// Package binding is the table of bindings of one LMA or MAG: rows, the indexes that the machine looks up, the order of
// changes that observers follow, and one alarm a row.
//
// One goroutine, the owner, writes (Put, Renew, Delete, SetAlarm, PopAlarm); any may read. Rows are replaced, never changed, so a
// reader keeps what it got (but for the owner: see Renew). At a million bindings every octet of an entry costs a megabyte.
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
	found    *entry              // by the last look-up or Put: most often the next to be put
	byNode   index.Index[number] // first of a chain over entry.sibling
	byPrefix index.Index[number] // by VRF and prefix, or home address
	seed     maphash.Seed        // of both
	alarms   alarms
	renewals renewals
}

// shard is one part of the rows, with the order in which they changed.
type shard struct {
	mu      sync.RWMutex
	entries index.Slab[entry]
	rows    index.Index[number] // by ID
	newest  number              // most recent change; linked by entry.older
	oldest  number
	changes uint64      // of the newest
	seen    uint64      // the newest that any mark has seen
	marks   []*Mark     // all that read from the table
	place   int         // among the shards
	deleted []tombstone // oldest first
}

type tombstone struct {
	entry  number
	change uint64
}

// number stands for an entry: its number in the shard's slab, times shardCount, and the shard. 0: none. Entries refer to each other, and indexes to them, by
// numbers, since the collector of garbage would have to follow a pointer.
type number uint32

type entry struct {
	row          *mobility.Binding // nil: deleted, and kept until every mark has seen it
	held         *mobility.Holding // the row's
	id           dataplane.SessionID
	change       uint64
	alarm        alarm
	number       number // its own
	older, newer number
	sibling      number // next entry of the same node
	place        int32  // in the heap of alarms, counted from 1; 0: not in it
	puts         uint32 // how often the row was put, and private
}

// at returns the entry with a number. The shard is the owner's, or locked.
func (t *Table) at(n number) *entry { return t.shards[n%shardCount].at(n) }

func (s *shard) at(n number) *entry { return s.entries.At(uint32(n / shardCount)) }

// add makes the entry of a row.
func (s *shard) add(id dataplane.SessionID) *entry {
	n, e := s.entries.Take()
	e.id, e.number = id, number(n)*shardCount+number(s.place)
	s.rows.Put(rowHash(id), e.number)
	return e
}

// forget drops the entry of a row.
func (s *shard) forget(e *entry) {
	s.unlink(e)
	s.rows.Delete(rowHash(e.id), e.number)
	s.entries.Free(uint32(e.number / shardCount))
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
	t.alarms.table = t
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
	if n := s.rows.Find(rowHash(id), func(n number) bool { return s.at(n).id == id }); n != 0 {
		return s.at(n)
	}
	return nil
}

// Len returns the number of bindings.
func (t *Table) Len() int { return int(t.count.Load()) }

// Put adds the row, or replaces the row with its ID. The table keeps b; nobody may change it afterwards.
func (t *Table) Put(b *mobility.Binding) { t.put(b, 0) }

// put is Put for a row that may be private.
func (t *Table) put(b *mobility.Binding, whose uint32) {
	s := t.shardOf(b.ID)
	s.mu.Lock()
	e := t.recent(b.ID)
	if e == nil {
		e = s.find(b.ID)
	}
	if e == nil {
		e = s.add(b.ID)
	}
	t.found = e
	old, own := e.row, e.puts&private != 0
	e.row, e.held = b, b.Holding
	e.puts = (e.puts+1)&^private | whose
	s.touch(e)
	s.mu.Unlock()
	t.reindex(e, old, b)
	if own {
		t.renewals.retire(old)
	}
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
	old := e.show()
	e.row, e.held = nil, nil
	s.touch(e)
	s.mu.Unlock()
	t.reindex(e, old, nil)
	t.alarms.remove(e)
	if t.found == e {
		t.found = nil // an observer may forget it
	}
	s.bury(e)
	t.count.Add(-1)
}

// bury remembers that the row is gone, for those who have not seen it.
func (s *shard) bury(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = append(s.deleted, tombstone{e.number, e.change})
	s.sweep()
}

// Get returns the row, or nil.
func (t *Table) Get(id dataplane.SessionID) *mobility.Binding {
	s := t.shardOf(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(id); e != nil {
		return e.show()
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
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.entries.All() {
		if e.row != nil {
			rows = append(rows, e.show())
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

func (t *Table) firstOfMNID(id wire.MNID) number {
	var room [128]byte
	key := append(append(room[:0], id.Subtype), id.ID...)
	hash := uint32(maphash.Bytes(t.seed, key))
	return t.byNode.Find(hash, func(n number) bool { return t.at(n).held.Node == mobility.NodeID(key) })
}

func (t *Table) nodeHash(id mobility.NodeID) uint32 {
	return uint32(maphash.String(t.seed, string(id)))
}

func (t *Table) firstOf(id mobility.NodeID) number {
	return t.byNode.Find(t.nodeHash(id), func(n number) bool { return t.at(n).held.Node == id })
}

func (t *Table) chain(first number) iter.Seq[*mobility.Binding] {
	return func(yield func(*mobility.Binding) bool) {
		for next := first; next != 0; {
			e := t.at(next)
			next = e.sibling
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
	n := t.holderOf(vrf, p)
	if n == 0 {
		return nil
	}
	t.found = t.at(n)
	return t.found.row
}

func (t *Table) prefixHash(vrf string, p netip.Prefix) uint32 {
	return uint32(maphash.Comparable(t.seed, dataplane.VRFPrefix{VRF: vrf, Prefix: p}))
}

func (t *Table) holderOf(vrf string, p netip.Prefix) number {
	return t.byPrefix.Find(t.prefixHash(vrf, p), func(n number) bool {
		held := t.at(n).held
		return held.Tenant().VRF == vrf && holds(held, p)
	})
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
			t.byPrefix.Delete(t.prefixHash(vrf, p), e.number)
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
		if other := t.holderOf(vrf, p); other != 0 {
			t.byPrefix.Delete(hash, other)
		}
		t.byPrefix.Put(hash, e.number)
	}
}

// enchain makes e the first entry of a node.
func (t *Table) enchain(e *entry, node mobility.NodeID) {
	hash := t.nodeHash(node)
	if e.sibling = t.firstOf(node); e.sibling != 0 {
		t.byNode.Delete(hash, e.sibling)
	}
	t.byNode.Put(hash, e.number)
}

// unchain takes e out of the entries of a node.
func (t *Table) unchain(e *entry, node mobility.NodeID) {
	hash := t.nodeHash(node)
	if t.byNode.Delete(hash, e.number) {
		if e.sibling != 0 {
			t.byNode.Put(hash, e.sibling)
		}
	} else {
		before := t.at(t.firstOf(node))
		for before.sibling != e.number {
			before = t.at(before.sibling)
		}
		before.sibling = e.sibling
	}
	e.sibling = 0
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
			yield(h.Home.Alone())
		}
	}
}

func holds(h *mobility.Holding, p netip.Prefix) bool {
	return slices.Contains(h.Prefixes, p) || p.IsSingleIP() && h.Home.IsValid() && h.Home.Addr() == p.Addr()
}
