package aaa

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unique"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc6572"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// octetsOf writes attributes as type and value in hexadecimal digits, one a line.
func octetsOf(octets []byte) string {
	var lines []string
	for t, value := range (&Record{Attributes: octets}).each {
		lines = append(lines, strings.TrimSpace(hex.EncodeToString([]byte{byte(t)})+" "+hex.EncodeToString(value)))
	}
	return strings.Join(lines, "\n")
}

func expect(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if text := octetsOf(got); text != strings.Join(lines, "\n") {
		t.Errorf("%s:\n%s\nwant:\n%s", what, text, strings.Join(lines, "\n"))
	}
}

func described(n *NodeIdentity) (a attributes) {
	a.describe(n)
	return a
}

// RAD-04, RAD-06, RAD-07, RAD-09: what records say of a node, octet by octet.
func TestRAD04_RAD06_RAD09_NodeAttributes(t *testing.T) {
	node := NodeIdentity{
		Node: mobility.NAI("n@x.y"), Link: "\x02\x00\x5e\x10\xab\x01", Home: netip.MustParsePrefix("10.0.0.5/24"),
		Prefixes:       []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64")},
		MobileNetworks: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16"), netip.MustParsePrefix("2001:db8:9::/48")},
		Access:         wire.Access80211, Service: mobility.ServiceDual, APN: "internet", Anchor: "lma", Address: netip.MustParseAddr("192.0.2.1"),
		Customer: "CUST1", VRF: "RED",
	}
	expect(t, "a node", described(&node), `
		01 6e40782e79                           # User-Name
		20 6c6d61                               # NAS-Identifier
		04 c0000201                             # NAS-IP-Address
		91 6e40782e79                           # Mobile-Node-Identifier, 145
		1f 30322d30302d35452d31302d41422d3031   # Calling-Station-Id, 02-00-5E-10-AB-01
		3d 00000013                             # NAS-Port-Type, 19
		95 c0000201                             # PMIP6-Home-LMA-IPv4-Address, 149
		08 0a000005                             # Framed-IP-Address
		9b 00180a000005                         # PMIP6-Home-IPv4-HoA, 155
		97 004020010db8000100000000000000000000 # PMIP6-Home-HN-Prefix, 151
		61 004020010db8000100000000000000000000 # Framed-IPv6-Prefix, 97
		7c 0000830000000000                     # MIP6-Feature-Vector: PMIP6, IPv4 home address, IPv4 transport
		92 696e7465726e6574                     # Service-Selection, 146
		1a 000000090110637573746f6d65723d4355535431 # customer=CUST1 of vendor 9, type 1
		1a 00000009010c7672662d69643d524544     # vrf-id=RED
		16 31302e392e302e302f313620302e302e302e302031 # Framed-Route, 10.9.0.0/16 0.0.0.0 1
		7b 003020010db8000900000000000000000000 # Delegated-IPv6-Prefix, 123
		63 323030313a6462383a393a3a2f3438203a3a2031 # Framed-IPv6-Route, 99`)
	plain := NodeIdentity{
		Node: mobility.NodeID("\x01\x00\xff"), Link: "\x01\x02\x03", Prefixes: node.Prefixes, Access: wire.AccessEUTRAN,
		Service: mobility.ServiceIPv6, Anchor: "lma", Address: netip.MustParseAddr("2001:db8::1"),
	}
	expect(t, "a node without a name, over IPv6", described(&plain), `
		01 303130306666                         # User-Name, the identifier in hexadecimal digits
		20 6c6d61
		5f 20010db8000000000000000000000001     # NAS-IPv6-Address, 95
		91 00ff                                 # Mobile-Node-Identifier
		1f 303130323033                         # Calling-Station-Id
		3d 00000012                             # NAS-Port-Type, 18
		93 20010db8000000000000000000000001     # PMIP6-Home-LMA-IPv6-Address, 147
		97 004020010db8000100000000000000000000
		61 004020010db8000100000000000000000000
		7c 0000010000000000                     # MIP6-Feature-Vector: PMIP6`)
	if v := features(&NodeIdentity{Service: mobility.ServiceIPv4}); v != 0x0001010000000000 {
		t.Errorf("a node with nothing but IPv4 has the features %x", v)
	}
}

// What does not fit into an attribute is cut.
func TestLongValues(t *testing.T) {
	node := NodeIdentity{Node: mobility.NAI(strings.Repeat("x", 254)), Anchor: strings.Repeat("l", 300), Customer: strings.Repeat("c", 300)}
	list, err := radius.ParseAttributes(described(&node))
	if err != nil {
		t.Fatal(err)
	}
	if name := list.Get(rfc2865.UserName_Type); len(name) != maxValue {
		t.Errorf("the name has %d octets", len(name))
	}
}

// The records of a binding name the service that it is for.
func TestRAD04_ServiceOfABinding(t *testing.T) {
	for apn, want := range map[string]string{"": "", "web.example": "web.example"} {
		b := &mobility.Binding{Ends: unique.Make(mobility.Ends{Local: netip.MustParseAddr("192.0.2.1")}),
			Holding: &mobility.Holding{Node: mobility.NAI("n@x.y"), Terms: unique.Make(mobility.Terms{APN: apn})}}
		list, err := radius.ParseAttributes(appendIdentity(nil, "lma", b))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(list.Get(rfc6572.ServiceSelection_Type)); got != want {
			t.Errorf("Service-Selection is %q, want %q", got, want)
		}
	}
}

// A record of a node with more mobile networks than a packet has room for can be sent, and still says whose it is.
func TestManyMobileNetworks(t *testing.T) {
	long := strings.Repeat("x", 253)
	node := NodeIdentity{Node: mobility.NAI(long), Link: "\x02\x00\x5e\x10\xab\x01", Anchor: long, APN: long, Customer: long, VRF: long}
	for i := range 200 {
		node.MobileNetworks = append(node.MobileNetworks, netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: byte(i)}), 128))
	}
	list := described(&node)
	r := Record{Attributes: list}
	var event attributes
	event.usage(Usage{})
	event.event(rfc2866.AcctStatusType_Value_Stop, time.Unix(1_800_000_000, 0))
	all, err := radius.ParseAttributes(append(event, list...))
	if err != nil {
		t.Fatal(err)
	}
	p := radius.Packet{Code: radius.CodeAccountingRequest, Secret: []byte("cisco"), Attributes: all}
	if b, err := p.Encode(); err != nil || len(b) < 3700 {
		t.Errorf("%d octets: %v", len(b), err)
	}
	if len(r.Customer()) != maxValue-6-2-len("customer=")+2 {
		t.Errorf("the customer has %d octets", len(r.Customer()))
	}
}

// RAD-05: what records say of a tunnel.
func TestRAD05TunnelAttributes(t *testing.T) {
	v4 := dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("198.51.100.7"), Encap: dataplane.EncapGRE}
	expect(t, "GRE over IPv4", tunnelAttributes("lma", v4, mobility.Tenancy{}), `
		20 6c6d61
		04 c0000201
		40 0000000a                             # Tunnel-Type, 10
		41 00000001                             # Tunnel-Medium-Type, IPv4
		42 3139382e35312e3130302e37             # Tunnel-Client-Endpoint, 198.51.100.7
		43 3139322e302e322e31                   # Tunnel-Server-Endpoint, 192.0.2.1
		44 6772652d3139322e302e322e312d3139382e35312e3130302e37 # Acct-Tunnel-Connection`)
	v6 := dataplane.TunnelID{VRF: "T", Local: netip.MustParseAddr("2001:db8::1"), Peer: netip.MustParseAddr("2001:db8::2"), Encap: dataplane.EncapIP}
	expect(t, "IP in IP over IPv6", tunnelAttributes("l", v6, mobility.Tenancy{Customer: "C", VRF: "V"}), `
		20 6c
		5f 20010db8000000000000000000000001
		40 00000007                             # Tunnel-Type, IP-IP
		41 00000002                             # Tunnel-Medium-Type, IPv6
		42 323030313a6462383a3a32
		43 323030313a6462383a3a31
		44 69702d323030313a6462383a3a312d323030313a6462383a3a322554 # with the VRF that its packets leave in
		1a 00000009010c637573746f6d65723d43     # customer=C
		1a 00000009010a7672662d69643d56         # vrf-id=V, where its nodes' addresses live`)
}

// RAD-03: counters of 64 bits are a number of 32 bits and its Gigawords.
func TestRAD03Gigawords(t *testing.T) {
	var a attributes
	a.usage(Usage{RxPackets: 3, RxOctets: 5<<32 + 7, TxPackets: 4, TxOctets: 1<<32 - 1})
	expect(t, "counters", a, `
		2a 00000007
		2b ffffffff
		2f 00000003
		30 00000004
		34 00000005
		35 00000000`)
}

// A record comes back from disk as it went.
func TestRecordOnDisk(t *testing.T) {
	var a attributes
	at := time.Unix(1_800_000_000, 123456789)
	a.event(rfc2866.AcctStatusType_Value_Stop, at)
	a.text(rfc2866.AcctSessionID_Type, "one")
	a.nas("lma", netip.MustParseAddr("192.0.2.1"))
	r := Record{at, a}
	octets, err := r.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back Record
	if err := back.UnmarshalBinary(octets); err != nil {
		t.Fatal(err)
	}
	if !back.At.Equal(at) || back.Status() != rfc2866.AcctStatusType_Value_Stop || back.Session() != "one" || back.Anchor() != "lma" {
		t.Errorf("%+v came back", back)
	}
	for n := range len(octets) {
		var cut Record
		if err := cut.UnmarshalBinary(octets[:n]); err == nil && octetsOf(cut.Attributes) == octetsOf(r.Attributes) {
			t.Errorf("%d of %d octets are the whole record", n, len(octets))
		}
	}
}

// A queue that fills lets interim records go first, then Starts, and Stops never.
func TestRoom(t *testing.T) {
	interim, start, stop := rfc2866.AcctStatusType_Value_InterimUpdate, rfc2866.AcctStatusType_Value_Start, rfc2866.AcctStatusType_Value_Stop
	for _, c := range []struct {
		queued               int
		interim, start, stop bool
	}{{0, true, true, true}, {49, true, true, true}, {50, false, true, true}, {74, false, true, true}, {75, false, false, true}, {99, false, false, true}, {100, false, false, true}, {1000, false, false, true}} {
		room := RoomOf(c.queued, 100)
		if room.Admits(interim) != c.interim || room.Admits(start) != c.start || room.Admits(stop) != c.stop {
			t.Errorf("with %d of 100 the room is %v", c.queued, room)
		}
	}
}
