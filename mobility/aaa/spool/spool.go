// Package spool keeps accounting on disk: the sessions that are open, and the records that no server has taken yet.
//
// It is one file, a bbolt database: what a step of the ledger wants is one transaction, which is on disk when Commit returns and is there as a
// whole or not at all, whenever the process is killed (docs/adr/0211).
//
//	meta      birth, last (number of the newest session), closed (the last process ended in order)
//	sessions  Acct-Session-Id -> session (aaa.Kept)
//	lanes     one bucket for each: number in the order of arrival -> record (aaa.Record.AppendBinary)
package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"mooring/mobility/aaa"
)

// Spool is the file. Its methods may be called concurrently.
type Spool struct {
	Open   []*aaa.Kept // that an earlier process left; the caller's
	Birth  time.Time   // when the file was made
	Last   uint64      // number of the newest session when it was opened
	Closed bool        // the process before ended in order

	db *bbolt.DB

	mu    sync.Mutex
	lanes []string
	limit int
	tally tally
}

// Tally counts records that were let go and those that wait.
type tally struct {
	queued map[string]map[aaa.Owner]int // by lane
	total  map[string]int               // by lane
	left   Left
}

// Left counts records that were not queued for lack of room.
type Left struct{ Interims, Starts uint64 }

var (
	metaBucket, sessionsBucket, lanesBucket = []byte("meta"), []byte("sessions"), []byte("lanes")

	birthKey, lastKey, closedKey = []byte("birth"), []byte("last"), []byte("closed")
)

// lockWait bounds the wait for another process that has the file; the state folder's own lock has kept others out before.
const lockWait = time.Second

// Open opens the file, or makes it. now is when it is made.
func Open(root *os.Root, name string, now time.Time) (*Spool, error) {
	db, err := bbolt.Open(name, 0o600, &bbolt.Options{
		Timeout: lockWait, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, // the list is made anew when the file is opened
		OpenFile: func(name string, flag int, perm fs.FileMode) (*os.File, error) {
			return root.OpenFile(name, flag, perm)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("accounting records in %s: %w; move the file away to begin anew, which loses what it holds", name, err)
	}
	s := &Spool{db: db, tally: newTally()}
	if err := s.load(now); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Close closes the file. closed says that the process ends in order.
func (s *Spool) Close(closed bool) error {
	var err error
	if closed {
		err = s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(closedKey, []byte{1}) })
	}
	return errors.Join(err, s.db.Close())
}

// Release takes the pages of the file that were looked at out of the memory of the process, which they count to. The host has them as long as it has room, and whoever looks
// at one gets it back. Where that fails they stay.
func (s *Spool) Release() {
	s.db.View(func(tx *bbolt.Tx) error { // so that the file stays where it is in memory
		_, _, errno := unix.Syscall(unix.SYS_MADVISE, s.db.Info().Data, uintptr(tx.Size()), unix.MADV_DONTNEED)
		return errno
	})
}

func (s *Spool) load(now time.Time) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{metaBucket, sessionsBucket, lanesBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if err := s.loadMeta(tx.Bucket(metaBucket), now); err != nil {
			return err
		}
		if err := s.loadSessions(tx.Bucket(sessionsBucket)); err != nil {
			return err
		}
		lanes := tx.Bucket(lanesBucket)
		return lanes.ForEachBucket(func(name []byte) error {
			s.lanes = append(s.lanes, string(name))
			return s.count(string(name), lanes.Bucket(name))
		})
	})
}

func (s *Spool) loadMeta(meta *bbolt.Bucket, now time.Time) error {
	s.Closed = meta.Get(closedKey) != nil
	if err := meta.Delete(closedKey); err != nil {
		return err
	}
	if birth := meta.Get(birthKey); birth != nil {
		s.Birth = time.Unix(int64(number(birth)), 0)
	} else {
		s.Birth = now
		if err := meta.Put(birthKey, octets(uint64(now.Unix()))); err != nil {
			return err
		}
	}
	s.Last = number(meta.Get(lastKey))
	return nil
}

func (s *Spool) loadSessions(sessions *bbolt.Bucket) error {
	return sessions.ForEach(func(id, octets []byte) error {
		number, ok := aaa.SessionNumber(s.Birth, string(id))
		if !ok {
			return fmt.Errorf("accounting session %q is none of a file that was made at %v", id, s.Birth)
		}
		open := &aaa.Kept{Number: number}
		if err := open.UnmarshalBinary(octets); err != nil {
			return fmt.Errorf("accounting session %s: %w", id, err)
		}
		s.Open = append(s.Open, open)
		return nil
	})
}

// count counts the records of a lane.
func (s *Spool) count(lane string, b *bbolt.Bucket) error {
	return b.ForEach(func(_, octets []byte) error {
		var r aaa.Record
		if err := r.UnmarshalBinary(octets); err != nil {
			return err
		}
		s.tally.add(lane, &r, +1)
		return nil
	})
}

func newTally() tally { return tally{queued: map[string]map[aaa.Owner]int{}, total: map[string]int{}} }

// add adds n to those that wait, for a record.
func (t *tally) add(lane string, r *aaa.Record, n int) {
	t.total[lane] += n
	for owner := range r.Owners {
		t.addOf(lane, owner, n)
	}
}

func (t *tally) addOf(lane string, owner aaa.Owner, n int) {
	if t.queued[lane] == nil {
		t.queued[lane] = map[aaa.Owner]int{}
	}
	t.queued[lane][owner] += n
}

// include adds what another has counted.
func (t *tally) include(other *tally) {
	for lane, owners := range other.queued {
		for owner, n := range owners {
			t.addOf(lane, owner, n)
		}
		t.total[lane] += other.total[lane]
	}
	t.left.Interims += other.left.Interims
	t.left.Starts += other.left.Starts
}

// Commit makes changes durable. Records for which there is no room are left out (see aaa.Room.Admits) and counted; room tells how much there is
// afterwards. When it fails, nothing has happened.
func (s *Spool) Commit(c *aaa.Changes) (room aaa.Room, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var added tally
	err = s.db.Update(func(tx *bbolt.Tx) error {
		added = newTally()
		if c.Last > 0 {
			if err := tx.Bucket(metaBucket).Put(lastKey, octets(c.Last)); err != nil {
				return err
			}
		}
		if err := s.commitSessions(tx.Bucket(sessionsBucket), c); err != nil {
			return err
		}
		for _, lane := range s.lanes {
			if err := s.append(tx.Bucket(lanesBucket).Bucket([]byte(lane)), lane, c.Records, &added); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.room(), fmt.Errorf("accounting records cannot be written: %w", err)
	}
	s.tally.include(&added)
	return s.room(), nil
}

func (s *Spool) commitSessions(sessions *bbolt.Bucket, c *aaa.Changes) error {
	sessions.FillPercent = 1 // numbers only grow
	for _, open := range c.Open {
		kept := open.Kept()
		octets, err := kept.AppendBinary(nil)
		if err != nil {
			return err
		}
		if err := sessions.Put(s.key(kept.Number), octets); err != nil {
			return err
		}
	}
	for _, number := range c.Closed {
		if err := sessions.Delete(s.key(number)); err != nil {
			return err
		}
	}
	return nil
}

// key is that of a session.
func (s *Spool) key(number uint64) []byte { return []byte(aaa.SessionName(s.Birth, number)) }

func (s *Spool) append(b *bbolt.Bucket, lane string, records []aaa.Record, added *tally) error {
	b.FillPercent = 1 // numbers only grow
	for i := range records {
		r := &records[i]
		if !s.admits(s.tally.total[lane]+added.total[lane], r) {
			added.left.count(r)
			continue
		}
		n, err := b.NextSequence()
		if err != nil {
			return err
		}
		octetsOf, err := r.AppendBinary(nil)
		if err != nil {
			return err
		}
		if err := b.Put(octets(n), octetsOf); err != nil {
			return err
		}
		added.add(lane, r, +1)
	}
	return nil
}

// admits reports whether a lane that holds so many records takes another; mu is held.
func (s *Spool) admits(queued int, r *aaa.Record) bool {
	return s.limit == 0 || aaa.RoomOf(queued, s.limit).Admits(r.Status())
}

// room is that of the fullest lane; mu is held.
func (s *Spool) room() (worst aaa.Room) {
	if s.limit == 0 {
		return aaa.Ample
	}
	for _, n := range s.tally.total {
		worst = max(worst, aaa.RoomOf(n, s.limit))
	}
	return worst
}

func octets(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// number is the inverse of octets; that of none is 0.
func number(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// Lanes returns the lanes, sorted.
func (s *Spool) Lanes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.lanes))
}

// Room tells how much room there is in the fullest lane.
func (s *Spool) Room() aaa.Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room()
}
