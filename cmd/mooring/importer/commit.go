package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"mooring/server/apply"
	"mooring/server/ios"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/validate"
	"mooring/server/wording"
)

// commit makes what a text says the configuration of the element, in one commit. base is what that was when the text was read.
func (j *Job) commit(ctx context.Context, served *schema.Schema, base *tree.Node, r *ios.Result) error {
	remove, merge, err := operations(base, r)
	if err != nil {
		return err
	}
	if j.DryRun {
		return j.try(served, base, r)
	}
	if err := j.unchanged(ctx, base, r); err != nil {
		return err
	}
	warnings, err := j.Element.Commit(ctx, remove, merge)
	if err != nil {
		return fmt.Errorf("the element refuses the commit; nothing was applied\n%% %w", err)
	}
	for _, w := range warnings {
		j.tell("%% Warning: %s\n", w)
	}
	return j.tell("committed\n")
}

// operations are what has to be removed and merged. A value of a leaf-list has no path in gNMI: the leaf-list is removed, and the others are
// merged again.
func operations(base *tree.Node, r *ios.Result) (remove []schema.Path, merge []byte, err error) {
	after, err := merged(base, r)
	if err != nil {
		return nil, nil, err
	}
	root, s := r.Tree, base.Schema().Schema()
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

// unchanged fails when the element's configuration has become another one since base was read, where the text changes it.
func (j *Job) unchanged(ctx context.Context, base *tree.Node, r *ios.Result) error {
	now, err := j.running(ctx, base.Schema().Schema())
	if err != nil {
		return err
	}
	mine, err := merged(base, r)
	if err != nil {
		return err
	}
	if _, conflicts, err := tree.Diff(base, mine).Rebase(replant(base, now)); err != nil {
		return err
	} else if len(conflicts) > 0 {
		return fmt.Errorf("%s: %w", conflicts[0], errChanged)
	}
	return nil
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

// try judges what would come out as the element would, short of what only its host knows.
func (j *Job) try(served *schema.Schema, base *tree.Node, r *ios.Result) error {
	after, err := merged(base, r)
	if err != nil {
		return err
	}
	root, err := as(served, after, "what would come out")
	if err != nil {
		return err
	}
	before, err := as(served, base, "the running configuration")
	if err != nil {
		return err
	}
	rules, err := validate.Compile(served)
	if err != nil {
		return err
	}
	if err := rules.Check(tree.Diff(before, root)); err != nil {
		return refusal(err)
	}
	translator, err := apply.New(served)
	if err != nil {
		return err
	}
	_, _, gaps := translator.Translate(nil, tree.Diff(nil, before)) // what the user may not read is missing
	_, warnings, err := translator.Translate(nil, tree.Diff(nil, root))
	if err := without(err, gaps); err != nil {
		return refusal(err)
	}
	for _, w := range warnings {
		j.tell("%s\n", wording.Of(w))
	}
	return j.tell("valid; nothing was committed (--dry-run)\n")
}

// as is a configuration by another schema.
func as(s *schema.Schema, root *tree.Node, what string) (*tree.Node, error) {
	var text bytes.Buffer
	if err := tree.WriteJSON(&text, root, ""); err != nil {
		return nil, err
	}
	return decode(text.Bytes(), s, what)
}

// without takes out of err what is known.
func without(err, known error) error {
	var rest []error
	for _, e := range tree.Errors(err) {
		if !slices.ContainsFunc(tree.Errors(known), func(k *tree.Error) bool { return k.Message == e.Message && k.Path.Equal(e.Path) }) {
			rest = append(rest, e)
		}
	}
	return errors.Join(rest...)
}

// refusal says what the element would not take.
func refusal(err error) error {
	text := "the element would refuse it"
	for _, e := range tree.Errors(err) {
		text += "\n" + wording.Of(e)
	}
	return &InputError{errors.New(text)}
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
