// Vm runs tests in a virtual machine with a distribution's kernel, which has the tunnel drivers that the kernel here may lack:
//
//	go run ./tests/vm [-run REGEXP] [-v] [-json] [-timeout 15m] PACKAGE...
//
// It compiles the tests of each package as one static binary, and ends with their status (package vm). A machine that does not start, or
// does not say how the tests ended, is a failure. Programs that tests run stand in testdata/machine of their package.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"mooring/dataplane/vm"
	"mooring/dataplane/vm/guest"
)

func main() {
	run := flag.String("run", "", "only tests that match this regular expression")
	verbose := flag.Bool("v", false, "say what each test does")
	asEvents := flag.Bool("json", false, "say it as go test -json does")
	timeout := flag.Duration("timeout", 15*time.Minute, "after which the machine is switched off, and the tests have failed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	args := []string{"-test.timeout=" + (*timeout * 4 / 5).String()} // sooner, so that the test says where it hangs
	if *run != "" {
		args = append(args, "-test.run="+*run)
	}
	if *verbose {
		args = append(args, "-test.v")
	}
	if *asEvents {
		args = append(args, "-test.v=test2json")
	}
	if err := test(ctx, flag.Args(), args, *asEvents, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

// test runs the tests of the packages with these arguments, which may be such that they say what can become events.
func test(ctx context.Context, packages, args []string, asEvents bool, timeout time.Duration) error {
	if len(packages) == 0 {
		return errors.New("name the packages whose tests are to be run")
	}
	folder, err := os.MkdirTemp("", "mooring-vm-test-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	machine := vm.Machine{Init: filepath.Join(folder, "init"), Files: map[string]string{}, Out: os.Stdout, Err: os.Stderr}
	said := events{to: os.Stdout, packages: map[string]string{}}
	if asEvents {
		machine.Out = &said
	}
	if err := compile(ctx, "build", machine.Init, "mooring/tests/vm/guest"); err != nil {
		return err
	}
	for i, p := range packages {
		name := fmt.Sprintf("%03d-%s", i, strings.ReplaceAll(strings.Trim(p, "./"), "/", "-"))
		binary := filepath.Join(folder, name)
		if err := compile(ctx, "test", binary, p); err != nil {
			return err
		}
		command := guest.Command{Title: name, Args: append([]string{"/tests/" + name}, args...)}
		path, source, err := find(ctx, p)
		if err != nil {
			return err
		}
		if err := bring(ctx, &machine, source, folder); err != nil {
			return err
		}
		said.packages[command.Heading()] = path
		machine.Files["tests/"+name] = binary
		machine.Commands = append(machine.Commands, command)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no end after %v", timeout))
	defer cancel()
	return errors.Join(machine.Run(ctx), said.end())
}

// find returns how go test calls a package, and its folder.
func find(ctx context.Context, name string) (path, folder string, err error) {
	said, err := exec.CommandContext(ctx, "go", "list", "-tags", "vm", "-f", "{{.ImportPath}}\n{{.Dir}}", name).Output()
	if err != nil {
		return "", "", fmt.Errorf("list %s: %w", name, err)
	}
	path, folder, _ = strings.Cut(strings.TrimSpace(string(said)), "\n")
	return path, folder, nil
}

// compile makes a static binary: a command's, or a package's tests with those for the machine only.
func compile(ctx context.Context, what, binary, path string) error {
	args := []string{what, "-tags", "vm", "-o", binary}
	if what == "test" {
		args = append(args, "-c")
	}
	os.Remove(binary)
	cmd := exec.CommandContext(ctx, "go", append(args, path)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile %s: %w", path, err)
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%s has no tests: %w", path, err)
	}
	return nil
}
