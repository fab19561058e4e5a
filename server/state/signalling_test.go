package state

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

const lmaBindingPath = "/mooring-pmipv6:pmipv6/lma[name='lma1']/bindings/binding"

const lmaStatisticsPath = "/mooring-pmipv6:pmipv6/lma[name='lma1']/statistics/"

// A binding tells every field of the update that made it, and of the one that prolonged it last.
func TestOPS01_BindingIsWhatTheUpdateSaid(t *testing.T) {
	d := newDomain(t)
	full := func(u *wire.BindingUpdate) {
		u.Lifetime, u.AccessType, u.Handoff = wire.LifetimeOf(400*time.Second), wire.Some(wire.Access8023), wire.Some(wire.HandoffNewInterface)
		u.LinkLayerID, u.ServiceSelection = wire.Some(wire.LinkLayerID("\x02\x00\x00\x00\x00\xaa")), wire.Some(wire.ServiceSelection("\x03web\x07example"))
		u.IPv4HoARequests = []wire.IPv4HoARequest{{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}}
	}
	d.ask("2001:db8::11", "mn@example.net", full)
	const path = "/mooring-pmipv6:pmipv6/lma[name='lma1']/bindings/binding[id='1']/"
	expect := func(fields map[string]string) {
		t.Helper()
		for leaf, want := range fields {
			if got := d.value(t, path+leaf); got != want {
				t.Errorf("%s is %q, want %q", leaf, got, want)
			}
		}
	}
	expect(map[string]string{
		"mn-id": "mn@example.net", "mn-id-type": "1", "link-layer-id": "02:00:00:00:00:aa", "access-technology": "ethernet", "handoff-indicator": "new-interface",
		"peer": "mag1", "care-of-address": "2001:db8::11", "lma-address": "2001:db8::1", "hoa": "10.0.0.2", "hoa-prefix-length": "8", "default-router": "10.0.0.1",
		"lifetime": "400", "remaining-lifetime": "400", "refresh-time": "300", "refresh-remaining": "300", "created": "2026-11-22T10:00:00.001Z", "sequence": "1", "handoff-count": "0",
		"state": "active", "network": "home", "profile": "@example.net", "profile-source": "realm", "customer": "", "vrf": "", "service": "dual",
		"uplink-gre-key": "", "downlink-gre-key": "",
		"imsi": "", "hnp-count": "1", "care-of-count": "1", "mobile-network-ipv4-count": "0", "mobile-network-ipv6-count": "0", "ignore-home-address": "", "apn": "web.example",
	})
	if got := d.get("/mooring-pmipv6:pmipv6/lma[name='lma1']/bindings/binding[id='1']/hnp"); len(got) != 1 {
		t.Errorf("prefixes: %q", got)
	}
	d.advance(time.Minute)
	expect(map[string]string{"remaining-lifetime": "340", "refresh-time": "300", "refresh-remaining": "240"})
	d.advance(270 * time.Second)
	expect(map[string]string{"remaining-lifetime": "70", "refresh-remaining": "0"}) // it is late
	d.ask("2001:db8::12", "mn@example.net", func(u *wire.BindingUpdate) {
		full(u)
		u.Handoff, u.Lifetime = wire.Some(wire.HandoffBetweenMAGs), wire.LifetimeOf(200*time.Second)
	})
	expect(map[string]string{"peer": "2001:db8::12", "care-of-address": "2001:db8::12", "handoff-indicator": "between-mags", "lifetime": "200", "remaining-lifetime": "200", "refresh-time": "", "refresh-remaining": "",
		"sequence": "2", "handoff-count": "1", "hoa": "10.0.0.2", "created": "2026-11-22T10:00:00.001Z"})
	// With keys for a tunnel of GRE: the one down is the MAG's, the one up is ours (RFC 5845). Without the IPv4 home address it is served IPv6 alone.
	d.ask("2001:db8::12", "mn@example.net", func(u *wire.BindingUpdate) {
		full(u)
		u.IPv4HoARequests, u.ServiceSelection.Set, u.Handoff, u.GREKey = nil, false, wire.Some(wire.HandoffUnchanged), wire.Some(wire.GREKey{Keyed: true, Key: 77})
	})
	expect(map[string]string{"uplink-gre-key": "1", "downlink-gre-key": "77", "service": "ipv6", "apn": "web.example", "hnp-count": "1", "hoa": "", "tunnel": "gre-2001:db8::1-2001:db8::12"})
	// Two prefixes, for a node that is called by its IMSI.
	d.ask("2001:db8::11", "0234150999999999"+epcRealm, func(u *wire.BindingUpdate) { u.HNPs = append(u.HNPs, u.HNPs...) })
	for leaf, want := range map[string]string{"imsi": "234150999999999", "mn-id": "0234150999999999" + epcRealm, "hnp-count": "2", "care-of-count": "1", "apn": ""} {
		if got := d.value(t, lmaBindingPath+"[id='2']/"+leaf); got != want {
			t.Errorf("of the subscriber: %s is %q, want %q", leaf, got, want)
		}
	}
}

// A binding of a customer tells whose it is, its mobile networks, and how many there are, as the update asked for them; and where home addresses are not looked
// at, that they are not.
func TestOPS01_BindingOfACustomer(t *testing.T) {
	d := newDomain(t)
	d.update(theirs, "n", func(u *wire.BindingUpdate) { u.DMNPs = append(slices.Clone(twice[0]), twice[1][0]) })
	expect := func(fields map[string]string) {
		t.Helper()
		for leaf, want := range fields {
			if got := d.value(t, lmaBindingPath+"[id='1']/"+leaf); got != want {
				t.Errorf("%s is %q, want %q", leaf, got, want)
			}
		}
	}
	expect(map[string]string{"customer": "CUST1", "vrf": "VRF1", "network": "cust", "service": "ipv6", "profile": "@cust.example", "hnp-count": "1",
		"mobile-network-ipv4-count": "2", "mobile-network-ipv6-count": "1", "ignore-home-address": "false"})
	d.reconfigure(func(l *mobility.LMA) { l.IgnoreHome = true })
	expect(map[string]string{"ignore-home-address": "false", "hnp-count": "1"}) // until it asks again
	d.update(theirs, "n", func(u *wire.BindingUpdate) {
		u.DMNPs, u.Handoff = []wire.DMNP{{Prefix: netip.MustParsePrefix("20.20.20.128/25")}}, wire.Some(wire.HandoffUnchanged)
	})
	expect(map[string]string{"ignore-home-address": "true", "hnp-count": "0", "service": "", "mobile-network-ipv4-count": "1", "mobile-network-ipv6-count": "0"})
}

// The packets of the addresses of an LMA, of its customers' too, are summed up for each IP version; those of other addresses and VRFs are not its own.
func TestOPS05_Packets(t *testing.T) {
	d := newDomain(t)
	for leaf, want := range map[string]string{
		"ipv4/received": "23", "ipv4/sent": "15", "ipv4/send-drops": "6",
		"ipv4/receive-drops": "4", // two for want of memory, and of three that cannot be read one was answered
		"ipv6/received":      "7", "ipv6/sent": "8", "ipv6/send-drops": "0", "ipv6/checksum-errors": "1", "ipv6/receive-drops": "1",
	} {
		if got := d.value(t, lmaStatisticsPath+"packets/"+leaf); got != want {
			t.Errorf("%s is %q, want %q", leaf, got, want)
		}
	}
}

// An LMA that is reached by a customer's addresses alone works when one of them does. Each transport says what became of its own.
func TestMLL13_AddressesOfTransports(t *testing.T) {
	d := newDomain(t)
	const customer = "/mooring-pmipv6:pmipv6/lma[name='lma1']/mobile-local-loop/customer[name='CUST1']/transport"
	const operStatus = "/mooring-pmipv6:pmipv6/lma[name='lma1']/oper-status"
	at := mobility.VRFAddr{VRF: "CUSTSP", Addr: addr("15.15.15.2")}
	for status, want := range map[transport.Status]string{
		{Address: transport.Address(at)}: "up", {Address: transport.Address(at), Err: errors.New("no")}: "down", {Address: transport.Address{Addr: at.Addr}}: "down",
	} {
		d.src.Signalling = func() []transport.Status { return []transport.Status{status} }
		d.state = New(element(), 10*time.Millisecond)
		if err := d.state.MountElement(d.src); err != nil {
			t.Fatal(err)
		}
		if got := d.value(t, operStatus); got != want {
			t.Errorf("%+v: the LMA is %q, want %q", status, got, want)
		}
		here := d.value(t, customer+"[vrf='CUSTSP']/status[address='15.15.15.2']/oper-status")
		if status.VRF == "" && here != "" || status.VRF != "" && here != want {
			t.Errorf("%+v: the transport is %q, want %q", status, here, want)
		}
	}
	shared := *d.config.LMAs["lma1"]
	shared.Customers = map[string]*mobility.Customer{"CUST1": {Name: "CUST1", VRF: "VRF1", Transports: []mobility.VRFAddr{at, {Addr: at.Addr}}}}
	d.config.LMAs["lma1"] = &shared
	d.src.Signalling = func() []transport.Status {
		return []transport.Status{{Address: transport.Address(at), Err: errors.New("no")}, {Address: transport.Address{Addr: at.Addr}}}
	}
	d.state = New(element(), 10*time.Millisecond)
	if err := d.state.MountElement(d.src); err != nil {
		t.Fatal(err)
	}
	for vrf, want := range map[string]string{"CUSTSP": "down", "default": "up"} { // MLL-14, MLL-15
		if got := d.value(t, customer+"[vrf='"+vrf+"']/status[address='15.15.15.2']/oper-status"); got != want {
			t.Errorf("in %s it is %q, want %q", vrf, got, want)
		}
	}
}

// Each reason to refuse an update counts one acknowledgement with its status, and no other.
func TestOPS07_EachRefusalIsCountedByStatus(t *testing.T) {
	d := newDomain(t)
	for name, p := range map[string]*mobility.Profile{
		"v4@example.net":    {Network: "home", Service: mobility.ServiceIPv4},
		"v6@example.net":    {Network: "home", Service: mobility.ServiceIPv6},
		"else@example.net":  {Network: "home", Service: mobility.ServiceDual, Anchor: "lma9"},
		"empty@example.net": {Network: "nowhere", Service: mobility.ServiceDual},
		"lan@example.net":   {Network: "lans", Service: mobility.ServiceDual},
		"lan2@example.net":  {Network: "lans", Service: mobility.ServiceDual},
		"gre@example.net":   {Network: "home", Service: mobility.ServiceDual, GREKeys: mobility.FixedKeys{Uplink: 7, Downlink: 9}},
		"key@example.net":   {Network: "home", Service: mobility.ServiceDual, Key: &mobility.Key{SPI: 300, Secret: []byte("secret")}},
	} {
		d.config.LMAs["lma1"].Domain.Profiles.(store)[name] = p
	}
	d.reconfigure(func(l *mobility.LMA) {
		l.Networks = maps.Clone(l.Networks)
		l.Networks["lans"] = &mobility.Network{Name: "lans", Pools: []mobility.Pool{{Start: addr("2001:db8:5000::"), Bits: 48, Unit: 64},
			{Start: addr("20.20.30.0"), Bits: 24, Unit: 28, Mobile: true}}}
	})
	lan := func(u *wire.BindingUpdate) {
		u.DMNPs = []wire.DMNP{{Prefix: netip.MustParsePrefix("20.20.30.0/28")}}
	}
	held := netip.MustParsePrefix("10.0.0.2/8")
	d.ask("2001:db8::11", "lan@example.net", lan)
	d.ask("2001:db8::11", "mn@example.net", func(u *wire.BindingUpdate) { u.IPv4HoARequests = []wire.IPv4HoARequest{{Prefix: held}} })
	home := wire.IPv4HoARequest{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	sum, bindings := 2, d.value(t, lmaStatisticsPath+"summary/bce-count")
	for _, c := range []struct {
		status wire.Status
		node   string
		change func(*wire.BindingUpdate)
	}{
		{wire.StatusInsufficientResources, "empty@example.net", nil},
		{wire.StatusSequenceOutOfWindow, "mn@example.net", func(u *wire.BindingUpdate) {
			u.Seq, u.Timestamp.Set, u.Handoff = 1, false, wire.Some(wire.HandoffUnchanged)
		}},
		{wire.StatusProxyRegNotEnabled, "nobody@elsewhere", nil},
		{wire.StatusNotLMAForThisMN, "else@example.net", nil},
		{wire.StatusNotAuthorizedForHNP, "new@example.net", func(u *wire.BindingUpdate) { u.HNPs = append(append(u.HNPs, u.HNPs...), u.HNPs...) }},
		{wire.StatusTimestampMismatch, "new@example.net", func(u *wire.BindingUpdate) { u.Timestamp = wire.Some(wire.TimestampOf(d.now.Add(-8 * time.Second))) }},
		{wire.StatusTimestampLowerThanPrev, "mn@example.net", func(u *wire.BindingUpdate) { u.Timestamp = wire.Some(wire.TimestampOf(start)) }},
		{wire.StatusMissingHNP, "new@example.net", func(u *wire.BindingUpdate) { u.HNPs = nil }},
		{wire.StatusMissingMNID, "new@example.net", func(u *wire.BindingUpdate) { u.MNID.Set = false }},
		{wire.StatusMissingHandoff, "new@example.net", func(u *wire.BindingUpdate) { u.Handoff.Set = false }},
		{wire.StatusMissingAccessType, "new@example.net", func(u *wire.BindingUpdate) { u.AccessType.Set = false }},
		{wire.StatusNotAuthorizedForIPv4, "v6@example.net", func(u *wire.BindingUpdate) { u.IPv4HoARequests = append(u.IPv4HoARequests, home) }},
		{wire.StatusNotAuthorizedForIPv4HoA, "new@example.net", func(u *wire.BindingUpdate) {
			u.IPv4HoARequests = append(u.IPv4HoARequests, wire.IPv4HoARequest{Prefix: netip.MustParsePrefix("203.0.113.9/24")})
		}},
		{wire.StatusNotAuthorizedForIPv6, "v4@example.net", nil},
		{wire.StatusNotAuthorizedForIPv4HoA, "new@example.net", func(u *wire.BindingUpdate) { // somebody has it
			u.IPv4HoARequests = append(u.IPv4HoARequests, wire.IPv4HoARequest{Prefix: held})
		}},
		{wire.StatusProhibited, "gre@example.net", func(u *wire.BindingUpdate) { u.GREKey = wire.Some(wire.GREKey{Keyed: true, Key: 8}) }},
		{wire.StatusGREKeyRequired, "gre@example.net", func(u *wire.BindingUpdate) { u.GREKey = wire.Some(wire.GREKey{}) }},
		{wire.StatusAuthFail, "key@example.net", func(u *wire.BindingUpdate) { u.Auth = []wire.AuthOption{{Subtype: wire.AuthMNHA, SPI: 300}} }},
		{wire.StatusPrefixSetMismatch, "mn@example.net", func(u *wire.BindingUpdate) {
			u.Handoff = wire.Some(wire.HandoffUnchanged)
			u.HNPs = []wire.HNP{{Prefix: netip.MustParsePrefix("2001:db8:8000::/64")}, {Prefix: netip.MustParsePrefix("2001:db8:8000:7::/64")}}
		}},
		{wire.StatusNotAuthorizedForDMNP, "lan2@example.net", func(u *wire.BindingUpdate) { u.DMNPs = []wire.DMNP{{Prefix: netip.MustParsePrefix("20.20.40.0/28")}} }},
		{wire.StatusDMNPInUse, "lan2@example.net", lan},
		{wire.StatusCannotSupportMultipath, "new@example.net", func(u *wire.BindingUpdate) { u.MultipathBinding = wire.Some(wire.MultipathBinding{BID: 1}) }},
		{wire.StatusMAGNotAuthorized, "new@example.net", func(*wire.BindingUpdate) { d.reconfigure(func(l *mobility.LMA) { l.LearnPeers = false }) }},
		{wire.StatusMultipleIPv4HoA, "new@example.net", func(u *wire.BindingUpdate) { u.IPv4HoARequests = append(u.IPv4HoARequests, home, home) }},
	} {
		from := "2001:db8::11"
		if c.status == wire.StatusMAGNotAuthorized {
			from = "2001:db8::77"
		}
		count := lmaStatisticsPath + "pba/by-status[status='" + strconv.Itoa(int(c.status)) + "']/count"
		before, _ := strconv.Atoi(d.value(t, count))
		d.ask(from, c.node, c.change)
		sum++
		if after := d.value(t, count); after != strconv.Itoa(before+1) {
			t.Errorf("%v: counted %q times after %d", c.status, after, before)
		}
		if sent, received := d.value(t, lmaStatisticsPath+"pba/sent"), d.value(t, lmaStatisticsPath+"pbu/received"); sent != strconv.Itoa(sum) || received != sent {
			t.Errorf("%v: %s updates received, %s acknowledgements sent, want %d", c.status, received, sent, sum)
		}
	}
	if accepted, now := d.value(t, lmaStatisticsPath+"pba/by-status[status='0']/count"), d.value(t, lmaStatisticsPath+"summary/bce-count"); accepted != "2" || now != bindings {
		t.Errorf("%s accepted, %s bindings, want 2 and %s", accepted, now, bindings)
	}
}
