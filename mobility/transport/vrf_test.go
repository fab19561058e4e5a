package transport

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

// The same address is in two VRFs, and so is that of the peer (MLL-15). A message comes with the VRF that it has arrived in, and an answer leaves there.
func TestSameAddressInTwoVRFs(t *testing.T) {
	wires := map[string]wireOf{"red": cable(t), "blue": cable(t)}
	s := NewSockets(Options{Enter: func(vrf string, open func(string) error) error {
		return wires[vrf].a.Do(func() error { return open("") })
	}})
	t.Cleanup(func() { s.Close() })
	for _, ends := range []struct{ local, peer string }{{a4, b4}, {a6, b6}} {
		c, err := s.Prepare([]Address{{"red", endpoint(ends.local).Addr.Addr()}, {"blue", endpoint(ends.local).Addr.Addr()}})
		must(t, err)
		c.Open()
		c.Retire()
		for vrf, w := range wires {
			peer := sockets(t, w.b)
			listenAt(t, peer, ends.peer)
			peer.Send([]mobility.Datagram{heartbeat(t, ends.peer, ends.local, 1)})
			var in mobility.Inbound
			select {
			case b := <-s.Batches():
				in = b.In[0]
				b.Release()
			case <-time.After(30 * time.Second):
				t.Fatalf("nothing arrived in VRF %s", vrf)
			}
			if in.To.VRF != vrf || in.From.VRF != vrf || in.Err != nil {
				t.Errorf("%v > %v arrived in VRF %s: %v", in.From, in.To, vrf, in.Err)
			}
			s.Reopen(vrf) // as when its interface was made again
			answer := heartbeat(t, ends.local, ends.peer, 2)
			answer.From, answer.To = in.To, in.From
			s.Send([]mobility.Datagram{answer})
			next(t, peer, 1)
			must(t, peer.Close())
		}
	}
}

// An address in a VRF that is not there waits for it, and its state says so; when the VRF comes, what is sent there arrives. One that is not
// wanted any more waits no longer.
func TestListenInVRFThatComesLate(t *testing.T) {
	w := cable(t)
	there := false
	s := NewSockets(Options{Enter: func(vrf string, open func(string) error) error {
		if !there {
			return fmt.Errorf("VRF %s: %w", vrf, dataplane.ErrNoVRF)
		}
		return w.a.Do(func() error { return open("") })
	}})
	t.Cleanup(func() { s.Close() })
	local := endpoint(a4).Addr.Addr()
	commit := func(wanted ...Address) {
		c, err := s.Prepare(wanted)
		must(t, err)
		c.Open()
		c.Retire()
	}
	commit(Address{"green", local}, Address{"blue", local})
	s.Reopen("green") // which is not there yet
	for _, status := range s.Status() {
		if !errors.Is(status.Err, dataplane.ErrNoVRF) {
			t.Errorf("%v: %v", status.Address, status.Err)
		}
	}
	answer := heartbeat(t, a4, b4, 2)
	answer.From.VRF, answer.To.VRF = "green", "green"
	s.Send([]mobility.Datagram{answer})
	if n := s.Strays(); n != 1 {
		t.Errorf("%d messages could not be sent, want 1", n)
	}
	there = true
	s.Reopen("green")
	commit(Address{"green", local})
	if list := s.Status(); len(list) != 1 || list[0].Err != nil {
		t.Errorf("listens at %v", list)
	}
	peer := sockets(t, w.b)
	listenAt(t, peer, b4)
	s.Send([]mobility.Datagram{answer})
	next(t, peer, 1)
}
