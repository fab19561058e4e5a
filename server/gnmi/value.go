package gnmi

import (
	"encoding/base64"
	"strconv"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// asciiSeparator stands between the values of a leaf-list in ASCII, which has each value as YANG has it.
const asciiSeparator = "\n"

// typedValue encodes the values of a leaf or leaf-list, which are canonical.
func typedValue(encoding gpb.Encoding, def *schema.Node, texts []string) *gpb.TypedValue {
	switch encodingOf(encoding, def) {
	case gpb.Encoding_PROTO:
		return protoValue(def, texts)
	case gpb.Encoding_ASCII:
		return &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: strings.Join(texts, asciiSeparator)}}
	case gpb.Encoding_JSON_IETF:
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: appendJSON(nil, def, texts, tree.AppendJSONValue)}}
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: appendJSON(nil, def, texts, appendPlainJSON)}}
}

// encodingOf is the encoding of the values of a leaf: an anydata has no scalar, and no text that means anything by itself.
func encodingOf(asked gpb.Encoding, def *schema.Node) gpb.Encoding {
	if def.Kind == schema.AnyData && asked != gpb.Encoding_JSON {
		return gpb.Encoding_JSON_IETF
	}
	return asked
}

func protoValue(def *schema.Node, texts []string) *gpb.TypedValue {
	if def.Kind != schema.LeafList {
		return scalar(def, texts[0])
	}
	array := &gpb.ScalarArray{Element: make([]*gpb.TypedValue, len(texts))}
	for i, text := range texts {
		array.Element[i] = scalar(def, text)
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: array}}
}

// scalar encodes one value in the field that section 2.2.3 of the specification gives its type. Canonical text cannot fail to be
// read; what has no field of its own is text.
func scalar(def *schema.Node, text string) *gpb.TypedValue {
	switch def.Type.Encoding(text).Base {
	case schema.Int8, schema.Int16, schema.Int32, schema.Int64:
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			return &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: v}}
		}
	case schema.Uint8, schema.Uint16, schema.Uint32, schema.Uint64:
		if v, err := strconv.ParseUint(text, 10, 64); err == nil {
			return &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: v}}
		}
	case schema.Decimal64:
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			return &gpb.TypedValue{Value: &gpb.TypedValue_DoubleVal{DoubleVal: v}}
		}
	case schema.Boolean:
		return &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: text == "true"}}
	case schema.Empty: // that it is there is all that it says
		return &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: true}}
	case schema.Binary:
		if v, err := base64.StdEncoding.DecodeString(text); err == nil {
			return &gpb.TypedValue{Value: &gpb.TypedValue_BytesVal{BytesVal: v}}
		}
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: text}}
}
