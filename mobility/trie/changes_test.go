package trie

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// What Changes yields between two Maps, related or not, is what differs between two plain maps.
func TestChangesAgreeWithMaps(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	type version struct {
		trie  Map[int]
		model map[string]int
	}
	versions := []version{{model: map[string]int{}}}
	for step := range 3000 {
		from := versions[rnd.IntN(len(versions))]
		next := version{from.trie, maps.Clone(from.model)}
		own := new(Owner)
		for range 1 + rnd.IntN(40) {
			key := fmt.Sprintf("key%d", rnd.IntN(200))
			if rnd.IntN(2) == 0 {
				next.trie = next.trie.Without(key)
				delete(next.model, key)
			} else {
				value := 1 + rnd.IntN(3)
				next.trie = next.trie.With(key, value, own)
				next.model[key] = value
			}
		}
		for _, other := range []version{from, versions[rnd.IntN(len(versions))], {}} {
			checkChanges(t, other.trie, next.trie, other.model, next.model)
			checkChanges(t, next.trie, other.trie, next.model, other.model)
		}
		if len(versions) < 20 {
			versions = append(versions, next)
		} else {
			versions[step%len(versions)] = next
		}
	}
}

func checkChanges(t *testing.T, old, new Map[int], was, is map[string]int) {
	t.Helper()
	want := map[string]Change[int]{}
	for key, value := range was {
		if is[key] != value {
			want[key] = Change[int]{key, value, is[key]}
		}
	}
	for key, value := range is {
		if was[key] == 0 {
			want[key] = Change[int]{Key: key, New: value}
		}
	}
	got, n := map[string]Change[int]{}, 0
	for change := range Changes(old, new) {
		got[change.Key] = change
		n++
	}
	if n != len(want) || !maps.Equal(got, want) {
		t.Fatalf("%d changes %v, want %v", n, got, want)
	}
}

// Whoever has seen enough stops.
func TestChangesEndEarly(t *testing.T) {
	var old, new Map[int]
	for i := range 100 {
		old, new = old.With(fmt.Sprint(i), 1, nil), new.With(fmt.Sprint(i+50), 2, nil)
	}
	for stop := range 150 {
		n := 0
		for range Changes(old, new) {
			if n++; n > stop {
				break
			}
		}
		if n != stop+1 {
			t.Fatalf("%d changes were seen, want %d", n, stop+1)
		}
	}
}

// What two versions share is not looked at: it is made unreadable here.
func TestChangesPassOverWhatIsShared(t *testing.T) {
	var old Map[int]
	for i := range 10_000 {
		old = old.With(fmt.Sprint(i), 1, nil)
	}
	new := old.With("4711", 2, nil).Without("815").With("one more", 3, nil)
	spoiled := 0
	var spoil func(a, b *branch[int])
	spoil = func(a, b *branch[int]) {
		if a == nil || b == nil {
			return
		}
		if a == b {
			a.slots = nil
			spoiled++
			return
		}
		for bit := uint32(1); bit != 0; bit <<= 1 {
			spoil(a.slot(bit).below, b.slot(bit).below)
		}
	}
	spoil(old.root, new.root)
	if spoiled < 50 {
		t.Fatalf("only %d branches are shared", spoiled)
	}
	got := map[string]Change[int]{}
	for change := range Changes(old, new) {
		got[change.Key] = change
	}
	want := map[string]Change[int]{"4711": {"4711", 1, 2}, "815": {"815", 1, 0}, "one more": {"one more", 0, 3}}
	if !maps.Equal(got, want) {
		t.Errorf("changes %v, want %v", got, want)
	}
}
