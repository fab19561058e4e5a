package element

import (
	"slices"
	"testing"

	"mooring/mobility"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/tree"
)

// LMA-19: a network that bindings have addresses of cannot go, except by a roll-back, or with its LMA.
func TestGuard(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	g := guard(func(lma, network string) int {
		if lma == "l" && network != "idle" {
			return 3
		}
		return 0
	})
	with := func(networks ...string) *apply.Config {
		l := &mobility.LMA{Name: "l", Networks: map[string]*mobility.Network{}}
		for _, name := range networks {
			l.Networks[name] = &mobility.Network{Name: name}
		}
		return &apply.Config{Mobility: &mobility.Config{LMAs: map[string]*mobility.LMA{"l": l}}}
	}
	const of = "/mooring-pmipv6:pmipv6/lma[name='l']/network[name="
	for name, c := range map[string]struct {
		old, new *apply.Config
		forced   bool
		want     []string
	}{
		"start":           {nil, with("a"), false, nil},
		"one more":        {with("a"), with("a", "b"), false, nil},
		"an idle one":     {with("a", "idle"), with("a"), false, nil},
		"one in use":      {with("a", "b"), with("b"), false, []string{of + "'a']"}},
		"all":             {with("b", "idle", "a"), with(), false, []string{of + "'a']", of + "'b']"}},
		"by a roll-back":  {with("a", "b"), with("b"), true, nil},
		"with its anchor": {with("a"), &apply.Config{Mobility: &mobility.Config{}}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.Prepare(t.Context(), datastore.Change{Changes: tree.Diff(tree.NewRoot(s), nil), Forced: c.forced}, c.old, c.new)
			var got []string
			for _, e := range tree.Errors(err) {
				if e.Tag != tree.InUse || e.AppTag != "bindings-exist" {
					t.Errorf("%+v", e)
				}
				got = append(got, e.Path.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("refused for %q, want %q", got, c.want)
			}
		})
	}
}
