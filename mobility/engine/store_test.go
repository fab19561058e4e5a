package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/journal"
	"mooring/mobility/scenario"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// disk is a folder whose writes and syncs fail while it is told so.
type disk struct {
	journal.Folder
	mu          sync.Mutex
	full        bool
	resume      chan struct{}
	syncsToFail int
}

func newDisk(t testing.TB, name string) *disk {
	root, err := os.OpenRoot(name)
	must(t, err)
	t.Cleanup(func() { root.Close() })
	folder, err := journal.Dir(root, "bindings")
	must(t, err)
	return &disk{Folder: folder}
}

func (d *disk) set(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

func (d *disk) err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return syscall.ENOSPC
	}
	return nil
}

func (d *disk) Create(name string) (journal.File, error) {
	if err := d.err(); err != nil {
		return nil, err
	}
	f, err := d.Folder.Create(name)
	return diskFile{f, d}, err
}

type diskFile struct {
	journal.File
	disk *disk
}

func (f diskFile) Write(b []byte) (int, error) {
	if err := f.disk.err(); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f diskFile) Sync() error {
	f.disk.mu.Lock()
	resume := f.disk.resume
	if f.disk.syncsToFail > 0 {
		f.disk.syncsToFail--
		f.disk.mu.Unlock()
		return syscall.EIO
	}
	f.disk.mu.Unlock()
	if resume != nil {
		<-resume
	}
	return f.File.Sync()
}

// stored runs an element whose bindings survive it.
func storedOn(t testing.TB, net *transport.Memory, d journal.Folder, config *mobility.Config) (*station, *journal.Journal) {
	t.Helper()
	j, err := journal.Open(d, journal.Options{Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	host := net.Host()
	s := start(t, host, func(o *Options) { o.Store = j })
	stop := s.stop
	s.stop = sync.OnceFunc(func() {
		stop()
		host.Close()
		must(t, j.Close())
	})
	t.Cleanup(s.stop)
	s.commit(config)
	return s, j
}

// sessions lists what the dataplane is to hold, but for the numbers that machines have in one process.
func (s *station) sessions() (lines []string) {
	for _, session := range s.plane.wanted() {
		lines = append(lines, strings.Join([]string{session.Path.Tunnel.Peer.String(), session.Link, session.Prefixes[0].String(), session.Prefixes[1].String()}, " "))
	}
	slices.Sort(lines)
	return lines
}

// Both elements end and begin again, one after the other: rows, addresses, identifiers and what the dataplane holds are the same, nothing was registered
// anew, and refreshing goes on.
func TestRestartGoesOn(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		anchor, gateway := justLMA(anchorConfig("lma1", lma6)), justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16))
		lma, _ := storedOn(t, net, newDisk(t, dirs[0]), anchor)
		mag, _ := storedOn(t, net, newDisk(t, dirs[1]), gateway)
		for i := range byte(20) {
			mag.attach("access0", dataplane.MAC{2, 0, 0, 0, 0, i})
		}
		settleDisk(t)
		mag.detach("access0", dataplane.MAC{2, 0, 0, 0, 0, 7})
		settleDisk(t)
		pass(6 * time.Minute) // refreshed once
		settleDisk(t)
		before, wanted := details(lma.LMA("lma1").Table), lma.sessions()
		ours, held := details(mag.MAG("mag1").Table), mag.sessions()
		if len(before) != 19 || len(ours) != 19 || len(wanted) != 19 {
			t.Fatalf("%d bindings, %d registrations", len(before), len(ours))
		}

		lma.stop()
		lma, _ = storedOn(t, net, newDisk(t, dirs[0]), anchor)
		same(t, "bindings after the restart", details(lma.LMA("lma1").Table), before)
		same(t, "sessions after the restart", lma.sessions(), wanted)
		networks, err := lma.LMA("lma1").Networks(t.Context())
		must(t, err)
		for _, usage := range networks["net1"] {
			if usage.Used != 19 {
				t.Errorf("the pool %v counts %d", usage.Pool.Start, usage.Used)
			}
		}
		peers, err := lma.LMA("lma1").Peers(t.Context())
		must(t, err)
		if len(peers) != 1 || peers[0].Bindings != 19 {
			t.Errorf("peers: %+v", peers)
		}

		mag.stop()
		mag, _ = storedOn(t, net, newDisk(t, dirs[1]), gateway)
		same(t, "registrations after the restart", details(mag.MAG("mag1").Table), ours)
		same(t, "sessions of the gateway after the restart", mag.sessions(), held)
		for i := range byte(10) {
			mag.attach("access0", dataplane.MAC{2, 0, 0, 0, 0, i})
		}
		settleDisk(t)
		mag.mu.Lock()
		offered := len(mag.grants)
		mag.mu.Unlock()
		if offered != 10 {
			t.Errorf("%d nodes were offered what they had, not 10", offered)
		}
		pass(6 * time.Minute)
		settleDisk(t)
		if stats := lma.LMA("lma1").Statistics; stats.Initial.Load() != 1 || stats.Refresh.Load() < 18 || stats.Dropped[mobility.DropStale].Load() != 0 {
			t.Errorf("%d new, %d refreshes; new is only the node that had left", stats.Initial.Load(), stats.Refresh.Load())
		}
		pass(55 * time.Minute) // those that never showed themselves
		settleDisk(t)
		if rows := mag.rows(); len(rows) != 10 {
			t.Errorf("%d registrations, of 10 nodes that are there", len(rows))
		}
		if rows := lma.rows(); len(rows) != 10 {
			t.Errorf("%d bindings, of 10 nodes that are there", len(rows))
		}
	})
}

// settleDisk lets everything happen that waits for the disk: real files do not count as waiting in a bubble.
func settleDisk(t *testing.T) {
	for range 50 {
		pass(20 * time.Millisecond)
	}
}

// details lists the rows of a table with all that has to survive.
func details(table *binding.Table) (lines []string) {
	for b := range table.All() {
		row, holding := *b, *b.Holding
		row.Install, row.Holding, row.Ends, row.Profile = 0, nil, unique.Handle[mobility.Ends]{}, unique.Handle[string]{}
		holding.Terms, holding.Tenancy = unique.Handle[mobility.Terms]{}, unique.Handle[mobility.Tenancy]{}
		if row.State == mobility.StateRefreshing {
			row.State = mobility.StateActive
		}
		lines = append(lines, fmt.Sprintf("%+v %+v %+v %q", row, holding, b.Ends.Value(), []string{fmt.Sprint(b.Under(), b.Tenant()), b.Profile.Value()}))
	}
	slices.Sort(lines)
	return lines
}

// While the disk is full nobody new is acknowledged, and those that are there keep what they have; when there is room again, everything goes on by itself
// and survives.
func TestFullDiskRefusesAndRecovers(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		anchor := justLMA(anchorConfig("lma1", lma6))
		d := newDisk(t, dir)
		lma, j := storedOn(t, net, d, anchor)
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag.attach("access0", node1)
		settleDisk(t)

		d.set(true)
		mag.attach("access0", node2)
		pass(500 * time.Millisecond)
		stats := lma.LMA("lma1").Statistics
		if n := len(lma.rows()); n != 1 || stats.PBASent.Load(wire.StatusInsufficientResources) != 0 {
			t.Errorf("the first request on the full disk: %d bindings", n)
		}
		settleDisk(t) // the gateway has asked again
		if n := stats.PBASent.Load(wire.StatusInsufficientResources); n == 0 || len(lma.rows()) != 1 || len(lma.plane.wanted()) != 1 {
			t.Errorf("%d requests were refused, %d bindings, %d sessions", n, len(lma.rows()), len(lma.plane.wanted()))
		}
		if s := j.Status(); s.State == journal.Healthy || s.Failures != 1 || !errors.Is(s.Err, syscall.ENOSPC) {
			t.Errorf("%+v", s)
		}
		pass(10 * time.Minute) // the first node's refreshes get no answer, and it keeps what it has
		if got := strings.Join(mag.rows(), "\n"); !strings.Contains(got, "refresh-pending") || len(lma.rows()) != 1 {
			t.Errorf("%s\n%v", got, lma.rows())
		}
		d.set(false)
		pass(time.Minute)
		settleDisk(t)
		if s := j.Status(); s.State != journal.Healthy || s.Failures != 1 {
			t.Errorf("%+v", s)
		}
		if got := strings.Join(mag.rows(), "\n"); strings.Count(got, " active ") != 2 {
			t.Errorf("after the disk has room again:\n%s", got)
		}
		before := details(lma.LMA("lma1").Table)
		lma.stop()
		lma, _ = storedOn(t, net, newDisk(t, dir), anchor)
		same(t, "after the restart", details(lma.LMA("lma1").Table), before)
	})
}

// What the disk takes but does not keep is not acknowledged either.
func TestFailedSyncAcknowledgesNothing(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		d := newDisk(t, dir)
		lma, j := storedOn(t, net, d, justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		settleDisk(t)
		d.mu.Lock()
		d.syncsToFail = 1
		d.mu.Unlock()
		mag.attach("access0", node1)
		pass(500 * time.Millisecond)
		if n := len(lma.rows()); n != 0 || len(lma.plane.wanted()) != 0 || strings.Contains(strings.Join(mag.rows(), ""), "active") {
			t.Errorf("%d bindings, %v", n, mag.rows())
		}
		usage, err := lma.LMA("lma1").Networks(t.Context())
		must(t, err)
		if usage["net1"][0].Used != 0 {
			t.Errorf("addresses are taken: %+v", usage)
		}
		pass(time.Minute)
		settleDisk(t)
		if len(lma.rows()) != 1 || j.Status().Failures != 1 || j.Status().State != journal.Healthy {
			t.Errorf("%v, %+v", lma.rows(), j.Status())
		}
	})
}

// An acknowledgement leaves after the binding is on the disk, and a refresh after those that wait before it.
func TestAcknowledgementWaitsForTheDisk(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		d := newDisk(t, dir)
		lma, _ := storedOn(t, net, d, justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag.attach("access0", node1)
		settleDisk(t)
		d.mu.Lock()
		d.resume = make(chan struct{})
		d.mu.Unlock()
		mag.attach("access0", node2)
		pass(500 * time.Millisecond)
		mag.attach("access0", node1) // it shows itself again
		pass(200 * time.Millisecond)
		sent := lma.plane.wanted()
		if rows := mag.rows(); len(lma.rows()) != 2 || len(sent) != 1 || strings.Count(strings.Join(rows, "\n"), " active ") != 1 {
			t.Errorf("before the disk has it: %v, %d sessions", rows, len(sent))
		}
		close(d.resume)
		settleDisk(t)
		if rows := mag.rows(); strings.Count(strings.Join(rows, "\n"), " active ") != 2 || len(lma.plane.wanted()) != 2 {
			t.Errorf("after the disk has it: %v", rows)
		}
	})
}

// A restart with another configuration ends the bindings that it has no room for, and no others.
func TestRestartWithAnotherConfiguration(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		config := func(nodes ...byte) *mobility.Config {
			c := anchorConfig("lma1", lma6)
			profiles := scenario.Profiles{}
			for _, n := range nodes {
				nai := fmt.Sprintf("02000000010%d@example.com", n)
				profiles[nai] = &mobility.Profile{Name: nai, Network: "net1", Service: mobility.ServiceDual}
			}
			c.Domain.Profiles = profiles
			return justLMA(c)
		}
		lma, _ := storedOn(t, net, newDisk(t, dir), config(1, 2, 3, 4))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		for i := range byte(4) {
			mag.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, i + 1})
		}
		settleDisk(t)
		before := details(lma.LMA("lma1").Table)
		if len(before) != 4 {
			t.Fatal(lma.rows())
		}
		lma.stop()
		lma, _ = storedOn(t, net, newDisk(t, dir), config(1, 3)) // a node without a profile keeps what it has until it asks again
		same(t, "without two profiles", details(lma.LMA("lma1").Table), before)
		lma.stop()
		narrow := config(1, 2, 3, 4)
		narrow.LMAs["lma1"].Networks["net1"].Pools[0].Bits = 63 // two prefixes
		lma, _ = storedOn(t, net, newDisk(t, dir), narrow)
		after := details(lma.LMA("lma1").Table)
		if len(after) != 2 || !slices.Contains(before, after[0]) || !slices.Contains(before, after[1]) || len(lma.plane.wanted()) != 2 {
			t.Errorf("%q\nof\n%q", after, before)
		}
		lma.stop()
		lma, _ = storedOn(t, net, newDisk(t, dir), config(1, 2, 3, 4)) // what ended stays so
		same(t, "with the old configuration again", details(lma.LMA("lma1").Table), after)
		lma.stop()
		none, _ := storedOn(t, net, newDisk(t, dir), nil)
		none.stop()
		lma, _ = storedOn(t, net, newDisk(t, dir), config(1, 2, 3, 4))
		same(t, "after a start without the anchor", lma.rows(), nil)
	})
}

// What a copy of an accepted message is known by is the same after a restart (RFC 5213 section 5.5).
func TestOrderSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		config := anchorConfig("lma1", lma6)
		config.TimestampWindow = time.Hour
		lma, _ := storedOn(t, net, newDisk(t, dir), justLMA(config))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag.attach("access0", node1)
		settleDisk(t)
		pass(6 * time.Minute)
		settleDisk(t)
		row := slices.Collect(lma.LMA("lma1").Table.All())[0]
		lma.stop()
		lma, _ = storedOn(t, net, newDisk(t, dir), justLMA(config))
		again := slices.Collect(lma.LMA("lma1").Table.All())[0]
		if again.Sequence != row.Sequence || again.Timestamp != row.Timestamp || again.Expires != row.Expires || row.Sequence < 2 {
			t.Errorf("%+v, then %+v", row, again)
		}
	})
}

// A damaged store costs the bindings that were where the damage is: the peers are told by the restart counter, and the rest is written anew, once.
func TestDamagedStoreIsWrittenAnew(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		config := justLMA(anchorConfig("lma1", lma6))
		lma, j := storedOn(t, net, newDisk(t, dir), config)
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		for i := range byte(3) {
			mag.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, i})
			settleDisk(t)
		}
		lma.stop()
		before := j.Restarts()
		log := dir + "/bindings/log.00000001"
		b, err := os.ReadFile(log)
		must(t, err)
		b[80] ^= 1
		must(t, os.WriteFile(log, b, 0o600))

		for range 2 {
			lma, j = storedOn(t, net, newDisk(t, dir), config)
			settleDisk(t)
			if rows := lma.rows(); len(rows) != 2 || j.Restarts() != before+1 || lma.RestartCounter != before+1 {
				t.Errorf("%d bindings, restart counter %d, was %d: %v", len(rows), j.Restarts(), before, j.Status())
			}
			lma.stop()
		}
		if s := j.Status(); len(s.Damage) > 0 {
			t.Errorf("told again: %v", s.Damage)
		}
		if _, err := os.Stat(dir + "/bindings/damaged.log.00000001"); err != nil {
			t.Error(err)
		}
	})
}

// A gateway keeps a registration in store before anybody is told: neither the node nor the dataplane.
func TestGatewayWaitsForTheDisk(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		on(t, net, justLMA(anchorConfig("lma1", lma6)))
		d := newDisk(t, dir)
		mag, _ := storedOn(t, net, d, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		settleDisk(t)
		told := func() [2]int {
			return [2]int{mag.granted(), len(mag.plane.wanted())}
		}
		d.mu.Lock()
		d.resume = make(chan struct{})
		d.mu.Unlock()
		mag.attach("access0", node2)
		pass(500 * time.Millisecond)
		if got := told(); len(mag.rows()) != 1 || got != [2]int{} {
			t.Errorf("while the disk waits: %q, grants and sessions %v", mag.rows(), got)
		}
		close(d.resume)
		settleDisk(t)
		if got := told(); got != [2]int{1, 1} {
			t.Errorf("afterwards: grants and sessions %v", got)
		}
	})
}

// A gateway whose disk is full, or fails, tells no new node of its registration; those that are there keep what they have. With room again it
// goes on by itself, and the registrations survive.
func TestGatewayWithFullDiskKeepsNodesWaiting(t *testing.T) {
	for name, fail := range map[string]func(d *disk){
		"full":        func(d *disk) { d.set(true) },
		"sync failed": func(d *disk) { d.mu.Lock(); defer d.mu.Unlock(); d.syncsToFail = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
				lma := on(t, net, justLMA(anchorConfig("lma1", lma6)))
				gateway := justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16))
				d := newDisk(t, dir)
				mag, j := storedOn(t, net, d, gateway)
				mag.attach("access0", node1)
				settleDisk(t)
				if len(lma.rows()) != 1 || mag.granted() != 1 {
					t.Fatalf("on a good disk: %q, %d nodes are served", lma.rows(), mag.granted())
				}
				fail(d)
				mag.attach("access0", node2)
				pass(500 * time.Millisecond)
				if rows := strings.Join(mag.rows(), "\n"); mag.granted() != 1 || len(mag.plane.wanted()) != 1 || strings.Count(rows, " active ") != 1 || j.Status().Failures != 1 {
					t.Errorf("on a bad disk: %d nodes are served, %+v\n%s", mag.granted(), j.Status(), rows)
				}
				if mag.offered(node2) {
					t.Error("on a bad disk the new node was told of its registration")
				}
				if name == "full" {
					pass(10 * time.Minute) // it asks again, and refreshes what is there
					settleDisk(t)
					if rows := strings.Join(mag.rows(), "\n"); mag.granted() != 1 || strings.Count(rows, " active ") != 1 || len(lma.rows()) != 2 {
						t.Errorf("after ten minutes: %d nodes are served, %q\n%s", mag.granted(), lma.rows(), rows)
					}
				}
				d.set(false)
				pass(time.Minute)
				settleDisk(t)
				before := details(mag.MAG("mag1").Table)
				if j.Status().State != journal.Healthy || mag.granted() != 2 || len(mag.plane.wanted()) != 2 {
					t.Errorf("with room again: %+v, %d nodes are served\n%q", j.Status(), mag.granted(), before)
				}
				mag.stop()
				mag, _ = storedOn(t, net, newDisk(t, dir), gateway)
				same(t, "after a restart", details(mag.MAG("mag1").Table), before)
			})
		})
	}
}

// offered reports whether a node has ever been offered a prefix.
func (s *station) offered(node dataplane.MAC) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served[node]
}

// granted is how many nodes have been offered something that was not taken back.
func (s *station) granted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	served := map[dataplane.MAC]bool{}
	for _, g := range s.grants {
		if delete(served, g.MAC); len(g.Prefixes) > 0 {
			served[g.MAC] = true
		}
	}
	return len(served)
}
