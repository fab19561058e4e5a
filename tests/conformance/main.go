// Command conformance writes docs/conformance.md: every row of the feature list, which tests prove it, and how they ended. Rows and what is known to be
// missing stand in rows.txt; the tests are found in the sources. It writes docs/bad-input.md as well: what bad-input.txt has of bad input.
//
//	go generate ./tests/conformance           # the pages of the sources, when every test passes
//	go run ./tests/conformance . RESULTS...   # of how tests ended, from what go test -json says; fails when the page was another one
package main

//go:generate go run . ../..

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"
)

//go:embed rows.txt
var list string

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: conformance FOLDER [RESULTS...]: the folder of the repository, and files with what go test -json has said")
	}
	if err := write(os.Args[1], os.Args[2:]); err != nil {
		log.Fatal("conformance: ", err)
	}
}

// write writes the pages into the repository in a folder. It fails when there are results and they make another page than there was.
func write(folder string, results []string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	ended, err := readResults(results)
	if err != nil {
		return err
	}
	page, err := render(root.FS(), ended)
	if err != nil {
		return err
	}
	bad, err := renderBadInput()
	if err != nil {
		return err
	}
	before, err := root.ReadFile("docs/conformance.md")
	if err != nil {
		return err
	}
	if err := errors.Join(root.WriteFile("docs/conformance.md", page, 0o644), root.WriteFile("docs/bad-input.md", bad, 0o644)); err != nil {
		return err
	}
	if ended != nil && !bytes.Equal(before, page) {
		return fmt.Errorf("docs/conformance.md did not say what has come of the tests; it does now:\n%s", added(before, page))
	}
	return nil
}

// added are the lines of a page that were not in it before.
func added(before, page []byte) string {
	var lines strings.Builder
	known := slices.Collect(bytes.Lines(before))
	for line := range bytes.Lines(page) {
		if !slices.ContainsFunc(known, func(l []byte) bool { return bytes.Equal(l, line) }) {
			lines.Write(line)
		}
	}
	return lines.String()
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

var rowID = regexp.MustCompile(`\b[A-Z]+-[0-9]{2}\b`)

// state says how far a row is proven, and how the tests ended that prove it.
func (p proofs) state(r row, ended results) (state, result string) {
	tests := p.all(r.id)
	if !p.shown(r.id) {
		why := r.missing
		if why == "" {
			why = r.otherwise
		}
		if len(tests) > 0 {
			return "open, but imported: " + why, ended.worst(tests)
		}
		return "open: " + why, ""
	}
	switch result = ended.worst(tests); {
	case result != passed:
		return "not shown", result
	case r.missing != "":
		return "partly: " + r.missing, result
	}
	return "tested", result
}

// render writes the page. Without results, it is that of tests that have all passed.
func render(files fs.FS, ended results) ([]byte, error) {
	all, err := sections()
	if err != nil {
		return nil, err
	}
	found, err := find(files)
	if err != nil {
		return nil, err
	}
	counts, total := map[string]int{}, 0
	var body bytes.Buffer
	for _, s := range all {
		fmt.Fprintf(&body, "\n## %s\n\n| row | what | state | tests | result |\n|---|---|---|---|---|\n", s.title)
		for _, r := range s.rows {
			state, result := found.state(r, ended)
			word, _, _ := strings.Cut(state, ":")
			counts[strings.TrimSuffix(word, ", but imported")]++
			total++
			fmt.Fprintf(&body, "| %s | %s | %s | %s | %s |\n", r.id, r.title, state, strings.Join(ended.list(found.all(r.id)), "<br>"), result)
		}
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "# Conformance\n\n<!-- written by go run ./tests/conformance: do not edit -->\n\n"+
		"The rows of the feature list, the tests that are named after them, then those that say that they show something of them, and their result: "+
		"functions by package and name, scenarios by package and file. The page in the repository has the results that `make check` asks for, which fails when a test does; "+
		"`go run ./tests/conformance . FILE` writes it from what `go test -json` has said. A row is *tested* when its tests have passed and nothing is known to be missing. "+
		"*Imported* means that the vendor's text is read, which is not that it works.\n\n"+
		"%d rows: %d tested, %d partly, %d open, %d not shown.\n", total, counts["tested"], counts["partly"], counts["open"], counts["not shown"])
	page.Write(body.Bytes())
	return page.Bytes(), nil
}
