package ios

import (
	"slices"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/wording"
)

// kindOf is the kind of a violation of the model. What a condition excludes was well written.
func kindOf(e *tree.Error) string {
	if kind := wording.Kind(e); kind != Unreadable && kind != "" {
		return kind
	}
	return Violation
}

// put says what is wrong in the terms of whoever wrote the text: names instead of paths.
func (im *importer) put(e *tree.Error) string {
	if len(e.Path) == 0 {
		return e.Message
	}
	def, value := e.Path.Last().Node, im.valueAt(e.Path)
	switch kind := kindOf(e); {
	case kind == NoReference && def.Type != nil && def.Type.Base == schema.Leafref && value != "":
		return target(def.Type.Target) + " " + value + " is not configured"
	case kind == NotUnique && value != "":
		return modules.ReplaceAllString(e.Message, "/") + im.namesakes(e.Path, value)
	case kind == Missing && e.AppTag == "":
		return def.Name + " " + e.Message
	}
	return e.Message
}

// namesakes tells which others have the value of a leaf, which a rule with words of its own does not.
func (im *importer) namesakes(path schema.Path, value string) string {
	def := path.Last().Node
	whole, err := im.draft.onto(im.Base)
	if err != nil || def.Kind != schema.Leaf && def.Kind != schema.LeafList {
		return ""
	}
	var others []string
	for _, other := range holders(whole, nil, def.Ancestors(), value) {
		if !other.Equal(path) {
			others = append(others, modules.ReplaceAllString(other.Parent().String(), "/"))
		}
	}
	if len(others) == 0 {
		return ""
	}
	return ": see " + strings.Join(others, ", ")
}

// holders are the instances below n with a value; chain leads to their definition.
func holders(n *tree.Node, path schema.Path, chain []*schema.Node, value string) (found []schema.Path) {
	kid := n.Child(chain[0])
	if kid == nil {
		return nil
	}
	nodes := []*tree.Node{kid}
	if kid.IsList() {
		nodes = slices.Collect(kid.Entries())
	}
	for _, k := range nodes {
		at := append(slices.Clip(path), k.Step())
		if len(chain) > 1 {
			found = append(found, holders(k, at, chain[1:], value)...)
		} else if k.Value() == value {
			found = append(found, at)
		}
	}
	return found
}
