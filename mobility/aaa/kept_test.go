package aaa

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"mooring/dataplane"
)

// keptSessions are sessions as they were written until version 1, and what they are.
var keptSessions = map[string]Kept{
	`{"id":"6B49D200-0000002A","kind":1,"anchor":"lma1","Started":"2027-01-15T08:00:00.000000005Z",
		"Tunnel":{"VRF":"red","Local":"192.0.2.1","Peer":"192.0.2.2","Port":5,"Encap":2},"Binding":7,"Created":1800000000000000003,
		"Used":{"RxPackets":1,"RxOctets":2,"TxPackets":3,"TxOctets":4},"Seen":{"RxPackets":5,"RxOctets":6,"TxPackets":7,"TxOctets":8},
		"Counted":true,"Identity":"AQN4"}`: {
		Number: 42, Kind: Node, Anchor: "lma1", Started: time.Unix(1_800_000_000, 5).UTC(), Binding: 7, Created: 1_800_000_000_000_000_003,
		Tunnel: dataplane.TunnelID{VRF: "red", Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Port: 5, Encap: dataplane.EncapGRE},
		Used:   Usage{1, 2, 3, 4}, Seen: Usage{5, 6, 7, 8}, Counted: true, Identity: []byte{1, 3, 'x'},
	},
	`{"id":"6B49D200-0000002B","kind":2,"anchor":"lma1","Started":"2027-01-15T08:00:00.000000005Z",
		"Tunnel":{"VRF":"","Local":"2001:db8::1","Peer":"2001:db8::2","Port":0,"Encap":1},"Used":{"RxPackets":0,"RxOctets":0,"TxPackets":0,"TxOctets":0},
		"Seen":{"RxPackets":0,"RxOctets":0,"TxPackets":0,"TxOctets":0},"Counted":false,"Identity":"AQN5"}`: {
		Number: 43, Kind: Tunnel, Anchor: "lma1", Started: time.Unix(1_800_000_000, 5).UTC(),
		Tunnel:   dataplane.TunnelID{Local: netip.MustParseAddr("2001:db8::1"), Peer: netip.MustParseAddr("2001:db8::2"), Encap: dataplane.EncapIP},
		Identity: []byte{1, 3, 'y'},
	},
}

// A session comes back from disk as it went, also one that was written before version 1; of a part of one nothing is taken.
func TestSessionOnDisk(t *testing.T) {
	for text, want := range keptSessions {
		k := Kept{Number: want.Number}
		if err := k.UnmarshalBinary([]byte(text)); err != nil || !reflect.DeepEqual(k, want) {
			t.Errorf("of version 0 came %+v, %v, want %+v", k, err, want)
		}
		octets, err := want.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		back := Kept{Number: want.Number}
		if err := back.UnmarshalBinary(octets); err != nil || !back.Started.Equal(want.Started) {
			t.Errorf("%+v came back, %v", back, err)
		}
		if back.Started = want.Started; !reflect.DeepEqual(back, want) {
			t.Errorf("%+v came back, want %+v", back, want)
		}
		for n := range len(octets) - len(want.Identity) {
			cut := Kept{Number: 1}
			if err := cut.UnmarshalBinary(octets[:n]); err == nil || !reflect.DeepEqual(cut, Kept{Number: 1}) {
				t.Errorf("%d of %d octets are %+v, %v", n, len(octets), cut, err)
			}
		}
	}
}

func FuzzSessionOnDisk(f *testing.F) {
	for text, k := range keptSessions {
		octets, err := k.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(octets)
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		var k, again Kept
		if k.UnmarshalBinary(octets) != nil {
			return
		}
		written, err := k.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(written); err != nil {
			t.Errorf("%+v cannot be read again: %v", k, err)
		}
	})
}

// A name is that of one number, and nothing else is a name.
func TestSessionNames(t *testing.T) {
	birth := time.Unix(1_800_000_000, 0)
	for _, number := range []uint64{0, 1, 0xffffffff, 0x123456789a} {
		if back, ok := SessionNumber(birth, SessionName(birth, number)); !ok || back != number {
			t.Errorf("%d became %d, %t", number, back, ok)
		}
	}
	for _, name := range []string{"", "6B49D200", "6B49D201-00000001", "6b49d200-00000001", "6B49D200-0000000a", "6B49D200-1", "6B49D200-00000001-", "6B49D200-+0000001"} {
		if number, ok := SessionNumber(birth, name); ok {
			t.Errorf("%q is the name of %d", name, number)
		}
	}
}
