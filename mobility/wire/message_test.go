package wire

import (
	"net/netip"
	"testing"
)

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name   string
		octets string
		want   Message
	}{
		{"binding refresh request", "3b 00" + // payload proto, header len 0
			"00 00 0000" + // type, reserved, checksum
			"0000", // reserved
			&BindingRefreshRequest{}},
		{"binding update", "3b 01" +
			"05 00 0000" +
			"1234" + // sequence
			"fff0" + // all flags
			"0384" + // lifetime 900 units
			"01 02 0000", // padding
			&BindingUpdate{Seq: 0x1234, Lifetime: 900, Flags: UpdateA | UpdateH | UpdateL | UpdateK | UpdateM | UpdateR |
				UpdateP | UpdateF | UpdateT | UpdateB | UpdateS | UpdateD}},
		{"binding ack", "3b 01" +
			"06 00 0000" +
			"9c" + // status 156
			"fe" + // all flags
			"1234" + // sequence
			"0384" + // lifetime
			"01 02 0000",
			&BindingAck{Status: StatusTimestampMismatch, Seq: 0x1234, Lifetime: 900,
				Flags: AckK | AckR | AckP | AckT | AckB | AckS | AckD}},
		{"binding error", "3b 02" +
			"07 00 0000" +
			"02 00" + // status, reserved
			"20010db8 00000000 00000000 00000001", // home address
			&BindingError{Status: BindingErrorUnknownType, HomeAddress: netip.MustParseAddr("2001:db8::1")}},
		{"heartbeat", "3b 01" +
			"0d 00 0000" +
			"0003" + // U, R
			"12345678" + // sequence
			"01 02 0000",
			&Heartbeat{Flags: HeartbeatU | HeartbeatR, Seq: 0x12345678}},
		{"revocation", "3b 01" +
			"10 00 0000" +
			"01 81" + // indication, trigger 129
			"1234" + // sequence
			"e000" + // P, V, G
			"01 02 0000",
			&Revocation{Trigger: TriggerLocalPolicy, Seq: 0x1234, Flags: RevocationP | RevocationV | RevocationG}},
		{"revocation ack", "3b 01" +
			"10 00 0000" +
			"02 84" + // acknowledgement, status 132
			"1234" +
			"8000" +
			"01 02 0000",
			&RevocationAck{Status: RevocationMNAttached, Seq: 0x1234, Flags: RevocationP}},
		{"update notification", "3b 01" +
			"13 00 0000" +
			"1234" + // sequence
			"0004" + // reason
			"c000" + // A, D
			"01 02 0000",
			&UpdateNotification{Seq: 0x1234, Reason: ReasonANIRequested, Flags: NotificationA | NotificationD}},
		{"update ack", "3b 01" +
			"14 00 0000" +
			"1234" +
			"80 000000" + // status, reserved
			"01 02 0000",
			&UpdateAck{Seq: 0x1234, Status: UpdateFailed}},
		{"home test init", "3b 01" +
			"01 00 0000" +
			"0000" + // reserved
			"0102030405060708", // cookie
			&Opaque{MHType: TypeHomeTestInit, Data: octets(t, "0000 0102030405060708")}},
		{"subscription response", "3b 00" +
			"17 00 0000" +
			"abcd",
			&Opaque{MHType: TypeSubscriptionResponse, Data: octets(t, "abcd")}},
		{"revocation of an unknown kind", "3b 01" +
			"10 00 0000" +
			"03 00 1234 8000 01 02 0000",
			&Opaque{MHType: TypeBindingRevocation, Data: octets(t, "03 00 1234 8000 01 02 0000")}},
	} {
		t.Run(c.name, func(t *testing.T) { bothWays(t, octets(t, c.octets), c.want) })
	}
}

// What the sender should have left 0 and the receiver ignores is written again as it came, and so are odd padding, the
// order, and everything that no field stands for.
func TestUnchangedMessageKeepsItsOctets(t *testing.T) {
	for _, c := range []struct{ name, octets string }{
		{"reserved octet of the header", "3b 00 00 77 0000 0000"},
		{"reserved octets of a refresh request", "3b 00 00 00 0000 1234"},
		{"reserved octet of a binding error", "3b 02 07 00 0000 02 77" + "00000000000000000000000000000000"},
		{"reserved octets of an update ack", "3b 01 14 00 0000 1234 80 777777 01 02 0000"},
		{"checksum", "3b 00 00 00 abcd 0000"},
		{"padding of other octets", "3b 01 0d 00 0000 0000 00000001 01 02 7777"},
		{"padding by Pad1", "3b 01 0d 00 0000 0000 00000001 00000000"},
		{"reserved octet of an option", "3b 01 05 00 0000 0001 8200 0002 17 02 77 04"},
		{"access type before handoff", "3b 02 05 00 0000 0001 8200 0002 18 02 00 04 17 02 00 04 01 02 0000"},
		{"two handoff indicators", "3b 02 05 00 0000 0001 8200 0002 17 02 00 04 17 02 00 05 01 02 0000"},
		{"unknown options in place", "3b 02 05 00 0000 0001 8200 0002 c8 02 abcd 17 02 00 04 c9 02 abcd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mh := octets(t, c.octets)
			m, err := Parse(mh)
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.AppendBinary(nil)
			if err != nil || string(got) != string(mh) {
				t.Errorf("got  %x, %v\nwant %x", got, err, mh)
			}
		})
	}
}

func TestChangedMessageIsWrittenAnew(t *testing.T) {
	// The handoff indicator has a reserved octet, the access type is in front of it, and between them is padding.
	m, err := Parse(octets(t, "3b 02 05 00 abcd 0001 8200 0002 18 02 00 04 01 00 17 02 77 04 01 00"))
	if err != nil {
		t.Fatal(err)
	}
	pbu := m.(*BindingUpdate)
	pbu.Seq = 2
	got, err := pbu.AppendBinary(nil)
	if want := octets(t, "3b 02 05 00 0000 0002 8200 0002 17 02 00 04 18 02 00 04 01 02 0000"); err != nil || string(got) != string(want) {
		t.Errorf("got  %x, %v\nwant %x", got, err, want)
	}
}

func TestHeaderFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		octets string
		want   DecodeError
	}{
		{"nothing", "", DecodeError{KindTooLong, 1, 0, 0}},
		{"one octet", "3b", DecodeError{KindTooLong, 1, 0, 0}},
		{"seven octets", "3b 00 00 00 0000 00", DecodeError{KindTooLong, 1, TypeBindingRefreshRequest, 0}},
		{"update of seven octets that should be eight", "3b 01 05 00 0000 00", DecodeError{KindTooLong, 1, TypeBindingUpdate, 0}},
		{"type 24", "3b 00 18 00 0000 0000", DecodeError{KindType, 2, 24, 0}},
		{"type goes before payload proto", "11 00 ff 00 0000 0000", DecodeError{KindType, 2, 255, 0}},
		{"payload proto goes before header len", "11 00 05 00 0000 0000", DecodeError{KindPayloadProto, 0, TypeBindingUpdate, 0}},
		{"short update", "3b 00 05 00 0000 0000", DecodeError{KindTooShort, 1, TypeBindingUpdate, 0}},
		{"short ack", "3b 00 06 00 0000 0000", DecodeError{KindTooShort, 1, TypeBindingAck, 0}},
		{"short binding error", "3b 01 07 00 0000 0000 0000000000000000", DecodeError{KindTooShort, 1, TypeBindingError, 0}},
		{"short home test", "3b 01 03 00 0000 0000 0000000000000000", DecodeError{KindTooShort, 1, TypeHomeTest, 0}},
		{"short heartbeat", "3b 00 0d 00 0000 0000", DecodeError{KindTooShort, 1, TypeHeartbeat, 0}},
		{"short revocation", "3b 00 10 00 0000 0100", DecodeError{KindTooShort, 1, TypeBindingRevocation, 0}},
		{"short notification", "3b 00 13 00 0000 0000", DecodeError{KindTooShort, 1, TypeUpdateNotification, 0}},
		{"short notification ack", "3b 00 14 00 0000 0000", DecodeError{KindTooShort, 1, TypeUpdateNotificationAck, 0}},
		{"option without length", "3b 01 0d 00 0000 0000 00000001 00 0000 17", DecodeError{KindOptionOverrun, 15, TypeHeartbeat, OptionHandoff}},
		{"padding past the end", "3b 01 0d 00 0000 0000 00000001 01 03 0000", DecodeError{KindOptionOverrun, 13, TypeHeartbeat, OptionPadN}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse(octets(t, c.octets))
			if got, ok := err.(*DecodeError); !ok || *got != c.want {
				t.Errorf("got %v, %v\nwant %v", m, err, &c.want)
			}
		})
	}
}

// What follows a message in a datagram is none of its business.
func TestOctetsBehindTheMessage(t *testing.T) {
	v := namedVector(t, "pbu-initial")
	m, err := Parse(append(v.MH[:len(v.MH):len(v.MH)], 1, 2, 3, 4, 5, 6, 7, 8))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.AppendBinary(nil); err != nil || string(got) != string(v.MH) {
		t.Errorf("got  %x, %v\nwant %x", got, err, v.MH)
	}
}

func TestMessageTooLong(t *testing.T) {
	var m BindingUpdate
	for range 8 {
		m.Extra = append(m.Extra, RawOption{200, make([]byte, 253)})
	}
	// 12 octets and eight options of 255 are 2052.
	if b, err := m.AppendBinary(nil); err == nil {
		t.Errorf("encoded %d octets", len(b))
	}
	m.Extra = m.Extra[:7]
	m.Extra = append(m.Extra, RawOption{200, make([]byte, 2048-12-7*255-2)})
	b, err := m.AppendBinary(nil)
	if err != nil || len(b) != 2048 || b[1] != 255 {
		t.Fatalf("%d octets, %v; want 2048", len(b), err)
	}
	if _, err := Parse(b); err != nil {
		t.Error(err)
	}
}

func TestParseOwnsItsMemory(t *testing.T) {
	mh := namedVector(t, "pbu-initial").MH
	m, err := Parse(mh)
	if err != nil {
		t.Fatal(err)
	}
	clear(mh)
	if got := m.(*BindingUpdate).MNID.Value.String(); got != "mn1@example.com" {
		t.Errorf("the identifier became %s", got)
	}
}

// Nothing of one message may show in the next.
func TestDecoderForgets(t *testing.T) {
	var d Decoder
	all := vectors(t, true)
	for _, before := range all {
		for _, v := range all {
			want, err := Parse(v.MH)
			if err != nil {
				continue
			}
			d.Decode(before.MH)
			got, err := d.Decode(v.MH)
			if err != nil {
				t.Fatal(err)
			}
			if canonical(t, got) != canonical(t, want) {
				t.Errorf("%s after %s: %v\nwant %v", v.Name, before.Name, got, want)
			}
		}
	}
}

// canonical is all that a message says, in one form.
func canonical(t testing.TB, m Message) string {
	t.Helper()
	b, err := appendCanonical(nil, m.(frame))
	if err != nil {
		t.Fatalf("%v: %v", m, err)
	}
	return string(b)
}

// Whoever appends to a value of a message gets other memory: the octets behind the value are the next option.
func TestValuesEndWhereTheyEnd(t *testing.T) {
	v := namedVector(t, "pbu-service-ani")
	mh := append([]byte(nil), v.MH...)
	var d Decoder
	m, err := d.Decode(mh)
	if err != nil {
		t.Fatal(err)
	}
	o := m.(*BindingUpdate).Options
	for _, value := range [][]byte{o.MNID.Value.ID, o.ServiceSelection.Value, o.LinkLayerID.Value,
		o.ANI.Value.Network.Value.Name, o.ANI.Value.Network.Value.AccessPoint} {
		_ = append(value, 0xff)
	}
	if string(mh) != string(v.MH) {
		t.Errorf("got  %x\nwant %x", mh, v.MH)
	}
}
