package journal

import (
	"net/netip"
	"slices"
	"testing"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
)

// with is a binding with a MAG of its own.
func with(id dataplane.SessionID, mag byte) *mobility.Binding {
	b := typical(id)
	ends := typical(1).Ends.Value()
	ends.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, mag}), mobility.ControlPort)
	b.Ends = unique.Make(ends)
	return b
}

// told lists the last octets of the addresses of those that a machine had bindings with.
func told(j *Journal) (mags []byte) {
	for _, ends := range j.Peers(machine) {
		mags = append(mags, ends.Remote.Addr().As4()[3])
	}
	slices.Sort(mags)
	return mags
}

// threeMAGs is the folder of a process that was killed with bindings of MAGs 1 and 2, when the one of MAG 3 had ended.
func threeMAGs(t *testing.T) *memory {
	t.Helper()
	folder := newMemory()
	j, err := Open(folder, Options{})
	must(t, err)
	j.Forget()
	add := func(old, now *mobility.Binding) {
		j.Add(machine, mobility.Change{Old: old, New: now})
		_, _, err := j.Write()
		must(t, err)
	}
	add(nil, with(1, 1))
	add(nil, with(2, 3))
	add(nil, with(3, 3))
	add(with(2, 3), with(2, 2))
	add(with(3, 3), nil)
	must(t, j.Close())
	return folder.killed()
}

// Whom bindings were with is known after a restart, whatever has become of the files that have the bindings; and that some are lost is noticed.
func TestPeersOfLostBindings(t *testing.T) {
	for name, damage := range map[string]func(f *memory){
		"a frame":  func(f *memory) { f.files["log.00000001"].data[headSize+frameHead+20] ^= 1 },
		"the head": func(f *memory) { f.files["log.00000001"].data[3] ^= 1 },
		"all": func(f *memory) {
			log := f.files["log.00000001"]
			for i := range log.data {
				log.data[i] = 0x55
			}
		},
		"the file": func(f *memory) { delete(f.files, "log.00000001") },
		"the disk": func(f *memory) { f.files["log.00000001"].bad = headSize + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			folder := threeMAGs(t)
			before, err := restore(folder.killed())
			must(t, err)
			damage(folder)
			j, err := Open(folder, Options{})
			must(t, err)
			if got := told(j); !slices.Equal(got, []byte{1, 2, 3}) {
				t.Errorf("bindings were with %v", got)
			}
			if s := j.Status(); len(s.Damage) == 0 || s.Restarts != before.restarts+1 {
				t.Errorf("restart counter %d after %d, damage %v", s.Restarts, before.restarts, s.Damage)
			}
			must(t, j.Close())
		})
	}
}

// Nobody is remembered who has no bindings any more, from the next snapshot on; nor anybody of a machine that nobody takes.
func TestPeersAreForgotten(t *testing.T) {
	folder := threeMAGs(t)
	j, err := Open(folder, Options{})
	must(t, err)
	rows, last := j.Take(machine)
	j.Forget()
	j.Snapshot([]Source{{machine, last, slices.Values(rows)}}, func() {})
	eventually(t, func() bool { return j.Status().Snapshots == 1 })
	if got := told(j); !slices.Equal(got, []byte{1, 2}) {
		t.Errorf("after the snapshot %v", got)
	}
	must(t, j.Close())
	again, err := Open(folder.killed(), Options{})
	must(t, err)
	if got := told(again); !slices.Equal(got, []byte{1, 2}) || len(again.Status().Damage) > 0 {
		t.Errorf("after the restart %v, %v", got, again.Status().Damage)
	}
	again.Forget()
	if got := told(again); len(got) > 0 {
		t.Errorf("of a machine that nobody took: %v", got)
	}
	must(t, again.Close())
}

// Damage to what is known of peers is no loss of bindings, and is not announced as one.
func TestDamagedPeers(t *testing.T) {
	folder := threeMAGs(t)
	before, err := restore(folder.killed())
	must(t, err)
	for at := range folder.files["peers.00000001"].data {
		if at >= 8 && at < 10 {
			continue // of another version
		}
		damaged := folder.killed()
		damaged.files["peers.00000001"].data[at] ^= 0x55
		r, err := restore(damaged)
		must(t, err)
		if len(r.damage) > 0 || restarts(r) != before.restarts || len(r.machines[machine].rows) != 2 || len(r.peers.bindings[machine]) < 2 {
			t.Fatalf("octet %d: %v, restart counter %d after %d, peers %v", at, r.damage, restarts(r), before.restarts, r.peers.bindings)
		}
	}
}

// A host that loses power knows whom every durable binding is with.
func TestPeersAreDurableWithTheirBindings(t *testing.T) {
	for range 50 {
		folder := newMemory()
		j, err := Open(folder, Options{})
		must(t, err)
		for id := range dataplane.SessionID(5) {
			j.Add(machine, mobility.Change{New: with(id+1, byte(id+1))})
			mark, _, err := j.Write()
			must(t, err)
			if id < 3 {
				j.Await()
				eventually(t, func() bool { durable, _ := j.Durable(); return durable >= mark })
			}
		}
		left := folder.unplugged()
		must(t, j.Close())
		delete(left.files, "log.00000001")
		again, err := Open(left, Options{})
		must(t, err)
		if got := told(again); len(got) < 3 || !slices.Equal(got[:3], []byte{1, 2, 3}) {
			t.Fatalf("bindings were with %v", got)
		}
		must(t, again.Close())
	}
}
