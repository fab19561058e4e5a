package mag

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
)

// FuzzReceive lets two messages of any content arrive at a gateway that waits for an answer. Whatever they say, the node, the dataplane and the table
// are told the same, and the gateway goes on in time.
func FuzzReceive(f *testing.F) {
	for _, words := range []string{"life=3600s hnp=2001:db8:a::/64 home=10.1.0.2/16 router=10.1.0.1", "life=4s hnp=2001:db8:a::/64 lla=fe80::1 gre=0x7",
		"status=155 hnp=::/0", "status=135", "status=156", "status=170", "status=163", "status=130", "status=152", "life=3600s home=10.1.0.2/16"} {
		words := "from=198.51.100.1:5436 to=192.0.2.1:5436 pba seq=1 id=020000000001@example.com hi=4 att=4 ll=02:00:00:00:00:01 " + words
		arrival, err := scenario.ParseArrival(scenario.Start, netip.AddrPort{}, strings.Fields(words))
		if err != nil {
			f.Fatal(err)
		}
		in, err := arrival.Inbound()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in.Octets, in.Octets)
	}
	cfg, err := parseConfig([]string{"addresses 192.0.2.1", "anchor lma1 198.51.100.1", "link access0 realm=example.com"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		m, now := New(scenario.Start, cfg, binding.New(), 0), scenario.Start
		told := &listener{}
		var out mobility.Effects
		m.Attached(now, mobility.Attachment{Kind: mobility.NodeAttached, Link: "access0", MAC: dataplane.MAC{2, 0, 0, 0, 0, 1}}, &out)
		for _, octets := range [][]byte{first, second} {
			in, err := scenario.Arrival{From: netip.MustParseAddrPort("198.51.100.1:5436"), To: netip.MustParseAddrPort("192.0.2.1:5436"), Raw: octets}.Inbound()
			if err != nil {
				t.Fatal(err)
			}
			m.Receive(now, in, &out)
			told.hear(&out)
			told.check(t, m)
			for until := now.Add(time.Minute); ; {
				at, ok := m.Deadline()
				if !ok || at.After(until) {
					now = until
					break
				}
				if now = at; len(out.Send) > 100 {
					t.Fatalf("%d requests in a minute", len(out.Send))
				}
				m.Advance(now, &out)
			}
			told.hear(&out)
			told.check(t, m)
		}
	})
}

// listener remembers what the node and the dataplane were told last.
type listener struct {
	grant   mobility.Grant
	session *dataplane.Session
}

func (l *listener) hear(out *mobility.Effects) {
	for _, g := range out.Grants {
		l.grant = g
	}
	for _, c := range out.Sessions {
		l.session = c.Session
	}
	out.Reset()
}

func (l *listener) check(t *testing.T, m *Machine) {
	t.Helper()
	if err := m.checkPaths(); err != nil {
		t.Fatal(err)
	}
	b := m.table.Get(1)
	if b == nil || m.table.Len() != 1 {
		t.Fatalf("%d bindings", m.table.Len())
	}
	if !slices.Equal(l.grant.Prefixes, b.Prefixes) || l.grant.Home != b.Home.Prefix() {
		t.Fatalf("the node was told %+v, the row is %+v", l.grant, b)
	}
	if (l.session != nil) != (b.State != mobility.StateInit) {
		t.Fatalf("the dataplane was told %+v, the row is %+v", l.session, b)
	}
	if l.session != nil && l.session.Path != b.Path() {
		t.Fatalf("the dataplane was told %+v, the row goes %+v", l.session, b.Path())
	}
}
