package planetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// leastMTU is what IPv6 needs of any link (RFC 8200 section 5).
const leastMTU = 1280

// MTUs finds for tunnels of a configured or a derived MTU that packets up to it pass, that a larger one that may not be fragmented is answered with
// that MTU, from an address of the router in between, and that one that may arrives in fragments (TUN-01). least is the smallest MTU that
// tunnels of this plane have for IPv4.
func MTUs(t *testing.T, open func(*netlink.Namespace) (Plane, error), least int) {
	for _, c := range []struct {
		name, binding string
		configured    int
		want          int // for IPv4, where tunnels may be so small
	}{
		{"configured udp4", "udp4", 1360, 1360},
		{"configured gre6", "gre6", 1360, 1360},
		{"derived udp4", "udp4", 0, 1472},
		{"derived ip6", "ip6", 0, 1460},
		{"derived gre4", "gre4", 0, 1476},
		{"small udp4", "udp4", 576, 576},
		{"small ip4", "ip4", 576, 576},
		{"small gre4", "gre4", 576, 576},
		{"small gre6", "gre6", 576, 576},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := Bindings()[c.binding]
			b.MTU = c.configured
			d := Bind(t, open, b)
			want4, want6 := max(c.want, least), max(c.want, leastMTU)
			d.passes(t, want4, want6)
			free := newPinger(t, d.CN, NodeAddr4, false)
			for _, size := range []int{want4 + 1, 1500} {
				if m, _ := free.ping(size); m[0] != 0 {
					t.Errorf("%d octets that may be fragmented: answer %x", size, m[:8])
				}
			}
			Transfer(t, d.CN, d.Node, NodeAddr6)
			Transfer(t, d.Node, d.CN, CNAddr4)
		})
	}
}

// LeastMTU finds that a packet of the least IPv6 MTU passes a tunnel of this kind over links of that MTU: in fragments of the outer packet
// (RFC 2473 section 7.1, RFC 4213 section 3.2).
func LeastMTU(t *testing.T, open func(*netlink.Namespace) (Plane, error), b Binding) {
	t.Helper()
	d := &BoundDomain{Domain: NewDomain(t), Binding: b}
	d.narrow(t, leastMTU)
	d.bind(t, open)
	for _, way := range []struct {
		from *netns.Host
		to   string
	}{{d.Node, CNAddr6}, {d.CN, NodeAddr6}} {
		Sweep(t, way.from, way.to, leastMTU)
	}
	Transfer(t, d.CN, d.Node, NodeAddr6)
	Transfer(t, d.Node, d.CN, CNAddr4)
}

// Addressless finds that a gateway that has no IPv4 address itself tells nodes what fits, too: from an address that is there for that (RFC 7600
// section 4.8).
func Addressless(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	d := Bind(t, open, Bindings()["ip6"])
	link, err := d.MAG.Net.LinkByName("eth0")
	must(t, err, d.MAG.Net.AddrDel(link, &netlib.Addr{IPNet: netns.IPNet(prefix(MAGAddr4 + "/24"))}))
	Sweep(t, d.Node, CNAddr4, 1500-40)
	Transfer(t, d.Node, d.CN, CNAddr4)
}

// narrow has all links between the planes have an MTU.
func (d *BoundDomain) narrow(t *testing.T, mtu int) {
	t.Helper()
	must(t, d.Core.SetMTU("mag", mtu), d.MAG.SetMTU("eth0", mtu), d.Core.SetMTU("lma", mtu), d.LMA.SetMTU("eth0", mtu))
}

// passes finds what passes the tunnel, both ways.
func (d *BoundDomain) passes(t *testing.T, mtu4, mtu6 int) {
	t.Helper()
	for _, way := range []struct {
		from *netns.Host
		to   string
		mtu  int
	}{{d.Node, CNAddr4, mtu4}, {d.CN, NodeAddr4, mtu4}, {d.Node, CNAddr6, mtu6}, {d.CN, NodeAddr6, mtu6}} {
		Sweep(t, way.from, way.to, way.mtu)
	}
}

// Sweep pings with sizes around the MTU that a host is to have to an address.
func Sweep(t *testing.T, from *netns.Host, to string, mtu int) {
	t.Helper()
	p := newPinger(t, from, to, true)
	for size := mtu - 3; size <= min(mtu+3, 1500); size++ {
		m, router := p.ping(size)
		echo := m[0] == echoReply4 || m[0] == echoReply6
		if echo != (size <= mtu) {
			t.Errorf("%s to %s: %d octets answered by type %d of %s", from.Name, to, size, m[0], router)
			continue
		}
		if echo {
			continue
		}
		got := int(binary.BigEndian.Uint16(m[6:])) // RFC 1191 section 4
		if p.to.Is6() {
			got = int(binary.BigEndian.Uint32(m[4:])) // RFC 4443 section 3.2
		} else if checksum(m) != 0 || m[1] != 4 {
			t.Errorf("ICMP message %x", m[:8])
		}
		if got != mtu || router == p.to || router.IsLoopback() || !router.IsGlobalUnicast() {
			t.Errorf("%s to %s: %d octets: told %d by %s, want %d", from.Name, to, size, got, router, mtu)
		}
	}
}

// Types of ICMP (RFC 792, RFC 4443).
const (
	echo4, echoReply4, unreachable4 = 8, 0, 3
	echo6, echoReply6, tooBig6      = 128, 129, 2
)

// pinger sends echo requests, and hears everything that comes back.
type pinger struct {
	t    *testing.T
	conn net.PacketConn
	to   netip.Addr
}

// newPinger returns one whose requests must not be fragmented where df.
func newPinger(t *testing.T, h *netns.Host, to string, df bool) *pinger {
	t.Helper()
	p := &pinger{t: t, to: addr(to)}
	network := "ip4:icmp"
	level, option, value := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE
	if p.to.Is6() {
		network = "ip6:ipv6-icmp"
		level, option, value = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE
	}
	if !df {
		value = unix.IP_PMTUDISC_DONT // the same number in both families
	}
	must(t, h.Do(func() (err error) { p.conn, err = net.ListenPacket(network, ""); return }))
	t.Cleanup(func() { p.conn.Close() })
	raw, err := p.conn.(*net.IPConn).SyscallConn()
	must(t, err, raw.Control(func(fd uintptr) { must(t, unix.SetsockoptInt(int(fd), level, option, value)) }))
	return p
}

// ping sends a request in an IP packet of this size and returns the first ICMP message that answers it, and who sent it.
func (p *pinger) ping(size int) (message []byte, from netip.Addr) {
	p.t.Helper()
	header, kind := 20, byte(echo4) // RFC 791 section 3.1
	if p.to.Is6() {
		header, kind = 40, echo6 // RFC 8200 section 3
	}
	request := make([]byte, size-header)
	copy(request, []byte{kind, 0, 0, 0, 0x47, 0x11, byte(size >> 8), byte(size)})
	copy(request[8:], fmt.Sprintf("to %s", p.to))
	if kind == echo4 {
		binary.BigEndian.PutUint16(request[2:], checksum(request))
	}
	_, err := p.conn.WriteTo(request, &net.IPAddr{IP: p.to.AsSlice()})
	must(p.t, err, p.conn.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 65536)
	for {
		n, addr, err := p.conn.ReadFrom(b)
		if err != nil {
			p.t.Fatalf("ping %s with %d octets: %v", p.to, size, err)
		}
		from, _ = netip.AddrFromSlice(addr.(*net.IPAddr).IP)
		switch m := b[:n]; m[0] {
		case echoReply4, echoReply6:
			if bytes.Equal(m[4:], request[4:]) {
				return m, from.Unmap()
			}
		case unreachable4, tooBig6:
			if bytes.Contains(m, request[4:16]) {
				return m, from.Unmap()
			}
		}
	}
}

// checksum is that of the Internet (RFC 1071); 0 of what contains its own.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
