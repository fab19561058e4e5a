package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"mooring/mobility/scenario"
)

// test is a test function of a folder, or a part of one: its name is that by which go test calls it.
type test struct{ folder, name string }

// scenarios is the function that plays those of a folder; each is a part of it, and each row that a heading in it names is a part of that.
const scenarios = "TestScenarios/"

// String names a scenario by its file.
func (t test) String() string {
	name, is := strings.CutPrefix(t.name, scenarios)
	if is {
		name, _, _ = strings.Cut(name, "/")
	}
	return t.folder + " " + name
}

// proofs are tests by the row that they are named after.
type proofs struct {
	works    map[string][]test
	imported map[string][]test // that show only how the text of a vendor is read
}

var (
	functionRows = regexp.MustCompile(`([A-Z]+)([0-9]{2})(?:_|[A-Z][a-z]|$)`)
	functionName = regexp.MustCompile(`^Test(?:[A-Z]+[0-9]{2}(?:_|[A-Z][a-z]|$))+`)
	fileName     = regexp.MustCompile(`^([A-Z]+)-?([0-9]{2})\b`)
)

// find looks through the tests below a folder: at functions such as TestLMA05_X or TestLMA05_LMA07_X, and at scenarios named LMA-05-x.txt, or
// with headings of rows.
func find(files fs.FS) (p proofs, err error) {
	p = proofs{map[string][]test{}, map[string][]test{}}
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."), name == "tests/conformance":
			return fs.SkipDir
		case strings.HasSuffix(name, "_test.go"):
			return p.inTests(files, name)
		case strings.HasPrefix(name, "mobility/") && path.Base(path.Dir(name)) == "testdata" && strings.HasSuffix(name, ".txt"):
			return p.inScenario(files, name)
		}
		return nil
	})
	return p, err
}

// all returns the tests of a row: first those that show that it works.
func (p proofs) all(id string) (tests []test) {
	for _, some := range []map[string][]test{p.works, p.imported} {
		tests = append(tests, slices.SortedFunc(slices.Values(some[id]), func(a, b test) int { return strings.Compare(a.String(), b.String()) })...)
	}
	return tests
}

// shown tells whether a test shows that a row works, and not only how it is read.
func (p proofs) shown(id string) bool { return len(p.works[id]) > 0 }

func add(into map[string][]test, id string, t test) {
	if !slices.Contains(into[id], t) {
		into[id] = append(into[id], t)
	}
}

func (p *proofs) inTests(files fs.FS, name string) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		t := test{path.Dir(name), f.Name.Name}
		named := p.works
		if strings.Contains(t.name, "_Import") {
			named = p.imported
		}
		for _, m := range functionRows.FindAllStringSubmatch(strings.TrimPrefix(functionName.FindString(t.name), "Test"), -1) {
			add(named, m[1]+"-"+m[2], t)
		}
	}
	return nil
}

func (p *proofs) inScenario(files fs.FS, name string) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	file := test{path.Dir(path.Dir(name)), scenarios + strings.TrimSuffix(path.Base(name), ".txt")}
	if m := fileName.FindStringSubmatch(path.Base(name)); m != nil {
		add(p.works, m[1]+"-"+m[2], file)
	}
	for line := range strings.Lines(string(text)) {
		for _, id := range scenario.Rows(line) {
			add(p.works, id, test{file.folder, file.name + "/" + id})
		}
	}
	return nil
}
