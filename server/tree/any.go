package tree

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// The content of an anydata or anyxml (RFC 7950 sections 7.10 and 7.11) has no schema. It is kept as one text, the value of its
// node, which can only be replaced as a whole: XML in one form for all ways to write the same (see anyElement.append), or behind
// the mark anyJSON what only JSON can say of an anyxml (RFC 7951 section 5.6).

// anyJSON begins the value of an anyxml that is JSON; XML cannot hold this character.
const anyJSON = "\x01"

const (
	maxAny      = 4 << 20 // octets of one anydata or anyxml
	maxAnyDepth = 100     // elements or JSON values inside each other
)

var errAnyTooBig = fmt.Errorf("is larger than %d octets", maxAny)

// readAny reads the content of the open element of r, which is an instance of def, and closes the element. An error in wrong tells
// of the content; one in err ends the reading.
func readAny(r *xmlio.Reader, def *schema.Node) (value string, wrong, err error) {
	a := anyReader{r: r}
	var top anyElement
	top.name.Space = def.Module.Namespace
	if err := a.content(&top); err != nil {
		return "", nil, err
	}
	if a.size > maxAny {
		return "", errAnyTooBig, nil
	}
	value, wrong = top.value(def)
	return value, wrong, nil
}

// parseAny reads content from text. The default namespace is that of the module of def.
func parseAny(def *schema.Node, text string) (string, error) {
	document := "<any xmlns=\"" + string(xmlio.AppendAttr(nil, def.Module.Namespace)) + "\">" + text + "</any>"
	r := xmlio.NewReader(strings.NewReader(document), xmlio.Limits{Depth: maxAnyDepth + 1})
	if _, err := r.Next(); err != nil {
		return "", err
	}
	value, wrong, err := readAny(r, def)
	if err != nil || wrong != nil {
		return "", errors.Join(wrong, err)
	}
	if _, err := r.Next(); err != io.EOF {
		return "", errors.New("there is more after the content")
	}
	return value, nil
}

// appendAnyXML appends the content of an anydata or anyxml as XML, in surroundings whose default namespace is that of its module.
func appendAnyXML(b []byte, value string) []byte {
	if text, ok := strings.CutPrefix(value, anyJSON); ok {
		return xmlio.AppendText(b, text)
	}
	return append(b, value...)
}

// appendAnyJSON appends the content as a JSON value: an anydata as an object where JSON can say all that is in it, an anyxml that
// is XML as a string. What JSON cannot say of an anydata (attributes, namespaces of no module, an order of its own) is a string
// of XML as well, so that nothing is lost on the way through a file.
func appendAnyJSON(b []byte, def *schema.Node, value string) []byte {
	if text, ok := strings.CutPrefix(value, anyJSON); ok {
		return append(b, text...)
	}
	text := value
	if def.AnyXML {
		text = anyXMLString(def, value)
	} else if object, ok := anyObject(def, value); ok {
		return append(b, object...)
	}
	b, _ = jsontext.AppendQuote(b, text)
	return b
}

// anyXMLString gives an anyxml as a string: text as it is, elements as XML. Text that would be taken for XML is escaped, as it
// would be inside XML.
func anyXMLString(def *schema.Node, value string) string {
	if strings.Contains(value, "<") {
		return value
	}
	plain := AnyText(value)
	if back, err := anyOfString(def, plain); err != nil || back != value {
		return value
	}
	return plain
}

// anyOfString is the content that a JSON string stands for.
func anyOfString(def *schema.Node, text string) (string, error) {
	if !def.AnyXML || strings.ContainsAny(text, "<&") {
		value, err := parseAny(def, text)
		if err == nil || !def.AnyXML {
			return value, err
		}
	}
	if err := checkText(text); err != nil {
		return "", err
	}
	return string(xmlio.AppendText(nil, text)), nil
}

// parseAnyJSON reads the content of an anydata or anyxml from a JSON value.
func parseAnyJSON(def *schema.Node, v jsontext.Value) (value string, err error) {
	switch {
	case len(v) > maxAny:
		return "", errAnyTooBig
	case !v.IsValid():
		return "", errors.New("an object in it has a member twice")
	case v.Kind() == '"':
		text, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return "", err
		}
		return anyOfString(def, string(text))
	case jsonDepth(v) > maxAnyDepth:
		return "", fmt.Errorf("is nested deeper than %d levels", maxAnyDepth)
	case !def.AnyXML:
		return anyOfObject(def, v)
	}
	v = v.Clone()
	if err := v.Compact(); err != nil {
		return "", err
	}
	return anyJSON + string(v), nil
}

func jsonDepth(v jsontext.Value) (deepest int) {
	dec := jsontext.NewDecoder(strings.NewReader(string(v)))
	for {
		if _, err := dec.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, dec.StackDepth())
	}
}

// AnyText is the string-value of the content of an anydata or anyxml (XPath 1.0 section 5.2): all text in it.
func AnyText(value string) string {
	if text, ok := strings.CutPrefix(value, anyJSON); ok {
		return text
	}
	if !strings.ContainsAny(value, "<&") {
		return value
	}
	var b strings.Builder
	r := xmlio.NewReader(strings.NewReader("<any>"+value+"</any>"), xmlio.Limits{Depth: maxAnyDepth + 2})
	r.Next() // what is kept can be read
	for r.Depth() > 0 {
		_, text, err := r.Mixed()
		if err != nil {
			break
		}
		b.WriteString(text)
	}
	return b.String()
}

// checkText refuses what no YANG string, and no XML, may hold.
func checkText(text string) error {
	_, err := (&schema.Type{Base: schema.String}).Parse(text, schema.Lexical{})
	return err
}
