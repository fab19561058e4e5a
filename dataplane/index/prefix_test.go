package index

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestPackedPrefixes(t *testing.T) {
	for _, text := range []string{"0.0.0.0/0", "10.0.0.1/32", "10.0.0.0/8", "::/0", "2001:db8::/64", "2001:db8::1/128", "::ffff:10.0.0.1/128"} {
		p := netip.MustParsePrefix(text)
		if got := Pack(p).Unpack(); got != p || Pack(p) == (Prefix{}) {
			t.Errorf("%v becomes %v", p, got)
		}
	}
	if got := Pack(netip.Prefix{}); got != (Prefix{}) || got.Unpack().IsValid() {
		t.Errorf("no prefix becomes %v", got)
	}
	if Pack(netip.MustParsePrefix("0.0.0.0/0")) == Pack(netip.MustParsePrefix("::/0")) {
		t.Error("the families are confused")
	}
}

// Prefixes agree with a map that has the VRF in its keys.
func TestPrefixesAgreeWithAMap(t *testing.T) {
	type key struct {
		vrf    string
		prefix netip.Prefix
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var x Prefixes[int]
	model := map[key]int{}
	for step := range 20_000 {
		at := key{[]string{"", "red", "blue"}[rnd.IntN(3)], netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rnd.IntN(20))}), 24+rnd.IntN(9))}
		switch rnd.IntN(100) {
		case 0:
			x.DeleteVRF(at.vrf)
			maps.DeleteFunc(model, func(k key, _ int) bool { return k.vrf == at.vrf })
		case 1:
			odd := func(v int) bool { return v%2 == 1 }
			x.DeleteFunc(odd)
			maps.DeleteFunc(model, func(_ key, v int) bool { return odd(v) })
		default:
			if step%2 == 0 {
				x.Put(at.vrf, at.prefix, step)
				model[at] = step
			} else {
				x.Delete(at.vrf, at.prefix)
				delete(model, at)
			}
		}
		got, ok := x.Get(at.vrf, at.prefix)
		if want, there := model[at]; got != want || ok != there {
			t.Fatalf("step %d: %v has %d, %v, want %d, %v", step, at, got, ok, want, there)
		}
		n := 0
		for prefix, v := range x.Of(at.vrf) {
			if n++; model[key{at.vrf, prefix}] != v {
				t.Fatalf("step %d: %v yields %d", step, prefix, v)
			}
		}
		for k := range model {
			if k.vrf == at.vrf {
				n--
			}
		}
		if n != 0 {
			t.Fatalf("step %d: %d too many are yielded", step, n)
		}
	}
}
