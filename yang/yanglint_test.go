package yang_test

import (
	"io/fs"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	goyang "github.com/openconfig/goyang/pkg/yang"

	"mooring/yang"
)

// yanglint runs the reference implementation over files; complaints is all that it says, and empty when it is content.
func yanglint(t *testing.T, args ...string) (complaints string) {
	t.Helper()
	tool, err := exec.LookPath("yanglint")
	if err != nil {
		t.Fatal("yanglint is missing: install the Debian package libyang2-tools")
	}
	out, err := exec.CommandContext(t.Context(), tool, append([]string{"-p", "mooring", "-p", "ietf", "-p", "tailf"}, args...)...).CombinedOutput()
	if err != nil && len(out) == 0 {
		return err.Error()
	}
	return string(out)
}

// sources lists the files of all modules, submodules left out.
func sources(t *testing.T) (files []string) {
	t.Helper()
	all, err := fs.Glob(yang.FS, "*/*.yang")
	if err != nil || len(all) == 0 {
		t.Fatalf("no modules embedded: %v", err)
	}
	for _, file := range all {
		text, err := fs.ReadFile(yang.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "submodule ") {
			files = append(files, file)
		}
	}
	return files
}

// load returns the arguments that load files with only these features, by module, switched on.
func load(t *testing.T, features map[string][]string, files ...string) (args []string) {
	t.Helper()
	needed := map[string]bool{}
	for _, file := range files {
		dependencies(t, file, needed)
	}
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		args = append(args, "-F", name+":"+strings.Join(features[name], ","))
	}
	return append(args, files...)
}

// dependencies adds the modules that file imports, directly or not, and its own to seen.
func dependencies(t *testing.T, file string, seen map[string]bool) {
	t.Helper()
	top := statements(t, file)
	if top.Keyword == "module" {
		seen[top.Argument] = true
	}
	for _, s := range all(top, "import") {
		if !seen[s.Argument] {
			dependencies(t, fileOf(t, s.Argument), seen)
		}
	}
	for _, s := range all(top, "include") {
		dependencies(t, fileOf(t, s.Argument), seen)
	}
}

// fileOf returns the file that holds a module or submodule.
func fileOf(t *testing.T, name string) string {
	t.Helper()
	found, err := fs.Glob(yang.FS, "*/"+name+".yang")
	if err != nil || len(found) != 1 {
		t.Fatalf("module %s is in the files %q: %v", name, found, err)
	}
	return found[0]
}

func moduleName(file string) string { return strings.TrimSuffix(path.Base(file), ".yang") }

// supported returns the features of the manifest, by module.
func supported() map[string][]string {
	features := map[string][]string{}
	for _, m := range yang.Modules {
		features[m.Name] = m.Features
	}
	return features
}

func TestYanglintAcceptsEveryModule(t *testing.T) {
	for _, file := range sources(t) {
		for set, args := range map[string][]string{
			"every feature":      {file}, // what yanglint does when it is told nothing
			"no feature":         load(t, nil, file),
			"supported features": load(t, supported(), file),
		} {
			t.Run(moduleName(file)+"/"+set, func(t *testing.T) {
				if said := yanglint(t, args...); said != "" {
					t.Error(said)
				}
			})
		}
	}
}

// A feature needs no other than those that it names: nothing outside its nodes refers to them.
func TestYanglintAcceptsEachFeatureAlone(t *testing.T) {
	needs := map[string]string{}
	ours(t, func(s, _ *goyang.Statement) {
		if s.Keyword == "feature" {
			needs[s.Argument] = value(s, "if-feature")
		}
	})
	for _, module := range []string{"mooring-pmipv6", "mooring-system"} {
		for _, feature := range features(t)[module] {
			t.Run(feature, func(t *testing.T) {
				on := []string{feature}
				for i := 0; i < len(on); i++ {
					on = append(on, strings.Fields(strings.ReplaceAll(needs[on[i]], " and ", " "))...)
				}
				if said := yanglint(t, load(t, map[string][]string{module: on}, fileOf(t, module))...); said != "" {
					t.Error(said)
				}
			})
		}
	}
}

// The modules that the manifest implements form one schema.
func TestYanglintAcceptsTheManifest(t *testing.T) {
	if said := yanglint(t, load(t, supported(), implemented(t)...)...); said != "" {
		t.Error(said)
	}
}

// implemented lists the files of the modules that the manifest implements.
func implemented(t *testing.T) (files []string) {
	for _, m := range yang.Modules {
		if m.Implement {
			files = append(files, fileOf(t, m.Name))
		}
	}
	return files
}

func TestYanglintIsStrict(t *testing.T) {
	if yanglint(t, "testdata/broken.yang") == "" {
		t.Error("a module with an unknown type was accepted")
	}
}
