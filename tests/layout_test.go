// Package tests holds what is checked of the repository as a whole.
package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// neverImports are the edges that the architecture forbids. A pattern ending in /... covers everything below it; a rule
// does not hold among packages of its own room.
var neverImports = []struct{ from, to, because, among string }{
	{"mooring/mobility/...", "mooring/gen/...", "protocol code works on native types; generated structs stay at the edge", ""},
	{"mooring/mobility/...", "mooring/server/...", "the mobility core does not know how it is managed", ""},
	{"mooring/dataplane/...", "mooring/gen/...", "forwarding works on native types", ""},
	{"mooring/dataplane/...", "mooring/server/...", "forwarding does not know how it is managed", ""},
	{"mooring/dataplane/...", "mooring/mobility/...", "forwarding does not know why a session exists", ""},
	{"mooring/server/netconf/...", "mooring/server/gnmi/...", "the two protocols share the tree, the datastore and the state, not each other", ""},
	{"mooring/server/gnmi/...", "mooring/server/netconf/...", "the two protocols share the tree, the datastore and the state, not each other", ""},
	{"mooring/server/tree/...", "mooring/gen/...", "the tree takes its schema as data", ""},
	{"mooring/server/datastore/...", "mooring/gen/...", "the datastore takes its schema as data", ""},
	{"mooring/server/netconf/...", "mooring/gen/...", "protocols take the schema as data", ""},
	{"mooring/server/gnmi/...", "mooring/gen/...", "protocols take the schema as data", ""},
	{"mooring/server/state/...", "mooring/gen/...", "state rows are rendered by schema", ""},
	{"mooring/server/tree/...", "mooring/server/datastore/...", "the tree is below the datastore", ""},
	{"mooring/server/tree/...", "mooring/server/model/...", "the tree serves any YANG", ""},
	{"mooring/server/datastore/...", "mooring/server/model/...", "the datastore serves any YANG", ""},
	{"mooring/server/netconf/...", "mooring/server/model/...", "protocols take the schema as data", ""},
	{"mooring/server/gnmi/...", "mooring/server/model/...", "protocols take the schema as data", ""},
	{"mooring/cmd/mooring/watch/...", "mooring/server/...", "what watches an element knows it by gNMI alone", ""},
	{"mooring/cmd/mooring/watch/...", "mooring/mobility/...", "what watches an element knows it by gNMI alone", ""},
	{"mooring/server/tree/...", "mooring/mobility/...", "the tree serves any YANG", ""},
	{"mooring/server/datastore/...", "mooring/mobility/...", "the datastore serves any YANG", ""},
	{"mooring/mobility/wire/...", "mooring/...", "the codec needs nothing but the standard library", "mooring/mobility/wire/..."},
	{"mooring/...", "mooring/cmd/...", "nothing imports a command", "mooring/cmd/..."},
}

// purePackages take time and messages as arguments and return what is to be done.
var purePackages = []string{
	"mooring/mobility", "mooring/mobility/wire", "mooring/mobility/lma", "mooring/mobility/mag", "mooring/mobility/pool", "mooring/mobility/trie", "mooring/mobility/aaa",
	"mooring/mobility/heartbeat", "mooring/mobility/revocation",
	"mooring/mobility/attach/frame", "mooring/mobility/attach/homelink", "mooring/dataplane", "mooring/server/apply", "mooring/server/ios", "mooring/server/wording",
}

const whyPure = "this package is part of the functional core: clocks, goroutines, files, sockets and logs belong to the shell"

// impureImports may not be imported by a pure package; impureCalls may not be named in it.
var (
	impureImports = []string{"os", "os/exec", "net", "log", "log/slog", "syscall", "golang.org/x/sys/unix"}
	impureCalls   = []string{"time.Now", "time.After", "time.AfterFunc", "time.Sleep", "time.NewTimer", "time.NewTicker", "time.Tick", "time.Since", "time.Until"}
)

type goPackage struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
}

func TestImportRules(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, imported := range p.Imports {
			if why := forbidden(p.ImportPath, imported); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

// TestImportRulesBite keeps the rules from becoming checks that cannot fail.
func TestImportRulesBite(t *testing.T) {
	for _, edge := range [][2]string{
		{"mooring/mobility/lma", "mooring/gen"},
		{"mooring/mobility", "mooring/server/tree"},
		{"mooring/dataplane/netlink", "mooring/mobility"},
		{"mooring/mobility/wire", "mooring/dataplane"},
		{"mooring/server/gnmi", "mooring/server/netconf"},
		{"mooring/dataplane/netns", "mooring/cmd/mooring"},
	} {
		if forbidden(edge[0], edge[1]) == "" {
			t.Errorf("%s may import %s, and should not", edge[0], edge[1])
		}
	}
	if why := forbidden("mooring/mobility/lma", "mooring/mobility/wire"); why != "" {
		t.Errorf("lma may not import wire: %s", why)
	}
}

func TestPurePackages(t *testing.T) {
	for _, p := range listPackages(t) {
		if !slices.Contains(purePackages, p.ImportPath) {
			continue
		}
		for _, name := range p.GoFiles {
			for _, fault := range impurities(t, filepath.Join(p.Dir, name), nil) {
				t.Errorf("%s: %s: %s", p.ImportPath, fault, whyPure)
			}
		}
	}
}

func TestPurityRulesBite(t *testing.T) {
	const impure = `package p
import ("os"; clock "time")
func f() { go f(); _ = clock.Now(); os.Exit(0) }`
	if got := impurities(t, "impure.go", impure); len(got) != 3 {
		t.Errorf("found %q, want the import of os, the goroutine and the clock", got)
	}
}

func forbidden(from, to string) string {
	for _, rule := range neverImports {
		if covers(rule.from, from) && covers(rule.to, to) && !(covers(rule.among, from) && covers(rule.among, to)) {
			return rule.because
		}
	}
	return ""
}

func covers(pattern, path string) bool {
	stem, below := strings.CutSuffix(pattern, "/...")
	return path == stem || below && strings.HasPrefix(path, stem+"/")
}

func impurities(t *testing.T, name string, src any) (faults []string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{} // local name of an import -> path
	for _, imp := range f.Imports {
		path, _ := strconv.Unquote(imp.Path.Value)
		local := path[strings.LastIndexByte(path, '/')+1:]
		if imp.Name != nil {
			local = imp.Name.Name
		}
		names[local] = path
		if slices.Contains(impureImports, path) {
			faults = append(faults, fmt.Sprintf("%s imports %s", fset.Position(imp.Pos()), path))
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			faults = append(faults, fmt.Sprintf("%s starts a goroutine", fset.Position(n.Pos())))
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(impureCalls, names[x.Name]+"."+n.Sel.Name) {
				faults = append(faults, fmt.Sprintf("%s uses %s.%s", fset.Position(n.Pos()), names[x.Name], n.Sel.Name))
			}
		}
		return true
	})
	return faults
}

func listPackages(t *testing.T) (packages []goPackage) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "mooring/...")
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 3 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	return packages
}
