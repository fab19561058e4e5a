package fastpath

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The committed bytecode is what the go:generate lines make of the committed source, octet by octet. That takes the compiler which made it.
func TestBytecodeIsOfThisSource(t *testing.T) {
	source, err := os.ReadFile("tunnel.bpf.c")
	must(t, err)
	lines, err := os.ReadFile("bytecode.go")
	must(t, err)
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "tunnel.bpf.c"), source, 0o644))
	commands := 0
	for line := range strings.Lines(string(lines)) {
		command, ok := strings.CutPrefix(line, "//go:generate ")
		if !ok {
			continue
		}
		commands++
		args := strings.Fields(command)
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = folder
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v (make deps installs the compiler)\n%s", command, err, said)
		}
	}
	made, err := os.ReadFile(filepath.Join(folder, "tunnel.bpf.o"))
	must(t, err)
	if commands == 0 || !bytes.Equal(made, bytecode) {
		t.Error("tunnel.bpf.o is not what tunnel.bpf.c is compiled to: run go generate ./dataplane/fastpath with clang 14, as Debian 12 has it")
	}
}
