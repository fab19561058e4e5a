package ios

import (
	"cmp"
	"slices"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/wording"
)

// modelMark begins a line of our own: what routers have no command for, as an RFC 7951 JSON object that holds the configuration from the
// root on and is merged into it. To routers it is a comment.
const modelMark = "! mooring:"

// modelLine is the line that sets the node n at path, with all that is below it.
func modelLine(path schema.Path, n *tree.Node) string {
	d := newDraft(n.Schema().Schema())
	d.apply(tree.At(d.schema, path, tree.Merge, n))
	return modelMark + " " + string(tree.AppendJSON(nil, d.root, nil))
}

// merge carries out a line of our own, in whatever mode it stands: all of it, or nothing where something in it is wrong.
func (im *importer) merge(l *line) {
	w := &l.words[0]
	root, err := tree.DecodeJSON(strings.NewReader(w.text), im.schema.Root, tree.DecodeOptions{})
	for _, e := range tree.Errors(err) {
		w.hide() // it may hold a secret
		im.refuse(w, cmp.Or(wording.Kind(e), Unreadable), strings.TrimPrefix(e.Error(), "/: "), "")
	}
	if err != nil {
		return
	}
	im.draft.apply(tree.At(im.schema, nil, tree.Merge, root))
	m := &merged{by: w, draft: im.draft}
	if m.walk(root, nil); len(m.paths) == 0 {
		im.refuse(w, Missing, "the object has to hold the configuration from the root on", "")
		return
	}
	if m.secret {
		w.hide()
	}
	item := im.item(w, Taken, "", "", "")
	item.Column, item.Paths = 0, m.paths
	im.report.Items = append(im.report.Items, item)
}

// merged is what a line of our own has set.
type merged struct {
	by     *word
	draft  *draft
	paths  []string
	secret bool
}

func (m *merged) walk(n *tree.Node, path schema.Path) {
	for kid := range n.Children() {
		nodes := []*tree.Node{kid}
		if kid.IsList() {
			nodes = slices.Collect(kid.Entries())
		}
		for _, k := range nodes {
			m.node(k, append(path[:len(path):len(path)], k.Step()))
		}
	}
}

func (m *merged) node(n *tree.Node, path schema.Path) {
	def := n.Schema()
	m.draft.note(path, m.by)
	before := len(m.paths)
	switch {
	case def.HasChildren():
		if m.walk(n, path); len(m.paths) == before {
			m.paths = append(m.paths, path.String())
		}
	case !def.IsKey():
		m.secret = m.secret || def.DefaultDenyAll
		m.paths = append(m.paths, path.String()+" = "+shown(def, n.Value()))
	}
}
