package main

import (
	"bytes"
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The page has every row and test of the sources, and each has passed when it was last run.
func TestPageIsUpToDate(t *testing.T) {
	found, err := find(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := render(found, remembered(page, found))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, want) {
		t.Error("docs/conformance.md is stale: run go generate ./tests/conformance")
	}
	if left := notPassed(want); left != "" {
		t.Errorf("rows are not shown: run go test -json PACKAGE... | go run ./tests/conformance . /dev/stdin, with the packages of what is marked here:\n%s", left)
	}
}

//go:embed features.txt
var featureList string

// Every row of the feature list is there, once, and none besides. Each has a test of its name, or a reason why it has none, and tests are named
// after no other.
func TestRows(t *testing.T) {
	var want []string
	families := map[string]bool{}
	for line := range strings.Lines(featureList) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for id := range strings.FieldsSeq(line) {
			want = append(want, id)
			families[id[:len(id)-3]] = true
		}
	}
	found, err := find(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	all, err := sections()
	if err != nil {
		t.Fatal(err)
	}
	var is []string
	for _, s := range all {
		for _, r := range s.rows {
			is = append(is, r.id)
			if !found.shown(r.id) && r.why() == "" {
				t.Errorf("%s (%s) has no test of its name, and no reason why", r.id, r.title)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(is)
	if !slices.Equal(is, want) {
		t.Errorf("the rows are %v, want %v", is, want)
	}
	for _, tests := range []map[string][]test{found.works, found.imported} {
		for id, tests := range tests {
			if families[id[:len(id)-3]] && !slices.Contains(want, id) {
				t.Errorf("%v is about %s, which is no row", tests, id)
			}
		}
	}
}

// A row is proven by the name of a test or of a scenario, or by a heading in one, and by nothing else.
func TestFind(t *testing.T) {
	found, err := find(fstest.MapFS{
		"a/x_test.go": {Data: []byte("package a\n\n// TestLMA05_X is about LMA-06.\nfunc TestLMA05_LMA12_X() {}\n\nfunc TestLMA07_Import() {}\n\n" +
			"// LMA-08 is not about a test.\nfunc helper() {}\n")},
		"mobility/lma/testdata/LMA-09-x.txt": {Data: []byte("# DOM-08, DOM-07 (RFC 1): a part\n> recv id=LMA-10\n# text (LMA-13)\n")},
		"yang/testdata/features.txt":         {Data: []byte("# LMA-11\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := results{} // every test has passed
	for _, tests := range []map[string][]test{found.works, found.imported} {
		for _, tests := range tests {
			for _, t := range tests {
				ended[t] = passed
			}
		}
	}
	for id, want := range map[string]string{"LMA-05": "tested", "LMA-06": "open: later", "LMA-07": "open, but imported: later", "LMA-08": "open: later",
		"LMA-09": "tested", "DOM-08": "tested", "DOM-07": "tested", "LMA-10": "open: later", "LMA-11": "open: later", "LMA-12": "tested", "LMA-13": "open: later"} {
		if is, _ := found.state(row{id: id, otherwise: "later"}, ended); is != want {
			t.Errorf("%s is %q, want %q", id, is, want)
		}
	}
	if is, _ := found.state(row{id: "LMA-05", missing: "half of it"}, ended); is != "partly: half of it" {
		t.Errorf("a row of which something is missing is %q", is)
	}
	if is, _ := found.state(row{id: "LMA-05", differs: "for a reason"}, ended); is != "tested: otherwise than listed, for a reason" {
		t.Errorf("a row that is otherwise is %q", is)
	}
}

// A row whose test failed, was skipped or did not run is not shown, and the page says which test that was.
func TestResults(t *testing.T) {
	found, err := find(fstest.MapFS{
		"a/x_test.go":                      {Data: []byte("package a\n\nfunc TestLMA01_X() {}\nfunc TestLMA02_X() {}\nfunc TestLMA03_X() {}\nfunc TestLMA04_X() {}\n")},
		"mobility/lma/testdata/limits.txt": {Data: []byte("# LMA-05: a part\n# LMA-06: another\n# LMA-07: in two\n# LMA-07: parts\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := results{}
	if err := ended.read(strings.NewReader(`
		{"Action":"start","Package":"mooring/a"}
		{"Action":"pass","Package":"mooring/a","Test":"TestLMA01_X"}
		{"Action":"skip","Package":"mooring/a","Test":"TestLMA01_X"}
		{"Action":"skip","Package":"mooring/a","Test":"TestLMA02_X"}
		{"Action":"pass","Package":"mooring/a","Test":"TestLMA03_X"}
		{"Action":"fail","Package":"mooring/a","Test":"TestLMA03_X"}
		{"Action":"pass","Package":"mooring/a","Test":"TestLMA03_X"}
		{"Action":"pass","Package":"mooring/b","Test":"TestLMA04_X"}
		{"Action":"pass","Package":"mooring/mobility/lma","Test":"TestScenarios/limits/LMA-05"}
		{"Action":"fail","Package":"mooring/mobility/lma","Test":"TestScenarios/limits/LMA-06"}
		{"Action":"pass","Package":"mooring/mobility/lma","Test":"TestScenarios/limits/LMA-07"}
		{"Action":"fail","Package":"mooring/mobility/lma","Test":"TestScenarios/limits/LMA-07#01"}
		{"Action":"fail","Package":"mooring/a"}`)); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"LMA-01": "tested passed a TestLMA01_X", "LMA-02": "not shown skipped a TestLMA02_X (skipped)",
		"LMA-03": "not shown failed a TestLMA03_X (failed)", "LMA-04": "not shown not run a TestLMA04_X (not run)",
		"LMA-05": "tested passed mobility/lma limits", "LMA-06": "not shown failed mobility/lma limits (failed)",
		"LMA-07": "not shown failed mobility/lma limits (failed)"} {
		state, result := found.state(row{id: id}, ended)
		if is := strings.Join(append([]string{state, result}, ended.list(found.all(id))...), " "); is != want {
			t.Errorf("%s is %q, want %q", id, is, want)
		}
	}
}

// Results stay on the page until there are others. Those of all tests are to be what the page says, and each test is to have passed.
func TestResultsOfThePage(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"docs/conformance.md": "", "docs/bad-input.md": "", "a/x_test.go": "package a\n\nfunc TestLMA01_X() {}\n",
		"none": "", "passes": `{"Action":"pass","Package":"mooring/a","Test":"TestLMA01_X"}`, "fails": `{"Action":"fail","Package":"mooring/a","Test":"TestLMA01_X"}`} {
		name = filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	const good, bad, without = "| tested | a TestLMA01_X | passed |", "| not shown | a TestLMA01_X (failed) | failed |", "| not shown | a TestLMA01_X (not run) | not run |"
	for i, step := range []struct {
		all       bool
		results   []string
		page, err string // parts
	}{
		{false, nil, without, ""},
		{false, []string{"passes"}, good, ""},
		{false, nil, good, ""},
		{false, []string{"none"}, good, ""},
		{false, []string{"passes", "fails"}, bad, ""},
		{false, nil, bad, ""},
		{true, []string{"none", "passes"}, good, "did not say what has come of the tests"},
		{true, []string{"none", "passes"}, good, ""},
		{true, []string{"fails"}, bad, "rows are not shown"},
		{true, []string{"fails"}, bad, "rows are not shown"},
		{false, []string{"passes"}, good, ""},
		{true, []string{"none"}, without, "rows are not shown"},
		{true, []string{"none"}, without, "rows are not shown"},
	} {
		for i := range step.results {
			step.results[i] = filepath.Join(folder, step.results[i])
		}
		err := write(folder, step.all, step.results)
		if (err == nil) != (step.err == "") || err != nil && !strings.Contains(err.Error(), step.err) {
			t.Errorf("step %d: %v, want %q", i, err, step.err)
		}
		page, err := os.ReadFile(filepath.Join(folder, "docs/conformance.md"))
		if err != nil || !strings.Contains(string(page), step.page) {
			t.Errorf("after step %d the page does not have %q (%v)", i, step.page, err)
		}
	}
}

// The page of bad input is that of the register.
func TestBadInputPageIsUpToDate(t *testing.T) {
	want, err := renderBadInput()
	if err != nil {
		t.Fatal(err)
	}
	is, err := os.ReadFile("../../docs/bad-input.md")
	if err != nil || !bytes.Equal(is, want) {
		t.Errorf("docs/bad-input.md is stale (%v): run go generate ./tests/conformance", err)
	}
}

// Every row that works says what bad input there is, and has the tests that it names.
func TestBadInputIsTested(t *testing.T) {
	root := os.DirFS("../..")
	rows, err := sections()
	if err != nil {
		t.Fatal(err)
	}
	all, none, err := badInputs()
	if err != nil {
		t.Fatal(err)
	}
	found, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	sources := texts{root, map[[2]string][]byte{}}
	said, unknown := map[string]int{}, map[string]bool{}
	for _, b := range all {
		said[b.id]++
		unknown[b.id] = true
		for _, p := range b.proofs {
			if err := sources.verify(p); err != nil {
				t.Errorf("%s %s: %v", b.id, b.input, err)
			}
		}
	}
	for _, id := range none {
		if said[id] > 0 {
			t.Errorf("%s has bad input and has none", id)
		}
		said[id], unknown[id] = 1, true
	}
	for _, s := range rows {
		for _, r := range s.rows {
			delete(unknown, r.id)
			if found.shown(r.id) && said[r.id] == 0 && !silent[r.id[:len(r.id)-3]] {
				t.Errorf("%s works, and nothing is said of bad input", r.id)
			}
		}
	}
	for id := range unknown {
		t.Errorf("%s is no row", id)
	}
}

// silent are families of which the feature list does not say what is bad input: state and contradictions of the documents.
var silent = map[string]bool{"OPS": true, "INC": true}

// A proof counts while its test is there and has the text, in its file or in what it reads.
func TestProof(t *testing.T) {
	sources := texts{fstest.MapFS{
		"a/x_test.go":        {Data: []byte("package a\n\nfunc TestX() { read(\"testdata/x.txt\") }\n\nfunc helper() { _ = \"wrong\" }\n\nfunc TestZ() { _ = \"else\" }\n")},
		"a/testdata/x.txt":   {Data: []byte("bad\n")},
		"a/testdata/y.txt":   {Data: []byte("> recv worse\n")},
		"a/testdata/one.txt": {Data: []byte("nothing\n")},
	}, map[[2]string][]byte{}}
	for p, want := range map[proof]bool{
		{"a", "TestX", "bad"}: true, {"a", "TestX", "wrong"}: true, {"a", "TestX", "worse"}: false, {"a", "TestX", "else"}: false, {"a", "TestZ", "else"}: true, {"a", "TestY", "bad"}: false, {"b", "TestX", "bad"}: false,
		{"a", "helper", "wrong"}: false, {"a", "y", "recv worse"}: true, {"a", "y", "better"}: false,
	} {
		if err := sources.verify(p); (err == nil) != want {
			t.Errorf("%v: %v", p, err)
		}
	}
}
