package wire

import (
	"net/netip"
	"slices"
	"testing"
)

// everything is a message with each option there is a field for, some of them twice.
func everything() *BindingUpdate {
	address6, address4 := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")
	prefix6, prefix4 := netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("192.0.2.0/24")
	return &BindingUpdate{Options: Options{
		MNID:               Some(MNID{IDNAI, []byte("mn")}),
		ServiceSelection:   Some(ServiceSelection("apn")),
		HNPs:               []HNP{{Prefix: prefix6}, {Prefix: prefix6}},
		Handoff:            Some(HandoffUnknown),
		AccessType:         Some(Access80211),
		LinkLayerID:        Some(LinkLayerID{1, 2, 3, 4, 5, 6}),
		LinkLocal:          Some(address6),
		RefreshAdvice:      Some(Lifetime(1)),
		AltCareOf:          Some(address6),
		MobileNetworks:     []netip.Prefix{prefix6, prefix6},
		RestartCounter:     Some(uint32(1)),
		GREKey:             Some(GREKey{true, 1}),
		NATDetection:       Some(NATDetection{true, 1}),
		IPv4HoARequests:    []IPv4HoARequest{{prefix4}, {prefix4}},
		IPv4HoAReply:       Some(IPv4HoAReply{HoASuccess, prefix4}),
		DefaultRouter:      Some(address4),
		DHCPMode:           Some(DHCPServer),
		RedirectCapability: Some(RedirectCapability{}),
		Redirect:           Some(address6),
		Load:               Some(LoadInformation{1, 2, 3, 4, 5}),
		AltIPv4CareOf:      Some(address4),
		Groups:             []MNGroup{{GroupBulk, 1}, {2, 1}},
		ANI:                Some(ANI{Network: Some(NetworkID{true, []byte("ssid"), []byte{}})}),
		OffloadSelector:    Some(OffloadSelector{SubOptions: []byte{}}),
		DMNPs:              []DMNP{{prefix6}, {prefix4}},
		QoS:                []QoS{{SRID: 1}, {SRID: 2, MaxUp: Some(uint32(1))}},
		UserPlane:          []netip.Addr{address6, address4},
		MultipathBinding:   Some(MultipathBinding{BID: 1}),
		MAGID:              Some(MAGID{IDNAI, []byte("mag")}),
		LCMP:               Some(LCMP{Heartbeat: Some(HeartbeatControl{60, 5, 3})}),
		Vendor:             []VendorOption{{1, 1, []byte{1}}, {1, 2, []byte{2}}},
		Extra:              []RawOption{{OptionDSMIPv4HomeAddress, make([]byte, 6)}, {OptionMAGAddress, make([]byte, 16)}, {200, []byte{1}}},
		Timestamp:          Some(Timestamp(1)),
		MessageID:          Some(NTPTimestamp(1)),
		Auth:               []AuthOption{{Subtype: AuthMNHA}},
	}}
}

func TestCanonicalForm(t *testing.T) {
	// The alignment that each document asks for; what is not here needs none. Option 9 may be at any 4n+1.
	aligned := map[OptionType][2]int{
		2: {2, 0}, 3: {8, 6}, 6: {8, 4}, 9: {4, 1}, 10: {8, 2}, 19: {4, 2}, 22: {8, 4}, 26: {8, 6}, 27: {8, 2}, 28: {4, 2},
		29: {4, 0}, 31: {4, 0}, 33: {4, 0}, 36: {4, 0}, 37: {4, 0}, 38: {4, 0}, 46: {4, 0}, 47: {4, 0}, 48: {4, 0}, 49: {4, 2},
		51: {8, 4}, 52: {4, 0}, 53: {4, 0}, 55: {8, 2}, 58: {4, 0}, 59: {8, 2}, 62: {4, 2},
	}
	mh, err := everything().AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var order []OptionType
	padded := false
	for off := 12; off < len(mh); {
		o := OptionType(mh[off])
		n := 1
		if o != OptionPad1 {
			n = 2 + int(mh[off+1])
		}
		if o <= OptionPadN {
			if padded || n > 7 {
				t.Errorf("padding at %d could be shorter", off)
			}
			padded = true
		} else {
			padded = false
			order = append(order, o)
			if a, ok := aligned[o]; ok && off%a[0] != a[1] {
				t.Errorf("option %d (%v) is at %d, want %dn+%d", o, o, off, a[0], a[1])
			}
		}
		off += n
	}
	if padded || order[len(order)-1] != OptionAuth {
		t.Errorf("the message ends with %v, padding: %v; want it to end with the authentication", order[len(order)-1], padded)
	}
	if order[0] != OptionMNID || order[1] != OptionServiceSelection {
		t.Errorf("the message begins with %v; want the identifier and the service", order[:2])
	}
	// Every field was written: the table of options has an entry for each.
	for i := range optionTable.fields {
		if n := optionTable.fields[i].number; n != 0 && !slices.Contains(order, OptionType(n)) {
			t.Errorf("option %d (%v) is missing", n, OptionType(n))
		}
	}
	bothWays(t, mh, everything())
}

// What the helpers of single values say.
func TestPredicates(t *testing.T) {
	for what, right := range map[string]bool{
		"unspecified prefix of any length": HNP{Prefix: netip.MustParsePrefix("::/64")}.IsUnspecified(),
		"unspecified delegated prefix":     DMNP{netip.MustParsePrefix("0.0.0.0/0")}.IsUnspecified(),
		"unspecified home address":         IPv4HoARequest{netip.MustParsePrefix("0.0.0.0/24")}.IsUnspecified(),
		"prefix":                           !HNP{Prefix: netip.MustParsePrefix("2001:db8::/64")}.IsUnspecified(),
		"delegated prefix":                 !DMNP{netip.MustParsePrefix("192.0.2.0/24")}.IsUnspecified(),
		"home address":                     !IPv4HoARequest{netip.MustParsePrefix("192.0.2.1/24")}.IsUnspecified(),
		"status 127":                       Status(127).Accepted() && HoAStatus(127).Accepted() && RevocationStatus(127).Accepted() && UpdateStatus(127).Accepted(),
		"status 128":                       !Status(128).Accepted() && !HoAStatus(128).Accepted() && !RevocationStatus(128).Accepted() && !UpdateStatus(128).Accepted(),
	} {
		if !right {
			t.Errorf("%s: wrong", what)
		}
	}
}

func TestOpt(t *testing.T) {
	var none Opt[Handoff]
	if none.Set || none.Or(HandoffUnknown) != HandoffUnknown {
		t.Errorf("the zero value is %v", none)
	}
	if some := Some(HandoffReserved); !some.Set || some.Or(HandoffUnknown) != HandoffReserved {
		t.Errorf("Some is %v", some)
	}
}
