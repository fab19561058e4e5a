package client

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Row is one entry of a list of state, or one container of it.
type Row struct {
	Path  string // where it is: /pmipv6/lma[name=lma1]/bindings/binding[id=1]
	Of    string // the list or container: pmipv6/lma/bindings/binding
	elems []*gpb.PathElem
	value object
	gone  bool // it is in no Rows any more
}

// object is what a container or a list entry holds, by name: json.RawMessage for a leaf, object, or *list.
type object map[string]any

// list is the entries of a list in the order in which they were told.
type list struct {
	keyed   []string // the names of its keys
	keys    []string
	entries map[string]object
}

// Key returns a key on the way to the row: that of the list called name.
func (r *Row) Key(name, key string) string {
	for _, e := range r.elems {
		if localName(e) == name {
			return e.GetKey()[key]
		}
	}
	return ""
}

func pathText(elems []*gpb.PathElem) string {
	text := strings.Builder{}
	for _, e := range elems {
		text.WriteString("/" + localName(e) + predicates(e))
	}
	return text.String()
}

func keyNames(e *gpb.PathElem) []string { return slices.Sorted(maps.Keys(e.GetKey())) }

func predicates(e *gpb.PathElem) string {
	text := ""
	for _, name := range keyNames(e) {
		text += fmt.Sprintf("[%s=%s]", name, e.GetKey()[name])
	}
	return text
}

// Text returns a leaf below the row as people read it, empty where there is none: the values of a leaf-list, and those of a leaf
// in all entries of a list on the way, are separated by commas.
func (r *Row) Text(path ...string) string {
	return strings.Join(texts(r.value, path), ",")
}

// Leaf is a leaf below a row.
type Leaf struct {
	Name []string // the names on the way to it; the values of its keys stand for an entry of a list
	Text string   // as Row.Text has it
}

// Leaves returns all leaves below the row, sorted by name; keys of lists are no leaves of their own.
func (r *Row) Leaves() []Leaf { return leaves(r.value, nil) }

func leaves(v any, way []string) (all []Leaf) {
	switch v := v.(type) {
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, leaves(v[name], append(slices.Clone(way), name))...)
		}
	case *list:
		for _, entry := range v.keys {
			all = append(all, v.leaves(v.entries[entry], way)...)
		}
	case json.RawMessage:
		all = append(all, Leaf{way, strings.Join(leafTexts(v), ",")})
	}
	return all
}

// leaves are those of an entry.
func (l *list) leaves(entry object, way []string) []Leaf {
	way = slices.Clone(way)
	for _, key := range l.keyed {
		way = append(way, strings.Join(texts(entry, []string{key}), ""))
	}
	return slices.DeleteFunc(leaves(entry, way), func(leaf Leaf) bool {
		return len(leaf.Name) == len(way)+1 && slices.Contains(l.keyed, leaf.Name[len(way)])
	})
}

// Children returns the leaves in a container below the row, in no order.
func (r *Row) Children(path ...string) []string {
	o := r.value
	for _, name := range path {
		o, _ = o[name].(object)
	}
	var all []string
	for _, v := range o {
		all = append(all, texts(v, nil)...)
	}
	return all
}

func texts(v any, path []string) []string {
	switch v := v.(type) {
	case object:
		if len(path) > 0 {
			return texts(v[path[0]], path[1:])
		}
	case *list:
		var all []string
		for _, key := range v.keys {
			all = append(all, texts(v.entries[key], path)...)
		}
		return all
	case json.RawMessage:
		return leafTexts(v)
	}
	return nil
}

func leafTexts(raw json.RawMessage) []string {
	var many []json.RawMessage
	if json.Unmarshal(raw, &many) == nil {
		var all []string
		for _, one := range many {
			all = append(all, leafTexts(one)...)
		}
		return all
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []string{text}
	}
	return []string{string(raw)}
}

// MarshalJSON encodes where the row is and what it holds, in the encoding of RFC 7951.
func (r *Row) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Path  string `json:"path"`
		Value object `json:"value"`
	}{r.Path, r.value})
}

// MarshalJSON encodes the entries as an array.
func (l *list) MarshalJSON() ([]byte, error) {
	entries := make([]object, 0, len(l.keys))
	for _, key := range l.keys {
		entries = append(entries, l.entries[key])
	}
	return json.Marshal(entries)
}

// set puts a leaf in its place below o.
func (o object) set(path []*gpb.PathElem, raw json.RawMessage) {
	for _, e := range path[:len(path)-1] {
		o = o.enter(e)
	}
	o[localName(path[len(path)-1])] = raw
}

func (o object) enter(e *gpb.PathElem) object {
	name := localName(e)
	if len(e.GetKey()) == 0 {
		inner, ok := o[name].(object)
		if !ok {
			inner = object{}
			o[name] = inner
		}
		return inner
	}
	l, ok := o[name].(*list)
	if !ok {
		l = &list{keyed: keyNames(e), entries: map[string]object{}}
		o[name] = l
	}
	key := predicates(e)
	if l.entries[key] == nil {
		l.keys = append(l.keys, key)
		l.entries[key] = object{}
	}
	return l.entries[key]
}

// remove takes out what path leads to.
func (o object) remove(path []*gpb.PathElem) {
	name := localName(path[0])
	switch inner := o[name].(type) {
	case *list:
		key := predicates(path[0])
		if len(path) > 1 && inner.entries[key] != nil {
			inner.entries[key].remove(path[1:])
			return
		}
		delete(inner.entries, key)
		inner.keys = slices.DeleteFunc(inner.keys, func(k string) bool { return k == key })
	case object:
		if len(path) > 1 {
			inner.remove(path[1:])
			return
		}
		delete(o, name)
	default:
		delete(o, name)
	}
}

// localName is a name without its module.
func localName(e *gpb.PathElem) string {
	name := e.GetName()
	return name[strings.IndexByte(name, ':')+1:]
}
