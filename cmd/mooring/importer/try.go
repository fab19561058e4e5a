package importer

import (
	"bytes"
	"errors"
	"slices"

	"mooring/server/apply"
	"mooring/server/ios"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/validate"
	"mooring/server/wording"
)

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
