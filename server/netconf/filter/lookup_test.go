package filter

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// A filter that gives all keys of a list looks the entry up: it costs the same among three entries and among thousands. A filter by
// another leaf shows that walking the list would be seen.
func TestKeyedReadIsALookUp(t *testing.T) {
	s := plant(t)
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, `{"hall": "M%d", "number": 1, "owner": "ann"},`, i)
	}
	few := decode(t, s, config)
	large := decode(t, s, strings.Replace(config, `"line": [`, `"line": [`+many.String(), 1))
	for name, c := range map[string]struct {
		key, other *Filter
	}{
		"subtree": {subtree(t, s, `<plant><line><hall>A</hall><number>2</number></line></plant>`), subtree(t, s, `<plant><line><owner>bob</owner></line></plant>`)},
		"xpath":   {xpathFilter(t, s, `/pl:plant/pl:line[pl:hall='A'][pl:number='2']`), xpathFilter(t, s, `/pl:plant/pl:line[starts-with(pl:owner,'bob')]`)},
	} {
		cost := func(f *Filter, root *tree.Node) float64 {
			read := Read{Config: root, Filter: f, Access: everything(root)}
			if got := show(t, read); !strings.Contains(got, "<owner>bob</owner>") {
				t.Fatalf("%s: read %s", name, got)
			}
			return testing.AllocsPerRun(10, func() { read.Write(context.Background(), nowhere{}) })
		}
		if a, b := cost(c.key, few), cost(c.key, large); b > a+2 {
			t.Errorf("%s: by keys it takes %v allocations of 3 entries and %v of 5000", name, a, b)
		}
		if a, b := cost(c.other, few), cost(c.other, large); b < a+1000 {
			t.Errorf("%s: a walk takes %v allocations of 3 entries and %v of 5000: it is not seen", name, a, b)
		}
	}
}

// nowhere is a tree.Writer that writes nothing.
type nowhere struct{}

func (nowhere) Open(*schema.Node)               {}
func (nowhere) Close()                          {}
func (nowhere) Leaf(*schema.Node, string, bool) {}
