package validate

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

func rules(t testing.TB) (*schema.Schema, *Rules) {
	t.Helper()
	return worlds[0].rules(t)
}

// world is a set of modules, and a valid configuration of them to wander from.
type world struct {
	modules []string
	start   string
}

var worlds = []world{
	{[]string{"example-rules"}, rulesStart},
	{[]string{"example-rules", "example-across"}, rulesStart + `, "example-across:person": [{"name": "g1", "deputy": "g2", "team": "g1"}, {"name": "g2"}]`},
}

const rulesStart = `"example-rules:top": {"port": [1], "flags": "a"},
	"example-rules:group": [{"name": "g1", "weight": 3, "member": [{"id": 1}, {"id": 2}]}, {"name": "g2", "high": 2, "member": [{"id": 3}]}],
	"example-rules:ref": [{"id": 1, "group": "g1"}]`

func (w world) rules(t testing.TB) (*schema.Schema, *Rules) {
	t.Helper()
	var sources []schema.Source
	for _, m := range w.modules {
		sources = append(sources, schema.Source{Name: m, Implement: true})
	}
	s, err := schema.Compile(os.DirFS("testdata"), sources...)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

// values are small, so that random configurations meet each other.
func randomValue(rnd *rand.Rand, def *schema.Node) string {
	t := def.Type.Resolved()
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	switch t.Base {
	case schema.Enumeration:
		return t.Enums[rnd.IntN(len(t.Enums))].Name
	case schema.Bits:
		return pick("", "a", "a b", "c")
	case schema.IdentityRef:
		return pick(identities(def.Schema(), t)...)
	case schema.Empty:
		return ""
	case schema.Union:
		if def.Name == "value" {
			return pick("any", "3", "2", "example-across:fibre")
		}
		return pick("g1", "g2", "none")
	case schema.InstanceID:
		targets := []string{"/example-rules:group[name='g1']", "/example-rules:top/limit", "/example-rules:ref[id='1']/group", "/example-rules:top/port[.='1']"}
		if def.Module.Name == "example-across" {
			targets = append(targets, "/example-across:person[name='g2']", "/example-rules:top/example-across:glass", "/example-rules:top/example-across:level[.='2']",
				"/example-rules:group[name='g1']/example-across:owner", "/example-rules:top/example-across:volume", "/example-rules:top/example-across:note/what")
		}
		return pick(targets...)
	case schema.String:
		if def.IsKey() {
			return pick("g1", "g2", "g3")
		}
		return pick("g1", "abc", "aad", "g2")
	}
	return fmt.Sprint(rnd.IntN(5))
}

// identities are the values of an identityref.
func identities(s *schema.Schema, t *schema.Type) (list []string) {
	for _, id := range s.Identities {
		if id.DerivedFrom(t.Identities[0]) {
			list = append(list, id.QualifiedName())
		}
	}
	return list
}

// randomAny is the content of an anydata.
func randomAny(rnd *rand.Rand) string {
	return []string{"", `<top xmlns="urn:example:rules"><size>2</size></top>`, `<person><name>g1</name></person>`, `<strange><a>1</a><a>2</a></strange>`}[rnd.IntN(4)]
}

// randomPath goes down to a random node and invents keys on the way.
func randomPath(rnd *rand.Rand, s *schema.Schema) schema.Path {
	var path schema.Path
	at := s.Root
	for {
		n := at.Children[rnd.IntN(len(at.Children))]
		if n.IsKey() {
			continue
		}
		step := schema.Step{Node: n}
		switch n.Kind {
		case schema.List:
			for _, k := range n.Keys {
				step.Keys = append(step.Keys, randomValue(rnd, k))
			}
		case schema.LeafList:
			step.Keys = []string{randomValue(rnd, n)}
		}
		path = append(path, step)
		if !n.HasChildren() || rnd.IntN(6) == 0 {
			return path
		}
		at = n
	}
}

func randomEdit(rnd *rand.Rand, s *schema.Schema) tree.Edit {
	path := randomPath(rnd, s)
	def := path.Last().Node
	if rnd.IntN(4) == 0 {
		return tree.At(s, path, tree.Remove, nil)
	}
	var content *tree.Node
	switch def.Kind {
	case schema.Leaf:
		content = tree.NewLeaf(def, randomValue(rnd, def))
	case schema.AnyData:
		content = tree.NewLeaf(def, randomAny(rnd))
	}
	ed := tree.At(s, path, tree.Merge, content)
	return ed
}

func start(t testing.TB, s *schema.Schema) *tree.Node {
	t.Helper()
	return worlds[0].begin(t, s)
}

func (w world) begin(t testing.TB, s *schema.Schema) *tree.Node {
	t.Helper()
	root, err := tree.DecodeJSON(strings.NewReader("{"+w.start+"}"), s.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func mutate(t testing.TB, rnd *rand.Rand, s *schema.Schema, root *tree.Node, edits int) *tree.Node {
	t.Helper()
	for range edits {
		var err error
		if root, err = tree.Apply(root, randomEdit(rnd, s)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func jsonOf(t testing.TB, n *tree.Node) string {
	t.Helper()
	var b strings.Builder
	if err := tree.WriteJSON(&b, n, " "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// lint asks yanglint for its verdict.
func (w world) lint(t testing.TB, dir, config string) (valid bool, says string) {
	t.Helper()
	file := filepath.Join(dir, "data.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-p", "testdata", "-t", "config"}
	for _, m := range w.modules {
		args = append(args, "testdata/"+m+".yang")
	}
	out, err := exec.CommandContext(t.Context(), "yanglint", append(args, file)...).CombinedOutput()
	if err != nil {
		if _, ok := err.(*exec.ExitError); !ok {
			t.Fatalf("yanglint: %v (Debian package libyang2-tools)", err)
		}
	}
	return err == nil, string(out)
}

// TestVerdictsAgreeWithYanglint wanders through random configurations, from valid one to valid one, and compares.
func TestVerdictsAgreeWithYanglint(t *testing.T) {
	for _, w := range worlds {
		t.Run(strings.Join(w.modules, " and "), func(t *testing.T) { w.compareVerdicts(t) })
	}
}

func (w world) compareVerdicts(t *testing.T) {
	s, r := w.rules(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	const trees = 300
	valid := 0
	at := w.begin(t, s)
	for i := range trees {
		next := mutate(t, rnd, s, at, 1+rnd.IntN(3))
		config := jsonOf(t, next)
		want, says := w.lint(t, dir, config)
		err := r.Check(tree.Diff(nil, next))
		if (err == nil) != want {
			t.Errorf("tree %d: we say %v, yanglint says %v:\n%s\n%s", i, err, want, says, config)
		}
		if err == nil {
			valid++
			at = next
		}
	}
	if valid < trees/5 || valid > trees*4/5 {
		t.Errorf("%d of %d trees are valid: the generator tests little", valid, trees)
	}
}

// TestIncrementalAgreesWithFull wanders the same way, further, and compares the validation of the change with that of the
// whole: not the verdict only but every error.
func TestIncrementalAgreesWithFull(t *testing.T) {
	for _, w := range worlds {
		t.Run(strings.Join(w.modules, " and "), func(t *testing.T) { w.compareIncremental(t) })
	}
}

func (w world) compareIncremental(t *testing.T) {
	s, r := w.rules(t)
	for seed := range uint64(5) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		at := w.begin(t, s)
		valid := 0
		for i := range 3000 {
			next := mutate(t, rnd, s, at, 1+rnd.IntN(4))
			whole, change := r.Check(tree.Diff(nil, next)), r.Check(tree.Diff(at, next))
			if list(whole) != list(change) {
				t.Fatalf("seed %d step %d:\nwhole: %s\nchange: %s\nbefore %s\nafter %s", seed, i, list(whole), list(change), jsonOf(t, at), jsonOf(t, next))
			}
			if whole == nil {
				at = next
				valid++
			}
		}
		if valid < 300 {
			t.Errorf("seed %d: only %d steps were valid", seed, valid)
		}
	}
}

// list gives the errors in an order of their own.
func list(err error) string {
	var all []string
	for _, e := range tree.Errors(err) {
		if e.AppTag == "data-not-unique" { // which of the two entries is blamed depends on which one changed
			e = &tree.Error{Tag: e.Tag, AppTag: e.AppTag, Node: e.Path.Last().Node, Message: strings.Split(e.Message, ":")[0]}
		}
		all = append(all, string(e.Tag)+" "+e.AppTag+" "+e.Error())
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func mustPath(t testing.TB, s *schema.Schema, text string) schema.Path {
	t.Helper()
	p, err := schema.ParsePath(s, text, s.Module)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
