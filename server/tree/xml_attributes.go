package tree

import (
	"slices"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// attributes reads what the attributes of an element say of the edit; op is that of the surroundings. ok is false when the
// operation cannot be told.
func (d *xmlDecoder) attributes(def *schema.Node, el *xmlio.Element, op Op) (own Edit, ok bool) {
	own, ok = Edit{Op: op}, true
	insert, anchor, anchorIs := "", "", ""
	for _, a := range el.Attrs {
		switch {
		case d.edits && a.Name.Space == "": // who forgets the prefix of operation must not see something else done
			d.attribute(UnknownAttribute, def, a.Name.Local, "attribute "+a.Name.Local+" means nothing here without a prefix; operation is one of namespace "+
				NetconfNamespace+", insert, key and value are of "+yangNamespace)
		case d.edits && a.Name.Space == WithDefaultsNamespace && a.Name.Local == "default" && !isBoolean(a.Value):
			d.attribute(BadAttribute, def, "default", "default "+a.Value+" is neither true nor false")
		case !d.edits || a.Name.Space != NetconfNamespace && a.Name.Space != yangNamespace:
			// Attributes of others mean nothing here; XML lets everything carry them.
		case a.Name.Space == NetconfNamespace && a.Name.Local == "operation":
			i := slices.Index(opNames[:None], a.Value)
			if i < 0 {
				d.attribute(BadAttribute, def, "operation", "operation "+a.Value+" is none of merge, replace, create, delete and remove")
				ok = false
				continue
			}
			own.Op = Op(i)
		case a.Name.Space == yangNamespace && a.Name.Local == "insert":
			insert = a.Value
		case a.Name.Space == yangNamespace && (a.Name.Local == "key" || a.Name.Local == "value"):
			anchor, anchorIs = a.Value, a.Name.Local
		default:
			d.attribute(UnknownAttribute, def, a.Name.Local, "attribute "+a.Name.Local+" means nothing here")
		}
	}
	if insert != "" || anchorIs != "" {
		d.place(def, &own, insert, anchor, anchorIs)
	}
	return own, ok
}

func (d *xmlDecoder) attribute(tag Tag, def *schema.Node, name, message string) {
	d.path = append(d.path, schema.Step{Node: def})
	d.fail(tag, []Info{{Name: "bad-attribute", Value: name}, {Name: "bad-element", Value: def.Name}}, "%s", message)
	d.path = d.path[:len(d.path)-1]
}

// place reads where an entry is to go (RFC 7950 sections 7.7.9 and 7.8.6).
func (d *xmlDecoder) place(def *schema.Node, own *Edit, insert, anchor, anchorIs string) {
	if !def.UserOrdered {
		d.attribute(UnknownAttribute, def, "insert", def.Name+" is not ordered by the user: its entries have no place to choose")
		return
	}
	want := "key"
	if def.Kind == schema.LeafList {
		want = "value"
	}
	switch insert {
	case "first":
		own.Where = First
	case "last":
		own.Where = Last
	case "before":
		own.Where = Before
	case "after":
		own.Where = After
	default:
		d.attribute(BadAttribute, def, "insert", "insert is one of first, last, before and after")
		return
	}
	needs := own.Where == Before || own.Where == After
	switch {
	case needs && anchorIs != want:
		own.Where = Keep
		d.attribute(MissingAttribute, def, want, "insert="+insert+" needs the attribute "+want)
	case needs:
		var ok bool
		if own.Anchor, ok = d.anchor(def, anchor); !ok {
			own.Where = Keep
			d.attribute(BadAttribute, def, want, want+" "+schema.Quote(anchor)+" names no entry of "+def.Name)
		}
	}
}

// anchor reads the entry that a place refers to: predicates for every key, or the value of a leaf-list.
func (d *xmlDecoder) anchor(def *schema.Node, text string) ([]string, bool) {
	if def.Kind == schema.LeafList {
		value, err := def.Type.Parse(text, schema.Lexical{XML: true, Module: d.module(def)})
		return []string{value}, err == nil
	}
	keys, err := schema.ParsePredicates(def, text, d.module(def.Keys[0]))
	return keys, err == nil && len(keys) > 0
}

// isBoolean reports whether text is an xs:boolean, which the tag is.
func isBoolean(text string) bool { return slices.Contains([]string{"true", "false", "1", "0"}, text) }

// tagged reports whether an element says that its value is the default one (RFC 6243 section 6).
func tagged(el *xmlio.Element) bool {
	v, _ := el.Attr(WithDefaultsNamespace, "default")
	return v == "true" || v == "1"
}

// toDefault reads an element that is tagged so: the node returns to its default value (RFC 6243 section 4.5.2), which it has
// when it is not in the datastore.
func (d *xmlDecoder) toDefault(def *schema.Node, own Edit) ([]Edit, error) {
	if def.HasChildren() || def.Kind == schema.AnyData {
		d.fail(InvalidValue, nil, "%s has no default value that it could return to", def.Name)
		return nil, d.r.Skip()
	}
	value, ok, err := d.value(def)
	switch {
	case err != nil || !ok:
		return nil, err
	case !slices.Contains(def.Default, value):
		d.fail(InvalidValue, nil, "%s is tagged as the default value, which it is not", schema.Quote(value))
		return nil, nil
	case own.Op != Merge && own.Op != Replace && own.Op != Create:
		d.fail(InvalidValue, nil, "a node that returns to its default value cannot have the operation %s", own.Op)
		return nil, nil
	}
	return []Edit{{Op: Remove, Node: NewLeaf(def, value)}}, nil
}
