package netconf

import (
	"errors"
	"slices"

	"mooring/server/action"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// isAction reports whether the element of an rpc invokes an action (RFC 7950 section 7.15.2).
func isAction(el *xmlio.Element) bool {
	return el.Name.Space == tree.YANGNamespace && el.Name.Local == "action"
}

// readAction reads an action with the nodes that lead to it, inside the open element.
func (r *request) readAction() (operation, error) {
	a := &actionReader{request: r}
	if err := a.inside(r.server.schema.Root); err != nil {
		return nil, err
	}
	if len(a.errs) == 0 && a.call.Def == nil {
		a.fail(tree.MissingElement, "action", "action names no action")
	}
	if len(a.errs) > 0 {
		return nil, protocolLayer(errors.Join(a.errs...))
	}
	if a.refused != nil {
		return nil, a.refused
	}
	r.def = a.call.Def
	return func(r *request) (answer, error) { return r.run(&a.call) }, nil
}

// actionReader reads the way to an action.
type actionReader struct {
	*request
	call    action.Call
	errs    []error
	refused error // why the action is not run, whatever its parameters are
}

func (a *actionReader) fail(tag tree.Tag, element, message string) {
	a.errs = append(a.errs, &tree.Error{Tag: tag, Path: slices.Clone(a.call.Path), Message: message, Info: []tree.Info{{Name: "bad-element", Value: element}}})
}

// inside reads what stands in an element of the way: the keys of an entry, and then the next node or the action. The error is
// one of the XML.
func (a *actionReader) inside(def *schema.Node) error {
	var keys []*string // in the order of the schema; nil is one that is missing
	gone := false      // further down
	for {
		el, err := a.xml.Next()
		if err != nil {
			return a.malformed(err)
		}
		if el == nil {
			return nil
		}
		module := moduleOf(def, el)
		child, act := def.Child(module, el.Name.Local), def.Action(module, el.Name.Local)
		switch {
		case child == nil && act == nil:
			err = a.unknown(def, el)
		case child != nil && child.IsKey():
			keys, err = a.key(def, child, keys)
		case gone:
			a.fail(tree.BadElement, el.Name.Local, "one action at a time; "+el.Name.Local+" is one node too many")
			err = a.skip()
		default:
			gone = true
			if !a.placed(def) {
				err = a.skip()
			} else if act != nil {
				err = a.read(act)
			} else {
				a.call.Path = append(a.call.Path, schema.Step{Node: child})
				err = a.inside(child)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (a *actionReader) skip() error {
	if err := a.xml.Skip(); err != nil {
		return a.malformed(err)
	}
	return nil
}

func (a *actionReader) unknown(def *schema.Node, el *xmlio.Element) error {
	tag := tree.UnknownElement
	if a.server.schema.ByNamespace(el.Name.Space) == nil {
		tag = tree.UnknownNamespace
	}
	a.fail(tag, el.Name.Local, el.Name.Local+" is neither a node on the way to an action nor an action of "+def.String())
	return a.skip()
}

// key reads a key of the entry that is gone through.
func (a *actionReader) key(list, key *schema.Node, keys []*string) ([]*string, error) {
	text, ok, err := a.xml.Value()
	if err != nil {
		return nil, a.malformed(err)
	}
	value, problem := "", error(nil)
	if ok {
		value, problem = key.Type.Parse(text, schema.Lexical{XML: true, Module: func(prefix string) *schema.Module {
			space, _ := a.xml.Namespace(prefix)
			return key.Type.SchemaNamespace(space)
		}})
	}
	switch {
	case !ok:
		a.fail(tree.BadElement, key.Name, "a value of key "+key.Name+" is expected here, not elements")
	case problem != nil:
		a.badKey(key, problem)
	}
	if keys == nil {
		keys = make([]*string, len(list.Keys))
	}
	at := slices.Index(list.Keys, key)
	if keys[at] != nil {
		a.fail(tree.BadElement, key.Name, "key "+key.Name+" is given twice")
		return keys, nil
	}
	keys[at] = &value
	if !slices.Contains(keys, nil) {
		step := &a.call.Path[len(a.call.Path)-1]
		for _, k := range keys {
			step.Keys = append(step.Keys[:len(step.Keys):len(step.Keys)], *k)
		}
	}
	return keys, nil
}

// badKey notes that the text of a key is no value of it.
func (a *actionReader) badKey(key *schema.Node, problem error) {
	e := &tree.Error{Tag: tree.InvalidValue, Path: a.call.Path.Append(key), Message: problem.Error()}
	if v, ok := errors.AsType[*schema.ValueError](problem); ok {
		e.AppTag = v.AppTag
	}
	a.errs = append(a.errs, e)
}

// placed reports whether it is known which entry the last step of the way leads to.
func (a *actionReader) placed(def *schema.Node) bool {
	if def.Kind == schema.List && a.call.Path.Last().Keys == nil {
		a.fail(tree.MissingElement, def.Name, "the keys of an entry come first, and all of them")
		return false
	}
	return true
}

// read reads the parameters of the action, unless it is not run anyway (RFC 8341 section 3.4.4).
func (a *actionReader) read(def *schema.Node) (err error) {
	a.call.Def, a.call.Session, a.call.Access = def, a.session.store, a.access
	if a.refused = a.call.Admit(a.server.store.Running().Root); a.refused != nil {
		return a.skip()
	}
	a.call.Input, err = tree.DecodeXML(a.xml, def.Input, tree.DecodeOptions{State: true})
	if err != nil && !isProblem(err) {
		return a.malformed(err)
	}
	if err != nil {
		a.errs = append(a.errs, err)
	}
	for _, e := range tree.Errors(err) { // the decoder knows definitions, and not which entry this is about
		e.Path = append(a.call.Path.Append(def), e.Path[len(def.Input.Ancestors()):]...)
	}
	return nil
}

func moduleOf(def *schema.Node, el *xmlio.Element) string {
	if m := def.Schema().ByNamespace(el.Name.Space); m != nil {
		return m.Name
	}
	return ""
}

// own carries out an rpc of the element's own model.
func (r *request) own() (answer, error) {
	return r.run(&action.Call{Def: r.def, Input: r.input})
}

// run carries out an rpc or action of the element's own model.
func (r *request) run(c *action.Call) (answer, error) {
	c.Session, c.Access = r.session.store, r.access
	output, err := r.server.actions.Run(r.ctx, c, r.server.store.Running().Root)
	if err != nil || output == nil || output.Len() == 0 {
		return ok, err
	}
	return func(w *replyWriter) error {
		w.flush()
		x := tree.NewXMLWriter(w.out, w.namespace, "")
		(&tree.Walk{Writer: x}).Children(output)
		x.Flush() // end finds out when nobody is there to read it
		return nil
	}, nil
}
