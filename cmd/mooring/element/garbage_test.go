package element

import "testing"

func TestGrowthOfTheHeap(t *testing.T) {
	for _, each := range []struct {
		live, asked uint64
		want        int
	}{
		{0, 0, 100}, {4 << 20, 0, 100}, {16 << 20, 0, 25}, {63 << 20, 0, 10}, {64 << 20, 0, 10}, {128 << 20, 0, 15}, {1 << 40, 1.7e6, 20},
		{16 << 20, 6.4e6, 50}, {100 << 20, 3.2e6, 25}, {1 << 30, 3.2e6, 25}, {1 << 30, 1 << 40, 100},
	} {
		if got := growthOf(each.live, each.asked); got != each.want {
			t.Errorf("with %d octets, %d of them asked for now, the heap may grow by %d %%, want %d", each.live, each.asked, got, each.want)
		}
	}
}

// What a burst has left of 128,000 bindings is given back down to 64 octets for each.
func TestFreeMemoryIsGivenBack(t *testing.T) {
	const bindings = 128_000
	for _, each := range []struct {
		free uint64 // octets for each binding
		want bool
	}{{0, false}, {32, false}, {64, true}, {120, true}} {
		if got := tooFree(bindings*900, bindings*each.free); got != each.want {
			t.Errorf("%d octets a binding that lie free are given back: %v", each.free, got)
		}
	}
}
