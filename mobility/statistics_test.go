package mobility

import (
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"mooring/mobility/wire"
)

// What is counted for a part is counted for the whole, and what is counted for the whole alone, or for another part, is not counted for it.
func TestPartsCountForTheWhole(t *testing.T) {
	var whole Statistics
	one, other := whole.Part(time.Unix(1, 0)), whole.Part(time.Unix(2, 0))
	for i, s := range []*Statistics{&whole, one, other} {
		for _, c := range counters(s) {
			c.Add(uint64(i + 1))
		}
		for range i + 1 {
			s.PBASent.Add(wire.StatusAccepted)
			s.PBAReceived.Add(wire.StatusAuthFail)
		}
	}
	for s, want := range map[*Statistics]uint64{&whole: 1 + 2 + 3, one: 2, other: 3} {
		for i, c := range counters(s) {
			if got := c.Load(); got != want {
				t.Errorf("counter %d of %d is %d, want %d", i, len(counters(s)), got, want)
			}
		}
		if sent, received := s.PBASent.Load(wire.StatusAccepted), s.PBAReceived.Load(wire.StatusAuthFail); sent != want || received != want {
			t.Errorf("%d were sent and %d received, want %d", sent, received, want)
		}
		if n := s.PBASent.Load(wire.StatusAuthFail); n != 0 {
			t.Errorf("%d were sent that were received", n)
		}
	}
}

// counters finds every Counter, also of those that are yet to come.
func counters(s *Statistics) (list []*Counter) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		switch field := v.Field(i).Addr().Interface().(type) {
		case *Counter:
			list = append(list, field)
		case *[dropReasons]Counter:
			for j := range field {
				list = append(list, &field[j])
			}
		}
	}
	return list
}

func TestStatusCounter(t *testing.T) {
	var c StatusCounter
	for i := range 3 * 256 {
		c.Add(wire.Status(255 - i%256))
	}
	c.Add(7)
	next := wire.Status(255)
	for status, n := range c.All() {
		want := uint64(3)
		if status == 7 {
			want++
		}
		if status != next || n != want || c.Load(status) != want {
			t.Errorf("%d with status %d and %d, want %d with status %d", n, status, c.Load(status), want, next)
		}
		next--
	}
	if next != 255 {
		t.Errorf("the last status is %d", next+1)
	}
}

// Who reads while it is written sees counters that only grow.
func TestStatisticsWhileTheyAreWritten(t *testing.T) {
	var whole Statistics
	part := whole.Part(time.Time{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 20_000 {
			part.PBASent.Add(wire.Status(i % 256))
			part.Refresh.Add(1)
		}
	})
	var sent, refreshes uint64
	for sent < 20_000 || refreshes < 20_000 {
		var sum uint64
		for _, n := range whole.PBASent.All() {
			sum += n
		}
		now := whole.Refresh.Load()
		if sum < sent || now < refreshes {
			t.Fatalf("%d messages after %d, %d refreshes after %d", sum, sent, now, refreshes)
		}
		sent, refreshes = sum, now
		runtime.Gosched()
	}
	writer.Wait()
}

// There may be ten thousand peers; and what happens again costs no memory.
func TestStatisticsAreSmall(t *testing.T) {
	if size := unsafe.Sizeof(Statistics{}) + unsafe.Sizeof(codeCount[wire.Status]{}); size > 700 {
		t.Errorf("the counters of a peer take %d octets", size)
	}
	var whole Statistics
	part := whole.Part(time.Time{})
	if n := testing.AllocsPerRun(100, func() { part.PBASent.Add(wire.StatusAccepted); part.Refresh.Add(1) }); n != 0 {
		t.Errorf("to count allocates %v times", n)
	}
}
