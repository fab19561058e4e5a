package notify

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

const module = "ietf-netconf-notifications" // RFC 6470

// maxEdits is how many changes of a commit are told one by one. Of a commit with more only the top of the tree is told.
const maxEdits = 100

// Follow adds an event for each commit from now on (netconf-config-change of RFC 6470), and one for each warning that is new
// with it. Nobody who commits waits for that:
// commits that follow each other faster than they can be told are told as one. The function returned ends it.
func (l *Log) Follow(store *datastore.Store) (stop func()) {
	def, warning := l.schema.Notification(module, "netconf-config-change"), l.schema.Notification("mooring-system", "config-warning")
	ctx, cancel := context.WithCancel(context.Background())
	follower, now := store.Follow()
	l.tell(now.ID, true)
	var task sync.WaitGroup
	task.Go(func() {
		defer l.tell(0, false)
		for {
			commit, err := follower.Next(ctx)
			if err != nil {
				return
			}
			l.Add(commit.Time, def, nil, func(b *tree.Builder) { configChange(b, def, commit) })
			for _, w := range commit.Warnings {
				l.Add(commit.Time, warning, nil, func(b *tree.Builder) { configWarning(b, warning, w) })
			}
			l.tell(commit.ID, true)
		}
	})
	return func() {
		cancel()
		task.Wait()
	}
}

// tell notes which commit was told last, and whether there will be others.
func (l *Log) tell(id uint64, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = id
	if l.telling != nil {
		close(l.telling)
		l.telling = nil
	}
	if more {
		l.telling = make(chan struct{})
	}
}

// Await waits until a commit has been told that a Follow tells of: whoever begins to read then is told of later ones only. It returns
// early when ctx or that Follow ends.
func (l *Log) Await(ctx context.Context, commit uint64) {
	for {
		l.mu.Lock()
		told, next := l.told, l.telling
		l.mu.Unlock()
		if told >= commit || next == nil {
			return
		}
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
	}
}

func configWarning(b *tree.Builder, def *schema.Node, w *tree.Error) {
	b.Leaf(def.ChildNamed("path"), w.Path.String())
	b.Leaf(def.ChildNamed("code"), w.AppTag)
	b.Leaf(def.ChildNamed("text"), w.Message)
}

func configChange(b *tree.Builder, def *schema.Node, commit datastore.Commit) {
	by := def.ChildNamed("changed-by")
	b.Open(by)
	if commit.By == nil || commit.By.User.Origin == access.System {
		b.Leaf(by.ChildNamed("server"), "")
	} else {
		Client(b, by, commit.By.User, commit.By.ID)
	}
	b.Close()
	b.Leaf(def.ChildNamed("datastore"), "running")
	edit := def.ChildNamed("edit")
	for _, e := range edits(commit.Changes) {
		b.Open(edit)
		b.Leaf(edit.ChildNamed("target"), e.target.String())
		b.Leaf(edit.ChildNamed("operation"), e.op.String())
		b.Close()
	}
}

type edit struct {
	target schema.Path
	op     tree.Op
}

// edits says what changed: the topmost node of each change or, when they are too many, the top-level nodes.
func edits(changes tree.Changes) (list []edit) {
	for ch := range changes.All() {
		if len(list) == maxEdits {
			return coarse(changes)
		}
		e := edit{ch.Path, tree.Replace}
		switch {
		case ch.Reordered:
			e = edit{ch.Path.Parent(), tree.Merge} // a list as a whole is no instance
		case ch.Old == nil:
			e.op = tree.Create
		case ch.New == nil:
			e.op = tree.Delete
		}
		list = append(list, e)
	}
	return list
}

func coarse(changes tree.Changes) (list []edit) {
	for _, def := range changes.New.Schema().Children {
		old, now := changes.Old.Child(def), changes.New.Child(def)
		at := schema.Path{{Node: def}}
		switch {
		case old == nil && now == nil:
		case old == nil:
			list = append(list, edit{at, tree.Create})
		case now == nil:
			list = append(list, edit{at, tree.Delete})
		default:
			for range changes.Under(at) {
				list = append(list, edit{at, tree.Merge})
				break
			}
		}
	}
	return list
}

// Confirmation adds an event about a commit that has to be confirmed (netconf-confirmed-commit of RFC 6470). It is what
// datastore.Options.Confirmations wants.
func (l *Log) Confirmation(c datastore.Confirmation) {
	def := l.schema.Notification(module, "netconf-confirmed-commit")
	if def == nil {
		return
	}
	l.Add(time.Now(), def, nil, func(b *tree.Builder) {
		if c.By != nil {
			Client(b, def, c.By.User, c.By.ID)
		}
		b.Leaf(def.ChildNamed("confirm-event"), string(c.Step))
		if c.Timeout > 0 {
			b.Uint(def.ChildNamed("timeout"), uint64(c.Timeout/time.Second))
		}
	})
}

// Client writes who did something, as the grouping common-session-parms of RFC 6470 wants it. session is 0 for who has no
// NETCONF session.
func Client(b *tree.Builder, def *schema.Node, user access.User, session uint32) {
	b.Leaf(def.ChildNamed("username"), user.Name)
	b.Uint(def.ChildNamed("session-id"), uint64(session))
	if from, err := netip.ParseAddrPort(user.Remote); err == nil {
		b.Leaf(def.ChildNamed("source-host"), from.Addr().Unmap().WithZone("").String())
	}
}
