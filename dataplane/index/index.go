// Package index finds things by what they hold, and keeps them side by side. At a million things an index takes some 18 octets for each, or 12 where they have numbers, where
// a map takes those of the key once more, twice over: a slot is the thing and the hash of the key, which the caller makes.
package index

import (
	"iter"
	"slices"
)

// Index is a hash table with linear probing, of pointers or of the numbers of a Slab; zero stands for no thing. The zero value is empty. One goroutine uses it at a time.
type Index[T comparable] struct {
	hashes []uint32
	things []T // zero: the slot is free
	count  int
}

const (
	leastSlots = 8
	fullAt     = 0.8  // of the slots: with more, probing goes far
	growBy     = 1.25 // less than 2, since at most sizes half of what was gained would lie idle
)

// Len returns how many things there are.
func (x *Index[T]) Len() int { return x.count }

// Find returns a thing that was put with this hash and that matches, or zero.
func (x *Index[T]) Find(hash uint32, match func(T) bool) (none T) {
	if x.count == 0 {
		return none
	}
	for at := x.home(hash); x.things[at] != none; at = x.after(at) {
		if x.hashes[at] == hash && match(x.things[at]) {
			return x.things[at]
		}
	}
	return none
}

// Put adds a thing. It does not look whether it is there.
func (x *Index[T]) Put(hash uint32, thing T) {
	if float64(x.count) >= fullAt*float64(len(x.things)) {
		x.resize(max(leastSlots, int(growBy*float64(len(x.things)))))
	}
	x.insert(hash, thing)
	x.count++
}

// Delete takes out a thing that was put with this hash, once, and says whether it was there.
func (x *Index[T]) Delete(hash uint32, thing T) bool {
	if x.count == 0 {
		return false
	}
	for at := x.home(hash); x.taken(at); at = x.after(at) {
		if x.hashes[at] == hash && x.things[at] == thing {
			x.free(at)
			x.count--
			if len(x.things) > leastSlots && float64(x.count) < fullAt/4*float64(len(x.things)) {
				x.resize(max(leastSlots, len(x.things)/2))
			}
			return true
		}
	}
	return false
}

// Twin returns an index that has, in the same places, what other makes of the things.
func (x *Index[T]) Twin(other func(T) T) Index[T] {
	twin := Index[T]{slices.Clone(x.hashes), make([]T, len(x.things)), x.count}
	for at, thing := range x.things {
		if x.taken(at) {
			twin.things[at] = other(thing)
		}
	}
	return twin
}

// All yields every thing, as often as it was put. The index does not change meanwhile.
func (x *Index[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for at, thing := range x.things {
			if x.taken(at) && !yield(thing) {
				return
			}
		}
	}
}

// Slots is the room that there is. Where it changes, all things are in other places.
func (x *Index[T]) Slots() int { return len(x.things) }

// Walk visits the things in so many slots, and returns the slot to go on with, or 0 at the end. What is deleted between two walks may have a thing be
// passed over, or visited again.
func (x *Index[T]) Walk(from, slots int, visit func(T)) (next int) {
	to := min(from+slots, len(x.things))
	for at := from; at < to; at++ {
		if x.taken(at) {
			visit(x.things[at])
		}
	}
	if to == len(x.things) {
		return 0
	}
	return to
}

// home is where a hash belongs: the slots are not a power of two.
func (x *Index[T]) home(hash uint32) int { return int(uint64(hash) * uint64(len(x.things)) >> 32) }

func (x *Index[T]) taken(at int) bool {
	var none T
	return x.things[at] != none
}

func (x *Index[T]) after(at int) int {
	if at++; at == len(x.things) {
		return 0
	}
	return at
}

func (x *Index[T]) insert(hash uint32, thing T) {
	at := x.home(hash)
	for x.taken(at) {
		at = x.after(at)
	}
	x.hashes[at], x.things[at] = hash, thing
}

// free empties a slot, and moves up what is further from its home than it need be.
func (x *Index[T]) free(at int) {
	for next := x.after(at); x.taken(next); next = x.after(next) {
		if x.distance(x.home(x.hashes[next]), next) >= x.distance(at, next) {
			x.hashes[at], x.things[at] = x.hashes[next], x.things[next]
			at = next
		}
	}
	var none T
	x.hashes[at], x.things[at] = 0, none
}

func (x *Index[T]) distance(from, to int) int {
	if to >= from {
		return to - from
	}
	return to - from + len(x.things)
}

func (x *Index[T]) resize(slots int) {
	hashes, things := x.hashes, x.things
	x.hashes, x.things = make([]uint32, slots), make([]T, slots)
	var none T
	for at, thing := range things {
		if thing != none {
			x.insert(hashes[at], thing)
		}
	}
}
