package index

import (
	"iter"
	"math/bits"
)

// Slab keeps things side by side, each with a number, from 1, by which others may know it: half of a pointer, and nothing that a collector of garbage has to
// follow, for which every pointer into a large heap is a wait for memory. The zero value is empty. One goroutine uses it at a time.
type Slab[T any] struct {
	chunks []*chunk[T] // nil: given back
	room   []uint32    // the chunks that have some, and those that were given back
}

// chunk is some things. With 64 octets each, or somewhat more, they are 512: the collector of garbage looks through objects of up to that size many at once.
// Of larger ones it took twice as long.
type chunk[T any] struct {
	used   uint64 // by position
	things [chunkSize]T
}

const (
	chunkSize = 7
	full      = 1<<chunkSize - 1
)

// Take returns a thing that is zero, and its number. It stays where it is until it is freed.
func (s *Slab[T]) Take() (number uint32, thing *T) {
	if len(s.room) == 0 {
		s.room = append(s.room, uint32(len(s.chunks)))
		s.chunks = append(s.chunks, nil)
	}
	last := len(s.room) - 1
	at := s.room[last]
	if s.chunks[at] == nil {
		s.chunks[at] = new(chunk[T])
	}
	c := s.chunks[at]
	i := bits.TrailingZeros64(^c.used)
	if c.used |= 1 << i; c.used == full {
		s.room = s.room[:last]
	}
	return at*chunkSize + uint32(i) + 1, &c.things[i]
}

// At returns the thing with a number that was taken and not freed.
func (s *Slab[T]) At(number uint32) *T {
	return &s.chunks[(number-1)/chunkSize].things[(number-1)%chunkSize]
}

// Free gives a thing back: it is zero, and will be another's.
func (s *Slab[T]) Free(number uint32) {
	at, i := (number-1)/chunkSize, (number-1)%chunkSize
	c := s.chunks[at]
	var zero T
	c.things[i] = zero
	if c.used == full {
		s.room = append(s.room, at)
	}
	if c.used &^= 1 << i; c.used == 0 {
		s.chunks[at] = nil
	}
}

// All yields every thing that is taken, in the order of their numbers. The slab does not change meanwhile.
func (s *Slab[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, c := range s.chunks {
			if c == nil {
				continue
			}
			for used := c.used; used != 0; used &= used - 1 {
				if !yield(&c.things[bits.TrailingZeros64(used)]) {
					return
				}
			}
		}
	}
}
