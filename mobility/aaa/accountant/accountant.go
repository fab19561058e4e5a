// Package accountant keeps the accounting of a running element: what happens to bindings goes through the ledger onto disk, and from there to
// the servers.
//
//	Happened ──> ledger ──> spool.Commit ──> Happened returns          (who tells of an event knows that its record is on disk)
//	                            │
//	                            └─ Wake ──> client ──> servers
//	Run: Interim-Updates, counters read now and then, and what the disk refused is tried again
//
// Events may be lost, when there are more than anybody can take in, or with the process. Therefore the sessions are compared with the binding
// tables at start, and whenever the engine says that it has dropped some: a binding without a session gets one, a session without a binding its
// Stop. So a Stop can be late, and its counters those of the last time they were read, but it is sent (docs/adr/0212).
package accountant

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"log/slog"
	"net"
	"os"
	"path"
	"sync"
	"time"

	"layeh.com/radius/rfc2866"

	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/client"
	"mooring/mobility/aaa/spool"
)

// Options of an Accountant. Root, Name and Bindings have to be given.
type Options struct {
	Root *os.Root // holds the file
	Name string   // of the file within it
	Log  *slog.Logger
	// Meter reads the counters of the dataplane; nil: there are none.
	Meter aaa.Meter
	// Bindings returns those of an anchor, none of one that does not run.
	Bindings func(anchor string) iter.Seq[*mobility.Binding]
	// Dropped returns how many events were lost so far; nil: none ever are.
	Dropped func() uint64
	// Dial opens a socket to a server; nil: that of client.Dialer{}.
	Dial func(context.Context, *aaa.Target) (net.Conn, error)
	// ServerChanged is told that a server went down, or is back, and how many records wait.
	ServerChanged func(server string, up bool, queued int)
	// RoomChanged is told that the queue got fuller, or emptier, and how many records wait.
	RoomChanged func(room aaa.Room, queued int)
}

// Accountant does the accounting of an element. Its methods may be called concurrently.
type Accountant struct {
	Options
	wake chan struct{} // has a token when Run has to look at its deadlines again

	mu      sync.Mutex // guards what follows
	spool   *spool.Spool
	client  *client.Client
	ledger  *aaa.Ledger
	config  *aaa.Config
	changes aaa.Changes // not on disk yet
	again   time.Time   // when what the disk has refused is tried again; zero: it has refused nothing
	// misplaced says that records go where an earlier configuration said.
	misplaced bool
	room      aaa.Room
	dropped   uint64 // events, when bindings were last compared
	round     uint64 // of checkpoints
}

// New returns an accountant that accounts nothing. Nothing is on disk before it is configured to.
func New(o Options) *Accountant {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Meter == nil {
		o.Meter = nothing{}
	}
	if o.Dropped == nil {
		o.Dropped = func() uint64 { return 0 }
	}
	if o.ServerChanged == nil {
		o.ServerChanged = func(string, bool, int) {}
	}
	if o.RoomChanged == nil {
		o.RoomChanged = func(aaa.Room, int) {}
	}
	return &Accountant{Options: o, wake: make(chan struct{}, 1), config: &aaa.Config{}}
}

// Prepare makes sure that cfg can be obeyed: that what has to be kept can be. It disturbs nothing.
func (a *Accountant) Prepare(cfg *aaa.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spool != nil || len(cfg.Anchors) == 0 && !a.hasFile() {
		return nil
	}
	return a.open()
}

func (a *Accountant) hasFile() bool {
	_, err := a.Root.Stat(a.Name)
	return err == nil
}

// open opens the file and what works with it; mu is held.
func (a *Accountant) open() error {
	if err := a.Root.Mkdir(path.Dir(a.Name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	s, err := spool.Open(a.Root, a.Name, time.Now())
	if err != nil {
		return err
	}
	a.spool = s
	a.ledger = aaa.NewLedger(a.Meter, s.Birth, s.Last, s.Open)
	a.client = client.New(client.Options{
		Queue: s, Log: a.Log, Dial: a.Dial, Taken: a.taken,
		Changed: func(server string, up bool) { a.ServerChanged(server, up, s.Queued()) },
	})
	if len(s.Open) > 0 || s.Queued() > 0 {
		a.Log.Info("accounting goes on", "sessions", len(s.Open), "records", s.Queued())
	}
	s.Open = nil // they are the ledger's
	return nil
}

// Configure obeys cfg, which Prepare has seen. The anchors that it names have to run already.
func (a *Accountant) Configure(cfg *aaa.Config) {
	a.mu.Lock()
	if a.spool == nil {
		a.mu.Unlock()
		return
	}
	now, anchors := time.Now(), cfg.Anchors
	if len(cfg.Lanes) == 0 {
		anchors = nil
	}
	gone := rfc2866.AcctTerminateCause_Value_NASReboot
	if a.spool.Closed {
		gone = rfc2866.AcctTerminateCause_Value_AdminReboot
	}
	fresh := a.ledger.Configure(now, anchors, &a.changes)
	a.commit() // where records went so far
	a.config = cfg
	a.place()
	for _, name := range fresh {
		a.ledger.Compare(now, name, a.Bindings(name), gone, &a.changes)
	}
	a.commit()
	sender := a.client
	a.mu.Unlock()
	sender.Configure(cfg.Lanes, cfg.DeadTime) // which may wait for what it tells us
	a.look()
}

// place has records go where the configuration says; mu is held. What the disk refuses is tried again.
func (a *Accountant) place() {
	err := a.spool.Configure(names(a.config.Lanes), a.config.Queue)
	if err != nil && !a.misplaced {
		a.Log.Error("accounting records stay where they are, will try again", "error", err)
	}
	a.misplaced = err != nil
}

func names(lanes []aaa.Lane) (list []string) {
	for _, l := range lanes {
		list = append(list, l.Name)
	}
	return list
}

// Happened takes in what happened to bindings, and returns when the records of it are on disk, or the disk has refused them.
func (a *Accountant) Happened(events []Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spool == nil {
		return
	}
	for _, ev := range events {
		a.ledger.Event(ev.At, ev.Anchor, ev.Event, &a.changes)
	}
	a.compare()
	a.commit()
}

// compare looks at all bindings if events were lost; mu is held.
func (a *Accountant) compare() {
	dropped := a.Dropped()
	if dropped == a.dropped {
		return
	}
	a.dropped = dropped
	for _, anchor := range a.config.Anchors {
		a.ledger.Compare(time.Now(), anchor.Name, a.Bindings(anchor.Name), rfc2866.AcctTerminateCause_Value_NASError, &a.changes)
	}
}

// commit writes what is not on disk yet; mu is held. What cannot be written is kept and tried again, not more often than once in a beat.
func (a *Accountant) commit() {
	if a.changes.Empty() || a.failing() && time.Now().Before(a.again) {
		return
	}
	room, err := a.spool.Commit(&a.changes)
	if err != nil {
		a.refused(err)
		return
	}
	a.again = time.Time{}
	if len(a.changes.Records) > 0 {
		a.client.Wake()
		a.look()
	}
	a.changes.Reset()
	a.noteRoom(room)
}

func (a *Accountant) failing() bool { return !a.again.IsZero() }

// refused notes that the disk has not taken the changes; mu is held. Of the records, those stay for which there is room; sessions are on
// disk as they were, so that whoever comes after this process ends those that should be closed by now.
func (a *Accountant) refused(err error) {
	a.changes.Records = a.spool.Thin(a.changes.Records)
	if !a.failing() {
		a.Log.Error("accounting is not on disk, will try again", "error", err, "records", len(a.changes.Records))
	}
	a.again = time.Now().Add(beat)
	a.noteRoom(aaa.Unwritable)
}

// noteRoom tells when the queue got fuller or emptier; mu is held.
func (a *Accountant) noteRoom(room aaa.Room) {
	if room == a.room {
		return
	}
	queued := a.spool.Queued()
	level, text := slog.LevelInfo, "accounting records have more room again"
	switch {
	case room == aaa.Unwritable:
		level, text = slog.LevelError, "accounting records wait for the disk, too; see to its room"
	case room > a.room:
		level, text = slog.LevelError, "accounting records are left out for lack of room, first interim ones, then starts, stops never; see to the servers"
	}
	a.room = room
	a.Log.Log(context.Background(), level, text, "room", room, "queued", queued)
	a.RoomChanged(room, queued)
}

// taken notes that a server has records.
func (a *Accountant) taken(entries []spool.Entry) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range entries {
		if s := a.ledger.Session(entries[i].Session()); s != nil {
			s.Acknowledge(now)
		}
	}
	if a.room != aaa.Ample && !a.failing() {
		a.noteRoom(a.spool.Room())
	}
}

// look has Run look at its deadlines again.
func (a *Accountant) look() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

const (
	beat        = time.Second // between two looks at what is to be tried again
	checkpoints = 60          // beats in which all counters are read once
)

// Run makes what time brings until ctx ends.
func (a *Accountant) Run(ctx context.Context) error {
	ticker, timer := time.NewTicker(beat), time.NewTimer(time.Hour)
	defer ticker.Stop()
	defer timer.Stop()
	for {
		timer.Reset(a.untilDeadline())
		select {
		case <-ctx.Done():
			return nil
		case <-a.wake:
		case <-timer.C:
			a.advance(false)
		case <-ticker.C:
			a.advance(true)
		}
	}
}

func (a *Accountant) untilDeadline() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spool != nil {
		if at, ok := a.ledger.Deadline(); ok {
			return max(0, time.Until(at))
		}
	}
	return time.Hour
}

func (a *Accountant) advance(beat bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spool == nil {
		return
	}
	a.ledger.Advance(time.Now(), &a.changes)
	if beat {
		a.compare()
		a.ledger.Checkpoint(a.round, checkpoints, &a.changes)
		a.round = (a.round + 1) % checkpoints
		if a.misplaced {
			a.place()
			a.client.Wake()
		}
	}
	a.commit()
	if beat {
		a.spool.Release()
	}
}

// Close reads the counters once more and stops. Sessions stay open: their bindings outlive the process, or else the next one ends them.
func (a *Accountant) Close() error {
	a.mu.Lock()
	s, sender := a.spool, a.client
	a.mu.Unlock()
	if s == nil {
		return nil
	}
	sender.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ledger.Checkpoint(0, 1, &a.changes)
	a.again = time.Time{} // there is no later
	a.commit()
	a.spool = nil
	return s.Close(!a.failing())
}
