package trie

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// Every version of a trie stays what it was, and is what a plain map would be.
func TestTrieAgreesWithMaps(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	type version struct {
		trie  Map[int]
		model map[string]int
	}
	versions := []version{{model: map[string]int{}}}
	for step := range 20000 {
		from := versions[rnd.IntN(len(versions))]
		next := version{from.trie, maps.Clone(from.model)}
		var own *Owner
		if rnd.IntN(2) == 0 {
			own = new(Owner)
		}
		for range 1 + rnd.IntN(20) {
			key := fmt.Sprintf("key%d", rnd.IntN(300))
			if rnd.IntN(3) == 0 {
				next.trie = next.trie.Without(key)
				delete(next.model, key)
			} else {
				next.trie = next.trie.With(key, step, own)
				next.model[key] = step
			}
		}
		if len(versions) < 30 {
			versions = append(versions, next)
		} else {
			versions[rnd.IntN(len(versions))] = next
		}
		if step%100 == 0 {
			for _, v := range versions {
				checkTrie(t, v.trie, v.model)
			}
		}
	}
}

func checkTrie(t *testing.T, got Map[int], want map[string]int) {
	t.Helper()
	if all := maps.Collect(got.All()); !maps.Equal(all, want) {
		t.Fatalf("holds %v, want %v", all, want)
	}
	for i := range 300 {
		key := fmt.Sprintf("key%d", i)
		value, ok := want[key]
		if v, found := got.Get(key); v != value || found != ok {
			t.Fatalf("Get(%s) is %d, %t; want %d, %t", key, v, found, value, ok)
		}
		if v, found := got.GetBytes([]byte(key)); v != value || found != ok {
			t.Fatalf("GetBytes(%s) is %d, %t; want %d, %t", key, v, found, value, ok)
		}
	}
	if len(want) == 0 && got.root != nil {
		t.Error("an empty trie keeps a branch")
	}
}

// Keys of one hash live side by side, and keys whose hashes differ in the last bits only find each other's level.
func TestTrieCollisions(t *testing.T) {
	const a, b = 0x0fff_ffff_ffff_ffff, 0x1fff_ffff_ffff_ffff
	var root *branch[int]
	for i, e := range []entry[int]{{hash: a, key: "one"}, {hash: a, key: "two"}, {hash: b, key: "three"}} {
		e.value = i
		root = root.put(&e, 0, nil)
	}
	root = root.put(&entry[int]{hash: a, key: "one", value: 7}, 0, nil)
	look := func() map[string]int { return maps.Collect(Map[int]{root}.All()) }
	if got := look(); !maps.Equal(got, map[string]int{"one": 7, "two": 1, "three": 2}) {
		t.Fatalf("holds %v", got)
	}
	for e := root.find(a); e != nil; e = e.same {
		if e.hash != a {
			t.Errorf("%s is found under another hash", e.key)
		}
	}
	root = root.remove(a, "one", 0)
	if got := look(); !maps.Equal(got, map[string]int{"two": 1, "three": 2}) {
		t.Fatalf("holds %v after a removal", got)
	}
	root = root.remove(b, "three", 0)
	if len(root.slots) != 1 || root.slots[0].entry == nil {
		t.Error("a single entry keeps the branches that it does not need")
	}
	if root = root.remove(a, "two", 0); root != nil {
		t.Error("the last entry leaves a branch behind")
	}
}

func TestGetBytesDoesNotAllocate(t *testing.T) {
	var names Map[int]
	for i := range 1000 {
		names = names.With(fmt.Sprintf("node%d@example.net", i), i, nil)
	}
	key := []byte("node567@example.net")
	if n := testing.AllocsPerRun(100, func() {
		if v, _ := names.GetBytes(key); v != 567 {
			t.Fatal(v)
		}
	}); n != 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
}
