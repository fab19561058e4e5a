package main

import (
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

// results is how each test ended, by package and name. Nil are those of tests that have all passed.
type results map[test]string

// subtestNumber is what go test puts behind the names of subtests that are alike.
var subtestNumber = regexp.MustCompile(`#[0-9]+`)

// readResults reads what go test -json has said. A test that was run several times has failed when it has once, and passed when it was not always
// skipped.
func readResults(names []string) (results, error) {
	if len(names) == 0 {
		return nil, nil
	}
	ended := results{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		err = errors.Join(ended.read(f), f.Close())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return ended, nil
}

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
	switch how, ran := r[t]; {
	case r == nil:
		return passed
	case !ran:
		return notRun
	default:
		return how
	}
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

// list names tests, and how they ended where they have not passed.
func (r results) list(tests []test) (names []string) {
	for _, t := range tests {
		name := t.String()
		if how := r.of(t); how != passed {
			name += " (" + how + ")"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
