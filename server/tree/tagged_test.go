package tree

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// TestTaggedDefaults: what is tagged as a default value returns to it (RFC 6243 section 4.5.2).
func TestTaggedDefaults(t *testing.T) {
	const wd = ` xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default=`
	const system = `<system xmlns="urn:example:system">`
	root := mustJSON(t, example(t), `{"example-system:system":{"name":"box","enabled":false,"mode":"fast"}}`)
	for xml, want := range map[string]string{
		system + `<enabled` + wd + `"true">true</enabled></system>`:                                            `{"example-system:system":{"name":"box","mode":"fast"}}`,
		system + `<enabled` + wd + `"1">true</enabled><mode>fast</mode></system>`:                              `{"example-system:system":{"name":"box","mode":"fast"}}`,
		system + `<enabled` + wd + `"false">true</enabled></system>`:                                           `{"example-system:system":{"name":"box","enabled":true,"mode":"fast"}}`,
		system + `<enabled` + wd + `"true" nc:operation="replace">true</enabled></system>`:                     `{"example-system:system":{"name":"box","mode":"fast"}}`,
		system + `<load>3</load><drift` + wd + `"true">-5</drift></system>`:                                    `{"example-system:system":{"name":"box","load":3,"enabled":false,"mode":"fast"}}`,
		`<system xmlns="urn:example:system" nc:operation="replace"><mode` + wd + `"true">slow</mode></system>`: `{}`,
	} {
		got, err := editXML(t, root, Merge, xml)
		if err != nil || jsonOf(t, got) != want {
			t.Errorf("%s\n got %s, %v\nwant %s", xml, jsonOf(t, got), err, want)
		}
	}
	for _, xml := range []string{
		system + `<enabled` + wd + `"true">false</enabled></system>`,
		system + `<name` + wd + `"true">box</name></system>`,
		system + `<enabled` + wd + `"true" nc:operation="delete">true</enabled></system>`,
		system + `<tls` + wd + `"true"/></system>`,
	} {
		_, err := editXML(t, root, Merge, xml)
		if e := Errors(err); len(e) != 1 || e[0].Tag != InvalidValue {
			t.Errorf("%s: %v, want invalid-value", xml, err)
		}
	}
}

// TestAnydataOfAnRPC is read by whoever knows what it holds, who can see what came before it.
func TestAnydataOfAnRPC(t *testing.T) {
	s, err := schema.Compile(moduleFS(`rpc load { input { leaf how { type string; } anyxml config; leaf after { type string; } } }`), schema.Source{Name: "m", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	rpc := s.RPC("m", "load")
	const text = `<load xmlns="urn:m"><how>so</how><config a="b"><x/><y/></config><after>z</after></load>`
	broken := errors.New("the stream broke")
	for name, c := range map[string]struct {
		give, want error
		read       bool
	}{
		"well":      {nil, nil, true},
		"a problem": {&Error{Tag: BadElement, Message: "x"}, &Error{Tag: BadElement, Message: "x"}, true},
		"problems":  {errors.Join(&Error{Tag: BadElement}, &Error{Tag: TooBig}), errors.Join(&Error{Tag: BadElement}, &Error{Tag: TooBig}), true},
		"broken":    {broken, broken, false},
	} {
		r := xmlio.NewReader(strings.NewReader(text), xmlio.Limits{})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		n, err := DecodeXML(r, rpc.Input, DecodeOptions{State: true, Any: func(def *schema.Node, before *Builder) error {
			if a, _ := r.Opened().Attr("", "a"); a != "b" || def.Name != "config" {
				t.Errorf("%s: read %s with the attribute %q", name, def.Name, a)
			}
			if how, ok := before.Value(rpc.Input.ChildNamed("how")); how != "so" || !ok {
				t.Errorf("%s: how is %q", name, how)
			}
			if _, ok := before.Value(rpc.Input.ChildNamed("after")); ok {
				t.Errorf("%s: what comes later is known", name)
			}
			if err := r.Skip(); err != nil {
				t.Fatal(err)
			}
			return c.give
		}})
		if len(Errors(err)) != len(Errors(c.want)) || (err == broken) != (c.give == broken) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if c.read && (n == nil || n.ChildNamed("config") == nil || n.ChildNamed("after").Value() != "z") {
			t.Errorf("%s: the parameters are not complete", name)
		}
	}
	reads, twice := 0, opened(t, strings.Replace(text, "<after>", "<config/><after>", 1))
	_, err = DecodeXML(twice, rpc.Input, DecodeOptions{State: true, Any: func(*schema.Node, *Builder) error { reads++; return twice.Skip() }})
	if errs := Errors(err); reads != 1 || len(errs) != 1 || errs[0].Tag != BadElement {
		t.Errorf("given twice: read %d times, %v", reads, err)
	}
	if n, err := DecodeXML(opened(t, text), rpc.Input, DecodeOptions{State: true}); err != nil || n.ChildNamed("config").Value() != "<x/><y/>" {
		t.Errorf("without a reader of anydata: %v", err)
	}
}

func opened(t testing.TB, text string) *xmlio.Reader {
	t.Helper()
	r := xmlio.NewReader(strings.NewReader(text), xmlio.Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	return r
}

func moduleFS(body string) fstest.MapFS {
	return fstest.MapFS{"m.yang": {Data: []byte(`module m { yang-version 1.1; namespace "urn:m"; prefix m; ` + body + ` }`)}}
}
