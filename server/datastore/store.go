package datastore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"mooring/server/access"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/validate"
)

// Snapshot is one committed configuration. It never changes.
type Snapshot struct {
	ID    uint64 // counts commits that changed something; 0 is the empty configuration before the first
	Root  *tree.Node
	Time  time.Time
	User  string
	Via   string // what the commit came through: netconf, gnmi, rollback, …
	Label string
	// Comment is what the user said of the commit.
	Comment string
	Trial   bool   // committed to be undone unless it is confirmed, which may have happened since
	Persist string // what confirms a trial from other sessions; forgotten by a restart
	// By is the session that committed; nil where that was before the last start.
	By       *Session
	Warnings []*tree.Error // that are new with it; forgotten by a restart

	// changes lead here from commit from: the one before or, of a snapshot that was made from the history, the one that it was made from.
	changes tree.Changes
	from    uint64
}

// Options say how to open a Store.
type Options struct {
	Schema *schema.Schema
	Rules  *validate.Rules // nil compiles them
	// Dir is the state folder; everything is kept in config/ below it. nil keeps nothing.
	Dir      *os.Root
	Pipeline Pipeline // nil when nothing follows the configuration
	Log      *slog.Logger
	// Startup gives what is committed when there is no configuration yet, or always with StartupReplace; only then is it called.
	Startup        func() (*tree.Node, error)
	StartupReplace bool
	// History is how many commits can be rolled back; 0 takes 100.
	History int
	// Confirmations is told what happens to commits that have to be confirmed, in order; nil: nobody is. It must not wait for
	// the store.
	Confirmations func(Confirmation)
}

// Store is the configuration datastores of one element. All methods are safe for concurrent use.
type Store struct {
	schema   *schema.Schema
	rules    *validate.Rules
	pipeline Pipeline
	log      *slog.Logger
	disk     *disk // nil: nothing is kept
	confirms func(Confirmation)

	running atomic.Pointer[Snapshot]

	commitMu sync.Mutex // held over a whole commit: one at a time

	mu      sync.Mutex // guards what follows; never held while calling out
	shared  content
	locks   map[Target]Lock
	parts   partialLocks
	recent  []*Snapshot // newest last, running among them
	keep    int
	woken   chan struct{} // closed at each commit
	pending *pending
}

// Target names a datastore that can be locked.
type Target string

// The datastores.
const (
	RunningStore   Target = "running"
	CandidateStore Target = "candidate"
)

// recentLimit is how many snapshots stay in memory for roll-back and for followers; older ones are made from the history.
const recentLimit = 64

// Open reads the configuration from disk and puts it into force: it is validated, and the consumers prepare and apply it.
// A commit that was waiting for its confirmation when the process ended goes on waiting if it was made to (Confirm.Resume), and
// is undone if not. When there is no configuration, the one of o.Startup is committed.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{
		schema: o.Schema, rules: o.Rules, pipeline: o.Pipeline, log: o.Log, keep: cmp.Or(o.History, 100), confirms: o.Confirmations,
		locks: map[Target]Lock{}, woken: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.pipeline == nil {
		s.pipeline = none{}
	}
	if s.confirms == nil {
		s.confirms = func(Confirmation) {}
	}
	var err error
	if s.rules == nil {
		if s.rules, err = validate.Compile(o.Schema); err != nil {
			return nil, err
		}
	}
	loaded, waiting := &Snapshot{Root: tree.NewRoot(o.Schema)}, (*unconfirmed)(nil)
	if o.Dir != nil {
		if s.disk, err = openDisk(o.Dir, o.Schema, s.log); err != nil {
			return nil, err
		}
		if loaded, waiting, err = s.disk.load(); err != nil {
			return nil, s.unreadable(err)
		}
	}
	if loaded.ID == 0 && o.Startup != nil { // nobody obeys an empty configuration in between: it would make them forget what they hold
		s.running.Store(loaded)
		s.recent = []*Snapshot{loaded}
	} else if loaded, err = s.begin(ctx, loaded, waiting); err != nil {
		return nil, err
	}
	if loaded.ID > 0 && !o.StartupReplace || o.Startup == nil {
		return s, nil
	}
	if err := s.commitStartup(ctx, o.Startup); err != nil {
		return nil, fmt.Errorf("startup configuration: %w", err)
	}
	return s, nil
}

func (s *Store) commitStartup(ctx context.Context, startup func() (*tree.Node, error)) error {
	root, err := startup()
	c := s.NewSession(access.Element, 0).Private()
	if part, ok := errors.AsType[*tree.Incomplete](err); ok {
		return c.Refusal(nil, part, tree.Edit{Op: tree.Replace, Node: part.Root})
	}
	if err != nil {
		return err
	}
	if err := c.Replace(root); err != nil {
		return c.Refusal(nil, err, tree.Edit{Op: tree.Replace, Node: root})
	}
	_, err = c.Commit(ctx, CommitOptions{Via: "startup"})
	return err
}

// begin puts what was found on disk into force: a trial only if it can be, and for no longer than it has left.
func (s *Store) begin(ctx context.Context, loaded *Snapshot, waiting *unconfirmed) (*Snapshot, error) {
	err := s.start(ctx, loaded)
	if waiting == nil {
		return loaded, err
	}
	if err != nil {
		s.log.Warn("an unconfirmed commit is undone", "error", err)
		undone, err := s.disk.undo(loaded, waiting.backup, "it could not be put into force at the start")
		if err != nil {
			return nil, err
		}
		return undone, s.start(ctx, undone)
	}
	n := waiting.note
	owner := &Session{User: access.User{Name: loaded.User}, store: s}
	s.await(&pending{owner: owner, confirm: Confirm{Timeout: n.Deadline.Sub(n.Began), Persist: n.Persist, Resume: true}, backup: waiting.backup}, n.left(time.Now()))
	return loaded, nil
}

// start puts the configuration found on disk into force.
func (s *Store) start(ctx context.Context, loaded *Snapshot) error {
	change := Change{By: access.Element, Changes: tree.Diff(tree.NewRoot(s.schema), loaded.Root), Forced: true}
	if err := s.rules.Check(tree.Diff(nil, loaded.Root)); err != nil {
		return fmt.Errorf("the configuration on disk (commit %d) is not valid: %w", loaded.ID, s.refused(change, nil, err))
	}
	prepared, warnings, err := s.pipeline.Prepare(ctx, change)
	if err != nil {
		return fmt.Errorf("the configuration on disk (commit %d) cannot be put into force: %w", loaded.ID, err)
	}
	s.warn(warnings)
	s.running.Store(loaded)
	s.recent = []*Snapshot{loaded}
	prepared.Apply()
	return nil
}

// unreadable completes the error of a configuration file in which something is wrong.
func (s *Store) unreadable(err error) error {
	part, ok := errors.AsType[*tree.Incomplete](err)
	if !ok || part.Root == nil || part.Root.Schema() != s.schema.Root { // rather a record of the history
		return err
	}
	change := Change{By: access.Element, Changes: tree.Diff(tree.NewRoot(s.schema), part.Root)}
	return fmt.Errorf("%s: %w", RunningFile, s.refused(change, part.Gaps, part, s.rules.CheckKnown(tree.Diff(nil, part.Root), part.Gaps)))
}

func (s *Store) warn(warnings []*tree.Error) {
	for _, w := range warnings {
		s.log.Warn("configuration", "code", w.AppTag, "path", w.Path.String(), "warning", w.Message)
	}
}

// Schema returns the schema that the store was opened with.
func (s *Store) Schema() *schema.Schema { return s.schema }

// ConditionsHold is tree.Conditions for the store's configurations.
func (s *Store) ConditionsHold(above []*tree.Node, def *schema.Node) bool {
	return s.rules.ConditionsHold(above, def)
}

// ConditionsRead tells which defaults may have come or gone with changes of the configuration: see validate.Rules.
func (s *Store) ConditionsRead(changes tree.Changes) map[*schema.Node]bool {
	return s.rules.ConditionsRead(changes)
}

// Running returns the committed configuration.
func (s *Store) Running() *Snapshot { return s.running.Load() }

// Close writes a configuration file that stands for itself, so that people find the last state in it. Sessions must have
// been closed.
func (s *Store) Close() error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	s.mu.Lock()
	if s.pending != nil {
		s.pending.timer.Stop() // the next start undoes or resumes it, as after a crash
		s.pending = nil
	}
	s.mu.Unlock()
	if s.disk == nil {
		return nil
	}
	return s.disk.checkpoint(s.Running())
}

// At returns the snapshot of a commit, from memory or made from the history.
func (s *Store) At(id uint64) (*Snapshot, error) {
	s.mu.Lock()
	from := s.recent[0]
	for _, snap := range s.recent {
		if snap.ID == id {
			s.mu.Unlock()
			return snap, nil
		}
	}
	s.mu.Unlock()
	if s.disk == nil || id > from.ID {
		return nil, &tree.Error{Tag: tree.InvalidValue, Message: fmt.Sprintf("there is no commit %d", id)}
	}
	return s.disk.at(from, id)
}

// Back returns the snapshot n commits before running; 0 is running.
func (s *Store) Back(n int) (*Snapshot, error) {
	id := s.Running().ID
	if n < 0 || uint64(n) > id {
		return nil, &tree.Error{Tag: tree.InvalidValue, Message: fmt.Sprintf("there are only %d commits to go back", id)}
	}
	return s.At(id - uint64(n))
}

// History lists the commits that can be returned to, the newest first; their Root is not filled in.
func (s *Store) History() ([]Snapshot, error) {
	if s.disk != nil {
		return s.disk.history()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Snapshot
	for i := len(s.recent) - 1; i >= 0; i-- {
		list = append(list, *s.recent[i])
		list[len(list)-1].Root = nil
	}
	return list, nil
}

// errPersist marks an error of the disk.
var errPersist = errors.New("cannot write the configuration")
