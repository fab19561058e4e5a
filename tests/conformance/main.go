// Command conformance writes docs/conformance.md: every row of the feature list, and which tests prove it. Rows and what is known to be missing stand in
// rows.txt; the tests are found in the sources by their names and comments. It writes docs/bad-input.md as well: what bad-input.txt has of bad input.
//
//	go generate ./tests/conformance
package main

//go:generate go run . ../..

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed rows.txt
var list string

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: conformance FOLDER, that of the repository")
	}
	root, err := os.OpenRoot(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	page, err := render(root.FS())
	if err != nil {
		log.Fatal(err)
	}
	bad, err := renderBadInput()
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range map[string][]byte{"docs/conformance.md": page, "docs/bad-input.md": bad} {
		if err := root.WriteFile(name, text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// row is a line of the feature list.
type row struct {
	id, title string
	missing   string // what is known not to work; empty: nothing
	otherwise string // why there is no proof, where there is none
}

type section struct {
	title string
	rows  []row
}

// sections reads the list. "# TITLE: REASON" begins a section, whose rows without a test are open for that reason; "ID TITLE -- REASON" is a row of
// which something is missing.
func sections() (all []section, err error) {
	reason := ""
	for lines := bufio.NewScanner(strings.NewReader(list)); lines.Scan(); {
		if heading, ok := strings.CutPrefix(lines.Text(), "# "); ok {
			title, why, ok := strings.Cut(heading, ": ")
			if !ok {
				return nil, fmt.Errorf("section %q gives no reason", heading)
			}
			all, reason = append(all, section{title: title}), why
			continue
		}
		id, rest, _ := strings.Cut(lines.Text(), " ")
		title, missing, _ := strings.Cut(rest, " -- ")
		if len(all) == 0 || !rowID.MatchString(id) || title == "" {
			return nil, fmt.Errorf("%q is no row", lines.Text())
		}
		s := &all[len(all)-1]
		s.rows = append(s.rows, row{id, title, missing, reason})
	}
	return all, nil
}

var (
	rowID    = regexp.MustCompile(`\b[A-Z]+-[0-9]{2}\b`)
	testName = regexp.MustCompile(`^Test([A-Z]+)([0-9]{2})(?:[_A-Z]|$)`)
	fileName = regexp.MustCompile(`^([A-Z]+)-?([0-9]{2})\b`)
)

// proofs are tests by the row that they are about.
type proofs struct {
	works    map[string][]string
	imported map[string][]string // that show only how the text of a vendor is read
}

// find looks through the tests below a folder: at names such as TestLMA05_X and at rows in the comments of tests, and at scenarios named
// LMA-05-x.txt, or with rows in their comments.
func find(files fs.FS) (p proofs, err error) {
	p = proofs{map[string][]string{}, map[string][]string{}}
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

func (p *proofs) add(id, proof string) {
	into := p.works
	if strings.Contains(proof, "_Import") {
		into = p.imported
	}
	if !slices.Contains(into[id], proof) {
		into[id] = append(into[id], proof)
	}
}

func (p *proofs) inTests(files fs.FS, name string) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		proof := path.Dir(name) + " " + f.Name.Name
		if m := testName.FindStringSubmatch(f.Name.Name); m != nil {
			p.add(m[1]+"-"+m[2], proof)
		}
		for _, id := range rowID.FindAllString(f.Doc.Text(), -1) {
			p.add(id, proof)
		}
	}
	return nil
}

func (p *proofs) inScenario(files fs.FS, name string) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	proof := path.Dir(path.Dir(name)) + " " + strings.TrimSuffix(path.Base(name), ".txt")
	if m := fileName.FindStringSubmatch(path.Base(name)); m != nil {
		p.add(m[1]+"-"+m[2], proof)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			for _, id := range rowID.FindAllString(line, -1) {
				p.add(id, proof)
			}
		}
	}
	return nil
}

// status says how far a row is proven.
func (p proofs) status(r row) string {
	switch {
	case len(p.works[r.id]) > 0 && r.missing != "":
		return "partly: " + r.missing
	case len(p.works[r.id]) > 0:
		return "tested"
	}
	why := r.missing
	if why == "" {
		why = r.otherwise
	}
	if len(p.imported[r.id]) > 0 {
		return "open, but imported: " + why
	}
	return "open: " + why
}

// render writes the page.
func render(files fs.FS) ([]byte, error) {
	all, err := sections()
	if err != nil {
		return nil, err
	}
	found, err := find(files)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	var body bytes.Buffer
	for _, s := range all {
		fmt.Fprintf(&body, "\n## %s\n\n| row | what | state | tests |\n|---|---|---|---|\n", s.title)
		for _, r := range s.rows {
			status := found.status(r)
			word, _, _ := strings.Cut(status, ":")
			counts[strings.TrimSuffix(word, ", but imported")]++
			tests := append(slices.Sorted(slices.Values(found.works[r.id])), slices.Sorted(slices.Values(found.imported[r.id]))...)
			fmt.Fprintf(&body, "| %s | %s | %s | %s |\n", r.id, r.title, status, strings.Join(tests, "<br>"))
		}
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "# Conformance\n\n<!-- written by go generate ./tests/conformance: do not edit -->\n\n"+
		"The rows of the feature list, and the tests that name them: functions by package and name, scenarios by package and file. "+
		"A row is *tested* when a test names it and nothing is known to be missing; that the tests pass is what `make check` says. "+
		"*Imported* means that the vendor's text is read, which is not that it works.\n\n"+
		"%d rows: %d tested, %d partly, %d open.\n", counts["tested"]+counts["partly"]+counts["open"], counts["tested"], counts["partly"], counts["open"])
	page.Write(body.Bytes())
	return page.Bytes(), nil
}
