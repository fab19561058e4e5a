package element

import (
	"net/netip"
	"testing"
	"time"

	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// OPS-05: what comes through sockets and is discarded is counted where the model says: with the packets what cannot be read, by reason what is
// read and discarded then. A wrong checksum is seen over IPv6; over IPv4 it is that of UDP, and the host's.
func TestOPS05_OverSockets(t *testing.T) {
	anchor, gateway := netnsHost(t, "lma"), netnsHost(t, "mag")
	if err := netns.Connect(anchor, "eth0", gateway, "eth0"); err != nil {
		t.Fatal(err)
	}
	here, there := ends(t, anchor, "192.0.2.1", "2001:db8::a"), ends(t, gateway, "192.0.2.2", "2001:db8::b")
	config := twoCustomers()
	config.MAGs = nil
	lma := config.LMAs["lma"]
	lma.Customers = nil
	for _, to := range here {
		lma.Addresses = append(lma.Addresses, to.Addr.Addr())
	}
	sockets := socketsOf(t, anchor)
	e := loopOver(t, sockets, sockets.Status, config)

	peer := socketsOf(t, gateway)
	change, err := peer.Prepare([]transport.Address{{Addr: there[0].Addr.Addr()}, {Addr: there[1].Addr.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	change.Open()
	change.Retire()
	send := func(version int, m wire.Message, spoil func(octets []byte)) {
		var out mobility.Effects
		if err := out.Message(there[version], here[version], m, mobility.Signature{}, 0); err != nil {
			t.Fatal(err)
		}
		spoil(out.Send[0].Octets)
		peer.Send(out.Send)
	}
	good := func([]byte) {}
	const ipv4, ipv6 = 0, 1
	for range 7 {
		send(ipv4, &wire.BindingUpdate{Flags: wire.UpdateA, Lifetime: wire.LifetimeOf(time.Minute)}, good) // without P
	}
	for range 2 {
		send(ipv4, &wire.Heartbeat{}, func(octets []byte) { octets[1] = 200 }) // longer than it is
	}
	for range 3 {
		send(ipv6, &wire.Heartbeat{}, func(octets []byte) { octets[len(octets)-1] ^= 1 })
	}
	for leaf, want := range map[string]string{
		"packets/ipv4/received": "9", "packets/ipv4/receive-drops": "2",
		"packets/ipv6/received": "3", "packets/ipv6/receive-drops": "3", "packets/ipv6/checksum-errors": "3",
		"pbu/received": "7", "pbu/dropped": "7", "drop[reason='not-proxy']/count": "7", "drop[reason='malformed']/count": "2", "drop[reason='checksum']/count": "3",
	} {
		got := ""
		for until := time.Now().Add(time.Minute); got != want && time.Now().Before(until); time.Sleep(time.Millisecond) {
			got = leafOf(t, e.state, "/mooring-pmipv6:pmipv6/lma[name='lma']/statistics/"+leaf)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", leaf, got, want)
		}
	}
}

func netnsHost(t *testing.T, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// ends gives the interface of a host an address of each IP version.
func ends(t *testing.T, h *netns.Host, v4, v6 string) [2]mobility.Endpoint {
	t.Helper()
	for _, prefix := range []string{v4 + "/24", v6 + "/64"} {
		if err := h.Address("eth0", prefix); err != nil {
			t.Fatal(err)
		}
	}
	return [2]mobility.Endpoint{transport.Address{Addr: netip.MustParseAddr(v4)}.Endpoint(), transport.Address{Addr: netip.MustParseAddr(v6)}.Endpoint()}
}

func socketsOf(t *testing.T, h *netns.Host) *transport.Sockets {
	s := transport.NewSockets(transport.Options{Enter: func(_ string, open func(string) error) error { return h.Do(func() error { return open("") }) }})
	t.Cleanup(func() { s.Close() })
	return s
}
