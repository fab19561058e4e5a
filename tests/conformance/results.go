package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// How tests end, from the best to the worst.
const (
	passed  = "passed"
	skipped = "skipped"
	notRun  = "not run"
	failed  = "failed"
)

// results is how each test ended, by package and name.
type results map[test]string

// subtestNumber is what go test puts behind the names of subtests that are alike.
var subtestNumber = regexp.MustCompile(`#[0-9]+`)

// remembered are the results that a page has of tests that are still there.
func remembered(page []byte, found proofs) results {
	r := results{}
	for line := range bytes.Lines(page) {
		id, names, _, is := cells(line)
		if !is {
			continue
		}
		for _, t := range found.all(id) {
			for _, how := range []string{passed, skipped, failed} {
				if slices.Contains(names, t.as(how)) {
					r[t] = how
				}
			}
		}
	}
	return r
}

// readResults reads files with what go test -json has said.
func readResults(names []string) (results, error) {
	r := results{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(r.read(f), f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return r, nil
}

// read reads what go test -json says. A test that was run several times has failed when it has once, and passed when it was not always skipped.
func (r results) read(from io.Reader) error {
	for events := json.NewDecoder(from); ; {
		var event struct{ Action, Package, Test string }
		switch err := events.Decode(&event); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		how := map[string]string{"pass": passed, "skip": skipped, "fail": failed}[event.Action]
		if how == "" || event.Test == "" {
			continue
		}
		t := test{strings.TrimPrefix(event.Package, "mooring/"), subtestNumber.ReplaceAllString(event.Test, "")}
		if was := r[t]; was == "" || was == skipped || how == failed {
			r[t] = how
		}
	}
}

func (r results) of(t test) string {
	if how, ran := r[t]; ran {
		return how
	}
	return notRun
}

// worst says how the one of some tests ended that ended worst.
func (r results) worst(tests []test) string {
	order := []string{passed, skipped, notRun, failed}
	worst := 0
	for _, t := range tests {
		worst = max(worst, slices.Index(order, r.of(t)))
	}
	return order[worst]
}

// as names a test, and how it ended where it has not passed.
func (t test) as(how string) string {
	if how == passed {
		return t.String()
	}
	return t.String() + " (" + how + ")"
}

// list names tests, and how they ended where they have not passed.
func (r results) list(tests []test) (names []string) {
	for _, t := range tests {
		name := t.as(r.of(t))
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
