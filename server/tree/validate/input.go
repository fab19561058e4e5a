package validate

import (
	"errors"
	"slices"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// Input checks the parameters of def, an rpc, or an action at the node that the path leads to, by what the schema asks of them. The
// tree is what DecodeXML made of the input; nil stands for an empty one. Expressions see running beside the parameters (RFC 7950
// section 6.4.1), but no state; whether a reference to state leads anywhere is for whoever carries out the operation to say.
//
// What is missing is a missing-element (RFC 6241 appendix A), since it is the request that lacks it; what else is wrong may be a
// consequence of that, and is not reported then. Paths lead through the rpc or action to the parameter.
func (r *Rules) Input(at schema.Path, def *schema.Node, input, running *tree.Node) error {
	if input == nil {
		input = tree.Stub(schema.Step{Node: def.Input})
	}
	c := &checker{Rules: r, root: xpath.Root(running), full: true}
	c.operation = c.way(at).Child(input)
	c.subtree(c.operation)
	var missing, errs []error
	for _, o := range c.errs {
		o.Path[len(at)].Node = def
		for _, info := range o.Info {
			if info.Path != nil {
				info.Path[len(at)].Node = def
			}
		}
		o.Protocol = o.Tag != tree.DataMissing // which is one of the application only
		errs = append(errs, o.Error)
		if o.Tag == tree.MissingElement {
			missing = append(missing, o.Error)
		}
	}
	if len(missing) > 0 {
		return errors.Join(missing...)
	}
	return errors.Join(errs...)
}

// way makes the items on the way to a node, which need not be there when it is state or exists by default.
func (c *checker) way(path schema.Path) *xpath.Item {
	at := c.root
	for i, step := range path {
		n := c.root.Node.Get(path[:i+1])
		if n == nil {
			n = tree.Stub(step)
		}
		at = at.Child(n)
	}
	return at
}

// unseen reports whether def is state, of which a check of parameters knows nothing.
func (c *checker) unseen(def *schema.Node) bool {
	return c.operation != nil && !def.Config && !slices.Contains(def.Ancestors(), c.operation.Node.Schema())
}

// noCase is the error of a choice that has to be made. Nodes of features that are lacking are not there.
func noCase(i *xpath.Item, ch *schema.Choice) *tree.Error {
	var names []string
	for _, c := range ch.Cases {
		for _, n := range c.All() {
			names = append(names, n.Name)
		}
	}
	missing := ch.Name
	switch def := i.Node.Schema(); {
	case i.Node.Len() == 0 && def.Kind == schema.Container:
		missing = def.Name // it may be there, and empty
	case len(names) > 0:
		missing = names[0]
	}
	return &tree.Error{Tag: tree.MissingElement, AppTag: "missing-choice", Path: i.Path(),
		Info:    []tree.Info{{Name: "bad-element", Value: missing}, {Namespace: tree.YANGNamespace, Name: "missing-choice", Value: ch.Name}},
		Message: "one of these parameters is needed: " + strings.Join(names, ", ")}
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
