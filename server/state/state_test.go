package state

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/wire"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

var update = flag.Bool("update", false, "write the expected results anew")

// populated is a domain in which something has happened to everything that there is to show.
func populated(t testing.TB) *domain {
	d := newDomain(t)
	d.attach(d.mag, 1)  // n1@example.net
	d.attach(d.mag, 2)  // one that is derived
	d.attach(d.away, 3) // a gateway that is learned
	d.leave(d.mag, 2)
	d.reach("lma1", "198.51.100.1", "198.51.100.11")
	d.attach(d.mag, 4) // over IPv4, identified by its IMSI
	d.beat()
	d.revoke()
	d.garble()
	d.cut = true
	d.exhaust()
	d.attach(d.mag, 5) // in vain
	d.leave(d.mag, 5)
	d.mag.Advance(d.now.Add(time.Second), &mobility.Effects{})
	d.serveCustomer()
	installed := func(id dataplane.SessionID, err error) {
		var out mobility.Effects
		d.lma.Installed(d.now, dataplane.Result{ID: id, Err: err}, &out)
		d.mag.Installed(d.now, dataplane.Result{ID: id, Err: err}, &out)
	}
	installed(1, nil)
	installed(3, errors.New("no"))
	for _, table := range []*binding.Table{d.tables.lma, d.tables.mag} { // as if the two had agreed on GRE keys
		row := *table.Get(3)
		row.Tx, row.Rx = dataplane.Key{Value: 31, Set: true}, dataplane.Key{Value: 32, Set: true}
		table.Put(&row)
	}
	d.plane.sessions = map[dataplane.SessionID]error{3 | 1<<40: errors.New("the kernel refused it"), 3 | 2<<40: errors.New("there is no link")}
	v6 := dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: addr("2001:db8::11"), Encap: dataplane.EncapIP}
	state := dataplane.TunnelState{Device: "mooring0", MTU: 1460, Fast: true, Counters: dataplane.Counters{RxPackets: 1, RxOctets: 2, TxPackets: 3, TxOctets: 4,
		Drops: dataplane.Drops{NoSession: 5, Spoofed: 6, Filtered: 20, TooBig: 7, Malformed: 8, Congested: 9, Send: 10}}}
	slow := state
	slow.Fast = false
	given := state
	given.Device, given.Adopted = "tunnel-ip97", true
	d.plane.set(
		reconcile.TunnelStatus{ID: v6, Sessions: 2, State: reconcile.Installed, Since: start, TunnelState: given},
		reconcile.TunnelStatus{ID: dataplane.TunnelID{Local: addr("198.51.100.1"), Peer: addr("198.51.100.3"), Port: 40000, Encap: dataplane.EncapUDP, VRF: "red"},
			State: reconcile.Failed, Err: errors.New("no route"), Since: start.Add(time.Second)},
		reconcile.TunnelStatus{ID: dataplane.TunnelID{Local: addr("2001:db8::11"), Peer: addr("2001:db8::1"), Encap: dataplane.EncapGRE}, State: reconcile.Pending},
		reconcile.TunnelStatus{ID: dataplane.TunnelID{Local: addr("198.51.100.11"), Peer: addr("198.51.100.1"), Port: 5437, Encap: dataplane.EncapUDP}, Sessions: 1,
			State: reconcile.Installed, Since: start, TunnelState: slow},
		reconcile.TunnelStatus{ID: dataplane.TunnelID{Local: addr("198.51.100.11"), Peer: addr("198.51.100.9"), Encap: dataplane.EncapGRE, VRF: "red"}, State: reconcile.Failed,
			Err: errors.New("no route"), Since: start},
	)
	d.config.MAGs["mag1"].Domain.Profiles = nil // nothing here looks at it
	return d
}

// serveCustomer lets a MAG of a customer register two nodes in vain, for there are not as many mobile networks as they want, one that takes the last
// prefixes, and then two others in vain.
func (d *domain) serveCustomer() {
	any := []wire.HNP{{Prefix: netip.MustParsePrefix("::/0")}}
	for i, asks := range []wire.Options{
		{HNPs: any, DMNPs: slices.Concat(twice...)}, {HNPs: any, DMNPs: slices.Concat(twice[0], twice[0])},
		{HNPs: []wire.HNP{{Prefix: netip.MustParsePrefix("::/0")}}, DMNPs: []wire.DMNP{
			{Prefix: netip.MustParsePrefix("0.0.0.0/0")}, {Prefix: netip.MustParsePrefix("20.20.20.128/25")}, {Prefix: netip.MustParsePrefix("::/0")}}},
		{HNPs: []wire.HNP{{Prefix: netip.MustParsePrefix("::/0")}}},
		{IPv4HoARequests: []wire.IPv4HoARequest{{Prefix: netip.MustParsePrefix("0.0.0.0/0")}}},
	} {
		u := &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP, Seq: uint16(i), Lifetime: 100, Options: asks}
		u.MNID = wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: fmt.Appendf(nil, "n%d@cust.example", i)})
		u.Handoff, u.AccessType, u.Timestamp = wire.Some(wire.HandoffUnknown), wire.Some(wire.Access80211), wire.Some(wire.TimestampOf(d.now))
		in := mobility.Inbound{From: mobility.Endpoint{VRF: "CUSTSP", Addr: netip.MustParseAddrPort("192.0.2.77:5436")},
			To: mobility.Endpoint{VRF: "CUSTSP", Addr: netip.MustParseAddrPort("15.15.15.2:5436")}, Message: u}
		d.lma.Receive(d.now, &in, new(mobility.Effects))
	}
	for c := range d.lma.Customers {
		c.Statistics.Dropped[mobility.DropChecksum].Add(2)
		c.Statistics.BRISent.Add(wire.TriggerAdministrative)
		c.Statistics.BRAReceived.Add(wire.RevocationSuccess)
		c.Statistics.BRIReceived.Add(wire.TriggerUserInitiated)
		c.Statistics.BRASent.Add(wire.RevocationNoBinding)
	}
}

var discontinuity = regexp.MustCompile(`"discontinuity-time":"[^"]*"`)

// TestEverything renders a populated element. The expected result is to be read.
func TestEverything(t *testing.T) {
	d := populated(t)
	var got string
	for _, line := range d.get("/") {
		if strings.Contains(line, "/statistics {") { // these counters began when the test did
			line = discontinuity.ReplaceAllString(line, `"discontinuity-time":"..."`)
		}
		got += line + "\n"
	}
	const file = "testdata/everything.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("run the test with -update and read the difference; got\n%s", got)
	}
}

// notRendered are nodes of state that no table here renders, with everything below them.
var notRendered = map[string]string{
	"/ietf-netconf-monitoring:netconf-state":       "server/netconf mounts what it knows of its sessions",
	"/ietf-subscribed-notifications:streams":       "server/netconf mounts the streams of its events",
	"/ietf-subscribed-notifications:subscriptions": "server/netconf mounts its subscriptions",
	"/ietf-subscribed-notifications:filters":       "there are none",
	"/nc-notifications:netconf":                    "server/netconf mounts the streams of its events",
	"/mooring-system:system/notification-log":      "server/notify mounts it",
	"/ietf-yang-library:yang-library":              "server/netconf mounts the schema that it serves",
	"/ietf-yang-library:modules-state":             "server/netconf mounts the schema that it serves",
	"/mooring-system:system/configuration/commit":  "server/action mounts the history",

	"/mooring-pmipv6:pmipv6/lma/tunnels/tunnel/statistics/drops/null-link": "belongs to mobile maps, which are to come",
	"/mooring-pmipv6:pmipv6/mag/tunnels/tunnel/statistics/drops/null-link": "belongs to mobile maps, which are to come",
}

// TestStateCoverage renders a populated element: every leaf of state of the schema is there, and has a value of its type.
func TestStateCoverage(t *testing.T) {
	d := populated(t)
	rendered := map[*schema.Node]bool{}
	var visit func(n *tree.Node)
	visit = func(n *tree.Node) {
		def := n.Schema()
		if def.Type != nil && !n.IsList() {
			rendered[def] = true
			if canonical, err := def.Type.ParseCanonical(n.Value()); err != nil || canonical != n.Value() {
				t.Errorf("%s is %q, which is %q: %v", def, n.Value(), canonical, err)
			}
		}
		for kid := range n.Children() {
			visit(kid)
		}
		for e := range n.Entries() {
			visit(e)
		}
	}
	r := NewRenderer()
	for _, v := range d.state.At(schema.Path{}) {
		for row, err := range v.Rows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			visit(r.Render(row, d.now))
		}
	}
	excused := map[string]bool{}
	var check func(def *schema.Node)
	check = func(def *schema.Node) {
		if _, ok := notRendered[def.Path()]; ok {
			excused[def.Path()] = true
			return
		}
		if def.Type != nil && !def.Config && !rendered[def] {
			t.Errorf("%s is rendered by nothing", def)
		}
		for _, child := range def.Children {
			check(child)
		}
	}
	check(element().Root)
	for path := range notRendered {
		if !excused[path] {
			t.Errorf("%s is excused, and not in the schema", path)
		}
	}
	for def := range rendered {
		for above := def; above != nil; above = above.Parent {
			if excused[above.Path()] {
				t.Errorf("%s is excused, and rendered", def)
			}
		}
	}
}
