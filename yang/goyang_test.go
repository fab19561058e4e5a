package yang_test

import (
	"io/fs"
	"slices"
	"testing"

	goyang "github.com/openconfig/goyang/pkg/yang"

	"mooring/yang"
)

// parsed reads every module, submodules included, as goyang sees it: features, must and when are of no account to it. What an element has
// of the standard modules in the end is in mooring-deviations; until then another module takes out what that deviates.
func parsed(t *testing.T) *goyang.Modules {
	return parsedWithout(t, untilThen...)
}

// untilThen deviates from what mooring-deviations deviates from, too: an element has one or the other.
var untilThen = []string{"mooring-access-list-deviations", "mooring-network-instance-deviations"}

func parsedWithout(t *testing.T, names ...string) *goyang.Modules {
	t.Helper()
	modules := goyang.NewModules()
	files, err := fs.Glob(yang.FS, "*/*.yang")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if slices.Contains(names, moduleName(file)) {
			continue
		}
		text, err := fs.ReadFile(yang.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		if err := modules.Parse(string(text), file); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range modules.Process() {
		t.Error(err)
	}
	return modules
}

func TestGoyangAcceptsEveryModule(t *testing.T) {
	parsedWithout(t, "mooring-deviations")
	modules := parsed(t)
	for _, file := range sources(t) {
		if slices.Contains(untilThen, moduleName(file)) {
			continue
		}
		entry, errs := modules.GetModule(moduleName(file))
		for _, err := range errs {
			t.Error(err)
		}
		for _, err := range entry.GetErrors() {
			t.Error(err)
		}
	}
}
