package ios

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// grammar is that of everything the modules describe.
var grammar = sync.OnceValue(func() *Grammar {
	s, err := model.Whole()
	if err != nil {
		panic(err)
	}
	g, err := New(s)
	if err != nil {
		panic(err)
	}
	return g
})

// What Print writes, Import reads as the same configuration: random configurations out of everything that there are commands for,
// with values among them that are the default.
func TestPrintAndImport(t *testing.T) {
	for name, dialect := range Dialects {
		t.Run(name, func(t *testing.T) {
			covered := map[*row]bool{}
			for seed := range uint64(15) {
				r := &randomizer{g: grammar(), d: dialect, Rand: rand.New(rand.NewPCG(seed, 0)), covered: covered, draft: newDraft(grammar().schema)}
				r.fill(r.g.modes["global"], nil)
				text, left := r.g.Print(r.draft.root, dialect)
				if len(left) > 0 {
					t.Fatalf("seed %d: there is no text for %s\n%s", seed, left, text)
				}
				again := r.g.Import(text, Options{Dialect: dialect})
				for _, i := range again.Items {
					if i.Outcome == Skipped || i.Outcome == Refused && (i.Code == Unreadable || i.Code == OutOfRange) {
						t.Errorf("seed %d: %+v", seed, i)
					}
				}
				if !again.Tree.Equal(r.draft.root) {
					t.Fatalf("seed %d: another configuration comes back\n%s\n%s", seed, text, differences(r.draft.root, again.Tree))
				}
				if twice, _ := r.g.Print(again.Tree, dialect); twice != text {
					t.Fatalf("seed %d: another text comes back", seed)
				}
			}
			for _, m := range grammar().modes {
				for _, c := range m.commands {
					if c.in(dialect) && !c.readOnly && !covered[c.row] {
						t.Errorf("mode %s: %q was never tried", m.name, c.syntax)
					}
				}
			}
		})
	}
}

func differences(a, b *tree.Node) string {
	var text strings.Builder
	for c := range tree.Diff(a, b).All() {
		fmt.Fprintf(&text, "%s: %s, then %s\n", c.Path, value(c.Old), value(c.New))
	}
	return text.String()
}

func value(n *tree.Node) string {
	if n == nil {
		return "nothing"
	}
	return strconv.Quote(n.Value())
}

// randomizer makes configurations out of the rows, without reading any text.
type randomizer struct {
	*rand.Rand
	g       *Grammar
	d       Dialect
	draft   *draft
	covered map[*row]bool
}

func (r *randomizer) fill(m *mode, path schema.Path) {
	for _, c := range m.commands {
		if !c.in(r.d) || c.readOnly {
			continue
		}
		for range r.IntN(3) {
			r.command(c, path)
		}
	}
}

// command sets what a random command would.
func (r *randomizer) command(c *command, path schema.Path) {
	values := r.values(c)
	if values == nil {
		return
	}
	for _, def := range c.at {
		var keys []string
		for _, k := range def.Keys {
			keys = append(keys, values[k.Name][0])
		}
		path = path.Append(def, keys...)
	}
	fresh := len(path) > 0 && r.draft.root.Get(path) == nil
	if last := len(c.at) - 1; last >= 0 && (c.at[last].Kind == schema.List || c.at[last].Presence) {
		if c.at[last].Kind == schema.List && !fresh {
			return // or it would hold what two commands said
		}
		r.draft.ensure(path, nil)
	}
	for leaf, list := range values {
		if c.key(leaf) != nil {
			r.vrf(c.key(leaf), list[0])
			continue
		}
		at := path
		chain, _ := descend(c.node(), leaf)
		for _, def := range chain {
			at = at.Append(def)
		}
		if c.patterns[0].isAll(leaf) {
			r.draft.clear(at)
		}
		for _, v := range list {
			r.draft.set(at, v, nil)
			r.vrf(at.Last().Node, v)
		}
	}
	r.covered[c.row] = true
	if c.enters != nil {
		r.fill(c.enters, path)
	}
}

func (p pattern) isAll(leaf string) bool {
	return slices.ContainsFunc(p, func(e element) bool { return e.arg != nil && e.arg.leaf == leaf && e.arg.all })
}

// vrf makes the VRF that a leaf names, as reading does.
func (r *randomizer) vrf(def *schema.Node, name string) {
	x := &execution{importer: &importer{Grammar: r.g, draft: r.draft}}
	x.mention(def, name, nil)
}

// values gives each argument of a random pattern a value that can be written; nil: there was none.
func (r *randomizer) values(c *command) map[string][]string {
	pattern := c.patterns[r.IntN(len(c.patterns))]
	values := map[string][]string{}
	x := &execution{found: &found{command: c, pattern: pattern}}
	for _, e := range pattern {
		if e.arg == nil || e.arg.kind.ignored || values[e.arg.leaf] != nil && !e.arg.all {
			continue
		}
		value, ok := r.value(x.leaf(e.arg.leaf), e.arg)
		if !ok {
			return nil
		}
		if !slices.Contains(values[e.arg.leaf], value) {
			values[e.arg.leaf] = append(values[e.arg.leaf], value)
		}
	}
	for _, k := range c.at {
		for _, key := range k.Keys {
			if values[key.Name] == nil && key.Name == "name" && k.Name == "ace" {
				values["name"] = []string{strconv.Itoa(1 + r.IntN(1000))}
			}
		}
	}
	for _, s := range c.set {
		if s.from != "" {
			values[s.leaf] = values[s.from]
		} else {
			values[s.leaf] = []string{s.value}
		}
	}
	return values
}

func (r *randomizer) value(def *schema.Node, a *argument) (string, bool) {
	for range 50 {
		text := r.text(def.Type.Resolved(), def)
		if len(def.Default) > 0 && r.IntN(3) == 0 {
			text = def.Default[0]
		}
		value, err := def.Type.ParseCanonical(text)
		if err != nil {
			continue
		}
		if _, ok := a.kind.text(value); ok || a.kind == kinds["key"] || a.kind == kinds["net"] {
			return value, true
		}
	}
	return "", false
}

// text guesses a value of a type.
func (r *randomizer) text(t *schema.Type, def *schema.Node) string {
	names := []string{"a", "b2", "vrf", "default", "null0", "no", "exit", "7", "any", "label", "x!", "Ethernet0/2", "domain", "!x"}
	v4, v6 := fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(220), r.IntN(256), r.IntN(256), r.IntN(256)), fmt.Sprintf("2001:db8:%x::%x", r.IntN(1<<16), r.IntN(1<<16))
	switch {
	case def.Name == "shared-secret" || def.Name == "key":
		return []string{"cisco", "7 up", "a b", "0", "semi;colon !", " ", "k\"ey"}[r.IntN(7)]
	case def.Name == "hex-key":
		return fmt.Sprintf("%04x", r.IntN(1<<16))
	case len(t.Enums) > 0:
		return t.Enums[r.IntN(len(t.Enums))].Name
	case t.Base.IsInteger() && len(t.Ranges) > 0:
		low, high := t.Ranges[0].Min.Magnitude, t.Ranges[len(t.Ranges)-1].Max.Magnitude
		return strconv.FormatUint(low+r.Uint64N(high-low+1), 10)
	case t.Base.IsInteger():
		return strconv.Itoa(r.IntN(256))
	case t.Base == schema.Union || t.Base == schema.String && strings.Contains(t.Typedef, "ip"):
		prefix := fmt.Sprintf("%d.%d.0.0/%d", 1+r.IntN(220), r.IntN(256), 16+r.IntN(2)*16)
		return []string{v4, v6, prefix, fmt.Sprintf("2001:db8:%x::/48", r.IntN(1<<16))}[r.IntN(4)]
	case strings.Contains(t.Typedef, "nai"):
		return []string{"@", "u@", "no@"}[r.IntN(3)] + names[r.IntN(3)]
	}
	return names[r.IntN(len(names))]
}
