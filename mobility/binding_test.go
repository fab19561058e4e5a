package mobility

import (
	"net/netip"
	"reflect"
	"testing"
)

// What is gathered says the same, and nothing of it belongs to somebody else.
func TestGather(t *testing.T) {
	p := netip.MustParsePrefix
	for _, prefixes := range [][]netip.Prefix{nil, {p("2001:db8::/64")}, {p("2001:db8::/64"), p("2001:db8:0:1::/64")}} {
		h := &Holding{Node: NAI("mn1@example.com"), LinkID: "\x02\x00\x00\x00\x00\x01", Prefixes: prefixes, Home: HomeOf(p("10.0.0.2/8")), Created: 7}
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
