package wire

import (
	"math"
	"testing"
)

func TestANI(t *testing.T) {
	ani := func(a ANI) Options { return Options{ANI: Some(a)} }
	for _, c := range []optionCase{
		{"network", "34 11" +
			"01 0f" + // network identifier
			"80" + // E
			"08 6c 61 62 2d 73 73 69 64" + // lab-ssid
			"04 61 70 2d 31", // ap-1
			4, 0, ani(ANI{Network: Some(NetworkID{true, []byte("lab-ssid"), []byte("ap-1")})})},
		{"network alone", "34 06 01 04 00 01 61 00", 4, 0, ani(ANI{Network: Some(NetworkID{false, []byte("a"), []byte{}})})},
		{"location", "34 08" +
			"02 06" + // geo-location
			"168000" + // 45 degrees north
			"c40000", // 120 degrees west
			4, 0, ani(ANI{Location: Some(GeoLocation{45, -120})})},
		{"operator", "34 07" +
			"03 05" + // operator identifier
			"02" + // realm
			"61 2e 62 63", // a.bc
			4, 0, ani(ANI{Operator: Some(OperatorID{OperatorRealm, []byte("a.bc")})})},
		{"civic location", "34 06" +
			"04 04" + // civic location
			"00" + // format
			"00" + // reserved
			"44 45", // DE
			4, 0, ani(ANI{Civic: Some(CivicLocation{0, []byte("DE")})})},
		{"MAG group and timer", "34 08" +
			"05 02 1234" + // group
			"06 02 000f", // 60 s
			4, 0, ani(ANI{MAGGroup: Some(uint16(0x1234)), UpdateTimer: Some(Lifetime(15))})},
		{"MAG group of three octets", "34 05 05 03 123456", 4, 0, ani(ANI{Extra: []RawOption{{5, []byte{0x12, 0x34, 0x56}}}})},
		{"unknown sub-options", "34 06 00 01 aa ff 01 bb", 4, 0, ani(ANI{Extra: []RawOption{{0, []byte{0xaa}}, {255, []byte{0xbb}}}})},
		{"empty", "34 00", 4, 0, ani(ANI{})},
		{"second option", "34 00" + "01 00" + "34 02 06 00", 4, 0,
			Options{ANI: Some(ANI{}), Extra: []RawOption{{OptionANI, []byte{6, 0}}}}},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"sub-option overrun", "34 03 06 02 00", KindOptionContent, 3},
		{"sub-option without length", "34 01 06", KindOptionContent, 2},
		{"short network", "34 04 01 02 80 01", KindOptionContent, 3},
		{"empty network name", "34 05 01 03 80 00 00", KindOptionContent, 5},
		{"network name overrun", "34 06 01 04 80 02 61 62", KindOptionContent, 5},
		{"access point overrun", "34 06 01 04 80 01 61 01", KindOptionContent, 7},
		{"octets behind the access point", "34 07 01 05 80 01 61 00 62", KindOptionContent, 7},
		{"short location", "34 07 02 05 1680 00c4 00", KindOptionContent, 3},
		{"operator without identifier", "34 03 03 01 02", KindOptionContent, 3},
		{"short civic location", "34 03 04 01 00", KindOptionContent, 3},
		{"short timer", "34 03 06 01 0f", KindOptionContent, 3},
	} {
		c.run(t)
	}
	refusal(t, "no network name", ani(ANI{Network: Some(NetworkID{AccessPoint: []byte("ap")})}))
	refusal(t, "network name of 256 octets", ani(ANI{Network: Some(NetworkID{Name: make([]byte, 256)})}))
	refusal(t, "access point of 250 octets", ani(ANI{Network: Some(NetworkID{Name: []byte("a"), AccessPoint: make([]byte, 250)})}))
	refusal(t, "256 degrees", ani(ANI{Location: Some(GeoLocation{Latitude: 256})}))
	refusal(t, "not a number", ani(ANI{Location: Some(GeoLocation{Longitude: math.NaN()})}))
	refusal(t, "no operator", ani(ANI{Operator: Some(OperatorID{Kind: OperatorRealm})}))
	refusal(t, "sub-option of 254 octets", ani(ANI{Extra: []RawOption{{9, make([]byte, 254)}}}))
}

func TestQoS(t *testing.T) {
	qos := func(q ...QoS) Options { return Options{QoS: q} }
	for _, c := range []optionCase{
		{"request without attributes", "3a 06" +
			"00" + // service request identifier
			"b8" + // DSCP 46
			"01" + // allocate
			"000000", // reserved
			4, 0, qos(QoS{DSCP: 46, Op: QoSAllocate})},
		{"per-node and per-session rates", "3a 26" +
			"07 00 03 000000" +
			"01 06 0000 000f4240" + // node, down
			"02 06 0000 0007a120" + // node, up
			"03 06 8000 000f4240" + // session, down; S
			"04 06 4000 0007a120", // session, up; E
			4, 0, qos(QoS{SRID: 7, Op: QoSModify,
				PerMNMaxDown:      Some(uint32(1000000)),
				PerMNMaxUp:        Some(uint32(500000)),
				PerSessionMaxDown: Some(SessionRate{Rate: 1000000, Service: true}),
				PerSessionMaxUp:   Some(SessionRate{Rate: 500000, Exclude: true})})},
		{"priority and rates", "3a 2a" +
			"07 00 00 000000" +
			"05 02 00 95" + // level 9, capability 1, vulnerability 1
			"06 06 0000 00000001" +
			"07 06 0000 00000002" +
			"08 06 0000 00000003" +
			"09 06 0000 00000004",
			4, 0, qos(QoS{SRID: 7, Op: QoSResponse,
				Priority: Some(AllocationPriority{9, PreemptionDisabled, PreemptionDisabled}),
				MaxDown:  Some(uint32(1)), MaxUp: Some(uint32(2)),
				GuaranteedDown: Some(uint32(3)), GuaranteedUp: Some(uint32(4))})},
		{"selector and vendor", "3a 16" +
			"07 00 05 000000" +
			"0a 04" + // traffic selector
			"00 01 abcd" + // reserved, format
			"0b 08" + // vendor
			"0000 00007ed9 01 ff",
			4, 0, qos(QoS{SRID: 7, Op: QoSNegotiate,
				Selector: Some(TrafficSelector{SelectorIPv4, []byte{0xab, 0xcd}}),
				Vendor:   []VendorOption{{32473, 1, []byte{0xff}}}})},
		{"two requests", "3a 06 01 00 02 000000" + "3a 06 02 00 04 000000", 4, 0,
			qos(QoS{SRID: 1, Op: QoSDeallocate}, QoS{SRID: 2, Op: QoSQuery})},
		{"unknown operation and attribute", "3a 09 01 00 ff 000000 0c 01 aa", 4, 0,
			qos(QoS{SRID: 1, Op: 255, Extra: []RawOption{{12, []byte{0xaa}}}})},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"short", "3a 05 01 00 02 0000", KindOptionLength, 1},
		{"attribute overrun", "3a 09 01 00 02 000000 05 02 00", KindOptionContent, 9},
		{"short rate", "3a 0c 01 00 02 000000 06 04 00000001", KindOptionContent, 9},
		{"short session rate", "3a 0c 01 00 02 000000 03 04 00000001", KindOptionContent, 9},
		{"short priority", "3a 09 01 00 02 000000 05 01 95", KindOptionContent, 9},
		{"short selector", "3a 09 01 00 02 000000 0a 01 00", KindOptionContent, 9},
		{"empty vendor", "3a 08 01 00 02 000000 0b 00", KindOptionContent, 9},
		{"short vendor", "3a 0e 01 00 02 000000 0b 06 0000 00007ed9", KindOptionContent, 9},
	} {
		c.run(t)
	}
	refusal(t, "DSCP 64", qos(QoS{DSCP: 64}))
	refusal(t, "level 16", qos(QoS{Priority: Some(AllocationPriority{Level: 16})}))
	refusal(t, "capability 4", qos(QoS{Priority: Some(AllocationPriority{Capability: 4})}))
	refusal(t, "vulnerability 4", qos(QoS{Priority: Some(AllocationPriority{Vulnerability: 4})}))
	refusal(t, "selector of 250 octets", qos(QoS{Selector: Some(TrafficSelector{Selector: make([]byte, 250)})}))
}

func TestLCMP(t *testing.T) {
	lcmp := func(l LCMP) Options { return Options{LCMP: Some(l)} }
	for _, c := range []optionCase{
		{"both", "3e 10" +
			"01 06 000a 0001 0020" + // 40 s before expiry; 1 s, 32 s
			"02 06 003c 0005 0003", // every 60 s; 5 s, 3 times
			4, 2, lcmp(LCMP{
				Reregistration: Some(ReregistrationControl{10, 1, 32}),
				Heartbeat:      Some(HeartbeatControl{60, 5, 3}),
			})},
		{"values of 0", "3e 08 01 06 0000 0000 0000", 4, 2, lcmp(LCMP{Reregistration: Some(ReregistrationControl{})})},
		{"unknown sub-option", "3e 03 03 01 aa", 4, 2, lcmp(LCMP{Extra: []RawOption{{3, []byte{0xaa}}}})},
	} {
		c.run(t)
	}
	for _, c := range []faultCase{
		{"short re-registration control", "3e 06 01 04 000a 0001", KindOptionContent, 3},
		{"short heartbeat control", "3e 06 02 04 003c 0005", KindOptionContent, 3},
		{"overrun", "3e 04 02 06 003c", KindOptionContent, 3},
	} {
		c.run(t)
	}
}
