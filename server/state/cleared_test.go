package state

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/reconcile"
	"mooring/server/tree/schema"
)

// clear lets the counters begin anew that a path leads to, and returns how many rows there are.
func (d *domain) clear(path string, at time.Time) int {
	d.t.Helper()
	p, err := schema.ParsePath(element(), path, element().Module)
	if err != nil {
		d.t.Fatal(err)
	}
	n, err := d.state.ClearCounters(d.t.Context(), p, at)
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

const (
	clearedLMA  = "/mooring-pmipv6:pmipv6/lma[name='lma1']"
	clearedPeer = clearedLMA + "/peers/peer[id='mag1']"
)

// What is cleared counts from 0 again and says since when; gauges stay, and so does what the machines count.
func TestOPS06_OPS13_ClearedCounters(t *testing.T) {
	d := populated(t)
	before := d.lma.Statistics().PBUReceived.Load()
	const refused = "/statistics/pba/by-status[status='130']/count"
	gauges := map[string]string{}
	for _, leaf := range []string{clearedLMA + "/statistics/summary/bce-count", clearedPeer + "/bindings", clearedLMA + "/network[name='home']/pool/mobile-node/ipv6/usage/used",
		clearedLMA + "/bindings/binding[id='1']/handoff-count", "/mooring-pmipv6:pmipv6/mag[name='mag1']/statistics/pbu/sent"} {
		gauges[leaf] = d.value(t, leaf)
	}
	if before == 0 || d.value(t, clearedLMA+refused) == "0" {
		t.Fatalf("%d PBUs, and %q were refused: nothing can be cleared", before, d.value(t, clearedLMA+refused))
	}
	at := d.now.Add(time.Hour)
	d.clear(clearedLMA, at)
	for leaf, want := range map[string]string{
		clearedLMA + "/statistics/pbu/received": "0", clearedLMA + "/statistics/pbu/accepted/initial": "0", clearedLMA + refused: "0",
		clearedLMA + "/statistics/packets/ipv4/received": "0", clearedLMA + "/statistics/summary/handoff-count": "0",
		clearedPeer + "/statistics/pbu/received": "0", clearedPeer + "/path[address='2001:db8::11']/heartbeat/requests-sent": "0",
		clearedLMA + "/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::11']/statistics/in-octets":                 "0",
		clearedLMA + "/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::11']/statistics/drops/congestion":          "0",
		clearedLMA + "/statistics/discontinuity-time":                                                         DateAndTime(at),
		clearedPeer + "/statistics/discontinuity-time":                                                        DateAndTime(at),
		clearedPeer + "/path[address='2001:db8::11']/heartbeat/discontinuity-time":                            DateAndTime(at),
		clearedLMA + "/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::11']/statistics/discontinuity-time":        DateAndTime(at),
		"/mooring-pmipv6:pmipv6/mag[name='mag1']/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::11']/statistics": "",
	} {
		if got := d.value(t, leaf); got != want {
			t.Errorf("%s is %q, want %q", leaf, got, want)
		}
	}
	for leaf, want := range gauges {
		if got := d.value(t, leaf); got != want || want == "" {
			t.Errorf("%s was %q and is %q", leaf, want, got)
		}
	}
	if now := d.lma.Statistics().PBUReceived.Load(); now != before {
		t.Errorf("the machine counted %d and now %d", before, now)
	}
}

// Counters go on from the 0 that they were cleared to, those of a status that occurs for the first time among them.
func TestClearedCountersGoOn(t *testing.T) {
	d := newDomain(t)
	ask := func(n int, node string) {
		for range n {
			d.ask("2001:db8::11", node, nil)
		}
	}
	ask(5, "a@example.net")
	d.clear(clearedLMA, d.now.Add(time.Second))
	ask(3, "a@example.net")
	ask(2, "nobody@elsewhere")
	for leaf, want := range map[string]string{"pbu/received": "5", "pba/by-status[status='0']/count": "3", "pba/by-status[status='152']/count": "2"} {
		for _, of := range []string{clearedLMA, clearedPeer} {
			if got := d.value(t, of+"/statistics/"+leaf); got != want {
				t.Errorf("%s of %s is %s, want %s", leaf, of, got, want)
			}
		}
	}
}

// One peer is cleared alone, and one that is not there is told from one that is.
func TestOPS13_OnePeerIsCleared(t *testing.T) {
	d := populated(t)
	others := func() (list []string) {
		for _, leaf := range []string{clearedLMA + "/statistics/pbu/received", clearedLMA + "/peers/peer[id='2001:db8::12']/statistics/pbu/received"} {
			list = append(list, d.value(t, leaf))
		}
		return list
	}
	was := fmt.Sprint(others())
	if n := d.clear(clearedPeer, d.now.Add(time.Hour)); n != 1 {
		t.Errorf("%d rows were cleared", n)
	}
	if got := d.value(t, clearedPeer+"/statistics/pbu/received"); got != "0" {
		t.Errorf("the peer has %s", got)
	}
	if is := fmt.Sprint(others()); is != was {
		t.Errorf("the others had %s and have %s", was, is)
	}
	if n := d.clear(clearedLMA+"/peers/peer[id='nobody']", d.now); n != 0 {
		t.Errorf("%d rows of nobody were cleared", n)
	}
}

// The counters of a customer are cleared with those of its anchor; where the customer alone is cleared, the anchor's stay.
func TestOPS12_CustomersAreCleared(t *testing.T) {
	const customer, leaf = clearedLMA + "/mobile-local-loop/customer[name='CUST1']/statistics", "/pbu/received"
	for path, anchors := range map[string]bool{customer: false, clearedLMA: true} {
		d := populated(t)
		at, before := d.now.Add(time.Hour), d.value(t, clearedLMA+"/statistics"+leaf)
		if had := d.value(t, customer+leaf); had != "5" || before == "0" {
			t.Fatalf("the customer sent %s, all %s", had, before)
		}
		d.clear(path, at)
		if n, since := d.value(t, customer+leaf), d.value(t, customer+"/discontinuity-time"); n != "0" || since != DateAndTime(at) {
			t.Errorf("%s was cleared: the customer has %s since %s", path, n, since)
		}
		if n := d.value(t, customer+"/bce-count"); n != "1" {
			t.Errorf("%s was cleared: the customer has %s bindings", path, n)
		}
		if now := d.value(t, clearedLMA+"/statistics"+leaf); (now == "0") != anchors || !anchors && now != before {
			t.Errorf("%s was cleared: the anchor had %s and has %s", path, before, now)
		}
	}
}

// Counters that begin anew by themselves after they were cleared have nothing taken off: a tunnel that was made again.
func TestOPS18_ClearedTunnelIsMadeAgain(t *testing.T) {
	d := populated(t)
	const path = clearedLMA + "/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::11']/statistics/"
	cleared, again := start.Add(time.Minute), start.Add(time.Hour)
	d.clear(clearedLMA, cleared)
	all, _ := d.plane.Tunnels()
	for i := range all {
		if all[i].State == reconcile.Installed {
			all[i].Since, all[i].RxOctets = again, 1
		}
	}
	d.plane.set(all...)
	if octets, since := d.value(t, path+"in-octets"), d.value(t, path+"discontinuity-time"); octets != "1" || since != DateAndTime(again) {
		t.Errorf("%s octets since %s", octets, since)
	}
}

// Every counter below an LMA or MAG that somebody can see has a discontinuity-time above it, or belongs to one binding: then it can be cleared.
func TestCountersCanBeCleared(t *testing.T) {
	var visit func(n *schema.Node, clearable bool)
	visit = func(n *schema.Node, clearable bool) {
		clearable = clearable || n.ChildNamed(discontinuityTime) != nil
		if isCounter(n) && !clearable && !strings.Contains(n.Path(), "/bindings/binding/") {
			t.Errorf("%s cannot be cleared", n.Path())
		}
		for _, kid := range n.Children {
			visit(kid, clearable)
		}
	}
	for _, machine := range []string{"lma", "mag"} {
		visit(element().Find("/mooring-pmipv6:pmipv6/"+machine), false)
	}
}

// A follower is told of what was cleared.
func TestFollowersSeeCleared(t *testing.T) {
	d := populated(t)
	p, err := schema.ParsePath(element(), clearedLMA+"/statistics", element().Module)
	if err != nil {
		t.Fatal(err)
	}
	views := d.state.At(p)
	f := d.state.Follow(views[0])
	defer f.Close()
	r := NewRenderer()
	received := func() string {
		for {
			for _, row := range f.Next(nil) {
				return r.Render(row, d.now).Child(row.Node().ChildNamed("pbu")).Child(row.Node().ChildNamed("pbu").ChildNamed("received")).Value()
			}
			<-f.Ready()
		}
	}
	if first := received(); first == "0" {
		t.Fatal("nothing was received")
	}
	d.clear(clearedLMA, d.now.Add(time.Hour))
	d.state.Wake()
	if now := received(); now != "0" {
		t.Errorf("%s are received after the reset", now)
	}
}
