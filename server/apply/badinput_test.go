package apply

import (
	"os"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree"
)

// places are where bad input stands: a document in which HERE are the members of an object.
var places = map[string]string{
	"pmipv6":  `{"mooring-pmipv6:pmipv6": {HERE}}`,
	"domain":  `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", HERE}]}}`,
	"lma":     `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", HERE}]}}`,
	"peer":    `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "mag": [{"id": "m", "domain": "d", "ipv4-address": "192.0.2.9", HERE}]}]}}`,
	"network": `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "network": [{"name": "n", "pool": {HERE}}]}]}}`,
	"loop":    vrfs + `"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", HERE}]}}`,
	"customer": vrfs + `"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d",
		"mobile-local-loop": {"customer": [{"name": "c", "vrf": "V", HERE}]}}]}}`,
	"mag": `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "mag": [{"name": "m", "domain": "d", HERE}]}}`,
	"aaa": `{"mooring-system:system": {"aaa": {HERE}}}`,
}

const vrfs = `{"ietf-network-instance:network-instances": {"network-instance": [{"name": "V"}, {"name": "W"}]}, `

// codes are the error contract of the project: what a manager is told, by tag and app-tag. A choice that is missing says so besides (RFC 7950 section 15.6).
var codes = map[string][]string{
	"E-RANGE": {"invalid-value"},
	"E-REF":   {"data-missing instance-required"},
	"E-MUST":  {"operation-failed must-violation"},
	"E-UNIQ":  {"operation-failed data-not-unique"},
	"E-MISS":  {"data-missing", "data-missing missing-choice"},
	"E-TWICE": {"bad-element"}, // of an entry of a list: the message is wrong before a datastore comes into it
}

// TestBadInput commits each entry of the columns "bad input" of the feature list: it is refused with the error of the contract, and no other. The rows are
// DOM-01, DOM-02, DOM-03, DOM-05, DOM-07, LMA-01 to LMA-07, LMA-10, LMA-11, LMA-15, LMA-17, LMA-19 to LMA-23, PEER-02 to PEER-04, LIC-01, MLL-02, MLL-03,
// MLL-05 to MLL-07, MLL-10, MLL-12, MLL-13, MLL-16, MLL-17, DSCP-01, AAA-01 and AAA-03.
func TestBadInput(t *testing.T) {
	text, err := os.ReadFile("testdata/bad-input.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, " | ")
		if len(fields) == 4 {
			fields = append(fields, "")
		}
		if len(fields) != 5 || places[fields[1]] == "" || codes[fields[3]] == nil {
			t.Fatalf("cannot read %q", line)
		}
		t.Run(fields[0]+" "+fields[2], func(t *testing.T) {
			document := strings.ReplaceAll(strings.Replace(places[fields[1]], "HERE", fields[2], 1), "LONG", strings.Repeat("x", 126))
			said := complaints(t, document)
			if len(said) == 0 {
				t.Errorf("it is accepted, want %s", fields[3])
			}
			if !slices.ContainsFunc(said, func(e *tree.Error) bool { return strings.Contains(e.Message, fields[4]) }) {
				t.Errorf("none of %v says %q", said, fields[4])
			}
			for _, e := range said {
				if !slices.Contains(codes[fields[3]], strings.TrimSpace(string(e.Tag)+" "+e.AppTag)) {
					t.Errorf("it is said %s %s %v, want %s", e.Tag, e.AppTag, e, fields[3])
				}
			}
		})
	}
}
