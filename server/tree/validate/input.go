package validate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Input checks that the parameters of an rpc or action are complete: mandatory nodes and choices, numbers of elements. The
// tree is what DecodeXML made of the input; nil stands for an empty one. What is missing is a missing-element (RFC 6241
// appendix A), since it is the request that lacks it.
func Input(def *schema.Node, input *tree.Node) error {
	var p parameters
	p.check(schema.Path{}, def, input)
	return errors.Join(p.errs...)
}

type parameters struct{ errs []error }

func (p *parameters) check(path schema.Path, def *schema.Node, n *tree.Node) {
	for _, child := range def.Children {
		if child.Case != nil && !held(n, child.Case.All()) {
			continue
		}
		kid := childOf(n, child)
		count := uint64(0)
		if kid != nil && kid.IsList() {
			count = uint64(kid.Len())
		}
		switch {
		case child.Mandatory && kid == nil || count < child.MinElements:
			p.errs = append(p.errs, &tree.Error{Tag: tree.MissingElement, Path: path.Append(child), Node: child,
				Info: []tree.Info{{Name: "bad-element", Value: child.Name}}, Message: fmt.Sprintf("parameter %s is missing", child.Name)})
		case child.MaxElements > 0 && count > child.MaxElements:
			p.errs = append(p.errs, &tree.Error{Tag: tree.OperationFailed, AppTag: "too-many-elements", Path: path.Append(child), Node: child,
				Message: fmt.Sprintf("is given %d times, at most %d are taken", count, child.MaxElements)})
		case child.Kind == schema.Container && (kid != nil || !child.Presence):
			p.check(path.Append(child), child, kid)
		case child.Kind == schema.List:
			for e := range kid.Entries() {
				p.check(append(path[:len(path):len(path)], e.Step()), child, e)
			}
		}
	}
	for _, ch := range mandatoryChoices(def.Choices) {
		if (ch.Parent == nil || held(n, ch.Parent.All())) && !slices.ContainsFunc(ch.Cases, func(k *schema.Case) bool { return held(n, k.All()) }) {
			names := alternatives(ch)
			missing := names[0]
			if n == nil && def.Kind == schema.Container {
				missing = def.Name // it may be there, and empty
			}
			p.errs = append(p.errs, &tree.Error{Tag: tree.MissingElement, AppTag: "missing-choice", Path: path, Node: def,
				Info:    []tree.Info{{Name: "bad-element", Value: missing}, {Namespace: tree.YANGNamespace, Name: "missing-choice", Value: ch.Name}},
				Message: "one of these parameters is needed: " + strings.Join(names, ", ")})
		}
	}
}

// alternatives names the nodes of a choice; those of features that are lacking are not there.
func alternatives(ch *schema.Choice) (names []string) {
	for _, c := range ch.Cases {
		for _, n := range c.All() {
			names = append(names, n.Name)
		}
	}
	if len(names) == 0 {
		return []string{ch.Name}
	}
	return names
}

func childOf(n *tree.Node, def *schema.Node) *tree.Node {
	if n == nil {
		return nil
	}
	return n.Child(def)
}

func held(n *tree.Node, nodes []*schema.Node) bool {
	return slices.ContainsFunc(nodes, func(def *schema.Node) bool { return childOf(n, def) != nil })
}

// mandatoryChoices collects the choices that must be made, those inside cases included.
func mandatoryChoices(list []*schema.Choice) (found []*schema.Choice) {
	for _, ch := range list {
		if ch.Mandatory {
			found = append(found, ch)
		}
		for _, c := range ch.Cases {
			found = append(found, mandatoryChoices(c.Choices)...)
		}
	}
	return found
}
