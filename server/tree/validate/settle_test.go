package validate

import (
	"math/rand/v2"
	"strings"
	"testing"

	"mooring/server/tree"
)

func TestSettle(t *testing.T) {
	s, r := rules(t)
	at := func(base *tree.Node, path, value string) (*tree.Node, error) {
		t.Helper()
		p := mustPath(t, s, path)
		edited, err := tree.Apply(base, tree.At(s, p, tree.Merge, tree.NewLeaf(p.Last().Node, value)))
		if err != nil {
			t.Fatal(err)
		}
		settled, err := r.Settle(tree.Diff(base, edited))
		return settled.New, err
	}
	base := start(t, s)
	wired, err := at(base, "/example-rules:top/link", "example-rules:wire")
	if err != nil {
		t.Fatal(err)
	}
	wired, err = at(wired, "/example-rules:top/cable", "abc")
	if err != nil {
		t.Fatalf("a leaf whose condition holds: %v", err)
	}
	radio, err := at(wired, "/example-rules:top/link", "example-rules:lte")
	if err != nil {
		t.Fatalf("an edit that makes a condition elsewhere false: %v", err)
	}
	if strings.Contains(jsonOf(t, radio), "cable") {
		t.Error("cable outlived its condition")
	}
	_, err = at(radio, "/example-rules:top/cable", "abc")
	errs := tree.Errors(err)
	if len(errs) != 1 || errs[0].Tag != tree.UnknownElement || errs[0].Path.String() != "/example-rules:top/cable" {
		t.Errorf("a leaf whose condition does not hold: %v", err)
	}
}

// TestSettleRefusesWhatIsWrittenAgain writes a node with the value that it has already, in the edit that makes its condition false
// (RFC 7950 section 8.3.1).
func TestSettleRefusesWhatIsWrittenAgain(t *testing.T) {
	s, r := rules(t)
	leaf := func(op tree.Op, path, value string) tree.Edit {
		p := mustPath(t, s, path)
		return tree.At(s, p, op, tree.NewLeaf(p.Last().Node, value))
	}
	cable := func(op tree.Op) tree.Edit { return leaf(op, "/example-rules:top/cable", "abc") }
	wired, err := tree.Apply(start(t, s), leaf(tree.Merge, "/example-rules:top/link", "example-rules:wire"), cable(tree.Merge))
	if err != nil {
		t.Fatal(err)
	}
	radio := leaf(tree.Merge, "/example-rules:top/link", "example-rules:lte")
	whole, err := tree.Apply(wired, radio)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		edits   []tree.Edit
		refused bool
	}{
		"merged":            {[]tree.Edit{radio, cable(tree.Merge)}, true},
		"merged before":     {[]tree.Edit{cable(tree.Merge), radio}, true},
		"replaced":          {[]tree.Edit{radio, cable(tree.Replace)}, true},
		"in a payload":      {[]tree.Edit{{Op: tree.Merge, Node: whole}}, true},
		"in a whole":        {[]tree.Edit{{Op: tree.Replace, Node: whole}}, true},
		"named":             {[]tree.Edit{radio, cable(tree.None)}, false},
		"removed":           {[]tree.Edit{radio, cable(tree.Remove)}, false},
		"left alone":        {[]tree.Edit{radio}, false},
		"its condition too": {[]tree.Edit{radio, cable(tree.Merge), leaf(tree.Merge, "/example-rules:top/link", "example-rules:wire")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			edited, err := tree.Apply(wired, c.edits...)
			if err != nil {
				t.Fatal(err)
			}
			settled, err := r.Settle(tree.Diff(wired, edited), c.edits...)
			if !c.refused {
				if err != nil || r.Check(tree.Diff(nil, settled.New)) != nil {
					t.Fatalf("settled to %v with %v", settled.New, err)
				}
				return
			}
			errs := tree.Errors(err)
			if len(errs) != 1 || errs[0].Tag != tree.UnknownElement || errs[0].Path.String() != "/example-rules:top/cable" {
				t.Errorf("got %v, want unknown-element of cable", err)
			}
		})
	}
}

// TestSettledTreesHaveNoFalseConditions settles random edits: what is left never breaks a condition.
func TestSettledTreesHaveNoFalseConditions(t *testing.T) {
	s, r := rules(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	at := start(t, s)
	removed, refused := 0, 0
	for range 12000 {
		edited := mutate(t, rnd, s, at, 1+rnd.IntN(3))
		now, err := r.Settle(tree.Diff(at, edited))
		settled := now.New
		if err != nil {
			refused++
			continue
		}
		if !settled.Same(edited) {
			removed++
		}
		for _, e := range tree.Errors(r.Check(tree.Diff(nil, settled))) {
			if strings.HasPrefix(e.Message, "exists only when") {
				t.Fatalf("%v in\n%s", e, jsonOf(t, settled))
			}
		}
		at = settled
	}
	if removed < 50 || refused < 50 {
		t.Errorf("%d edits removed something, %d were refused: the generator tests little", removed, refused)
	}
}
