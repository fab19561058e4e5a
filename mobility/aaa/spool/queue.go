package spool

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
	"layeh.com/radius/rfc2866"

	"mooring/mobility/aaa"
)

// Entry is a record that waits in a lane.
type Entry struct {
	Number uint64 // in the order of arrival
	aaa.Record
}

// Configure sets the lanes that records go into, and how many each may hold, Stops beside; no names leave the lanes as they are. What waits in a lane that
// is no more goes into the first one.
func (s *Spool) Configure(names []string, limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	if len(names) == 0 {
		return nil
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		lanes := tx.Bucket(lanesBucket)
		for _, name := range names {
			if _, err := lanes.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		for _, old := range s.lanes {
			if slices.Contains(names, old) {
				continue
			}
			if err := move(lanes.Bucket([]byte(old)), lanes.Bucket([]byte(names[0]))); err != nil {
				return err
			}
			if err := lanes.DeleteBucket([]byte(old)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("accounting lanes: %w", err)
	}
	s.tally.move(s.lanes, names)
	s.lanes = slices.Clone(names)
	return nil
}

func move(from, to *bbolt.Bucket) error {
	return from.ForEach(func(_, record []byte) error {
		n, err := to.NextSequence()
		if err != nil {
			return err
		}
		return to.Put(octets(n), record)
	})
}

func (t *tally) move(from, to []string) {
	for _, lane := range from {
		if slices.Contains(to, lane) {
			continue
		}
		for owner, n := range t.queued[lane] {
			t.addOf(to[0], owner, n)
		}
		t.total[to[0]] += t.total[lane]
		delete(t.queued, lane)
		delete(t.total, lane)
	}
}

// Next appends up to n entries of a lane behind the number after to list, in their order.
func (s *Spool) Next(lane string, after uint64, n int, list []Entry) ([]Entry, error) {
	err := s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(lanesBucket).Bucket([]byte(lane))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for key, record := c.Seek(octets(after + 1)); key != nil && n > 0; key, record = c.Next() {
			e := Entry{Number: number(key)}
			if err := e.UnmarshalBinary(record); err != nil {
				return err
			}
			list = append(list, e)
			n--
		}
		return nil
	})
	return list, err
}

// Remove takes out entries of a lane that a server has taken.
func (s *Spool) Remove(lane string, entries []Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Entry
	err := s.db.Update(func(tx *bbolt.Tx) error {
		found = found[:0]
		b := tx.Bucket(lanesBucket).Bucket([]byte(lane))
		if b == nil {
			return nil
		}
		for i := range entries {
			key := octets(entries[i].Number)
			if b.Get(key) == nil {
				continue
			}
			if err := b.Delete(key); err != nil {
				return err
			}
			found = append(found, &entries[i])
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("accounting records cannot be taken out: %w", err)
	}
	for _, e := range found {
		s.tally.add(lane, &e.Record, -1)
	}
	return nil
}

// Queued returns how many records wait.
func (s *Spool) Queued() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, total := range s.tally.total {
		n += total
	}
	return n
}

// QueuedOf returns how many records of an owner wait.
func (s *Spool) QueuedOf(owner aaa.Owner) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, owners := range s.tally.queued {
		n += owners[owner]
	}
	return n
}

// Left returns how many records were left out for lack of room since the file was opened.
func (s *Spool) Left() Left {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tally.left
}

// Thin leaves out those of records that there will be no room for once the disk takes them, counts them, and returns the others, in the same
// memory. It keeps what waits for the disk as small as what waits for a server.
func (s *Spool) Thin(records []aaa.Record) []aaa.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	least := 0
	for i, lane := range s.lanes {
		if total := s.tally.total[lane]; i == 0 || total < least {
			least = total
		}
	}
	kept := records[:0]
	for i := range records {
		if r := &records[i]; s.admits(least+len(kept), r) {
			kept = append(kept, *r)
		} else {
			s.tally.left.count(r)
		}
	}
	clear(records[len(kept):])
	return kept
}

func (l *Left) count(r *aaa.Record) {
	switch r.Status() {
	case rfc2866.AcctStatusType_Value_InterimUpdate:
		l.Interims++
	case rfc2866.AcctStatusType_Value_Start:
		l.Starts++
	}
}
