package journal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

const machine = "lma lma1"

// owner uses a Journal as the engine does, and remembers what there was at every mark.
type owner struct {
	*Journal
	rnd     *rand.Rand
	history []moment
	pending []Mark // that answers wait for
	told    Mark   // up to here somebody was told
	last    dataplane.SessionID

	turning sync.Mutex // held during a turn

	mu   sync.Mutex
	rows map[dataplane.SessionID]*mobility.Binding
}

type moment struct {
	mark Mark
	rows map[dataplane.SessionID]*mobility.Binding
}

func newOwner(folder Folder, seed uint64) (*owner, error) {
	j, err := Open(folder, Options{Least: 4000, Linger: 100 * time.Microsecond, Retry: time.Millisecond})
	if err != nil {
		return nil, err
	}
	o := &owner{Journal: j, rnd: rand.New(rand.NewPCG(seed, 1)), rows: map[dataplane.SessionID]*mobility.Binding{}}
	rows, last := j.Take(machine)
	for _, b := range rows {
		o.rows[b.ID] = b
	}
	o.last = last
	j.Forget()
	o.history = []moment{{0, maps.Clone(o.rows)}}
	return o, nil
}

// change makes up what happens to a binding, and notes it.
func (o *owner) change() {
	o.mu.Lock()
	defer o.mu.Unlock()
	var old *mobility.Binding
	if n := len(o.rows); n > 0 {
		old = o.rows[slices.Sorted(maps.Keys(o.rows))[o.rnd.IntN(n)]]
	}
	switch {
	case old == nil || o.rnd.IntN(6) == 0 && len(o.rows) < 40:
		o.last++
		o.rows[o.last] = sample(o.last, o.rnd)
		o.Add(machine, mobility.Change{New: o.rows[o.last]})
	case o.rnd.IntN(8) == 0:
		delete(o.rows, old.ID)
		o.Add(machine, mobility.Change{Old: old})
	default:
		row := *old
		row.Sequence++
		row.Updated++
		if o.rnd.IntN(5) == 0 {
			row.Handovers++
		}
		o.rows[old.ID] = &row
		o.Add(machine, mobility.Change{Old: old, New: &row})
	}
}

// turn is one of the owner's loop.
func (o *owner) turn() error {
	o.turning.Lock()
	defer o.turning.Unlock()
	for range 1 + o.rnd.IntN(3) {
		o.change()
	}
	mark, pressing, err := o.Write()
	if err != nil { // all of it may have been written nevertheless
		mark = o.history[len(o.history)-1].mark + 1
	}
	o.history = append(o.history, moment{mark, maps.Clone(o.rows)})
	if err != nil {
		return err
	}
	if pressing || len(o.pending) > 0 {
		o.pending = append(o.pending, mark)
		o.Await()
	} else {
		o.told = mark
	}
	return o.settle()
}

func (o *owner) settle() error {
	durable, lost := o.Durable()
	for len(o.pending) > 0 && o.pending[0] <= durable {
		o.told = o.pending[0]
		o.pending = o.pending[1:]
	}
	if lost > durable {
		return errors.New("lost")
	}
	if o.Due() {
		o.snapshot()
	}
	return nil
}

// snapshot yields the rows as they are when they are asked for, and lets turns pass meanwhile.
func (o *owner) snapshot() {
	last := o.last
	rows := func(yield func(*mobility.Binding) bool) {
		for id := range last + 50 {
			o.mu.Lock()
			b := o.rows[id]
			o.mu.Unlock()
			if b != nil && !yield(b) {
				return
			}
		}
	}
	o.Snapshot([]Source{{machine, last, rows}}, func() {
		o.turning.Lock() // a turn may have changed rows and not have written them yet
		defer o.turning.Unlock()
	})
}

// find says which moment rows are of, at or after a mark.
func (o *owner) find(rows map[dataplane.SessionID]*mobility.Binding, least Mark) error {
	for _, m := range slices.Backward(o.history) {
		if m.mark < least {
			break
		}
		if reflect.DeepEqual(m.rows, rows) {
			return nil
		}
	}
	return fmt.Errorf("%d bindings, which there were at no time from mark %d on", len(rows), least)
}

// The process, or the host, ends at every step that changes something on the disk. Whatever somebody was told is there afterwards, and nothing
// that there never was.
func TestEveryEnd(t *testing.T) {
	turns := 120
	if testing.Short() {
		turns = 50
	}
	for _, end := range []struct {
		name string
		left func(*memory) *memory
	}{{"killed", (*memory).killed}, {"unplugged", (*memory).unplugged}} {
		t.Run(end.name, func(t *testing.T) {
			ends := 0
			for fatal := 1; ; fatal++ {
				folder := newMemory()
				folder.fatal = fatal
				o, err := newOwner(folder, uint64(fatal))
				if err != nil {
					t.Fatal(err)
				}
				for range turns {
					if o.turn() != nil {
						break
					}
					time.Sleep(time.Duration(o.rnd.IntN(2)) * 20 * time.Microsecond)
				}
				o.settle()
				told, dead := o.told, folder.isDead()
				if !dead {
					if ends < turns/2 || o.Status().Snapshots == 0 {
						t.Errorf("only %d ends, %+v", ends, o.Status())
					}
					o.Close()
					return
				}
				ends++
				if end.name == "unplugged" { // the refreshes of the last moment may be forgotten
					durable, _ := o.Durable()
					told = min(told, durable)
				}
				next := end.left(folder)
				o.Close()
				again, err := newOwner(next, 1)
				if err != nil {
					t.Fatalf("step %d: %v", fatal, err)
				}
				if err := o.find(again.rows, told); err != nil {
					t.Fatalf("step %d: %v; %+v", fatal, err, again.Status())
				}
				if s := again.Status(); len(s.Damage) > 0 {
					t.Fatalf("step %d: %v", fatal, s.Damage)
				}
				if again.last < slices.Max(append(slices.Collect(maps.Keys(again.rows)), 0)) {
					t.Fatalf("step %d: an identifier would be given again", fatal)
				}
				again.Close()
			}
		})
	}
}
