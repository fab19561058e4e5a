package state

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"mooring/server/tree/schema"
)

// resolver finds definitions by the tags of struct fields, once, so that rendering a row looks nothing up.
type resolver struct{ errs []error }

func (r *resolver) err() error { return errors.Join(r.errs...) }

// resolve fills the fields of the struct that nodes points to with children of def. A field of type *schema.Node has its name in the
// tag `yang`; "." is def itself, and a name with ",optional" may belong to a feature that the element lacks. A struct is a
// container or list below.
func (r *resolver) resolve(nodes any, def *schema.Node) { r.fill(reflect.ValueOf(nodes).Elem(), def) }

func (r *resolver) fill(v reflect.Value, def *schema.Node) {
	for i := range v.NumField() {
		name, optional := strings.CutSuffix(v.Type().Field(i).Tag.Get("yang"), ",optional")
		child := def
		if name != "." && name != "" { // an embedded struct has no name
			child = def.ChildNamed(name)
		}
		switch {
		case child == nil && optional:
		case child == nil:
			r.errs = append(r.errs, fmt.Errorf("%s has no node %s", def, name))
		case v.Field(i).Kind() == reflect.Struct:
			r.fill(v.Field(i), child)
		default:
			v.Field(i).Set(reflect.ValueOf(child))
		}
	}
}

// find returns the definition at a path, or nil with the problem noted.
func (r *resolver) find(s *schema.Schema, path string) *schema.Node {
	def := s.Find(path)
	if def == nil {
		r.errs = append(r.errs, fmt.Errorf("the schema has no node %s", path))
	}
	return def
}

// enumNames gives the names of an enumeration by value; of a union, those of the enumeration in it.
func enumNames(t *schema.Type) (names [256]string) {
	t = t.Resolved()
	for _, e := range t.Enums {
		if e.Value >= 0 && e.Value < int64(len(names)) {
			names[e.Value] = e.Name
		}
	}
	for _, m := range t.Members {
		for value, name := range enumNames(m) {
			if name != "" {
				names[value] = name
			}
		}
	}
	return names
}
