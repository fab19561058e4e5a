package apply

import (
	"fmt"
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// The kinds of warnings, which are their app-tags too.
const (
	BadReference = "W-REF" // a name leads nowhere
	Mismatch     = "W-MIX" // values do not fit together
)

// maxReported bounds what one commit reports of one kind of problem: the first hundred make the point.
const maxReported = 100

// place is a node of the configuration and where it is.
type place struct {
	node *tree.Node // nil: the configuration does not have it
	path schema.Path
}

// child is the child called name: a leaf, a container, or a list as a whole.
func (p place) child(name string) place {
	def := p.path.Last().Node.ChildNamed(name)
	if def == nil {
		return place{path: p.path} // a feature that this element lacks
	}
	return place{childOf(p.node, def), p.path.Append(def)}
}

// childOf is Child of a node that may be absent.
func childOf(n *tree.Node, def *schema.Node) *tree.Node {
	if n == nil {
		return nil
	}
	return n.Child(def)
}

// below goes down several levels of containers to a leaf.
func (p place) below(names ...string) place {
	for _, name := range names {
		p = p.child(name)
	}
	return p
}

// named is the entry of the list p with a key.
func (p place) named(key string) place {
	e := place{path: p.path.Parent().Append(p.path.Last().Node, key)}
	if p.node != nil {
		e.node = p.node.Entry(key)
	}
	return e
}

// entry is an entry of the list p.
func (p place) entry(e *tree.Node) place {
	return place{e, append(slices.Clip(p.path.Parent()), e.Step())}
}

// refusal says that a configuration makes no sense, in the terms of the constraints that YANG can express.
func refusal(p place, appTag, format string, args ...any) error {
	return &tree.Error{Tag: tree.OperationFailed, AppTag: appTag, Path: p.path, Message: fmt.Sprintf(format, args...)}
}

// The app-tags of RFC 7950 section 15.
const (
	mustViolation = "must-violation"
	notUnique     = "data-not-unique"
)

// warning says what does not work as it stands, and what happens instead.
func warning(p place, kind, format string, args ...any) *tree.Error {
	tag := tree.InvalidValue
	if kind == BadReference {
		tag = tree.DataMissing
	}
	return &tree.Error{Tag: tag, AppTag: kind, Warning: true, Path: p.path, Message: fmt.Sprintf(format, args...)}
}

// problems are found while something is translated.
type problems struct {
	errs     []error
	warnings []*tree.Error
}

func (p *problems) refuse(at place, appTag, format string, args ...any) {
	p.errs = append(p.errs, refusal(at, appTag, format, args...))
}

func (p *problems) warn(at place, kind, format string, args ...any) {
	p.warnings = append(p.warnings, warning(at, kind, format, args...))
}

// check notes an error that belongs to no place of its own: what the schema should have refused.
func (p *problems) check(at place, err error) {
	if err != nil {
		p.errs = append(p.errs, &tree.Error{Tag: tree.OperationFailed, Path: at.path, Message: err.Error()})
	}
}

// fresh returns the warnings that were not given before.
func fresh(now, before []*tree.Error) []*tree.Error {
	var list []*tree.Error
	for _, w := range now {
		if !slices.ContainsFunc(before, func(old *tree.Error) bool { return old.Message == w.Message && old.Path.Equal(w.Path) }) {
			list = append(list, w)
		}
	}
	return list
}
