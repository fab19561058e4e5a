// Guest is the init of the virtual machine in which tests run: it loads the modules, runs the test binaries one after the other,
// says on the second serial port how they ended, and switches the machine off.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	result := "passed"
	if err := run(); err != nil {
		result = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if err := os.WriteFile("/dev/ttyS1", []byte(result+"\n"), 0); err != nil {
		fmt.Println("guest:", result, err)
	}
	unix.Sync()
	fmt.Println("guest:", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)) // which does not return
}

func run() error {
	for _, m := range []struct{ source, target string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := errors.Join(os.MkdirAll(m.target, 0o755), unix.Mount(m.source, m.target, m.source, 0, "")); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	modules, _ := filepath.Glob("/modules/*") // in the order of their names
	for _, name := range modules {
		if err := load(name); err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
	}
	arguments, err := os.ReadFile("/arguments")
	if err != nil {
		return err
	}
	tests, _ := filepath.Glob("/tests/*")
	for _, name := range tests {
		err = errors.Join(err, runTest(name, strings.Split(string(arguments), "\n")))
	}
	return err
}

func load(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

func runTest(name string, arguments []string) error {
	fmt.Printf("=== %s\n", filepath.Base(name))
	cmd := exec.Command(name, arguments...)
	cmd.Dir, cmd.Env = "/tmp", []string{"PATH=/bin", "HOME=/tmp"}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}
