package netconf

import (
	"errors"
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// failure is a problem with the message itself, not with what it asks for: its error-type is rpc.
type failure struct{ problem *tree.Error }

func (f *failure) Error() string { return f.problem.Error() }

func rpcLayer(e *tree.Error) error { return &failure{e} }

// protocolLayer marks problems as those of a parameter and not of data; data-missing is one of data only (RFC 6241 appendix A).
func protocolLayer(err error) error {
	for _, e := range tree.Errors(err) {
		e.Protocol = e.Tag != tree.DataMissing
	}
	return err
}

// protocolError is a problem with an element of the protocol.
func protocolError(tag tree.Tag, element, message string) error {
	return &tree.Error{Tag: tag, Protocol: true, Message: message, Info: []tree.Info{{Name: "bad-element", Value: element}}}
}

// isProblem reports whether err is for the client to know: problems with its request and nothing else.
func isProblem(err error) bool {
	switch e := err.(type) {
	case nil:
		return false
	case *tree.Error, *failure, *refusal:
		return true
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(one error) bool { return !isProblem(one) })
	}
	return false
}

// fatal reports whether err is one of the transport, so that the session cannot go on.
func fatal(err error) bool { return err != nil && !isProblem(err) }

// rpcErrors writes an error, or several joined, as <rpc-error> (RFC 6241 section 4.3).
func (w *replyWriter) rpcErrors(err error) (errs int) {
	if f, ok := err.(*failure); ok {
		w.rpcError(f.problem, "rpc", nil)
		return 1
	}
	hints, _ := err.(*refusal)
	for _, e := range tree.Errors(err) {
		layer := "application"
		if e.Protocol {
			layer = "protocol"
		}
		w.rpcError(e, layer, hints)
		if !e.Warning {
			errs++
		}
	}
	return errs
}

// rpcError writes one error, with hints unless nil; the order of its elements is that of RFC 6241 appendix B.
func (w *replyWriter) rpcError(e *tree.Error, layer string, hints *refusal) {
	w.open("rpc-error")
	w.element("error-type", layer)
	w.element("error-tag", string(e.Tag))
	severity := "error"
	if e.Warning {
		severity = "warning"
	}
	w.element("error-severity", severity)
	if e.AppTag != "" {
		w.element("error-app-tag", e.AppTag)
	}
	if path, modules := w.errorPath(e); path != "" {
		w.start("error-path")
		w.declare(modules)
		w.text(path)
		w.close("error-path")
	}
	w.start("error-message")
	w.raw(` xml:lang="en"`)
	w.text(e.Message)
	w.close("error-message")
	if len(e.Info) > 0 || hints != nil {
		w.open("error-info")
		for _, info := range e.Info {
			w.info(info)
		}
		if hints != nil {
			hints.write(w)
		}
		w.close("error-info")
	}
	w.close("rpc-error")
}

// info writes one element of error-info: those of the base namespace as the names of the protocol are, the others in their own.
func (w *replyWriter) info(i tree.Info) {
	value, modules := i.Value, []*schema.Module(nil)
	if i.Path != nil {
		value, modules = formatPath(i.Path, w.base)
	}
	if i.Namespace == "" {
		w.start(i.Name)
		w.declare(modules)
		w.text(value)
		w.close(i.Name)
		return
	}
	w.raw("<" + i.Name)
	w.attr("xmlns", i.Namespace)
	w.declare(modules)
	w.text(value)
	w.raw("</" + i.Name + ">")
}

// errorPath says where an error is: in the data, or with a parameter in the request.
func (w *replyWriter) errorPath(e *tree.Error) (string, []*schema.Module) {
	switch {
	case len(e.Path) > 0:
		return formatPath(e.Path, w.base)
	case e.Node != nil && e.Node.Kind == schema.RPC:
		return formatPath(schema.Path{{Node: e.Node}}, w.base)
	}
	return "", nil
}

// formatPath writes a path with prefixes, and returns the modules whose prefixes are used. A path in a request begins at its
// rpc element, which belongs to base.
func formatPath(p schema.Path, base *schema.Module) (text string, modules []*schema.Module) {
	prefix := func(m *schema.Module) string {
		if !slices.Contains(modules, m) {
			modules = append(modules, m)
		}
		return m.Prefix
	}
	if base == nil || p[0].Node.Kind != schema.RPC {
		return p.Format(prefix), modules
	}
	steps := slices.DeleteFunc(slices.Clone(p), func(s schema.Step) bool { return s.Node.Kind == schema.Input })
	return "/" + prefix(base) + ":rpc" + steps.Format(prefix), modules
}

var errLost = errors.New("the reply cannot be sent")
