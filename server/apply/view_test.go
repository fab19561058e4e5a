package apply

import (
	"strings"
	"testing"
	"testing/fstest"

	"mooring/server/tree/schema"
)

// TestViewsOfConditionalDefaults are refused before anything is translated with a value that does not exist (RFC 7950 section 7.21.5).
func TestViewsOfConditionalDefaults(t *testing.T) {
	s, err := schema.Compile(fstest.MapFS{"m.yang": {Data: []byte(`module m { yang-version 1.1; namespace "urn:m"; prefix m;
		container plain { leaf kind { type string; default a; } leaf note { when "../kind = 'b'"; type string; } }
		container fancy { leaf kind { type string; default a; } leaf speed { when "../kind = 'b'"; type string; default fast; } } }`)}},
		schema.Source{Name: "m", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	type plain struct {
		Kind *string `path:"kind" module:"m"`
		Note *string `path:"note" module:"m"`
	}
	type fancy struct {
		Kind  *string `path:"kind" module:"m"`
		Speed *string `path:"speed" module:"m"`
	}
	if _, err := viewOf[plain](s.Find("/m:plain")); err != nil {
		t.Error(err)
	}
	if _, err := viewOf[fancy](s.Find("/m:fancy")); err == nil || !strings.Contains(err.Error(), "speed") {
		t.Errorf("a default on a condition: %v", err)
	}
}
