package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"mooring/server/ios"
	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/wording"
)

// Formats are those that a text is turned into.
var Formats = []string{"json", "netconf"}

// maxText bounds what is read, which a configuration of a router does not come near to.
const maxText = 64 << 20

// Element is a running element.
type Element interface {
	// Configuration is what was set of the running configuration, as RFC 7951 JSON, and the transaction that left it.
	Configuration(context.Context) (text []byte, transaction string, err error)
	// Commit removes nodes and merges JSON, both or nothing, and returns warnings. The error is ErrSuperseded when something else
	// runs than what transaction left.
	Commit(ctx context.Context, transaction string, remove []schema.Path, merge []byte) (warnings []string, err error)
}

// Job is one run of the command.
type Job struct {
	Dialect ios.Dialect
	File    string // what is read; - is standard input
	Out     string // where the result goes; empty is Stdout
	Onto    string // file (RFC 7951 JSON) with the configuration that the text changes; empty: not known
	Format  string // one of Formats
	Partial bool   // take what is not refused
	DryRun  bool   // commit nothing
	JSON    bool   // report as JSON

	Element        Element // to be changed, or whose configuration is written; nil: none
	Candidate      Session // with an element in whose candidate the change is left for somebody to commit; nil: none
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// RefusedError says that lines were refused, and nothing was done.
type RefusedError struct{ Lines int }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused: %d; nothing was applied: correct it, or take the rest with --partial", e.Lines)
}

// InputError is something to read that makes no sense, or is not there.
type InputError struct{ error }

func (e *InputError) Unwrap() error { return e.error }

// Import turns the text of a router into a configuration.
func (j *Job) Import(ctx context.Context) error {
	text, err := j.read(j.File)
	if err != nil {
		return err
	}
	g, whole, err := grammar()
	if err != nil {
		return err
	}
	served, err := model.Schema()
	if err != nil {
		return err
	}
	base, err := j.base(ctx, whole)
	if err != nil {
		return err
	}
	r := g.Import(string(text), ios.Options{Dialect: j.Dialect, Base: base, Served: served, Strict: j.Element != nil || j.Candidate != nil, Partial: j.Partial})
	if j.Element == nil && j.Candidate == nil && j.Format == "json" {
		for _, path := range r.Elsewhere {
			r.Items = append(r.Items, &ios.Item{Outcome: ios.Warned, Code: ios.Mismatch,
				Message: "the JSON does not say that " + path.String() + " is removed: say --format netconf, or --target"})
		}
	}
	if err := j.report(&r.Report); err != nil {
		return err
	}
	if n := r.Count(ios.Refused); n > 0 && !j.Partial {
		return &RefusedError{n}
	}
	switch {
	case j.DryRun:
		return j.try(served, base, r)
	case j.Candidate != nil:
		return j.leave(whole, r)
	case j.Element != nil:
		return j.commit(ctx, base, r)
	}
	if j.Format == "netconf" {
		return j.write(func(w io.Writer) error { return writeEditConfig(w, whole, r) })
	}
	return j.write(func(w io.Writer) error { return tree.WriteJSON(w, r.Tree, "  ") })
}

// Print writes a configuration, of a file or of the element, as the text of a router.
func (j *Job) Print(ctx context.Context) error {
	g, whole, err := grammar()
	if err != nil {
		return err
	}
	root, err := j.configuration(ctx, whole)
	if err != nil {
		return err
	}
	text, left := g.Print(root, j.Dialect)
	if err := j.write(func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
		return err
	}
	for _, what := range left {
		fmt.Fprintln(j.Stderr, wording.Line(wording.Mismatch, "routers have no command for "+what+": it stands in a line that they take for a comment"))
	}
	return nil
}

// configuration is what is to be printed.
func (j *Job) configuration(ctx context.Context, s *schema.Schema) (*tree.Node, error) {
	if j.File == "" {
		root, _, err := j.running(ctx, s)
		return root, err
	}
	text, err := j.read(j.File)
	if err != nil {
		return nil, err
	}
	return decode(text, s, j.File)
}

// base is the configuration that the text changes, nil where that is not known.
func (j *Job) base(ctx context.Context, s *schema.Schema) (*tree.Node, error) {
	switch {
	case j.Candidate != nil:
		return uncommitted(j.Candidate, s)
	case j.Element != nil:
		root, _, err := j.running(ctx, s)
		return root, err
	case j.Onto == "":
		return nil, nil
	}
	text, err := j.read(j.Onto)
	if err != nil {
		return nil, err
	}
	return decode(text, s, j.Onto)
}

// running is what was set of the element's configuration, and the transaction that left it.
func (j *Job) running(ctx context.Context, s *schema.Schema) (*tree.Node, string, error) {
	text, transaction, err := j.Element.Configuration(ctx)
	if err != nil {
		return nil, "", err
	}
	root, err := decode(text, s, "the running configuration")
	return root, transaction, err
}

func decode(text []byte, s *schema.Schema, what string) (*tree.Node, error) {
	root, err := tree.DecodeJSON(bytes.NewReader(text), s.Root, tree.DecodeOptions{})
	if err != nil {
		text := what + " is not valid"
		for _, e := range tree.Errors(err) {
			text += "\n" + wording.Of(e)
		}
		return nil, &InputError{errors.New(text)}
	}
	if root == nil {
		root = tree.NewRoot(s)
	}
	return root, nil
}

// read returns what a file holds.
func (j *Job) read(name string) ([]byte, error) {
	from := j.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, &InputError{err}
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("it is larger than %d octets", maxText)
	}
	if err != nil {
		return nil, &InputError{fmt.Errorf("%s: %w", name, err)}
	}
	return text, nil
}

// write gives the result to its file, which is complete or does not exist, or to standard output. A configuration holds secrets.
func (j *Job) write(to func(io.Writer) error) error {
	var b bytes.Buffer
	if err := to(&b); err != nil {
		return err
	}
	if j.Out == "" {
		_, err := j.Stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(j.Out, b.Bytes(), 0o600)
}

// report tells what became of the text: on standard output unless the result goes there.
func (j *Job) report(r *ios.Report) error {
	w := j.Stderr
	if j.Out != "" || j.Element != nil || j.Candidate != nil {
		w = j.Stdout
	}
	if j.JSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	return r.Write(w)
}

func grammar() (*ios.Grammar, *schema.Schema, error) {
	whole, err := model.Whole()
	if err != nil {
		return nil, nil, err
	}
	g, err := ios.New(whole)
	return g, whole, err
}
