package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"mooring/server/ios"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

var (
	// ErrSuperseded says that the configuration that a commit is based on is not the one that runs.
	ErrSuperseded = errors.New("somebody else commits all the time; try again")
	// ErrUnanswered says that an element was asked to commit, and went away before it said whether it did.
	ErrUnanswered = errors.New("the element went away before it answered: whether it has committed is not known. Import the text again when it is back, " +
		"which does no harm if it has")

	errChanged = errors.New("somebody else has changed the same part of the configuration since it was read; try again")
)

// attempts is how often a commit is tried when others commit something else in between.
const attempts = 5

// commit makes what a text says the configuration of the element, in one commit. base is what that was when the text was read.
func (j *Job) commit(ctx context.Context, base *tree.Node, r *ios.Result) error {
	warnings, err := j.send(ctx, base, r)
	for range attempts - 1 {
		if !errors.Is(err, ErrSuperseded) {
			break
		}
		warnings, err = j.send(ctx, base, r)
	}
	if errors.Is(err, ErrUnanswered) {
		return err
	}
	if err != nil {
		return fmt.Errorf("nothing was committed\n%% %w", err)
	}
	for _, w := range warnings {
		j.tell("%% Warning: %s\n", w)
	}
	return j.tell("committed\n")
}

// send has a change of base committed on top of what runs now, unless that changed the same.
func (j *Job) send(ctx context.Context, base *tree.Node, r *ios.Result) (warnings []string, err error) {
	now, transaction, err := j.running(ctx, base.Schema().Schema())
	if err != nil {
		return nil, err
	}
	now = replant(base, now)
	mine, err := merged(base, r)
	if err != nil {
		return nil, err
	}
	if _, conflicts, err := tree.Diff(base, mine).Rebase(now); err != nil {
		return nil, err
	} else if len(conflicts) > 0 {
		return nil, fmt.Errorf("%s: %w", conflicts[0], errChanged)
	}
	remove, merge, err := operations(now, r)
	if err != nil {
		return nil, err
	}
	return j.Element.Commit(ctx, transaction, remove, merge)
}

// operations are what has to be removed and merged. A value of a leaf-list has no path in gNMI: the leaf-list is removed, and the others are
// merged again.
func operations(running *tree.Node, r *ios.Result) (remove []schema.Path, merge []byte, err error) {
	after, err := merged(running, r)
	if err != nil {
		return nil, nil, err
	}
	root, s := r.Tree, running.Schema().Schema()
	for _, path := range r.Removed {
		if def := path.Last().Node; def.Kind == schema.LeafList {
			path = path.Parent().Append(def)
			if list := after.Get(path); list != nil {
				if root, err = tree.Apply(root, tree.At(s, path, tree.Merge, list)); err != nil {
					return nil, nil, err
				}
			}
		}
		remove = append(remove, path)
	}
	var text bytes.Buffer
	err = tree.WriteJSON(&text, root, "")
	return remove, text.Bytes(), err
}

// replant makes now of base, so that the two share what they have in common.
func replant(base, now *tree.Node) *tree.Node {
	root, err := tree.Apply(base, tree.Diff(base, now).Edits()...)
	if err != nil {
		return now
	}
	return root
}

// merged is the configuration that comes out.
func merged(base *tree.Node, r *ios.Result) (*tree.Node, error) {
	s := base.Schema().Schema()
	var edits []tree.Edit
	for _, path := range r.Removed {
		edits = append(edits, tree.At(s, path, tree.Remove, nil))
	}
	return tree.Apply(base, append(edits, tree.At(s, nil, tree.Merge, r.Tree))...)
}

// tell adds something to the report, which is for people; a program has the exit code.
func (j *Job) tell(format string, args ...any) error {
	w := j.Stdout
	if j.JSON {
		w = j.Stderr
	}
	_, err := fmt.Fprintf(w, format, args...)
	return err
}
