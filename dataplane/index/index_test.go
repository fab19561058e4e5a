package index

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

type thing struct{ key int }

// What was put and not deleted is found, and nothing else, however many hashes are the same.
func TestIndexAgreesWithAMap(t *testing.T) {
	for _, hashes := range []int{1, 7, 1 << 30} {
		rnd := rand.New(rand.NewPCG(1, uint64(hashes)))
		hash := func(key int) uint32 { return uint32(key*2654435761) % uint32(hashes) }
		var x Index[*thing]
		model := map[int]*thing{}
		for step := range 20_000 {
			key := rnd.IntN(300)
			if step/5000%2 == 1 { // shrink
				key = rnd.IntN(20)
			}
			found := x.Find(hash(key), func(other *thing) bool { return other.key == key })
			if found != model[key] {
				t.Fatalf("step %d: key %d is %v, want %v", step, key, found, model[key])
			}
			if found != nil {
				if !x.Delete(hash(key), found) || x.Delete(hash(key), found) {
					t.Fatalf("step %d: key %d is not there once", step, key)
				}
				delete(model, key)
			} else {
				model[key] = &thing{key}
				x.Put(hash(key), model[key])
			}
			if x.Len() != len(model) {
				t.Fatalf("step %d: %d things, want %d", step, x.Len(), len(model))
			}
		}
		all := 0
		for each := range x.All() {
			if all++; model[each.key] != each {
				t.Errorf("key %d is yielded and was deleted", each.key)
			}
		}
		if all != len(model) {
			t.Errorf("%d things are yielded, want %d", all, len(model))
		}
	}
}

// A twin has what is made of each thing where the thing is, and is another index.
func TestTwin(t *testing.T) {
	var x Index[*thing]
	for n := range 100 {
		x.Put(uint32(n%7*2654435761), &thing{n})
	}
	twin := x.Twin(func(one *thing) *thing { return &thing{one.key + 1000} })
	var keys, others []int
	for one := range x.All() {
		keys = append(keys, one.key+1000)
	}
	for one := range twin.All() {
		others = append(others, one.key)
	}
	if !slices.Equal(keys, others) {
		t.Errorf("the twin has %v, want %v", others, keys)
	}
	for n := range 100 {
		other := twin.Find(uint32(n%7*2654435761), func(other *thing) bool { return other.key == n+1000 })
		if other == nil || !twin.Delete(uint32(n%7*2654435761), other) {
			t.Fatalf("%d is not found", n)
		}
	}
	if x.Len() != 100 || twin.Len() != 0 {
		t.Errorf("%d and %d things", x.Len(), twin.Len())
	}
}

// A walk in steps visits all that All yields.
func TestWalk(t *testing.T) {
	var x Index[*thing]
	if next := x.Walk(0, 7, func(*thing) { t.Errorf("of none, one is visited") }); next != 0 {
		t.Errorf("of none, slot %d is next", next)
	}
	for n := range 1000 {
		x.Put(uint32(n*2654435761), &thing{n})
	}
	visits := map[int]int{}
	steps := 1
	for from := 0; ; steps++ {
		visited := 0
		from = x.Walk(from, 100, func(one *thing) { visits[one.key]++; visited++ })
		if visited > 100 {
			t.Errorf("%d are visited in 100 slots", visited)
		}
		if from == 0 {
			break
		}
	}
	if want := (x.Slots() + 99) / 100; steps != want {
		t.Errorf("%d slots take %d steps, want %d", x.Slots(), steps, want)
	}
	for n := range 1000 {
		if visits[n] != 1 {
			t.Errorf("%d is visited %d times", n, visits[n])
		}
	}
}

// The memory of a thing is bounded at every size, also when most have gone.
func TestIndexIsSmall(t *testing.T) {
	var x Index[*thing]
	one := new(thing)
	octets := func() int { return len(x.things) * int(unsafe.Sizeof(one)+unsafe.Sizeof(uint32(0))) }
	for i := range uint32(100_000) {
		if x.Put(i*2654435761, one); i > 100 && octets() > 24*x.Len() {
			t.Fatalf("%d octets for %d things", octets(), x.Len())
		}
	}
	for i := range uint32(99_000) {
		x.Delete(i*2654435761, one)
	}
	if octets() > 120*x.Len() {
		t.Errorf("%d octets for the last %d things", octets(), x.Len())
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	var x Index[*thing]
	x.Put(5, &thing{7})
	key := 7
	if n := testing.AllocsPerRun(100, func() {
		if x.Find(5, func(each *thing) bool { return each.key == key }) == nil {
			t.Error("it is not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
