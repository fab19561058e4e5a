package mobility

import (
	"net/netip"
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

func TestHomeAddress(t *testing.T) {
	for _, text := range []string{"10.0.0.2/8", "10.0.0.2/32", "255.255.255.255/0"} {
		p := netip.MustParsePrefix(text)
		h := HomeOf(p)
		if !h.IsValid() || h.Prefix() != p || h.Addr() != p.Addr() || h.Alone() != netip.PrefixFrom(p.Addr(), 32) || h.String() != text || IPv4Of(p.Addr()).Addr() != p.Addr() {
			t.Errorf("%s becomes %v, the address %v, and alone %v", text, h, h.Addr(), h.Alone())
		}
	}
	for _, none := range []netip.Prefix{{}, netip.MustParsePrefix("0.0.0.0/24"), netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("::ffff:10.0.0.2/128")} {
		if h := HomeOf(none); h != (HomeAddress{}) || h.IsValid() || h.Prefix().IsValid() || h.Addr().IsValid() || IPv4Of(none.Addr()).IsValid() {
			t.Errorf("%v is the home address %v", none, h)
		}
	}
}
