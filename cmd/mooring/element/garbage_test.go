package element

import "testing"

func TestGrowthOfTheHeap(t *testing.T) {
	for _, each := range []struct {
		live, before uint64
		want         int
	}{
		{0, 0, 100}, {63 << 20, 10 << 20, 100}, {64 << 20, 63 << 20, 7}, {100 << 20, 64 << 20, 100}, {1 << 40, 1 << 40, 7}, {1 << 30, 1 << 40, 7},
	} {
		if got := growthOf(each.live, each.before); got != each.want {
			t.Errorf("with %d octets after %d the heap may grow by %d %%, want %d", each.live, each.before, got, each.want)
		}
	}
}
