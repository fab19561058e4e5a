package frame

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"mooring/dataplane"
)

var (
	gateway = Gateway{MAC: dataplane.MAC{0, 0, 0x5e, 0, 0x52, 0x13}, LinkLocal: netip.MustParseAddr("fe80::200:5eff:fe00:5213")} // RFC 6543
	node    = dataplane.MAC{2, 0, 0, 0, 0, 0xaa}
)

// octets joins fields in hexadecimal digits; what follows a # is a comment.
func octets(fields ...string) []byte {
	var digits strings.Builder
	for _, field := range fields {
		text, _, _ := strings.Cut(field, "#")
		digits.WriteString(strings.Join(strings.Fields(text), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		panic(err)
	}
	return b
}

const (
	toNode     = "0200000000aa 00005e005213"
	toAll      = "333300000001 00005e005213"
	fromNode   = "00005e005213 020000000001"
	gatewayIP6 = "fe80000000000000 02005efffe005213"
	nodeIP6    = "fe80000000000000 00000000000000aa"
	allNodes6  = "ff02000000000000 0000000000000001"
	allRouters = "ff02000000000000 0000000000000002"
	nothing    = "0000000000000000 0000000000000000"
	padding    = "000000000000 000000000000 000000000000 # to 60 octets"
	nodeGroup  = "ff02000000000000 00000001ff0000aa"
)

func TestBuild(t *testing.T) {
	offer := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootReply, HWType: 1, ClientHWAddr: node[:], TransactionID: [4]byte{1, 2, 3, 4},
		YourIPAddr: []byte{10, 1, 0, 2}, Options: dhcpv4.OptionsFromList(dhcpv4.OptMessageType(dhcpv4.MessageTypeOffer))}
	for _, test := range []struct {
		name  string
		build func() ([]byte, error)
		want  []byte
	}{
		{"MAG-04 router advertisement (RFC 4861 section 4.2, RFC 6085)", func() ([]byte, error) {
			return gateway.RouterAdvertisement(node, Advertisement{RouterLifetime: 30 * time.Minute, MTU: 1400, Prefixes: []Prefix{
				{netip.MustParsePrefix("2001:db8:a::/64"), time.Hour}, {netip.MustParsePrefix("2001:db8:b::/64"), 0}}})
		}, octets(toNode, "86dd",
			"60000000 0060 3a ff # hop limit 255", gatewayIP6, allNodes6,
			"86 00 c906 # type, code, checksum",
			"40 00 0708 # hop limit, flags, router lifetime",
			"00000000 00000000 # reachable time, retransmission timer: nothing is said",
			"01 01 00005e005213 # source link-layer address",
			"05 01 0000 00000578 # MTU",
			"03 04 40 c0 00000e10 00000e10 00000000 20010db8000a0000 0000000000000000 # on-link, autonomous",
			"03 04 40 c0 00000000 00000000 00000000 20010db8000b0000 0000000000000000 # withdrawn")},
		{"echo request (RFC 4443 section 4.1)", func() ([]byte, error) { return gateway.EchoRequest(AllNodes) },
			octets(toAll, "86dd", "60000000 0008 3a ff", gatewayIP6, allNodes6, "80 00 d124 0000 0000")},
		{"multicast listener query (RFC 3810 section 5.1)", func() ([]byte, error) { return gateway.ListenerQuery(AllNodes) },
			octets(toAll, "86dd", "60000000 0024 00 01 # hop limit 1", gatewayIP6, allNodes6,
				"3a 00 05 02 0000 01 00 # hop-by-hop: router alert, padding",
				"82 00 cc92 0001 0000", nothing, "02 7d 0000")},
		{"neighbour solicitation (RFC 4861 section 4.3)", func() ([]byte, error) {
			return gateway.NeighbourSolicitation(node, netip.MustParseAddr("fe80::aa"))
		}, octets(toNode, "86dd", "60000000 0020 3a ff", gatewayIP6, nodeIP6, "87 00 19a6 00000000", nodeIP6, "01 01 00005e005213")},
		{"ARP reply (RFC 826)", func() ([]byte, error) {
			return gateway.ARPReply(node, netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.1.0.1"))
		}, octets(toNode, "0806", "0001 0800 06 04 0002", "00005e005213 0a010001", "0200000000aa 0a010002", padding)},
		{"ARP request (RFC 826)", func() ([]byte, error) {
			return gateway.ARPRequest(node, netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.1.0.2"))
		}, octets(toNode, "0806", "0001 0800 06 04 0001", "00005e005213 0a010001", "000000000000 0a010002", padding)},
		{"MAG-04 DHCPOFFER (RFC 2131)", func() ([]byte, error) {
			return gateway.DHCP(node, netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.1.0.2"), offer)
		}, octets(toNode, "0800",
			"45 00 0148 0000 0000 40 11 65a1 0a010001 0a010002 # 328 octets",
			"0043 0044 0134 e160 # ports 67 and 68",
			"02 01 06 00 01020304 0000 0000 00000000 0a010002 00000000 00000000 0200000000aa", strings.Repeat("00", 10+64+128),
			"63825363 35 01 02 ff", strings.Repeat("00", 300-244))},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.build()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, test.want) {
				t.Errorf("got\n%swant\n%s", hex.Dump(got), hex.Dump(test.want))
			}
		})
	}
}

func TestBuildFailsWithoutAddress(t *testing.T) {
	if b, err := (Gateway{}).EchoRequest(AllNodes); err == nil {
		t.Errorf("built %x from nobody", b)
	}
}

func TestLifetimes(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		-time.Second: 0, 999 * time.Millisecond: 0, time.Second: 1, Infinite: 0xffffffff, Infinite - 1: 0xfffffffe,
	} {
		if got := seconds(d); got != want {
			t.Errorf("%v is %#x, want %#x", d, got, want)
		}
	}
}

const dhcpDiscover = "01 01 06 00 01020304 0000 8000 00000000 00000000 00000000 00000000 020000000001"

func TestParse(t *testing.T) {
	node := dataplane.MAC{2, 0, 0, 0, 0, 1}
	fe80 := netip.MustParseAddr("fe80::aa")
	unspecified := netip.IPv6Unspecified()
	icmp := func(payload, hopLimit, source, destination string, fields ...string) []byte {
		return octets(append([]string{fromNode, "86dd 60000000", payload, "3a", hopLimit, source, destination}, fields...)...)
	}
	for _, test := range []struct {
		name string
		in   []byte
		want Frame
		err  string
	}{
		{"router solicitation", icmp("0008", "ff", nothing, allRouters, "85 00 7bb8 00000000"), Frame{Kind: RouterSolicitation, Source: unspecified}, ""},
		{"router solicitation with address", icmp("0010", "ff", nodeIP6, allRouters, "85 00 78da 00000000 01 01 0200000000aa"),
			Frame{Kind: RouterSolicitation, Source: fe80}, ""},
		{"router solicitation, padded by the card", icmp("0008", "ff", nothing, allRouters, "85 00 7bb8 00000000 000000000000"),
			Frame{Kind: RouterSolicitation, Source: unspecified}, ""},
		{"duplicate address detection", icmp("0018", "ff", nothing, nodeGroup, "87 00 7ad3 00000000", nodeIP6),
			Frame{Kind: NeighbourSolicitation, Source: unspecified, Target: fe80}, ""},
		{"neighbour advertisement", icmp("0020", "ff", nodeIP6, gatewayIP6, "88 00 650f 60000000", nodeIP6, "02 01 0200000000aa"),
			Frame{Kind: NeighbourAdvertisement, Source: fe80, Target: fe80}, ""},
		{"listener report, version 2", octets(fromNode, "86dd 60000000 0024 00 01", nothing, "ff02000000000000 0000000000000016",
			"3a 00 05 02 0000 01 00", "8f 00 6ee0 0000 0001 04 00 0000", nodeGroup), Frame{Kind: ListenerReport, Source: unspecified}, ""},
		{"listener report, version 1", icmp("0018", "01", nodeIP6, nodeGroup, "83 00 8024 0000 0000", nodeGroup), Frame{Kind: ListenerReport, Source: fe80}, ""},
		{"ARP request", octets(fromNode, "0806 0001 0800 06 04 0001 020000000001 0a010002 000000000000 0a010001"),
			Frame{Kind: ARPRequest, Source: netip.MustParseAddr("10.1.0.2"), Target: netip.MustParseAddr("10.1.0.1")}, ""},
		{"ARP reply", octets(fromNode, "0806 0001 0800 06 04 0002 020000000001 0a010002 00005e005213 0a010001"),
			Frame{Kind: ARPReply, Source: netip.MustParseAddr("10.1.0.2"), Target: netip.MustParseAddr("10.1.0.1")}, ""},
		{"DHCP", dhcpFrame(dhcpDiscover, "63825363 350101 ff"), Frame{Kind: DHCP}, ""},
		{"IPv4 data", octets(fromNode, "0800 45000014 00000000 4006 0000 0a010002 c0000201"), Frame{Kind: Data}, ""},
		{"IPv6 data", octets(fromNode, "86dd 60000000 0001 3b 40", nodeIP6, nodeIP6, "00"), Frame{Kind: Data}, ""},
		{"a bridge speaks", octets("0180c2000000 020000000001 0026 4242 03 0000"), Frame{Kind: Foreign}, ""},
		{"link layer discovery", octets("0180c200000e 020000000001 88cc 0000"), Frame{Kind: Foreign}, ""},

		{"cut in the header", octets("0180c200000e 0200"), Frame{}, "decode"},
		{"from a group", octets("00005e005213 030000000001 0800 45000014 00000000 4006 0000 0a010002 c0000201"), Frame{}, "not of one station"},
		{"from nobody", octets("00005e005213 000000000000 0800 45000014 00000000 4006 0000 0a010002 c0000201"), Frame{}, "not of one station"},
		{"IPv4 header cut", octets(fromNode, "0800 450000"), Frame{}, "decode"},
		{"checksum (RFC 4861 section 6.1.1)", icmp("0008", "ff", nothing, allRouters, "85 00 7bb9 00000000"), Frame{}, "checksum 7bb9, should be 7bb8"},
		{"hop limit (section 6.1.1)", icmp("0008", "fe", nothing, allRouters, "85 00 7bb8 00000000"), Frame{}, "hop limit"},
		{"code (section 6.1.1)", icmp("0008", "ff", nodeIP6, allRouters, "85 01 7c8c 00000000"), Frame{}, "code"},
		{"short (section 6.1.1)", icmp("0004", "ff", nodeIP6, allRouters, "85 00 7c91"), Frame{}, "ends early"},
		{"option without length (section 6.1.1)", icmp("0010", "ff", nodeIP6, allRouters, "85 00 7b85 00000000 01 00 000000000000"), Frame{}, "length 0"},
		{"link-layer address of nobody (section 6.1.1)", icmp("0010", "ff", nothing, allRouters, "85 00 7805 00000000 01 01 0200000000aa"),
			Frame{}, "unspecified"},
		{"target is a group (section 7.1.1)", icmp("0018", "ff", nodeIP6, gatewayIP6, "87 00 cae9 00000000", allNodes6), Frame{}, "multicast"},
		{"detection of another group (section 7.1.1)", icmp("0018", "ff", nothing, allNodes6, "87 00 7a7e 00000000", nodeIP6), Frame{}, "solicited-node"},
		{"solicited by a group (section 7.1.2)", icmp("0020", "ff", nodeIP6, allNodes6, "88 00 15a0 60000000", nodeIP6, "02 01 0200000000aa"),
			Frame{}, "to a group"},
		{"ARP of another hardware", octets(fromNode, "0806 0006 0800 06 04 0001 020000000001 0a010002 000000000000 0a010001"), Frame{}, "arp"},
		{"ARP operation", octets(fromNode, "0806 0001 0800 06 04 0003 020000000001 0a010002 000000000000 0a010001"), Frame{}, "operation 3"},
		{"DHCP reply", dhcpFrame(strings.Replace(dhcpDiscover, "01", "02", 1), "63825363 350102 ff"), Frame{}, "reply"},
		{"DHCP magic", dhcpFrame(dhcpDiscover, "63825364 350101 ff"), Frame{}, "dhcp"},
		{"DHCP option beyond its end", dhcpFrame(dhcpDiscover, "63825363 3505 01"), Frame{}, "dhcp"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := NewParser().Parse(test.in)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("read as %+v, error %v, want one of %q", got, err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if (got.DHCP != nil) != (test.want.Kind == DHCP) {
				t.Errorf("DHCP message: %v", got.DHCP)
			}
			test.want.From, test.want.To = node, dataplane.MAC(test.in[:6])
			if got.DHCP = nil; got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// dhcpFrame carries a message whose first part is given up to the hardware address, and whose options are.
func dhcpFrame(head, options string) []byte {
	body := octets(head, strings.Repeat("00", 10+64+128), options)
	b := octets("ffffffffffff 020000000001 0800 4500 0000 0000 0000 4011 0000 00000000 ffffffff", "0044 0043 0000 0000")
	b[16], b[17] = byte((28+len(body))>>8), byte(28+len(body))
	b[38], b[39] = byte((8+len(body))>>8), byte(8+len(body))
	return append(b, body...)
}

// A parser's memory shows nothing of an earlier frame in a later one.
func TestParserForgets(t *testing.T) {
	p := NewParser()
	if _, err := p.Parse(dhcpFrame(dhcpDiscover, "63825363 350101 ff")); err != nil {
		t.Fatal(err)
	}
	f, err := p.Parse(octets(fromNode, "86dd 60000000 0001 3b 40", nodeIP6, nodeIP6, "00"))
	if err != nil || f.Kind != Data || f.DHCP != nil || f.Source.IsValid() {
		t.Errorf("read as %+v, %v", f, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, build := range []func() ([]byte, error){
		func() ([]byte, error) { return gateway.RouterAdvertisement(node, Advertisement{MTU: 1400}) },
		func() ([]byte, error) { return gateway.ListenerQuery(AllNodes) },
		func() ([]byte, error) { return gateway.NeighbourSolicitation(node, netip.MustParseAddr("fe80::aa")) },
	} {
		b, err := build()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(dhcpFrame(dhcpDiscover, "63825363 350101 ff"))
	f.Add(octets(fromNode, "0806 0001 0800 06 04 0001 020000000001 0a010002 000000000000 0a010001"))
	used := NewParser()
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		got, err := used.Parse(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the parser writes into the frame")
		}
		again, errAgain := NewParser().Parse(b)
		if (err == nil) != (errAgain == nil) || got.Kind != again.Kind || got.Source != again.Source || got.Target != again.Target {
			t.Fatalf("a used parser reads %+v, %v; a new one %+v, %v", got, err, again, errAgain)
		}
		if err == nil && (got.DHCP != nil) != (got.Kind == DHCP) {
			t.Fatalf("%+v", got)
		}
	})
}
