package mobility

import (
	"testing"
	"time"
)

func TestRateLimit(t *testing.T) {
	l := RateLimit{PerSecond: 10, AtOnce: 5}
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	burst := func() (n int) {
		for range 100 {
			if l.Allow(now) {
				n++
			}
		}
		return n
	}
	for _, step := range []struct {
		pass time.Duration
		want int
	}{{0, 5}, {0, 0}, {100 * time.Millisecond, 1}, {250 * time.Millisecond, 2}, {50 * time.Millisecond, 1}, {time.Hour, 5}, {-time.Minute, 0}, {100 * time.Millisecond, 1}} {
		now = now.Add(step.pass)
		if got := burst(); got != step.want {
			t.Errorf("%v later: %d, want %d", step.pass, got, step.want)
		}
	}
}
