package wire

import (
	"testing"
	"time"
)

func TestLifetime(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want Lifetime
	}{
		{0, 0},
		{-time.Hour, 0},
		{3999 * time.Millisecond, 0},
		{4 * time.Second, 1},
		{2501 * time.Second, 625},
		{time.Hour, 900},
		{262140 * time.Second, MaxLifetime},
		{262144 * time.Second, MaxLifetime},
		{1 << 62, MaxLifetime},
	} {
		got := LifetimeOf(c.d)
		if got != c.want {
			t.Errorf("%v is %d units, want %d", c.d, got, c.want)
		}
		if again := LifetimeOf(got.Duration()); again != got {
			t.Errorf("%v became %v", got, again)
		}
	}
	if got := Lifetime(900).String(); got != "3600s" {
		t.Errorf("900 units are %s", got)
	}
}

func TestTimestamp(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want Timestamp
	}{
		{time.Unix(0, 0), 0},
		{time.Unix(-1, 0), 0},
		{time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), 1735689600 << 16},
		{time.Date(2025, 1, 1, 0, 0, 0, 5e8, time.UTC), 1735689600<<16 | 0x8000},
		{time.Date(2025, 1, 1, 0, 0, 0, 15258, time.UTC), 1735689600 << 16}, // 1/65536 s is 15258.8 ns
		{time.Date(2025, 1, 1, 0, 0, 0, 15259, time.UTC), 1735689600<<16 | 1},
		{time.Date(2025, 1, 1, 0, 0, 0, 999999999, time.UTC), 1735689600<<16 | 0xffff},
	} {
		if got := TimestampOf(c.t); got != c.want {
			t.Errorf("%v is %#x, want %#x", c.t, got, c.want)
		}
	}
	if got, want := Timestamp(1735689600<<16|0x8000).Time(), time.Date(2025, 1, 1, 0, 0, 0, 5e8, time.UTC); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNTPTimestamp(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want NTPTimestamp
	}{
		{time.Unix(0, 0).UTC(), 2208988800 << 32}, // RFC 4330 section 3
		{time.Date(2025, 1, 1, 0, 0, 0, 5e8, time.UTC), 0xeb1f0400_80000000},
		{time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC), 0xffffffff_00000000},
		{time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC), 0}, // the next era
		{time.Date(2036, 2, 7, 6, 28, 17, 25e7, time.UTC), 0x00000001_40000000},
	} {
		if got := NTPTimestampOf(c.t); got != c.want {
			t.Errorf("%v is %#x, want %#x", c.t, uint64(got), uint64(c.want))
		}
		if got := c.want.Time(); got != c.t {
			t.Errorf("%#x is %v, want %v", uint64(c.want), got, c.t)
		}
	}
}

func FuzzTimestamp(f *testing.F) {
	f.Add(uint64(0), uint64(1))
	f.Add(uint64(1735689600<<16|0x8000), uint64(0xffff))
	f.Add(^uint64(0), ^uint64(0)>>1)
	f.Fuzz(func(t *testing.T, a, b uint64) {
		x, y := Timestamp(a), Timestamp(b)
		if again := TimestampOf(x.Time()); again != x {
			t.Errorf("%#x became %#x", a, uint64(again))
		}
		if (x < y) != x.Time().Before(y.Time()) {
			t.Errorf("%#x and %#x are in another order than %v and %v", a, b, x.Time(), y.Time())
		}
		// 32 bits of fraction are finer than a nanosecond: at most five of them are lost.
		n := NTPTimestamp(a)
		if again := NTPTimestampOf(n.Time()); n-again > 5 {
			t.Errorf("NTP %#x became %#x", a, uint64(again))
		}
	})
}
