package tree

import (
	"strings"
	"testing"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// anySchema has an anydata and an anyxml, and what may stand in them.
func anySchema(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.Compile(moduleFS(`
		identity colour; identity red { base colour; }
		container top {
			anydata data { must "not(contains(., 'forbidden'))"; }
			anyxml xml;
			leaf other { type string; }
		}
		container known {
			leaf number { type uint8; }
			leaf big { type uint64; }
			leaf colour { type identityref { base colour; } }
			leaf where { type instance-identifier { require-instance false; } }
			leaf flag { type empty; }
			leaf-list value { type uint8; }
			list entry { key name; leaf name { type string; } container inside { presence "p"; } }
		}
		notification happened { leaf when { type string; } }`), schema.Source{Name: "m", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const topM = `<top xmlns="urn:m">`

// TestAnydataInConfiguration: the content of an anydata or anyxml is kept, and written in one form whatever prefixes it came with (RFC
// 7950 sections 7.10 and 7.11). JSON says what it can, and all of it comes back from either encoding.
func TestAnydataInConfiguration(t *testing.T) {
	s := anySchema(t)
	for name, c := range map[string]struct{ xml, wantXML, wantJSON string }{
		"nothing":               {`<data/>`, `<data/>`, `"data":{}`},
		"white space":           {"<data>\n  <known>\n <number>7</number>\n </known>\n</data>", `<data><known><number>7</number></known></data>`, `"data":{"m:known":{"number":7}}`},
		"values are known":      {`<data><known><number> 007</number><big>9</big><flag/><value>1</value></known></data>`, `<data><known><number>7</number><big>9</big><flag/><value>1</value></known></data>`, `"data":{"m:known":{"number":7,"big":"9","flag":[null],"value":[1]}}`},
		"entries":               {`<data><known><entry><name>a</name><inside/></entry></known></data>`, `<data><known><entry><name>a</name><inside/></entry></known></data>`, `"data":{"m:known":{"entry":[{"name":"a","inside":{}}]}}`},
		"a notification":        {`<data><happened><when>now</when></happened></data>`, `<data><happened><when>now</when></happened></data>`, `"data":{"m:happened":{"when":"now"}}`},
		"prefixes mean nothing": {`<data><q:known xmlns:q="urn:m" xmlns:z="urn:m"><q:colour>z:red</q:colour></q:known></data>`, `<data><known><colour xmlns:m="urn:m">m:red</colour></known></data>`, `"data":{"m:known":{"colour":"m:red"}}`},
		"a path":                {`<data><known xmlns:z="urn:m"><where>/z:top/z:other</where></known></data>`, `<data><known><where xmlns:m="urn:m">/m:top/m:other</where></known></data>`, `"data":{"m:known":{"where":"/m:top/other"}}`},
		"unknown nodes":         {`<data><strange><a>1</a><a>2</a></strange></data>`, `<data><strange><a>1</a><a>2</a></strange></data>`, `"data":{"m:strange":{"a":["1","2"]}}`},
		"a strange module":      {`<data><x xmlns="urn:x"><y>1</y></x></data>`, `<data><x xmlns="urn:x"><y>1</y></x></data>`, `"data":"<x xmlns=\"urn:x\"><y>1</y></x>"`},
		"an attribute":          {`<data><x nc:operation="delete" b="2" a="&lt;"/></data>`, `<data><x xmlns:ns1="urn:ietf:params:xml:ns:netconf:base:1.0" a="&lt;" b="2" ns1:operation="delete"/></data>`, `"data":"<x `},
		"an order of its own":   {`<data><x/><y/><x/></data>`, `<data><x/><y/><x/></data>`, `"data":"<x/><y/><x/>"`},
		"no namespace":          {`<data><x xmlns=""/></data>`, `<data><x xmlns=""/></data>`, `"data":"<x xmlns=\"\"/>"`},
		"mixed content":         {`<xml>a <b>c</b> d<e xmlns="urn:e" xml:lang="de"/></xml>`, `<xml>a <b>c</b> d<e xmlns="urn:e" xml:lang="de"/></xml>`, `"xml":"a <b>c</b> d<e xmlns=\"urn:e\" xml:lang=\"de\"/>"`},
		"text":                  {`<xml> plain </xml>`, `<xml> plain </xml>`, `"xml":" plain "`},
		"text like XML":         {`<xml>&lt;a/&gt;</xml>`, `<xml>&lt;a/&gt;</xml>`, `"xml":"&lt;a/&gt;"`},
		"text like wrong XML":   {`<xml>a &lt; b &amp; c</xml>`, `<xml>a &lt; b &amp; c</xml>`, `"xml":"a < b & c"`},
		"names in values":       {`<xml xmlns:p="urn:p" xmlns:q="urn:q"><a q:b="p:c">p:d http://e</a></xml>`, `<xml><a xmlns:p="urn:p" xmlns:ns1="urn:q" ns1:b="p:c">p:d http://e</a></xml>`, `"xml":"<a `},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := editXML(t, NewRoot(s), Merge, topM+c.xml+`</top>`)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(c.wantXML, `xmlns:p="urn:p" xmlns:ns1="urn:q"`, `xmlns:ns1="urn:q" xmlns:p="urn:p"`)
			if got := xmlOf(t, root); got != topM+want+`</top>` {
				t.Errorf("XML %s\nwant %s", got, want)
			}
			if got := jsonOf(t, root); !strings.HasPrefix(got, `{"m:top":{`+c.wantJSON) {
				t.Errorf("JSON %s\nwant %s", got, c.wantJSON)
			}
			checkEncodings(t, s, root)
			again, err := editXML(t, root, Merge, topM+c.xml+`</top>`)
			if err != nil || !again.Same(root) {
				t.Errorf("the same again is a change, %v", err)
			}
		})
	}
}

// TestAnydataFromJSON: RFC 7951 sections 5.5 and 5.6.
func TestAnydataFromJSON(t *testing.T) {
	s := anySchema(t)
	for name, c := range map[string]struct{ json, wantXML, wantJSON string }{
		"an object":           {`"data":{"m:known":{"number":7,"colour":"red","value":[1,2],"flag":[null]}}`, `<data><known><number>7</number><colour xmlns:m="urn:m">m:red</colour><value>1</value><value>2</value><flag/></known></data>`, ""},
		"a string of XML":     {`"data":"<m:x xmlns:m=\"urn:m\"/>"`, `<data><x/></data>`, `"data":{"m:x":""}`},
		"an annotation":       {`"data":{"@m:x":{"a:b":1},"m:x":"1"}`, `<data><x>1</x></data>`, `"data":{"m:x":"1"}`},
		"an object in anyxml": {`"xml":{ "b": [1.50, null], "a": {} }`, `<xml>{"b":[1.50,null],"a":{}}</xml>`, `"xml":{"b":[1.50,null],"a":{}}`},
		"a number in anyxml":  {`"xml":7`, `<xml>7</xml>`, ""},
		"a string in anyxml":  {`"xml":"seven & <eight"`, `<xml>seven &amp; &lt;eight</xml>`, ""},
		"XML in anyxml":       {`"xml":"<a/>b"`, `<xml><a/>b</xml>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := mustJSON(t, s, `{"m:top":{`+c.json+`}}`)
			if got := xmlOf(t, root); got != topM+c.wantXML+`</top>` {
				t.Errorf("XML %s\nwant %s", got, c.wantXML)
			}
			want := c.wantJSON
			if want == "" {
				want = strings.ReplaceAll(c.json, `"red"`, `"m:red"`)
			}
			got := jsonOf(t, root)
			if got != `{"m:top":{`+want+`}}` {
				t.Errorf("JSON %s\nwant %s", got, want)
			}
			if back := mustJSON(t, s, got); !back.Equal(root) {
				t.Errorf("comes back as %s", jsonOf(t, back))
			}
		})
	}
}

// TestWrongAnydata: content that no anydata can have is refused, and nothing is changed.
func TestWrongAnydata(t *testing.T) {
	s := anySchema(t)
	deep := strings.Repeat(`{"m:a":`, maxAnyDepth+1) + "1" + strings.Repeat("}", maxAnyDepth+1)
	for name, c := range map[string]struct {
		json string
		tag  Tag
	}{
		"text":             {`"data":"text"`, InvalidValue},
		"a number":         {`"data":1`, InvalidValue},
		"no module":        {`"data":{"x":1}`, InvalidValue},
		"unknown module":   {`"data":{"n:x":1}`, InvalidValue},
		"no name":          {`"data":{"m:":1}`, InvalidValue},
		"null":             {`"data":{"m:x":null}`, InvalidValue},
		"arrays of arrays": {`"data":{"m:x":[[1]]}`, InvalidValue},
		"a member twice":   {`"data":{"m:x":1,"m:x":2}`, InvalidValue},
		"a control":        {`"data":{"m:x":"\u0001"}`, InvalidValue},
		"too deep":         {`"data":` + deep, InvalidValue},
		"too deep anyxml":  {`"xml":` + strings.ReplaceAll(deep, "m:", ""), InvalidValue},
		"not closed":       {`"data":"<a>"`, InvalidValue},
		"more after it":    {`"data":"<a/></any><any>"`, InvalidValue},
		"too large":        {`"xml":"` + strings.Repeat("a", maxAny) + `"`, TooBig},
		"mixed content":    {`"data":"<a>b<c/></a>"`, InvalidValue},
		"a document type":  {`"data":"<!DOCTYPE a><a/>"`, InvalidValue},
	} {
		_, err := DecodeJSON(strings.NewReader(`{"m:top":{`+c.json+`,"other":"x"}}`), s.Root, DecodeOptions{})
		if errs := Errors(err); len(errs) != 1 || errs[0].Tag != c.tag || errs[0].Path.Last().Node.Kind != schema.AnyData {
			t.Errorf("%s: %.200v, want %s", name, err, c.tag)
		}
	}
	for _, xml := range []string{`<data>text</data>`, `<data><a>b<c/></a></data>`, `<xml>` + strings.Repeat("<a>0123456789</a>", maxAny/10) + `</xml>`} {
		_, err := editXML(t, NewRoot(s), Merge, topM+xml+`<other>x</other></top>`)
		if errs := Errors(err); len(errs) != 1 || errs[0].Path.Last().Node.Kind != schema.AnyData {
			t.Errorf("%.50s: %.200v", xml, err)
		}
	}
}

// TestEditAnydata: an anydata is changed as a whole, whatever operations its content names (RFC 7950 sections 7.10.3 and 7.11.3).
func TestEditAnydata(t *testing.T) {
	s := anySchema(t)
	root := mustJSON(t, s, `{"m:top":{"data":{"m:x":"1"}}}`)
	for name, c := range map[string]struct{ xml, want string }{
		"merge sets it anew":       {`<data><y/></data>`, `<data><y/></data>`},
		"replace":                  {`<data nc:operation="replace"><y/></data>`, `<data><y/></data>`},
		"merge of the parent":      {`<xml/>`, `<data><x>1</x></data><xml/>`},
		"delete":                   {`<data nc:operation="delete"><z/></data><other>o</other>`, `<other>o</other>`},
		"remove":                   {`<xml nc:operation="remove"/>`, `<data><x>1</x></data>`},
		"create":                   {`<xml nc:operation="create">a</xml>`, `<data><x>1</x></data><xml>a</xml>`},
		"create what is there":     {`<data nc:operation="create"/>`, ""},
		"delete what is not there": {`<xml nc:operation="delete"/>`, ""},
	} {
		got, err := editXML(t, root, Merge, topM+c.xml+`</top>`)
		switch {
		case (err != nil) != (c.want == ""):
			t.Errorf("%s: %v", name, err)
		case err == nil && xmlOf(t, got) != topM+c.want+`</top>`:
			t.Errorf("%s: %s", name, xmlOf(t, got))
		}
	}
	changed, _ := editXML(t, root, Merge, topM+`<data><y/></data></top>`)
	if changes := Diff(root, changed); changes.Len() != 1 {
		t.Errorf("%d changes", changes.Len())
	} else if back, err := Apply(changed, Diff(changed, root).Edits()...); err != nil || !back.Equal(root) {
		t.Errorf("undone: %v", err)
	}
}

// FuzzAny: whatever is accepted has one form, which comes back from both encodings.
func FuzzAny(f *testing.F) {
	s := anySchema(f)
	for _, seed := range []string{`<data><known><number>1</number></known></data>`, `<xml>a<b c="d" xmlns:e="f" e:g="e:h"/>&amp;</xml>`, `<xml xmlns:ns1="urn:1"><a ns1:b="ns1:c">ns2:d</a></xml>`,
		`<data><x xmlns="urn:x"/><x/><x/></data>`, `<xml>]]&gt;&#13;</xml>`, `<data><known xmlns:q="urn:m"><where>/q:top</where><colour>q:red</colour></known></data>`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := xmlio.NewReader(strings.NewReader(`<config>`+topM+text+`</top></config>`), xmlio.Limits{})
		if _, err := r.Next(); err != nil {
			return
		}
		ed, err := DecodeEdit(r, s.Root, Merge, DecodeOptions{})
		if err != nil {
			return
		}
		if root, err := Apply(NewRoot(s), ed); err == nil {
			checkEncodings(t, s, root)
		}
	})
}

// FuzzAnyJSON is the same for JSON.
func FuzzAnyJSON(f *testing.F) {
	s := anySchema(f)
	for _, seed := range []string{`"data":{"m:known":{"number":1,"entry":[{}]}}`, `"xml":[true,null]`, `"xml":"<a>&lt;"`, `"data":"<a/>"`, `"data":{"m:a":[{"b":[]},[null]]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root, err := DecodeJSON(strings.NewReader(`{"m:top":{`+text+`}}`), s.Root, DecodeOptions{})
		if err != nil {
			return
		}
		if back := mustJSON(t, s, jsonOf(t, root)); !back.Equal(root) {
			t.Fatalf("JSON comes back as\n%s\nfrom\n%s", jsonOf(t, back), jsonOf(t, root))
		}
		xmlOf(t, root)
	})
}
