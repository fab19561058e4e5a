package netconf

import (
	"maps"
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/xmlio"
)

// envelope is what a reply takes over from its request (section 4.1: attributes, and declarations among them).
type envelope struct {
	prefix    string // of the names of the reply, with its colon
	namespace string // the default one inside the reply
	attrs     []byte // of rpc-reply
}

// echo makes the start tag of the reply. Its names have no prefix, which clients are used to, unless the request declares a
// default namespace of its own.
func echo(el *xmlio.Element, spaces map[string]string) envelope {
	e := envelope{namespace: tree.NetconfNamespace}
	if own := spaces[""]; own != "" && own != e.namespace {
		e.namespace, e.prefix = own, el.Name.Prefix+":"
	}
	e.attrs = appendAttr(e.attrs, "xmlns", e.namespace)
	for _, prefix := range slices.Sorted(maps.Keys(spaces)) {
		if prefix != "" && prefix != "xml" {
			e.attrs = appendAttr(e.attrs, "xmlns:"+prefix, spaces[prefix])
		}
	}
	for _, a := range el.Attrs {
		name := a.Name.Local
		if a.Name.Prefix != "" {
			name = a.Name.Prefix + ":" + name
		}
		e.attrs = appendAttr(e.attrs, name, a.Value)
	}
	return e
}

func appendAttr(b []byte, name, value string) []byte {
	b = append(append(append(b, ' '), name...), `="`...)
	return append(xmlio.AppendAttr(b, value), '"')
}
