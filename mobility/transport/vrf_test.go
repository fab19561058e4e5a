package transport

import (
	"testing"
	"time"

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

// In a VRF that there is not, nobody can listen, and the error says so.
func TestListenInUnknownVRF(t *testing.T) {
	s := NewSockets(Options{})
	defer s.Close()
	if _, err := s.Prepare([]Address{{"green", endpoint(a4).Addr.Addr()}}); err == nil {
		t.Error("somebody listens in a VRF that there is not")
	}
}
