package state

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// A binding tells its mobile networks, of both IP versions, and the customer how many there are beside its limits, as long as there are any (OPS-03, OPS-16).
func TestOPS03_OPS16_MobileNetworks(t *testing.T) {
	d := newDomain(t)
	const lma = "/mooring-pmipv6:pmipv6/lma[name='lma1']"
	shows := func(networks, ipv4, ipv6, all string) {
		t.Helper()
		if got := strings.Join(d.get(lma+"/bindings/binding"), "\n"); networks != "" && !strings.Contains(got, `"mobile-network":`+networks) ||
			networks == "" && strings.Contains(got, "mobile-network") {
			t.Errorf("the bindings are\n%s\nwant the mobile networks %s", got, networks)
		}
		for of, want := range map[string]string{"ipv4": ipv4, "ipv6": ipv6, "all": all} {
			if got := d.value(t, lma+"/mobile-local-loop/customer[name='CUST1']/mnp/"+of+"/in-use"); got != want {
				t.Errorf("%s: %s are in use, want %s", of, got, want)
			}
		}
	}
	shows("", "0", "0", "0")
	d.serveCustomer()
	shows(`["20.20.20.0/25","20.20.20.128/25","2002:20:0:1::/64"]`, "2", "1", "3")

	var id mobility.NodeID
	for b := range d.tables.lma.All() {
		if len(b.Networks) > 0 {
			id = b.Node
		}
	}
	d.advance(time.Second)
	gone := &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP, Seq: 9}
	gone.MNID, gone.HNPs = wire.Some(id.MNID()), []wire.HNP{{Prefix: netip.MustParsePrefix("2001:db8:7000::/64")}}
	gone.Handoff, gone.AccessType, gone.Timestamp = wire.Some(wire.HandoffUnknown), wire.Some(wire.Access80211), wire.Some(wire.TimestampOf(d.now))
	d.lma.Receive(d.now, &mobility.Inbound{From: mobility.Endpoint{VRF: "CUSTSP", Addr: netip.MustParseAddrPort("192.0.2.77:5436")},
		To: mobility.Endpoint{VRF: "CUSTSP", Addr: netip.MustParseAddrPort("15.15.15.2:5436")}, Message: gone}, new(mobility.Effects))
	d.advance(time.Minute)
	shows("", "0", "0", "0")
}

// NETP-05: how full the ranges of named pools are stands beside them, and not in the networks that draw from them.
func TestNETP05_UsageOfNamedPools(t *testing.T) {
	d := newDomain(t)
	const at = "/mooring-pmipv6:pmipv6/local-pool[name='pool6']/range[start-address='2001:db8:6000::1']/usage/"
	usage := func(want string) {
		t.Helper()
		if got := d.value(t, at+"used") + " of " + d.value(t, at+"total") + ", most " + d.value(t, at+"high-water"); got != want {
			t.Errorf("%s are in use, want %s", got, want)
		}
	}
	usage("0 of 1, most 0")
	d.ask("2001:db8::11", "n@pool.example", nil)
	usage("1 of 1, most 1")
	d.ask("2001:db8::11", "m@pool.example", nil)
	if usage("1 of 1, most 1"); d.value(t, at+"last-exhausted") == "" {
		t.Error("nobody says when the pool was found empty")
	}
	if got := strings.Join(d.get("/mooring-pmipv6:pmipv6/lma[name='lma1']/network"), "\n"); strings.Contains(got, "6000") {
		t.Errorf("the networks show\n%s", got)
	}
}
