package accountant

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius/rfc2866"
)

// RAD-02: what a restart has cost its binding ends with the cause of the restart: Admin-Reboot where the process before ended in order, NAS-Reboot where it
// was killed.
func TestRAD02_CauseOfARestart(t *testing.T) {
	for killed, want := range map[bool]rfc2866.AcctTerminateCause{
		false: rfc2866.AcctTerminateCause_Value_AdminReboot, true: rfc2866.AcctTerminateCause_Value_NASReboot,
	} {
		t.Run(want.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newElement(t)
				e.begin(config())
				e.Happened([]Event{e.table.bind(1)})
				asKilled, err := e.root.ReadFile("accounting/records")
				if err != nil {
					t.Fatal(err)
				}
				e.stop()
				if killed {
					if err := e.root.WriteFile("accounting/records", asKilled, os.FileMode(0o600)); err != nil {
						t.Fatal(err)
					}
				}
				e.table.end(1)
				e.begin(config())
				time.Sleep(time.Second)
				synctest.Wait()
				e.stop()
				if e.sink.causes[want] != 2 || len(e.sink.causes) != 1 { // of the node and of its tunnel
					t.Errorf("the causes are %v, want 2 of %v", e.sink.causes, want)
				}
			})
		})
	}
}
