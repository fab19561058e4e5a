package element

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// Where there is one processor, some goroutines may run at a time from the moment when something takes long until nothing has for a while.
func TestOneProcessorIsShared(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	runtime.SetDefaultGOMAXPROCS()
	usual := runtime.GOMAXPROCS(1)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		p := NewProcessor()
		go p.Share(ctx)
		defer stop()
		expect := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := runtime.GOMAXPROCS(0); got != want {
				t.Errorf("%d goroutines may run at a time, want %d", got, want)
			}
		}
		expect(1)
		p.Busy()
		p.Busy()
		expect(turnsOfHost)
		time.Sleep(busyFor / 2)
		p.Busy()
		time.Sleep(busyFor * 3 / 4)
		expect(turnsOfHost)
		time.Sleep(busyFor)
		expect(usual)
	})
}
