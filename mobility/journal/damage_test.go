package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

// frameOffsets lists where the frames of a file begin, and where the last one ends.
func frameOffsets(t *testing.T, f *memFile) (list []int64) {
	t.Helper()
	r := &reader{file: f, size: int64(len(f.data)), offset: headSize}
	for {
		list = append(list, r.offset)
		if _, _, err := r.next(); err != nil {
			return list
		}
	}
}

// tenFrames is a log with a binding in each of ten frames.
func tenFrames(t *testing.T) *memory {
	t.Helper()
	folder := newMemory()
	j, err := Open(folder, Options{})
	must(t, err)
	for id := range dataplane.SessionID(10) {
		j.Add(machine, mobility.Change{New: typical(id + 1)})
		_, pressing, err := j.Write()
		must(t, err)
		if !pressing {
			t.Error("a new binding need not be durable")
		}
	}
	must(t, j.Close())
	return folder.killed()
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func taken(j *Journal) (ids []dataplane.SessionID) {
	rows, _ := j.Take(machine)
	for _, b := range rows {
		ids = append(ids, b.ID)
	}
	return ids
}

// Whatever octet of a log is not what it was: the frame that it is in is lost, and no other; where it is, is said, and the restart counter is raised.
func TestEveryOctetDamaged(t *testing.T) {
	whole := tenFrames(t)
	frames := frameOffsets(t, whole.files["log.00000001"])
	before, err := restore(whole.killed())
	must(t, err)
	for at := range frames[len(frames)-2] { // of the last frame nobody can tell whether it was cut
		folder := whole.killed()
		folder.files["log.00000001"].data[at] ^= 0x55
		r, err := restore(folder)
		if newer, ok := errors.AsType[*NewerError](err); ok && at >= 8 && at < 10 && newer.File == "log.00000001" {
			continue
		}
		must(t, err)
		if len(r.damage) != 1 || r.damage[0].File != "log.00000001" {
			t.Fatalf("octet %d: %v", at, r.damage)
		}
		hit := 0 // the head
		for i, begins := range frames {
			if at >= begins {
				hit = i + 1
			}
		}
		if hit > 0 && (r.damage[0].Offset != frames[hit-1] || r.damage[0].Octets != frames[hit]-frames[hit-1]) {
			t.Fatalf("octet %d: %v, the frame begins at %d", at, r.damage, frames[hit-1])
		}
		if rows := r.machines[machine].rows; len(rows) != 10-min(hit, 1) || hit > 0 && rows[dataplane.SessionID(hit)] != nil {
			t.Fatalf("octet %d of frame %d: %d bindings are left", at, hit, len(rows))
		}
		if at >= headSize && restarts(r) != before.restarts+1 {
			t.Fatalf("octet %d: restart counter %d, was %d", at, restarts(r), before.restarts)
		}
	}
}

// A file that ends anywhere has everything up to the last whole frame, is cut there, and nothing was lost of which anybody was told.
func TestEveryCut(t *testing.T) {
	whole := tenFrames(t)
	frames := frameOffsets(t, whole.files["log.00000001"])
	before, err := restore(whole.killed())
	must(t, err)
	for size := range len(whole.files["log.00000001"].data) {
		folder := whole.killed()
		f := folder.files["log.00000001"]
		f.data = f.data[:size]
		r, err := restore(folder)
		must(t, err)
		complete := 0
		for complete+1 < len(frames) && int64(size) >= frames[complete+1] {
			complete++
		}
		rows := 0
		if k := r.machines[machine]; k != nil {
			rows = len(k.rows)
		}
		if rows != complete || len(r.damage) > 0 {
			t.Fatalf("cut at %d: %d bindings of %d, damage %v", size, rows, complete, r.damage)
		}
		if size > headSize && (int64(len(f.data)) != frames[complete] || restarts(r) != before.restarts) {
			t.Fatalf("cut at %d: the file has %d octets, restart counter %d", size, len(f.data), restarts(r))
		}
	}
}

// Damage is told once, with file and offset; what is left is written anew, and the damaged file is kept.
func TestDamageIsReportedAndMended(t *testing.T) {
	folder := tenFrames(t)
	frames := frameOffsets(t, folder.files["log.00000001"])
	folder.files["log.00000001"].data[frames[3]+30] ^= 1
	var said bytes.Buffer
	j, err := Open(folder, Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	must(t, err)
	rows, last := j.Take(machine)
	if len(rows) != 9 || last != 10 || !strings.Contains(said.String(), "bindings were lost") || !strings.Contains(said.String(), "file=log.00000001") {
		t.Errorf("%d bindings, %s", len(rows), &said)
	}
	if j.Due() {
		t.Fatal("what nobody has taken yet would be missing from a snapshot")
	}
	if dropped := j.Forget(); len(dropped) > 0 || !j.Due() {
		t.Fatal("what is left is not written anew")
	}
	j.Snapshot([]Source{{machine, last, slices.Values(rows)}}, func() {})
	eventually(t, func() bool { return j.Status().Snapshots == 1 })
	must(t, j.Close())
	names, _ := folder.Names()
	if want := []string{"damaged.log.00000001", "log.00000003", "peers.00000003", "snapshot.00000003"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	restartsBefore := j.Restarts()
	again, err := Open(folder.killed(), Options{})
	must(t, err)
	if s := again.Status(); len(s.Damage) > 0 || s.Restarts != restartsBefore || s.Restored != 9 || len(taken(again)) != 9 {
		t.Errorf("%+v", s)
	}
	must(t, again.Close())
}

// A log that is not there is missed, if another one says that it was.
func TestMissingLog(t *testing.T) {
	folder := tenFrames(t)
	for range 2 {
		j, err := Open(folder, Options{})
		must(t, err)
		must(t, j.Close())
	}
	delete(folder.files, "log.00000002")
	r, err := restore(folder)
	must(t, err)
	if len(r.damage) != 1 || r.damage[0].File != "log.00000002" {
		t.Errorf("%v", r.damage)
	}
}

// Machines that nobody takes are forgotten for good, and the identifiers of those that are taken are not given again.
func TestForget(t *testing.T) {
	folder := tenFrames(t)
	j, err := Open(folder, Options{})
	must(t, err)
	j.Add("mag mag1", mobility.Change{New: typical(3)})
	if dropped := j.Forget(); !reflect.DeepEqual(dropped, map[string]int{machine: 10}) {
		t.Errorf("%v", dropped)
	}
	_, _, err = j.Write()
	must(t, err, j.Close())
	again, err := Open(folder.killed(), Options{})
	must(t, err)
	if rows, last := again.Take(machine); len(rows) != 0 || last != 10 {
		t.Errorf("%d bindings, last %d", len(rows), last)
	}
	if rows, _ := again.Take("mag mag1"); len(rows) != 1 {
		t.Errorf("%d bindings of the gateway", len(rows))
	}
	must(t, again.Close())
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it does not happen")
		}
	}
}

// A full disk is said once, however often it is tried; what was written before stays, and writing goes on when there is room.
func TestFullDisk(t *testing.T) {
	folder := newMemory()
	var said bytes.Buffer
	j, err := Open(folder, Options{Log: slog.New(slog.NewTextHandler(&said, nil)), Retry: time.Millisecond})
	must(t, err)
	j.Forget()
	rows := []*mobility.Binding{typical(1)}
	j.Add(machine, mobility.Change{New: rows[0]})
	_, _, err = j.Write()
	must(t, err)
	folder.setRoom(100)
	j.Add(machine, mobility.Change{New: typical(2)})
	if _, _, err := j.Write(); !errors.Is(err, ErrFailing) || !errors.Is(j.Status().Err, errFull) {
		t.Errorf("%v, %+v", err, j.Status())
	}
	folder.setRoom(0)
	for range 20 {
		eventually(t, j.Due)
		j.Snapshot([]Source{{machine, 2, slices.Values(rows)}}, func() {})
		j.Add(machine, mobility.Change{New: typical(2)})
		j.Write()
	}
	if s := j.Status(); s.Failures != 1 || strings.Count(said.String(), "cannot be stored") != 1 {
		t.Errorf("%+v\n%s", s, &said)
	}
	left, err := restore(folder.killed())
	must(t, err)
	if len(left.machines[machine].rows) != 1 || len(left.damage) > 0 {
		t.Errorf("%d bindings, %v", len(left.machines[machine].rows), left.damage)
	}
	folder.setRoom(-1)
	eventually(t, func() bool {
		if j.Due() {
			j.Snapshot([]Source{{machine, 2, slices.Values(rows)}}, func() {})
		}
		return j.Status().State == Healthy
	})
	j.Add(machine, mobility.Change{New: typical(3)})
	_, _, err = j.Write()
	must(t, err, j.Close())
	again, err := Open(folder.killed(), Options{})
	must(t, err)
	if ids := taken(again); !slices.Equal(ids, []dataplane.SessionID{1, 3}) || len(again.Status().Damage) > 0 {
		t.Errorf("%v, %v", ids, again.Status().Damage)
	}
	must(t, again.Close())
}
