package wire

import (
	"net/netip"
	"strings"
	"testing"
)

func TestIdentityOptions(t *testing.T) {
	for _, c := range []optionCase{
		{"NAI", "08 07" + // type, length
			"01" + // subtype
			"6d 6e 40 61 2e 62", // mn@a.b
			0, 0, Options{MNID: Some(MNID{IDNAI, []byte("mn@a.b")})}},
		{"empty identifier of a rejection", "08 01 01", 0, 0, Options{MNID: Some(MNID{IDNAI, []byte{}})}},
		{"octets that are no NAI", "08 04 01 ff 00 20", 0, 0, Options{MNID: Some(MNID{IDNAI, []byte{0xff, 0, 0x20}})}},
		{"unknown subtype", "08 03 00 ab cd", 0, 0, Options{MNID: Some(MNID{0, []byte{0xab, 0xcd}})}},
		{"MAG identifier", "40 06" +
			"01" + // subtype
			"00" + // reserved
			"6d 40 61 62", // m@ab
			0, 0, Options{MAGID: Some(MAGID{IDNAI, []byte("m@ab")})}},
		{"link-layer identifier", "19 08" +
			"0000" + // reserved
			"02 00 00 00 00 aa", // MAC address
			0, 0, Options{LinkLayerID: Some(LinkLayerID{2, 0, 0, 0, 0, 0xaa})}},
		{"no link-layer identifier", "19 02 0000", 0, 0, Options{LinkLayerID: Some(LinkLayerID{})}},
		{"service selection", "14 03 61 70 6e", 0, 0, Options{ServiceSelection: Some(ServiceSelection("apn"))}},
		{"group", "32 06" +
			"01" + // sub-type
			"00" + // reserved
			"00000001", // all sessions
			0, 0, Options{Groups: []MNGroup{{GroupBulk, GroupAllSessions}}}},
		{"two groups", "32 06 01 00 00000001" + "32 06 02 00 12345678", 0, 0,
			Options{Groups: []MNGroup{{1, 1}, {2, 0x12345678}}}},
		{"vendor", "13 08" +
			"00007ed9" + // enterprise 32473
			"01" + // sub-type
			"deadbe",
			4, 2, Options{Vendor: []VendorOption{{32473, 1, []byte{0xde, 0xad, 0xbe}}}}},
		{"vendor without data", "13 05 000028af 07", 4, 2,
			Options{Vendor: []VendorOption{{Enterprise3GPP, Vendor3GPPChargingID, []byte{}}}}},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"identifier without subtype", "08 00", KindOptionLength, 1},
		{"MAG identifier without reserved", "40 01 01", KindOptionLength, 1},
		{"link-layer identifier without reserved", "19 01 00", KindOptionLength, 1},
		{"empty service", "14 00", KindOptionLength, 1},
		{"short group", "32 05 01 00 000000", KindOptionLength, 1},
		{"long group", "32 07 01 00 00000001 00", KindOptionLength, 1},
		{"short vendor", "13 04 00000001", KindOptionLength, 1},
	} {
		c.run(t)
	}
	refusal(t, "identifier of 255 octets", Options{MNID: Some(MNID{IDNAI, make([]byte, 255)})})
	refusal(t, "MAG identifier of 254 octets", Options{MAGID: Some(MAGID{IDNAI, make([]byte, 254)})})
	refusal(t, "empty service", Options{ServiceSelection: Some(ServiceSelection{})})
	refusal(t, "vendor data of 251 octets", Options{Vendor: []VendorOption{{Data: make([]byte, 251)}}})
}

func TestAccessOptions(t *testing.T) {
	for _, c := range []optionCase{
		{"handoff indicator", "17 02" +
			"00" + // reserved
			"04", // unknown
			0, 0, Options{Handoff: Some(HandoffUnknown)}},
		{"handoff indicator 0", "17 02 00 00", 0, 0, Options{Handoff: Some(HandoffReserved)}},
		{"unassigned handoff indicator", "17 02 00 ff", 0, 0, Options{Handoff: Some(Handoff(255))}},
		{"access type", "18 02" +
			"00" + // reserved
			"04", // 802.11
			0, 0, Options{AccessType: Some(Access80211)}},
		{"link-local address", "1a 10" +
			"fe80000000000000 02005efffe005213",
			8, 6, Options{LinkLocal: Some(netip.MustParseAddr("fe80::200:5eff:fe00:5213"))}},
		{"link-local address asked for", "1a 10" + "0000000000000000 0000000000000000",
			8, 6, Options{LinkLocal: Some(netip.IPv6Unspecified())}},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"short handoff indicator", "17 01 04", KindOptionLength, 1},
		{"long handoff indicator", "17 03 00 04 00", KindOptionLength, 1},
		{"short access type", "18 01 04", KindOptionLength, 1},
		{"short link-local address", "1a 0f 000000000000000000000000000000", KindOptionLength, 1},
		{"long link-local address", "1a 11 0000000000000000000000000000000000", KindOptionLength, 1},
	} {
		c.run(t)
	}
	refusal(t, "IPv4 link-local address", Options{LinkLocal: Some(netip.MustParseAddr("169.254.0.1"))})
	refusal(t, "no link-local address", Options{LinkLocal: Some(netip.Addr{})})
}

func TestPrefixOptions(t *testing.T) {
	prefix := netip.MustParsePrefix
	for _, c := range []optionCase{
		{"home network prefix", "16 12" +
			"00" + // flags
			"40" + // length 64
			"20010db8000a0001 0000000000000000",
			8, 4, Options{HNPs: []HNP{{Prefix: prefix("2001:db8:a:1::/64")}}}},
		{"off-link", "16 12 80 40 20010db8000a0001 0000000000000000",
			8, 4, Options{HNPs: []HNP{{prefix("2001:db8:a:1::/64"), true}}}},
		{"asked for", "16 12 00 00 0000000000000000 0000000000000000",
			8, 4, Options{HNPs: []HNP{{Prefix: prefix("::/0")}}}},
		{"bits behind the prefix", "16 12 00 40 20010db8000a0001 00000000000000aa",
			8, 4, Options{HNPs: []HNP{{Prefix: prefix("2001:db8:a:1::aa/64")}}}},
		{"length 128 of a value of 64", "16 12 00 80 20010db8000a0001 0000000000000000",
			8, 4, Options{HNPs: []HNP{{Prefix: prefix("2001:db8:a:1::/128")}}}},
		{"two", "16 12 00 40 20010db8000a0001 0000000000000000" + "01 02 0000" +
			"16 12 00 38 20010db8000a0200 0000000000000000",
			8, 4, Options{HNPs: []HNP{{Prefix: prefix("2001:db8:a:1::/64")}, {Prefix: prefix("2001:db8:a:200::/56")}}}},
		{"mobile network prefix", "06 12" +
			"00" + // reserved
			"30" + // length 48
			"20010db8000d0000 0000000000000000",
			8, 4, Options{MobileNetworks: []netip.Prefix{prefix("2001:db8:d::/48")}}},
		{"delegated IPv6 prefix", "37 12" +
			"00" + // V clear
			"38" + // length 56
			"20010db8000d0100 0000000000000000",
			8, 2, Options{DMNPs: []DMNP{{prefix("2001:db8:d:100::/56")}}}},
		{"delegated IPv4 prefix", "37 06" +
			"80" + // V
			"1c" + // length 28
			"cb007180",
			8, 2, Options{DMNPs: []DMNP{{prefix("203.0.113.128/28")}}}},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"home network prefix of 17 octets", "16 11 00 40 20010db8000a0001 00000000000000", KindOptionLength, 1},
		{"home network prefix of 19 octets", "16 13 00 40 20010db8000a0001 0000000000000000 00", KindOptionLength, 1},
		{"home network prefix length 129", "16 12 00 81 20010db8000a0001 0000000000000000", KindOptionContent, 3},
		{"mobile network prefix of 6 octets", "06 06 00 20 20010db8", KindOptionLength, 1},
		{"mobile network prefix length 255", "06 12 00 ff 20010db8000a0001 0000000000000000", KindOptionContent, 3},
		{"empty delegated prefix", "37 00", KindOptionLength, 1},
		{"delegated IPv4 prefix in 16 octets", "37 12 80 38 20010db8000d0100 0000000000000000", KindOptionLength, 1},
		{"delegated IPv6 prefix in 4 octets", "37 06 00 1c cb007180", KindOptionLength, 1},
		{"delegated IPv4 prefix length 33", "37 06 80 21 cb007180", KindOptionContent, 3},
		{"delegated IPv6 prefix length 129", "37 12 00 81 20010db8000d0100 0000000000000000", KindOptionContent, 3},
	} {
		c.run(t)
	}
	refusal(t, "IPv4 home network prefix", Options{HNPs: []HNP{{Prefix: prefix("10.0.0.0/8")}}})
	refusal(t, "no home network prefix", Options{HNPs: []HNP{{}}})
	refusal(t, "home network prefix of bad length", Options{HNPs: []HNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 129)}}})
	refusal(t, "IPv4 mobile network prefix", Options{MobileNetworks: []netip.Prefix{prefix("10.0.0.0/8")}})
	refusal(t, "no delegated prefix", Options{DMNPs: []DMNP{{}}})
}

func TestIPv4Options(t *testing.T) {
	prefix := netip.MustParsePrefix
	for _, c := range []optionCase{
		{"home address request", "24 06" +
			"6000" + // length 24 in the top six bits
			"cb00710a",
			4, 0, Options{IPv4HoARequests: []IPv4HoARequest{{prefix("203.0.113.10/24")}}}},
		{"home address asked for", "24 06 0000 00000000",
			4, 0, Options{IPv4HoARequests: []IPv4HoARequest{{prefix("0.0.0.0/0")}}}},
		{"two requests", "24 06 0000 00000000" + "24 06 8000 cb00710a",
			4, 0, Options{IPv4HoARequests: []IPv4HoARequest{{prefix("0.0.0.0/0")}, {prefix("203.0.113.10/32")}}}},
		{"home address reply", "25 06" +
			"81" + // status 129
			"60" + // length 24 in the top six bits
			"cb00710a",
			4, 0, Options{IPv4HoAReply: Some(IPv4HoAReply{HoAProhibited, prefix("203.0.113.10/24")})}},
		{"default router", "26 06" +
			"0000" + // reserved
			"cb007101",
			4, 0, Options{DefaultRouter: Some(netip.MustParseAddr("203.0.113.1"))}},
		{"DHCP server", "27 02" +
			"0001", // S
			0, 0, Options{DHCPMode: Some(DHCPServer)}},
		{"DHCP relay", "27 02 0000", 0, 0, Options{DHCPMode: Some(DHCPRelay)}},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"short request", "24 05 6000 cb0071", KindOptionLength, 1},
		{"request for length 33", "24 06 8400 cb00710a", KindOptionContent, 2},
		{"long reply", "25 07 00 60 cb00710a 00", KindOptionLength, 1},
		{"reply of length 63", "25 06 00 fc cb00710a", KindOptionContent, 3},
		{"short router", "26 04 cb007101", KindOptionLength, 1},
		{"short DHCP mode", "27 01 01", KindOptionLength, 1},
	} {
		c.run(t)
	}
	refusal(t, "request for an IPv6 address", Options{IPv4HoARequests: []IPv4HoARequest{{prefix("2001:db8::/32")}}})
	refusal(t, "request for nothing", Options{IPv4HoARequests: []IPv4HoARequest{{}}})
	refusal(t, "reply of an IPv6 address", Options{IPv4HoAReply: Some(IPv4HoAReply{Prefix: prefix("2001:db8::/32")})})
	refusal(t, "IPv6 router", Options{DefaultRouter: Some(netip.MustParseAddr("2001:db8::1"))})
	refusal(t, "DHCP mode 2", Options{DHCPMode: Some(DHCPMode(2))})
}

func TestTunnelOptions(t *testing.T) {
	for _, c := range []optionCase{
		{"GRE key", "21 06" +
			"0000" + // reserved
			"00112233",
			4, 0, Options{GREKey: Some(GREKey{true, 0x00112233})}},
		{"GRE key 0", "21 06 0000 00000000", 4, 0, Options{GREKey: Some(GREKey{Keyed: true})}},
		{"GRE without a key", "21 02 0000", 4, 0, Options{GREKey: Some(GREKey{})}},
		{"NAT detection", "1f 06" +
			"8000" + // F
			"0000006e", // 110 s
			4, 0, Options{NATDetection: Some(NATDetection{true, 110})}},
		{"NAT detection, no keepalive", "1f 06 0000 ffffffff", 4, 0, Options{NATDetection: Some(NATDetection{false, NoKeepalive})}},
		{"alternate care-of address", "03 10" +
			"20010db800020000 0000000000000001",
			8, 6, Options{AltCareOf: Some(netip.MustParseAddr("2001:db8:2::1"))}},
		{"alternate IPv4 care-of address", "31 04" +
			"c0000201",
			4, 2, Options{AltIPv4CareOf: Some(netip.MustParseAddr("192.0.2.1"))}},
		{"user plane addresses", "3b 12" +
			"0000" + // reserved
			"20010db800020000 0000000000000001" +
			"01 02 0000" +
			"3b 06" +
			"0000" +
			"c6336401" +
			"3b 02 0000", // any address
			8, 2, Options{UserPlane: []netip.Addr{netip.MustParseAddr("2001:db8:2::1"), netip.MustParseAddr("198.51.100.1"), {}}}},
		{"multipath binding", "3f 06" +
			"08" + // access type
			"0b" + // label
			"01" + // binding identifier
			"40" + // O
			"0000", // reserved
			0, 0, Options{MultipathBinding: Some(MultipathBinding{AccessType: AccessEUTRAN, Label: 11, BID: 1, Overwrite: true})}},
		{"bulk multipath binding", "3f 06 04 09 fe 80 0000", 0, 0,
			Options{MultipathBinding: Some(MultipathBinding{AccessType: Access80211, Label: 9, BID: 254, Bulk: true})}},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"short GRE key", "21 05 0000 001122", KindOptionLength, 1},
		{"empty GRE key", "21 00", KindOptionLength, 1},
		{"short NAT detection", "1f 02 8000", KindOptionLength, 1},
		{"IPv4 as alternate care-of address", "03 04 c0000201", KindOptionLength, 1},
		{"IPv6 as alternate IPv4 care-of address", "31 10 20010db800020000 0000000000000001", KindOptionLength, 1},
		{"short user plane address", "3b 05 0000 c63364", KindOptionLength, 1},
		{"short multipath binding", "3f 05 08 0b 01 40 00", KindOptionLength, 1},
	} {
		c.run(t)
	}
	refusal(t, "IPv4 alternate care-of address", Options{AltCareOf: Some(netip.MustParseAddr("192.0.2.1"))})
	refusal(t, "IPv6 alternate IPv4 care-of address", Options{AltIPv4CareOf: Some(netip.MustParseAddr("2001:db8::1"))})
}

func TestTimeOptions(t *testing.T) {
	for _, c := range []optionCase{
		{"timestamp", "1b 08" +
			"000067748580" + // 2025-01-01T00:00:00Z
			"8000", // half a second
			8, 2, Options{Timestamp: Some(Timestamp(0x0000_6774_8580_8000))}},
		{"timestamp of 0", "1b 08 000000000000 0000", 8, 2, Options{Timestamp: Some(Timestamp(0))}},
		{"message identifier", "0a 08" +
			"eb1f0400" + // seconds since 1900
			"80000000", // half a second
			8, 2, Options{MessageID: Some(NTPTimestamp(0xeb1f0400_80000000))}},
		{"binding refresh advice", "02 02" +
			"004b", // 75 units of 4 s
			2, 0, Options{RefreshAdvice: Some(Lifetime(75))}},
		{"restart counter", "1c 04" +
			"00000003",
			4, 2, Options{RestartCounter: Some(uint32(3))}},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"short timestamp", "1b 07 00006774858080", KindOptionLength, 1},
		{"long timestamp", "1b 09 000067748580800000", KindOptionLength, 1},
		{"short message identifier", "0a 04 eb1f8f80", KindOptionLength, 1},
		{"short refresh advice", "02 01 4b", KindOptionLength, 1},
		{"short restart counter", "1c 02 0003", KindOptionLength, 1},
	} {
		c.run(t)
	}
}

func TestRedirectOptions(t *testing.T) {
	for _, c := range []optionCase{
		{"redirect capability", "2e 02 0000", 4, 0, Options{RedirectCapability: Some(RedirectCapability{})}},
		{"redirect to IPv6", "2f 12" +
			"8000" + // K
			"20010db8ffff0000 0000000000000002",
			4, 0, Options{Redirect: Some(netip.MustParseAddr("2001:db8:ffff::2"))}},
		{"redirect to IPv4", "2f 06" +
			"4000" + // N
			"c6336402",
			4, 0, Options{Redirect: Some(netip.MustParseAddr("198.51.100.2"))}},
		{"load information", "30 12" +
			"0007" + // priority
			"00000064" + // sessions in use
			"0001f400" + // most sessions
			"000003e8" + // kB/s used
			"000f4240", // most kB/s
			4, 0, Options{Load: Some(LoadInformation{7, 100, 128000, 1000, 1000000})}},
		{"offload selector", "35 0a" +
			"80 000000" + // M, reserved
			"03 04" + // traffic selector sub-option
			"01 00" + // format, reserved
			"abcd",
			4, 0, Options{OffloadSelector: Some(OffloadSelector{true, []byte{3, 4, 1, 0, 0xab, 0xcd}})}},
		{"offload selector without sub-options", "35 04 00000000", 4, 0,
			Options{OffloadSelector: Some(OffloadSelector{SubOptions: []byte{}})}},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"long redirect capability", "2e 04 00000000", KindOptionLength, 1},
		{"empty redirect", "2f 00", KindOptionLength, 1},
		{"redirect to neither", "2f 06 0000 c6336402", KindOptionContent, 2},
		{"redirect to both", "2f 16 c000 20010db8ffff0000 0000000000000002 c6336402", KindOptionContent, 2},
		{"redirect K of 4 octets", "2f 06 8000 c6336402", KindOptionLength, 1},
		{"redirect N of 16 octets", "2f 12 4000 20010db8ffff0000 0000000000000002", KindOptionLength, 1},
		{"short load information", "30 10 0007 00000064 0001f400 000003e8 000f", KindOptionLength, 1},
		{"short offload selector", "35 03 000000", KindOptionLength, 1},
	} {
		c.run(t)
	}
	refusal(t, "redirect to nowhere", Options{Redirect: Some(netip.Addr{})})
}

func TestAuthOptions(t *testing.T) {
	mac := [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for _, c := range []optionCase{
		{"MN-HA", "09 11" +
			"01" + // subtype
			"00000100" + // SPI 256
			"0102030405060708090a0b0c",
			8, 5, Options{Auth: []AuthOption{{AuthMNHA, 256, mac}}}},
		{"MN-HA and MN-AAA", "09 11 01 00000100 0102030405060708090a0b0c" + "01 03 000000" +
			"09 11 02 00000003 0102030405060708090a0b0c",
			8, 5, Options{Auth: []AuthOption{{AuthMNHA, 256, mac}, {AuthMNAAA, 3, mac}}}},
		{"longer authenticator of another subtype", "09 19 02 00000003 0102030405060708090a0b0c0d0e0f1011121314",
			8, 5, Options{Extra: []RawOption{{OptionAuth, octets(t, "02 00000003 0102030405060708090a0b0c0d0e0f1011121314")}}}},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"short MN-HA", "09 10 01 00000100 0102030405060708090a0b", KindOptionLength, 1},
		{"long MN-HA", "09 12 01 00000100 0102030405060708090a0b0c0d", KindOptionLength, 1},
		{"no SPI", "09 04 02 000000", KindOptionLength, 1},
	} {
		c.run(t)
	}
}

func TestOtherOptions(t *testing.T) {
	for _, c := range []optionCase{
		{"unknown", "c8 03 61 62 63", 0, 0, Options{Extra: []RawOption{{200, []byte("abc")}}}},
		{"empty", "ff 00", 0, 0, Options{Extra: []RawOption{{255, []byte{}}}}},
		{"of host-based mobility", "1d 06 6000 cb00710a", 4, 0,
			Options{Extra: []RawOption{{OptionDSMIPv4HomeAddress, octets(t, "6000 cb00710a")}}}},
		{"second of a kind", "17 02 00 04" + "17 02 00 05", 0, 0,
			Options{Handoff: Some(HandoffUnknown), Extra: []RawOption{{OptionHandoff, []byte{0, 5}}}}},
	} {
		c.run(t)
	}
	refusal(t, "Pad1 as an option", Options{Extra: []RawOption{{OptionPad1, nil}}})
	refusal(t, "PadN as an option", Options{Extra: []RawOption{{OptionPadN, nil}}})
	refusal(t, "256 octets", Options{Extra: []RawOption{{200, make([]byte, 256)}}})
}

func TestAppendService(t *testing.T) {
	const name = "internet.mnc015"
	for inLabels, want := range map[bool]string{false: name, true: "\x08internet\x06mnc015"} {
		service := AppendService(nil, name, inLabels)
		if string(service) != want || service.Name() != name || !service.Is(name) || service.Is("internet") {
			t.Errorf("in labels %t: %q, called %q", inLabels, service, service.Name())
		}
	}
}

func TestServiceName(t *testing.T) {
	for service, want := range map[string]string{
		"internet": "internet", "voip.companyxyz.example.com": "voip.companyxyz.example.com", "ünïcode": "ünïcode",
		"\x08internet":                           "internet",
		"\x08internet\x06mnc015\x06mcc234":       "internet.mnc015.mcc234",
		"\x02ims":                                "0x02696d73", // a label without end
		"\x04web\x00":                            "0x0477656200",
		"\x03web\x00":                            "0x0377656200", // a label without octets
		"\x07web.com":                            "0x077765622e636f6d",
		"\x03w\x01b":                             "0x03770162",
		"two words":                              "0x74776f20776f726473",
		"\xff\xfe":                               "0xfffe",
		"0" + strings.Repeat("a", '0'):           "0" + strings.Repeat("a", '0'), // text, though it could be a label
		"\x20" + strings.Repeat("a", 32):         strings.Repeat("a", 32),
		"\x01a" + "0" + strings.Repeat("b", '0'): "a." + strings.Repeat("b", '0'),
	} {
		if got := ServiceSelection(service).Name(); got != want {
			t.Errorf("%q is called %q, want %q", service, got, want)
		}
	}
}
