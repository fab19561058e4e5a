package gnmi

import (
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// FuzzPath resolves any path. What it resolves to is in the schema and is found again by the path that the element would send.
func FuzzPath(f *testing.F) {
	for _, text := range []string{"", "/", "/pmipv6/lma[name=lma1]/bindings/binding[id=1]", "/example-system:system/name", "/.../name", "/*/*/*", "/user[realm=1]/note",
		"/user[realm=*][id=a]", "/.../user/...", "/user[realm=01][id=x]", `/user[id=a\]b]`, "/mooring-system:system/user[name=...]", "/a:b:c", "/user[x=\x00]", "/user[id=\x00][realm=1]"} {
		b, err := proto.Marshal(path(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "", uint8(0))
		f.Add(b, "example-system", uint8(1))
	}
	s := testSchema()
	f.Fuzz(func(t *testing.T, encoded []byte, origin string, split uint8) {
		p := &gpb.Path{}
		if proto.Unmarshal(encoded, p) != nil {
			return
		}
		n := min(int(split), len(p.Elem))
		prefix := &gpb.Path{Origin: origin, Elem: p.Elem[:n]}
		p.Elem = p.Elem[n:]
		r := &resolver{schema: s, op: "test", prefix: prefix, unknown: codes.NotFound}
		found, f := r.resolve(p)
		if f != nil {
			if f.code == codes.OK || f.text == "" {
				t.Errorf("refused with %v %q", f.code, f.text)
			}
			return
		}
		if len(found.patterns) == 0 || len(found.patterns) > maxPatterns {
			t.Errorf("%s stands for %d nodes", found.text, len(found.patterns))
		}
		for _, at := range found.patterns {
			checkPattern(t, s, at)
		}
		if len(found.patterns) > 1 && !found.wildcard && origin == "" && p.GetOrigin() == "" {
			t.Errorf("%s stands for several nodes and is no wildcard", found.text)
		}
	})
}

func checkPattern(t *testing.T, s *schema.Schema, at schema.Path) {
	t.Helper()
	parent := s.Root
	exact := true
	for _, step := range at {
		if step.Node.Parent != parent {
			t.Fatalf("%s does not lead through the schema", at)
		}
		exact = exact && closed(step)
		parent = step.Node
	}
	if !exact {
		return
	}
	again := &resolver{schema: s, op: "test", unknown: codes.NotFound}
	back, f := again.resolve(&gpb.Path{Elem: elemsOf(at)})
	if f != nil || len(back.patterns) != 1 || !back.patterns[0].Equal(at) {
		for _, step := range at { // a key that is called like a wildcard cannot be told from one
			for _, k := range step.Keys {
				if k == anyKey {
					return
				}
			}
		}
		t.Errorf("%s came back as %v, %v", at, back, f)
	}
}

// FuzzValue writes any value to some nodes. What is accepted can be told in every encoding, and written again to the same effect.
func FuzzValue(f *testing.F) {
	places := []string{"/", sys, sys + "/ratio", sys + "/either", sys + "/server", sys + "/where", sys + "/key", sys + "/transport", sys + "/marker", "/user", "/user[realm=1][id=ann]", "/user[realm=1][id=ann]/id"}
	for i, text := range []string{`{"example-system:system": {"name": "a"}}`, `{"name": "a", "tls": {"port": 1}}`, `"1.50"`, `5`, `["a", "b"]`, `"/example-system:system/name"`, `"AQID"`, `"udp"`, `[null]`,
		`[{"realm": 1, "id": "a", "note": [{"at": 1, "text": "x"}]}]`, `{"mail": "x"}`, `"ann"`} {
		for _, field := range []uint8{0, 1, 2} {
			f.Add(uint8(i), field, []byte(text), int64(5))
		}
		f.Add(uint8(i), uint8(3), []byte{}, int64(150))
	}
	s := testSchema()
	f.Fuzz(func(t *testing.T, where, field uint8, data []byte, number int64) {
		at := places[int(where)%len(places)]
		value := valueOf(field, data, number)
		root, ok := written(t, s, at, value)
		if !ok || at == "/" {
			return
		}
		p := pattern(t, at)
		if !closed(p.Last()) {
			p[len(p)-1].Keys = nil
		}
		n := root.Get(p)
		if n == nil || n.Schema().Kind == schema.List && n.IsList() {
			return
		}
		for _, encoding := range encodings {
			if n.Schema().HasChildren() && encoding == gpb.Encoding_PROTO || encoding == gpb.Encoding_ASCII { // which is not written
				continue
			}
			told := tellAll(n, encoding)
			again, ok := written(t, s, at, told)
			if !ok || !again.Equal(root) {
				t.Errorf("%s: %v is told as %v, which is refused or means something else", at, value, told)
			}
		}
	})
}

func valueOf(field uint8, data []byte, number int64) *gpb.TypedValue {
	switch field % 7 {
	case 0:
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: data}}
	case 1:
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: data}}
	case 2:
		return text(string(data))
	case 3:
		return &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: number}}
	case 4:
		return &gpb.TypedValue{Value: &gpb.TypedValue_DoubleVal{DoubleVal: float64(number) / 100}}
	case 5:
		return &gpb.TypedValue{Value: &gpb.TypedValue_BytesVal{BytesVal: data}}
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: &gpb.ScalarArray{Element: []*gpb.TypedValue{text(string(data)), {Value: &gpb.TypedValue_IntVal{IntVal: number}}}}}}
}

// written is the configuration that a replace makes of an empty one.
func written(t *testing.T, s *schema.Schema, at string, value *gpb.TypedValue) (*tree.Node, bool) {
	t.Helper()
	elems := path(at)
	r := &resolver{schema: s, op: "replace", unknown: codes.NotFound}
	found, f := r.resolve(elems)
	if f != nil {
		t.Fatal(f)
	}
	p := &payload{schema: s, place: found, replace: true, value: value}
	edits, f := p.edits(elems.Elem)
	if f != nil {
		if f.code != codes.InvalidArgument && f.code != codes.Unimplemented {
			t.Errorf("%v is refused with %v: %s", value, f.code, f.text)
		}
		return nil, false
	}
	root, err := tree.Apply(tree.NewRoot(s), edits...)
	if err != nil {
		t.Fatalf("%v is accepted and cannot be written: %v", value, err)
	}
	return root, true
}

// tellAll is the value that Get gives for a node of the configuration.
func tellAll(n *tree.Node, encoding gpb.Encoding) *gpb.TypedValue {
	if !n.Schema().HasChildren() {
		return typedValue(encoding, n.Schema(), stringsOf(new(delta).textsOf(n)))
	}
	if encoding == gpb.Encoding_JSON_IETF {
		return ietf(string(tree.AppendJSON(nil, n, nil)))
	}
	w := &plainWriter{}
	w.begin()
	(&tree.Walk{Writer: w}).Children(n)
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: w.end()}}
}
