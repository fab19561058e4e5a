package state

import (
	"strings"
	"testing"
	"time"
)

// LIC-01, OPS-14: the use of the entitlement is what was registered, and the peak begins anew when it is cleared.
func TestLIC01_OPS14_UseOfTheEntitlement(t *testing.T) {
	d := newDomain(t)
	d.config.LMAs["lma1"].Entitlement.Limit = 1
	shows := func(want string) {
		t.Helper()
		const path = "/mooring-pmipv6:pmipv6/lma[name='lma1']/entitlement"
		if got := strings.Join(d.get(path), ""); !strings.Contains(got, want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	shows(`{"mode":"soft","in-compliance":true,"bce-count":0,"peak-bce-count":0,"peak-reset-time":"2026-11-22T10:00:00Z"}`)
	d.attach(d.mag, 1)
	shows(`"in-compliance":true,"bce-count":1,"peak-bce-count":1`)
	d.attach(d.mag, 2)
	shows(`"in-compliance":false,"bce-count":2,"peak-bce-count":2`)
	d.leave(d.mag, 2)
	d.advance(time.Minute)
	shows(`"in-compliance":true,"bce-count":1,"peak-bce-count":2`)
	d.lma.LowerMarks(d.now)
	shows(`"bce-count":1,"peak-bce-count":1,"peak-reset-time":"` + DateAndTime(d.now))
}
