package lma

import (
	"crypto/hmac"
	"crypto/sha1"
	"fmt"
	"hash"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// BenchmarkRefresh measures one refresh, decoded, stepped and answered, of any of so many bindings of a hundred MAGs. Beside the time it
// reports the processor time, the collection of garbage included, and how often that of the yardstick goes into it: the yardstick
// is measured by turns with the refreshes, so that a slow machine is told from a slow anchor.
func BenchmarkRefresh(b *testing.B) {
	for _, bindings := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(bindings), func(b *testing.B) {
			r, y := newRefresherOf(b, bindings, 100), newYardstick(bindings)
			for _, key := range []struct{ name, secret string }{{"unsigned", ""}, {"signed", "0123456789abcdef"}} {
				b.Run(key.name, func(b *testing.B) {
					r.use(key.secret)
					benchmarkRefresh(b, r, y)
				})
			}
		})
	}
}

func benchmarkRefresh(b *testing.B, r *refresher, y *yardstick) {
	type arrival struct {
		mag    netip.Addr
		octets []byte
	}
	arrivals := make([]arrival, 4096) // so many, since to stop the timer costs what comes next its caches
	rnd := rand.New(rand.NewPCG(1, 2))
	answered, before := 0, r.stats.Refresh.Load()
	y.n, y.took = 0, 0
	var took, began time.Duration
	b.ReportAllocs()
	for b.Loop() {
		if answered%len(arrivals) == 0 { // the MAGs' side is not measured
			if answered > 0 {
				took += cpuTime() - began // before the timer: to stop it takes long
			}
			b.StopTimer()
			for i := range arrivals {
				r.now = r.now.Add(16 * time.Microsecond) // a step of timestamps
				octets := r.encode(b, rnd.IntN(len(r.given)), wire.HandoffUnchanged)
				arrivals[i] = arrival{r.mag, append(arrivals[i].octets[:0], octets...)}
			}
			y.measure(1024)
			b.StartTimer()
			began = cpuTime()
		}
		a := &arrivals[answered%len(arrivals)]
		r.mag = a.mag
		r.answerTo(a.octets)
		answered++
	}
	took += cpuTime() - began
	if accepted := int(r.stats.Refresh.Load() - before); accepted != answered {
		b.Fatalf("%d of %d refreshes were accepted", accepted, answered)
	}
	perRefresh := float64(took) / float64(answered)
	b.ReportMetric(perRefresh, "cpu-ns/op")
	b.ReportMetric(y.perOperation(), "baseline-cpu-ns")
	b.ReportMetric(perRefresh/y.perOperation(), "x-baseline")
}

// yardstick does with the standard library alone what an anchor cannot do without: two HMAC-SHA1 of 100 octets, a look-up of
// a name among those of all nodes, and a new row in place of the old one.
type yardstick struct {
	mac   hash.Hash
	rows  map[string]*row
	names []string
	next  []string // that are looked up
	rnd   *rand.Rand
	n     int
	took  time.Duration
}

type row [unsafe.Sizeof(mobility.Binding{})]byte

func newYardstick(nodes int) *yardstick {
	y := &yardstick{mac: hmac.New(sha1.New, []byte("0123456789abcdef")), rows: map[string]*row{}, rnd: rand.New(rand.NewPCG(3, 4))}
	for i := range nodes {
		y.names = append(y.names, fmt.Sprintf("mn%d@example.com", i))
		y.rows[y.names[i]] = new(row)
	}
	return y
}

func (y *yardstick) measure(n int) {
	var message [100]byte
	var sum [sha1.Size]byte
	y.next = y.next[:0]
	for range n {
		y.next = append(y.next, y.names[y.rnd.IntN(len(y.names))])
	}
	began := cpuTime()
	for _, name := range y.next {
		for range 2 {
			y.mac.Reset()
			y.mac.Write(message[:])
			y.mac.Sum(sum[:0])
		}
		next := *y.rows[name]
		copy(next[:], sum[:])
		y.rows[name] = &next
	}
	y.took += cpuTime() - began
	y.n += n
}

func (y *yardstick) perOperation() float64 { return float64(y.took) / float64(y.n) }

// cpuTime returns the processor time of the process.
func cpuTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
