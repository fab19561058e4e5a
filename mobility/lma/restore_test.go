package lma

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// However odd the history, an anchor that ends and begins again has what it had: rows, pools, peers, and what the dataplane is told. Nobody is told of an
// event: nothing has happened to the bindings.
func TestRestoreAfterAnyHistory(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, 100+seed)
			restored, revoking := 0, 0
			for i := range 2000 {
				w.step()
				if i%40 == 0 {
					restored += w.restart()
					revoking += w.farewells.len()
				}
				w.check()
			}
			if restored < 100 || revoking < 5 {
				t.Errorf("the history is dull: %d bindings were restored, %d of them being revoked", restored, revoking)
			}
		})
	}
}

// restart replaces the machine by a new one that knows what was stored.
func (w *world) restart() (restored int) {
	w.t.Helper()
	before, last := map[dataplane.SessionID]mobility.Binding{}, w.lastID
	for b := range w.table.All() {
		before[b.ID] = *b
	}
	if len(before) != len(w.stored) {
		w.t.Fatalf("%d bindings, %d are stored", len(before), len(w.stored))
	}
	var rows []*mobility.Binding
	for _, id := range slices.Sorted(maps.Keys(w.stored)) {
		row := *w.stored[id]
		rows = append(rows, &row)
	}
	w.Machine = New(w.now, w.cfg, binding.New(), 0)
	w.sessions = map[dataplane.SessionID]*dataplane.Session{}
	var out mobility.Effects
	w.Restore(w.now, rows, last, &out)
	w.install(&out)
	if len(out.Events) > 0 {
		w.t.Fatalf("restored bindings are reported, as if something had happened to them: %v", out.Events)
	}
	for id, was := range before {
		is := w.table.Get(id)
		if is == nil {
			w.t.Fatalf("binding %d is gone", id)
		}
		if was.Install = is.Install; *is != was {
			w.t.Fatalf("binding %d was %+v and is %+v", id, was, *is)
		}
	}
	if w.table.Len() != len(before) || w.lastID != last {
		w.t.Fatalf("%d bindings of %d, last identifier %d of %d", w.table.Len(), len(before), w.lastID, last)
	}
	return len(before)
}

// What has no room any more ends with its reason, and gives nothing back that another one holds.
func TestRestoreDropsWhatHasNoRoom(t *testing.T) {
	w := newWorld(t, 7)
	for w.table.Len() < 6 {
		w.step()
	}
	rows := slices.Collect(w.table.All())
	slices.SortFunc(rows, func(a, b *mobility.Binding) int { return int(a.ID) - int(b.ID) })
	copyOf := func(b *mobility.Binding, change func(*mobility.Binding)) *mobility.Binding {
		row := *b
		change(&row)
		return &row
	}
	var active *mobility.Binding
	for _, b := range rows {
		if len(b.Prefixes) > 0 && b.State == mobility.StateActive {
			active = b
		}
	}
	list := []*mobility.Binding{
		copyOf(active, func(*mobility.Binding) {}),
		copyOf(active, func(b *mobility.Binding) { b.ID += 100 }), // the same addresses
		copyOf(active, func(b *mobility.Binding) { b.ID += 200; b.Expires = mobility.At(w.now) }),
	}
	m := New(w.now, w.cfg, binding.New(), 0)
	var out mobility.Effects
	m.Restore(w.now, list, 0, &out)
	var reasons []mobility.DeleteReason
	for _, ev := range out.Events {
		reasons = append(reasons, ev.Reason)
	}
	if want := []mobility.DeleteReason{mobility.Unconfigured, mobility.Expired}; !slices.Equal(reasons, want) || len(out.Store) != 2 {
		t.Errorf("%v, want %v; %d are to be forgotten", reasons, want, len(out.Store))
	}
	if m.table.Len() != 1 || m.lastID != active.ID+200 {
		t.Errorf("%d bindings, last identifier %d", m.table.Len(), m.lastID)
	}
	for _, usage := range m.networks[unique.Make(mobility.Tenancy{Network: "net1"})].pools.Usage() {
		if usage.Used > uint64(len(active.Prefixes)) {
			t.Errorf("%+v", usage)
		}
	}
	if err := m.networks[unique.Make(mobility.Tenancy{Network: "net1"})].pools.ReservePrefix(active.Prefixes[0]); err == nil {
		t.Error("the prefix of the binding that is there is free")
	}
}

// While nothing can be stored, what is new is refused, and what is there stays as it is, unanswered.
func TestUnstorable(t *testing.T) {
	w := newWorld(t, 4)
	w.cfg.IgnoreTimestamps = true
	w.SetStorable(false)
	for range 300 {
		w.step()
	}
	if w.table.Len() != 0 || w.stats.PBASent.Load(wire.StatusInsufficientResources) == 0 || w.stats.PBASent.Load(wire.StatusAccepted) != 0 {
		t.Errorf("%d bindings; %d refusals", w.table.Len(), w.stats.PBASent.Load(wire.StatusInsufficientResources))
	}
	w.SetStorable(true)
	for w.table.Len() < 5 {
		w.step()
	}
	w.SetStorable(false)
	before, overload := w.table.Len(), w.stats.Dropped[mobility.DropOverload].Load()
	for range 3000 {
		var out mobility.Effects
		w.now = w.now.Add(time.Millisecond)
		w.receive(w.request(), &out)
		if len(out.Store) > 0 {
			t.Fatal("something was accepted")
		}
	}
	if w.table.Len() != before || w.stats.Dropped[mobility.DropOverload].Load() == overload {
		t.Errorf("%d bindings of %d, no refresh went unanswered", w.table.Len(), before)
	}
	var id dataplane.SessionID
	for b := range w.table.All() {
		id = b.ID
	}
	var out mobility.Effects
	w.Unstored(w.now, id, &out)
	w.install(&out)
	if len(out.Events) != 0 || w.table.Get(id) != nil {
		t.Errorf("%v", out.Events)
	}
	w.check()
}

// MLL-04, DOM-06: a restored binding that the configuration has no room for any more ends with a word to its MAG, from the address and in the VRF that the
// MAG speaks to, though the configuration has them no more. Nobody else is told anything.
func TestMLL04_RestoredWithoutRoom(t *testing.T) {
	rows := func() (list []*mobility.Binding) {
		for i, c := range tenants {
			at := c.Transports[0]
			list = append(list, &mobility.Binding{
				ID: dataplane.SessionID(i + 1), State: mobility.StateActive, Expires: mobility.At(scenario.Start.Add(time.Hour)), Lifetime: time.Hour,
				Holding: &mobility.Holding{Node: mobility.NAI("n@any"), Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:a::/64")},
					Tenancy: unique.Make((&customer{cfg: c}).tenancy(&mobility.Profile{}))},
				Ends: unique.Make(mobility.Ends{Local: at.Addr, Remote: netip.MustParseAddrPort("192.0.2.9:5436"), CareOf: address("192.0.2.9"),
					Tunnel: dataplane.TunnelID{VRF: at.VRF, Local: at.Addr, Peer: address("192.0.2.9"), Encap: dataplane.EncapIP}}),
			})
		}
		return list
	}
	moved := *tenants[1]
	moved.VRF = "VRF8"
	rehomed := serving(tenants...)
	rehomed.Domain.Profiles.(scenario.Profiles)["@any"] = &mobility.Profile{Name: "@any", Service: mobility.ServiceDual, Customer: "CUST3"}
	for what, c := range map[string]struct {
		cfg        *mobility.LMA
		told, left string
	}{
		"all is as it was":               {serving(tenants...), "", "[1 2 3]"},
		"a customer has another VRF":     {serving(tenants[0], &moved, tenants[2]), "16.16.16.2", "[1 3]"},
		"a customer is gone":             {serving(tenants[0], tenants[2]), "16.16.16.2", "[1 3]"},
		"all customers are gone":         {serving(), "15.15.15.2 16.16.16.2 17.17.17.2", "[]"},
		"the node is another customer's": {rehomed, "15.15.15.2 16.16.16.2", "[3]"},
	} {
		m := New(scenario.Start, c.cfg, binding.New(), 0)
		var out mobility.Effects
		m.Restore(scenario.Start, rows(), 3, &out)
		var told []string
		for _, d := range out.Send {
			if message, err := new(wire.Decoder).Decode(d.Octets); err != nil {
				t.Error(err)
			} else if r, ok := message.(*wire.Revocation); !ok || r.Trigger != wire.TriggerAdministrative || d.To.Addr.String() != "192.0.2.9:5436" || d.To.VRF != "SP1" {
				t.Errorf("%s: sent %+v", what, d)
			}
			told = append(told, d.From.Addr.Addr().String())
		}
		var left []dataplane.SessionID
		for b := range m.table.All() {
			left = append(left, b.ID)
		}
		slices.Sort(left)
		if strings.Join(told, " ") != c.told || fmt.Sprint(left) != c.left {
			t.Errorf("%s: told were the MAGs of %q, want %q; left is %v, want %s", what, told, c.told, left, c.left)
		}
		if ended := len(out.Events); ended != 3-len(left) {
			t.Errorf("%s: %d ends were told of, for accounting", what, ended)
		}
	}
}
