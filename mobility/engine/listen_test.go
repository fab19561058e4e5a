package engine

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// LMA-01, LMA-02: an anchor answers at its addresses, from the one that was asked, over IPv4 and IPv6. It does not at other addresses of its host, not before it
// is configured, and not afterwards.
func TestLMA01_AnswersWhereItIsConfigured(t *testing.T) {
	anchorHost, gatewayHost := hosts(t)
	const other4, other6 = "192.0.2.253", "2001:db8:ffff::77"
	must(t, anchorHost.Address("eth0", other4+"/24"), anchorHost.Address("eth0", other6+"/32"))
	asker := sockets(t, gatewayHost)
	change, err := asker.Prepare([]transport.Address{transport.AddressOf(endpoint(mag16)), transport.AddressOf(endpoint(mag14))})
	must(t, err)
	change.Open()
	change.Retire()
	lma := start(t, sockets(t, anchorHost), nil)
	for _, to := range []string{lma6, cabled4, other6, other4} {
		acquaint(t, gatewayHost, anchorHost, to)
	}

	expectSilence(t, asker, mag16, lma6)
	expectSilence(t, asker, mag14, cabled4)
	config := anchorConfig("lma1", lma6, cabled4)
	config.IgnoreTimestamps = true // the test may be slow
	lma.commit(justLMA(config))
	for _, way := range [][2]string{{mag16, lma6}, {mag14, cabled4}} {
		request(t, asker, way[0], way[1])
		select {
		case b := <-asker.Batches():
			in := &b.In[0]
			if m, ok := in.Message.(*wire.BindingAck); !ok || m.Status != wire.StatusAccepted || in.From != endpoint(way[1]) {
				t.Errorf("asked at %s: %v from %v", way[1], in.Message, in.From)
			}
			b.Release()
		case <-time.After(30 * time.Second):
			t.Fatalf("asked at %s: no answer", way[1])
		}
	}
	expectSilence(t, asker, mag16, other6)
	expectSilence(t, asker, mag14, other4)
	lma.commit(nil)
	for drained := false; !drained; { // the good-bye of the anchor
		select {
		case b := <-asker.Batches():
			b.Release()
		case <-time.After(200 * time.Millisecond):
			drained = true
		}
	}
	expectSilence(t, asker, mag16, lma6)
	expectSilence(t, asker, mag14, cabled4)
	if unknown := asker.Strays(); unknown != 0 {
		t.Errorf("%d messages were not sent at all", unknown)
	}
}

// acquaint waits until packets from one host arrive at an address of another. A request must not wait for a neighbour to be found, and come when
// somebody listens.
func acquaint(t *testing.T, from, to *netns.Host, address string) {
	t.Helper()
	at := net.JoinHostPort(address, "9")
	var sink net.PacketConn
	must(t, to.Do(func() (err error) { sink, err = net.ListenPacket("udp", at); return }))
	defer sink.Close()
	var source net.Conn
	must(t, from.Do(func() (err error) { source, err = net.Dial("udp", at); return }))
	defer source.Close()
	eventually(t, "a packet arrives at "+at, func() bool {
		source.Write([]byte{0})
		must(t, sink.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		n, _, _ := sink.ReadFrom(make([]byte, 1))
		return n == 1
	})
}

// A host that listens nowhere, or the kernel in its place, may say that it does not: that is no answer of an anchor.
func expectSilence(t *testing.T, asker *transport.Sockets, from, to string) {
	t.Helper()
	request(t, asker, from, to)
	select {
	case b := <-asker.Batches():
		t.Errorf("asked at %s: %v", to, b.In[0])
		b.Release()
	case <-time.After(300 * time.Millisecond):
	}
}

// request asks for the registration of a node.
func request(t *testing.T, asker *transport.Sockets, from, to string) {
	t.Helper()
	var out mobility.Effects
	u := &wire.BindingUpdate{Seq: 1, Flags: wire.UpdateA | wire.UpdateP, Lifetime: 100, Options: wire.Options{
		MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte("at-" + netip.MustParseAddr(from).String() + "@example.com")}),
		HNPs: []wire.HNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}}, Handoff: wire.Some(wire.HandoffUnknown),
		AccessType: wire.Some(wire.Access80211), LinkLayerID: wire.Some(wire.LinkLayerID(from)), Timestamp: wire.Some(wire.TimestampOf(time.Now()))}}
	must(t, out.Message(endpoint(from), endpoint(to), u, mobility.Signature{}, 0))
	asker.Send(out.Send)
}
