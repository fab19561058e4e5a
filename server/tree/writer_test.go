package tree

import (
	"errors"
	"strings"
	"testing"

	"mooring/server/tree/schema"
)

func walked(t testing.TB, n *Node, w Walk) string {
	t.Helper()
	var b strings.Builder
	x := NewXMLWriter(&b, "", "")
	w.Writer = x
	w.Node(n)
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWithDefaults is RFC 6243 section 3 in its four modes.
func TestWithDefaults(t *testing.T) {
	s := example(t)
	part := mustJSON(t, s, `{"example-system:part":{"load":50}}`).ChildNamed("part")
	user := mustJSON(t, s, `{"example-system:system":{"enabled":true,"ntp":"x"}}`).ChildNamed("system")
	const wd = ` xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default="true"`
	for _, c := range []struct {
		node *Node
		mode DefaultsMode
		want string
	}{
		{part, Explicit, `<part xmlns="urn:example:system"><load>50</load></part>`},
		{part, Trim, `<part xmlns="urn:example:system"/>`},
		{part, ReportAll, `<part xmlns="urn:example:system"><load>50</load></part>`},
		{part, ReportAllTagged, `<part xmlns="urn:example:system"><load` + wd + `>50</load></part>`},
		{user, Trim, `<system xmlns="urn:example:system"><ntp>x</ntp></system>`},
		{user, ReportAll, `<system xmlns="urn:example:system"><backup>spare</backup><load>50</load><enabled>true</enabled><mode>slow</mode>` +
			`<transport xmlns:t="urn:example:types">t:ipv4</transport><port>830</port><port>9339</port><ntp>x</ntp><limit>20</limit>` +
			`<deep xmlns="urn:example:more"/></system>`},
	} {
		if got := walked(t, c.node, Walk{Defaults: c.mode}); got != c.want {
			t.Errorf("mode %d:\n%s\nwant\n%s", c.mode, got, c.want)
		}
	}
}

func TestWalkOptions(t *testing.T) {
	s := example(t)
	root := mustJSON(t, s, start)
	if got := walked(t, root, Walk{Depth: 1}); got != `<system xmlns="urn:example:system"/><user xmlns="urn:example:system"><realm>2</realm><id>b</id></user>`+
		`<user xmlns="urn:example:system"><realm>10</realm><id>a</id></user>` {
		t.Errorf("depth 1: %s", got)
	}
	if got := walked(t, root, Walk{Filter: noNotes{}}); strings.Contains(got, "note") || !strings.Contains(got, "a@b") {
		t.Errorf("filtered: %s", got)
	}
	b := new(Builder)
	b.Open(s.Root)
	b.Open(s.Find("/example-system:system"))
	b.Uint(s.Find("/example-system:system/count"), 7)
	b.Leaf(s.Find("/example-system:system/name"), "x")
	b.Close()
	state, _ := b.Close()
	if got := walked(t, state, Walk{Content: StateOnly}); got != `<system xmlns="urn:example:system"><count>7</count></system>` {
		t.Errorf("state only: %s", got)
	}
	if got := walked(t, state, Walk{Content: ConfigOnly}); got != `<system xmlns="urn:example:system"><name>x</name></system>` {
		t.Errorf("configuration only: %s", got)
	}
}

type noNotes struct{}

func (noNotes) Enter(n *Node) bool { return n.Schema().Name != "note" }
func (noNotes) Leave()             {}

func TestIndentedJSON(t *testing.T) {
	var b strings.Builder
	if err := WriteJSON(&b, mustJSON(t, example(t), `{"example-system:system":{"server":["b","a"],"marker":[null]},"example-system:user":[{"realm":1,"id":"a"}]}`), "  "); err != nil {
		t.Fatal(err)
	}
	const want = `{
  "example-system:system": {
    "marker": [null],
    "server": [
      "b",
      "a"
    ]
  },
  "example-system:user": [
    {
      "realm": 1,
      "id": "a"
    }
  ]
}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestEscaping(t *testing.T) {
	s := example(t)
	root := mustJSON(t, s, `{"example-system:system":{"ntp":"<a b=\"c\"> & 'd'\r\n\té]]>"}}`)
	checkEncodings(t, s, root)
}

type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("gone")
	}
	return len(p), nil
}

// TestStreaming: output leaves in pieces, and the first error of the other end is the result.
func TestStreaming(t *testing.T) {
	s := example(t)
	b := new(Builder)
	b.Open(s.Root)
	for i := range 5000 {
		b.Open(s.Find("/example-system:user"))
		b.Uint(s.Find("/example-system:user/realm"), 1)
		b.Leaf(s.Find("/example-system:user/id"), "u"+schema.Number{Magnitude: uint64(i)}.String())
		if _, ok := b.Close(); !ok {
			t.Fatal("an entry was not taken")
		}
	}
	root, _ := b.Close()
	var pieces sizes
	if err := WriteXML(&pieces, root, "", ""); err != nil {
		t.Fatal(err)
	}
	for _, n := range pieces {
		if n > 2*flushSize {
			t.Errorf("a piece of %d octets was gathered", n)
		}
	}
	if len(pieces) < 5 {
		t.Errorf("written in %d pieces", len(pieces))
	}
	if err := WriteXML(&broken{left: flushSize}, root, "", ""); err == nil || err.Error() != "gone" {
		t.Errorf("a broken output: %v", err)
	}
	if err := WriteJSON(&broken{left: flushSize}, root, ""); err == nil || err.Error() != "gone" {
		t.Errorf("a broken output: %v", err)
	}
}

type sizes []int

func (s *sizes) Write(p []byte) (int, error) {
	*s = append(*s, len(p))
	return len(p), nil
}

// TestScratchBuilder renders rows with the memory of the rows before.
func TestScratchBuilder(t *testing.T) {
	s := example(t)
	def, id, realm := s.Find("/example-system:user"), s.Find("/example-system:user/id"), s.Find("/example-system:user/realm")
	b := NewScratch()
	row := func() {
		b.Reset()
		b.Open(def)
		b.Leaf(id, "somebody")
		b.Uint(realm, 3)
		if n, ok := b.Close(); !ok || n.Keys()[0] != "3" || n.Keys()[1] != "somebody" {
			t.Fatal("the row is wrong")
		}
	}
	row()
	if allocs := testing.AllocsPerRun(100, row); allocs > 8 {
		t.Errorf("%v allocations a row", allocs)
	}
}
