package xmlio

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// outline reads a document: elements with resolved names and attributes, and values.
func outline(text string, limits Limits) (string, error) {
	var b strings.Builder
	r := NewReader(strings.NewReader(text), limits)
	var inside func() error
	inside = func() error {
		for {
			el, err := r.Next()
			if el == nil || err != nil {
				return err
			}
			b.WriteString("{" + el.Name.Space + "}" + el.Name.Local)
			for _, a := range el.Attrs {
				b.WriteString(" {" + a.Name.Space + "}" + a.Name.Local + "=" + a.Value)
			}
			nested, err := r.HasElements()
			if err != nil {
				return err
			}
			if !nested {
				v, err := r.Text()
				if err != nil {
					return err
				}
				if space, ok := r.Namespace("own"); ok {
					v += " own=" + space
				}
				b.WriteString(" '" + v + "'\n")
				continue
			}
			b.WriteString("\n")
			if err := inside(); err != nil {
				return err
			}
		}
	}
	if err := inside(); err != io.EOF {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	return b.String(), nil
}

func TestReader(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`<a/>`, "{}a ''\n"},
		{"\ufeff", ""},
		{`<?xml version="1.0" encoding="UTF-8"?><!-- c --><a xmlns="u:1"><b>x</b></a>`, "{u:1}a\n{u:1}b 'x'\n"},
		{`<p:a xmlns:p="u:1" xmlns="u:2" p:x="1" x="2"><b xmlns=""/><c/></p:a>`, "{u:1}a {u:1}x=1 {}x=2\n{}b ''\n{u:2}c ''\n"},
		{`<a><b xmlns:own="u:own">own:v</b><c>x</c></a>`, "{}a\n{}b 'own:v own=u:own'\n{}c 'x'\n"},
		{`<a>1<!-- c -->2<![CDATA[<3>]]>&amp;&#x34;</a>`, "{}a '12<3>&4'\n"},
		{"<a x='&quot;\n'>\r\n</a>", "{}a {}x=\"\n '\n'\n"},
	} {
		got, err := outline(c.in, Limits{})
		if c.want == "" {
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s\ngot  %q, %v\nwant %q", c.in, got, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, in := range []string{
		`<!DOCTYPE a><a/>`, `<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>`, `<a>&e;</a>`, `<a>&#0;</a>`, `<a><b></a></b>`, `<a>`, `<a`, `</a>`, `<a></b>`,
		`<p:a/>`, `<a p:x="1"/>`, `<a x="1" x="2"/>`, `<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>`, `<a xmlns:p="u:1" xmlns:p="u:2"/>`, `<a xmlns:p=""/>`,
		`<a><b/>text</a>`, "<a>\xff</a>", "<a>\x01</a>", `<p:a xmlns:p="u"></q:a>`, `<a xmlns:xmlns="u"/>`,
		`<?xml version="1.0" encoding="ISO-8859-1"?><a/>`, `<?xml version="1.1"?><a/>`,
	} {
		got, err := outline(in, Limits{})
		if syntax, ok := err.(*SyntaxError); !ok || syntax.TooBig {
			t.Errorf("%q was read as %q, %v", in, got, err)
		}
	}
	for name, c := range map[string]struct {
		in     string
		limits Limits
	}{
		"depth": {strings.Repeat("<a>", 6) + strings.Repeat("</a>", 6), Limits{Depth: 5}},
		"text":  {"<a>" + strings.Repeat("x", 100) + "</a>", Limits{Text: 99}},
		"total": {"<a>" + strings.Repeat("<b/>", 100) + "</a>", Limits{Total: 200}},
		"piece": {"<a><!--" + strings.Repeat("x", 200<<10) + "--></a>", Limits{Text: 100}},
	} {
		got, err := outline(c.in, c.limits)
		if syntax, ok := err.(*SyntaxError); !ok || !syntax.TooBig {
			t.Errorf("beyond the limit of %s: %.40q, %v", name, got, err)
		}
	}
}

// An error of the input is that and not one of the document.
func TestInputError(t *testing.T) {
	r := NewReader(io.MultiReader(strings.NewReader("<a>"), iotest.ErrReader(io.ErrClosedPipe)), Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.ErrClosedPipe {
		t.Errorf("got %v", err)
	}
}

func TestSkip(t *testing.T) {
	r := NewReader(strings.NewReader(`<a><b><c>x</c>y</b><d/></a>`), Limits{})
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Skip(); err != nil {
		t.Fatal(err)
	}
	if el, err := r.Next(); err != nil || el.Name.Local != "d" || r.Depth() != 2 {
		t.Errorf("after the skipped element: %v, %v, depth %d", el, err, r.Depth())
	}
}

// TestEscaping compares with what encoding/xml reads.
func TestEscaping(t *testing.T) {
	const text = "<a b=\"c\" d='e'> & \r\n\t é ]]>"
	var got struct {
		Value string `xml:",chardata"`
		Attr  string `xml:"x,attr"`
	}
	doc := `<v x="` + string(AppendAttr(nil, text)) + `">` + string(AppendText(nil, text)) + `</v>`
	if err := xml.Unmarshal([]byte(doc), &got); err != nil || got.Value != text || got.Attr != text {
		t.Errorf("%s: %q, %q, %v", doc, got.Value, got.Attr, err)
	}
}

// What XML cannot hold does not break the document.
func TestIllegalCharacters(t *testing.T) {
	const text = "a\x00b\x1f\x7f\xff\uFFFE\uFFFF\U0001F600\uFFFDz"
	want := "a\uFFFDb\uFFFD\x7f\uFFFD\uFFFD\uFFFD\U0001F600\uFFFDz"
	if got, err := outline(`<v x="`+string(AppendAttr(nil, text))+`">`+string(AppendText(nil, text))+`</v>`, Limits{}); err != nil || got != "{}v {}x="+want+" '"+want+"'\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// FuzzReader: what is accepted is well-formed for encoding/xml too.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{`<a xmlns="u"><b>x</b></a>`, `<p:a xmlns:p="u" p:x="1"/>`, `<!DOCTYPE a><a/>`, `<a>&lt;<![CDATA[x]]></a>`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := outline(text, Limits{}); err != nil {
			return
		}
		dec := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := dec.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func TestEncodings(t *testing.T) {
	for text, want := range map[string]string{
		"\xef\xbb\xbf<a/>": "",
		"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a/>": "",
		"<?xml version=\"1.0\" encoding=\"us-ascii\"?><a/>":            "",
		"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe4</a>":   "line 1: the document declares the encoding ISO-8859-1; send it in UTF-8 (RFC 6241 section 3)",
		"<a>\xe4</a>":      "line 1: invalid UTF-8",
		"<a/>\xef\xbb\xbf": `line 1: text "\ufeff" stands where elements are expected`,
	} {
		r := NewReader(strings.NewReader(text), Limits{})
		got := ""
		for {
			if _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				got = err.Error()
				break
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
