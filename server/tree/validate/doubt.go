package validate

import (
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// doubts are the rules whose verdict depends on what stands in the gaps of a document. What such a rule objects to may be nothing
// but a consequence of the gap, so it is not reported. A nil *doubts has none.
type doubts struct {
	gaps  tree.Gaps
	rules map[doubted][]schema.Path // where: below these anchors
}

// doubted is a rule of all instances of a definition.
type doubted struct {
	def  *schema.Node
	part part
}

func (r *Rules) doubts(gaps tree.Gaps) *doubts {
	if len(gaps) == 0 {
		return nil
	}
	d := &doubts{gaps, map[doubted][]schema.Path{}}
	for _, gap := range gaps {
		def := r.schema.Root
		if len(gap) > 0 {
			def = gap.Last().Node
		}
		d.add(r, gap, def)
	}
	return d
}

// add notes who reads def, which is at the gap or below it.
func (d *doubts) add(r *Rules, gap schema.Path, def *schema.Node) {
	for _, rules := range [][]reader{r.readers[def], r.anything} {
		for _, rule := range rules {
			key := doubted{rule.def, rule.part}
			anchor := gap[:min(len(rule.anchor.Ancestors()), len(gap))]
			if !slices.ContainsFunc(d.rules[key], anchor.Equal) {
				d.rules[key] = append(d.rules[key], anchor)
			}
		}
	}
	for _, child := range def.Children {
		if child.Config {
			d.add(r, gap, child)
		}
	}
}

// about reports whether a rule of an instance is in doubt.
func (d *doubts) about(i *xpath.Item, p part) bool {
	if d == nil {
		return false
	}
	path := i.Path()
	return slices.ContainsFunc(d.rules[doubted{i.Node.Schema(), p}], func(anchor schema.Path) bool { return anchor.Contains(path) })
}

// gap reports whether it is not known what stands at a path, or below it.
func (d *doubts) gap(path schema.Path) bool { return d != nil && d.gaps.Touch(path) }
