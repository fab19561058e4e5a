package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// telemetryProcess is this program once more, serving bindings.
type telemetryProcess struct {
	served
	kind      string
	cmd       *exec.Cmd
	orders    io.WriteCloser
	refreshes int // that were ordered
	said      *json.Decoder

	longest time.Duration  // that a refresh of the last measure took
	reply   telemetryReply // to the last order
	idle    telemetryReply // before the last measure
}

// telemetryReply answers an order.
type telemetryReply struct {
	Longest    time.Duration // that a refresh took
	Goroutines int
	Held       float64 // MiB of memory in use
}

func startTelemetry(kind string, n int) (*telemetryProcess, error) {
	p := &telemetryProcess{kind: kind, cmd: exec.Command("/proc/self/exe", "telemetry", "--serve", kind, "--bindings", strconv.Itoa(n))}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.orders, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.said = json.NewDecoder(out)
	if err := p.said.Decode(&p.served); err != nil {
		return nil, fmt.Errorf("%s with %d bindings did not start: %w", kind, n, errors.Join(p.stop(), err))
	}
	return p, nil
}

// order makes the process do something, and waits until it has.
func (p *telemetryProcess) order(format string, args ...any) error {
	if _, err := fmt.Fprintf(p.orders, format+"\n", args...); err != nil {
		return err
	}
	p.reply = telemetryReply{}
	err := p.said.Decode(&p.reply)
	p.longest = max(p.longest, p.reply.Longest)
	return err
}

// kept tells how much more than before the last measure the process has. With over, nothing of that is in use any more: it waits for a while until that
// is given back.
func (p *telemetryProcess) kept(over bool) (goroutines int, held float64, err error) {
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if err := p.order("settle"); err != nil {
			return 0, 0, err
		}
		goroutines, held = max(0, p.reply.Goroutines-p.idle.Goroutines), max(0, p.reply.Held-p.idle.Held)
		if !over || goroutines == 0 || time.Since(begun) > 10*time.Second {
			return goroutines, held, nil
		}
	}
}

func (p *telemetryProcess) stop() error {
	return errors.Join(p.orders.Close(), p.cmd.Wait())
}

// measure tells what something costs the process: its processor time, and how much it has grown at most meanwhile.
func (p *telemetryProcess) measure(operation func() error) (r Result, err error) {
	if err := p.order("settle"); err != nil {
		return r, err
	}
	p.idle, p.longest = p.reply, 0
	size := resident(p.PID, "VmRSS:")
	before, err := processorTime(p.PID)
	if err != nil {
		return r, err
	}
	begun := time.Now()
	err = operation()
	r.Wall = time.Since(begun).Seconds()
	after, errAfter := processorTime(p.PID)
	r.CPU, r.RSS = (after - before).Seconds(), max(0, resident(p.PID, "VmHWM:")-size)
	return r, errors.Join(err, errAfter)
}
