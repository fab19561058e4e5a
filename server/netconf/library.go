package netconf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"mooring/server/state"
	"mooring/server/tree/schema"
)

// library describes the schema to clients (RFC 8525, and RFC 7895 before it).
type library struct {
	schema   *schema.Schema
	features func(*schema.Module) []string // that are supported now
	texts    []byte                        // digest of all texts
}

func newLibrary(s *schema.Schema, features func(*schema.Module) []string) library {
	sum := sha256.New()
	for _, d := range documents(s) {
		fmt.Fprintln(sum, d.name, d.revision, len(d.text), d.text)
	}
	return library{s, features, sum.Sum(nil)}
}

// id changes with anything that the library says, and with any text.
func (l library) id() string {
	sum := sha256.New()
	sum.Write(l.texts)
	for _, m := range l.schema.Modules {
		fmt.Fprintln(sum, m.Name, m.Revision, m.Implemented, l.features(m))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// everything is the name of the one module set, and of the one schema.
const everything = "all"

// mountLibrary mounts /yang-library and /modules-state; a schema without them has none.
func (s *Server) mountLibrary() error {
	l := s.library
	if top := s.schema.Find("/ietf-yang-library:yang-library"); top != nil {
		s.mount(top, func(out *state.Out) { l.renderLibrary(out.Row(), top) })
	}
	top := s.schema.Find("/ietf-yang-library:modules-state")
	if top == nil {
		return nil
	}
	module := top.ChildNamed("module")
	s.state.Mount(state.Table{Node: top, Parts: []*schema.Node{top.ChildNamed("module-set-id")}, Read: rowsOf(func(out *state.Out) {
		out.Row().Text(top.ChildNamed("module-set-id"), l.id())
	})})
	s.mount(module, func(out *state.Out) { l.renderModules(out, module) })
	return nil
}

// renderLibrary writes yang-library of RFC 8525: one module set in one schema, which is that of each datastore.
func (l library) renderLibrary(row *state.Sink, top *schema.Node) {
	set := top.ChildNamed("module-set")
	row.Open(set)
	row.Text(set.ChildNamed("name"), everything)
	for _, m := range l.schema.Modules {
		def := set.ChildNamed("module")
		if !m.Implemented {
			def = set.ChildNamed("import-only-module")
		}
		row.Open(def)
		row.Text(def.ChildNamed("name"), m.Name)
		row.Text(def.ChildNamed("revision"), m.Revision)
		row.Text(def.ChildNamed("namespace"), m.Namespace)
		submodules(row, def.ChildNamed("submodule"), m)
		if m.Implemented {
			l.renderFeatures(row, def.ChildNamed("feature"), m)
			for _, d := range m.Deviations {
				row.Text(def.ChildNamed("deviation"), d.Name)
			}
		}
		row.Close()
	}
	row.Close()
	one := top.ChildNamed("schema")
	row.Open(one)
	row.Text(one.ChildNamed("name"), everything)
	row.Text(one.ChildNamed("module-set"), everything)
	row.Close()
	for _, name := range []string{"running", "candidate", "intended", "operational"} {
		if l.schema.Identity("ietf-datastores", name) == nil {
			continue // the schema does not implement the names
		}
		ds := top.ChildNamed("datastore")
		row.Open(ds)
		row.Text(ds.ChildNamed("name"), "ietf-datastores:"+name)
		row.Text(ds.ChildNamed("schema"), everything)
		row.Close()
	}
	row.Text(top.ChildNamed("content-id"), l.id())
}

// renderModules writes the list of RFC 7895.
func (l library) renderModules(out *state.Out, def *schema.Node) {
	for _, m := range l.schema.Modules {
		row := out.Row(m.Name, m.Revision)
		row.Text(def.ChildNamed("namespace"), m.Namespace)
		conformance := "import"
		if m.Implemented {
			conformance = "implement"
			l.renderFeatures(row, def.ChildNamed("feature"), m)
		}
		row.Text(def.ChildNamed("conformance-type"), conformance)
		submodules(row, def.ChildNamed("submodule"), m)
		for _, d := range m.Deviations {
			named(row, def.ChildNamed("deviation"), d.Name, d.Revision)
		}
	}
}

func (l library) renderFeatures(row *state.Sink, def *schema.Node, m *schema.Module) {
	for _, f := range l.features(m) {
		row.Text(def, f)
	}
}

func submodules(row *state.Sink, def *schema.Node, m *schema.Module) {
	for _, sub := range m.Submodules {
		named(row, def, sub.Name, sub.Revision)
	}
}

// named writes an entry that names a revision. Where that is a key, as in RFC 7895, a module without one has an empty one.
func named(row *state.Sink, def *schema.Node, name, revision string) {
	row.Open(def)
	row.Text(def.ChildNamed("name"), name)
	if at := def.ChildNamed("revision"); revision != "" {
		row.Text(at, revision)
	} else if slices.Contains(def.Keys, at) {
		row.Empty(at)
	}
	row.Close()
}
