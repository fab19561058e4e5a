package state

import (
	"testing"
	"testing/fstest"
	"time"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// TestEmptyKey: a key may be the empty text; no other leaf is written with one.
func TestEmptyKey(t *testing.T) {
	s, err := schema.Compile(fstest.MapFS{"m.yang": {Data: []byte(`module m { namespace "urn:m"; prefix m; container c { config false;
		list l { key name; leaf name { type string; } leaf text { type string; } } } }`)}}, schema.Source{Name: "m", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Find("/m:c")
	l := c.ChildNamed("l")
	var sink Sink
	sink.reset(time.Time{})
	sink.row(c, nil)
	for _, name := range []string{"", "a"} {
		sink.Open(l)
		sink.Text(l.ChildNamed("name"), name)
		sink.Text(l.ChildNamed("text"), name)
		sink.Close()
	}
	if got, want := string(tree.AppendJSON(nil, sink.build(new(tree.Builder)), c.Module)), `{"l":[{"name":""},{"name":"a","text":"a"}]}`; got != want {
		t.Errorf("the row is %s, want %s", got, want)
	}
}
