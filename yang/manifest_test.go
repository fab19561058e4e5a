package yang_test

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	goyang "github.com/openconfig/goyang/pkg/yang"

	"mooring/yang"
)

// statements parses one file into its single module or submodule statement.
func statements(t *testing.T, file string) *goyang.Statement {
	t.Helper()
	text, err := fs.ReadFile(yang.FS, file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := goyang.Parse(string(text), file)
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed) != 1 {
		t.Fatalf("%s: holds %d statements, want one module or submodule", file, len(parsed))
	}
	return parsed[0]
}

// all returns the substatements of s with that keyword.
func all(s *goyang.Statement, keyword string) (found []*goyang.Statement) {
	for _, sub := range s.SubStatements() {
		if sub.Keyword == keyword {
			found = append(found, sub)
		}
	}
	return found
}

// value returns the argument of the first substatement of s with that keyword, "" when there is none.
func value(s *goyang.Statement, keyword string) string {
	if found := all(s, keyword); len(found) > 0 {
		return found[0].Argument
	}
	return ""
}

// features returns the features that each module and its submodules define.
func features(t *testing.T) map[string][]string {
	t.Helper()
	files, err := fs.Glob(yang.FS, "*/*.yang")
	if err != nil {
		t.Fatal(err)
	}
	defined := map[string][]string{}
	for _, file := range files {
		top := statements(t, file)
		module := top.Argument
		if top.Keyword == "submodule" {
			module = value(top, "belongs-to")
		}
		for _, f := range all(top, "feature") {
			defined[module] = append(defined[module], f.Argument)
		}
	}
	return defined
}

func TestManifestNamesEveryModule(t *testing.T) {
	named := map[string]yang.Module{}
	for _, m := range yang.Modules {
		named[m.Name] = m
	}
	if !slices.IsSortedFunc(yang.Modules, func(a, b yang.Module) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the manifest is not sorted by name")
	}
	defined := features(t)
	for _, file := range sources(t) {
		top := statements(t, file)
		m, ok := named[top.Argument]
		if !ok {
			t.Errorf("%s is not in the manifest", file)
			continue
		}
		delete(named, top.Argument)
		if newest := value(top, "revision"); m.Revision != newest {
			t.Errorf("%s: the manifest has revision %q, the file %q", m.Name, m.Revision, newest)
		}
		for _, f := range m.Features {
			if !slices.Contains(defined[m.Name], f) {
				t.Errorf("%s has no feature %s", m.Name, f)
			}
		}
	}
	for name := range maps.Keys(named) {
		t.Errorf("there is no module %s", name)
	}
}

func TestPrefixesAndNamespacesAreUnique(t *testing.T) {
	owner := map[string]string{}
	for _, file := range sources(t) {
		top := statements(t, file)
		for _, keyword := range []string{"prefix", "namespace"} {
			v := value(top, keyword)
			if v == "" {
				t.Errorf("%s has no %s", file, keyword)
			}
			if other := owner[v]; other != "" {
				t.Errorf("%s %s is of %s and of %s", keyword, v, other, file)
			}
			owner[v] = file
		}
	}
}
