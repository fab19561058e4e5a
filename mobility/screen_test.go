package mobility

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func TestScreenKnowsItsSenders(t *testing.T) {
	s := &Screen{Others: 0.25, Senders: []Sender{
		{netip.MustParsePrefix("10.0.0.0/30"), 1}, {netip.MustParsePrefix("192.0.2.1/32"), 0.5},
		{netip.MustParsePrefix("2001:db8::/64"), 1}, {netip.MustParsePrefix("fe80::1/128"), 1},
	}}
	for address, want := range map[string]float64{
		"10.0.0.0": 1, "10.0.0.3": 1, "10.0.0.4": 0.25, "9.255.255.255": 0.25, "192.0.2.0": 0.25, "192.0.2.1": 0.5, "192.0.2.2": 0.25, "255.255.255.255": 0.25,
		"::": 0.25, "2001:db8::": 1, "2001:db8::ffff:ffff:ffff:ffff": 1, "2001:db8:0:1::": 0.25, "fe80::1": 1, "fe80::1%7": 1, "fe80::2": 0.25,
	} {
		if got := s.Share(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v of its messages, want %v", address, got, want)
		}
	}
	if got := (*Screen)(nil).Share(netip.MustParseAddr("192.0.2.1")); got != 1 {
		t.Errorf("without a screen: %v", got)
	}
}

// The prefixes contain each address, are sorted, disjoint and few enough; where the addresses are few, they are nothing else.
func TestPrefixes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var addresses []netip.Addr
		for range rnd.IntN(300) {
			if low := uint8(rnd.IntN(256)); rnd.IntN(3) == 0 {
				addresses = append(addresses, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(rnd.IntN(4)), 15: low}))
			} else {
				addresses = append(addresses, netip.AddrFrom4([4]byte{10, byte(rnd.IntN(2)), byte(rnd.IntN(9)), low}))
			}
		}
		most := 1 + rnd.IntN(100)
		prefixes := Prefixes(slices.Clone(addresses), most)
		count := map[bool]int{}
		for i, p := range prefixes {
			count[p.Addr().Is4()]++
			if p != p.Masked() || i > 0 && (prefixes[i-1].Addr().Compare(p.Addr()) >= 0 || prefixes[i-1].Overlaps(p)) {
				t.Fatalf("%v after %v", p, prefixes[max(i-1, 0)])
			}
			if !slices.ContainsFunc(addresses, p.Contains) {
				t.Fatalf("%v contains none of %v", p, addresses)
			}
		}
		if max(count[true], count[false]) > most {
			t.Fatalf("%v prefixes, want at most %d", count, most)
		}
		for _, a := range addresses {
			if !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) }) {
				t.Fatalf("%v is in none of %v", a, prefixes)
			}
		}
		if len(addresses) <= most && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return !p.IsSingleIP() }) {
			t.Fatalf("%v of %v, of which %d are allowed", prefixes, addresses, most)
		}
	}
}
