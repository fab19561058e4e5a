package element

import "testing"

func TestGrowthOfTheHeap(t *testing.T) {
	for _, each := range []struct {
		live, asked uint64
		want        int
	}{
		{0, 0, 100}, {63 << 20, 0, 100}, {64 << 20, 0, 10}, {128 << 20, 0, 15}, {1 << 40, 17e6, 20}, {100 << 20, 32e6, 25}, {1 << 30, 32e6, 25}, {1 << 30, 1 << 40, 100},
	} {
		if got := growthOf(each.live, each.asked); got != each.want {
			t.Errorf("with %d octets, %d of them asked for now, the heap may grow by %d %%, want %d", each.live, each.asked, got, each.want)
		}
	}
}
