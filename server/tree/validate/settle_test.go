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
		return r.Settle(base, edited)
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

// TestSettledTreesHaveNoFalseConditions settles random edits: what is left never breaks a condition.
func TestSettledTreesHaveNoFalseConditions(t *testing.T) {
	s, r := rules(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	at := start(t, s)
	removed, refused := 0, 0
	for range 12000 {
		edited := mutate(t, rnd, s, at, 1+rnd.IntN(3))
		settled, err := r.Settle(at, edited)
		if err != nil {
			refused++
			continue
		}
		if !settled.Same(edited) {
			removed++
		}
		for _, e := range tree.Errors(r.Check(nil, settled)) {
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
