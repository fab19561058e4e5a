package gnmi

import (
	"slices"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"mooring/server/state"
	"mooring/server/tree/schema"
)

// expansion follows a path through the schema, along all ways that wildcards leave open.
type expansion struct {
	unknown  codes.Code
	module   *schema.Module // of the nodes at the top; nil is any
	found    []reached
	wildcard bool
	nested   bool // what was found may include other finds
}

// reached is a node of the schema with the path that led there.
type reached struct {
	node *schema.Node
	path schema.Path
}

// step goes one element further. Where a wildcard has been, ways that the element does not fit are given up.
func (x *expansion) step(e *gpb.PathElem, index int) *fault {
	if e.Name == anyElement || e.Name == anyElements {
		if len(e.Key) > 0 {
			return faultf(codes.InvalidArgument, "the wildcard %s takes no keys", e.Name)
		}
		x.wildcard = true
	}
	var next []reached
	var reason *fault
	seen := map[*schema.Node][]schema.Path{}
	for _, at := range x.found {
		if e.Name == anyElements {
			x.nested = true
			next = x.below(at, next, seen)
			continue
		}
		for _, def := range x.children(at.node, e.Name) {
			keys, err := x.keys(def, e)
			if err != nil {
				reason = err
				continue
			}
			next = append(next, reached{def, at.path.Append(def, keys...)})
		}
	}
	if len(next) == 0 && reason == nil {
		reason = x.noSuch(e.Name)
	}
	if len(next) == 0 {
		return reason
	}
	x.found = next
	return nil
}

func (x *expansion) noSuch(name string) *fault {
	parent := x.found[0].node
	if len(x.found) == 1 {
		module, local := splitName(name)
		if module == "" && parent.Module != nil {
			module = parent.Module.Name
		}
		if feature, ok := parent.Unsupported(module, local); ok {
			return faultf(x.unknown, "%q needs feature %s, which this element lacks", name, feature)
		}
	}
	return faultf(x.unknown, "no node %q below %s in the models of this element", name, parent.Path())
}

// children are the children of a node that a name stands for: all for the wildcard.
func (x *expansion) children(parent *schema.Node, name string) []*schema.Node {
	var list []*schema.Node
	if name == anyElement {
		list = parent.Children
	} else if module, local := splitName(name); module != "" {
		list = appendDefined(nil, parent.Child(module, local))
	} else if parent.Kind == schema.Root && x.module != nil {
		list = appendDefined(nil, parent.Child(x.module.Name, local))
	} else {
		list = appendDefined(nil, parent.ChildNamed(local))
	}
	if parent.Kind != schema.Root || x.module == nil {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(def *schema.Node) bool { return def.Module != x.module })
}

func appendDefined(list []*schema.Node, def *schema.Node) []*schema.Node {
	if def == nil {
		return list
	}
	return append(list, def)
}

// below appends a node and all that are below it: what "..." stands for. Those that have been seen are in the list with all below them.
func (x *expansion) below(at reached, list []reached, seen map[*schema.Node][]schema.Path) []reached {
	if slices.ContainsFunc(seen[at.node], at.path.Equal) {
		return list
	}
	seen[at.node] = append(seen[at.node], at.path)
	list = append(list, at)
	for _, def := range x.children(at.node, anyElement) {
		if def.HasChildren() {
			list = x.below(reached{def, at.path.Append(def, openKeys(def)...)}, list, seen)
		}
	}
	return list
}

// openKeys are the keys of a list of which all entries are meant; nil for every other node.
func openKeys(def *schema.Node) []string {
	if def.Kind != schema.List {
		return nil
	}
	return slices.Repeat([]string{state.Any}, len(def.Keys))
}

// keys reads the keys of an element. Those that are missing are open.
func (x *expansion) keys(def *schema.Node, e *gpb.PathElem) ([]string, *fault) {
	keys := openKeys(def)
	if len(e.Key) > 0 && len(keys) == 0 {
		return nil, faultf(codes.InvalidArgument, "%s is no list that has keys", def.Path())
	}
	for name, text := range e.Key {
		_, local := splitName(name)
		i := slices.IndexFunc(def.Keys, func(k *schema.Node) bool { return k.Name == local })
		if i < 0 {
			return nil, faultf(codes.InvalidArgument, "%q is no key of list %s", name, def.Path())
		}
		if text == anyKey {
			continue
		}
		value, err := def.Keys[i].Type.Parse(text, schema.Lexical{Module: moduleOr(def.Keys[i])})
		if err != nil {
			return nil, faultf(codes.InvalidArgument, "key %q of list %s: %v", name, def.Path(), err)
		}
		keys[i] = value
	}
	x.wildcard = x.wildcard || slices.Contains(keys, state.Any)
	return keys, nil
}

// moduleOr resolves prefixes of identities: names of modules, that of the leaf where there is none.
func moduleOr(def *schema.Node) func(string) *schema.Module {
	return func(name string) *schema.Module {
		if name == "" {
			return def.Module
		}
		return def.Schema().Module(name)
	}
}

// paths are where the expansion led to. The root of one module stands for the nodes that the module has there.
func (x *expansion) paths(s *schema.Schema) (list []schema.Path) {
	for _, at := range x.found {
		if at.node.Kind != schema.Root || x.module == nil {
			list = append(list, at.path)
			continue
		}
		for _, def := range x.children(s.Root, anyElement) {
			list = append(list, schema.Path{{Node: def, Keys: openKeys(def)}})
		}
	}
	return list
}
