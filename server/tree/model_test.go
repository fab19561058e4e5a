package tree

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// model is a configuration as plain as can be: every node that exists by its path, and the order of the lists that users
// order.
type model struct {
	nodes map[string]string
	order map[string][]string
}

func (m model) clone() model {
	c := model{maps.Clone(m.nodes), map[string][]string{}}
	for k, v := range m.order {
		c.order[k] = slices.Clone(v)
	}
	return c
}

func exists(def *schema.Node) bool { return def.Kind != schema.Container || def.Presence }

// add makes everything on the way to path, and drops other cases of choices.
func (m model) add(path schema.Path, value string) {
	for i, s := range path {
		at := path[:i+1]
		for _, sibling := range s.Node.Parent.Children {
			if sibling.Excludes(s.Node) {
				m.drop(append(slices.Clone(path[:i]), schema.Step{Node: sibling}), true)
			}
		}
		text := at.String()
		if _, ok := m.nodes[text]; !ok && exists(s.Node) {
			m.nodes[text] = ""
			if s.Node.UserOrdered {
				list := whole(at).String()
				m.order[list] = append(m.order[list], text)
			}
		}
		if s.Node.Kind == schema.List {
			for k, key := range s.Node.Keys {
				m.nodes[append(slices.Clone(at), schema.Step{Node: key}).String()] = s.Keys[k]
			}
		}
	}
	if last := path.Last().Node; last.Kind == schema.Leaf {
		m.nodes[path.String()] = value
	}
}

// drop removes what is at path and below; of a list without keys, all entries.
func (m model) drop(path schema.Path, all bool) {
	text := path.String()
	under := func(p string) bool {
		rest, ok := strings.CutPrefix(p, text)
		return ok && (rest == "" || rest[0] == '/' || all && rest[0] == '[')
	}
	maps.DeleteFunc(m.nodes, func(p, _ string) bool { return under(p) })
	for list, entries := range m.order {
		m.order[list] = slices.DeleteFunc(entries, under)
	}
}

func (m model) has(path schema.Path) bool {
	text := path.String()
	for p := range m.nodes {
		if p == text || strings.HasPrefix(p, text+"/") {
			return true
		}
	}
	return false
}

func (m model) String() string {
	var lines []string
	for p, v := range m.nodes {
		lines = append(lines, p+" = "+v)
	}
	for list, entries := range m.order {
		if len(entries) > 0 {
			lines = append(lines, list+": "+strings.Join(entries, " "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func modelOf(root *Node) model {
	m := model{map[string]string{}, map[string][]string{}}
	m.gather(nil, root)
	return m
}

func (m model) gather(at schema.Path, n *Node) {
	for kid := range n.Children() {
		if !kid.IsList() {
			m.note(append(at[:len(at):len(at)], kid.Step()), kid)
			continue
		}
		for e := range kid.Entries() {
			p := append(at[:len(at):len(at)], e.Step())
			if e.def.UserOrdered {
				list := whole(p).String()
				m.order[list] = append(m.order[list], p.String())
			}
			m.note(p, e)
		}
	}
}

func (m model) note(p schema.Path, n *Node) {
	if exists(n.def) {
		m.nodes[p.String()] = ""
		if n.def.Kind == schema.Leaf {
			m.nodes[p.String()] = n.Value()
		}
	}
	m.gather(p, n)
}

// randomValue takes values from so few that edits meet.
func randomValue(rnd *rand.Rand, t *schema.Type) string {
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	switch t = t.Resolved(); t.Base {
	case schema.Boolean:
		return pick("true", "false")
	case schema.Enumeration:
		return t.Enums[rnd.IntN(len(t.Enums))].Name
	case schema.IdentityRef:
		return pick("example-types:ipv4", "example-system:udp", "example-more:sctp")
	case schema.Empty:
		return ""
	case schema.Decimal64:
		return pick("0.5", "1.0", "9.99")
	case schema.Binary:
		return pick("AA==", "AAE=")
	case schema.InstanceID:
		return pick("/example-system:system/name", "/example-system:user[realm='12'][id='b']/note[at='11']")
	case schema.Union:
		return pick("7", "none", "abc")
	case schema.String:
		return pick("a", "b", "c", "de")
	}
	return fmt.Sprint(10 + rnd.IntN(9))
}

func randomPath(rnd *rand.Rand, s *schema.Schema) schema.Path {
	var path schema.Path
	for at := s.Root; ; {
		n := at.Children[rnd.IntN(len(at.Children))]
		if n.IsKey() || !n.Config {
			continue
		}
		step := schema.Step{Node: n}
		for _, k := range n.Keys {
			step.Keys = append(step.Keys, randomValue(rnd, k.Type))
		}
		if n.Kind == schema.LeafList {
			step.Keys = []string{randomValue(rnd, n.Type)}
		}
		path = append(path, step)
		if !n.HasChildren() || rnd.IntN(5) == 0 {
			return path
		}
		at = n
	}
}

// TestEditsAgainstModel applies random operations to a tree and to the model. Both must agree on the outcome and on
// whether the operation fails; every version must survive its successors, lead to the next by its difference, and come
// back from both encodings.
func TestEditsAgainstModel(t *testing.T) {
	s := example(t)
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		root, m := NewRoot(s), model{map[string]string{}, map[string][]string{}}
		failures := 0
		for step := range 900 {
			path := randomPath(rnd, s)
			def := path.Last().Node
			op := []Op{Merge, Merge, Replace, Create, Delete, Remove}[rnd.IntN(6)]
			next := m.clone()
			value, there, wantErr := "", m.has(path), false
			var content *Node
			if def.Kind == schema.Leaf && op != Delete && op != Remove {
				value = randomValue(rnd, def.Type)
				content = NewLeaf(def, value)
			}
			switch op {
			case Merge:
				next.add(path, value)
			case Create:
				if wantErr = there; !there {
					next.add(path, value)
				}
			case Replace: // by an empty one; an entry keeps its place
				kept := slices.Clone(next.order[whole(path).String()])
				next.drop(path, false)
				next.add(path, value)
				if there && def.UserOrdered {
					next.order[whole(path).String()] = kept
				}
			case Delete:
				wantErr = !there
				next.drop(path, false)
			case Remove:
				next.drop(path, false)
			}
			edited, err := Apply(root, At(s, path, op, content))
			if (err != nil) != wantErr {
				t.Fatalf("seed %d step %d: %s %s: error %v, want one: %v", seed, step, op, path, err, wantErr)
			}
			if err != nil {
				failures++
				continue
			}
			if got, want := modelOf(edited).String(), next.String(); got != want {
				t.Fatalf("seed %d step %d: %s %s\nbefore:\n%s\ngot:\n%s\nwant:\n%s", seed, step, op, path, m, got, want)
			}
			if got := modelOf(root).String(); got != m.String() {
				t.Fatalf("seed %d step %d: %s %s changed the version before", seed, step, op, path)
			}
			checkChanges(t, root, edited, m, next)
			root, m = edited, next
			if step%20 == 0 {
				checkEncodings(t, s, root)
			}
		}
		if failures < 30 {
			t.Errorf("seed %d: only %d operations failed", seed, failures)
		}
	}
}

// checkChanges verifies that the changes are exactly those of the models and lead from one tree to the other.
func checkChanges(t *testing.T, old, new *Node, before, after model) {
	t.Helper()
	changes := Diff(old, new)
	again, err := Apply(old, changes.Edits()...)
	if err != nil || !again.Equal(new) || modelOf(again).String() != after.String() {
		t.Fatalf("the changes do not lead to the new tree: %v\ngot:\n%s\nwant:\n%s", err, modelOf(again), after)
	}
	if changes.Empty() != (before.String() == after.String()) {
		t.Fatalf("changes are said to be empty: %v", changes.Empty())
	}
	for ch := range changes.All() {
		x, y := before.has(ch.Path), after.has(ch.Path)
		if !ch.Reordered && (x != (ch.Old != nil) || y != (ch.New != nil)) {
			t.Fatalf("%s: was there %v, is there %v, the change says %v and %v", ch.Path, x, y, ch.Old != nil, ch.New != nil)
		}
	}
}

func checkEncodings(t *testing.T, s *schema.Schema, root *Node) {
	t.Helper()
	text := jsonOf(t, root)
	if back := mustJSON(t, s, text); !back.Equal(root) {
		t.Fatalf("JSON comes back as\n%s\nfrom\n%s", jsonOf(t, back), text)
	}
	xml := xmlOf(t, root)
	r := xmlio.NewReader(strings.NewReader("<data>"+xml+"</data>"), xmlio.Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	back, err := DecodeXML(r, s.Root, DecodeOptions{})
	if err != nil || !back.Equal(root) {
		t.Fatalf("XML comes back as\n%s\nfrom\n%s\n%v", xmlOf(t, back), xml, err)
	}
}

// TestInsertAgainstSlice moves entries of a list ordered by the user at random.
func TestInsertAgainstSlice(t *testing.T) {
	s := example(t)
	rnd := rand.New(rand.NewPCG(4, 4))
	servers := s.Find("/example-system:system/server")
	root := NewRoot(s)
	var want []string
	for step := range 4000 {
		v := fmt.Sprint(rnd.IntN(60))
		path := schema.Path{{Node: servers.Parent}, {Node: servers, Keys: []string{v}}}
		ed := Edit{Op: Merge, Node: NewLeaf(servers, v), Where: Where(rnd.IntN(5))}
		at := slices.Index(want, v)
		if step%9 == 8 {
			ed = Edit{Op: Remove, Node: NewLeaf(servers, v)}
		}
		anchor := -1
		if ed.Where == Before || ed.Where == After {
			if len(want) == 0 {
				continue
			}
			anchor = rnd.IntN(len(want))
			ed.Anchor = []string{want[anchor]}
		}
		var err error
		if root, err = Apply(root, Through(s, path, Merge, ed)); err != nil {
			t.Fatal(err)
		}
		want = insertModel(want, v, at, anchor, ed)
		var got []string
		if system := root.ChildNamed("system"); system != nil {
			for e := range system.ChildNamed("server").Entries() {
				got = append(got, e.Value())
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: %s %v %v: %v, want %v", step, v, ed.Where, ed.Anchor, got, want)
		}
	}
}

func insertModel(order []string, v string, at, anchor int, ed Edit) []string {
	order = slices.Clone(order)
	if ed.Op == Remove {
		return slices.DeleteFunc(order, func(o string) bool { return o == v })
	}
	if ed.Where == Keep && at >= 0 || anchor >= 0 && anchor == at {
		return order
	}
	if at >= 0 {
		order = slices.Delete(order, at, at+1)
	}
	switch ed.Where {
	case First:
		return slices.Insert(order, 0, v)
	case Before:
		return slices.Insert(order, slices.Index(order, ed.Anchor[0]), v)
	case After:
		return slices.Insert(order, slices.Index(order, ed.Anchor[0])+1, v)
	}
	return append(order, v)
}

// TestRebaseAgainstModel: two sets of changes that do not meet give the same in either order.
func TestRebaseAgainstModel(t *testing.T) {
	s := example(t)
	rnd := rand.New(rand.NewPCG(11, 3))
	merged, conflicting := 0, 0
	for range 600 {
		base := NewRoot(s)
		edit := func(n *Node, times int) *Node {
			for range times {
				p := randomPath(rnd, s)
				op := []Op{Merge, Replace, Remove}[rnd.IntN(3)]
				var content *Node
				if p.Last().Node.Kind == schema.Leaf && op != Remove {
					content = NewLeaf(p.Last().Node, randomValue(rnd, p.Last().Node.Type))
				}
				next, err := Apply(n, At(s, p, op, content))
				if err != nil {
					t.Fatal(err)
				}
				n = next
			}
			return n
		}
		base = edit(base, 15)
		mine, theirs := edit(base, 1+rnd.IntN(2)), edit(base, 1+rnd.IntN(2))
		one, conflicts, err := Diff(base, mine).Rebase(theirs)
		if err != nil {
			t.Fatal(err)
		}
		if len(conflicts) > 0 {
			conflicting++
			continue
		}
		two, conflicts, err := Diff(base, theirs).Rebase(mine)
		if err != nil || len(conflicts) > 0 {
			continue // a choice can be switched from one side only
		}
		merged++
		if a, b := modelOf(one.New).nodes, modelOf(two.New).nodes; !maps.Equal(a, b) {
			t.Fatalf("in one order:\n%s\nin the other:\n%s", jsonOf(t, one.New), jsonOf(t, two.New))
		}
	}
	if merged < 100 || conflicting < 20 {
		t.Errorf("%d merged, %d conflicts: the generator tests little", merged, conflicting)
	}
}
