package netconf

import (
	"cmp"

	"mooring/server/netconf/filter"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// payload reads a parameter that the schema knows nothing about the content of.
func (r *request) payload(def *schema.Node, before *tree.Builder) error {
	var err error
	switch {
	case def.Module.Name == nmda && def.Name == "subtree-filter":
		r.filter, err = filter.Subtree(r.xml, r.server.schema)
		return err
	case def.Module.Name == subscribed && def.Name == "stream-subtree-filter", def.Module.Name == yangPush && def.Name == "datastore-subtree-filter":
		r.filter, err = filter.Subtree(r.xml, r.server.schema)
		return err
	case def.Name == "filter" && (def.Module == r.server.base || def.Module.Name == ncEvent):
		if r.filter, err = r.readFilter(); isProblem(err) {
			for _, e := range tree.Errors(err) {
				e.Path = schema.Path{{Node: r.def}, {Node: r.def.Input}, {Node: def}}
			}
		}
		return err // what is wrong with it is wrong with a parameter
	case def.Module != r.server.base && def.Module.Name != nmda || def.Name != "config":
		return cmp.Or[error](r.xml.Skip(), &tree.Error{Tag: tree.NotSupported, Message: "parameter " + def.Name + " is not supported"})
	}
	if err := noOperation(r.xml.Opened()); err != nil {
		return cmp.Or(r.xml.Skip(), err)
	}
	if r.def.Name == "edit-config" || r.def.Name == "edit-data" {
		r.edit, err = tree.DecodeEdit(r.xml, r.server.schema.Root, defaultOperation(before.Value(r.parameter("default-operation"))), tree.DecodeOptions{})
	} else {
		r.config, err = tree.DecodeXML(r.xml, r.server.schema.Root, tree.DecodeOptions{})
	}
	if isProblem(err) {
		r.wrong, err = err, nil
	}
	return err
}

// noOperation refuses an element config that says by itself what is done.
func noOperation(config *xmlio.Element) error {
	if _, ok := config.Attr(tree.NetconfNamespace, "operation"); !ok {
		return nil
	}
	return &tree.Error{Tag: tree.UnknownAttribute, Message: "config has no operation: default-operation says what is done with all of it",
		Info: []tree.Info{{Name: "bad-attribute", Value: "operation"}, {Name: "bad-element", Value: "config"}}}
}

// readFilter reads the parameter filter with its attributes (RFC 6241 sections 6.1 and 8.9.5).
func (r *request) readFilter() (*filter.Filter, error) {
	el := r.xml.Opened()
	attr := func(name string) (string, bool) {
		if v, ok := el.Attr("", name); ok {
			return v, true
		}
		return el.Attr(tree.NetconfNamespace, name) // some clients qualify it
	}
	kind, _ := attr("type")
	selects, ok := attr("select")
	bad := []tree.Info{{Name: "bad-attribute", Value: "type"}, {Name: "bad-element", Value: "filter"}}
	switch kind {
	case "", "subtree":
		return filter.Subtree(r.xml, r.server.schema)
	case "xpath":
		spaces := r.xml.Namespaces()
		if err := r.xml.Skip(); err != nil {
			return nil, err
		}
		if !ok {
			bad[0].Value = "select"
			return nil, &tree.Error{Tag: tree.MissingAttribute, Message: "a filter of type xpath needs the attribute select", Info: bad}
		}
		if r.def.Module.Name == ncEvent {
			return filter.EventXPath(r.server.schema, selects, spaces)
		}
		return filter.XPath(r.server.schema, selects, spaces)
	}
	return nil, cmp.Or[error](r.xml.Skip(), &tree.Error{Tag: tree.BadAttribute, Message: "type " + schema.Quote(kind) + " of the filter is neither subtree nor xpath", Info: bad})
}
