package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// servedProcess is this program once more, serving an element without entries, so that what the element costs can be told from what
// its client does.
type servedProcess struct {
	served
	cmd *exec.Cmd
	pid int
}

func startServed(l list) (*servedProcess, error) {
	p := &servedProcess{cmd: exec.Command("/proc/self/exe", "config", "--list", l.name, "--serve", "0", "--json")}
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(out).Decode(&p.served); err != nil {
		return nil, fmt.Errorf("the element did not start: %w", errors.Join(p.cmd.Wait(), err))
	}
	p.pid = p.cmd.Process.Pid
	return p, nil
}

func (p *servedProcess) dial() (*netconfClient, error) {
	return dialNETCONF(p.NETCONF, p.User, p.Password)
}

func (p *servedProcess) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// processorTime is what a process has used, all threads together, by its own clock (clock_getcpuclockid(3)), which is finer than the
// ticks of /proc.
func processorTime(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED of linux/posix-timers.h
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &t); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
