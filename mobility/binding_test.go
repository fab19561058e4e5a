package mobility

import (
	"net/netip"
	"reflect"
	"testing"
)

func TestLinkLocal(t *testing.T) {
	for text, want := range map[string]LinkLocal{
		"fe80::1": 1, "fe80::200:0:0:1": 0x0200_0000_0000_0001, "fe80::ffff:ffff:ffff:ffff": 0xffff_ffff_ffff_ffff,
	} {
		a := netip.MustParseAddr(text)
		if got := LinkLocalOf(a); got != want || got.Addr() != a {
			t.Errorf("%s is %x, which is %v; want %x", text, got, got.Addr(), want)
		}
	}
	for _, text := range []string{"::", "fe80::", "fe80:0:0:1::1", "fe90::1", "2001:db8::1", "169.254.0.1"} {
		if got := LinkLocalOf(netip.MustParseAddr(text)); got != 0 || got.Addr() != netip.IPv6Unspecified() {
			t.Errorf("%s is %x, which is %v; want none", text, got, got.Addr())
		}
	}
	if got := LinkLocalOf(netip.Addr{}); got != 0 {
		t.Errorf("no address is %x", got)
	}
}

// What is gathered says the same, and nothing of it belongs to somebody else.
func TestGather(t *testing.T) {
	p := netip.MustParsePrefix
	for _, prefixes := range [][]netip.Prefix{nil, {p("2001:db8::/64")}, {p("2001:db8::/64"), p("2001:db8:0:1::/64")}} {
		h := &Holding{Node: NAI("mn1@example.com"), LinkID: "\x02\x00\x00\x00\x00\x01", Prefixes: prefixes, Home: p("10.0.0.2/8"), Created: 7}
		g := h.Gather()
		if !reflect.DeepEqual(g, h) {
			t.Errorf("%+v became %+v", h, g)
		}
		if len(prefixes) == 1 {
			if _ = append(g.Prefixes, p("2001:db8:0:2::/64")); &g.Prefixes[0] == &h.Prefixes[0] || cap(g.Prefixes) != 1 {
				t.Errorf("%v shares its memory", g.Prefixes)
			}
		}
	}
	if g := (&Holding{}).Gather(); !reflect.DeepEqual(g, &Holding{}) {
		t.Errorf("nothing became %+v", g)
	}
}
