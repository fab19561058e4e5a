package action

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"mooring/server/datastore"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

const configuration = "/mooring-system:system/configuration"

// maxChanges is how many changes compare tells.
const maxChanges = 10_000

// history carries out what concerns the commits of a store.
type history struct {
	store *datastore.Store
	mu    sync.Mutex // guards what follows
	as    uint64     // the last commit when list was read
	list  []datastore.Snapshot
}

// History adds the operations on the history of the configuration, and mounts it as state; a schema without it has none.
func (r *Registry) History(store *datastore.Store, st *state.State) {
	def := store.Schema().Find(configuration)
	if def == nil {
		return
	}
	h := &history{store: store}
	r.Handle(def.Action("mooring-system", "rollback"), h.rollback)
	r.Handle(def.Action("mooring-system", "compare"), h.compare)
	if commit := def.ChildNamed("commit"); commit != nil {
		st.Mount(state.Table{Node: commit, Parts: commit.Children, Read: func(_ context.Context, want state.Keys, out *state.Out) error {
			return h.read(commit, want, out)
		}})
	}
}

// read renders the commits that can be returned to.
func (h *history) read(def *schema.Node, want state.Keys, out *state.Out) error {
	list, err := h.commits()
	if err != nil {
		return err
	}
	for _, s := range list {
		id := strconv.FormatUint(s.ID, 10)
		if out.Done() || !want.Wants(0, id) {
			continue
		}
		row := out.Row(id)
		row.Time(def.ChildNamed("time"), s.Time)
		row.Text(def.ChildNamed("user"), s.User)
		row.Text(def.ChildNamed("via"), s.Via)
		row.Text(def.ChildNamed("label"), s.Label)
		row.Text(def.ChildNamed("comment"), s.Comment)
	}
	return nil
}

// commits lists the history, which is read when there was a commit and not whenever somebody looks.
func (h *history) commits() ([]datastore.Snapshot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.store.Running().ID
	if h.list == nil || h.as != last {
		list, err := h.store.History()
		if err != nil {
			return nil, err
		}
		h.list, h.as = list, last
	}
	return h.list, nil
}

func (h *history) rollback(ctx context.Context, c *Call, out *tree.Builder) error {
	to, err := h.target(c)
	if err != nil {
		return err
	}
	o := datastore.CommitOptions{Check: c.Access.Changes}
	o.Label, _ = c.Given("label")
	o.Comment, _ = c.Given("comment")
	result, err := c.Session.Rollback(ctx, to, o)
	if err != nil {
		return err
	}
	out.Leaf(c.Def.Output.ChildNamed("commit-id"), strconv.FormatUint(result.Snapshot.ID, 10))
	for _, w := range result.Warnings {
		out.Leaf(c.Def.Output.ChildNamed("warning"), strings.TrimSpace(w.Path.String()+" "+w.Message))
	}
	return nil
}

// target is what rollback shall go back to.
func (h *history) target(c *Call) (*datastore.Snapshot, error) {
	if id, given := c.Given("commit"); given {
		return h.commit(id)
	}
	text, _ := c.Given("back")
	n, _ := strconv.Atoi(text)
	return h.store.Back(n)
}

// commit returns the snapshot of a commit-id.
func (h *history) commit(id string) (*datastore.Snapshot, error) {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return nil, &tree.Error{Tag: tree.InvalidValue, Message: "there is no commit " + schema.Quote(id)}
	}
	return h.store.At(n)
}

func (h *history) compare(_ context.Context, c *Call, out *tree.Builder) error {
	to := h.store.Running()
	var err error
	if id, given := c.Given("to"); given {
		if to, err = h.commit(id); err != nil {
			return err
		}
	}
	from := to
	if id, given := c.Given("from"); given {
		from, err = h.commit(id)
	} else {
		from, err = h.store.Back(1)
	}
	if err != nil {
		return err
	}
	changes := tree.Diff(from.Root, to.Root)
	def := c.Def.Output
	told, omitted := 0, uint64(0)
	for ch := range changes.All() {
		filter, readable := c.Access.Reader(ch.Path)
		switch {
		case !readable:
			continue
		case told == maxChanges:
			omitted++
			continue
		}
		told++
		tell(out, def.ChildNamed("change"), ch, filter)
	}
	if omitted > 0 {
		out.Uint(def.ChildNamed("omitted"), omitted)
	}
	return nil
}

// tell writes one change.
func tell(out *tree.Builder, def *schema.Node, ch tree.Change, filter tree.Filter) {
	out.Open(def)
	out.Leaf(def.ChildNamed("path"), ch.Path.String())
	operation := "modify"
	switch {
	case ch.Reordered:
		operation = "reorder"
	case ch.Old == nil:
		operation = "create"
	case ch.New == nil:
		operation = "delete"
	}
	out.Leaf(def.ChildNamed("operation"), operation)
	for name, n := range map[string]*tree.Node{"old": ch.Old, "new": ch.New} {
		if n != nil && !secret(ch.Path.Last().Node) {
			out.Leaf(def.ChildNamed(name), text(n, filter))
		}
	}
	out.Close()
}

// text is a value or, as an object, what is below a node.
func text(n *tree.Node, filter tree.Filter) string {
	def := n.Schema()
	if def.Type != nil && !n.IsList() {
		return string(tree.AppendJSONValue(nil, def, n.Value()))
	}
	var b strings.Builder
	w := tree.NewJSONWriter(&b, "")
	w.Begin()
	if n.IsList() {
		(&tree.Walk{Writer: w, Filter: withoutSecrets{filter}}).Node(n)
	} else {
		(&tree.Walk{Writer: w, Filter: withoutSecrets{filter}}).Children(n)
	}
	if err := w.End(); err != nil {
		return fmt.Sprint(err) // a strings.Builder takes everything
	}
	return strings.TrimSpace(b.String())
}

// secret reports whether a value may stand in no diff, whoever asks for it.
func secret(def *schema.Node) bool {
	for n := def; n != nil; n = n.Parent {
		if n.DefaultDenyAll {
			return true
		}
	}
	return false
}

// withoutSecrets is a filter that hides secrets besides what another one hides; nil hides nothing.
type withoutSecrets struct{ tree.Filter }

func (f withoutSecrets) Enter(n *tree.Node) bool {
	return !n.Schema().DefaultDenyAll && (f.Filter == nil || f.Filter.Enter(n))
}

func (f withoutSecrets) Leave() {
	if f.Filter != nil {
		f.Filter.Leave()
	}
}
