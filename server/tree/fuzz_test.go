package tree

import (
	"errors"
	"strings"
	"testing"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// FuzzXML: whatever comes, decoding ends, and what it accepts comes back from its own encoding.
func FuzzXML(f *testing.F) {
	s := example(f)
	for _, seed := range []string{
		`<system xmlns="urn:example:system"><name>a</name><server>x</server></system>`,
		`<user xmlns="urn:example:system"><realm>1</realm><id>a</id><note><at>1</at><text>t</text></note></user>`,
		`<s:system xmlns:s="urn:example:system"><s:transport xmlns:q="urn:example:more">q:sctp</s:transport></s:system>`,
		`<system xmlns="urn:example:system"><name nc:operation="delete"/><server yang:insert="before" yang:value="x">y</server></system>`,
		`<!DOCTYPE x [<!ENTITY e "f">]><a>&e;</a>`, `<system xmlns="urn:example:system"><where>/a:b[c='d']</where></system>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := xmlio.NewReader(strings.NewReader(`<config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:yang="urn:ietf:params:xml:ns:yang:1">`+text+`</config>`), xmlio.Limits{})
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

// FuzzJSON is the same for JSON.
func FuzzJSON(f *testing.F) {
	s := example(f)
	for _, seed := range []string{start, `{"example-system:system":{"marker":[null],"either":"none","port":[1,2]}}`, `{"@":{},"example-system:part":{}}`, `[1]`, `{"example-system:user":[{"realm":"x","id":"a","mail":1,"mail":2},{"realm":{},"id":[1]},7]}`,
		`{"example-system:system":{"drift":1,"ntp":"x","name":"9","server":"q"}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root, err := DecodeJSON(strings.NewReader(text), s.Root, DecodeOptions{})
		if err == nil {
			checkEncodings(t, s, root)
			return
		}
		for _, e := range Errors(err) {
			if e.Path == nil || e.Message == "" {
				t.Errorf("%q: %+v does not say what is wrong where", text, e)
			}
		}
		if part, ok := errors.AsType[*Incomplete](err); ok {
			jsonOf(t, part.Root)
			Ordered(part.Root, Errors(err))
			if _, err := Apply(mustJSON(t, s, start), Edit{Op: Merge, Node: part.Root}); err != nil {
				t.Errorf("%q: what could be read cannot be merged: %v", text, err)
			}
		}
	})
}

// FuzzPath: a path that is read is written, and read again, as the same.
func FuzzPath(f *testing.F) {
	s := example(f)
	for _, seed := range []string{"/example-system:user[realm='1'][id='a']/note[at='3']/text", "/example-system:system/server[.=\"it's\"]", "/", "//", "/x:y", "/example-system:user[id='a']"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := schema.ParsePath(s, text, s.Module)
		if err != nil {
			return
		}
		again, err := schema.ParsePath(s, p.String(), s.Module)
		if err != nil || !again.Equal(p) {
			t.Errorf("%q was written as %q, which reads as %v, %v", text, p, again, err)
		}
	})
}
