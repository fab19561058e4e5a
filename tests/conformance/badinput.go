package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed bad-input.txt
var register string

// badInput is something wrong that somebody may send or configure, and what comes of it.
type badInput struct {
	id, input, answer string
	proofs            []proof
	open              string // why there is no proof
}

// badInputs reads the register. "ROW INPUT -> ANSWER" begins an entry, and indented lines below it are "FOLDER TEST: TEXT" or "-- REASON"; "none: ROW..." names
// rows for which the feature list has no bad input.
func badInputs() (all []badInput, none []string, err error) {
	for lines := bufio.NewScanner(strings.NewReader(register)); lines.Scan(); {
		line := lines.Text()
		below := strings.TrimSpace(line)
		switch {
		case below == "", line[0] == '#':
		case below != line:
			if len(all) == 0 {
				return nil, nil, fmt.Errorf("%q belongs to nothing", below)
			}
			if err := all[len(all)-1].add(below); err != nil {
				return nil, nil, err
			}
		case strings.HasPrefix(line, "none: "):
			none = append(none, strings.Fields(line)[1:]...)
		default:
			id, rest, _ := strings.Cut(line, " ")
			input, answer, ok := strings.Cut(rest, " -> ")
			if !rowID.MatchString(id) || !ok {
				return nil, nil, fmt.Errorf("%q is no bad input", line)
			}
			all = append(all, badInput{id: id, input: input, answer: answer})
		}
	}
	for _, b := range all {
		if (len(b.proofs) > 0) == (b.open != "") {
			return nil, nil, fmt.Errorf("%s %s: it has a test or a reason why it has none", b.id, b.input)
		}
	}
	return all, none, nil
}

func (b *badInput) add(line string) error {
	if reason, ok := strings.CutPrefix(line, "-- "); ok {
		b.open = reason
		return nil
	}
	where, text, _ := strings.Cut(line, ": ")
	folder, test, _ := strings.Cut(where, " ")
	if test == "" || text == "" {
		return fmt.Errorf("%s %s: %q is no test", b.id, b.input, line)
	}
	b.proofs = append(b.proofs, proof{folder, test, text})
	return nil
}

// renderBadInput writes the page of the register.
func renderBadInput() ([]byte, error) {
	rows, err := sections()
	if err != nil {
		return nil, err
	}
	all, _, err := badInputs()
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	tested, open := 0, 0
	for _, s := range rows {
		heading := fmt.Sprintf("\n## %s\n\n| row | bad input | answer | tests |\n|---|---|---|---|\n", s.title)
		for _, r := range s.rows {
			for _, b := range all {
				if b.id != r.id {
					continue
				}
				body.WriteString(heading)
				heading = ""
				tests := "open: " + b.open
				if b.open == "" {
					tested++
					tests = b.tests()
				} else {
					open++
				}
				fmt.Fprintf(&body, "| %s | %s | %s | %s |\n", b.id, b.input, b.answer, tests)
			}
		}
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "# Bad input\n\n<!-- written by go generate ./tests/conformance: do not edit -->\n\n"+
		"What is wrong in a configuration, a text, a message or an answer of a server, what comes of it, and the tests that send it. A test fails when one of "+
		"these tests is gone, or does not have the input any more. Rows that do not work yet are in [conformance.md](conformance.md) alone.\n\n"+
		"*E-RANGE* is `invalid-value`; *E-REF* `data-missing` with the app-tag `instance-required`; *E-MISS* `data-missing`; *E-MUST* and *E-UNIQ* `operation-failed` with "+
		"`must-violation` and `data-not-unique`; *E-BUSY* `in-use` with `bindings-exist`; *E-PARSE* a refused line of an imported text. *W-REF* and *W-MIX* are warnings. "+
		"Numbers are the status of the acknowledgement that is sent.\n\n"+
		"%d inputs: %d tested, %d open.\n", tested+open, tested, open)
	page.Write(body.Bytes())
	return page.Bytes(), nil
}

func (b *badInput) tests() string {
	var names []string
	for _, p := range b.proofs {
		if name := p.folder + " " + p.test; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, "<br>")
}
