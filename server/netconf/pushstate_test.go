package netconf

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/pool"
	"mooring/server/access"
	"mooring/server/state"
)

// domain is a server with the binding table of an LMA.
type domain struct {
	*fixture
	table *binding.Table
}

func startDomain(t testing.TB, startup string) *domain {
	t.Helper()
	d := &domain{table: binding.New()}
	d.fixture = startWith(t, startup, Limits{}, func(s *state.State) {
		anchors := []state.LMA{{Name: "lma1", Table: d.table, Session: func(id dataplane.SessionID) dataplane.SessionID { return id },
			Peers: func(context.Context) ([]lma.PeerState, error) { return nil, nil }, Networks: func(context.Context) (map[string][]pool.Usage, error) { return nil, nil }}}
		if err := s.MountElement(state.Sources{LMAs: func() []state.LMA { return anchors }}); err != nil {
			t.Fatal(err)
		}
	})
	return d
}

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// bound makes a binding.
func bound(id int, sequence uint16) *mobility.Binding {
	care := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(id % 7)})
	return &mobility.Binding{
		ID:       dataplane.SessionID(id),
		Ends:     unique.Make(mobility.Ends{CareOf: care, Remote: netip.AddrPortFrom(care, 0), Peer: fmt.Sprint("mag", id%7)}),
		Lifetime: 600 * time.Second, Expires: mobility.At(epoch.Add(600 * time.Second)), Updated: mobility.At(epoch),
		Sequence: sequence, State: mobility.StateActive, Install: mobility.Installed,
		Holding: &mobility.Holding{
			Node:     mobility.NAI(fmt.Sprintf("node%d@example.net", id)),
			Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 4: byte(id >> 24), 5: byte(id >> 16), 6: byte(id >> 8), 7: byte(id)}), 64)},
			Created:  mobility.At(epoch),
		},
	}
}

const (
	anchorConfig = `"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "lma1", "domain": "d"}]}`
	lmaSpace     = `xmlns="urn:mooring:yang:mooring-pmipv6"`
	bindingPath  = "/mooring-pmipv6:pmipv6/lma=lma1/bindings/binding="
)

func ofBindings(content string) string {
	return selectingSubtree(`<pmipv6 ` + lmaSpace + `><lma><name>lma1</name><bindings><binding>` + content + `</binding></bindings></lma></pmipv6>`)
}

// edits writes the edits of a push-change-update: operation and target of each, and the text of the value.
func (d *dom) edits() string {
	var list []string
	for _, e := range d.in("datastore-changes", "yang-patch").kids {
		if e.name == "edit" {
			list = append(list, strings.TrimSpace(e.in("operation").text+" "+e.in("target").text+" "+e.in("value").flat()))
		}
	}
	return strings.Join(list, "; ")
}

func (d *dom) flat() string {
	text := d.text
	for _, k := range d.kids {
		text += k.flat() + " "
	}
	return strings.TrimSpace(text)
}

// A change of a binding is told leaf by leaf, to whom may see it (RFC 8641 sections 3.5.2, 3.9).
func TestBindingsOnChange(t *testing.T) {
	d := startDomain(t, `{`+anchorConfig+`, "ietf-netconf-acm:nacm": {"exec-default": "permit", "groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
		"rule-list": [{"name": "guests", "group": ["guests"], "rule": [{"name": "s", "path": "/mooring-pmipv6:pmipv6/mooring-pmipv6:lma/mooring-pmipv6:bindings/mooring-pmipv6:binding/mooring-pmipv6:sequence", "access-operations": "read", "action": "deny"}]}]}}`)
	d.table.Put(bound(1, 1))
	boss := followers{d.dial(access.User{Name: "boss", Origin: access.Local, Groups: []string{access.AdminGroup}}), map[int]*receiver{}}
	less := followers{d.dial(guest), map[int]*receiver{}}
	for _, f := range []followers{boss, less} {
		f.byID[f.established(pushOf("operational", ofBindings(""), onChange()))] = &receiver{t: t}
		_, first := f.update()
		if all := first.in("datastore-contents", "pmipv6", "lma", "bindings", "binding"); all.in("mn-id").text != "node1@example.net" || all.in("remaining-lifetime").name != "" {
			t.Errorf("at first comes %s", all.flat())
		}
	}
	told := func(f followers, want string) {
		t.Helper()
		if _, got := f.update(); got.edits() != want {
			t.Errorf("told %s\nwant %s", got.edits(), want)
		}
	}
	d.table.Put(bound(1, 2))
	told(boss, "replace "+bindingPath+"1/sequence 2")
	b := bound(1, 2)
	b.Prefixes = append(b.Prefixes, netip.MustParsePrefix("2001:db8:f::/64"))
	d.table.Put(b)
	for _, f := range []followers{boss, less} {
		told(f, "create "+bindingPath+"1/hnp=2001%3Adb8%3Af%3A%3A%2F64 2001:db8:f::/64; replace "+bindingPath+"1/hnp-count 2")
	}
	d.table.Put(bound(2, 1))
	for _, f := range []followers{boss, less} {
		if _, got := f.update(); !strings.HasPrefix(got.edits(), "create "+bindingPath+"2 2 node2@example.net") || strings.Contains(got.edits(), ";") {
			t.Errorf("told %s", got.edits())
		}
	}
	d.table.Delete(2)
	for _, f := range []followers{boss, less} {
		told(f, "delete "+bindingPath+"2")
	}
	// by another rule (section 3.9): what may not be seen any more is deleted, what may be seen now is created
	editor := d.dial(access.User{Name: "boss", Origin: access.Local, Groups: []string{access.AdminGroup}})
	editor.must(edit(`<nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><rule-list><name>guests</name><rule><name>s</name><path xmlns:p="urn:mooring:yang:mooring-pmipv6">`+
		`/p:pmipv6/p:lma/p:bindings/p:binding/p:mn-id</path></rule></rule-list></nacm>`), commit)
	told(less, "delete "+bindingPath+"1/mn-id; create "+bindingPath+"1/sequence 2")
}

// Selections that depend on values of rows are followed.
func TestStateReceiversKnowWhatTheyWouldRead(t *testing.T) {
	d := startDomain(t, `{`+anchorConfig+`}`)
	for id := range 5 {
		d.table.Put(bound(id+1, 1))
	}
	s := followers{d.dial(admin), map[int]*receiver{}}
	wants := map[int]string{}
	for _, filter := range []string{
		"<pmipv6 " + lmaSpace + "><lma><bindings/></lma></pmipv6>",
		"<pmipv6 " + lmaSpace + "><lma><bindings><binding><sequence>2</sequence></binding></bindings></lma></pmipv6>",
		"<pmipv6 " + lmaSpace + "><lma><bindings><binding><peer>mag1</peer><mn-id/><hnp/></binding></bindings></lma></pmipv6>",
		"<pmipv6 " + lmaSpace + "><lma><name>lma1</name><bindings><binding><id>3</id></binding><binding><id>4</id><sequence/></binding></bindings></lma></pmipv6>",
		"<pmipv6 " + lmaSpace + "><lma><name>other</name></lma></pmipv6>",
	} {
		id := s.established(pushOf("operational", selectingSubtree(filter), onChange()))
		s.byID[id] = &receiver{t: t}
		s.update()
		wants[id] = getData("operational", "<subtree-filter>"+filter+"</subtree-filter>")
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	reader := d.dial(admin)
	for range 500 {
		for range 1 + rnd.IntN(3) {
			if id := rnd.IntN(9) + 1; rnd.IntN(4) == 0 {
				d.table.Delete(dataplane.SessionID(id))
			} else {
				b := bound(id, uint16(rnd.IntN(4)))
				b.Ends = bound(rnd.IntN(3), 0).Ends
				b.Prefixes = append(b.Prefixes, bound(100+rnd.IntN(3), 0).Prefixes...)
				d.table.Put(b)
			}
		}
		for id, r := range s.byID {
			all := strings.NewReplacer("<remaining-lifetime>0</remaining-lifetime>", "").Replace(reader.rpc(wants[id]))
			want := r.say(parseDOM(t, all).in("data"))
			for r.say(r.data) != want {
				if s.update(); t.Failed() {
					t.Fatalf("subscription %d has\n%s\nand should have\n%s", id, r.say(r.data), want)
				}
			}
		}
	}
}
