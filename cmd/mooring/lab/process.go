package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"mooring/dataplane/netns"
)

// socketFile is where an element serves gNMI in its folder.
const socketFile = "mooring.sock"

// stopPatience is how long an element may take to end when it is asked to.
var stopPatience = patient(10 * time.Second)

// element is a process that runs "mooring run" on a host.
type element struct {
	name   string
	folder string // its state folder
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process has ended
	err    error         // how; to be read after that
	asked  atomic.Bool   // to end
}

// startElement starts an element without configuration. When it ends unasked, failed is called.
func startElement(h *netns.Host, command []string, folder string, failed func(error)) (*element, error) {
	e := &element{name: h.Name, folder: filepath.Join(folder, h.Name), ended: make(chan struct{})}
	log, err := os.Create(e.log())
	if err != nil {
		return nil, err
	}
	e.cmd = exec.Command(command[0], append(command[1:len(command):len(command)], "--state-dir", e.folder)...)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is for the lab, which then stops the elements
	started := make(chan error)
	go func() {
		err := h.Start(e.cmd)
		log.Close()
		started <- err
		if err != nil {
			return
		}
		e.err = e.cmd.Wait()
		close(e.ended)
		if !e.asked.Load() {
			failed(fmt.Errorf("element %s ended by itself (%v); the last it said:\n%s", e.name, e.cmd.ProcessState, e.lastWords()))
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start element %s: %w", h.Name, err)
	}
	return e, nil
}

func (e *element) log() string    { return e.folder + ".log" }
func (e *element) socket() string { return filepath.Join(e.folder, socketFile) }

// lastWords is the end of what the element has logged.
func (e *element) lastWords() string {
	text, err := os.ReadFile(e.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// ready waits until the element listens.
func (e *element) ready(ctx context.Context) error {
	for {
		if conn, err := net.Dial("unix", e.socket()); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("element %s does not listen at %s: %w", e.name, e.socket(), context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends the element in good order, and reports an error when that was not possible.
func (e *element) stop() error {
	select {
	case <-e.ended:
		return nil // whoever notices reports it
	default:
	}
	e.asked.Store(true)
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop element %s: %w", e.name, err)
	}
	select {
	case <-e.ended:
	case <-time.After(stopPatience):
		e.cmd.Process.Kill()
		<-e.ended
		return fmt.Errorf("element %s was killed, since it did not end in %v; the last it said:\n%s", e.name, stopPatience, e.lastWords())
	}
	if e.err != nil && !e.stoppedEarly() {
		return fmt.Errorf("element %s: %w; the last it said:\n%s", e.name, e.err, e.lastWords())
	}
	return nil
}

// stoppedEarly reports whether the element was asked to end before it had got to wait for that.
func (e *element) stoppedEarly() bool {
	status, ok := e.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGTERM
}

// stopAll ends elements at the same time.
func stopAll(elements []*element) error {
	var stopping sync.WaitGroup
	errs := make([]error, len(elements))
	for i, e := range elements {
		stopping.Go(func() { errs[i] = e.stop() })
	}
	stopping.Wait()
	return errors.Join(errs...)
}
