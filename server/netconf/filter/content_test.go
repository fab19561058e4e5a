package filter

import (
	"slices"
	"testing"

	"mooring/server/state"
	"mooring/server/tree"
)

// What is of one kind, and no deeper than asked for: entries keep their keys, and what leads nowhere is not shown.
func TestContentAndDepth(t *testing.T) {
	s := plant(t)
	root := decode(t, s, `{"example-plant:plant": {"name": "north", "line": [{"hall": "A", "number": 1, "owner": "ann", "limits": {"speed": 100}}]}}`)
	st := operating(t, s, nil)
	line := `<plant><line><hall>A</hall><number>1</number></line></plant>`
	for _, c := range []struct {
		filter  *Filter
		content tree.Content
		depth   int
		state   *state.State
		want    string
	}{
		{subtree(t, s, line), tree.ConfigOnly, 0, st, `<plant><line><hall>A</hall><number>1</number><owner>ann</owner><limits><speed>100</speed></limits></line></plant>`},
		{xpathFilter(t, s, "/pl:plant/pl:line[pl:hall='A'][pl:number=1]"), tree.ConfigOnly, 0, st,
			`<plant><line><hall>A</hall><number>1</number><owner>ann</owner><limits><speed>100</speed></limits></line></plant>`},
		{xpathFilter(t, s, "/pl:plant/pl:line[pl:hall='A'][pl:number=1]"), tree.StateOnly, 0, st, `<plant><line><hall>A</hall><number>1</number><running>true</running>` +
			`<output><pieces>0</pieces></output><order><id>0</id><customer>cA0</customer><progress>50</progress><parts><left>100</left></parts></order></line></plant>`},
		{xpathFilter(t, s, "/pl:plant/pl:line[pl:hall='A'][pl:number=1]/pl:owner"), tree.StateOnly, 0, st, ``},
		{xpathFilter(t, s, "/pl:plant/pl:line"), tree.StateOnly, 0, nil, ``},
		{xpathFilter(t, s, "/pl:plant/pl:line"), tree.AllContent, 1, st, `<plant><line><hall>A</hall><number>1</number></line></plant>`},
		{xpathFilter(t, s, "/pl:plant/pl:line[pl:hall='A'][pl:number=1]/pl:order"), tree.AllContent, 1, st,
			`<plant><line><hall>A</hall><number>1</number><order><id>0</id></order></line></plant>`},
		{xpathFilter(t, s, "/pl:plant/pl:line[pl:hall='A'][pl:number=1]/pl:order"), tree.AllContent, 2, st,
			`<plant><line><hall>A</hall><number>1</number><order><id>0</id><customer>cA0</customer><progress>50</progress><parts/></order></line></plant>`},
	} {
		if got := show(t, Read{Config: root, State: c.state, Filter: c.filter, Access: everything(root), Content: c.content, Depth: c.depth}); got != c.want {
			t.Errorf("content %d depth %d:\ngot  %s\nwant %s", c.content, c.depth, got, c.want)
		}
	}
}

// A bounded walk does not look at tables that lie deeper.
func TestDepthPrunes(t *testing.T) {
	s := plant(t)
	root := decode(t, s, `{"example-plant:plant": {"name": "north", "line": [{"hall": "A", "number": 1}]}}`)
	var asked []string
	show(t, Read{Config: root, State: operating(t, s, &asked), Access: everything(root), Depth: 2})
	if slices.ContainsFunc(asked, func(what string) bool { return what[:5] == "order" }) {
		t.Errorf("tables that were asked: %q", asked)
	}
}
