package transport

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"mooring/mobility"
	"mooring/mobility/wire"
)

func endpoint(s string) mobility.Endpoint {
	return Address{Addr: netip.MustParseAddr(s)}.Endpoint()
}

// received is what a reader makes of octets.
func received(from, to string, octets []byte) (*Batch, *mobility.Inbound) {
	b := newBatch(1, nil)
	copy(b.slots[0].octets[:], octets)
	return b, b.take(endpoint(from), endpoint(to), 0, len(octets))
}

// message is a heartbeat request with its checksum.
func message(t testing.TB, from, to mobility.Endpoint, seq uint32) []byte {
	t.Helper()
	var out mobility.Effects
	if err := out.Message(from, to, &wire.Heartbeat{Seq: seq}, mobility.Signature{}, 0); err != nil {
		t.Fatal(err)
	}
	return out.Send[0].Octets
}

func TestAnswers(t *testing.T) {
	const lma6, mag6, lma4, mag4 = "2001:db8:ffff::1", "2001:db8:1::1", "198.51.100.1", "192.0.2.1"
	unknown := []byte{59, 0, 99, 0, 0, 0, 0, 0}
	homeTestInit := []byte{59, 1, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}
	proto := []byte{17, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	short := []byte{59, 0, 5, 0, 0, 0, 0, 0}
	long := []byte{59, 9, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for _, test := range []struct {
		name     string
		from, to string
		octets   []byte
		want     answer
	}{
		{"unknown type over IPv6", mag6, lma6, unknown, answer{kind: bindingError}},
		{"unknown type over IPv4", mag4, lma4, unknown, answer{kind: bindingError}},
		{"type of another protocol", mag6, lma6, homeTestInit, answer{kind: bindingError}},
		{"unknown type, multicast source", "ff02::1", lma6, unknown, answer{}},
		{"unknown type, multicast source over IPv4", "224.0.0.1", lma4, unknown, answer{}},
		{"unknown type, broadcast source", "255.255.255.255", lma4, unknown, answer{}},
		{"unknown type, unspecified source", "::", lma6, unknown, answer{}},
		{"payload proto over IPv6", mag6, lma6, proto, answer{parameterProblem, 0}},
		{"payload proto over IPv4", mag4, lma4, proto, answer{}},
		{"too short over IPv6", mag6, lma6, short, answer{parameterProblem, 1}},
		{"too short over IPv4", mag4, lma4, short, answer{}},
		{"too short, multicast source", "ff02::1", lma6, short, answer{}},
		{"too long", mag6, lma6, long, answer{}},
	} {
		from, to := endpoint(test.from), endpoint(test.to)
		octets := bytes.Clone(test.octets)
		wire.SetChecksum(from.Addr.Addr(), to.Addr.Addr(), octets)
		_, in := received(test.from, test.to, octets)
		if in.Err == nil {
			t.Fatalf("%s: it can be read", test.name)
		}
		if got := answerTo(in); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
		if to.Addr.Addr().Is4() {
			continue
		}
		octets[4] ^= 1
		if _, in := received(test.from, test.to, octets); answerTo(in) != (answer{}) {
			t.Errorf("%s: a message with a wrong checksum is answered", test.name)
		}
	}
}

func TestBindingErrorOctets(t *testing.T) {
	_, in := received("192.0.2.1", "198.51.100.1", []byte{59, 0, 99, 0, 0, 0, 0, 0})
	var out mobility.Effects
	appendBindingError(&out, in)
	d := out.Send[0]
	want := append([]byte{59, 2, 7, 0, 0, 0, 2, 0}, make([]byte, 16)...)
	if d.From != in.To || d.To != in.From || !bytes.Equal(d.Octets, want) {
		t.Errorf("from %v to %v: %x, want %x", d.From, d.To, d.Octets, want)
	}
}

// The pointer counts from the start of the IPv6 packet, the packet is quoted, and nothing is longer than 1280 octets
// (RFC 4443 sections 3.4 and 2.4 (c)).
func TestParameterProblemOctets(t *testing.T) {
	octets := make([]byte, roomSize)
	copy(octets, []byte{59, 0, 5})
	from, to := netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("2001:db8:ffff::1")
	wire.SetChecksum(from, to, octets)
	_, in := received(from.String(), to.String(), octets)
	b := appendParameterProblem(nil, in, answerTo(in).pointer)
	if want := []byte{4, 0, 0, 0, 0, 0, 0, 41}; !bytes.Equal(b[:8], want) {
		t.Errorf("begins %x, want %x", b[:8], want)
	}
	quoted := b[8:]
	header := []byte{0x60, 0, 0, 0, 0, 0, 135, 255}
	binary.BigEndian.PutUint16(header[4:], uint16(len(octets)))
	if !bytes.Equal(quoted[:8], header) || netip.AddrFrom16([16]byte(quoted[8:])) != from || netip.AddrFrom16([16]byte(quoted[24:])) != to {
		t.Errorf("quotes %x", quoted[:40])
	}
	if len(b) != 1280-40 || !bytes.HasPrefix(octets, quoted[40:]) {
		t.Errorf("%d octets, want the IPv6 packet to be 1280 long and to end with the message", len(b))
	}
}

func TestTake(t *testing.T) {
	const from, to = "2001:db8:1::1", "2001:db8:ffff::1"
	good := message(t, endpoint(from), endpoint(to), 7)

	_, in := received(from, to, good)
	if hb, ok := in.Message.(*wire.Heartbeat); in.Err != nil || !ok || hb.Seq != 7 || !bytes.Equal(in.Octets, good) {
		t.Errorf("a good message: %+v", in)
	}
	bad := bytes.Clone(good)
	bad[9] ^= 1
	if _, in = received(from, to, bad); mobility.ReasonOf(in.Err) != mobility.DropChecksum || in.Message != nil {
		t.Errorf("a wrong checksum: %v", in.Err)
	}
	// Over IPv4, UDP has the checksum, and what follows the message is no part of it.
	trailing := append(bytes.Clone(bad), 1, 2, 3)
	if _, in = received("192.0.2.1", "198.51.100.1", trailing); in.Err != nil || !bytes.Equal(in.Octets, bad) {
		t.Errorf("with something behind it: %x, %v", in.Octets, in.Err)
	}
	b := newBatch(1, nil)
	copy(b.slots[0].octets[:], good)
	if in := b.take(endpoint(from), endpoint(to), 0, roomSize+1); in.Err == nil || len(in.Octets) != roomSize {
		t.Errorf("longer than any message: %d octets, %v", len(in.Octets), in.Err)
	}
	home := []byte{59, 1, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}
	if _, in = received("192.0.2.1", "198.51.100.1", home); mobility.ReasonOf(in.Err) != mobility.DropUnknownType || in.Message != nil {
		t.Errorf("a message of return routability: %+v", in)
	}
	odd := []byte{59, 1, 16, 0, 0, 0, 9, 0, 0, 1, 0x80, 0, 1, 2, 0, 0}
	if _, in = received("192.0.2.1", "198.51.100.1", odd); in.Err != nil {
		t.Errorf("a revocation of an unknown kind: %v", in.Err)
	}
	for n := range 8 {
		if _, in := received(from, to, good[:n]); in.Err == nil {
			t.Errorf("%d octets are taken for a message", n)
		}
	}
}
