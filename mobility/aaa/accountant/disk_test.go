package accountant

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/spool"
	"mooring/mobility/smalldisk"
)

func TestMain(m *testing.M) { netns.Main(m) }

// Expectation 10: the disk is full. What cannot be written is told of, kept and written later; whoever has to begin with the file as it is then
// ends every session that stands in it. Nothing gets lost, and nothing comes twice that a server has taken. So it is when a commit has records go to another
// group of servers meanwhile, which the disk refuses, too.
func TestEXP10_FullDisk(t *testing.T) {
	t.Run("same servers", func(t *testing.T) { fullDisk(t, false) })
	t.Run("other servers", func(t *testing.T) { fullDisk(t, true) })
}

func fullDisk(t *testing.T, otherServers bool) {
	var killed moment
	synctest.Test(t, func(t *testing.T) {
		e := newElement(t)
		e.root = smalldisk.New(t, 2<<20) // twice what waits, which moves at once
		e.sink.set(true)
		cfg := config()
		cfg.Anchors[0].Interim = 0
		e.begin(cfg)
		defer func() { e.stop() }()
		const most = 1000
		id := dataplane.SessionID(0)
		come := func() {
			id++
			e.Happened([]Event{e.table.bind(id)})
		}
		for range 150 {
			come()
		}
		smalldisk.Fill(t, e.root)
		for e.lastRoom() != aaa.Unwritable && id < most {
			come()
			e.Happened([]Event{e.table.end(id - 3)})
		}
		if id == most {
			t.Fatal("a full disk has room for everything")
		}
		for range 10 { // while it is failing
			come()
			e.Happened([]Event{e.table.end(id)})
		}
		file, err := e.root.ReadFile("accounting/records")
		if err != nil {
			t.Fatal(err)
		}
		killed = moment{what: "a full disk", file: file, rows: maps.Clone(e.table.rows)}

		if otherServers {
			other := *cfg
			other.Lanes = []aaa.Lane{{Name: "other", Targets: cfg.Lanes[0].Targets}}
			e.Configure(&other)
			if !e.isMisplaced() {
				t.Fatal("a full disk has room for another lane")
			}
		}
		time.Sleep(time.Minute) // it is tried again, and small changes may even find room
		e.sink.set(false)
		time.Sleep(2 * time.Minute)
		smalldisk.Free(t, e.root)
		time.Sleep(3 * time.Second)
		for each := range killed.rows {
			e.Happened([]Event{e.table.end(each)})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := e.sink.kinds(), fmt.Sprintf("Accounting-On=1 Start=%d Stop=%d", id+1, id+1); got != want { // one is the tunnel's
			t.Errorf("in the end the server has got %s, want %s", got, want)
		}
		e.sink.mu.Lock()
		slices.Sort(e.sink.got)
		if once := slices.Compact(slices.Clone(e.sink.got)); len(once) != len(e.sink.got) {
			t.Errorf("of %d records, %d are different", len(e.sink.got), len(once))
		}
		e.sink.mu.Unlock()
		if room, queued, left := e.Queue(); queued != 0 || left != (spool.Left{}) || room != aaa.Ample || e.lastRoom() != aaa.Ample {
			t.Errorf("%d records wait, %+v were left out, the room is %v and said to be %v", queued, left, room, e.lastRoom())
		}
	})
	synctest.Test(t, func(t *testing.T) { revive(t, &killed) })
}

// lastRoom is what was said last of the room for records.
func (e *element) lastRoom() aaa.Room {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.said
}

// isMisplaced says whether records still go where an earlier configuration said.
func (e *element) isMisplaced() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.misplaced
}
