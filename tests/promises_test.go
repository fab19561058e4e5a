package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests that the page on NETCONF names for its promises exist where it says.
func TestPromisesNameTests(t *testing.T) {
	text, err := os.ReadFile("../docs/netconf.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n## How it is shown\n")
	if !found {
		t.Fatal("the page has no table of tests")
	}
	folder, function := regexp.MustCompile("`([a-z/-]+)`"), regexp.MustCompile(`\b(?:Test|Fuzz)\w+`)
	known := map[string]map[string]bool{}
	rows := 0
	for line := range strings.Lines(table) {
		_, tests, ok := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		if !ok || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| promise ") {
			continue
		}
		rows++
		for part := range strings.SplitSeq(tests, ";") {
			in, names := folder.FindStringSubmatch(part), function.FindAllString(part, -1)
			if in == nil || names == nil {
				t.Errorf("no folder or no test in %q", part)
				continue
			}
			if known[in[1]] == nil {
				known[in[1]] = testsIn(t, filepath.Join("..", in[1]))
			}
			for _, name := range names {
				if !known[in[1]][name] {
					t.Errorf("%s has no %s", in[1], name)
				}
			}
		}
	}
	if rows < 30 {
		t.Errorf("only %d rows were read", rows)
	}
}

// testsIn returns the functions of the test files in a folder.
func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
