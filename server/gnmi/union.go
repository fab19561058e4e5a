package gnmi

import (
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// union makes the operations of a union_replace: what is at any of their paths goes, and what all of them say together takes its place.
// Where two of them say different things of one leaf, neither is right.
func (s *service) union(req *gpb.SetRequest) (list []*operation, wrong faults) {
	said := map[string]statement{}
	for _, u := range req.GetUnionReplace() {
		op, f := s.writing(gpb.UpdateResult_UNION_REPLACE, req.GetPrefix(), u)
		list = append(list, op)
		if f == nil {
			f = op.agree(s.schema, said)
		}
		if f != nil {
			wrong = append(wrong, f)
			continue
		}
		op.clears = op.place.cleared(s.schema)
	}
	return list, wrong
}

// statement is what an operation says of a leaf or leaf-list.
type statement struct {
	value string
	by    *operation
}

// agree notes what the operation says, and refuses it when another has said otherwise.
func (op *operation) agree(s *schema.Schema, said map[string]statement) (f *fault) {
	root, err := tree.Apply(tree.NewRoot(s), op.edits...)
	if err != nil {
		return faultf(codes.InvalidArgument, "%s: %v", op.place.text, err)
	}
	eachLeaf(root, nil, func(at schema.Path, value string) {
		key := pathText(elemsOf(at))
		before, known := said[key]
		if known && before.value != value && f == nil {
			f = faultf(codes.InvalidArgument, "%s: %s is %q here and %q in %s; a union has one of them", op.place.text, key, value, before.value, before.by.place.text)
		}
		said[key] = statement{value, op}
	})
	return f
}

// eachLeaf calls each with the leaves and leaf-lists below a node, and their values.
func eachLeaf(n *tree.Node, at schema.Path, each func(at schema.Path, value string)) {
	for kid := range n.Children() {
		switch def := kid.Schema(); {
		case def.Kind == schema.LeafList:
			var values []string
			for e := range kid.Entries() {
				values = append(values, e.Value())
			}
			each(at.Append(def), strings.Join(values, ", "))
		case kid.IsList():
			for e := range kid.Entries() {
				eachLeaf(e, append(slices.Clip(at), e.Step()), each)
			}
		case def.HasChildren():
			eachLeaf(kid, at.Append(def), each)
		default:
			each(at.Append(def), kid.Value())
		}
	}
}

// cleared are the edits that make room for what is written to a place.
func (p *place) cleared(s *schema.Schema) (edits []tree.Edit) {
	for _, at := range p.patterns {
		switch {
		case len(at) == 0:
			return []tree.Edit{{Op: tree.Replace, Node: tree.NewRoot(s)}}
		case !at.Last().Node.Config || at.Last().Node.IsKey():
			continue
		case !closed(at.Last()):
			at = at.Parent().Append(at.Last().Node) // the list as a whole
		}
		edits = append(edits, tree.At(s, at, tree.Remove, nil))
	}
	return edits
}
