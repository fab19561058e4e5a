// Package tool finds programs of others that tests run, such as clients: those that a go.mod names as tools. The go command builds them from
// source, once: they stay in its cache.
package tool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// modules are the folders, from the top of the repository, of the go.mod that names a tool.
var modules = map[string]string{
	"gnmi_cli": ".",
	"gnmic":    "tests/interop/gnmi/gnmic",
}

// Path returns where a tool is, for as long as the test runs. If it is not in the cache it is built, which takes minutes for gnmic; whoever
// else wants it meanwhile waits instead of building it, too.
func Path(name string) (path string, err error) {
	folder, known := modules[name]
	if !known {
		return "", fmt.Errorf("no go.mod names a tool %q", name)
	}
	top, err := output("go", "list", "-m", "-f", "{{.Dir}}", "mooring")
	if err != nil {
		return "", err
	}
	folder = filepath.Join(top, folder)
	turn, err := os.Open(folder) // not its go.mod, which the go command locks
	if err != nil {
		return "", err
	}
	defer turn.Close()
	if err := unix.Flock(int(turn.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("wait for who else builds %s: %w", name, err)
	}
	return output("go", "-C", folder, "tool", "-n", name)
}

// output is what a command prints.
func output(command ...string) (string, error) {
	out, err := exec.Command(command[0], command[1:]...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
