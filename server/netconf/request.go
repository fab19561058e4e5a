package netconf

import (
	"context"
	"errors"
	"io"
	"strings"

	"mooring/server/access"
	"mooring/server/netconf/filter"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// request is an <rpc> (RFC 6241 section 4.1).
type request struct {
	session *session
	server  *Server
	ctx     context.Context
	xml     *xmlio.Reader
	access  *access.Access // by the rules in force when the request began
	envelope

	def    *schema.Node // the operation
	input  *tree.Node   // its parameters; nil when it has none
	filter *filter.Filter
	edit   tree.Edit  // <config> of edit-config
	config *tree.Node // any other <config>
	then   func()     // what happens as the reply is written, before anything else is
	// wrong is what is wrong with the payload, as opposed to the parameters.
	wrong error
}

// operation carries a request out. The error joins *tree.Error values.
type operation func(*request) (answer, error)

// read reads the whole message. The error joins what is wrong with it; one for which fatal says yes ends the session.
func (r *request) read() (operation, error) {
	r.namespace, r.attrs = tree.NetconfNamespace, []byte(` xmlns="`+tree.NetconfNamespace+`"`)
	if err := r.open(); err != nil {
		return nil, err
	}
	el, err := r.xml.Next()
	if err != nil {
		return nil, r.malformed(err)
	}
	if el == nil {
		return nil, protocolError(tree.MissingElement, "rpc", "rpc holds no operation")
	}
	perform, err := r.operation(el)
	if _, broken := err.(*failure); broken || fatal(err) {
		return nil, err
	}
	if end := r.finish(); end != nil {
		return nil, end
	}
	return perform, err
}

// open reads the start tag of the rpc.
func (r *request) open() error {
	el, err := r.xml.Next()
	if err == io.EOF {
		err = &xmlio.SyntaxError{Line: 1, Message: "the message is empty"}
	}
	if err != nil {
		return r.malformed(err)
	}
	if el.Name.Local != "rpc" || el.Name.Space != tree.NetconfNamespace {
		e := &tree.Error{Tag: tree.UnknownElement, Info: []tree.Info{{Name: "bad-element", Value: el.Name.Local}},
			Message: "a request is an <rpc> of namespace " + tree.NetconfNamespace}
		if el.Name.Space != tree.NetconfNamespace {
			e.Tag, e.Info = tree.UnknownNamespace, append(e.Info, tree.Info{Name: "bad-namespace", Value: el.Name.Space})
		}
		return rpcLayer(e)
	}
	r.envelope = echo(el, r.xml.Namespaces())
	if _, ok := el.Attr("", "message-id"); !ok {
		return rpcLayer(&tree.Error{Tag: tree.MissingAttribute, Message: "rpc has no message-id",
			Info: []tree.Info{{Name: "bad-attribute", Value: "message-id"}, {Name: "bad-element", Value: "rpc"}}})
	}
	return nil
}

// operation reads the element of the operation and what it holds.
func (r *request) operation(el *xmlio.Element) (operation, error) {
	if isAction(el) {
		r.access = r.server.access.For(r.session.user)
		return r.readAction()
	}
	def, perform, err := r.find(el)
	if err == nil {
		r.def = def
		r.access = r.server.access.For(r.session.user)
		err = protocolLayer(r.access.Exec(def.Module.Name, def.Name, def))
	}
	if err != nil {
		if skipped := r.xml.Skip(); skipped != nil {
			return nil, r.malformed(skipped)
		}
		return nil, err
	}
	r.input, err = tree.DecodeXML(r.xml, def.Input, tree.DecodeOptions{State: true, Any: r.payload, Alias: misplacedFilter})
	if err != nil && !isProblem(err) {
		return nil, r.malformed(err)
	}
	if err == nil && r.server.known[def] != nil { // others are checked where they are run
		err = r.incomplete()
	}
	if err == nil {
		err = r.refuseURL()
	}
	if err != nil {
		return nil, protocolLayer(err)
	}
	return perform, r.wrong
}

// incomplete says what the parameters of an operation of the protocol lack. Where else they break a rule of its module the operation
// says so by itself, in the terms that its RFC asks for.
func (r *request) incomplete() error {
	var missing []error
	for _, e := range tree.Errors(r.session.store.CheckInput(nil, r.def, r.input, r.server.store.Running().Root)) {
		if e.Tag == tree.MissingElement || e.AppTag == "too-many-elements" {
			missing = append(missing, e)
		}
	}
	return errors.Join(missing...)
}

// find says which operation an element asks for.
func (r *request) find(el *xmlio.Element) (*schema.Node, operation, error) {
	s := r.server
	m := s.schema.ByNamespace(el.Name.Space)
	if m == nil {
		return nil, nil, &tree.Error{Tag: tree.UnknownNamespace, Protocol: true,
			Message: "no module has the namespace " + schema.Quote(el.Name.Space) + " of operation " + el.Name.Local,
			Info:    []tree.Info{{Name: "bad-element", Value: el.Name.Local}, {Name: "bad-namespace", Value: el.Name.Space}}}
	}
	def := s.schema.RPC(m.Name, el.Name.Local)
	if perform := s.known[def]; perform != nil {
		return def, perform, nil
	}
	if def != nil {
		return def, (*request).own, nil
	}
	return nil, nil, protocolError(tree.NotSupported, el.Name.Local, "operation "+el.Name.Local+" of module "+m.Name+" is not supported")
}

// finish reads what follows the operation, which may not be anything.
func (r *request) finish() error {
	el, err := r.xml.Next()
	if el != nil {
		e := protocolError(tree.BadElement, el.Name.Local, "an rpc holds one operation; "+el.Name.Local+" is one too many")
		if err := r.xml.Skip(); err != nil {
			return r.malformed(err)
		}
		return e
	}
	if err == nil {
		if _, err = r.xml.Next(); err == nil {
			err = &xmlio.SyntaxError{Line: 1, Message: "something follows the rpc"}
		}
	}
	if err == io.EOF {
		return nil
	}
	return r.malformed(err)
}

// parameter returns the definition of a parameter.
func (r *request) parameter(name string) *schema.Node { return r.def.Input.ChildNamed(name) }

// value returns a parameter, or its default.
func (r *request) value(name string) string {
	if r.input == nil {
		return ""
	}
	v, _ := r.input.EffectiveLeaf(name)
	return v
}

// given returns a parameter that was really given.
func (r *request) given(name string) (string, bool) {
	if r.input == nil {
		return "", false
	}
	return r.input.Leaf(name)
}

// choice returns the name of the one parameter in a container of parameters: running or candidate, say. A datastore that is
// named by its identity (RFC 8526 section 3.2) is called so, too.
func (r *request) choice(name string) string {
	for n := range r.input.ChildNamed(name).Children() {
		if n.Schema().Name == "datastore" {
			return unqualified(n.Value())
		}
		return n.Schema().Name
	}
	return ""
}

// malformed turns an error of the XML into one for the client. Version 1.0 does not know the tag (RFC 6241 appendix A).
func (r *request) malformed(err error) error {
	syntax, ok := err.(*xmlio.SyntaxError)
	if !ok {
		return err
	}
	e := &tree.Error{Tag: tree.MalformedMessage, Message: strings.TrimSpace(syntax.Error())}
	switch {
	case syntax.TooBig:
		e.Tag = tree.TooBig
	case !r.session.base11:
		e.Tag = tree.OperationFailed
	}
	return rpcLayer(e)
}
