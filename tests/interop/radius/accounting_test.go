// Package radius holds tests of accounting with FreeRADIUS: what it makes of the records of a real element.
package radius

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// LMA-15, LMA-16, RAD-03: FreeRADIUS hears in between what a tunnel carries, and nothing in between of its node. What it hears at last of both is,
// to the octet, what was sent. It is the first test, since the others run while it waits.
func TestLMA15_LMA16_FreeRADIUSHearsInBetween(t *testing.T) {
	d := newDomain(t)
	s := newServer(t, d.lma, "127.0.0.1:1646", "127.0.0.1")
	s.start()
	d.run(d.lma, strings.Replace(anchored, `"accounting": {"enabled": true}`, `"accounting": {"interim-interval": 1}`, 1))
	d.run(d.mag, gateway)
	home := d.attach()
	d.tunnelIs(carriedBy)
	here, there := d.udp(d.node, home.String()), d.udp(d.cn, cnAddr)
	d.exchange(here, there, 40, 1100)
	d.exchange(there, here, 20, 300)
	t.Parallel() // goes on after the other tests, in whose time the minute passes
	var sofar record
	within(t, 3*time.Minute, "an Interim-Update has all that was sent", func() bool { // every minute
		for _, r := range s.records() {
			if r.get("Acct-Status-Type") == "Interim-Update" && r.get("Acct-Input-Packets") == "40" && r.get("Acct-Output-Packets") == "20" {
				sofar = r
			}
		}
		return sofar != nil
	})
	sofar.carried(t, traffic{40, 1100}, traffic{20, 300})
	d.exchange(here, there, 7, 500)
	d.exchange(there, here, 5, 900)
	d.detach()

	ofNode := s.await("Stop", isNode)
	ofTunnel := s.await("Stop", func(r record) bool { return r.get("Acct-Session-Id") == sofar.get("Acct-Session-Id") })
	for _, stop := range []record{ofNode, ofTunnel} {
		stop.carried(t, traffic{40, 1100}, traffic{20, 300}, traffic{7, 500}, traffic{5, 900})
	}
	for _, r := range s.records() {
		if r.get("Acct-Status-Type") == "Interim-Update" && r.get("Acct-Session-Id") != sofar.get("Acct-Session-Id") {
			t.Errorf("there is an interim record of no tunnel: %v", r)
		}
	}
}

// AAA-01, AAA-02, AAA-04, LMA-14, RAD-01 to RAD-06, RAD-11, expectation 10: an element accounts a node to FreeRADIUS at port 1646, with the
// traffic that there was, whatever is cleared for a display; when that server is gone it goes to the second one; when both are gone and the element is killed, nothing is lost.
func TestAAA04FreeRADIUS(t *testing.T) {
	d := newDomain(t)
	first, second := newServer(t, d.lma, "127.0.0.1:1646", "127.0.0.1"), newServer(t, d.lma, "127.0.0.1:2646", "127.0.0.1")
	first.start()
	second.start()
	killLMA := d.run(d.lma, anchored)
	d.run(d.mag, gateway)
	first.await("Accounting-On", func(r record) bool { return r.get("NAS-Identifier") == "lma" })

	tunnel := func(r record) bool { return r.get("Tunnel-Client-Endpoint:0") == "2001:db8:a::11" }
	home := d.attach()
	d.tunnelIs(carriedBy)
	start := first.await("Start", isNode)
	expect(t, "Start", start, map[string]string{
		"NAS-IPv6-Address": "2001:db8:a::1", "Calling-Station-Id": "02-00-5E-10-00-01", "NAS-Port-Type": "Wireless-802.11",
		"PMIP6-Home-LMA-IPv6-Address": "2001:db8:a::1",
	})
	if home.String()[:11] != start.get("Framed-IPv6-Prefix")[:11] || start.get("PMIP6-Home-HN-Prefix") != start.get("Framed-IPv6-Prefix") {
		t.Errorf("%v has the prefixes %q and %q", home, start.get("PMIP6-Home-HN-Prefix"), start.get("Framed-IPv6-Prefix"))
	}
	begun := first.await("Start", tunnel)
	if start.get("Acct-Multi-Session-Id") != begun.get("Acct-Session-Id") || begun.get("Acct-Session-Id") == start.get("Acct-Session-Id") {
		t.Errorf("session %q is joined to %q", start.get("Acct-Multi-Session-Id"), begun.get("Acct-Session-Id"))
	}

	here, there := d.udp(d.node, home.String()), d.udp(d.cn, cnAddr)
	d.exchange(here, there, 50, 1000)
	clear := exec.CommandContext(t.Context(), d.program, "clear", "statistics", "--state-dir", filepath.Join(d.folder, "lma")) // of a display
	if out, err := clear.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d.exchange(there, here, 30, 700)
	first.stop()
	d.detach()
	stop := second.await("Stop", isNode)
	expect(t, "Stop", stop, map[string]string{
		"Acct-Session-Id": start.get("Acct-Session-Id"), "Acct-Terminate-Cause": "User-Request",
		"Acct-Input-Gigawords": "0", "Acct-Output-Gigawords": "0",
	})
	stop.carried(t, traffic{50, 1000}, traffic{30, 700})
	ended := second.await("Stop", tunnel)
	ended.carried(t, traffic{50, 1000}, traffic{30, 700})
	here.Close()

	second.stop()
	d.attach()
	d.detach()
	eventually(t, "the binding is gone", func() bool { return d.bindings() == 0 })
	killLMA()
	d.run(d.lma, anchored)
	first.start()
	again := first.await("Stop", func(r record) bool { return isNode(r) && r.get("Acct-Session-Id") != start.get("Acct-Session-Id") })
	first.await("Start", func(r record) bool { return r.get("Acct-Session-Id") == again.get("Acct-Session-Id") })
	if delay := again.number(t, "Acct-Delay-Time"); delay > 600 {
		t.Errorf("the record says that it is %d s late", delay)
	}
	first.await("Stop", func(r record) bool {
		return tunnel(r) && r.get("Acct-Session-Id") == again.get("Acct-Multi-Session-Id")
	})
	complete(t, append(first.records(), second.records()...))
}

func isNode(r record) bool { return r.get("User-Name") == identity }

func expect(t *testing.T, what string, r record, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := r.get(name); got != value {
			t.Errorf("%s: %s is %q, want %q", what, name, got, value)
		}
	}
}

// complete makes sure that there were two sessions of the node and two of the tunnel, and that each has ended.
func complete(t *testing.T, all []record) {
	t.Helper()
	started, stopped := map[string]bool{}, map[string]bool{}
	for _, r := range all {
		switch id := r.get("Acct-Session-Id"); r.get("Acct-Status-Type") {
		case "Start":
			started[id] = true
		case "Stop":
			stopped[id] = true
		}
	}
	if len(started) != 4 {
		t.Errorf("%d sessions began", len(started))
	}
	for id := range started {
		if !stopped[id] {
			t.Errorf("session %s has no Stop", id)
		}
	}
}

const headers = 40 + 8 // IPv6 and UDP

// traffic is datagrams with so many octets each.
type traffic struct{ n, size uint64 }

// carried makes sure that a record has the traffic that alternately came from the node and went to it.
func (r record) carried(t *testing.T, sent ...traffic) {
	t.Helper()
	directions := []string{"Input", "Output"}
	want := map[string]uint64{}
	for i, each := range sent {
		want["Acct-"+directions[i%2]+"-Packets"] += each.n
		want["Acct-"+directions[i%2]+"-Octets"] += each.n * (each.size + headers)
	}
	for name, n := range want {
		if got := r.number(t, name); got != n {
			t.Errorf("%s of %s: %s is %d, and %d were sent", r.get("Acct-Status-Type"), r.get("Acct-Session-Id"), name, got, n)
		}
	}
}
