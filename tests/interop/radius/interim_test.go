package radius

import (
	"strings"
	"testing"
	"time"
)

// LMA-15, LMA-16, RAD-03: FreeRADIUS hears in between what a tunnel carries, and nothing in between of its node. What it hears at last of both is,
// to the octet, what was sent.
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
