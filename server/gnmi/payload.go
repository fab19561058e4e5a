package gnmi

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// payload is what a replace or update of a Set writes.
type payload struct {
	schema  *schema.Schema
	place   *place
	replace bool
	value   *gpb.TypedValue
	// loose: the value is in the encoding JSON rather than JSON_IETF
	loose bool
}

// edits makes the edits of the operation. elems is the path as the client gave it.
func (p *payload) edits(elems []*gpb.PathElem) ([]tree.Edit, *fault) {
	if len(elems) == 0 {
		return p.ofRoot()
	}
	at, f := p.target(elems)
	if f != nil {
		return nil, f
	}
	value, f := p.json(at.Last().Node)
	if f != nil {
		return nil, f
	}
	if p.replace && at.Last().Node.Kind == schema.List && at.Last().Keys != nil && len(bytes.TrimSpace(trimBraces(value))) == 0 {
		return nil, faultf(codes.InvalidArgument, "%s: an entry cannot be replaced by nothing; delete it, or give at least its keys", p.place.text)
	}
	content, err := tree.DecodeJSONAt(bytes.NewReader(value), p.schema, at, tree.DecodeOptions{Loose: p.loose})
	if err != nil {
		f := p.wrong(err)
		if f.value != nil && f.value.Root != nil && at.Last().Node.HasChildren() {
			return p.write(nil, at, f.value.Root), f
		}
		return nil, f
	}
	if def := at.Last().Node; def.IsKey() {
		return p.ofKey(at, content)
	}
	return p.write(nil, at, content), nil
}

// trimBraces gives what stands between the braces of an object; of any other value all.
func trimBraces(value []byte) []byte {
	value = bytes.TrimSpace(value)
	if inner, ok := bytes.CutPrefix(value, []byte("{")); ok {
		return bytes.TrimSuffix(inner, []byte("}"))
	}
	return value
}

// target is the one node that a path leads to, which may be a list as a whole.
func (p *payload) target(elems []*gpb.PathElem) (schema.Path, *fault) {
	at := slices.Clone(p.place.patterns[0])
	wild := len(p.place.patterns) > 1 || slices.ContainsFunc(elems, func(e *gpb.PathElem) bool { return e.Name == anyElement || e.Name == anyElements })
	if wild {
		return nil, faultf(codes.InvalidArgument, "%s: a wildcard names no single node to write to", p.place.text)
	}
	last := len(at) - 1
	for i, step := range at {
		switch {
		case closed(step):
		case i == last && len(elems[i].GetKey()) == 0:
			at[i].Keys = nil
		default:
			return nil, faultf(codes.InvalidArgument, "%s: list %s needs a value for each of its keys (%s) to write to", p.place.text, step.Node.Name, keyNames(step.Node))
		}
	}
	return at, p.place.configured(at)
}

func keyNames(list *schema.Node) (names string) {
	for i, k := range list.Keys {
		if i > 0 {
			names += ", "
		}
		names += k.Name
	}
	return names
}

// ofKey makes sure that an entry is there whose key is written, which cannot become another.
func (p *payload) ofKey(at schema.Path, content *tree.Node) ([]tree.Edit, *fault) {
	entry := at[len(at)-2]
	if want := entry.Keys[at.Last().Node.Position]; content.Value() != want {
		return nil, faultf(codes.InvalidArgument, "%s: the key is %q in the path and %q in the value", p.place.text, want, content.Value())
	}
	return []tree.Edit{tree.At(p.schema, at.Parent(), tree.Merge, nil)}, nil
}

// ofRoot writes the whole configuration, or what one module has at its top.
func (p *payload) ofRoot() ([]tree.Edit, *fault) {
	value, f := p.json(p.schema.Root)
	if f != nil {
		return nil, f
	}
	content, err := tree.DecodeJSONAt(bytes.NewReader(value), p.schema, nil, tree.DecodeOptions{Loose: p.loose})
	if err != nil {
		f := p.wrong(err)
		if f.value == nil || p.place.origin != "" {
			return nil, f
		}
		return p.write(nil, nil, f.value.Root), f
	}
	if content == nil {
		content = tree.NewRoot(p.schema)
	}
	module := p.schema.Module(p.place.origin)
	if module == nil {
		return p.write(nil, nil, content), nil
	}
	var edits []tree.Edit
	for n := range content.Children() {
		if n.Schema().Module != module {
			return nil, faultf(codes.InvalidArgument, "%s: %s is not of origin %s", p.place.text, n.Schema().QualifiedName(), module.Name)
		}
	}
	for _, def := range p.schema.Root.Children {
		n := content.Child(def)
		switch at := (schema.Path{{Node: def}}); {
		case def.Module != module || !def.Config:
		case n != nil:
			edits = p.write(edits, at, n)
		case p.replace:
			edits = append(edits, tree.At(p.schema, at, tree.Remove, nil))
		}
	}
	return edits, nil
}

// write appends what writes content, which may be nil for an empty container or list, to the node at a path. An update merges; only
// leaf-lists, each of which is one value in gNMI, are written anew.
func (p *payload) write(edits []tree.Edit, at schema.Path, content *tree.Node) []tree.Edit {
	if p.replace {
		return append(edits, tree.At(p.schema, at, tree.Replace, content))
	}
	if content != nil {
		edits = p.removeLeafLists(edits, at, content)
	}
	return append(edits, tree.At(p.schema, at, tree.Merge, content))
}

func (p *payload) removeLeafLists(edits []tree.Edit, at schema.Path, n *tree.Node) []tree.Edit {
	switch def := n.Schema(); {
	case def.Kind == schema.LeafList:
		return append(edits, tree.At(p.schema, at, tree.Remove, nil))
	case n.IsList():
		for e := range n.Entries() {
			edits = p.removeLeafLists(edits, append(slices.Clip(at.Parent()), e.Step()), e)
		}
	default:
		for kid := range n.Children() {
			edits = p.removeLeafLists(edits, at.Append(kid.Schema()), kid)
		}
	}
	return edits
}

// wrong makes one fault of everything that a decoder found.
func (p *payload) wrong(err error) *fault {
	var texts []error
	list := tree.Errors(err)
	for _, e := range list {
		texts = append(texts, e)
	}
	f := faultf(codeOf(list[0]), "%s: %v", p.place.text, errors.Join(texts...))
	f.value, _ = errors.AsType[*tree.Incomplete](err)
	return f
}

// json gives the value as JSON of RFC 7951, or with loose set of the encoding JSON, so that one decoder reads all of them.
func (p *payload) json(def *schema.Node) ([]byte, *fault) {
	switch v := p.value.GetValue().(type) {
	case nil:
		return nil, faultf(codes.InvalidArgument, "%s: no value is given", p.place.text)
	case *gpb.TypedValue_JsonIetfVal:
		return v.JsonIetfVal, nil
	case *gpb.TypedValue_JsonVal:
		p.loose = true
		return v.JsonVal, nil
	case *gpb.TypedValue_LeaflistVal:
		if def.Kind == schema.LeafList {
			return p.array(def, v.LeaflistVal)
		}
	default:
		if def.Kind == schema.Leaf {
			return p.scalar(def, p.value)
		}
	}
	if name := p.unsupported(p.value); name != "" {
		return nil, faultf(codes.Unimplemented, "%s: values in %s are not supported; JSON_IETF, JSON and scalars are", p.place.text, name)
	}
	return nil, faultf(codes.InvalidArgument, "%s: a %s is not written as %T; use json_ietf_val", p.place.text, def.Kind, p.value.GetValue())
}

// unsupported names the encodings of values that are not read.
func (p *payload) unsupported(v *gpb.TypedValue) string {
	switch v.GetValue().(type) {
	case *gpb.TypedValue_AsciiVal:
		return "ascii_val"
	case *gpb.TypedValue_AnyVal:
		return "any_val"
	case *gpb.TypedValue_ProtoBytes:
		return "proto_bytes"
	}
	return ""
}

func (p *payload) array(def *schema.Node, array *gpb.ScalarArray) ([]byte, *fault) {
	b := []byte{'['}
	for i, e := range array.GetElement() {
		if i > 0 {
			b = append(b, ',')
		}
		one, f := p.scalar(def, e)
		if f != nil {
			return nil, f
		}
		b = append(b, one...)
	}
	return append(b, ']'), nil
}

// scalar writes a scalar as JSON of RFC 7951, in which the kind of token tells a number from a text.
func (p *payload) scalar(def *schema.Node, value *gpb.TypedValue) ([]byte, *fault) {
	switch v := value.GetValue().(type) {
	case *gpb.TypedValue_StringVal:
		return quote(v.StringVal), nil
	case *gpb.TypedValue_IntVal:
		return number(def, strconv.FormatInt(v.IntVal, 10)), nil
	case *gpb.TypedValue_UintVal:
		return number(def, strconv.FormatUint(v.UintVal, 10)), nil
	case *gpb.TypedValue_DoubleVal:
		return number(def, strconv.FormatFloat(v.DoubleVal, 'f', -1, 64)), nil
	case *gpb.TypedValue_BytesVal:
		return quote(base64.StdEncoding.EncodeToString(v.BytesVal)), nil
	case *gpb.TypedValue_BoolVal:
		if v.BoolVal && def.Type.Resolved().Base == schema.Empty {
			return []byte("[null]"), nil
		}
		return strconv.AppendBool(nil, v.BoolVal), nil
	}
	if text, ok := oldNumber(value); ok {
		return number(def, text), nil
	}
	if name := p.unsupported(value); name != "" {
		return nil, faultf(codes.Unimplemented, "%s: values in %s are not supported; JSON_IETF, JSON and scalars are", p.place.text, name)
	}
	return nil, faultf(codes.InvalidArgument, "%s: %T is no scalar", p.place.text, value.GetValue())
}

func quote(text string) []byte {
	b, err := jsontext.AppendQuote(nil, text)
	if err != nil { // not UTF-8, which protocol buffers do not let through
		return []byte(`""`)
	}
	return b
}

// number writes a number, in quotes where RFC 7951 section 6.1 wants them.
func number(def *schema.Node, text string) []byte {
	if wide(def.Type.Resolved(), text) {
		return quote(text)
	}
	return []byte(text)
}

// wide reports whether a number of a type is written as a JSON string: of a union, that of the first member that takes it.
func wide(t *schema.Type, text string) bool {
	switch t.Base {
	case schema.Int64, schema.Uint64, schema.Decimal64:
		return true
	case schema.Union:
		for _, m := range t.Members {
			m = m.Resolved()
			if m.Base == schema.Union && wide(m, text) {
				return true
			}
			if _, err := m.ParseCanonical(text); err == nil && m.Base <= schema.Decimal64 {
				return wide(m, text)
			}
		}
	}
	return false
}

// oldNumber reads the fields that double_val has replaced, since clients still send them.
func oldNumber(value *gpb.TypedValue) (text string, ok bool) {
	if f, ok := value.GetValue().(*gpb.TypedValue_FloatVal); ok {
		return strconv.FormatFloat(float64(f.FloatVal), 'f', -1, 32), true //lint:ignore SA1019 see above
	}
	//lint:ignore SA1019 see above
	d := value.GetDecimalVal()
	if d == nil || d.GetPrecision() > maxPrecision {
		return "", false
	}
	return decimal(d.GetDigits(), d.GetPrecision()), true
}

// maxPrecision is that of decimal64 (RFC 7950 section 9.3.4).
const maxPrecision = 18

// decimal writes digits with a decimal point before the last precision of them.
func decimal(digits int64, precision uint32) string {
	sign, text := "", strconv.FormatInt(digits, 10)
	if digits < 0 {
		sign, text = "-", text[1:]
	}
	if precision == 0 {
		return sign + text
	}
	text = strings.Repeat("0", max(0, int(precision)+1-len(text))) + text
	whole := len(text) - int(precision)
	return sign + text[:whole] + "." + text[whole:]
}
