package usertun

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
)

var key1, key2 = dataplane.Key{Value: 0x01020304, Set: true}, dataplane.Key{Value: 77, Set: true}

// OPS-18, by what the ends count: every encapsulation over both families carries both families: TCP whole in both directions, UDP of many sizes.
func TestEncapsulations(t *testing.T) {
	cases := []struct {
		name  string
		encap dataplane.Encap
		v6    bool
		down  dataplane.Key
		up    dataplane.Key
	}{
		{"udp4", dataplane.EncapUDP, false, dataplane.Key{}, dataplane.Key{}},
		{"udp4-tlv-gre-key", dataplane.EncapUDP, false, key1, key2},
		{"udp6", dataplane.EncapUDP, true, dataplane.Key{}, dataplane.Key{}},
		{"ip4", dataplane.EncapIP, false, dataplane.Key{}, dataplane.Key{}},
		{"ip6", dataplane.EncapIP, true, dataplane.Key{}, dataplane.Key{}},
		{"gre4", dataplane.EncapGRE, false, dataplane.Key{}, dataplane.Key{}},
		{"gre4-key", dataplane.EncapGRE, false, key1, key2},
		{"gre6", dataplane.EncapGRE, true, dataplane.Key{}, dataplane.Key{}},
		{"gre6-key", dataplane.EncapGRE, true, key1, key2},
	}
	for _, c := range cases {
		for _, w := range waysOf(c.encap) {
			t.Run(c.name+" "+w.name, func(t *testing.T) {
				d := newDomainBy(t, w)
				e := tunnelOver(c.encap, c.v6)
				d.bind(t, e, c.down, c.up, 0)
				for _, to := range []struct{ node, cn string }{{nodeAddr4, cnAddr4}, {nodeAddr6, cnAddr6}} {
					transfer(t, d.node, d.cn, to.cn)
					transfer(t, d.cn, d.node, to.node)
					datagrams(t, d.node, d.cn, to.cn)
					segmentedDatagrams(t, d.node, d.cn, to.cn)
				}
				d.expectClean(t, e, w)
				expectCarried(t, d.anchor, e.anchor, !w.slowAnchor)
				expectCarried(t, d.access, e.access, !w.slowAccess)
			})
		}
	}
}

// expectClean checks that both ends counted the same traffic and dropped none. Only where one end is faster than the other
// may their counts of packets differ: what left in one piece has other segments when it is cut there.
func (d *domain) expectClean(t *testing.T, e ends, w way) {
	t.Helper()
	anchor, drops1 := d.anchor.Tunnels()
	access, drops2 := d.access.Tunnels()
	a, b := anchor[e.anchor], access[e.access]
	a.Drops.TooBig, b.Drops.TooBig = 0, 0 // TCP's first segments find out about the MTU
	if a.Drops != (dataplane.Drops{}) || b.Drops != (dataplane.Drops{}) || drops1 != (dataplane.Drops{}) || drops2 != (dataplane.Drops{}) {
		t.Errorf("drops: anchor %+v %+v, access %+v %+v", a.Drops, drops1, b.Drops, drops2)
	}
	if w.slowAnchor != w.slowAccess {
		return
	}
	for range 3000 { // the last packets of TCP may still be under way
		if a.RxPackets == b.TxPackets && a.RxOctets == b.TxOctets && b.RxPackets == a.TxPackets && b.RxOctets == a.TxOctets && a.RxOctets >= 1<<20 {
			return
		}
		time.Sleep(10 * time.Millisecond)
		anchor, _ = d.anchor.Tunnels()
		access, _ = d.access.Tunnels()
		a, b = anchor[e.anchor], access[e.access]
	}
	t.Errorf("counters differ:\nanchor %+v\naccess %+v", a.Counters, b.Counters)
}

// transfer sends a megabyte over TCP and checks that they arrive.
func transfer(t *testing.T, from, to *netns.Host, addr string) {
	t.Helper()
	var l net.Listener
	must(t, to.Do(func() (err error) { l, err = net.Listen("tcp", net.JoinHostPort(addr, "0")); return }))
	defer l.Close()
	sent := randomBytes(1 << 20) // some sixteen super-packets
	var c net.Conn
	must(t, from.Do(func() (err error) { c, err = net.DialTimeout("tcp", l.Addr().String(), 30*time.Second); return }))
	defer c.Close()
	server, err := l.Accept()
	must(t, err)
	defer server.Close()
	deadline := time.Now().Add(20 * time.Second)
	must(t, c.SetDeadline(deadline), server.SetDeadline(deadline))
	go func() {
		c.Write(sent)
		c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(server)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("tcp %s to %s: %d octets of %d, %v", from.Name, addr, len(got), len(sent), err)
	}
}

// datagrams sends UDP datagrams of sizes that join and that do not, and checks every one.
func datagrams(t *testing.T, from, to *netns.Host, addr string) {
	t.Helper()
	var sink, source *net.UDPConn
	must(t, to.Do(func() (err error) {
		sink, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 0)))
		return
	}))
	defer sink.Close()
	must(t, from.Do(func() (err error) {
		source, err = net.DialUDP("udp", nil, sink.LocalAddr().(*net.UDPAddr))
		return
	}))
	defer source.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 65536)
	for round := range 20 {
		size := 1 + rng.IntN(1300)
		var all [][]byte
		for i := range 10 {
			b := randomBytes(size)
			if i%4 == 3 {
				b = b[:1+rng.IntN(len(b))]
			}
			all = append(all, b)
			if _, err := source.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		must(t, sink.SetReadDeadline(time.Now().Add(30*time.Second)))
		for i, want := range all {
			n, err := sink.Read(buf)
			if err != nil || !bytes.Equal(buf[:n], want) {
				t.Fatalf("udp %s to %s: round %d, datagram %d of %d octets: %d octets, %v", from.Name, addr, round, i, len(want), n, err)
			}
		}
	}
}

// segmentedDatagrams sends several datagrams as one packet, as QUIC does where the host can cut it.
func segmentedDatagrams(t *testing.T, from, to *netns.Host, addr string) {
	t.Helper()
	const size, count = 1000, 10
	sink := listen(t, to, addr, 0)
	var source *net.UDPConn
	must(t, from.Do(func() (err error) {
		source, err = net.DialUDP("udp", nil, sink.LocalAddr().(*net.UDPAddr))
		return
	}))
	defer source.Close()
	setOptions(t, source, unix.SOL_UDP, map[int]int{unix.UDP_SEGMENT: size})
	sent := randomBytes(size * count)
	_, err := source.Write(sent)
	must(t, err)
	for i := range count {
		if got := arrives(t, sink, 30*time.Second); !bytes.Equal(got, sent[i*size:(i+1)*size]) {
			t.Fatalf("%s: datagram %d has %d octets", addr, i, len(got))
		}
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(n)})
	rng.Read(b)
	return b
}
