package lab

import (
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(milliseconds int) time.Time { return epoch.Add(time.Duration(milliseconds) * time.Millisecond) }

// every5 are ten probes, from 0 ms to 45 ms.
func every5() (sent []time.Time) {
	for i := range 10 {
		sent = append(sent, at(5*i))
	}
	return sent
}

func TestMeasure(t *testing.T) {
	for _, test := range []struct {
		name     string
		arrived  []arrival
		detached int
		want     outage
		resumed  bool
	}{
		{"three are lost", []arrival{{0, at(1)}, {1, at(6)}, {5, at(26)}, {6, at(31)}}, 12, outage{20 * time.Millisecond, at(26), 3}, true},
		{"and one more afterwards", []arrival{{0, at(1)}, {1, at(6)}, {5, at(26)}, {7, at(36)}}, 12, outage{20 * time.Millisecond, at(26), 4}, true},
		{"nothing yet", []arrival{{0, at(1)}, {1, at(6)}}, 12, outage{}, false},
		{"one on its way by the old path says nothing of the new one", []arrival{{0, at(1)}, {1, at(6)}, {2, at(13)}}, 12, outage{}, false},
		{"and does not shorten the interruption", []arrival{{0, at(1)}, {2, at(13)}, {5, at(26)}}, 12, outage{25 * time.Millisecond, at(26), 3}, true},
		{"nothing is lost", []arrival{{0, at(1)}, {1, at(6)}, {2, at(11)}, {3, at(16)}}, 12, outage{5 * time.Millisecond, at(16), 0}, true},
		{"an earlier loss is not this move's", []arrival{{1, at(6)}, {3, at(16)}, {4, at(21)}}, 18, outage{5 * time.Millisecond, at(21), 0}, true},
		{"one overtakes another", []arrival{{1, at(6)}, {4, at(21)}, {3, at(22)}}, 12, outage{15 * time.Millisecond, at(21), 1}, true},
		{"nothing had come before", []arrival{{4, at(21)}}, 12, outage{21 * time.Millisecond, at(21), 4}, true},
	} {
		got, resumed := measure(every5(), test.arrived, at(test.detached))
		if got != test.want || resumed != test.resumed {
			t.Errorf("%s: %+v %t, want %+v %t", test.name, got, resumed, test.want, test.resumed)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []time.Duration
		want   time.Duration
	}{{nil, 0}, {[]time.Duration{7}, 7}, {[]time.Duration{9, 1, 4}, 4}, {[]time.Duration{9, 1, 4, 6}, 5}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.values, got, test.want)
		}
	}
}
