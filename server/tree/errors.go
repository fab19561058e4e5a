package tree

import (
	"errors"
	"slices"
	"strings"

	"mooring/server/tree/schema"
)

// Error is one problem with data or with an edit, in the terms of an rpc-error (RFC 6241 section 4.3 and appendix A, RFC
// 7950 section 15). Several are joined with errors.Join; Errors takes them apart.
type Error struct {
	Tag      Tag
	AppTag   string // "" when there is none
	Protocol bool   // error-type protocol; application otherwise
	Warning  bool   // severity warning
	// Path leads to the instance in question; nil when there is none. Node is set where the path of an instance cannot be
	// given, as for data in an rpc, and then names the definition.
	Path    schema.Path
	Node    *schema.Node
	Message string
	Info    []Info
}

// Tag is an error-tag.
type Tag string

// The error-tags of RFC 6241 appendix A.
const (
	InUse            Tag = "in-use"
	InvalidValue     Tag = "invalid-value"
	TooBig           Tag = "too-big"
	MissingAttribute Tag = "missing-attribute"
	BadAttribute     Tag = "bad-attribute"
	UnknownAttribute Tag = "unknown-attribute"
	MissingElement   Tag = "missing-element"
	BadElement       Tag = "bad-element"
	UnknownElement   Tag = "unknown-element"
	UnknownNamespace Tag = "unknown-namespace"
	AccessDenied     Tag = "access-denied"
	LockDenied       Tag = "lock-denied"
	ResourceDenied   Tag = "resource-denied"
	RollbackFailed   Tag = "rollback-failed"
	DataExists       Tag = "data-exists"
	DataMissing      Tag = "data-missing"
	NotSupported     Tag = "operation-not-supported"
	OperationFailed  Tag = "operation-failed"
	MalformedMessage Tag = "malformed-message"
)

// Info is one element of error-info. Namespace "" is that of NETCONF base; Path, when set, is the value, to be written
// with the prefixes of the encoding.
type Info struct {
	Namespace, Name, Value string
	Path                   schema.Path
}

// YANGNamespace is that of the error-info elements of RFC 7950 section 15.
const YANGNamespace = "urn:ietf:params:xml:ns:yang:1"

func (e *Error) Error() string {
	where := ""
	switch {
	case e.Path != nil:
		where = e.Path.String()
	case e.Node != nil:
		where = e.Node.Path()
	}
	if where == "" {
		return e.Message
	}
	return where + ": " + e.Message
}

// Errors takes joined errors apart: every *Error in err, wrapped or not, in order. What is no *Error becomes one with the tag
// operation-failed. It returns nil for nil.
func Errors(err error) []*Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok {
		return []*Error{e}
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []*Error
		for _, one := range joined.Unwrap() {
			list = append(list, Errors(one)...)
		}
		return list
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return Errors(errors.Unwrap(err))
	}
	return []*Error{{Tag: OperationFailed, Message: err.Error()}}
}

// Ordered joins errors in the order of the document that root is, those that are in the list twice once.
func Ordered(root *Node, list []*Error) error {
	slices.SortStableFunc(list, func(a, b *Error) int { return comparePaths(root, a.Path, b.Path) })
	var all problems
	for i, e := range list {
		repeated := func(o *Error) bool { return o.Message == e.Message && o.Path.Equal(e.Path) }
		begin := i
		for begin > 0 && comparePaths(root, list[begin-1].Path, e.Path) == 0 {
			begin--
		}
		if !slices.ContainsFunc(list[begin:i], repeated) {
			all.add(e)
		}
	}
	return all.err()
}

// comparePaths orders paths as what they lead to stands in a document. What a list lacks comes after what it has.
func comparePaths(n *Node, a, b schema.Path) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x.Node != y.Node {
			return x.Node.Position - y.Node.Position
		}
		list := n.childOrNil(x.Node)
		if c := compareSteps(list, x, y); c != 0 {
			return c
		}
		n = n.childOrNil(x.Node)
		if n != nil && n.IsList() {
			n = n.Entry(x.Keys...)
		}
	}
	return len(a) - len(b)
}

// compareSteps orders entries of one list; list is nil where the document has none.
func compareSteps(list *Node, x, y schema.Step) int {
	if slices.Equal(x.Keys, y.Keys) {
		return 0
	}
	if x.Keys == nil || y.Keys == nil { // the list itself, or an entry of which the keys are not known
		return len(x.Keys) - len(y.Keys)
	}
	if a, b := list.Entry(x.Keys...), list.Entry(y.Keys...); x.Node.UserOrdered && (a != nil || b != nil) {
		switch {
		case a == nil:
			return 1
		case b == nil:
			return -1
		}
		return list.CompareEntries(a, b)
	}
	return compareKeys(x.Node, x.JoinedKeys(), y.JoinedKeys())
}

// problems collects errors up to a limit: a payload of a million wrong entries has made its point long before the end.
type problems struct{ list []error }

// MaxProblems is how many errors are reported at once.
const MaxProblems = 1000

func (p *problems) add(e *Error) {
	if len(p.list) < MaxProblems {
		p.list = append(p.list, e)
	}
}

// take adds the *Error values joined in err; what is none is returned.
func (p *problems) take(err error) error {
	if e, ok := err.(*Error); ok {
		p.add(e)
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			if err := p.take(one); err != nil {
				return err
			}
		}
		return nil
	}
	return err
}

func (p *problems) err() error { return errors.Join(p.list...) }

// anyError says what is wrong with the content of an anydata or anyxml.
func anyError(path schema.Path, err error) *Error {
	e := &Error{Tag: InvalidValue, Path: path, Message: err.Error()}
	if errors.Is(err, errAnyTooBig) {
		e.Tag = TooBig
	}
	return e
}

// badElement is the error-info that names an element (RFC 6241 appendix A).
func badElement(name string) []Info { return []Info{{Name: "bad-element", Value: name}} }

// unknownChild says that there is no node of that name below parent, and why when a feature is missing.
func unknownChild(path schema.Path, parent *schema.Node, module *schema.Module, local string) *Error {
	e := &Error{Tag: UnknownElement, Path: path, Node: parent, Info: badElement(local)}
	if module == nil {
		e.Message = "no node " + local + " here"
		return e
	}
	if feature, ok := parent.Unsupported(module.Name, local); ok {
		e.Message = "node " + local + " needs feature " + strings.Join(strings.Fields(feature), " ") + ", which this element lacks"
		return e
	}
	e.Message = "no node " + local + " of module " + module.Name + " here"
	return e
}
