package engine

import (
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// Where both roles have one address, the kind of a message says which is meant; else whoever has the address gets everything.
func TestWhoIsMeant(t *testing.T) {
	shared, onlyLMA, onlyMAG, elsewhere := lma6, lma4, mag16, endpoint("2001:db8:eeee::1")
	anchors, gateways := anchorConfig("lma1", shared, onlyLMA), gatewayConfig("mag1", []string{"2001:db8:eeee::1"}, nil, shared, onlyMAG)
	e := newElement()
	e.anchors["lma1"] = &anchor{unit: unit{Name: Name{RoleLMA, "lma1"}}, cfg: anchors}
	e.gateways["mag1"] = &gateway{unit: unit{Name: Name{RoleMAG, "mag1"}}, cfg: gateways}
	e.index()
	unreadable := func(kind wire.Type) error { return &wire.DecodeError{Kind: wire.KindOptionOverrun, Type: kind} }
	for _, test := range []struct {
		to   string
		in   mobility.Inbound
		want string
	}{
		{shared, mobility.Inbound{Message: new(wire.BindingUpdate)}, "lma lma1"},
		{shared, mobility.Inbound{Message: new(wire.BindingAck)}, "mag mag1"},
		{shared, mobility.Inbound{Message: new(wire.Revocation)}, "lma lma1"},
		{shared, mobility.Inbound{Message: new(wire.RevocationAck)}, "lma lma1"},
		{shared, mobility.Inbound{Message: new(wire.Revocation), From: elsewhere}, "mag mag1"},
		{shared, mobility.Inbound{Message: new(wire.RevocationAck), From: elsewhere}, "mag mag1"},
		{shared, mobility.Inbound{Message: new(wire.Heartbeat), From: elsewhere}, "mag mag1"},
		{shared, mobility.Inbound{Message: new(wire.BindingError), From: elsewhere}, "mag mag1"},
		{shared, mobility.Inbound{Message: new(wire.UpdateNotification)}, "mag mag1"},
		{shared, mobility.Inbound{Message: new(wire.UpdateAck)}, "lma lma1"},
		{shared, mobility.Inbound{Message: new(wire.BindingRefreshRequest)}, "mag mag1"},
		{shared, mobility.Inbound{Message: new(wire.Heartbeat)}, "lma lma1"},
		{shared, mobility.Inbound{Message: new(wire.Opaque)}, "lma lma1"},
		{shared, mobility.Inbound{Err: unreadable(wire.TypeBindingUpdate)}, "lma lma1"},
		{shared, mobility.Inbound{Err: unreadable(wire.TypeBindingAck)}, "mag mag1"},
		{shared, mobility.Inbound{Err: unreadable(99)}, "lma lma1"},
		{onlyLMA, mobility.Inbound{Message: new(wire.BindingAck)}, "lma lma1"},
		{onlyMAG, mobility.Inbound{Message: new(wire.BindingUpdate)}, "mag mag1"},
		{mag26, mobility.Inbound{Message: new(wire.BindingUpdate)}, "nobody"},
	} {
		test.in.To = endpoint(test.to)
		got := "nobody"
		if u := e.at(&test.in); u != nil {
			got = u.Name.String()
		}
		if got != test.want {
			t.Errorf("%T %v to %s is for %s, want %s", test.in.Message, test.in.Err, test.to, got, test.want)
		}
	}
	blue := mobility.Inbound{Message: new(wire.BindingUpdate), To: endpoint(shared)}
	blue.To.VRF = "blue"
	if u := e.at(&blue); u != nil {
		t.Errorf("the address in another VRF is for %v", u.Name)
	}
}

// mute sends nothing: a memory network allocates more than a machine.
type mute struct{ *transport.Host }

func (mute) Send([]mobility.Datagram) {}

// A step allocates nothing for a refresh, but for the first of a node, whose row others may have got.
func TestStepAllocations(t *testing.T) {
	const secret = "0123456789abcdef"
	host := transport.NewMemory(transport.Conditions{}, 1).Host()
	e := New(Options{Transport: mute{host}, Dataplane: newPlane()})
	config := anchorConfig("lma1", lma4)
	config.TimestampWindow, config.Domain.Key = time.Hour, &mobility.Key{SPI: 256, Secret: []byte(secret)}
	c, err := e.Prepare(t.Context(), nil, justLMA(config))
	must(t, err)
	c.handle(e, time.Now())

	a := newAsker(nil, lma4, secret)
	const batch, runs = 64, 20
	decoders := make([]wire.Decoder, batch)
	var batches []*transport.Batch
	for range 2*(benchNodes+batch-1)/batch + runs + 1 {
		a.sent = mobility.Effects{}
		b := new(transport.Batch)
		for range batch {
			a.encode()
		}
		for _, d := range a.sent.Send {
			b.In = append(b.In, mobility.Inbound{From: d.From, To: d.To, Octets: d.Octets})
		}
		batches = append(batches, b)
	}
	handle := func() {
		b := batches[0]
		batches = batches[1:]
		for i := range b.In {
			b.In[i].Message, b.In[i].Err = decoders[i].Decode(b.In[i].Octets)
		}
		e.step(arrival{b})
	}
	for len(batches) > runs+1 {
		handle() // until every node is registered, and refreshed once
	}
	perMessage := testing.AllocsPerRun(runs, handle) / batch
	if stats := e.LMA("lma1").Statistics; stats.Initial.Load() != benchNodes || stats.Refresh.Load() < batch*runs {
		t.Fatalf("%d registrations, %d refreshes", stats.Initial.Load(), stats.Refresh.Load())
	}
	if perMessage > 0.1 {
		t.Errorf("%v allocations a refresh, want none", perMessage)
	}
}
