package tree

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

type pair struct{ key, value int }

func byPairKey(a, b *pair) int { return cmp.Compare(a.key, b.key) }

func contents(t btree[pair]) []pair {
	var all []pair
	for p := range t.from(nil, byPairKey) {
		all = append(all, *p)
	}
	return all
}

func modelContents(m map[int]int) []pair {
	var all []pair
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, pair{k, m[k]})
	}
	return all
}

// check verifies the shape: order, sizes, equal depth of leaves, no page over- or underfull beyond what splits leave.
func (p *page[T]) check(t *testing.T, cmp order[T]) (height int) {
	t.Helper()
	if len(p.items) == 0 || len(p.items) > fanout {
		t.Fatalf("a page has %d items", len(p.items))
	}
	if !slices.IsSortedFunc(p.items, func(a, b T) int { return cmp(&a, &b) }) {
		t.Fatal("a page is not sorted")
	}
	size := len(p.items)
	if p.leaf() {
		if p.size != size {
			t.Fatalf("size is %d, counted %d", p.size, size)
		}
		return 0
	}
	if len(p.pages) != len(p.items)+1 {
		t.Fatalf("%d items and %d pages", len(p.items), len(p.pages))
	}
	below := -1
	for i, c := range p.pages {
		size += c.size
		h := c.check(t, cmp)
		if below >= 0 && h != below {
			t.Fatal("leaves at different depths")
		}
		below = h
		if i < len(p.items) && cmp(btree[T]{c}.last(), &p.items[i]) >= 0 || i > 0 && cmp(&c.items[0], &p.items[i-1]) <= 0 {
			t.Fatal("a page is beside its bounds")
		}
	}
	if p.size != size {
		t.Fatalf("size is %d, counted %d", p.size, size)
	}
	return below + 1
}

// TestBTreeAgainstMap edits at random, sometimes in batches that change pages in place, keeps old versions, and compares
// every version with a map copied at its time.
func TestBTreeAgainstMap(t *testing.T) {
	type version struct {
		tree  btree[pair]
		model map[int]int
	}
	for _, space := range []int{40, 700, 20_000} {
		rnd := rand.New(rand.NewPCG(uint64(space), 1))
		var tree btree[pair]
		model := map[int]int{}
		var versions []version
		for range 200 {
			var own *owner
			if rnd.IntN(2) == 0 {
				own = new(owner)
			}
			grow := rnd.IntN(3) > 0
			for range rnd.IntN(200) {
				k := rnd.IntN(space)
				if grow || rnd.IntN(4) == 0 {
					tree = tree.put(pair{k, rnd.Int()}, byPairKey, own)
					model[k] = tree.get(&pair{key: k}, byPairKey).value
					continue
				}
				var was bool
				tree, was = tree.remove(&pair{key: k}, byPairKey, own)
				if _, want := model[k]; was != want {
					t.Fatalf("remove %d says %v, want %v", k, was, want)
				}
				delete(model, k)
			}
			if tree.root != nil {
				tree.root.check(t, byPairKey)
			}
			versions = append(versions, version{tree, maps.Clone(model)})
		}
		for i, v := range versions {
			if got, want := contents(v.tree), modelContents(v.model); !slices.Equal(got, want) {
				t.Fatalf("space %d version %d: %d entries, want %d", space, i, len(got), len(want))
			}
		}
		for range 300 {
			a, b := versions[rnd.IntN(len(versions))], versions[rnd.IntN(len(versions))]
			checkDiff(t, a.tree, b.tree, a.model, b.model)
		}
		probe := &pair{key: rnd.IntN(space)}
		var from []pair
		for p := range tree.from(probe, byPairKey) {
			from = append(from, *p)
		}
		want := slices.DeleteFunc(modelContents(model), func(p pair) bool { return p.key < probe.key })
		if !slices.Equal(from, want) {
			t.Errorf("from %d: %d entries, want %d", probe.key, len(from), len(want))
		}
		below := tree.below(probe, byPairKey)
		smaller := slices.DeleteFunc(modelContents(model), func(p pair) bool { return p.key >= probe.key })
		if (below == nil) != (len(smaller) == 0) || below != nil && below.key != smaller[len(smaller)-1].key {
			t.Errorf("below %d: %v", probe.key, below)
		}
	}
}

func checkDiff(t *testing.T, a, b btree[pair], before, after map[int]int) {
	t.Helper()
	got := maps.Clone(before)
	last := -1
	diff(a, b, byPairKey, func(x, y *pair) bool { return x.value == y.value }, func(x, y *pair) bool {
		switch {
		case y == nil:
			if got[x.key] != x.value || x.key <= last {
				t.Fatalf("%d reported as removed", x.key)
			}
			delete(got, x.key)
			last = x.key
		default:
			if y.key <= last || x != nil && x.value == y.value {
				t.Fatalf("%d reported out of order or unchanged", y.key)
			}
			got[y.key] = y.value
			last = y.key
		}
		return true
	})
	if !maps.Equal(got, after) {
		t.Fatal("the difference does not lead from one version to the other")
	}
}

// TestDiffCostsTheChange counts the pages that a comparison enters.
func TestDiffCostsTheChange(t *testing.T) {
	var old btree[pair]
	own := new(owner)
	for i := range 200_000 {
		old = old.put(pair{2 * i, i}, byPairKey, own)
	}
	for name, change := range map[string]func(btree[pair]) btree[pair]{
		"replace": func(b btree[pair]) btree[pair] { return b.put(pair{100_000, -1}, byPairKey, nil) },
		"add":     func(b btree[pair]) btree[pair] { return b.put(pair{100_001, -1}, byPairKey, nil) },
		"append":  func(b btree[pair]) btree[pair] { return b.put(pair{1_000_001, -1}, byPairKey, nil) },
		"remove": func(b btree[pair]) btree[pair] {
			b, _ = b.remove(&pair{key: 100_000}, byPairKey, nil)
			return b
		},
	} {
		compared, changed := 0, 0
		diff(old, change(old), byPairKey, func(x, y *pair) bool { compared++; return x.value == y.value }, func(x, y *pair) bool { changed++; return true })
		if changed != 1 || compared > 10*fanout {
			t.Errorf("%s: %d items compared to find %d changes among 200,000", name, compared, changed)
		}
	}
}
