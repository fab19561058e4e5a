package gnmi

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"mooring/server/tree/schema"
)

// told is what a notifier has told last, decoded.
func told(t *testing.T, s *notifier) func() *gpb.SubscribeResponse {
	var last *gpb.SubscribeResponse
	s.outbox = &outbox{send: func(b mem.Buffer) error {
		defer b.Free()
		return split(b.ReadOnlyData(), func(message []byte) error {
			last = &gpb.SubscribeResponse{}
			return proto.Unmarshal(message, last)
		})
	}}
	return func() *gpb.SubscribeResponse {
		t.Helper()
		if err := s.outbox.flush(); err != nil {
			t.Fatal(err)
		}
		return last
	}
}

// below is the path from an instance to a leaf.
func below(in []*schema.Node, def *schema.Node) *gpb.Path {
	p := schema.Path{}
	for _, n := range append(slices.Clone(in), def) {
		p = append(p, schema.Step{Node: n})
	}
	return &gpb.Path{Elem: elemsOf(p)}
}

// FuzzNotification writes notifications to octets. What they mean is what the same notification means as a message of protobuf.
func FuzzNotification(f *testing.F) {
	var leaves []*schema.Node
	var gather func(n *schema.Node)
	gather = func(n *schema.Node) {
		for _, kid := range n.Children {
			if gather(kid); kid.Type != nil {
				leaves = append(leaves, kid)
			}
		}
	}
	gather(testSchema().Root)
	for i, def := range leaves {
		text := map[schema.Base]string{schema.Boolean: "true", schema.Binary: "AQID", schema.Decimal64: "1.5", schema.Empty: "", schema.String: "name"}[def.Type.Resolved().Base]
		f.Add(uint16(i), text, "7", "näi@example.net", "", "lma1", uint8(i), uint8(i%3), int64(i)*1e17)
		f.Add(uint16(i), "5", "-3", "", "mooring", "", uint8(i+1), uint8(0), int64(i))
	}
	f.Fuzz(func(t *testing.T, which uint16, first, second, key, origin, target string, encoding, merged uint8, when int64) {
		if slices.ContainsFunc([]string{key, origin, target}, func(s string) bool { return !utf8.ValidString(s) }) {
			return
		}
		def := leaves[int(which)%len(leaves)]
		texts := canonical(def, first, second)
		if len(texts) == 0 {
			return
		}
		at, in := instanceOf(def, key)
		s := &notifier{target: target, origin: func(schema.Path) string { return origin }, values: valueEncoder{encoding: encodings[int(encoding)%len(encodings)]}}
		last := told(t, s)
		want := &gpb.Notification{
			Timestamp: when, Prefix: &gpb.Path{Origin: origin, Target: target, Elem: elemsOf(at)},
			Update: []*gpb.Update{{Path: below(in, def), Val: typedValue(s.values.encoding, def, texts), Duplicates: uint32(merged)}},
			Delete: []*gpb.Path{below(in, def)},
		}
		for range 2 { // what is remembered of the first is used for the second
			s.begin(at, time.Unix(0, when), uint64(merged))
			s.leaf(in, def, octetsOf(texts))
			s.gone(in, def)
			if s.end(); !proto.Equal(last().GetUpdate(), want) {
				t.Fatalf("%s is told as %v, want %v", def, last(), want)
			}
		}
		s.removed(at, time.Unix(0, when))
		want = &gpb.Notification{Timestamp: when, Prefix: &gpb.Path{Origin: origin, Target: target}, Delete: []*gpb.Path{{Elem: elemsOf(at)}}}
		if !proto.Equal(last().GetUpdate(), want) {
			t.Fatalf("the end of %s is told as %v, want %v", def, last(), want)
		}
	})
}

// canonical are the values that a leaf or leaf-list can take, if any of the texts is one.
func canonical(def *schema.Node, texts ...string) (list []string) {
	for _, text := range texts {
		if def.Kind == schema.AnyData || !utf8.ValidString(text) {
			continue
		}
		if value, err := def.Type.Parse(text, schema.Lexical{Module: moduleOr(def)}); err == nil {
			list = append(list, value)
		}
	}
	if def.Kind == schema.Leaf {
		list = list[:min(1, len(list))]
	}
	return list
}

func octetsOf(texts []string) (list [][]byte) {
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	return list
}

// instanceOf is the instance that a leaf is told with, all of whose keys are the same, and the containers between them.
func instanceOf(def *schema.Node, key string) (at schema.Path, in []*schema.Node) {
	above := def.Ancestors()
	above = above[:len(above)-1]
	for i, n := range above {
		step := schema.Step{Node: n}
		if n.Kind == schema.List {
			step.Keys = slices.Repeat([]string{key}, len(n.Keys))
		}
		at = append(at, step)
		if n.Kind == schema.List || i == 0 {
			in = nil
		} else {
			in = append(in, n)
		}
	}
	return at[:len(at)-len(in)], in
}

// A notification costs no memory once the first have been told.
func TestEncodingAllocatesNothing(t *testing.T) {
	def := testSchema().Find("/mooring-pmipv6:pmipv6/lma/bindings/binding")
	s := &notifier{outbox: &outbox{send: func(b mem.Buffer) error { b.Free(); return nil }}, origin: func(schema.Path) string { return "" },
		values: valueEncoder{encoding: gpb.Encoding_PROTO}, target: "lma1"}
	at := pattern(t, bindingPath(1, ""))
	texts := [][]byte{[]byte("4711")}
	tell := func() {
		s.begin(at, time.Unix(1, 0), 0)
		for _, leaf := range []string{"sequence", "mn-id", "lma-address", "hnp"} {
			s.leaf(nil, def.ChildNamed(leaf), texts)
		}
		s.end()
	}
	if n := testing.AllocsPerRun(100, tell); n > 0 {
		t.Errorf("%v allocations for a notification", n)
	}
	if err := s.outbox.flush(); err != nil || !strings.Contains(string(s.body), "4711") {
		t.Error("nothing was told")
	}
}
