package lab

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Event is one line of the timeline.
type Event struct {
	At    float64 `json:"t_ms"`           // milliseconds since the lab began
	Host  string  `json:"host,omitempty"` // where it happened
	Event string  `json:"event"`          // attach, pbu, pba, tunnel-up, first-packet, move, handover and others
	Text  string  `json:"text"`           // for people
	*Move         // of event handover
}

// Events come from several sources, each a little later than they happen. They are held back until they can be put in order.
const settle = 50 * time.Millisecond

// timeline writes what happens, live.
type timeline struct {
	start   time.Time
	out     io.Writer
	json    bool
	stopped chan struct{}
	ended   sync.WaitGroup
	err     error // the first of writing
	mu      sync.Mutex
	pending []Event // in order of time
}

func newTimeline(out io.Writer, asJSON bool) *timeline {
	t := &timeline{start: time.Now(), out: out, json: asJSON, stopped: make(chan struct{})}
	t.ended.Go(t.run)
	return t
}

func (t *timeline) run() {
	ticker := time.NewTicker(settle / 2)
	defer ticker.Stop()
	for {
		select {
		case <-t.stopped:
			t.write(time.Now())
			return
		case now := <-ticker.C:
			t.write(now.Add(-settle))
		}
	}
}

// close writes what is left, and reports whether all could be written. That nobody reads it any more does not concern the lab.
func (t *timeline) close() error {
	close(t.stopped)
	t.ended.Wait()
	if t.err != nil && !errors.Is(t.err, syscall.EPIPE) {
		return fmt.Errorf("the timeline is incomplete: %w", t.err)
	}
	return nil
}

// add takes in what has happened at an instant.
func (t *timeline) add(at time.Time, host, event, format string, args ...any) {
	t.put(at, Event{Host: host, Event: event, Text: fmt.Sprintf(format, args...)})
}

// now takes in what happens now.
func (t *timeline) now(host, event, format string, args ...any) {
	t.add(time.Now(), host, event, format, args...)
}

func (t *timeline) put(at time.Time, e Event) {
	e.At = float64(at.Sub(t.start).Microseconds()) / 1000
	t.mu.Lock()
	defer t.mu.Unlock()
	i, _ := slices.BinarySearchFunc(t.pending, e.At, func(e Event, at float64) int {
		return cmp.Or(cmp.Compare(e.At, at), -1) // behind those of the same time
	})
	t.pending = slices.Insert(t.pending, i, e)
}

// write writes what happened until then.
func (t *timeline) write(until time.Time) {
	limit := float64(until.Sub(t.start).Microseconds()) / 1000
	t.mu.Lock()
	n := 0
	for n < len(t.pending) && t.pending[n].At <= limit {
		n++
	}
	ready := slices.Clone(t.pending[:n])
	t.pending = slices.Delete(t.pending, 0, n)
	t.mu.Unlock()
	for _, e := range ready {
		t.print(e)
	}
}

// print writes one line.
func (t *timeline) print(e Event) {
	var line bytes.Buffer
	if t.json {
		_ = json.NewEncoder(&line).Encode(e) // it has nothing that JSON has not
	} else {
		if e.Event == "move" {
			line.WriteByte('\n')
		}
		fmt.Fprintf(&line, "%10.1f ms  %-5s %-13s %s\n", e.At, e.Host, e.Event, e.Text)
	}
	if _, err := line.WriteTo(t.out); t.err == nil {
		t.err = err
	}
}
