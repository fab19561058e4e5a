// Command conformance writes docs/conformance.md: every row of the feature list, which tests prove it, and how they ended. Rows and what
// is known to be missing stand in rows.txt; the tests are found in the sources, and how they ended is read from what go test -json says.
// It writes docs/bad-input.md as well: what bad-input.txt has of bad input.
//
//	go generate ./tests/conformance                              # results as the page has them; "not run" for new tests
//	go test -json ./x | go run ./tests/conformance . /dev/stdin  # and of some tests how they have ended now
//	go run ./tests/conformance -all . RESULTS...                 # of all tests: fails where one did not pass, or the page was wrong
package main

//go:generate go run . ../..

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

//go:embed rows.txt
var list string

func main() {
	log.SetFlags(0)
	all := flag.Bool("all", false, "the results are of all tests; it is a failure when one has not passed, or the page had other results")
	flag.Parse()
	if flag.NArg() < 1 {
		log.Fatal("usage: conformance [-all] FOLDER [RESULTS...]: the folder of the repository, and files with what go test -json has said")
	}
	if err := write(flag.Arg(0), *all, flag.Args()[1:]); err != nil {
		log.Fatal("conformance: ", err)
	}
}

// write writes the pages into the repository in a folder. Tests without a result keep that of the page, unless the results are of all
// tests: then they are to be those of the page, and to show each row that has a test.
func write(folder string, all bool, names []string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	before, err := root.ReadFile("docs/conformance.md")
	if err != nil {
		return err
	}
	found, err := find(root.FS())
	if err != nil {
		return err
	}
	ended, err := readResults(names)
	if err != nil {
		return err
	}
	if !all {
		known := remembered(before, found)
		maps.Copy(known, ended)
		ended = known
	}
	page, err := render(found, ended)
	if err != nil {
		return err
	}
	bad, err := renderBadInput()
	if err != nil {
		return err
	}
	if err := errors.Join(root.WriteFile("docs/conformance.md", page, 0o644), root.WriteFile("docs/bad-input.md", bad, 0o644)); err != nil {
		return err
	}
	switch left := notPassed(page); {
	case left != "" && all:
		return fmt.Errorf("rows are not shown:\n%s", left)
	case left != "":
		log.Printf("rows are not shown before their tests have run; give me what go test -json says of them:\n%s", left)
	case all && !bytes.Equal(before, page):
		return fmt.Errorf("docs/conformance.md did not say what has come of the tests; it does now:\n%s", added(before, page))
	}
	return nil
}

// notPassed are the lines of rows of a page that have tests of which one has not passed.
func notPassed(page []byte) string {
	var lines strings.Builder
	for line := range bytes.Lines(page) {
		if _, _, result, is := cells(line); is && result != "" && result != passed {
			lines.Write(line)
		}
	}
	return lines.String()
}

// cells are parts of a line of a page, where it is that of a row.
func cells(line []byte) (id string, tests []string, result string, is bool) {
	cells := strings.Split(string(line), "|")
	if len(cells) != 7 || !rowID.MatchString(cells[1]) {
		return "", nil, "", false
	}
	return strings.TrimSpace(cells[1]), strings.Split(strings.TrimSpace(cells[4]), "<br>"), strings.TrimSpace(cells[5]), true
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
	differs   string // what is otherwise than the feature list has it, on purpose, and why
	otherwise string // why there is no proof, where there is none
}

type section struct {
	title string
	rows  []row
}

// sections reads the list. "# TITLE" begins a section, or "# TITLE: REASON" one whose rows without a test are open for that reason;
// "ID TITLE -- REASON" is a row of which something is missing, "ID TITLE != REASON" one that is otherwise on purpose.
func sections() (all []section, err error) {
	reason := ""
	for lines := bufio.NewScanner(strings.NewReader(list)); lines.Scan(); {
		if heading, ok := strings.CutPrefix(lines.Text(), "# "); ok {
			title, why, _ := strings.Cut(heading, ": ")
			all, reason = append(all, section{title: title}), why
			continue
		}
		id, rest, _ := strings.Cut(lines.Text(), " ")
		rest, missing, _ := strings.Cut(rest, " -- ")
		title, differs, _ := strings.Cut(rest, " != ")
		if len(all) == 0 || !rowID.MatchString(id) || title == "" {
			return nil, fmt.Errorf("%q is no row", lines.Text())
		}
		s := &all[len(all)-1]
		s.rows = append(s.rows, row{id, title, missing, differs, reason})
	}
	return all, nil
}

// why says why a row has no test, "" where nothing does.
func (r row) why() string {
	if r.missing != "" {
		return r.missing
	}
	return r.otherwise
}

var rowID = regexp.MustCompile(`\b[A-Z]+-[0-9]{2}\b`)

// state says how far a row is proven, and how the tests ended that prove it.
func (p proofs) state(r row, ended results) (state, result string) {
	tests := p.all(r.id)
	if !p.shown(r.id) {
		why := r.why()
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
	case r.differs != "":
		return "tested: otherwise than listed, " + r.differs, result
	}
	return "tested", result
}

// render writes the page.
func render(found proofs, ended results) ([]byte, error) {
	all, err := sections()
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
		"The rows of the feature list, the tests that are named after them, and their result: "+
		"functions by package and name, scenarios by package and file. Results are those of a run of the tests; `make check` runs them all, and fails when the page has others. "+
		"A row is *tested* when its tests have passed and nothing is known to be missing; what is otherwise than the list has it, on purpose, is said there. "+
		"*Imported* means that the vendor's text is read, which is not that it works.\n\n"+
		"%d rows: %d tested, %d partly, %d open, %d not shown.\n", total, counts["tested"], counts["partly"], counts["open"], counts["not shown"])
	page.Write(body.Bytes())
	return page.Bytes(), nil
}
