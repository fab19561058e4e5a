package yang_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	goyang "github.com/openconfig/goyang/pkg/yang"
)

var rfc = flag.String("rfc", "", "folder with the standard modules as the RFCs print them: their structure is written to testdata/structure")

// Our texts of the standard modules say what the RFCs say, but for the prose.
func TestStandardModulesHaveTheStructureOfTheirRFC(t *testing.T) {
	for _, file := range sources(t) {
		if filepath.Dir(file) != "ietf" {
			continue
		}
		name := moduleName(file)
		golden := filepath.Join("testdata", "structure", name+".txt")
		if *rfc != "" {
			text, err := os.ReadFile(filepath.Join(*rfc, name+".yang"))
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := goyang.Parse(string(text), name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(golden, []byte(structure(parsed[0])), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := lines(structure(statements(t, file))), lines(string(want))
		for _, line := range ours {
			if !slices.Contains(theirs, line) {
				t.Errorf("%s has more than the RFC: %s", name, line)
			}
		}
		for _, line := range theirs {
			if !slices.Contains(ours, line) {
				t.Errorf("%s lacks what the RFC has: %s", name, line)
			}
		}
		if len(ours) != len(theirs) {
			t.Errorf("%s has %d lines of structure, the RFC %d", name, len(ours), len(theirs))
		}
	}
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }

// prose is what may differ between two texts of one module. Of the revisions, only the newest one counts.
var prose = []string{"description", "reference", "organization", "contact", "revision"}

// named are the statements that get a line of their own, under the path of names that leads to them.
var named = []string{"module", "import", "typedef", "grouping", "feature", "identity", "extension", "augment", "rpc", "notification",
	"container", "list", "leaf", "leaf-list", "choice", "case", "anyxml", "anydata", "uses", "enum", "bit", "input", "output"}

// structure lists everything in a module that is not prose: one line for each named statement, with its path and, in
// order of the alphabet, the statements that qualify it.
func structure(top *goyang.Statement) string {
	var out []string
	var walk func(s *goyang.Statement, path string)
	walk = func(s *goyang.Statement, path string) {
		path += "/" + strings.TrimSpace(s.Keyword+" "+s.Argument)
		var facts []string
		var inspect func(parent *goyang.Statement, prefix string)
		inspect = func(parent *goyang.Statement, prefix string) {
			for _, sub := range parent.SubStatements() {
				switch {
				case slices.Contains(prose, sub.Keyword):
				case slices.Contains(named, sub.Keyword):
					walk(sub, path)
				case sub.Keyword == "presence": // its argument is prose
					facts = append(facts, prefix+"presence")
				default:
					fact := prefix + strings.TrimSpace(sub.Keyword+" "+words(sub.Argument))
					facts = append(facts, fact)
					inspect(sub, fact+" > ")
				}
			}
		}
		inspect(s, "")
		if s == top {
			facts = append(facts, "revision "+value(s, "revision"))
		}
		slices.Sort(facts)
		out = append(out, words(path)+": "+strings.Join(facts, "; "))
	}
	walk(top, "")
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}

// words returns text with single spaces: line breaks within an XPath expression mean nothing.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }
