package yang_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	goyang "github.com/openconfig/goyang/pkg/yang"
)

// shorthand are the first words of paths in features.txt.
var shorthand = map[string]string{
	"P": "/mooring-pmipv6/pmipv6",
	"D": "/mooring-pmipv6/pmipv6/domain",
	"L": "/mooring-pmipv6/pmipv6/lma",
	"M": "/mooring-pmipv6/pmipv6/mag",
	"C": "/mooring-pmipv6/pmipv6/lma/mobile-local-loop/customer",
	"B": "/mooring-pmipv6/pmipv6/lma/bindings/binding",
	"U": "/mooring-pmipv6/pmipv6/mag/bindings/binding",
	"S": "/mooring-system/system",
}

// Every feature of the specification has its place in the schema from the start; what is built later only switches it on.
func TestEveryFeatureHasItsPlace(t *testing.T) {
	text, err := os.ReadFile("testdata/features.txt")
	if err != nil {
		t.Fatal(err)
	}
	modules := parsed(t)
	last := map[string]int{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, rest, ok := strings.Cut(line, ": ")
		family, number := "", 0
		if ok {
			_, err = fmt.Sscanf(strings.Replace(id, "-", " ", 1), "%s %d", &family, &number)
		}
		if !ok || err != nil {
			t.Fatalf("features.txt: cannot read %q", line)
		}
		if last[family]++; number != last[family] {
			t.Errorf("%s follows %s-%02d: a row is missing", id, family, last[family]-1)
			last[family] = number
		}
		if reason, none := strings.CutPrefix(rest, "- "); none {
			if reason == "" {
				t.Errorf("%s: say why it has no node", id)
			}
			continue
		}
		for path := range strings.FieldsSeq(rest) {
			if err := find(modules, expand(path)); err != nil {
				t.Errorf("%s: %s: %v", id, path, err)
			}
		}
	}
	for family, rows := range map[string]int{"DOM": 9, "LMA": 28, "PEER": 6, "LIC": 3, "MLL": 25, "DSCP": 7, "AAA": 4, "MP": 8, "ROAM": 7,
		"MMAP": 15, "ACL": 5, "TUN": 4, "NETP": 6, "HB": 5, "LMN": 4, "MAG": 7, "HYB": 10, "EXT": 41, "OPS": 20, "RAD": 11} {
		if last[family] != rows {
			t.Errorf("features.txt has %d rows of %s, the specification %d", last[family], family, rows)
		}
	}
}

func expand(path string) string {
	first, rest, deeper := strings.Cut(path, "/")
	if full, ok := shorthand[first]; ok {
		path = full
		if deeper {
			path += "/" + rest
		}
	}
	return path
}

// find says which part of path, /MODULE/NODE/NODE..., does not exist.
func find(modules *goyang.Modules, path string) error {
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	module := modules.Modules[names[0]]
	if module == nil {
		return fmt.Errorf("there is no module %s", names[0])
	}
	entry := goyang.ToEntry(module) // cached, unlike Modules.GetModule
	for _, name := range names[1:] {
		if entry = child(entry, name); entry == nil {
			return fmt.Errorf("there is no %s", name)
		}
	}
	return nil
}

// child returns the node of that name below e, looking through choices and cases.
func child(e *goyang.Entry, name string) *goyang.Entry {
	if found := e.Dir[name]; found != nil && !found.IsChoice() && !found.IsCase() {
		return found
	}
	for _, sub := range e.Dir {
		if sub.IsChoice() || sub.IsCase() {
			if found := child(sub, name); found != nil {
				return found
			}
		}
	}
	return nil
}
