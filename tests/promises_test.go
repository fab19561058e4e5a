package tests

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests that the pages on NETCONF and gNMI name for their promises exist where they say.
func TestPromisesNameTests(t *testing.T) {
	known := map[string]map[string]bool{}
	for _, page := range []string{"netconf", "gnmi"} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile("../docs/" + page + ".md")
			if err != nil {
				t.Fatal(err)
			}
			_, table, found := strings.Cut(string(text), "\n## How it is shown\n")
			if !found {
				t.Fatal("the page has no table of tests")
			}
			if rows := checkPromises(t, table, known); rows < 30 {
				t.Errorf("only %d rows were read", rows)
			}
		})
	}
}

// checkPromises looks at each row of a table and tells how many there are. known are the tests of folders.
func checkPromises(t *testing.T, table string, known map[string]map[string]bool) (rows int) {
	t.Helper()
	folder, function := regexp.MustCompile("`([a-z/-]+)`"), regexp.MustCompile(`\b(?:Test|Fuzz)\w+`)
	for line := range strings.Lines(table) {
		columns := strings.Split(line, "|")
		if len(columns) < 4 || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| promise ") {
			continue
		}
		rows++
		for part := range strings.SplitSeq(columns[2], ";") {
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
	return rows
}

// Every statement of the checklist of gNMI has a test that bears its number.
func TestEveryStatementOfGNMIHasATest(t *testing.T) {
	const statements = 80
	tested := map[string]bool{}
	number := regexp.MustCompile(`GNMI(\d\d)`)
	for name := range testsIn(t, "../server/gnmi") {
		for _, found := range number.FindAllStringSubmatch(name, -1) {
			tested[found[1]] = true
		}
	}
	for n := range statements {
		if !tested[fmt.Sprintf("%02d", n+1)] {
			t.Errorf("no test is named by statement %d", n+1)
		}
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
