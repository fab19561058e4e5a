package apply

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/openconfig/ygot/ygot"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// view fills generated structs of type T with what instances of a definition hold: leaves with the values in use, defaults
// included, and containers. Lists below are left out; their entries have views of their own.
type view[T any] struct{ fields []field }

// field says how a child gets into the struct; the zero value leaves it out.
type field struct {
	index  int                               // of the struct's field
	set    func(reflect.Value, string) error // of a leaf or leaf-list entry
	fields []field                           // of a container
}

// viewOf compiles a view. It fails when the struct has no place for a configuration node of the schema, and when a condition (when)
// decides if a default exists: views take all defaults for existing.
func viewOf[T any](def *schema.Node) (view[T], error) {
	fields, err := fieldsOf(def, reflect.TypeFor[T]())
	return view[T]{fields}, err
}

// binder collects what does not fit between schema and structs.
type binder struct {
	schema *schema.Schema
	errs   []error
}

func (b *binder) err() error { return errors.Join(b.errs...) }

func bind[T any](b *binder, v *view[T], path string) {
	def := b.schema.Find(path)
	if def == nil {
		b.errs = append(b.errs, fmt.Errorf("the schema has no node %s", path))
		return
	}
	var err error
	if *v, err = viewOf[T](def); err != nil {
		b.errs = append(b.errs, err)
	}
}

func (v view[T]) of(n *tree.Node) (*T, error) {
	x := new(T)
	return x, fill(reflect.ValueOf(x).Elem(), v.fields, n)
}

// fill goes on after a value that does not fit, so that containers are there in any case.
func fill(dst reflect.Value, fields []field, n *tree.Node) (err error) {
	set := func(f *field, leaf *tree.Node) {
		if wrong := f.set(dst.Field(f.index), leaf.Value()); wrong != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", leaf.Schema(), wrong))
		}
	}
	for kid := range n.Effective() {
		f := &fields[kid.Schema().Position]
		switch {
		case f.set == nil && f.fields == nil:
		case f.set == nil:
			inner := reflect.New(dst.Field(f.index).Type().Elem())
			dst.Field(f.index).Set(inner)
			err = errors.Join(err, fill(inner.Elem(), f.fields, kid))
		case kid.IsList():
			for e := range kid.Entries() {
				set(f, e)
			}
		default:
			set(f, kid)
		}
	}
	return err
}

// fieldsOf binds the children of a definition to the fields of a struct, by position in the schema.
func fieldsOf(def *schema.Node, t reflect.Type) ([]field, error) {
	byPath := map[string]int{}
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		byPath[tag.Get("module")+":"+tag.Get("path")] = i
	}
	fields := make([]field, len(def.Children))
	for i, child := range def.Children {
		if !child.Config || child.Kind == schema.List {
			continue
		}
		index, ok := byPath[child.QualifiedName()]
		if !ok {
			return nil, fmt.Errorf("%s is not in struct %s: generate the structs anew", child, t)
		}
		if len(child.Whens) > 0 && (len(child.Default) > 0 || child.Kind == schema.Container && !child.Presence) {
			return nil, fmt.Errorf("%s exists by default on a condition, which views do not ask: evaluate it (validate.Rules.ConditionsHold), or give it no default", child)
		}
		f := &fields[i]
		f.index = index
		var err error
		if child.Kind == schema.Container {
			f.fields, err = fieldsOf(child, t.Field(index).Type.Elem())
		} else {
			f.set, err = setter(t.Field(index).Type)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", child, err)
		}
	}
	return fields, nil
}

// setter returns what sets a field of a leaf to a canonical value, or adds one to a leaf-list.
func setter(t reflect.Type) (func(reflect.Value, string) error, error) {
	switch {
	case t.Kind() == reflect.Pointer:
		set, err := setter(t.Elem())
		return func(dst reflect.Value, text string) error {
			value := reflect.New(t.Elem())
			dst.Set(value)
			return set(value.Elem(), text)
		}, err
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return setBinary, nil
	case t.Kind() == reflect.Slice:
		set, err := setter(t.Elem())
		return func(dst reflect.Value, text string) error {
			value := reflect.New(t.Elem()).Elem()
			err := set(value, text)
			dst.Set(reflect.Append(dst, value))
			return err
		}, err
	case t.Implements(reflect.TypeFor[ygot.GoEnum]()):
		return enumSetter(t), nil
	}
	switch t.Kind() {
	case reflect.String:
		return setString, nil
	case reflect.Bool:
		return setBool, nil
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return setUint, nil
	}
	return nil, fmt.Errorf("values of type %s are not known here", t)
}

func setString(dst reflect.Value, text string) error {
	dst.SetString(text)
	return nil
}

func setBool(dst reflect.Value, text string) error {
	v, err := strconv.ParseBool(text)
	dst.SetBool(v)
	return err
}

func setUint(dst reflect.Value, text string) error {
	v, err := strconv.ParseUint(text, 10, dst.Type().Bits())
	dst.SetUint(v)
	return err
}

func setBinary(dst reflect.Value, text string) error {
	v, err := base64.StdEncoding.DecodeString(text)
	dst.SetBytes(v)
	return err
}

func enumSetter(t reflect.Type) func(reflect.Value, string) error {
	values := map[string]int64{}
	for value, def := range reflect.Zero(t).Interface().(ygot.GoEnum).ΛMap()[t.Name()] {
		values[def.Name] = value
	}
	return func(dst reflect.Value, text string) error {
		value, ok := values[text]
		if !ok {
			return fmt.Errorf("%q is none of the values of %s", text, t)
		}
		dst.SetInt(value)
		return nil
	}
}
