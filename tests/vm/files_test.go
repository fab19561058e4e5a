package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mooring/dataplane/vm"
)

// What a package wants is what its list says: files of the host, and commands of ours, which are built for the machine. What is not there is an
// error that names the list.
func TestFilesThatTestsWant(t *testing.T) {
	source, builds := t.TempDir(), t.TempDir()
	m := vm.Machine{Files: map[string]string{}}
	if err := bring(t.Context(), &m, source, builds); err != nil || len(m.Files) != 0 {
		t.Errorf("without a list: %v, %v", m.Files, err)
	}
	if err := os.Mkdir(filepath.Join(source, "testdata"), 0o755); err != nil {
		t.Fatal(err)
	}
	says := func(text string) {
		if err := os.WriteFile(filepath.Join(source, list), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	says("/etc/passwd\nmooring/tests/vm/guest\n")
	if err := bring(t.Context(), &m, source, builds); err != nil {
		t.Fatal(err)
	}
	if m.Files["etc/passwd"] != "/etc/passwd" || len(m.Files) != 2 {
		t.Errorf("the machine has %v", m.Files)
	}
	if _, err := os.Stat(m.Files["bin/guest"]); err != nil {
		t.Error(err)
	}
	for _, absent := range []string{"/nowhere/daemon", "mooring/nowhere"} {
		says("/etc/passwd\n" + absent + "\n")
		if err := bring(t.Context(), &m, source, builds); err == nil || !strings.Contains(err.Error(), list) || !strings.Contains(err.Error(), absent) {
			t.Errorf("of %s, which is not there: %v", absent, err)
		}
	}
}
