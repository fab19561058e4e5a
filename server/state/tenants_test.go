package state

import (
	"net/netip"
	"testing"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// askAt sends the LMA a request of a customer's node, by the customer's transport.
func (d *domain) askAt(node string, change func(*wire.BindingUpdate)) {
	d.seq++
	u := &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP, Seq: d.seq, Lifetime: 100, Options: wire.Options{
		MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte(node)}), Handoff: wire.Some(wire.HandoffUnknown), AccessType: wire.Some(wire.Access80211),
		LinkLayerID: wire.Some(wire.LinkLayerID(node)), HNPs: []wire.HNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}}}}
	change(u)
	d.lma.Receive(d.now, &mobility.Inbound{From: mobility.Endpoint{VRF: "CUSTSP", Addr: netip.MustParseAddrPort("192.0.2.77:5436")},
		To: mobility.Endpoint{VRF: "CUSTSP", Addr: netip.MustParseAddrPort("15.15.15.2:5436")}, Message: u}, new(mobility.Effects))
}

// The summary counts the bindings of customers and the others apart, and a customer its own.
func TestOPS11_OPS12_Tenants(t *testing.T) {
	d := newDomain(t)
	d.ask("2001:db8::11", "a@example.net", nil)
	d.ask("2001:db8::11", "b@example.net", nil)
	d.askAt("n@cust.example", func(*wire.BindingUpdate) {})
	d.askAt("nobody@elsewhere", func(*wire.BindingUpdate) {})
	const customer = "/mooring-pmipv6:pmipv6/lma[name='lma1']/mobile-local-loop/customer[name='CUST1']/statistics/"
	for path, want := range map[string]string{
		lmaStatisticsPath + "summary/bce-count": "3", lmaStatisticsPath + "summary/single-tenant-count": "2", lmaStatisticsPath + "summary/multi-tenant-count": "1",
		customer + "bce-count": "1", customer + "handoff-count": "0", customer + "pbu/received": "2", customer + "pbu/accepted/initial": "1", customer + "pba/sent": "2",
		customer + "pba/by-status[status='152']/count": "1", lmaStatisticsPath + "pbu/received": "4",
	} {
		if got := d.value(t, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}
