package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

// Options of a Journal. The zero value works.
type Options struct {
	Log *slog.Logger
	// Linger is how long what need not be durable at once may wait for the disk; 0 means 200 ms. A host that loses power forgets
	// the refreshes of that time.
	Linger time.Duration
	// Retry is how long a store that failed is left alone; 0 means a second.
	Retry time.Duration
	// Least is how many octets the logs have before a snapshot takes their place, at least; 0 means 16 MiB. Else it is four times
	// the last snapshot.
	Least int64
}

// Mark is a point in what was written: everything up to it, or not yet.
type Mark uint64

// State says how a store is doing.
type State uint8

// The states.
const (
	Healthy    State = iota
	Failing          // nothing can be written, and it is tried again
	Recovering       // a snapshot is being written after a failure
)

func (s State) String() string { return [...]string{"ok", "failing", "recovering"}[s] }

// Status is how a store is doing, for operators.
type Status struct {
	State     State
	Err       error // why it is not Healthy
	Since     time.Time
	Failures  uint64 // times that it became Failing
	Restarts  uint32 // restart counter
	Restored  int    // bindings that were found at the start
	Damage    []Damage
	Log       int64 // octets of the logs since the snapshot
	Snapshot  int64 // octets
	Syncs     uint64
	LastSync  time.Duration
	Longest   time.Duration
	Snapshots uint64 // written since the start
}

// Journal keeps the bindings of the machines of an element. Take, Forget, Add, Write, Await, Due and Snapshot are for one goroutine, the
// owner; everything else is for any.
type Journal struct {
	folder Folder
	Options
	news    chan struct{}
	poke    chan struct{} // the syncer has something to do
	closing chan struct{}
	workers sync.WaitGroup

	// The owner's.
	machines map[string]*kept
	claimed  bool // what machines has was taken or forgotten: a snapshot is of everything
	frames   frames
	peers    peers
	pressing bool // what is in frames has to be durable soon

	syncing sync.Mutex // held while the disk works; before mu

	mu         sync.Mutex
	status     Status
	generation uint64   // of the log
	last       uint64   // of the newest log that is believed when the next one is read
	file       File     // the log; nil while there is none that can be written
	unsynced   []target // oldest first
	written    Mark
	durable    Mark
	lost       Mark // what was written between durable and this is lost
	awaited    bool // somebody waits for written to become durable
	lingering  bool // the syncer will come by itself
	retryAt    time.Time
	threshold  int64 // octets of the logs from which on a snapshot is due
	busy       bool  // a snapshot is being written
}

// target is a log with octets that are not on the disk.
type target struct {
	file   File
	peers  File  // begun together with it
	met    int64 // octets that were written to peers
	known  int64 // of these, those that are on the disk
	fresh  bool  // the folder does not have the two for sure
	closed bool  // nothing more will be written to them
}

// ErrFailing is why nothing is written: the store failed, and is tried again later.
var ErrFailing = errors.New("the binding store is failing")

// Open reads what the folder has and begins a new log. It fails where files cannot be read or are of a newer version (*NewerError). Damage
// is no failure: it is in the Status, the restart counter says so, and what is damaged is kept aside.
func Open(folder Folder, o Options) (*Journal, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Linger == 0 {
		o.Linger = 200 * time.Millisecond
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	if o.Least == 0 {
		o.Least = 16 << 20
	}
	found, err := restore(folder)
	if err != nil {
		return nil, fmt.Errorf("restore bindings: %w", err)
	}
	j := &Journal{folder: folder, Options: o, machines: found.machines, peers: found.peers,
		news: make(chan struct{}, 1), poke: make(chan struct{}, 1), closing: make(chan struct{}), generation: found.newest}
	j.status = Status{Since: time.Now(), Restarts: restarts(found), Damage: found.damage, Log: found.logs, Snapshot: found.snapshot}
	for _, m := range found.machines {
		j.status.Restored += len(m.rows)
	}
	j.threshold = max(o.Least, 4*found.snapshot)
	if len(found.damage) > 0 || len(found.chain) > 16 {
		j.threshold = 0 // what is restored is written anew at once
	}
	j.report(found)
	j.last = found.lastOfChain()
	if err := j.begin(); err != nil {
		j.fail(err)
	}
	j.last = j.generation
	j.workers.Go(j.syncer)
	return j, nil
}

// restarts returns the restart counter: one more than before where bindings were lost (RFC 5847 section 3.4). A new store begins with a
// number that no earlier one had: whatever was before is lost too.
func restarts(found *restored) uint32 {
	switch {
	case found.restarts == 0:
		return uint32(time.Now().Unix())
	case len(found.damage) > 0:
		return found.restarts + 1
	}
	return found.restarts
}

func (j *Journal) report(found *restored) {
	for _, t := range found.torn {
		j.Log.Info("the last write was cut off: nobody was told of it", "file", t.File, "offset", t.Offset, "octets", t.Octets)
	}
	for _, d := range found.damage {
		j.Log.Error("bindings were lost", "file", d.File, "offset", d.Offset, "octets", d.Octets, "reason", d.Reason)
	}
	for _, d := range found.unknown {
		j.Log.Warn("whom bindings are with is not known for sure", "file", d.File, "offset", d.Offset, "octets", d.Octets, "reason", d.Reason)
	}
}

// Restarts returns the restart counter that heartbeats state (RFC 5847 section 3.4): it changes with a start that lost bindings.
func (j *Journal) Restarts() uint32 { return j.Status().Restarts }

// Status returns how the store is doing.
func (j *Journal) Status() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}

// Take returns the bindings that were found of a machine, in the order in which they came to be, and the highest identifier that any
// had. They are the caller's, and are not returned again.
func (j *Journal) Take(machine string) (rows []*mobility.Binding, last dataplane.SessionID) {
	k := j.machines[machine]
	if k == nil {
		return nil, 0
	}
	rows, last = k.ordered(), k.last
	k.rows = nil
	delete(j.machines, machine)
	return rows, last
}

// Forget drops what was found of machines that nobody took, and returns how many bindings each had. There is no snapshot before it was called.
func (j *Journal) Forget() map[string]int {
	j.claimed = true
	dropped := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(j.machines)) {
		if n := len(j.machines[name].rows); n > 0 {
			dropped[name] = n
			j.frames.begin(name, 0)
			j.frames.octets = append(j.frames.octets, byte(kindForget))
			j.pressing = true
		}
	}
	for name := range j.machines {
		delete(j.peers.bindings, name)
	}
	clear(j.machines)
	return dropped
}

// Add notes a change of a machine's binding.
func (j *Journal) Add(machine string, c mobility.Change) {
	j.frames.begin(machine, 0)
	b := j.frames.octets
	switch {
	case c.New == nil:
		b = binary.AppendUvarint(append(b, byte(kindDelete)), uint64(c.Old.ID))
		j.pressing = true
	case c.Old != nil && renews(c.Old, c.New):
		b = appendRenewal(b, c.New)
	default:
		b = appendRow(b, c.New)
		j.pressing = true
	}
	j.frames.octets = b
	j.peers.count(machine, c)
}

// Write hands over what was added. It returns a mark, and whether that has to become durable before anybody is told of the changes: else
// they may be told at once. After an error nothing of it is kept, as if it had not been added.
func (j *Journal) Write() (mark Mark, pressing bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b, met, pressing := j.frames.take(), j.peers.news.take(), j.pressing
	j.pressing = false
	if len(b) == 0 {
		return j.written, false, nil
	}
	if j.file == nil {
		return 0, pressing, ErrFailing
	}
	if err := j.write(met, b); err != nil {
		j.fail(fmt.Errorf("write: %w", err))
		return 0, pressing, ErrFailing
	}
	j.status.Log += int64(len(b))
	j.written += Mark(len(b))
	if !j.lingering {
		j.wake()
	}
	return j.written, pressing, nil
}

// write writes to the present files. The caller has the lock.
func (j *Journal) write(met, records []byte) error {
	t := &j.unsynced[len(j.unsynced)-1]
	if len(met) > 0 {
		if err := writeAll(t.peers, met); err != nil {
			return err
		}
		t.met += int64(len(met))
	}
	return writeAll(t.file, records)
}

func writeAll(f File, b []byte) error {
	n, err := f.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// Await has everything that was written made durable as soon as the disk can. News tells of it.
func (j *Journal) Await() {
	j.mu.Lock()
	j.awaited = true
	j.mu.Unlock()
	j.wake()
}

// News receives when Durable, or what Status or Due say, may have changed.
func (j *Journal) News() <-chan struct{} { return j.news }

// Durable returns up to where everything is on the disk, and from there up to where it is lost. The owner looks before it calls Snapshot.
func (j *Journal) Durable() (durable, lost Mark) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.durable, j.lost
}

// fail takes the log out of use. The caller has the lock.
func (j *Journal) fail(err error) {
	if j.status.State == Healthy {
		j.status.Failures++
		j.status.Since = time.Now()
		j.Log.Error("bindings cannot be stored: registrations are refused until they can", "error", err)
	}
	j.status.State, j.status.Err = Failing, err
	if j.file != nil {
		if n := len(j.unsynced); n > 0 {
			j.unsynced[n-1].closed = true
		}
		j.file = nil
	}
	j.retryAt = time.Now().Add(j.Retry)
	time.AfterFunc(j.Retry, j.tell)
	j.tell()
}

// begin begins the next log, and the next file of peers. The caller has the lock, or the Journal for itself.
func (j *Journal) begin() error {
	j.generation++
	name := fileName(logName, j.generation)
	log, err := j.create(name, nil)
	if err != nil {
		return err
	}
	peers, err := j.create(fileName(peersName, j.generation), j.peers.began())
	if err != nil {
		return errors.Join(err, log.Close(), j.folder.Remove(name))
	}
	if n := len(j.unsynced); n > 0 {
		j.unsynced[n-1].closed = true
	}
	j.unsynced = append(j.unsynced, target{file: log, peers: peers, met: 1, fresh: true})
	j.file = log
	j.frames.reset()
	return nil
}

func (j *Journal) tell() {
	select {
	case j.news <- struct{}{}:
	default:
	}
}

func (j *Journal) wake() {
	select {
	case j.poke <- struct{}{}:
	default:
	}
}

// Close makes durable what was written, and ends. Nothing may be called after it.
func (j *Journal) Close() error {
	close(j.closing)
	j.workers.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, t := range j.unsynced {
		errs = append(errs, t.close())
	}
	return errors.Join(errs...)
}

func (t *target) close() error { return errors.Join(t.file.Close(), t.peers.Close()) }

// create makes a file with a head and what it begins with, or none.
func (j *Journal) create(name string, first []byte) (File, error) {
	f, err := j.folder.Create(name)
	if err != nil {
		return nil, err
	}
	if err := writeAll(f, append(head{Version, j.status.Restarts, j.last}.append(nil), first...)); err != nil {
		return nil, errors.Join(err, f.Close(), j.folder.Remove(name))
	}
	return f, nil
}

// Source yields the bindings of a machine for a snapshot. It is called from another goroutine than the owner's.
type Source struct {
	Machine string
	Last    dataplane.SessionID // highest identifier so far
	Rows    iter.Seq[*mobility.Binding]
}

func remove(folder Folder, name string) error {
	if err := folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
