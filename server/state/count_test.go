package state

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unique"

	"mooring/mobility"
	"mooring/mobility/wire"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// value reads one leaf; "" is none.
func (d *domain) value(t testing.TB, path string) string {
	t.Helper()
	p, err := schema.ParsePath(element(), path, element().Module)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRenderer()
	for _, v := range d.state.At(p) {
		for row, err := range v.Rows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if n := r.Render(row, d.now).Get(p[len(row.Path()):]); n != nil {
				return n.Value()
			}
		}
	}
	return ""
}

// TestCountersTellWhatHappened sends the LMA so many of each kind of message, and reads as many of each (OPS-06, OPS-07, OPS-11).
func TestCountersTellWhatHappened(t *testing.T) {
	d := newDomain(t)
	from := "2001:db8::11"
	send := func(node string, change func(*wire.BindingUpdate)) { d.ask(from, node, change) }
	times := func(n int, f func(i int)) {
		for i := range n {
			f(i)
		}
	}
	times(5, func(i int) { send(fmt.Sprintf("a%d@example.net", i), nil) })
	times(4, func(i int) {
		send(fmt.Sprintf("a%d@example.net", i), func(u *wire.BindingUpdate) { u.Handoff = wire.Some(wire.HandoffUnchanged) })
	})
	from = "2001:db8::12"
	times(3, func(i int) {
		send(fmt.Sprintf("a%d@example.net", i), func(u *wire.BindingUpdate) { u.Handoff = wire.Some(wire.HandoffBetweenMAGs) })
	})
	times(2, func(i int) { send(fmt.Sprintf("a%d@example.net", i), func(u *wire.BindingUpdate) { u.Lifetime = 0 }) })
	times(6, func(i int) { send("nobody@elsewhere", nil) })
	times(7, func(i int) { send("a3@example.net", func(u *wire.BindingUpdate) { u.Timestamp.Value -= 1 << 40 }) })
	times(8, func(i int) { send("a4@example.net", func(u *wire.BindingUpdate) { u.Flags &^= wire.UpdateP }) })
	times(9, func(i int) { send("stranger@example.net", func(u *wire.BindingUpdate) { u.Lifetime = 0 }) })
	d.cut = true
	times(2, func(i int) { send("nobody@elsewhere", nil) })
	source := mobility.Endpoint{Addr: netip.AddrPortFrom(addr(from), 0)}
	times(10, func(i int) {
		d.lma.Receive(d.now, &mobility.Inbound{From: source, To: mobility.Endpoint{Addr: netip.AddrPortFrom(addr("2001:db8::1"), 0)}, Err: &wire.DecodeError{Kind: wire.KindChecksum}}, &mobility.Effects{})
	})
	times(11, func(i int) {
		d.lma.Receive(d.now, &mobility.Inbound{From: source, Message: &wire.BindingAck{}}, &mobility.Effects{})
	})
	const s = "/mooring-pmipv6:pmipv6/lma[name='lma1']/statistics/"
	for leaf, want := range map[string]int{
		"pbu/received":                      5 + 4 + 3 + 2 + 6 + 7 + 8 + 9 + 2,
		"pbu/dropped":                       8 + 9,
		"pbu/accepted/initial":              5,
		"pbu/accepted/refresh":              4,
		"pbu/accepted/handover":             3,
		"pbu/accepted/de-registration":      2,
		"pba/sent":                          5 + 4 + 3 + 2 + 6 + 7 + 2,
		"pba/dropped":                       2,
		"pba/by-status[status='0']/count":   5 + 4 + 3 + 2,
		"pba/by-status[status='152']/count": 6 + 2,
		"pba/by-status[status='157']/count": 7,
		"drop[reason='not-proxy']/count":    8,
		"drop[reason='no-session']/count":   9,
		"drop[reason='checksum']/count":     10,
		"drop[reason='unexpected']/count":   11,
		"drop[reason='malformed']/count":    0,
		"summary/bce-count":                 5,
		"summary/handoff-count":             3,
	} {
		if got := d.value(t, s+leaf); got != strconv.Itoa(want) {
			t.Errorf("%s is %s, want %d", leaf, got, want)
		}
	}
	const peers = "/mooring-pmipv6:pmipv6/lma[name='lma1']/peers/peer"
	const mag1, learned = peers + "[id='mag1']/statistics/", peers + "[id='2001:db8::12']/statistics/"
	for path, want := range map[string]string{
		mag1 + "pbu/received": "9", mag1 + "pbu/accepted/initial": "5", mag1 + "pbu/accepted/refresh": "4", mag1 + "pba/sent": "9",
		learned + "pbu/received": "37", learned + "pbu/dropped": "17", learned + "pbu/accepted/initial": "0", learned + "pbu/accepted/handover": "3",
		learned + "pbu/accepted/de-registration": "2", learned + "pba/sent": "20", learned + "pba/dropped": "2", mag1 + "pba/dropped": "0", learned + "pba/by-status[status='157']/count": "7",
		learned + "drop[reason='checksum']/count": "10", learned + "drop[reason='malformed']/count": "", mag1 + "drop[reason='checksum']/count": "",
		peers + "[id='mag1']/bindings": "2", peers + "[id='mag1']/origin": "configured",
		peers + "[id='2001:db8::12']/bindings": "3", peers + "[id='2001:db8::12']/origin": "learned",
		"/mooring-pmipv6:pmipv6/lma[name='lma1']/network[name='home']/pool/mobile-node/ipv6/usage/used":           "5",
		"/mooring-pmipv6:pmipv6/lma[name='lma1']/network[name='home']/pool/mobile-node/ipv4/usage/used":           "0",
		"/mooring-pmipv6:pmipv6/lma[name='lma1']/network[name='home']/pool/mobile-node/ipv6/usage/last-exhausted": "",
	} {
		if got := d.value(t, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// The sums of packets cannot be compared with those before when other addresses are summed up: then the counters begin anew.
func TestDiscontinuity(t *testing.T) {
	d := newDomain(t)
	const leaf = "/mooring-pmipv6:pmipv6/lma[name='lma1']/statistics/discontinuity-time"
	first := d.value(t, leaf)
	time.Sleep(2 * time.Millisecond)
	if again := d.value(t, leaf); first == "" || again != first {
		t.Errorf("the counters began at %q, and then at %q", first, again)
	}
	changed := *d.config.LMAs["lma1"]
	changed.Addresses = changed.Addresses[:1]
	d.config.LMAs["lma1"] = &changed
	second := d.value(t, leaf)
	if second == first {
		t.Error("other addresses are counted, and nobody is told")
	}
	time.Sleep(2 * time.Millisecond)
	alone := changed
	alone.Customers = nil
	d.config.LMAs["lma1"] = &alone
	if again := d.value(t, leaf); again == second {
		t.Error("the addresses of a customer are not counted any more, and nobody is told")
	}
}

// Decision 32: an identifier that people can read is text, any other its octets; the key of a binding is neither.
func TestIdentifiersOfNodes(t *testing.T) {
	d := newDomain(t)
	ends := unique.Make(mobility.Ends{Local: addr("2001:db8::1"), CareOf: addr("2001:db8::11")})
	for i, c := range []struct {
		node       mobility.NodeID
		text, kind string
	}{
		{mobility.NAI("käthe@example.net"), "käthe@example.net", "1"},
		{"\x01a\x00b", "01610062", "1"},
		{"\x04\x00\x01\x02\xff", "04000102ff", "4"},
		{"\x09\xff", "09ff", "9"},
		{mobility.NAI("line\nbreak"), "016c696e650a627265616b", "1"},
	} {
		b := session(1, ends)
		b.Node = c.node
		d.tables.lma.Put(b)
		const path = "/mooring-pmipv6:pmipv6/lma[name='lma1']/bindings/binding[id='1']/"
		if text, kind := d.value(t, path+"mn-id"), d.value(t, path+"mn-id-type"); text != c.text || kind != c.kind {
			t.Errorf("%d: %q of type %s, want %q of type %s", i, text, kind, c.text, c.kind)
		}
	}
}

// A number that has no name is shown as a number, and what is not known is left out.
func TestUnusualBinding(t *testing.T) {
	d := newDomain(t)
	d.tables.lma.Put(&mobility.Binding{
		ID: 0xfeed, State: mobility.StateDeletePending, Access: 99, Handoff: 6, Updated: 1, Ends: unique.Make(mobility.Ends{}),
		Holding: &mobility.Holding{},
	})
	want := `/lma[name='lma1']/bindings/binding[id='feed'] {"id":"feed","access-technology":99,"handoff-indicator":6,"care-of-count":0,"hnp-count":0,"last-registration":"1970-01-01T00:00:00Z",` +
		`"sequence":0,"handoff-count":0,"forwarding":"pending","state":"delete-pending","mobile-network-ipv4-count":0,"mobile-network-ipv6-count":0}`
	if got := d.get("/mooring-pmipv6:pmipv6/lma/bindings"); len(got) != 1 || got[0] != want {
		t.Errorf("got %q,\nwant %q", got, want)
	}
}

// Rendering allocates a bounded number of times, and what it gave before stays as it was where it is text.
func TestRenderingAllocatesLittle(t *testing.T) {
	d := newDomain(t)
	d.fill(2)
	var rows []Row
	for r := range bindingsView(t, d).Rows(t.Context()) {
		rows = append(rows, r)
	}
	r := NewRenderer()
	first, _ := r.Render(rows[0], start).Leaf("mn-id")
	if n := testing.AllocsPerRun(100, func() { r.Render(rows[1], start) }); n > 8 {
		t.Errorf("rendering a binding allocates %v times", n)
	}
	second, _ := r.Render(rows[1], start).Leaf("mn-id")
	if first == second || first == "" {
		t.Errorf("two bindings are called %q and %q", first, second)
	}
	if got := tree.AppendJSON(nil, r.Render(rows[0], start), element().Module("mooring-pmipv6")); len(got) < 300 {
		t.Errorf("rendered again: %s", got)
	}
}

// A renderer that is asked for some leaves gives those, and the keys.
func TestOnly(t *testing.T) {
	d := populated(t)
	def := element().Find("/mooring-pmipv6:pmipv6/lma/bindings/binding")
	r := NewRenderer()
	r.Only(def.ChildNamed("sequence"), def.ChildNamed("hoa"))
	for row, err := range bindingsView(t, d, "lma1", "1").Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if got := string(tree.AppendJSON(nil, r.Render(row, d.now), def.Module)); got != `{"id":"1","hoa":"10.0.0.2","sequence":5}` {
			t.Errorf("got %s", got)
		}
	}
}

// The leaves of a row are those of its tree, in the order of the schema, and only those that are asked for.
func TestLeaves(t *testing.T) {
	d := populated(t)
	trees, flat, some := NewRenderer(), NewRenderer(), NewRenderer()
	rows := 0
	for _, each := range d.state.tables {
		table, ok := each.(*bindings)
		if !ok {
			continue
		}
		some.Only(table.nodes.Sequence, table.nodes.MNID)
		for row, err := range table.rows(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			rows++
			leaves, ok := flat.Leaves(row, d.now)
			if !ok || !slices.IsSortedFunc(leaves, func(a, b Leaf) int { return a.Node.Position - b.Node.Position }) {
				t.Errorf("leaves %v, %v", leaves, ok)
			}
			if got, want := leavesText(leaves), treeText(trees.Render(row, d.now)); got != want {
				t.Errorf("leaves\n%swant\n%s", got, want)
			}
			if leaves, _ := some.Leaves(row, d.now); !strings.HasPrefix(leavesText(leaves), "mn-id ") || len(leaves) > 2 {
				t.Errorf("some leaves are\n%s", leavesText(leaves))
			}
		}
	}
	if rows < 2 {
		t.Errorf("%d rows", rows)
	}
	if _, ok := flat.Leaves(Row{gone: true}, d.now); ok {
		t.Error("a row that is gone has leaves")
	}
}

func leavesText(leaves []Leaf) (text string) {
	for _, l := range leaves {
		text += fmt.Sprintf("%s %s\n", l.Node.Name, l.Text)
	}
	return text
}

func treeText(n *tree.Node) (text string) {
	for kid := range n.Children() {
		if !kid.IsList() {
			text += fmt.Sprintf("%s %s\n", kid.Schema().Name, kid.Value())
		}
		for e := range kid.Entries() {
			text += fmt.Sprintf("%s %s\n", e.Schema().Name, e.Value())
		}
	}
	return text
}

// What a renderer remembers of the ends of an LMA's bindings, it does not tell of a MAG's, and it does not remember without bounds.
func TestEndsAreRemembered(t *testing.T) {
	d := newDomain(t)
	r := NewRenderer()
	leaf := func(table *bindings, ends mobility.Ends, name string) string {
		row := Row{of: &bindingsOf{table, machine{name: "x"}}, value: session(1, unique.Make(ends))}
		value, _ := r.Render(row, start).Leaf(name)
		return value
	}
	var tables []*bindings
	for _, each := range d.state.tables {
		if b, ok := each.(*bindings); ok {
			tables = append(tables, b)
		}
	}
	ends := mobility.Ends{Local: addr("2001:db8::1"), Remote: netip.MustParseAddrPort("[2001:db8::2]:0")}
	for range 2 {
		if l, m := leaf(tables[0], ends, "lma-address"), leaf(tables[1], ends, "lma-address"); l != "2001:db8::1" || m != "2001:db8::2" {
			t.Errorf("the address of the LMA is %s on an LMA and %s on a MAG", l, m)
		}
	}
	for i := range 3 * maxEnds {
		ends.Peer = fmt.Sprint("mag", i)
		if got := leaf(tables[0], ends, "peer"); got != ends.Peer {
			t.Fatalf("the peer is %s, want %s", got, ends.Peer)
		}
	}
	if len(r.sink.ends) > maxEnds {
		t.Errorf("%d ends are remembered", len(r.sink.ends))
	}
}
