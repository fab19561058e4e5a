package apply

import (
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/trie"
	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/validate"
)

var update = flag.Bool("update", false, "write the expected results anew")

type element struct {
	*Translator
	schema *schema.Schema
	rules  *validate.Rules
}

func newElement(t testing.TB) *element {
	t.Helper()
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	translator, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := validate.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return &element{translator, s, rules}
}

// shared is an element. Making one takes a while.
var shared = sync.OnceValue(func() *element { return newElement(new(testing.B)) })

// parse reads a configuration that the schema accepts.
func (e *element) parse(t testing.TB, text string) *tree.Node {
	t.Helper()
	root, err := tree.DecodeJSON(strings.NewReader(text), e.schema.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if root == nil {
		root = tree.NewRoot(e.schema)
	}
	if err := e.rules.Check(tree.Diff(nil, root)); err != nil {
		t.Fatalf("the configuration is not valid: %v", err)
	}
	return root
}

// Translate is that of the Translator for two configurations.
func (e *element) Translate(old *Config, root *tree.Node) (*Config, []*tree.Error, error) {
	return e.Translator.Translate(old, tree.Diff(rootOf(old), root))
}

func rootOf(c *Config) *tree.Node {
	if c == nil {
		return nil
	}
	return c.root
}

func (e *element) translate(t testing.TB, old *Config, root *tree.Node) *Config {
	t.Helper()
	c, _, err := e.Translate(old, root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (e *element) path(t testing.TB, text string) schema.Path {
	t.Helper()
	p, err := schema.ParsePath(e.schema, text, e.schema.Module)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// set returns root with a leaf set to a value; with "" the node is taken out.
func (e *element) set(t testing.TB, root *tree.Node, path, value string) *tree.Node {
	t.Helper()
	p := e.path(t, path)
	edit := tree.At(e.schema, p, tree.Remove, nil)
	if value != "" {
		edit = tree.At(e.schema, p, tree.Merge, tree.NewLeaf(p.Last().Node, value))
	}
	changed, err := tree.Apply(root, edit)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// merge returns root with a document merged into it.
func (e *element) merge(t testing.TB, root *tree.Node, document string) *tree.Node {
	t.Helper()
	n, err := tree.DecodeJSON(strings.NewReader(document), e.schema.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	changed, err := tree.Apply(root, tree.Edit{Op: tree.Merge, Node: n})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// TestDocuments translates whole configurations: those that the model is tested with, and one that sets every leaf.
func TestDocuments(t *testing.T) {
	files, err := filepath.Glob("../../yang/testdata/valid/slice/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d documents: %v", len(files), err)
	}
	for _, file := range append(files, "testdata/everything.json") {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			config, warnings, err := shared().Translate(nil, shared().parse(t, string(text)))
			if err != nil {
				t.Fatal(err)
			}
			got := dump(config)
			for _, w := range warnings {
				got += fmt.Sprintf("%s %s: %s\n", w.AppTag, w.Path, w.Message)
			}
			golden(t, filepath.Join("testdata", name+".txt"), got)
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: run the test with -update and read the difference; got\n%s", file, got)
	}
}

// dump writes a configuration as text: equal texts, equal meaning.
func dump(c *Config) string {
	var d dumper
	d.value("mobility", reflect.ValueOf(c.Mobility))
	d.value("dataplane", reflect.ValueOf(c.Dataplane))
	d.value("manage", reflect.ValueOf(c.Manage))
	d.value("accounting", reflect.ValueOf(c.Accounting))
	return d.String()
}

type dumper struct {
	strings.Builder
	indent string
}

func (d *dumper) line(name, value string) { fmt.Fprintf(d, "%s%s: %s\n", d.indent, name, value) }

func (d *dumper) inside(name string, f func()) {
	fmt.Fprintf(d, "%s%s:\n", d.indent, name)
	d.indent += "  "
	f()
	d.indent = d.indent[2:]
}

// value leaves out what is zero.
func (d *dumper) value(name string, v reflect.Value) {
	if v.IsZero() {
		return
	}
	if text, ok := plain(v.Interface()); ok {
		d.line(name, text)
		return
	}
	switch of := v.Interface().(type) {
	case trie.Map[*mobility.Peer]:
		v = reflect.ValueOf(byName(of))
	case trie.Map[mobility.NodeID]:
		nodes := map[dataplane.MAC]mobility.NodeID{}
		for mac, node := range of.All() {
			nodes[dataplane.MAC([]byte(mac))] = node
		}
		v = reflect.ValueOf(nodes)
	}
	switch v.Kind() {
	case reflect.Interface:
		d.profiles(name, v.Interface().(*profiles))
	case reflect.Pointer:
		d.value(name, v.Elem())
	case reflect.Struct:
		d.inside(name, func() {
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					d.value(v.Type().Field(i).Name, v.Field(i))
				}
			}
		})
	case reflect.Slice:
		for i := range v.Len() {
			d.value(fmt.Sprintf("%s[%d]", name, i), v.Index(i))
		}
	case reflect.Map:
		d.entries(name, v)
	default:
		d.line(name, fmt.Sprint(v))
	}
}

func byName(peers trie.Map[*mobility.Peer]) (list []*mobility.Peer) {
	for _, p := range peers.All() {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *mobility.Peer) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (d *dumper) entries(name string, v reflect.Value) {
	texts := map[string]reflect.Value{}
	for _, k := range v.MapKeys() {
		text, _ := plain(k.Interface())
		texts[text] = v.MapIndex(k)
	}
	for _, k := range sortedKeys(texts) {
		d.value(name+"["+k+"]", texts[k])
	}
}

func (d *dumper) profiles(name string, p *profiles) {
	d.named(name+".entry", p.entries)
	d.named(name+".named", p.named)
}

func (d *dumper) named(name string, of trie.Map[*mobility.Profile]) {
	all := maps.Collect(of.All())
	for _, key := range sortedKeys(all) {
		d.value(name+"["+key+"]", reflect.ValueOf(all[key]))
	}
}

func plain(v any) (string, bool) {
	switch v := v.(type) {
	case dataplane.MAC:
		return fmt.Sprintf("%x", v[:]), true
	case mobility.NodeID:
		return v.String(), true
	case string:
		return v, true
	case []byte:
		return fmt.Sprintf("%q", v), true
	case time.Duration, netip.Addr, netip.AddrPort, netip.Prefix, dataplane.Encap:
		return fmt.Sprint(v), true
	}
	return "", false
}
