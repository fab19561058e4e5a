package tree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mooring/server/tree/schema"
)

// said writes changes down, each with what is there before and after.
func said(t testing.TB, c Changes) (list []string) {
	t.Helper()
	content := func(n *Node) string {
		switch {
		case n == nil:
			return "-"
		case n.IsList(): // of a list in another order: its keys
			var keys []string
			for e := range n.Entries() {
				keys = append(keys, e.Step().JoinedKeys())
			}
			return fmt.Sprintf("%q", keys)
		}
		return n.Value() + modelOf(n).String()
	}
	for ch := range c.All() {
		list = append(list, fmt.Sprintf("%s: %s -> %s %v %v", ch.Path, content(ch.Old), content(ch.New), ch.Reordered, ch.Implied))
	}
	return list
}

// checkTouched verifies that changes which an edit knows are those that comparing the trees finds, in both directions and when
// the trees share nothing.
func checkTouched(t *testing.T, what string, c Changes) {
	t.Helper()
	got := said(t, c)
	for how, d := range map[string]Changes{"": Diff(c.Old, c.New), "that share nothing": Diff(c.Old, copyOf(c.New))} {
		if want := said(t, d); !slices.Equal(got, want) {
			t.Fatalf("%s: known changes are\n%q\ncomparing trees %s finds\n%q", what, got, how, want)
		}
	}
	if got, want := said(t, c.Inverse()), said(t, Diff(c.New, c.Old)); !slices.Equal(got, want) {
		t.Fatalf("%s: known changes back are\n%q\ncomparing finds\n%q", what, got, want)
	}
}

// copyOf makes the same tree anew.
func copyOf(n *Node) *Node {
	b := &Builder{}
	var add func(n *Node)
	add = func(n *Node) {
		for kid := range n.Children() {
			switch {
			case kid.IsList():
				for e := range kid.Entries() {
					addOne(b, e, add)
				}
			default:
				addOne(b, kid, add)
			}
		}
	}
	b.Open(n.def)
	add(n)
	made, _ := b.Close()
	return made
}

func addOne(b *Builder, n *Node, below func(*Node)) {
	if !n.def.HasChildren() {
		b.Leaf(n.def, n.Value())
		return
	}
	b.Open(n.def)
	below(n)
	b.Close()
}

// someTree is made of random edits.
func someTree(t *testing.T, rnd *rand.Rand, s *schema.Schema, edits int) *Node {
	t.Helper()
	root := NewRoot(s)
	for range edits {
		next, err := Apply(root, someLeaf(rnd, s, Merge))
		if err != nil {
			t.Fatal(err)
		}
		root = next
	}
	return root
}

func someLeaf(rnd *rand.Rand, s *schema.Schema, op Op) Edit {
	p := randomPath(rnd, s)
	var content *Node
	if p.Last().Node.Kind == schema.Leaf {
		content = NewLeaf(p.Last().Node, randomValue(rnd, p.Last().Node.Type))
	}
	return At(s, p, op, content)
}

// someEdit is any operation at any level, with a payload, with operations below it, or at a place. It may fail.
func someEdit(t *testing.T, rnd *rand.Rand, s *schema.Schema, root *Node) Edit {
	t.Helper()
	if rnd.IntN(4) == 0 {
		return somePlace(rnd, s, root)
	}
	op := []Op{Merge, Merge, Replace, Replace, Create, Delete, Remove, None}[rnd.IntN(8)]
	path := randomPath(rnd, s)
	path = path[:rnd.IntN(len(path)+1)]
	if len(path) == 0 && op != Merge && op != Replace && op != Remove {
		op = Replace
	}
	from := root // a payload of what is there already shares all of it, or none
	switch rnd.IntN(4) {
	case 0:
		from = copyOf(root)
	case 1, 2:
		from = someTree(t, rnd, s, rnd.IntN(40))
	}
	last := Edit{Op: op, Node: from.Get(path)}
	if last.Node == nil || last.Node.empty() && last.Node.def.Kind != schema.Root {
		return someLeaf(rnd, s, []Op{Merge, Replace, Create, Delete, Remove, None}[rnd.IntN(6)])
	}
	if last.Node.def.HasChildren() && !last.Node.IsList() {
		for range rnd.IntN(3) {
			if below := randomPath(rnd, s); below[:min(len(path), len(below))].Equal(path) && len(below) > len(path) {
				inner := someLeafAt(rnd, below)
				for i := len(below) - 2; i >= len(path); i-- {
					inner = Edit{Op: []Op{Ensure, Seek, None}[rnd.IntN(3)], Node: Stub(below[i]), Below: []Edit{inner}}
				}
				last.Below = append(last.Below, inner)
			}
		}
	}
	return Through(s, path, op, last)
}

// somePlace puts an entry of a list ordered by the user somewhere.
func somePlace(rnd *rand.Rand, s *schema.Schema, root *Node) Edit {
	var path schema.Path
	for tries := 0; ; tries++ {
		path = randomPath(rnd, s)
		for len(path) > 0 && !path.Last().Node.UserOrdered {
			path = path.Parent()
		}
		if len(path) > 0 && (tries > 100 || root.Get(whole(path)) != nil) {
			break
		}
	}
	ed := Edit{Op: []Op{Merge, Replace, Seek}[rnd.IntN(3)], Node: Stub(path.Last()), Where: []Where{First, Last}[rnd.IntN(2)]}
	if list := root.Get(whole(path)); list != nil {
		anchors := slices.Collect(list.Entries())
		if rnd.IntN(2) == 0 {
			ed.Where, ed.Anchor = []Where{Before, After}[rnd.IntN(2)], anchors[rnd.IntN(len(anchors))].Keys()
		}
	}
	return Through(s, path, Merge, ed)
}

func someLeafAt(rnd *rand.Rand, p schema.Path) Edit {
	ed := Edit{Op: []Op{Merge, Replace, Create, Delete, Remove, None}[rnd.IntN(6)], Node: Stub(p.Last())}
	if def := p.Last().Node; def.Kind == schema.Leaf {
		ed.Node = NewLeaf(def, randomValue(rnd, def.Type))
	}
	return ed
}

// TestEditsKnowWhatTheyChange makes random edits one by one, together, in a row and back again: what is noted of them is what comparing the
// trees finds.
func TestEditsKnowWhatTheyChange(t *testing.T) {
	s := example(t)
	var made, failed, moved, implied, nothing int
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 77))
		base := someTree(t, rnd, s, 30)
		total := Unchanged(base) // of one candidate
		var history []Changes
		for step := range 40 {
			var edits []Edit
			for range 1 + rnd.IntN(3) {
				edits = append(edits, someEdit(t, rnd, s, total.New))
			}
			c, err := Perform(total.New, edits...)
			if err != nil {
				failed++
				continue
			}
			made++
			what := fmt.Sprintf("seed %d step %d", seed, step)
			checkTouched(t, what+": one edit", c)
			for ch := range c.All() {
				if ch.Reordered {
					moved++
				}
				if ch.Implied {
					implied++
				}
			}
			next := total.Then(c)
			if !next.New.Equal(c.New) {
				t.Fatalf("%s: in a row they lead to\n%s\nnot\n%s", what, modelOf(next.New), modelOf(c.New))
			}
			checkTouched(t, what+": in a row", next)
			if len(said(t, next)) == 0 {
				nothing++
			}
			history, total = append(history, c), next
			if rnd.IntN(10) == 0 { // another candidate
				checkWayBack(t, what, history)
				history, total = nil, Unchanged(total.New)
			}
		}
	}
	if made < 500 || failed < 100 || moved < 10 || implied < 20 || nothing < 20 {
		t.Errorf("%d edits made, %d failed, %d moved entries, %d switched cases, %d times nothing was left: the generator tests little", made, failed, moved, implied, nothing)
	}
}

// checkWayBack undoes changes one after the other.
func checkWayBack(t *testing.T, what string, history []Changes) {
	t.Helper()
	last := history[len(history)-1].New
	back := Unchanged(last)
	for _, c := range slices.Backward(history) {
		back = back.Then(c.Inverse())
		checkTouched(t, what+": back", back)
		if !back.New.Equal(c.Old) {
			t.Fatalf("%s: the way back leads to\n%s\nnot\n%s", what, modelOf(back.New), modelOf(c.Old))
		}
	}
}
