package element

import (
	"testing"

	"mooring/mobility"
	"mooring/server/apply"
	"mooring/server/model"
	"mooring/server/tree"
)

// LMA-04: to lower the most bindings below those that there are is accepted, with a warning; whatever leaves room for them is not worth one.
func TestLMA04_LowerThanThereAre(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	most := func(n uint32) *apply.Config {
		return &apply.Config{Mobility: &mobility.Config{LMAs: map[string]*mobility.LMA{"l": {Name: "l", MaxBindings: n}}}}
	}
	for name, c := range map[string]struct {
		old, new *apply.Config
		want     bool
	}{
		"start": {nil, most(1), false}, "lower": {most(10), most(4), true}, "enough": {most(10), most(5), false}, "higher, and still too few": {most(3), most(4), false},
		"new": {&apply.Config{Mobility: &mobility.Config{}}, most(1), false}, "refused": {most(10), nil, false},
	} {
		warnings := overfull(c.old, c.new, tree.NewRoot(s), func(string) int { return 5 })
		if len(warnings) > 1 || len(warnings) == 1 != c.want {
			t.Errorf("%s: %v", name, warnings)
		}
		for _, w := range warnings {
			if !w.Warning || w.AppTag != apply.Mismatch || w.Path.String() != "/mooring-pmipv6:pmipv6/lma[name='l']/bce/maximum" ||
				w.Message != "there are 5 bindings, and all of them stay; new ones are refused until there are fewer than 4" {
				t.Errorf("%s: %+v at %s", name, w, w.Path)
			}
		}
	}
}
