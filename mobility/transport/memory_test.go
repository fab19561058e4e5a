package transport

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// listening adds a host with an address.
func listening(t *testing.T, m *Memory, at string) *Host {
	t.Helper()
	h := m.Host()
	c, err := h.Prepare([]Address{{Addr: netip.MustParseAddr(at)}})
	if err != nil {
		t.Fatal(err)
	}
	c.Open()
	c.Retire()
	return h
}

// collect takes what arrives at h until it is closed: sequence numbers and times since start.
func collect(h *Host) (got *[]uint32) {
	got = new([]uint32)
	go func() {
		for {
			select {
			case b := <-h.Batches():
				for _, in := range b.In {
					*got = append(*got, in.Message.(*wire.Heartbeat).Seq)
				}
				b.Release()
			case <-h.closed:
				return
			}
		}
	}()
	return got
}

func TestMemoryDeliversUnderConditions(t *testing.T) {
	run := func(c Conditions, seed uint64) (got []uint32, took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			net := NewMemory(c, seed)
			a, b := listening(t, net, "2001:db8::a"), listening(t, net, "2001:db8::b")
			arrived := collect(b)
			from, to := endpoint("2001:db8::a"), endpoint("2001:db8::b")
			start := time.Now()
			for i := range uint32(1000) {
				a.Send([]mobility.Datagram{{From: from, To: to, Octets: message(t, from, to, i)}})
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			got, took = *arrived, time.Since(start)
			a.Close()
			b.Close()
		})
		return got, took
	}

	if got, _ := run(Conditions{Delay: time.Millisecond}, 1); len(got) != 1000 {
		t.Errorf("without loss, %d of 1000 arrived", len(got))
	}
	rough := Conditions{Loss: 0.2, Duplicate: 0.2, Delay: time.Millisecond, Jitter: time.Second}
	got, _ := run(rough, 1)
	distinct := slices.Compact(slices.Sorted(slices.Values(got)))
	if n := len(distinct); n < 750 || n > 850 {
		t.Errorf("%d of 1000 arrived, want about 800", n)
	}
	if n := len(got) - len(distinct); n < 150 || n > 250 {
		t.Errorf("%d arrived twice, want about 200", n)
	}
	if slices.IsSorted(got) {
		t.Error("none was overtaken")
	}
	if again, _ := run(rough, 1); !slices.Equal(got, again) {
		t.Error("the same seed gave another run")
	}
	if other, _ := run(rough, 2); slices.Equal(got, other) {
		t.Error("another seed gave the same run")
	}
}

func TestMemoryAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := NewMemory(Conditions{Delay: time.Millisecond}, 1)
		a, b := listening(t, net, "2001:db8::a"), listening(t, net, "2001:db8::b")
		if _, err := a.Prepare([]Address{{Addr: netip.MustParseAddr("2001:db8::b")}}); err == nil {
			t.Error("two hosts have one address")
		}
		arrived := collect(b)
		from, to := endpoint("2001:db8::a"), endpoint("2001:db8::b")
		send := func() {
			a.Send([]mobility.Datagram{{From: from, To: to, Octets: message(t, from, to, 1)}})
			time.Sleep(time.Second)
			synctest.Wait()
		}
		send()
		other := []Address{{Addr: netip.MustParseAddr("2001:db8::c")}}
		c, err := b.Prepare(other)
		if err != nil {
			t.Fatal(err)
		}
		send() // prepared, and nothing has changed
		c.Open()
		send() // both addresses work
		c.Retire()
		send()
		if len(*arrived) != 3 || net.Lost() != 1 {
			t.Errorf("%d arrived and %d were lost, want 3 and 1", len(*arrived), net.Lost())
		}
		from = endpoint("2001:db8::f")
		send() // not its address
		if len(*arrived) != 3 || net.Lost() != 2 {
			t.Errorf("%d arrived and %d were lost, want 3 and 2", len(*arrived), net.Lost())
		}
		a.Close()
		b.Close()
	})
}

// Whoever keeps a message beyond Release sees nonsense.
func TestMemoryScribbles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := NewMemory(Conditions{}, 1)
		h := listening(t, net, "2001:db8::b")
		from, to := endpoint("2001:db8::a"), endpoint("2001:db8::b")
		var out mobility.Effects
		id := wire.MNID{Subtype: wire.IDNAI, ID: []byte("mn1@example.com")}
		if err := out.Message(from, to, &wire.BindingUpdate{Options: wire.Options{MNID: wire.Some(id)}}, mobility.Signature{}, 0); err != nil {
			t.Fatal(err)
		}
		net.Inject(out.Send[0])
		b := <-h.Batches()
		kept := b.In[0].Message.(*wire.BindingUpdate).MNID.Value.ID
		if string(kept) != "mn1@example.com" {
			t.Errorf("before: %q", kept)
		}
		b.Release()
		synctest.Wait()
		if string(kept) == "mn1@example.com" {
			t.Error("the message outlived its batch")
		}
		h.Close()
	})
}

// An unknown message is answered with a Binding Error, which itself is answered by nothing.
func TestMemoryAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := NewMemory(Conditions{Delay: time.Millisecond}, 1)
		a, b := listening(t, net, "192.0.2.1"), listening(t, net, "192.0.2.2")
		go func() { (<-b.Batches()).Release() }()
		a.Send([]mobility.Datagram{{From: endpoint("192.0.2.1"), To: endpoint("192.0.2.2"), Octets: []byte{59, 0, 99, 0, 0, 0, 0, 0}}})
		batch := <-a.Batches()
		if got := fmt.Sprint(batch.In[0].Message); got != "BE status 2(unrecognized-mh-type) home ::" {
			t.Error(got)
		}
		a.Close()
		b.Close()
	})
}
