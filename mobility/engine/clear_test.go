package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// killed returns a folder with what a process leaves that is killed now.
func killed(t *testing.T, dir string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "left")
	must(t, os.CopyFS(left, os.DirFS(dir)))
	return left
}

// What an operator, or a RADIUS server, was told to have ended ends, though the anchor is killed before the MAG has heard of it: the one that begins
// again tells the MAG, as often as it takes.
func TestLMA12_ClearedStaysClearedWhenKilled(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		mag := newTold(t, net)
		config := serving(free)
		config.LMAs["lma1"].Revocation = mobility.Revocation{DelayMin: 10 * time.Second, DelayMax: 20 * time.Second, Retries: 5}
		d := newDisk(t, dir)
		s, _ := storedOn(t, net, d, config)
		register(t, net, free, "n", "2001:db8:c::/64")
		register(t, net, free, "other", "2001:db8:c:1::/64")
		mag.hear(t, time.Second, 1)

		d.mu.Lock()
		d.resume = make(chan struct{})
		d.mu.Unlock()
		answered := make(chan int, 1)
		go func() {
			n, err := s.LMA("lma1").Clear(t.Context(), func(b *mobility.Binding) bool { return b.Node.String() == "n@cust" })
			must(t, err)
			answered <- n
		}()
		mag.hear(t, time.Second, 9)
		if len(answered) > 0 || len(mag.bris) > 0 {
			t.Errorf("before the disk has it, %d are answered, and the MAG heard %v", len(answered), mag.bris)
		}
		close(d.resume)
		mag.hear(t, time.Second, 9)
		if n := <-answered; n != 1 || len(mag.bris) != 1 {
			t.Fatalf("%d bindings were cleared, the MAG heard %v", n, mag.bris)
		}
		dir = killed(t, dir)
		s.stop()

		s, _ = storedOn(t, net, newDisk(t, dir), config)
		mag.hear(t, 5*time.Second, 9)
		if len(mag.bris) != 2 || mag.bris[1] == mag.bris[0] {
			t.Fatalf("the MAG heard %v", mag.bris)
		}
		mag.hear(t, 20*time.Second, 3)
		stats := s.LMA("lma1").Statistics
		if stats.BRISent.Load(wire.TriggerAdministrative) != 2 || stats.BRAReceived.Load(wire.RevocationSuccess) != 1 {
			t.Errorf("%d were sent, %d answered", stats.BRISent.Load(wire.TriggerAdministrative), stats.BRAReceived.Load(wire.RevocationSuccess))
		}
		left := []string{"other@cust 2001:db8:c:1::/64 free green  SP 16.16.16.2"}
		same(t, "left", s.tenants(), left)
		settleDisk(t)
		dir = killed(t, dir)
		s.stop()

		s, _ = storedOn(t, net, newDisk(t, dir), config)
		mag.hear(t, time.Minute, 9)
		same(t, "left after another start", s.tenants(), left)
		if len(mag.bris) != 3 {
			t.Errorf("the MAG heard %v", mag.bris)
		}
		s.stop()
	})
}

// A great many bindings are cleared in several steps, between which others are served.
func TestClearTakesTurns(t *testing.T) {
	const nodes = 2*clearedAtOnce + 10
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		s, _ := storedOn(t, net, newDisk(t, dir), serving(free, pooled))
		for i := range nodes {
			register(t, net, free, fmt.Sprint("n", i), fmt.Sprintf("2001:db8:c:%x::/64", i))
		}
		register(t, net, pooled, "n", "::/0")
		before := s.Status()
		n, err := s.LMA("lma1").Clear(t.Context(), func(b *mobility.Binding) bool { return b.Tenant().Customer == "free" })
		must(t, err)
		if steps := s.Status().Steps - before.Steps; n != nodes || steps < 3 {
			t.Errorf("%d bindings were cleared in %d steps", n, steps)
		}
		settleDisk(t)
		same(t, "left", s.tenants(), []string{"n@cust 2001:db8:c::/64 pooled red red net SP 15.15.15.2"})
	})
}
