package element

import "testing"

func TestGrowthOfTheHeap(t *testing.T) {
	for _, each := range []struct {
		live, asked uint64
		want        int
	}{
		{0, 0, 100}, {63 << 20, 0, 100}, {64 << 20, 0, 7}, {1 << 40, 17e6, 7}, {100 << 20, 64e6, 25}, {1 << 30, 64e6, 25}, {1 << 30, 1 << 40, 100},
	} {
		if got := growthOf(each.live, each.asked); got != each.want {
			t.Errorf("with %d octets, %d of them asked for now, the heap may grow by %d %%, want %d", each.live, each.asked, got, each.want)
		}
	}
}
