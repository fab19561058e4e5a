package state

import (
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
)

// What the dataplane counts of a tunnel shows under its own name, at the LMA and the MAG that have its ends: OPS-18.
func TestOPS18_EachCounterOfATunnel(t *testing.T) {
	d := newDomain(t)
	lma := dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: addr("2001:db8::11"), Encap: dataplane.EncapIP}
	mag := dataplane.TunnelID{Local: lma.Peer, Peer: lma.Local, Encap: dataplane.EncapIP}
	status := func(id dataplane.TunnelID, base uint64) reconcile.TunnelStatus {
		s := reconcile.TunnelStatus{ID: id, Sessions: int(base), State: reconcile.Installed, Since: start}
		s.RxPackets, s.RxOctets, s.TxPackets, s.TxOctets = base+1, base+2, base+3, base+4
		s.Drops = dataplane.Drops{Malformed: base + 5, NoSession: base + 6, Spoofed: base + 7, Filtered: base + 8, TooBig: base + 9, Congested: base + 10, Send: base + 11}
		return s
	}
	before := d.numbers()
	d.plane.set(status(lma, 100), status(mag, 200))
	after := d.numbers()
	want := numbers{}
	for at, base := range map[string]int{"lma/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::11']/": 100, "mag/tunnels/tunnel[id='ip-2001:db8::11-2001:db8::1']/": 200} {
		want[at+"bindings"] = base
		for i, name := range []string{"in-packets", "in-octets", "out-packets", "out-octets", "drops/malformed", "drops/no-binding", "drops/spoofed-source", "drops/acl", "drops/mtu",
			"drops/congestion", "drops/unsendable"} {
			want[at+"statistics/"+name] = base + 1 + i
		}
	}
	for name, n := range after {
		if n-before[name] != want[name] {
			t.Errorf("%s changes by %d, want %d", name, n-before[name], want[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

// What accounting counts of an LMA and of a customer shows under its own name: OPS-10.
func TestOPS10_EachCounterOfAccounting(t *testing.T) {
	d := newDomain(t)
	all := d.numbers()
	for at, figures := range map[string][]int{"lma/statistics/accounting/": {6, 7, 8, 9, 10, 11}, customerPath + "statistics/accounting/": {61, 71, 81, 91, 101, 111}} {
		for i, name := range []string{"start-sent", "update-sent", "stop-sent", "failed", "retransmitted", "queued"} {
			if all[at+name] != figures[i] {
				t.Errorf("%s is %d, want %d", at+name, all[at+name], figures[i])
			}
		}
	}
}
