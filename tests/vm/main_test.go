package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asRunner is the variable that says that this process is the runner.
const asRunner = "MOORING_TEST_RUNNER"

func TestMain(m *testing.M) {
	if os.Getenv(asRunner) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Without a machine, the tests for it have failed, and the runner says why: it neither skips them nor calls them passed. (Of a kernel that does
// not boot, TestMachineThatDoesNotStart of package vm has this.)
func TestRunnerWithoutMachine(t *testing.T) {
	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	boot := filepath.Join(cache, "mooring-vm", "kernel", "boot")
	if err := os.MkdirAll(boot, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no kernel":      {[]string{"mooring/dataplane/index"}, "has 0 kernels; remove it and try again"},
		"no tests":       {[]string{"mooring/server/model"}, "has no tests"},
		"no package":     {[]string{"mooring/nowhere"}, "compile mooring/nowhere"},
		"nothing to run": {nil, "name the packages"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe", c.args...)
			cmd.Env = append(os.Environ(), asRunner+"=1", "XDG_CACHE_HOME="+cache, "GOCACHE="+strings.TrimSpace(string(goCache)))
			said, err := cmd.CombinedOutput()
			exit, failed := errors.AsType[*exec.ExitError](err)
			if !failed || exit.ExitCode() != 1 || !strings.Contains(string(said), c.want) {
				t.Errorf("it ends with %v and says %s, want status 1 and %q", err, said, c.want)
			}
		})
	}
}
