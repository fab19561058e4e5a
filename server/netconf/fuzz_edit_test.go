package netconf

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mooring/server/datastore"
	"mooring/server/tree"
)

// FuzzEditConfig edits the candidate twice in a row. An edit that is refused leaves it as it is. Of one that is not, what it is known to
// change is what comparing the trees finds, and leads there from running; the change is valid when the whole is.
func FuzzEditConfig(f *testing.F) {
	const running = `{"example-traps:top": {"name": "full", "extra": {"colour": "red"}, "tcp": [null],
		"item": [{"id": "1", "port": 1}, {"id": "2", "port": 2, "next": "1"}], "ordered": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}, "example-traps:lonely": "x"}`
	for _, seed := range [][2]string{
		{top("<name>a</name><item><id>3</id><kind xmlns:x='urn:example:traps'>x:dog</kind></item>"), top("<name>full</name><item" + opAttr + "'delete'><id>3</id></item>")},
		{top("<item" + opAttr + "'replace'><id>1</id><port>2</port></item><quic><version>1</version></quic>"), top("<tcp/><item" + opAttr + "'remove'><id>1</id></item>")},
		{top("<ordered" + placed + "'first'><id>c</id></ordered>"), top("<ordered" + placed + "'after' yang:key=\"[id='a']\"><id>d</id></ordered>")},
		{`<top xmlns="urn:example:traps"` + opAttr + `"replace"><item><id>2</id></item></top>`, top("<item" + opAttr + "'create'><id>1</id></item><extra" + opAttr + "'delete'/>")},
		{`<top xmlns="urn:example:traps"` + opAttr + `"delete"/>`, top("<name>full</name><extra><colour>red</colour></extra><ordered><id>b</id></ordered>")},
		{`<lonely xmlns="urn:example:traps"` + opAttr + `"remove"/>`, `<lonely xmlns="urn:example:traps">x</lonely>`},
		{top("<item><id>1</id><id>2</id></item>text"), top("<item><next>9</next></item><nothing/>")},
	} {
		for op := range byte(3) {
			f.Add(seed[0], seed[1], op)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 200 { // the ordinary tests run these
		octets := make([]byte, 1+rnd.IntN(60))
		for i := range octets {
			octets[i] = byte(1 + rnd.IntN('<'-1))
		}
		at := rnd.IntN(len(octets))
		f.Add(string(octets[:at]), string(octets[at:]), octets[0])
	}
	fix := start(f, running, Limits{MessageSize: 1 << 20})
	f.Fuzz(func(t *testing.T, first, second string, op byte) {
		options := [][]string{nil, {none}, {"<default-operation>replace</default-operation>"}}[op%3]
		messages := []string{rpc(1, edit(written(first), options...)), rpc(2, edit(written(second), options...))}
		if strings.Contains(first+second, "]]>]]>") {
			return // more than two messages
		}
		transport := &loopback{Reader: strings.NewReader(messages[0] + "]]>]]>" + messages[1] + "]]>]]>")}
		x := fix.server.newSession(t.Context(), transport, admin, func(<-chan struct{}) {})
		defer func() {
			x.store.Candidate().Discard()
			x.store.Close()
			fix.server.leave(x)
		}()
		candidate := x.store.Candidate()
		for _, message := range messages {
			before := candidate.Root()
			transport.out.Reset()
			if x.next() != nil {
				return
			}
			refused := bytes.Contains(transport.out.Bytes(), []byte("<error-severity>error<"))
			if after := candidate.Root(); refused && after != before {
				t.Fatalf("%s was refused, and changed the candidate", message)
			}
			checkKnown(t, fix.store, candidate)
		}
	})
}

// written is a configuration with operations: the text itself if it is XML, else what its octets choose.
func written(text string) string {
	if text == "" || text[0] == '<' {
		return text
	}
	choose := func(from ...string) string {
		if text == "" {
			return from[0]
		}
		chosen := from[int(text[0])%len(from)]
		text = text[1:]
		return chosen
	}
	operation := func() string {
		if op := choose("", "", "merge", "replace", "create", "delete", "remove"); op != "" {
			return opAttr + "'" + op + "'"
		}
		return ""
	}
	place := func() string {
		switch where := choose("", "", "first", "last", "before", "after"); where {
		case "":
			return ""
		case "before", "after":
			return placed + "'" + where + `' yang:key="[tr:id='` + choose("a", "b", "c", "d") + `']"`
		default:
			return placed + "'" + where + "'"
		}
	}
	id := func(from ...string) string { return "<id>" + choose(from...) + "</id>" }
	var b strings.Builder
	fmt.Fprintf(&b, `<top xmlns="urn:example:traps" xmlns:tr="urn:example:traps"%s>`, operation())
	for text != "" {
		switch choose("name", "choice", "extra", "item", "item", "ordered", "ordered", "few", "strict") {
		case "name":
			fmt.Fprintf(&b, "<name%s>%s</name>", operation(), choose("full", "a"))
		case "choice":
			fmt.Fprintf(&b, choose("<tcp%s/>", "<udp%s/>", "<quic%s><version>1</version></quic>"), operation())
		case "extra":
			fmt.Fprintf(&b, "<extra%s><colour%s>%s</colour></extra>", operation(), operation(), choose("red", "blue"))
		case "item":
			fmt.Fprintf(&b, "<item%s>%s%s</item>", operation(), id("1", "2", "3"), choose("", "<port>1</port>", "<port"+operation()+">2</port>", "<next>2</next>", "<secret>s</secret>"))
		case "ordered":
			fmt.Fprintf(&b, "<ordered%s%s>%s</ordered>", operation(), place(), id("a", "b", "c", "d"))
		case "few":
			fmt.Fprintf(&b, "<few%s>%s</few>", operation(), id("1", "2", "3", "4"))
		case "strict":
			fmt.Fprintf(&b, "<strict%s>%s%s</strict>", operation(), id("1", "2"), choose("", "<needed>x</needed>"))
		}
	}
	return b.String() + "</top>"
}

// checkKnown compares what a candidate is known to change with what it does.
func checkKnown(t *testing.T, store *datastore.Store, c *datastore.Candidate) {
	t.Helper()
	running, root, changes := store.Running().Root, c.Root(), c.Changes()
	got := changesOf(changes)
	for how, want := range map[string][]string{"": changesOf(tree.Diff(running, root)), " of trees that share nothing": changesOf(tree.Diff(running, anew(t, root)))} {
		if !slices.Equal(got, want) {
			t.Fatalf("the candidate is known to change\n%s\na comparison%s finds\n%s", strings.Join(got, "\n"), how, strings.Join(want, "\n"))
		}
	}
	if again, err := tree.Apply(running, changes.Edits()...); err != nil || !again.Equal(root) {
		t.Fatalf("the changes do not lead from running to the candidate: %v", err)
	}
	_, rules := compiled()
	whole := rules.Check(tree.Diff(nil, root))
	if _, err := c.Validate(); (err == nil) != (whole == nil) {
		t.Fatalf("as a change, the verdict is: %v; as a whole: %v", err, whole)
	}
}

func changesOf(changes tree.Changes) (list []string) {
	for ch := range changes.All() {
		list = append(list, fmt.Sprintf("%s: %s -> %s, reordered %v, implied %v", ch.Path, jsonText(ch.Old), jsonText(ch.New), ch.Reordered, ch.Implied))
	}
	return list
}

func jsonText(n *tree.Node) string {
	if n == nil {
		return "nothing"
	}
	var b strings.Builder
	if err := tree.WriteJSONValue(&b, n, n.Schema().Module); err != nil {
		return err.Error()
	}
	return b.String()
}

// anew makes the same tree from its text.
func anew(t *testing.T, root *tree.Node) *tree.Node {
	t.Helper()
	var b bytes.Buffer
	if err := tree.WriteJSON(&b, root, ""); err != nil {
		t.Fatal(err)
	}
	made, err := tree.DecodeJSON(&b, root.Schema(), tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if made == nil {
		return tree.NewRoot(root.Schema().Schema())
	}
	return made
}
