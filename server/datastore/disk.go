package datastore

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// What is kept, below the state folder (decision 21). A commit is one new file in the history, made durable by a rename;
// running.json is the whole configuration as of the commit that it names, and the records after that complete it. It is
// written anew at every commit while it is small, and when the records outgrow it, so that a commit costs the change and
// not the configuration.
const (
	configDir   = "config"
	RunningFile = "config/running.json" // is there as soon as something has been committed
	pendingFile = "config/pending.json"
	historyDir  = "config/history"
)

// smallFile is the size up to which running.json is written at every commit.
const smallFile = 64 << 10

// disk reads and writes the files. The store calls it from one goroutine at a time, but for history and at.
type disk struct {
	dir    *os.Root
	schema *schema.Schema
	log    *slog.Logger
	base   int64    // size of running.json
	baseID uint64   // the commit that it holds
	grown  int64    // octets of records since
	ids    []uint64 // of the records that there are, ascending, so that a commit need not read the folder
	// step is asked before every step that a crash could come between; tests end the process there, or let the step fail.
	step func(string) error
}

func openDisk(dir *os.Root, s *schema.Schema, log *slog.Logger) (*disk, error) {
	for _, d := range []string{configDir, historyDir} {
		if err := dir.Mkdir(d, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return &disk{dir: dir, schema: s, log: log, step: stepHook}, nil
}

// stepHook is replaced by the tests that end the process, or let the disk fail, at every step.
var stepHook = func(string) error { return nil }

// write makes a file whole or not at all: temporary file, sync, rename, sync of the folder.
func (d *disk) write(name string, content func(io.Writer) error) (size int64, err error) {
	temporary := name + ".new"
	if err := d.step("create " + temporary); err != nil {
		return 0, err
	}
	f, err := d.dir.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	count := &counter{w: f, step: func() error { return d.step("write " + temporary) }}
	buffered := bufio.NewWriterSize(count, 16<<10)
	if err := cmp.Or(content(buffered), buffered.Flush(), d.step("sync "+temporary)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if err := d.step("rename " + temporary); err != nil {
		return 0, err
	}
	if err := d.dir.Rename(temporary, name); err != nil {
		return 0, err
	}
	return count.n, d.syncFolder(name)
}

type counter struct {
	w    io.Writer
	n    int64
	step func() error
}

func (c *counter) Write(p []byte) (int, error) {
	if err := c.step(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// syncFolder makes durable that a file has come, gone or been replaced.
func (d *disk) syncFolder(file string) error {
	if err := d.step("sync folder of " + file); err != nil {
		return err
	}
	f, err := d.dir.Open(path.Dir(file))
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func recordName(id uint64) string { return fmt.Sprintf("%s/%08d.json", historyDir, id) }

// records lists the ids in the history, ascending.
func (d *disk) records() ([]uint64, error) {
	entries, err := fs.ReadDir(d.dir.FS(), historyDir)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), ".json")
		if id, err := strconv.ParseUint(text, 10, 64); ok && err == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// unconfirmed is a commit found on disk that waits to be confirmed.
type unconfirmed struct {
	note   *pendingNote
	backup *Snapshot
}

// load reads running.json and the records after it. A commit that was not confirmed in time, or not before the process ended if
// it does not outlive that, is undone; else it is returned as waiting.
func (d *disk) load() (at *Snapshot, waiting *unconfirmed, err error) {
	if at, err = d.readAll(); err != nil {
		return nil, nil, err
	}
	note, err := d.readPending()
	if err != nil || note == nil {
		return at, nil, err
	}
	if !at.Trial || note.Backup >= at.ID { // it was never made, or a later commit confirmed it
		return at, nil, d.clearPending()
	}
	backup, err := d.at(at, note.Backup)
	if err != nil {
		return nil, nil, fmt.Errorf("undo the unconfirmed commit %d: %w", at.ID, err)
	}
	switch {
	case note.Deadline.IsZero():
		at, err = d.undo(at, backup, "the process ended")
	case note.left(time.Now()) <= 0:
		at, err = d.undo(at, backup, "not confirmed in time")
	default:
		at.Persist = note.Persist
		return at, &unconfirmed{note, backup}, nil
	}
	return at, nil, err
}

// undo makes durable that a trial is over, and backup runs again.
func (d *disk) undo(at, backup *Snapshot, why string) (*Snapshot, error) {
	undone := &Snapshot{ID: at.ID + 1, Root: backup.Root, Time: time.Now(), User: "system", Via: "rollback",
		Comment: "unconfirmed commit undone: " + why, changes: backup.changes, from: at.ID}
	if err := d.append(at, undone, int(undone.ID)); err != nil {
		return nil, err
	}
	return undone, d.clearPending()
}

func (d *disk) readAll() (*Snapshot, error) {
	at, err := d.readRunning()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", RunningFile, err)
	}
	d.baseID = at.ID
	if d.ids, err = d.records(); err != nil {
		return nil, err
	}
	for _, id := range d.ids {
		if id <= at.ID {
			continue
		}
		if id != at.ID+1 {
			return nil, fmt.Errorf("%s: commit %d is missing, commit %d is there", historyDir, at.ID+1, id)
		}
		if at, err = d.replay(at, id, false); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// append makes a commit durable. Once its record is in place the commit stands; what follows is housekeeping.
func (d *disk) append(old, next *Snapshot, keep int) error {
	size, err := d.write(recordName(next.ID), func(w io.Writer) error { return writeRecord(w, old, next) })
	if err != nil {
		d.dir.Remove(recordName(next.ID)) // the rename may have happened when the folder could not be synced
		return err
	}
	d.ids = append(d.ids, next.ID)
	if d.grown += size; d.base <= smallFile || d.grown > d.base {
		if err := d.checkpoint(next); err != nil {
			d.log.Error("the configuration file is not up to date; the history is, and the next commit tries again", "file", RunningFile, "error", err)
		}
	}
	d.trim(next.ID, keep)
	return nil
}

// checkpoint writes running.json.
func (d *disk) checkpoint(s *Snapshot) error {
	if d.baseID == s.ID && d.base > 0 || s.ID == 0 {
		return nil
	}
	size, err := d.write(RunningFile, func(w io.Writer) error {
		j := tree.NewJSONWriter(w, "  ")
		j.Begin()
		j.Member("@", fmt.Sprintf(`{"mooring:commit": %d}`, s.ID)) // RFC 7952 has no place for the whole; @ is that of an object
		(&tree.Walk{Writer: j}).Children(s.Root)
		return j.End()
	})
	if err == nil {
		d.base, d.baseID, d.grown = size, s.ID, 0
	}
	return err
}

// trim removes records that are neither needed to complete running.json nor among the newest keep.
func (d *disk) trim(newest uint64, keep int) {
	for len(d.ids) > 0 && d.ids[0] <= d.baseID && d.ids[0]+uint64(keep) <= newest {
		name := recordName(d.ids[0])
		if d.step("remove "+name) != nil {
			return // the next commit tries again
		}
		if err := d.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
		d.ids = d.ids[1:]
	}
}

// at goes back from a snapshot to an earlier one, record by record.
func (d *disk) at(from *Snapshot, id uint64) (*Snapshot, error) {
	at, back := from, tree.Unchanged(from.Root)
	for at.ID > id {
		earlier, err := d.replay(at, at.ID, true)
		if err != nil {
			return nil, fmt.Errorf("commit %d cannot be returned to: %w", id, err)
		}
		back = back.Then(earlier.changes)
		earlier.changes, earlier.from = back, from.ID
		at = earlier
	}
	return at, nil
}

// history reads the heads of all records, the newest first.
func (d *disk) history() ([]Snapshot, error) {
	ids, err := d.records()
	if err != nil {
		return nil, err
	}
	var list []Snapshot
	for _, id := range slices.Backward(ids) {
		r, err := d.readRecord(id, true)
		if err != nil {
			return nil, err
		}
		list = append(list, r.snapshot())
	}
	return list, nil
}
