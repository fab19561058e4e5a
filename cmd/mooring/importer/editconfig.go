package importer

import (
	"fmt"
	"io"

	"mooring/server/ios"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// writeEditConfig writes an edit-config of the candidate (RFC 6241 section 7.2) that makes what a text says.
func writeEditConfig(w io.Writer, s *schema.Schema, r *ios.Result) error {
	fmt.Fprintf(w, "<rpc xmlns=%q message-id=\"1\">\n<edit-config>\n<target><candidate/></target>\n", tree.NetconfNamespace)
	if err := writeConfig(w, s, r); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, "</edit-config>\n</rpc>\n")
	return err
}

// writeConfig writes the config of an edit-config.
func writeConfig(w io.Writer, s *schema.Schema, r *ios.Result) error {
	marks := map[string]string{} // operations, by path
	root := r.Tree
	for _, path := range r.Removed {
		operation := "replace"
		if r.Tree.Get(path) == nil {
			var err error
			if root, err = tree.Apply(root, tree.Through(s, path, tree.Merge, tree.Edit{Op: tree.Merge, Node: tree.Stub(path.Last())})); err != nil {
				return fmt.Errorf("edit-config of %s: %w", path, err)
			}
			operation = "remove"
		}
		marks[path.String()] = operation
	}
	fmt.Fprint(w, "<config>\n")
	x := tree.NewXMLWriter(w, tree.NetconfNamespace, "  ")
	walk := tree.Walk{Writer: x, Filter: &marker{writer: x, marks: marks}}
	walk.Children(root)
	if err := x.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, "</config>\n")
	return err
}

// marker writes the operations of nodes that a walk comes to.
type marker struct {
	writer *tree.XMLWriter
	marks  map[string]string
	path   schema.Path
}

// Enter implements tree.Filter.
func (m *marker) Enter(n *tree.Node) bool {
	m.path = append(m.path, n.Step())
	if operation := m.marks[m.path.String()]; operation != "" {
		m.writer.Annotate(fmt.Sprintf(" xmlns:nc=%q nc:operation=%q", tree.NetconfNamespace, operation))
	}
	return true
}

// Leave implements tree.Filter.
func (m *marker) Leave() { m.path = m.path[:len(m.path)-1] }
