package tree

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// DecodeOptions say what a decoder accepts.
type DecodeOptions struct {
	// State accepts config false nodes: operational data, and the content of rpcs and notifications. Otherwise they are
	// errors, as in any configuration.
	State bool
	// Loose accepts the JSON encoding of gNMI beside that of RFC 7951: names without module where they are unique, and
	// 64-bit numbers as numbers.
	Loose bool
	// Any reads the content of an anydata or anyxml of an rpc from the XML reader, whose open element it is, and closes the element.
	// before holds what has been read of the parameters so far. A *Error that it returns is a problem like others; any other error
	// ends the reading. nil reads it as it is.
	Any func(def *schema.Node, before *Builder) error
	// Alias names the child of def that an element stands for which names none: what clients in use send. nil refuses them all.
	Alias func(def *schema.Node, el *xmlio.Element) *schema.Node
}

// DecodeJSON reads one RFC 7951 JSON object that holds what is below def (Schema.Root for a whole configuration) and
// returns it as a tree: nil when it holds nothing and def is a container without presence. All problems are returned,
// each with its path, in an *Incomplete; malformed JSON ends the reading. Annotations (RFC 7952) are passed over.
func DecodeJSON(r io.Reader, def *schema.Node, o DecodeOptions) (*Node, error) {
	return decodeJSON(r, schema.Path{{Node: def}}, o)
}

// DecodeJSONAt reads the value of the node at path, as in a gNMI Set: of a container or list entry an object (in which keys
// may be left out, but must not differ from those of the path), of a list an array, of a leaf a bare value.
func DecodeJSONAt(r io.Reader, s *schema.Schema, path schema.Path, o DecodeOptions) (*Node, error) {
	if len(path) == 0 {
		path = schema.Path{{Node: s.Root}}
	}
	return decodeJSON(r, path, o)
}

func decodeJSON(r io.Reader, path schema.Path, o DecodeOptions) (*Node, error) {
	d := &jsonDecoder{dec: jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true)), options: o} // object says where they are
	if path[0].Node.Kind != schema.Root {
		d.path = append(d.path, path.Parent()...)
	}
	n, err := d.top(path.Last())
	if err == nil {
		if _, err = d.dec.ReadToken(); err == nil {
			err = errors.New("there is more after the value")
		} else if err == io.EOF {
			err = nil
		}
	}
	if err != nil {
		d.errs.add(&Error{Tag: MalformedMessage, Path: d.where(), Message: "malformed JSON: " + err.Error()})
		return nil, d.errs.err()
	}
	if err := d.outcome(n); err != nil {
		return nil, err
	}
	return n, nil
}

// jsonDecoder builds a tree from tokens. Its methods return an error only when reading cannot go on; what is wrong with
// the data is collected.
type jsonDecoder struct {
	reading
	dec     *jsontext.Decoder
	build   Builder
	seen    []*schema.Node // members so far of the objects that are open, the innermost last
	options DecodeOptions
}

func (d *jsonDecoder) fail(tag Tag, message string) {
	d.errs.add(&Error{Tag: tag, Path: d.where(), Message: message})
}

func (d *jsonDecoder) top(step schema.Step) (*Node, error) {
	def := step.Node
	isList := (def.Kind == schema.List || def.Kind == schema.LeafList) && step.Keys == nil
	switch {
	case def.Kind == schema.LeafList && !isList:
		d.path = append(d.path, step)
		value, ok, err := d.scalar(def)
		if ok && value != step.Keys[0] {
			d.fail(InvalidValue, fmt.Sprintf("the value is %q here and %q in the path", value, step.Keys[0]))
		}
		return NewLeaf(def, value), err
	case isList || !def.HasChildren():
		// A list, leaf-list or leaf is built as the only child of its parent.
		d.build.Open(def.Parent)
		if err := d.member(def); err != nil {
			return nil, err
		}
		holder := d.build.stack
		if len(holder) == 0 {
			return nil, nil
		}
		return new(holder[0]), nil
	}
	if def.Kind != schema.Root {
		d.path = append(d.path, step)
	}
	d.build.Open(def)
	for i, k := range step.Keys {
		d.build.Leaf(def.Keys[i], k)
	}
	if ok, err := d.begins('{', anObject); ok {
		err = d.object(def, step.Keys)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	n, _ := d.build.Close()
	return n, nil
}

// object reads the members of an object, with what is below def, into the open node. keys are those that the path has given already.
func (d *jsonDecoder) object(def *schema.Node, keys []string) error {
	first := len(d.seen)
	defer func() { d.seen = d.seen[:first] }()
	for d.dec.PeekKind() != '}' {
		t, err := d.dec.ReadToken()
		if err != nil {
			return err
		}
		name := t.String()
		child := d.child(def, name)
		switch {
		case child == nil:
			err = d.dec.SkipValue()
		case slices.Contains(d.seen[first:], child):
			d.errs.add(&Error{Tag: BadElement, Path: append(d.where(), schema.Step{Node: child}), Info: badElement(child.Name), Message: "is given twice"})
			err = d.dec.SkipValue()
		case keyIndex(def, child) < len(keys):
			err = d.knownKey(child, keys[child.Position])
		default:
			err = d.member(child)
		}
		if err != nil {
			return err
		}
		d.seen = append(d.seen, child)
	}
	_, err := d.dec.ReadToken()
	return err
}

const anObject = "an object is expected here"

// begins reads the token that opens an object or array; when another value stands there, that is noted and passed over.
func (d *jsonDecoder) begins(kind jsontext.Kind, otherwise string) (bool, error) {
	switch d.dec.PeekKind() {
	case kind, 0: // 0 is an error, which reading returns
		_, err := d.dec.ReadToken()
		return err == nil, err
	}
	d.fail(InvalidValue, otherwise)
	d.gap()
	return false, d.dec.SkipValue()
}

// keyIndex is the place of child among the keys of def, or more than any key has.
func keyIndex(def, child *schema.Node) int {
	if child.IsKey() {
		return child.Position
	}
	return len(def.Children)
}

// knownKey checks that a key in the value is the one of the path.
func (d *jsonDecoder) knownKey(def *schema.Node, want string) error {
	value, ok, err := d.scalar(def)
	if ok && value != want {
		d.fail(InvalidValue, fmt.Sprintf("key %q is %q here and %q in the path", def.Name, value, want))
	}
	return err
}

// child finds the definition of a member; nil, with the problem noted, when there is none.
func (d *jsonDecoder) child(def *schema.Node, name string) *schema.Node {
	if strings.HasPrefix(name, "@") {
		return nil // an annotation
	}
	module, local, qualified := strings.Cut(name, ":")
	if !qualified {
		module, local = "", name
		if def.Module != nil {
			module = def.Module.Name
		}
	}
	child := def.Child(module, local)
	if child == nil && !qualified && (d.options.Loose || def.Kind == schema.Root && d.options.Loose) {
		child = def.ChildNamed(local)
	}
	if child == nil {
		e := &Error{Tag: UnknownElement, Path: d.where(), Info: badElement(name), Message: fmt.Sprintf("no node %q here", name)}
		if feature, ok := def.Unsupported(module, local); ok {
			e.Message = fmt.Sprintf("node %q needs feature %s, which this element lacks", name, feature)
		} else if !qualified && def.Kind == schema.Root {
			e.Message = fmt.Sprintf("%q needs the name of its module before it, as in \"module:%s\"", name, name)
		}
		d.errs.add(e)
		return nil
	}
	if !child.Config && !d.options.State {
		d.errs.add(&Error{Tag: UnknownElement, Path: d.where(), Info: badElement(name), Message: name + " is state and cannot be configured"})
		return nil
	}
	return child
}

// member reads the value of a member of the open node.
func (d *jsonDecoder) member(def *schema.Node) error {
	d.path = append(d.path, schema.Step{Node: def})
	defer func() { d.path = d.path[:len(d.path)-1] }()
	other := d.build.otherCase(def)
	if other == nil {
		return d.value(def)
	}
	d.errs.add(&Error{Tag: BadElement, Path: d.where(), Info: badElement(def.Name),
		Message: "stands in another case than " + other.Name + "; only one case of a choice can be given"})
	d.gap()
	err := d.value(def)
	d.build.forget(def)
	return err
}

// value reads the value of the node that the path leads to, into the node above.
func (d *jsonDecoder) value(def *schema.Node) error {
	switch def.Kind {
	case schema.List, schema.LeafList:
		return d.array(def)
	case schema.Leaf:
		return d.leaf(def)
	case schema.AnyData:
		return d.any(def)
	}
	if ok, err := d.begins('{', anObject); !ok {
		return err
	}
	d.build.Open(def)
	if err := d.object(def, nil); err != nil {
		return err
	}
	d.build.Close()
	return nil
}

// any reads the content of an anydata or anyxml.
func (d *jsonDecoder) any(def *schema.Node) error {
	v, err := d.dec.ReadValue()
	if err != nil {
		return err
	}
	value, err := parseAnyJSON(def, v)
	if err != nil {
		d.errs.add(anyError(d.where(), err))
		d.gap()
		return nil
	}
	d.build.Leaf(def, value)
	return nil
}

func (d *jsonDecoder) leaf(def *schema.Node) error {
	value, ok, err := d.scalar(def)
	if err != nil {
		return err
	}
	if !ok {
		d.unread(&d.build, value)
		return nil
	}
	if !d.build.Leaf(def, value) {
		d.fail(BadElement, "is given twice")
	}
	nameEntry(d.path, &d.build)
	return nil
}

func (d *jsonDecoder) array(def *schema.Node) error {
	if ok, err := d.begins('[', fmt.Sprintf("a %s is written as an array", def.Kind)); !ok {
		return err
	}
	for d.dec.PeekKind() != ']' {
		var err error
		if def.Kind == schema.List {
			err = d.entry(def)
		} else {
			err = d.leaf(def)
		}
		if err != nil {
			return err
		}
	}
	_, err := d.dec.ReadToken()
	return err
}

func (d *jsonDecoder) entry(def *schema.Node) error {
	since := d.mark()
	if ok, err := d.begins('{', anObject); !ok {
		return err
	}
	d.build.Open(def)
	if err := d.object(def, nil); err != nil {
		return err
	}
	d.closeEntry(&d.build, since)
	return nil
}

// scalar reads a leaf value; ok is false when it is not one of the type, which is then noted. value is the text all the same, if
// there is one.
func (d *jsonDecoder) scalar(def *schema.Node) (value string, ok bool, err error) {
	token, text, err := d.token()
	if err != nil {
		return "", false, err
	}
	if token == schema.Text {
		d.fail(InvalidValue, "a single value is expected here")
		return "", false, nil
	}
	if d.options.Loose && token == schema.JSONNumber {
		token = schema.Text
	}
	value, err = def.Type.Parse(text, schema.Lexical{Token: token, Module: func(name string) *schema.Module {
		if name == "" {
			return def.Module
		}
		return def.Type.SchemaModule(name)
	}})
	if err != nil {
		d.errs.add(valueError(d.where(), err))
		return text, false, nil
	}
	return value, true, nil
}

// token reads one value; what is no scalar comes back as schema.Text.
func (d *jsonDecoder) token() (schema.Token, string, error) {
	switch d.dec.PeekKind() {
	case '[': // an empty leaf is [null]
		v, err := d.dec.ReadValue()
		if err == nil && strings.Join(strings.Fields(string(v)), "") == "[null]" {
			return schema.JSONNull, "", nil
		}
		return schema.Text, "", err
	case '{', 'n':
		return schema.Text, "", d.dec.SkipValue()
	}
	t, err := d.dec.ReadToken()
	if err != nil {
		return schema.Text, "", err
	}
	switch t.Kind() {
	case '"':
		return schema.JSONString, t.String(), nil
	case '0':
		return schema.JSONNumber, t.String(), nil
	}
	return schema.JSONBoolean, t.String(), nil
}

func valueError(path schema.Path, err error) *Error {
	e := &Error{Tag: InvalidValue, Path: path, Message: err.Error()}
	if v, ok := errors.AsType[*schema.ValueError](err); ok {
		e.AppTag = v.AppTag
	}
	return e
}
