package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// events is a writer for what tests say one package after the other, with a heading before each. It writes events of them, as
// go test -json does, by a test2json for each package.
type events struct {
	to       io.Writer
	packages map[string]string // import paths, by heading
	line     []byte            // its begin, where its end is yet to come
	into     io.WriteCloser    // the test2json of the package that speaks, nil before the first
	cmd      *exec.Cmd
}

func (e *events) Write(said []byte) (int, error) {
	for line := range bytes.Lines(said) {
		e.line = append(e.line, line...)
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		whole := e.line
		e.line = nil
		if err := e.add(whole); err != nil {
			return 0, err
		}
	}
	return len(said), nil
}

// add adds a line. What comes before the first heading is no test's, and shown as it is.
func (e *events) add(line []byte) error {
	if path := e.packages[string(bytes.TrimSuffix(line, []byte("\n")))]; path != "" {
		return errors.Join(e.end(), e.begin(path))
	}
	if e.into == nil {
		_, err := e.to.Write(line)
		return err
	}
	_, err := e.into.Write(line)
	return err
}

func (e *events) begin(path string) (err error) {
	e.cmd = exec.Command("go", "tool", "test2json", "-t", "-p", path)
	e.cmd.Stdout, e.cmd.Stderr = e.to, os.Stderr
	if e.into, err = e.cmd.StdinPipe(); err != nil {
		return err
	}
	return e.cmd.Start()
}

// end ends the package that speaks.
func (e *events) end() error {
	if e.into == nil {
		return nil
	}
	_, err := e.into.Write(e.line)
	err = errors.Join(err, e.into.Close(), e.cmd.Wait())
	e.into = nil
	if err != nil {
		return fmt.Errorf("test2json: %w", err)
	}
	return nil
}
