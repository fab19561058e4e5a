// Record runs a command that says what go test -json says, keeps that in a file, and shows what go test says without -json:
//
//	go run ./tests/record FILE COMMAND...
//
// It ends with the status of the command.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: record FILE COMMAND...: where to keep the events, and what says them")
	}
	err := run(os.Args[1], os.Args[2:])
	if exit, failed := errors.AsType[*exec.ExitError](err); failed && exit.Exited() {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		log.Fatal("record: ", err)
	}
}

// run runs a command, and keeps the events that it prints in a file.
func run(file string, command []string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	kept, err := os.Create(file)
	if err != nil {
		return err
	}
	defer kept.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := newReport(os.Stdout).read(said, kept); err != nil {
		return errors.Join(fmt.Errorf("keep events in %s: %w", file, err), cmd.Process.Kill(), cmd.Wait())
	}
	return cmd.Wait()
}
