package gnmi

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/protobuf/encoding/protowire"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Fields of the messages in gnmi.proto.
const (
	responseUpdate        = 1 // SubscribeResponse
	notificationTimestamp = 1
	notificationPrefix    = 2
	notificationUpdate    = 4
	notificationDelete    = 5
	updatePath            = 1
	updateVal             = 3
	updateDuplicates      = 4
	pathOrigin            = 2
	pathElem              = 3
	pathTarget            = 4
	elemName              = 1
	elemKey               = 2
	keyName               = 1 // of an entry of the map PathElem.key
	keyValue              = 2
	valueString           = 1
	valueInt              = 2
	valueUint             = 3
	valueBool             = 4
	valueBytes            = 5
	valueLeafList         = 8
	valueJSON             = 10
	valueJSONIETF         = 11
	valueASCII            = 12
	valueDouble           = 14
	arrayElement          = 1 // ScalarArray
)

// All of them are below 16, so that a tag is one octet.

// appendTag begins a field that holds so many octets.
func appendTag(b []byte, field byte, length int) []byte {
	b = append(b, field<<3|byte(protowire.BytesType))
	if length < 1<<7 {
		return append(b, byte(length))
	}
	return protowire.AppendVarint(b, uint64(length))
}

// appendText appends a field that holds text or octets.
func appendText[T string | []byte](b []byte, field byte, text T) []byte {
	return append(appendTag(b, field, len(text)), text...)
}

func appendNumber(b []byte, field byte, v uint64) []byte {
	return protowire.AppendVarint(append(b, field<<3|byte(protowire.VarintType)), v)
}

// sizeText is how many octets appendText appends.
func sizeText(length int) int { return 1 + protowire.SizeBytes(length) }

// appendElems appends path elements as fields elem of a Path.
func appendElems(b []byte, path schema.Path) []byte {
	for _, s := range path {
		b = appendElem(b, s, elementName(s.Node))
	}
	return b
}

func appendElem(b []byte, s schema.Step, name string) []byte {
	size := sizeText(len(name))
	for i, k := range s.Keys {
		size += sizeText(sizeText(len(s.Node.Keys[i].Name)) + sizeText(len(k)))
	}
	b = appendTag(b, pathElem, size)
	b = appendText(b, elemName, name)
	for i, k := range s.Keys {
		name := s.Node.Keys[i].Name
		b = appendTag(b, elemKey, sizeText(len(name))+sizeText(len(k)))
		b = appendText(b, keyName, name)
		b = appendText(b, keyValue, k)
	}
	return b
}

// valueEncoder writes values. Its memory is used again; one goroutine uses it.
type valueEncoder struct {
	encoding       gpb.Encoding
	array, element []byte
}

// append appends the TypedValue of a leaf or leaf-list: see typedValue, which makes the same.
func (e *valueEncoder) append(b []byte, def *schema.Node, texts [][]byte) []byte {
	switch encodingOf(e.encoding, def) {
	case gpb.Encoding_PROTO:
		return e.appendProto(b, def, texts)
	case gpb.Encoding_ASCII:
		return appendText(b, valueASCII, bytes.Join(texts, []byte(asciiSeparator)))
	case gpb.Encoding_JSON_IETF:
		e.array = appendJSON(e.array[:0], def, stringsOf(texts), tree.AppendJSONValue)
		return appendText(b, valueJSONIETF, e.array)
	}
	e.array = appendJSON(e.array[:0], def, stringsOf(texts), appendPlainJSON)
	return appendText(b, valueJSON, e.array)
}

func stringsOf(texts [][]byte) []string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = string(text)
	}
	return list
}

func (e *valueEncoder) appendProto(b []byte, def *schema.Node, texts [][]byte) []byte {
	if def.Kind != schema.LeafList {
		return appendScalar(b, def, texts[0])
	}
	e.array = e.array[:0]
	for _, text := range texts {
		e.element = appendScalar(e.element[:0], def, text)
		e.array = appendText(e.array, arrayElement, e.element)
	}
	return appendText(b, valueLeafList, e.array)
}

// appendScalar appends one value in the field of its type: see scalar, which makes the same.
func appendScalar(b []byte, def *schema.Node, text []byte) []byte {
	switch baseOf(def, text) {
	case schema.Int8, schema.Int16, schema.Int32, schema.Int64:
		if v, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return appendNumber(b, valueInt, uint64(v))
		}
	case schema.Uint8, schema.Uint16, schema.Uint32, schema.Uint64:
		if v, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return appendNumber(b, valueUint, v)
		}
	case schema.Decimal64:
		if v, err := strconv.ParseFloat(string(text), 64); err == nil {
			return protowire.AppendFixed64(append(b, valueDouble<<3|byte(protowire.Fixed64Type)), math.Float64bits(v))
		}
	case schema.Boolean:
		return appendNumber(b, valueBool, protowire.EncodeBool(string(text) == "true"))
	case schema.Empty: // that it is there is all that it says
		return appendNumber(b, valueBool, 1)
	case schema.Binary:
		if v, err := base64.StdEncoding.DecodeString(string(text)); err == nil {
			return appendText(b, valueBytes, v)
		}
	}
	return appendText(b, valueString, text)
}

// baseOf is the base of the type that a value is told as.
func baseOf(def *schema.Node, text []byte) schema.Base {
	if t := def.Type.UniformEncoding(); t != nil {
		return t.Base
	}
	return def.Type.Encoding(string(text)).Base
}
