package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Due says whether a snapshot should be written: the logs have grown, or the store failed and may be tried again.
func (j *Journal) Due() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.busy || !j.claimed:
		return false
	case j.status.State == Healthy:
		return j.status.Log > j.threshold
	}
	return !time.Now().Before(j.retryAt)
}

// Snapshot begins a new log, and has everything that the sources yield written beside it; then what was before is removed. The sources
// may yield bindings as they are by now or as they become meanwhile: what becomes of them is in the log. settled is called from another
// goroutine and returns when the owner has written, or failed to write, everything that the sources may have shown so far.
func (j *Journal) Snapshot(sources []Source, settled func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	failing := j.status.State != Healthy
	j.peers.forgetPast()
	if err := j.begin(); err != nil {
		j.postpone(err)
		return
	}
	if failing {
		j.status.State = Recovering
	} else {
		j.last = j.generation
	}
	j.busy = true
	generation, before := j.generation, j.status.Log
	j.workers.Go(func() {
		size, err := j.replace(generation, sources, settled)
		j.finish(generation, size, before, err)
	})
}

// postpone is what happens to a snapshot that cannot be written. The caller has the lock.
func (j *Journal) postpone(err error) {
	if j.status.State == Healthy {
		j.Log.Warn("no snapshot of the bindings could be written, will try again", "error", err)
		j.threshold = 2 * max(j.status.Log, j.Least)
		return
	}
	j.fail(err)
}

// replace writes a snapshot, whole or not at all.
func (j *Journal) replace(generation uint64, sources []Source, settled func()) (size int64, err error) {
	name := fileName(snapshotName, generation)
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(j.folder, name+unfinished))
		}
	}()
	f, err := j.folder.Create(name + unfinished)
	if err != nil {
		return 0, err
	}
	size, err = j.writeRows(f, sources)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	settled()
	j.sync()
	if status := j.Status(); status.State == Failing { // what the snapshot shows may never have been written
		return 0, status.Err
	}
	if err := j.folder.Rename(name+unfinished, name); err != nil {
		return 0, err
	}
	if err := j.folder.Sync(); err != nil {
		return 0, errors.Join(err, remove(j.folder, name))
	}
	return size, nil
}

// finish takes note of a snapshot, and removes what it has taken the place of.
func (j *Journal) finish(generation uint64, size, before int64, err error) {
	if err == nil { // large files take their time: the owner does not wait for that
		if err := j.removeBefore(generation); err != nil {
			j.Log.Warn("old files of bindings could not be removed", "error", err)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.tell()
	j.busy = false
	if err != nil {
		if generation != j.last { // the log is worth nothing without what it goes on from
			err = errors.Join(err, remove(j.folder, fileName(peersName, generation)), remove(j.folder, fileName(logName, generation)))
		}
		j.postpone(fmt.Errorf("snapshot: %w", err))
		return
	}
	j.last = generation
	if j.status.State == Recovering {
		j.Log.Info("bindings are stored again", "after", time.Since(j.status.Since).Round(time.Millisecond))
		j.status.State, j.status.Err, j.status.Since = Healthy, nil, time.Now()
	}
	j.status.Snapshots++
	j.status.Snapshot, j.status.Log = size, j.status.Log-before
	j.threshold = max(j.Least, 4*size)
}

// piece is how much of a snapshot is synced at once, in octets: the syncs of the log wait behind it.
const piece = 4 << 20

func (j *Journal) writeRows(f File, sources []Source) (size int64, err error) {
	b := head{Version, j.Restarts(), 0}.append(nil)
	synced := int64(0)
	flush := func() error {
		n, err := f.Write(b)
		if size += int64(n); err == nil && size-synced > piece {
			synced = size
			err = f.Sync()
		}
		return err
	}
	if err := flush(); err != nil {
		return size, err
	}
	var records frames
	rows := uint64(0)
	for _, s := range sources {
		records.begin(s.Machine, uint64(s.Last))
		for r := range s.Rows {
			records.begin(s.Machine, uint64(s.Last))
			records.octets = appendRow(records.octets, r)
			if rows++; len(records.octets) > maxFrame/2 {
				b = records.take()
				if err := flush(); err != nil {
					return size, err
				}
			}
		}
	}
	records.begin("", 0)
	records.octets = binary.AppendUvarint(append(records.octets, byte(kindEnd)), rows)
	b = records.take()
	return size, flush()
}

// removeBefore removes what a snapshot has taken the place of. Files with damage are kept under another name.
func (j *Journal) removeBefore(generation uint64) error {
	names, err := j.folder.Names()
	if err != nil {
		return err
	}
	damaged := map[string]bool{}
	for _, d := range j.status.Damage {
		damaged[d.File] = true
	}
	var errs []error
	for _, prefix := range []string{peersName, logName, snapshotName} {
		for _, g := range generations(names, prefix) {
			switch name := fileName(prefix, g); {
			case g >= generation:
			case damaged[name]:
				errs = append(errs, j.folder.Rename(name, "damaged."+name))
			default:
				errs = append(errs, remove(j.folder, name))
			}
		}
	}
	return errors.Join(errs...)
}
