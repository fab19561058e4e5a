package engine

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// The MAGs of an anchor that is removed as a whole are told until they answer, over other commits; then its address is closed, and until then nobody else is
// taken for it.
func TestLMA11_RemovedAnchorIsHeardOf(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		mag := newTold(t, net)
		config := serving(leaving)
		config.LMAs["lma1"].Revocation = mobility.Revocation{DelayMin: 10 * time.Second, DelayMax: 20 * time.Second, Retries: 5}
		other := justLMA(anchorConfig("lma2", "2001:db8:ffff::2"))
		s, _ := storedOn(t, net, newDisk(t, dir), config)
		go register(t, net, leaving, "n", "2001:db8:c::/64")
		mag.hear(t, 5*time.Second, 1)
		stats := s.LMA("lma1").Statistics
		s.commit(other)
		mag.hear(t, 5*time.Second, 4)
		if len(s.rows()) > 0 || len(s.plane.wanted()) > 0 || s.LMA("lma1") != nil {
			t.Errorf("left are %v, %v", s.rows(), s.plane.wanted())
		}
		s.commit(nil)
		mag.hear(t, 50*time.Second, 4) // the second, after 10 s, the third, and the fourth, which it answers
		if len(mag.bris) != 4 || mag.bris[0] != mag.bris[3] {
			t.Fatalf("its MAG heard %+v", mag.bris)
		}
		if stats.BRISent.Load(wire.TriggerPerPeerPolicy) != 4 || stats.BRAReceived.Load(wire.RevocationSuccess) != 1 || stats.BRIUnsent.Load() != 0 {
			t.Errorf("%d were sent, %d of them were not, %d answered", stats.BRISent.Load(wire.TriggerPerPeerPolicy), stats.BRIUnsent.Load(), stats.BRAReceived.Load(wire.RevocationSuccess))
		}
		host := net.Host() // may have the address: nobody else has it
		opened, err := host.Prepare([]transport.Address{transport.Address(leaving.Transports[0])})
		must(t, err)
		opened.Abort()
		must(t, host.Close())
		mag.hear(t, 5*time.Minute, 1)
		if len(mag.bris) != 4 {
			t.Errorf("after its answer the MAG heard %d more", len(mag.bris)-4)
		}
		s.stop()
	})
}

// An anchor that comes back to the address of one that was removed is not called gone by what that one has still to say.
func TestLMA11_AddressHasAnotherAnchor(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		mag := newTold(t, net)
		config := serving(leaving)
		config.LMAs["lma1"].Revocation = mobility.Revocation{DelayMin: 10 * time.Second, DelayMax: 20 * time.Second, Retries: 5}
		s, _ := storedOn(t, net, newDisk(t, dir), config)
		go register(t, net, leaving, "n", "2001:db8:c::/64")
		mag.hear(t, 5*time.Second, 1)
		s.commit(nil)
		mag.hear(t, 5*time.Second, 9)
		s.commit(config)
		go register(t, net, leaving, "n", "2001:db8:c::/64")
		mag.hear(t, 5*time.Minute, 9)
		if len(mag.bris) != 1 || len(s.rows()) != 1 {
			t.Errorf("its MAG heard %v, bindings %v", mag.bris, s.rows())
		}
		s.stop()
	})
}

// Over UDP: the first that an anchor says when it is removed is lost, the second answered; then nobody listens at its address.
func TestLMA11_RemovedAnchorOverUDP(t *testing.T) {
	anchorHost, gatewayHost := hosts(t)
	asker := sockets(t, gatewayHost)
	change, err := asker.Prepare([]transport.Address{transport.AddressOf(endpoint(mag14))})
	must(t, err)
	change.Open()
	change.Retire()
	lma := start(t, sockets(t, anchorHost), nil)
	acquaint(t, gatewayHost, anchorHost, cabled4)
	config := anchorConfig("lma1", cabled4)
	config.IgnoreTimestamps = true // the test may be slow
	config.Revocation = mobility.Revocation{DelayMin: 200 * time.Millisecond, DelayMax: time.Minute, Retries: 10}
	lma.commit(justLMA(config))
	request(t, asker, mag14, cabled4)
	var heard []wire.Revocation
	await := func(what string, is func() bool) {
		t.Helper()
		for late := time.After(30 * time.Second); !is(); {
			select {
			case b := <-asker.Batches():
				for i := range b.In {
					if bri, ok := b.In[i].Message.(*wire.Revocation); ok {
						heard = append(heard, wire.Revocation{Seq: bri.Seq, Trigger: bri.Trigger, Flags: bri.Flags})
					}
				}
				b.Release()
			case <-late:
				t.Fatalf("in vain: %s", what)
			case <-time.After(time.Millisecond):
			}
		}
	}
	free := func() bool {
		other := sockets(t, anchorHost)
		defer other.Close()
		opened, err := other.Prepare([]transport.Address{{Addr: netip.MustParseAddr(cabled4)}})
		if err == nil {
			opened.Abort()
		}
		return err == nil
	}
	await("the node is registered", func() bool { return len(lma.rows()) == 1 })
	lma.commit(nil)
	await("two indications come", func() bool { return len(heard) >= 2 })
	if first, again := heard[0], heard[1]; again.Seq != first.Seq || again.Trigger != wire.TriggerPerPeerPolicy || again.Flags != wire.RevocationP|wire.RevocationG {
		t.Errorf("%+v and %+v", first, again)
	}
	if free() {
		t.Error("its address is closed before the MAG has answered")
	}
	var out mobility.Effects
	must(t, out.Message(endpoint(mag14), endpoint(cabled4), &wire.RevocationAck{Seq: heard[0].Seq, Flags: heard[0].Flags}, mobility.Signature{}, 0))
	asker.Send(out.Send)
	await("its address is closed", free)
}
