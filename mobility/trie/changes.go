package trie

import (
	"iter"
	"math/bits"
)

// Change is a key whose value differs between two Maps. The zero value stands for none.
type Change[V any] struct {
	Key      string
	Old, New V
}

// Changes yields what differs between two Maps, in no particular order. It costs the difference where one was made of the other:
// what they share is not looked at.
func Changes[V comparable](old, new Map[V]) iter.Seq[Change[V]] {
	return func(yield func(Change[V]) bool) { (&differ[V]{old, new, yield}).branches(old.root, new.root) }
}

type differ[V comparable] struct {
	old, new Map[V]
	yield    func(Change[V]) bool
}

// branches compares two branches at one place of their Maps; either may be nil. It reports whether to go on.
func (d *differ[V]) branches(old, new *branch[V]) bool {
	if old == new {
		return true
	}
	for left := old.bits() | new.bits(); left != 0; left &= left - 1 {
		bit := uint32(1) << bits.TrailingZeros32(left)
		if !d.slots(old.slot(bit), new.slot(bit)) {
			return false
		}
	}
	return true
}

func (d *differ[V]) slots(old, new slot[V]) bool {
	if old == new {
		return true
	}
	if old.below != nil && new.below != nil {
		return d.branches(old.below, new.below)
	}
	return old.walk(func(e *entry[V]) bool {
		value, _ := d.new.Get(e.key)
		return value == e.value || d.yield(Change[V]{e.key, e.value, value})
	}) && new.walk(func(e *entry[V]) bool {
		if _, had := d.old.Get(e.key); had {
			return true
		}
		return d.yield(Change[V]{Key: e.key, New: e.value})
	})
}

func (b *branch[V]) bits() uint32 {
	if b == nil {
		return 0
	}
	return b.used
}

// slot returns the slot of a bit, which is empty where there is none.
func (b *branch[V]) slot(bit uint32) slot[V] {
	if b.bits()&bit == 0 {
		return slot[V]{}
	}
	return b.slots[bits.OnesCount32(b.used&(bit-1))]
}
