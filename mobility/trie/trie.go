// Package trie has a persistent map: what a change makes of it shares all but one path with what it was before, so that versions
// cost what differs between them, in memory and to compare. Configurations hold their long lists in it.
package trie

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"slices"
)

// Map is never changed: With and Without return another one. It is a hash array mapped trie, 32 ways a level. The zero value is
// empty. Equal Maps (==) are one version; it may be read by several goroutines.
type Map[V any] struct{ root *branch[V] }

// branch holds the slots that are in use, in the order of the bits that are set.
type branch[V any] struct {
	used  uint32
	slots []slot[V]
	own   *Owner // who made it, and may change it as long as nobody else has seen it
}

// Owner makes several changes in a row without copying what it has copied already. A nil *Owner owns nothing.
type Owner struct{ _ byte }

// slot is an entry, or the branch where several hashes go on alike.
type slot[V any] struct {
	entry *entry[V]
	below *branch[V]
}

type entry[V any] struct {
	hash  uint64
	key   string
	value V
	same  *entry[V] // another key of the same hash
}

const levelBits = 5

var seed = maphash.MakeSeed()

// Get returns the value of a key.
func (m Map[V]) Get(key string) (value V, ok bool) {
	for e := m.root.find(maphash.String(seed, key)); e != nil; e = e.same {
		if e.key == key {
			return e.value, true
		}
	}
	return value, false
}

// GetBytes is Get that makes no string of the key.
func (m Map[V]) GetBytes(key []byte) (value V, ok bool) {
	for e := m.root.find(maphash.Bytes(seed, key)); e != nil; e = e.same {
		if e.key == string(key) {
			return e.value, true
		}
	}
	return value, false
}

// Empty reports whether there are no entries.
func (m Map[V]) Empty() bool { return m.root == nil }

// All yields the entries in no particular order.
func (m Map[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		m.root.walk(func(e *entry[V]) bool { return yield(e.key, e.value) })
	}
}

// With returns m with the value in the place of that of key, or added. It may spoil Maps that own has made.
func (m Map[V]) With(key string, value V, own *Owner) Map[V] {
	return Map[V]{m.root.put(&entry[V]{hash: maphash.String(seed, key), key: key, value: value}, 0, own)}
}

// Without returns m without key.
func (m Map[V]) Without(key string) Map[V] {
	if _, ok := m.Get(key); !ok {
		return m
	}
	return Map[V]{m.root.remove(maphash.String(seed, key), key, 0)}
}

// find returns the first entry of that hash, or nil.
func (b *branch[V]) find(hash uint64) *entry[V] {
	for shift := 0; b != nil; shift += levelBits {
		i, used := b.place(hash, shift)
		if !used {
			return nil
		}
		if e := b.slots[i].entry; e != nil {
			if e.hash == hash {
				return e
			}
			return nil
		}
		b = b.slots[i].below
	}
	return nil
}

// place returns where the slot of a hash is, or would be.
func (b *branch[V]) place(hash uint64, shift int) (i int, used bool) {
	bit := bitOf(hash, shift)
	return bits.OnesCount32(b.used & (bit - 1)), b.used&bit != 0
}

func bitOf(hash uint64, shift int) uint32 { return 1 << (hash >> shift & (1<<levelBits - 1)) }

// of returns b if own may change it, and else a copy that it may change.
func (b *branch[V]) of(own *Owner) *branch[V] {
	if own != nil && b.own == own {
		return b
	}
	return &branch[V]{b.used, slices.Clone(b.slots), own}
}

func (b *branch[V]) put(e *entry[V], shift int, own *Owner) *branch[V] {
	if b == nil {
		return &branch[V]{bitOf(e.hash, shift), []slot[V]{{entry: e}}, own}
	}
	b = b.of(own)
	i, used := b.place(e.hash, shift)
	if !used {
		b.used |= bitOf(e.hash, shift)
		b.slots = slices.Insert(b.slots, i, slot[V]{entry: e})
		return b
	}
	switch s := &b.slots[i]; {
	case s.below != nil:
		s.below = s.below.put(e, shift+levelBits, own)
	case s.entry.hash == e.hash:
		e.same = s.entry.drop(e.key)
		s.entry = e
	default:
		*s = slot[V]{below: (*branch[V])(nil).put(s.entry, shift+levelBits, own).put(e, shift+levelBits, own)}
	}
	return b
}

// remove takes out a key that is there. It returns nil when nothing is left.
func (b *branch[V]) remove(hash uint64, key string, shift int) *branch[V] {
	i, _ := b.place(hash, shift)
	left := b.slots[i]
	if left.below != nil {
		left.below = left.below.remove(hash, key, shift+levelBits)
		if below := left.below; below != nil && len(below.slots) == 1 && below.slots[0].entry != nil {
			left = below.slots[0] // no need for a branch any more
		}
	} else {
		left.entry = left.entry.drop(key)
	}
	if left != (slot[V]{}) {
		changed := b.of(nil)
		changed.slots[i] = left
		return changed
	}
	if len(b.slots) == 1 {
		return nil
	}
	return &branch[V]{b.used &^ bitOf(hash, shift), slices.Concat(b.slots[:i], b.slots[i+1:]), nil}
}

// drop returns the entries of a hash without the one of key.
func (e *entry[V]) drop(key string) *entry[V] {
	switch {
	case e == nil:
		return nil
	case e.key == key:
		return e.same
	}
	kept := *e
	kept.same = e.same.drop(key)
	return &kept
}

func (b *branch[V]) walk(yield func(*entry[V]) bool) bool {
	if b == nil {
		return true
	}
	for _, s := range b.slots {
		if !s.walk(yield) {
			return false
		}
	}
	return true
}

func (s slot[V]) walk(yield func(*entry[V]) bool) bool {
	for e := s.entry; e != nil; e = e.same {
		if !yield(e) {
			return false
		}
	}
	return s.below.walk(yield)
}
