package gen

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// downloading is what the go command says where a tool has never been run.
var downloading = regexp.MustCompile(`(?m)^go: downloading .*\n`)

// The go:generate lines, run again, write the file that is committed.
func TestStructsAreWhatTheModelSays(t *testing.T) {
	source, err := os.ReadFile("generate.go")
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "structs.go")
	for line := range strings.Lines(string(source)) {
		command, ok := strings.CutPrefix(line, "//go:generate ")
		if !ok {
			continue
		}
		words := strings.Fields(strings.ReplaceAll(command, "structs.go", fresh))
		out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput()
		if complaints := downloading.ReplaceAll(out, nil); err != nil || len(complaints) > 0 {
			t.Fatalf("%s: %v\n%s", command, err, complaints)
		}
	}
	got, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatalf("the go:generate lines do not write structs.go: %v", err)
	}
	want, err := os.ReadFile("structs.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("structs.go is older than the model: run go generate ./gen")
	}
}
