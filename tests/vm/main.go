// Vm runs tests in a virtual machine with a distribution's kernel, which has the tunnel drivers that the kernel here may lack:
//
//	go run ./tests/vm [-run REGEXP] [-v] [-timeout 5m] PACKAGE...
//
// It compiles the tests of each package as one static binary, packs them with the kernel's modules and a small init (guest)
// into an initramfs, boots it in QEMU without KVM, and ends with the status of the tests. There is no disk and no network. A
// machine that does not start, or does not say how the tests ended, is a failure.
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
)

func main() {
	run := flag.String("run", "", "only tests that match this regular expression")
	verbose := flag.Bool("v", false, "say what each test does")
	timeout := flag.Duration("timeout", 5*time.Minute, "after which the machine is switched off, and the tests have failed")
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
	if err := test(ctx, flag.Args(), args, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

// test runs the tests of the packages with these arguments.
func test(ctx context.Context, packages, args []string, timeout time.Duration) error {
	if len(packages) == 0 {
		return errors.New("name the packages whose tests are to be run")
	}
	kernel, err := findKernel(ctx)
	if err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	folder, err := os.MkdirTemp("", "mooring-vm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	image, err := packImage(ctx, kernel, folder, packages, args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no end after %v", timeout))
	defer cancel()
	return boot(ctx, kernel, image, filepath.Join(folder, "status"))
}

// packImage compiles everything and writes the initramfs.
func packImage(ctx context.Context, kernel kernel, folder string, packages, args []string) (string, error) {
	modules, err := kernel.modules(wantedModules)
	if err != nil {
		return "", err
	}
	name := filepath.Join(folder, "initramfs")
	image, err := createArchive(name)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, "binary")
	if err := compile(ctx, "build", binary, "mooring/tests/vm/guest"); err != nil {
		return "", err
	}
	image.file("init", binary)
	for i, module := range modules {
		image.file(fmt.Sprintf("modules/%03d-%s", i, filepath.Base(module)), module) // the guest loads them in this order
	}
	for i, p := range packages {
		if err := compile(ctx, "test", binary, p); err != nil {
			return "", err
		}
		image.file(fmt.Sprintf("tests/%03d-%s", i, strings.ReplaceAll(strings.Trim(p, "./"), "/", "-")), binary)
	}
	image.text("arguments", strings.Join(args, "\n"))
	return name, image.close()
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

// boot runs the machine until it switches itself off. The tests' output comes by the first serial port, their status by the second.
func boot(ctx context.Context, kernel kernel, image, status string) error {
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024",
		"-kernel", kernel.image, "-initrd", image, "-append", "console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-serial", "file:"+status)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("qemu: %w", errors.Join(err, context.Cause(ctx)))
	}
	said, err := os.ReadFile(status)
	switch result := strings.TrimSpace(string(said)); {
	case err != nil:
		return err
	case result == "":
		return errors.New("the machine went off without a word; its kernel or its init has failed")
	case result != "passed":
		return errors.New(result)
	}
	return nil
}
