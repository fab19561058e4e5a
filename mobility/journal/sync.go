package journal

import (
	"fmt"
	"time"
)

// syncer waits for the disk, so that the owner need not. It syncs at once when somebody waits, else after Linger; what is written while it
// waits is synced together.
func (j *Journal) syncer() {
	linger := time.NewTimer(j.Linger)
	linger.Stop()
	for {
		select {
		case <-j.closing:
			j.sync()
			return
		case <-linger.C:
			j.sync()
			continue
		case <-j.poke:
		}
		if !j.mayLinger() {
			linger.Stop()
			j.sync()
		} else {
			linger.Reset(j.Linger)
		}
	}
}

// mayLinger says whether nobody waits.
func (j *Journal) mayLinger() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lingering = !j.awaited
	j.awaited = false
	return j.lingering
}

// sync makes durable what is written by now.
func (j *Journal) sync() {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	j.lingering = false
	targets, upTo := append([]target(nil), j.unsynced...), j.written
	clean := len(targets) == 0 || len(targets) == 1 && upTo == j.durable && !targets[0].fresh
	j.mu.Unlock()
	if clean {
		return
	}
	began := time.Now()
	err := j.syncAll(targets)
	took := time.Since(began)

	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.tell()
	j.status.Syncs++
	j.status.LastSync, j.status.Longest = took, max(j.status.Longest, took)
	if err != nil {
		// After a failed sync nobody knows what is on the disk, and the next one may succeed without it: the log is given up.
		j.fail(fmt.Errorf("sync: %w", err))
		j.lost = j.written
		for _, t := range j.unsynced {
			t.close()
		}
		j.unsynced = nil
		return
	}
	j.durable = upTo
	j.drop(targets)
}

func (j *Journal) syncAll(targets []target) error {
	for _, t := range targets {
		if t.met > t.known { // whom a binding is with is never less durable than it
			if err := t.peers.Sync(); err != nil {
				return err
			}
		}
		if err := t.file.Sync(); err != nil {
			return err
		}
		if t.fresh {
			if err := j.folder.Sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop forgets those of the targets that were complete when they were synced. The caller has the lock.
func (j *Journal) drop(synced []target) {
	kept := j.unsynced[:0]
	for i, t := range j.unsynced {
		if i < len(synced) {
			t.fresh, t.known = false, synced[i].met
			if synced[i].closed {
				t.close()
				continue
			}
		}
		kept = append(kept, t)
	}
	clear(j.unsynced[len(kept):])
	j.unsynced = kept
}
