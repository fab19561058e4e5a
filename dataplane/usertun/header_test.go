package usertun

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"mooring/dataplane"
)

var encaps = []dataplane.Encap{dataplane.EncapIP, dataplane.EncapGRE, dataplane.EncapUDP}

// What is put in front of a packet is what the wire formats say, and comes off again.
func TestHeaders(t *testing.T) {
	inner4 := udpPacket("10.0.0.1", "10.0.0.2", []byte("payload"))
	inner6 := udpPacket("fd00::1", "fd00::2", []byte("payload"))
	cases := []struct {
		name  string
		encap dataplane.Encap
		key   dataplane.Key
		inner []byte
		want  string
	}{
		{"ip", dataplane.EncapIP, dataplane.Key{}, inner4, ""},
		{"udp", dataplane.EncapUDP, dataplane.Key{}, inner6, ""},
		{"gre4", dataplane.EncapGRE, dataplane.Key{}, inner4, "\x00\x00\x08\x00"},
		{"gre6", dataplane.EncapGRE, dataplane.Key{}, inner6, "\x00\x00\x86\xdd"},
		{"gre key", dataplane.EncapGRE, key1, inner4, "\x20\x00\x08\x00\x01\x02\x03\x04"},
		{"udp key", dataplane.EncapUDP, key1, inner4, "\x00\x2f\x00\x2b\x20\x00\x08\x00\x01\x02\x03\x04"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := appendHeader(nil, c.encap, c.key, version(c.inner), len(c.inner))
			if string(b) != c.want || len(b) != headerLen(c.encap, c.key) {
				t.Fatalf("header %x, want %x", b, c.want)
			}
			inner, key, err := strip(c.encap, append(b, c.inner...))
			if err != nil || key != c.key || !bytes.Equal(inner, c.inner) {
				t.Fatalf("back: key %v, %v, %x", key, err, inner)
			}
		})
	}
}

// Recorded packets come out of their tunnels, and go back in to the same octets. Cut short they are refused.
func TestRecordedPackets(t *testing.T) {
	text, err := os.ReadFile("../../mobility/wire/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Packets []struct {
			File, Name string
			Frame      string `json:"frame_hex"`
		}
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	encap := map[byte]dataplane.Encap{protoIPv4: dataplane.EncapIP, protoIPv6: dataplane.EncapIP, protoGRE: dataplane.EncapGRE, protoUDP: dataplane.EncapUDP}
	recorded := 0
	for _, v := range all.Packets {
		if v.File != "pmipv6-data-tunnels.pcap" {
			continue
		}
		recorded++
		frame, err := hex.DecodeString(v.Frame)
		if err != nil {
			t.Fatal(err)
		}
		packet, protocol, n := frame[14:], byte(0), header6 // behind the Ethernet header
		if protocol = packet[6]; packet[0]>>4 == 4 {
			protocol, n = packet[9], header4
		}
		if protocol == protoUDP {
			n += 8
		}
		payload := packet[n:]
		inner, key, err := strip(encap[protocol], payload)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if again := append(appendHeader(nil, encap[protocol], key, version(inner), len(inner)), inner...); !bytes.Equal(again, payload) {
			t.Errorf("%s: %x becomes %x", v.Name, payload, again)
		}
		for cut := range payload {
			if inner, _, err := strip(encap[protocol], payload[:cut]); err == nil {
				t.Errorf("%s cut to %d octets: %x", v.Name, cut, inner)
			}
		}
	}
	if recorded != 10 {
		t.Errorf("%d packets, want 10", recorded)
	}
}

func TestForeignHeaders(t *testing.T) {
	inner := udpPacket("10.0.0.1", "10.0.0.2", []byte("payload"))
	gre := func(header string) []byte { return append([]byte(header), inner...) }
	checksummed := gre("\x80\x00\x08\x00\x00\x00\x00\x00")
	putChecksum(checksummed[4:], sum(checksummed, 0))
	damaged := append([]byte{}, checksummed...)
	damaged[len(damaged)-1]++
	cases := []struct {
		name  string
		encap dataplane.Encap
		b     []byte
		good  bool
	}{
		{"gre sequence number", dataplane.EncapGRE, gre("\x10\x00\x08\x00\x00\x00\x00\x07"), true},
		{"gre key and sequence number", dataplane.EncapGRE, gre("\x30\x00\x08\x00\x00\x00\x00\x01\x00\x00\x00\x07"), true},
		{"gre checksum", dataplane.EncapGRE, checksummed, true},
		{"gre reserved bits to ignore", dataplane.EncapGRE, gre("\x00\xf8\x08\x00"), true},
		{"gre damaged", dataplane.EncapGRE, damaged, false},
		{"gre routing", dataplane.EncapGRE, gre("\x40\x00\x08\x00"), false},
		{"gre version 1", dataplane.EncapGRE, gre("\x00\x01\x08\x00"), false},
		{"gre ethernet", dataplane.EncapGRE, gre("\x00\x00\x65\x58"), false},
		{"gre cut", dataplane.EncapGRE, []byte("\x20\x00\x08\x00\x00"), false},
		{"tlv plain", dataplane.EncapUDP, gre("\x00\x04\x00\x23"), true},
		{"tlv of another length", dataplane.EncapUDP, gre("\x00\x04\x00\x24"), false},
		{"tlv of another protocol", dataplane.EncapUDP, gre("\x00\x06\x00\x23"), false},
		{"tlv of another type", dataplane.EncapUDP, gre("\x10\x04\x00\x23"), false},
		{"padding behind", dataplane.EncapUDP, append(inner[:len(inner):len(inner)], 0, 0, 0), true},
		{"inner packet cut", dataplane.EncapUDP, inner[:len(inner)-1], false},
		{"nothing", dataplane.EncapUDP, nil, false},
		{"nat keepalive", dataplane.EncapUDP, []byte{0xff}, false},
	}
	for _, c := range cases {
		got, _, err := strip(c.encap, c.b)
		if (err == nil) != c.good || c.good && !bytes.Equal(got, inner) {
			t.Errorf("%s: %v, %x", c.name, err, got)
		}
	}
}

// FuzzDecapsulate: whatever arrives, what is taken out of it is a whole IP packet within it, and what comes behind it on the
// way to the host holds.
func FuzzDecapsulate(f *testing.F) {
	inner4, inner6 := udpPacket("10.0.0.1", "10.0.0.2", []byte("payload")), tcpPacket("fd00::1", "fd00::2", 1, tcpACK, []byte("payload"))
	for _, inner := range [][]byte{inner4, inner6} {
		for i, encap := range encaps {
			for _, key := range []dataplane.Key{{}, key1} {
				f.Add(uint8(i), append(appendHeader(nil, encap, key, version(inner), len(inner)), inner...), uint8(3))
			}
		}
	}
	d := &device{tun: &tun{uso: true}}
	f.Fuzz(func(t *testing.T, i uint8, b []byte, class uint8) {
		var j joiner
		for range 3 {
			packet := bytes.Clone(b)
			inner, _, err := strip(encaps[int(i)%len(encaps)], packet)
			if err != nil {
				return
			}
			if trimmed, ok := trim(inner); !ok || len(trimmed) != len(inner) {
				t.Fatalf("not a whole packet: %x", inner)
			}
			source(inner)
			destination(inner)
			answerable(inner)
			leaving, _ := leavingClass(trafficClass(inner), class)
			setTrafficClass(inner, leaving)
			if trafficClass(inner) != leaving {
				t.Fatalf("class %#x is not %#x", trafficClass(inner), leaving)
			}
			j.add(d, inner)
		}
		for i := range j.used {
			if h := &j.held[i]; len(h.pieces) > 2 {
				h.complete()
			}
		}
	})
}

// FuzzEncapsulate: whatever a host hands to a device, its pieces keep to its borders.
func FuzzEncapsulate(f *testing.F) {
	f.Add(tcpPacket("10.0.0.1", "10.0.0.2", 1, tcpACK, randomBytes(3000)), uint8(gsoTCP4), uint16(1400), uint16(20), uint16(16), uint16(1000))
	f.Add(udpPacket("fd00::1", "fd00::2", randomBytes(3000)), uint8(gsoUDP), uint16(100), uint16(40), uint16(6), uint16(1280))
	f.Add(udpPacket("10.0.0.1", "10.0.0.2", randomBytes(3000)), uint8(gsoNone), uint16(0), uint16(20), uint16(6), uint16(576))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8, segment, start, off, mtu uint16) {
		if version(b) == 0 || len(b) > maxSize {
			return
		}
		v := virtioHeader{flags: needsChecksum, kind: kind, segment: segment, checksumStart: start, checksumOff: off}
		if kind == gsoNone {
			completeChecksum(b, v)
			var fr fragments
			if fr.parse(b, limit(b, int(mtu))) {
				checkPieces(t, &fr, len(b)-fr.header)
			}
			return
		}
		var s superpacket
		if s.parse(b, v) {
			checkPieces(t, &s, len(s.payload))
		}
	})
}

func checkPieces(t *testing.T, p pieces, payload int) {
	t.Helper()
	if p.count() > 500 {
		return // the same again, only slower
	}
	total := 0
	for i := range p.count() {
		header, body := p.build(i, nil)
		if len(header)+len(body) != p.size(i) {
			t.Fatalf("piece %d has %d octets, announced %d", i, len(header)+len(body), p.size(i))
		}
		total += len(body)
	}
	if total != payload {
		t.Fatalf("pieces have %d octets of payload, not %d", total, payload)
	}
}
