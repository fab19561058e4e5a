package lma

import (
	"slices"
	"testing"

	"mooring/mobility"
	"mooring/mobility/binding"
)

// Who was beyond the entitlement before a restart is beyond it afterwards, and is told of it when that ends, not when it goes on (LIC-02).
func TestLIC02_NoCrossingInARestart(t *testing.T) {
	w := newWorld(t, 5)
	for w.table.Len() < 4 {
		w.step()
	}
	rows := slices.Collect(w.table.All())
	cfg := *w.cfg
	cfg.Entitlement.Limit = 3
	m := New(w.now, &cfg, binding.New(), 0)
	var out mobility.Effects
	m.Restore(w.now, rows, 0, &out)
	if use := m.Entitlement(); len(out.Events) > 0 || !use.Exceeded || use.Peak != 4 {
		t.Errorf("%+v with the events %v", use, out.Events)
	}
	m.Close(w.now, &out)
	var told []mobility.UsageEvent
	for _, ev := range out.Events {
		if ev.Kind == mobility.EntitlementCleared {
			told = append(told, *ev.Usage)
		}
	}
	if want := []mobility.UsageEvent{{Bindings: 3, Limit: 3}}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// A registration that could not be stored was never there, but who has been told of the crossing is told of its end.
func TestLIC02_UnstoredCrossing(t *testing.T) {
	w := newWorld(t, 6)
	for w.table.Len() < 2 {
		w.step()
	}
	cfg := *w.cfg
	cfg.Entitlement.Limit = 1
	var out mobility.Effects
	w.Reconfigure(w.now, &cfg, &out)
	out.Reset()
	for b := range w.table.All() {
		w.Unstored(w.now, b.ID, &out)
		break
	}
	if len(out.Events) != 1 || out.Events[0].Kind != mobility.EntitlementCleared {
		t.Errorf("events %v, want the end of the excess alone", out.Events)
	}
}
