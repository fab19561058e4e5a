package validate

import (
	"strings"
	"testing"
	"testing/fstest"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// TestUniqueConditionalDefaults compares a default when its condition holds, and only then (RFC 7950 sections 7.8.3, 7.21.5): of the entry
// itself, of a container in it, and of something elsewhere that is all that changes.
func TestUniqueConditionalDefaults(t *testing.T) {
	s, err := schema.Compile(fstest.MapFS{"m.yang": {Data: []byte(`module m { yang-version 1.1; namespace "urn:m"; prefix m;
		leaf strict { type empty; }
		container top {
			list port { key id; unique "speed"; unique "more/lane";
				leaf id { type string; }
				leaf fast { type empty; }
				leaf speed { when "../fast or /m:strict"; type uint8; default 9; }
				container more { when "../fast"; leaf lane { type uint8; default 1; } leaf x { type uint8; } } } } }`)}},
		schema.Source{Name: "m", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	read := func(text string) *tree.Node {
		root, err := tree.DecodeJSON(strings.NewReader(text), s.Root, tree.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return root
	}
	base := read(`{"m:top": {"port": [{"id": "a"}, {"id": "b", "fast": [null], "more": {"lane": 4}}]}}`)
	for document, want := range map[string]string{
		`{"m:top": {"port": [{"id": "a"}, {"id": "b"}]}}`:                                                                                                            "",
		`{"m:top": {"port": [{"id": "a"}, {"id": "b", "fast": [null]}]}}`:                                                                                            "",
		`{"m:top": {"port": [{"id": "a", "fast": [null], "speed": 1}, {"id": "b", "fast": [null]}]}}`:                                                                "more/lane",
		`{"m:top": {"port": [{"id": "a", "fast": [null], "more": {"x": 1}}, {"id": "b", "fast": [null], "speed": 3}]}}`:                                              "more/lane",
		`{"m:top": {"port": [{"id": "a", "fast": [null]}, {"id": "b", "fast": [null], "more": {"lane": 4}}]}}`:                                                       "speed",
		`{"m:strict": [null], "m:top": {"port": [{"id": "a"}, {"id": "b", "fast": [null], "more": {"lane": 4}}]}}`:                                                   "speed",
		`{"m:strict": [null], "m:top": {"port": [{"id": "a", "speed": 8}, {"id": "b", "fast": [null], "more": {"lane": 4}}]}}`:                                       "",
		`{"m:top": {"port": [{"id": "a"}, {"id": "b", "fast": [null], "more": {"lane": 4}}, {"id": "c", "fast": [null], "speed": 8, "more": {"x": 1, "lane": 4}}]}}`: "more/lane",
	} {
		after := read(document)
		for how, before := range map[string]*tree.Node{"whole": nil, "as a change": base} {
			errs := tree.Errors(r.Check(tree.Diff(before, after)))
			switch {
			case want == "" && len(errs) > 0:
				t.Errorf("%s, %s: %v", document, how, errs)
			case want != "" && (len(errs) != 1 || errs[0].AppTag != "data-not-unique" || !strings.HasPrefix(errs[0].Message, want)):
				t.Errorf("%s, %s: %v, want %s not to be unique", document, how, errs, want)
			}
		}
	}
}
