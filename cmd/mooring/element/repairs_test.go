package element

import (
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/server/model"
	"mooring/server/notify"
)

// A repair is a notification, with what it was and how it was noticed.
func TestRepairNotification(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	log := notify.NewLog(s, notify.Limits{})
	r := log.Read()
	tellRepair(log, reconcile.Repair{Number: 1, At: time.Unix(0, 0), Object: dataplane.Member{Link: "ce0", VRF: "red"}, Count: 3, Found: reconcile.Notified})
	e, _, _ := r.Next()
	if e == nil {
		t.Fatal("nothing is told")
	}
	told := e.Root.Child(e.Def.Ancestors()[0]).Child(e.Def.Ancestors()[1]).Child(e.Def)
	for leaf, want := range map[string]string{"object": "member ce0 vrf red", "count": "3", "noticed": "notified"} {
		if got, _ := told.Leaf(leaf); got != want {
			t.Errorf("%s is %q, want %q", leaf, got, want)
		}
	}
}
