package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
)

// asProgram makes this test binary the program itself, with or without the privileges of an element.
const (
	asProgram    = "MOORING_TEST_PROGRAM"
	privileged   = "privileged"
	unprivileged = "unprivileged"
)

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case unprivileged:
		runtime.LockOSThread() // capabilities are those of a thread
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		none := new([2]unix.CapUserData)
		if err := unix.Capset(&header, &none[0]); err != nil {
			panic(err)
		}
		main()
	case privileged:
		main()
	default:
		netns.Main(m)
	}
}

func program(as string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), asProgram+"="+as, "GORACE=atexit_sleep_ms=0") // the race detector's second of patience adds up
	return cmd
}

// outcome is what became of a command that has ended.
type outcome struct {
	code        int
	out, stderr string
}

// complete runs the program on a host until it ends.
func complete(t *testing.T, h *netns.Host, as string, args ...string) outcome {
	t.Helper()
	cmd := program(as, args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// expect compares the exit code, and looks for texts in what was written to standard error.
func (o outcome) expect(t *testing.T, code int, texts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d; standard error:\n%s", o.code, code, o.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(o.stderr, text) {
			t.Errorf("standard error lacks %q:\n%s", text, o.stderr)
		}
	}
}

func newHost(t *testing.T, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestUsage(t *testing.T) {
	h := newHost(t, "h")
	for _, c := range []struct {
		args  string
		texts []string
	}{
		{"dance", []string{`unknown command "dance" for "mooring"; see mooring --help`}},
		{"show", []string{"say what to show: access-lists, ", ", vrfs or warnings"}},
		{"show moons", []string{`unknown command "moons" for "mooring show"; see mooring show --help`}},
		{"show bindigs", []string{`unknown command "bindigs" for "mooring show" (did you mean bindings?); see mooring show --help`}},
		{"show licence", []string{"(did you mean entitlement?)"}},
		{"show radius", []string{"(did you mean radius-servers?)"}},
		{"show element --machine lma1", []string{"unknown flag: --machine"}}, // it is of none
		{"show pools --colour", []string{"unknown flag: --colour"}},
		{"lab now", []string{`unknown command "now"`}},
		{"run now", []string{`unknown command "now"`}},
		{"run --log-level loud", []string{"--log-level loud", "debug, info, warn or error"}},
		{"run --log-format xml", []string{"--log-format xml", "text or json"}},
		{"run --gnmi localhost", []string{"--gnmi localhost", "ADDRESS:PORT"}},
		{"run --startup-replace", []string{"--startup-replace needs --startup"}},
		{"run --startup-from ios", []string{"--startup-from needs --startup"}},
		{"run --startup x --startup-from junos", []string{"--startup-from junos: it is ios-xr or ios"}},
		{"run --state-dir=", []string{"--state-dir is needed"}}, // as where there is no HOME
		{"show pools --state-dir=", []string{"--state-dir is needed"}},
		{"watch --state-dir=", []string{"--state-dir is needed"}},
	} {
		o := complete(t, h, privileged, strings.Fields(c.args)...)
		o.expect(t, 2, c.texts...)
		if o.out != "" {
			t.Errorf("%s wrote to standard output: %s", c.args, o.out)
		}
	}
}
