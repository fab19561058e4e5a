//go:build !vm

package radius

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// What carries the tunnels, and the kind of their interfaces.
const carrying, carriedBy = "userspace", "tuntap"

// mooring returns the file of the command.
func mooring(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mooring")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", file, "mooring/cmd/mooring")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}
