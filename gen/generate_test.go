package gen

import (
	"bytes"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The generator of the go:generate line, run again, writes the file that is committed.
func TestStructsAreWhatTheModelSays(t *testing.T) {
	source, err := os.ReadFile("generate.go")
	if err != nil {
		t.Fatal(err)
	}
	var command []string
	for line := range strings.Lines(string(source)) {
		if args, ok := strings.CutPrefix(line, "//go:generate go run "); ok {
			command = append([]string{"go", "run"}, strings.Fields(args)...)
		}
	}
	fresh := filepath.Join(t.TempDir(), "structs.go")
	for i, arg := range command {
		command[i] = strings.Replace(arg, "-output_file=structs.go", "-output_file="+fresh, 1)
	}
	if !strings.Contains(strings.Join(command, " "), fresh) {
		t.Fatalf("generate.go has no generator line that writes structs.go: %q", command)
	}
	if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = format.Source(got); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("structs.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("structs.go is older than the model: run go generate ./gen")
	}
}
