// Package guest is the init of a virtual machine of package vm: it loads the modules, runs the commands one after the other, says on the
// second serial port how they ended, and switches the machine off. The first and the third are the commands' standard output and error.
package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// What a machine and its init agree on.
const (
	Mark     = "MOORING_GUEST" // in the environment of the init and of what it runs
	Modules  = "modules"       // folder
	Commands = "commands"      // file: a JSON list of Command
	Passed   = "passed"        // what is said when every command has succeeded
)

// Command is what the machine runs.
type Command struct {
	Args  []string
	Title string // to be said before; empty for none
}

// Main does not return where the process is the init of a machine.
func Main() {
	if os.Getpid() != 1 || os.Getenv(Mark) == "" {
		return
	}
	result := Passed
	if err := run(); err != nil {
		result = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if err := os.WriteFile("/dev/ttyS1", []byte(result+"\n"), 0); err != nil {
		fmt.Println("guest:", result, err)
	}
	os.WriteFile("/proc/sys/kernel/printk", []byte("0"), 0) // the kernel has nothing to add
	unix.Sync()
	fmt.Println("guest:", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)) // which does not return
}

func run() error {
	for _, m := range []struct{ source, target string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := errors.Join(os.MkdirAll(m.target, 0o755), unix.Mount(m.source, m.target, m.source, 0, "")); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	out, err := openPort("/dev/ttyS0")
	if err != nil {
		return err
	}
	errout, err := openPort("/dev/ttyS2")
	if err != nil {
		return err
	}
	modules, _ := filepath.Glob("/" + Modules + "/*") // in the order of their names
	for _, name := range modules {
		if err := load(name); err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
	}
	text, err := os.ReadFile("/" + Commands)
	if err != nil {
		return err
	}
	var commands []Command
	if err := json.Unmarshal(text, &commands); err != nil {
		return err
	}
	for _, c := range commands {
		err = errors.Join(err, c.run(out, errout))
	}
	return err
}

// openPort opens a serial port on which lines end as they do in files.
func openPort(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	terminal, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err == nil {
		terminal.Oflag &^= unix.OPOST
		err = unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, terminal)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func load(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

// Heading is the line before what a command with a title says.
func (c Command) Heading() string { return "=== " + c.Title }

func (c Command) run(out, errout *os.File) error {
	if c.Title != "" {
		fmt.Fprintln(out, c.Heading())
	}
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Env = "/tmp", []string{"PATH=/bin", "HOME=/tmp", Mark + "=1"}
	cmd.Stdout, cmd.Stderr = out, errout
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.TrimSpace(c.Title+" "+strings.Join(c.Args, " ")), err)
	}
	return nil
}
