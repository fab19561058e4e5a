package reconcile

import (
	"net/netip"
	"testing"
)

func TestPackedPrefixes(t *testing.T) {
	for _, text := range []string{"0.0.0.0/0", "10.0.0.1/32", "10.0.0.0/8", "::/0", "2001:db8::/64", "2001:db8::1/128", "::ffff:10.0.0.1/128"} {
		p := netip.MustParsePrefix(text)
		if got := pack(p).unpack(); got != p || pack(p) == (packed{}) {
			t.Errorf("%v becomes %v", p, got)
		}
	}
	if got := pack(netip.Prefix{}); got != (packed{}) || got.unpack().IsValid() {
		t.Errorf("no prefix becomes %v", got)
	}
	if pack(netip.MustParsePrefix("0.0.0.0/0")) == pack(netip.MustParsePrefix("::/0")) {
		t.Error("the families are confused")
	}
}
