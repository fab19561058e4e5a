package notify

import (
	"strconv"
	"testing"
	"time"
)

// An event costs the same whoever reads, and whoever does not.
func BenchmarkAdd(b *testing.B) {
	for _, readers := range []int{0, 100} {
		b.Run(strconv.Itoa(readers)+"-idle-readers", func(b *testing.B) {
			l := NewLog(element(b), Limits{})
			for range readers {
				l.Read()
			}
			b.ReportAllocs()
			for b.Loop() {
				say(l, time.Unix(0, 0), 1)
			}
		})
	}
}
