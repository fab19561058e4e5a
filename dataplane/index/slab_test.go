package index

import (
	"math/rand/v2"
	"testing"
)

// Things keep their numbers and places, no two have the same, and what is taken is zero.
func TestSlabAgreesWithAMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 3))
	var s Slab[thing]
	model := map[uint32]*thing{}
	for step := range 50_000 {
		if rnd.IntN(100) < []int{70, 30, 50, 2, 60}[step/10_000] || len(model) == 0 {
			n, taken := s.Take()
			if n == 0 || model[n] != nil || taken.key != 0 {
				t.Fatalf("step %d: %d is taken, and is %v", step, n, taken)
			}
			taken.key, model[n] = step+1, taken
			continue
		}
		for n, want := range model {
			if got := s.At(n); got != want || got.key == 0 {
				t.Fatalf("step %d: %d is %v, want %v", step, n, got, want)
			}
			s.Free(n)
			delete(model, n)
			break
		}
	}
	for n, want := range model {
		if s.At(n) != want {
			t.Errorf("%d has moved", n)
		}
	}
	all := map[*thing]bool{}
	for each := range s.All() {
		all[each] = true
	}
	for _, want := range model {
		if !all[want] {
			t.Errorf("%v is not yielded", want)
		}
	}
	if len(all) != len(model) {
		t.Errorf("%d things are yielded, want %d", len(all), len(model))
	}
}

// What was freed is taken again before there is more, and a chunk that nobody uses is given back.
func TestSlabKeepsNoMoreThanItNeeds(t *testing.T) {
	var s Slab[thing]
	for range 2 {
		for range 100 * chunkSize {
			s.Take()
		}
		if len(s.chunks) != 100 || len(s.room) != 0 {
			t.Fatalf("%d chunks, %d of them with room", len(s.chunks), len(s.room))
		}
		for n := range uint32(100 * chunkSize) {
			s.Free(n + 1)
		}
		for at, c := range s.chunks {
			if c != nil {
				t.Errorf("chunk %d is kept", at)
			}
		}
	}
}
