package validate

import (
	"testing"

	"mooring/server/model"
	"mooring/server/tree"
)

// TestOwnModulesCompile keeps the modules of this element free of expressions and types that we would not understand, and
// the empty configuration valid.
func TestOwnModulesCompile(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(tree.Diff(nil, tree.NewRoot(s))); err != nil {
		t.Errorf("the empty configuration: %v", err)
	}
	if r.nodes[s.Root] == nil || !r.nodes[s.Root].ruled {
		t.Error("our modules seem to have no rules")
	}
}
