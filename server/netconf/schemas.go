package netconf

import (
	"fmt"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// document is the text of a module or submodule.
type document struct {
	module               *schema.Module
	name, revision, text string
}

// documents are all modules and submodules of a schema.
func documents(s *schema.Schema) (list []document) {
	for _, m := range s.Modules {
		list = append(list, document{m, m.Name, m.Revision, m.Text})
		for _, sub := range m.Submodules {
			list = append(list, document{m, sub.Name, sub.Revision, sub.Text})
		}
	}
	return list
}

// getSchema shows the text of a module or submodule (RFC 6022 section 3.1).
func (r *request) getSchema() (answer, error) {
	name, _ := r.given("identifier")
	version, anyVersion := r.given("version")
	anyVersion = !anyVersion
	if format, ok := r.given("format"); ok && format != "ietf-netconf-monitoring:yang" {
		return nil, protocolError(tree.InvalidValue, "format", "schemas are there in the format yang only, not "+format)
	}
	for _, d := range documents(r.server.schema) {
		if d.name == name && (anyVersion || d.revision == version) {
			return schemaText(r.def.Module.Namespace, d.text), nil
		}
	}
	if anyVersion {
		return nil, protocolError(tree.InvalidValue, "identifier", "there is no schema "+schema.Quote(name))
	}
	return nil, protocolError(tree.InvalidValue, "version", fmt.Sprintf("there is no schema %s of revision %s", schema.Quote(name), schema.Quote(version)))
}

func schemaText(namespace, text string) answer {
	return func(w *replyWriter) error {
		w.raw("<data")
		w.attr("xmlns", namespace)
		w.raw(">")
		w.buf = xmlio.AppendText(w.buf, text)
		w.raw("</data>")
		return nil
	}
}
