package datastore

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// record is a file of the history: who committed what when, and every change with what was there before, so that it can be
// followed in both directions.
type record struct {
	ID      uint64         `json:"commit"`
	Time    time.Time      `json:"time"`
	User    string         `json:"user,omitzero"`
	Via     string         `json:"via,omitzero"`
	Label   string         `json:"label,omitzero"`
	Comment string         `json:"comment,omitzero"`
	Trial   bool           `json:"trial,omitzero"`
	Changes []recordChange `json:"-"` // written and read one by one
}

// recordChange is one change: a value in place of another, either of which may be missing, or the order of a list.
type recordChange struct {
	Path     string         `json:"path"`
	Old      jsontext.Value `json:"old,omitzero"`
	New      jsontext.Value `json:"new,omitzero"`
	OldOrder [][]string     `json:"old-order,omitzero"`
	NewOrder [][]string     `json:"new-order,omitzero"`
}

func (r *record) snapshot() Snapshot {
	return Snapshot{ID: r.ID, Time: r.Time, User: r.User, Via: r.Via, Label: r.Label, Comment: r.Comment, Trial: r.Trial}
}

// writeRecord writes a commit as one JSON object with a line for each change.
func writeRecord(w io.Writer, old, next *Snapshot) error {
	head, err := json.Marshal(record{ID: next.ID, Time: next.Time.UTC(), User: next.User, Via: next.Via, Label: next.Label, Comment: next.Comment, Trial: next.Trial})
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, recordBuffer)
	out.Write(append(bytes.TrimSuffix(head, []byte("}")), ",\n\"changes\":["...)) // Flush tells of errors
	separator := "\n"
	var lists []schema.Path // ordered by the user, with other entries or another order
	for ch := range next.changes.All() {
		if list := orderedList(ch); list != nil && (len(lists) == 0 || !lists[len(lists)-1].Equal(list)) {
			lists = append(lists, list)
		}
		if ch.Reordered {
			continue
		}
		out.WriteString(separator)
		separator = ",\n"
		if err := writeChange(out, ch); err != nil {
			return err
		}
	}
	for _, list := range lists {
		one, err := json.Marshal(recordChange{Path: list.String(), OldOrder: keysOf(old.Root.Get(list)), NewOrder: keysOf(next.Root.Get(list))})
		if err != nil {
			return err
		}
		out.WriteString(separator)
		separator = ",\n"
		out.Write(one)
	}
	out.WriteString("\n]}\n")
	return out.Flush()
}

// recordBuffer is enough for what most commits change.
const recordBuffer = 4 << 10

// orderedList gives the path of the list ordered by the user whose entries or order ch changes, or nil.
func orderedList(ch tree.Change) schema.Path {
	last := ch.Path.Last()
	if !last.Node.UserOrdered || ch.Old != nil && ch.New != nil && !ch.Reordered {
		return nil
	}
	list := append(schema.Path{}, ch.Path...)
	list[len(list)-1].Keys = nil
	return list
}

func keysOf(list *tree.Node) [][]string {
	keys := [][]string{} // an empty order is one
	for e := range list.Entries() {
		keys = append(keys, e.Keys())
	}
	return keys
}

func writeChange(w *bufio.Writer, ch tree.Change) error {
	path, err := jsontext.AppendQuote(nil, ch.Path.String())
	if err != nil {
		return err
	}
	w.WriteString(`{"path":`)
	w.Write(path)
	module := ch.Path.Last().Node.Module
	for _, side := range []struct {
		name string
		node *tree.Node
	}{{"old", ch.Old}, {"new", ch.New}} {
		if side.node == nil {
			continue
		}
		fmt.Fprintf(w, `,%q:`, side.name)
		if err := tree.WriteJSONValue(w, side.node, module); err != nil {
			return err
		}
	}
	return w.WriteByte('}')
}

// readRecord reads a record, or only what comes before its changes.
func (d *disk) readRecord(id uint64, headOnly bool) (*record, error) {
	f, err := d.dir.Open(recordName(id))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &record{}
	if err := r.read(jsontext.NewDecoder(f), headOnly); err != nil {
		return nil, fmt.Errorf("%s: %w", recordName(id), err)
	}
	if r.ID != id {
		return nil, fmt.Errorf("%s: holds commit %d", recordName(id), r.ID)
	}
	return r, nil
}

func (r *record) read(dec *jsontext.Decoder, headOnly bool) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	fields := map[string]any{"commit": &r.ID, "time": &r.Time, "user": &r.User, "via": &r.Via, "label": &r.Label, "comment": &r.Comment, "trial": &r.Trial}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		switch field := name.String(); {
		case field == "changes" && headOnly:
			return nil
		case field == "changes":
			err = json.UnmarshalDecode(dec, &r.Changes)
		case fields[field] != nil:
			err = json.UnmarshalDecode(dec, fields[field])
		default:
			err = dec.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// replay follows the record of a commit from the snapshot before it, or backwards from the one that it made.
func (d *disk) replay(from *Snapshot, id uint64, back bool) (*Snapshot, error) {
	r, err := d.readRecord(id, false)
	if err != nil {
		return nil, err
	}
	var edits []tree.Edit
	for _, ch := range r.Changes {
		if back {
			ch.New, ch.NewOrder = ch.Old, ch.OldOrder
		}
		more, err := d.edits(ch)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", recordName(id), ch.Path, err)
		}
		edits = append(edits, more...)
	}
	changes, err := tree.Perform(from.Root, edits...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", recordName(id), err)
	}
	if !back {
		return new(made(r.snapshot(), changes, from.ID)), nil
	}
	before := Snapshot{ID: id - 1}
	if head, err := d.readRecord(id-1, true); err == nil {
		before = head.snapshot()
	}
	return new(made(before, changes, from.ID)), nil
}

// made completes a snapshot that changes lead to from another commit.
func made(s Snapshot, changes tree.Changes, from uint64) Snapshot {
	s.Root, s.changes, s.from = changes.New, changes, from
	return s
}

// edits turns one recorded change into what makes it.
func (d *disk) edits(ch recordChange) ([]tree.Edit, error) {
	path, err := schema.ParsePath(d.schema, ch.Path, d.schema.Module)
	if err != nil {
		return nil, err
	}
	switch {
	case ch.NewOrder != nil:
		var edits []tree.Edit
		for _, keys := range ch.NewOrder {
			step := schema.Step{Node: path.Last().Node, Keys: keys}
			at := path.Parent().Append(step.Node, keys...)
			edits = append(edits, tree.Through(d.schema, at, tree.Seek, tree.Edit{Op: tree.Seek, Node: tree.Stub(step), Where: tree.Last}))
		}
		return edits, nil
	case ch.New == nil:
		return []tree.Edit{tree.At(d.schema, path, tree.Remove, nil)}, nil
	}
	n, err := tree.DecodeJSONAt(bytes.NewReader(ch.New), d.schema, path, tree.DecodeOptions{})
	if err != nil {
		return nil, err
	}
	return []tree.Edit{tree.At(d.schema, path, tree.Replace, n)}, nil
}

// readRunning reads running.json; without one, the configuration is empty and no commit was ever made.
func (d *disk) readRunning() (*Snapshot, error) {
	text, err := d.dir.ReadFile(RunningFile)
	if errors.Is(err, fs.ErrNotExist) {
		return &Snapshot{Root: tree.NewRoot(d.schema)}, nil
	}
	if err != nil {
		return nil, err
	}
	d.base = int64(len(text))
	id, ok := commitOf(text)
	if !ok {
		return nil, &tree.Error{Tag: tree.MalformedMessage, Path: schema.Path{{Node: d.schema.Root}},
			Message: `the file does not begin with {"@": {"mooring:commit": N}, so that what it holds cannot be placed`}
	}
	root, err := tree.DecodeJSON(bytes.NewReader(text), d.schema.Root, tree.DecodeOptions{})
	if err != nil {
		return nil, err
	}
	s := &Snapshot{ID: id}
	if head, err := d.readRecord(id, true); err == nil {
		*s = head.snapshot()
	}
	s.Root = root
	return s, nil
}

// commitOf reads the first member of running.json, which names the commit.
func commitOf(text []byte) (id uint64, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	for range 2 {
		if _, err := dec.ReadToken(); err != nil {
			return 0, false
		}
	}
	var head struct {
		Commit uint64 `json:"mooring:commit"`
	}
	err := json.UnmarshalDecode(dec, &head)
	return head.Commit, err == nil && head.Commit > 0
}

// pendingNote is config/pending.json: where the next start goes back to if the last commit is a trial, at once or, with a
// deadline, at that time.
type pendingNote struct {
	Backup   uint64    `json:"backup"`
	Persist  string    `json:"persist,omitzero"`
	Began    time.Time `json:"began,omitzero"`
	Deadline time.Time `json:"deadline,omitzero"`
}

func newNote(backup *Snapshot, c Confirm, began time.Time) pendingNote {
	if !c.Resume || c.Persist == "" {
		return pendingNote{Backup: backup.ID}
	}
	began = began.UTC()
	return pendingNote{Backup: backup.ID, Persist: c.Persist, Began: began, Deadline: began.Add(c.Timeout)}
}

// left is how long the commit may wait yet. A clock that was set back does not prolong it.
func (n *pendingNote) left(now time.Time) time.Duration {
	return min(n.Deadline.Sub(now), n.Deadline.Sub(n.Began))
}

func (d *disk) writePending(n pendingNote) error {
	_, err := d.write(pendingFile, func(w io.Writer) error { return json.MarshalWrite(w, n) })
	return err
}

func (d *disk) readPending() (*pendingNote, error) {
	text, err := d.dir.ReadFile(pendingFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var p pendingNote
	return &p, json.Unmarshal(text, &p)
}

func (d *disk) clearPending() error {
	if err := d.step("remove " + pendingFile); err != nil {
		return err
	}
	err := d.dir.Remove(pendingFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.syncFolder(pendingFile)
}
