package gnmi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"mooring/server/state"
	"mooring/server/tree/schema"
)

// The wildcards of path elements and keys.
const (
	anyElement  = "*"
	anyElements = "..."
	anyKey      = "*"
)

// elementOrigin is the origin of the whole data of the element, as no origin is. The name of a module is an origin too: that of the nodes
// at the top that it defines.
const elementOrigin = "mooring"

// maxPathElements bounds a path; the deepest node of any model we know is less than half as deep.
const maxPathElements = 64

// maxPatterns bounds what a path with wildcards, or all paths of a read, may stand for in the models.
const maxPatterns = 2000

// place is what a path of a request leads to.
type place struct {
	text     string // the operation and the path as it was asked for, for messages
	origin   string
	patterns []schema.Path // instances that are meant; keys that are state.Any are open
	wildcard bool          // any may be meant, or none
}

// resolver resolves the paths of one request.
type resolver struct {
	schema *schema.Schema
	op     string // what is done with them, for messages
	prefix *gpb.Path
	// unknown is the code for a path to what the schema does not have: a read says Unimplemented, a write NotFound.
	unknown codes.Code
}

// resolve finds out what a path means. Names may have the name of their module before them, as in module:name.
func (r *resolver) resolve(path *gpb.Path) (*place, *fault) {
	elems := slices.Concat(r.prefix.GetElem(), path.GetElem())
	p := &place{text: r.op + " " + pathText(elems), origin: r.prefix.GetOrigin()}
	if p.origin == "" {
		p.origin = path.GetOrigin()
	}
	if err := r.wellFormed(path, elems); err != nil {
		return nil, faultf(codes.InvalidArgument, "%s: %v", p.text, err)
	}
	module, ok := r.originModule(p.origin)
	if !ok {
		return nil, faultf(codes.Unimplemented, "%s: no schema of origin %q here; the origins are none, %q and the names of the modules", p.text, p.origin, elementOrigin)
	}
	x := expansion{unknown: r.unknown, found: []reached{{node: r.schema.Root}}, module: module}
	for i, e := range elems {
		if err := x.step(e, i); err != nil {
			return nil, faultf(err.code, "%s: %s", p.text, err.text)
		}
	}
	p.wildcard = x.wildcard
	p.patterns = x.paths(r.schema)
	if len(p.patterns) > maxPatterns {
		return nil, faultf(codes.ResourceExhausted, "%s: stands for %d nodes of the models; the limit is %d", p.text, len(p.patterns), maxPatterns)
	}
	if x.nested {
		p.patterns = covering(p.patterns)
	}
	return p, nil
}

// resolveAll resolves the paths of a read. The error lists all that are wrong, in the order of the request.
func (s *service) resolveAll(op string, prefix *gpb.Path, paths []*gpb.Path) ([]*place, error) {
	if len(paths) == 0 {
		return nil, faultf(codes.InvalidArgument, "%s: no path is given", op)
	}
	if len(paths) > s.options.Limits.Paths {
		return nil, faultf(codes.ResourceExhausted, "%s: %d paths in one request; the limit is %d", op, len(paths), s.options.Limits.Paths)
	}
	r := &resolver{schema: s.schema, op: op, prefix: prefix, unknown: codes.Unimplemented}
	var places []*place
	var wrong faults
	total := 0
	for _, path := range paths {
		p, f := r.resolve(path)
		if f != nil {
			wrong = append(wrong, f)
			continue
		}
		places = append(places, p)
		if total += len(p.patterns); total > maxPatterns {
			return nil, faultf(codes.ResourceExhausted, "%s: the paths of one request stand for more than %d nodes of the models", op, maxPatterns)
		}
	}
	if len(wrong) == 0 {
		if f := checkOrigins(prefix, places); f != nil {
			wrong = append(wrong, f)
		}
	}
	return places, wrong.err()
}

// wellFormed refuses what has no meaning whatever the schema is.
func (r *resolver) wellFormed(path *gpb.Path, elems []*gpb.PathElem) error {
	//lint:ignore SA1019 some clients fill it in beside elem; whoever has nothing else shall not get the root
	old := len(path.GetElement()) > len(path.GetElem()) || len(r.prefix.GetElement()) > len(r.prefix.GetElem())
	switch {
	case path.GetTarget() != "":
		return fmt.Errorf("the target %q stands in a path; it belongs in the prefix", path.GetTarget())
	case path.GetOrigin() != "" && r.prefix.GetOrigin() != "":
		return fmt.Errorf("origin is %q in the prefix and %q in the path; give one of the two", r.prefix.GetOrigin(), path.GetOrigin())
	case old:
		return fmt.Errorf("the field element has been replaced by elem")
	case len(elems) > maxPathElements:
		return fmt.Errorf("a path of %d elements; the limit is %d", len(elems), maxPathElements)
	}
	for i, e := range elems {
		if e.GetName() == "" {
			return fmt.Errorf("element %d has no name", i+1)
		}
	}
	return nil
}

// originModule gives the module that an origin limits the top of the tree to; nil is all of them.
func (r *resolver) originModule(origin string) (*schema.Module, bool) {
	if origin == "" || origin == elementOrigin {
		return nil, true
	}
	m := r.schema.Module(origin)
	return m, m != nil && m.Implemented
}

// checkOrigins refuses a prefix with elements when the paths are of several origins: it cannot be part of them all.
func checkOrigins(prefix *gpb.Path, places []*place) *fault {
	for _, p := range places {
		if p.origin != places[0].origin && len(prefix.GetElem()) > 0 {
			return faultf(codes.InvalidArgument, "%s: paths of the origins %q and %q under one prefix; leave the elements of the prefix out",
				p.text, places[0].origin, p.origin)
		}
	}
	return nil
}

// covering leaves out the patterns that others include.
func covering(list []schema.Path) (kept []schema.Path) {
	if len(list) == 1 {
		return list
	}
	for i, p := range list {
		covered := slices.ContainsFunc(kept, func(q schema.Path) bool { return covers(q, p) }) ||
			slices.ContainsFunc(list[i+1:], func(q schema.Path) bool { return covers(q, p) && !covers(p, q) })
		if !covered {
			kept = append(kept, p)
		}
	}
	return kept
}

// covers reports whether all that q means is at or below what p means.
func covers(p, q schema.Path) bool {
	if len(p) > len(q) {
		return false
	}
	for i := range p {
		if !matches(p[i], q[i]) {
			return false
		}
	}
	return true
}

// matches reports whether the step of a pattern means an instance, or includes another step of a pattern.
func matches(pattern, step schema.Step) bool {
	if pattern.Node != step.Node {
		return false
	}
	for i, k := range pattern.Keys {
		if k != state.Any && (i >= len(step.Keys) || step.Keys[i] != k) {
			return false
		}
	}
	return true
}

func splitName(name string) (module, local string) {
	if module, local, ok := strings.Cut(name, ":"); ok {
		return module, local
	}
	return "", name
}

// elementName is how a node is called in paths that the element sends: by its name alone, unless that is also the name of a sibling that
// the parent's own module defines.
func elementName(def *schema.Node) string {
	if def.Parent.ChildNamed(def.Name) == def {
		return def.Name
	}
	return def.QualifiedName()
}

// elemsOf writes a path as gNMI has it.
func elemsOf(path schema.Path) []*gpb.PathElem {
	elems := make([]*gpb.PathElem, len(path))
	for i, s := range path {
		elems[i] = elemOf(s)
	}
	return elems
}

func elemOf(s schema.Step) *gpb.PathElem {
	e := &gpb.PathElem{Name: elementName(s.Node)}
	if s.Node.Kind == schema.List && len(s.Keys) > 0 {
		e.Key = make(map[string]string, len(s.Keys))
		for i, k := range s.Keys {
			e.Key[s.Node.Keys[i].Name] = k
		}
	}
	return e
}

// pathText writes a path for people.
func pathText(elems []*gpb.PathElem) string {
	if len(elems) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, e := range elems {
		b.WriteByte('/')
		b.WriteString(e.GetName())
		for _, name := range slices.Sorted(maps.Keys(e.GetKey())) {
			fmt.Fprintf(&b, "[%s=%s]", name, e.Key[name])
		}
	}
	return b.String()
}

// closed reports whether a step of a pattern leaves nothing open.
func closed(step schema.Step) bool { return !slices.Contains(step.Keys, state.Any) }
