package usertun

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
)

// pinger sends echo requests that may not be fragmented, and hears everything that comes back.
type pinger struct {
	t    *testing.T
	conn net.PacketConn
	to   netip.Addr
}

func newPinger(t *testing.T, h *netns.Host, to string, df bool) *pinger {
	t.Helper()
	p := &pinger{t: t, to: netip.MustParseAddr(to)}
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
	header, kind := header4, byte(8)
	if p.to.Is6() {
		header, kind = header6, 128
	}
	request := append([]byte{kind, 0, 0, 0, 0x47, 0x11, byte(size >> 8), byte(size)}, randomBytes(size-header-8)...)
	if kind == 8 {
		putChecksum(request[2:], sum(request, 0))
	}
	_, err := p.conn.WriteTo(request, &net.IPAddr{IP: p.to.AsSlice()})
	must(p.t, err, p.conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	b := make([]byte, 65536)
	for {
		n, addr, err := p.conn.ReadFrom(b)
		if err != nil {
			p.t.Fatalf("ping %s with %d octets: %v", p.to, size, err)
		}
		from, _ = netip.AddrFromSlice(addr.(*net.IPAddr).IP)
		switch m := b[:n]; {
		case (m[0] == 0 || m[0] == 129) && bytes.Equal(m[4:], request[4:]):
			return m, from.Unmap()
		case m[0] == 3 && bytes.Contains(m, request[4:16]), m[0] == 2 && bytes.Contains(m, request[4:16]):
			return m, from.Unmap()
		}
	}
}

// TUN-01: packets up to the MTU pass; a larger one that may not be fragmented is answered with that MTU, from an address of
// the router in between; one that may, arrives in fragments.
func TestTunnelMTU_TUN01(t *testing.T) {
	cases := []struct {
		name         string
		encap        dataplane.Encap
		v6           bool
		configured   int
		want4, want6 int
	}{
		{"configured", dataplane.EncapUDP, false, 1360, 1360, 1360},
		{"derived udp4", dataplane.EncapUDP, false, 0, 1472, 1472},
		{"derived ip6", dataplane.EncapIP, true, 0, 1460, 1460},
		{"derived gre4", dataplane.EncapGRE, false, 0, 1476, 1476},
		{"small", dataplane.EncapUDP, false, 576, 576, 1280},
		{"configured gre6", dataplane.EncapGRE, true, 1360, 1360, 1360},
		{"small ip4", dataplane.EncapIP, false, 576, 576, 1280},
	}
	for _, c := range cases {
		forEachWay(t, c.name, c.encap, func(t *testing.T, w way) {
			d := newDomainBy(t, w)
			e := tunnelOver(c.encap, c.v6)
			d.bind(t, e, dataplane.Key{}, dataplane.Key{}, c.configured)
			for _, way := range []struct {
				from *netns.Host
				to   string
				mtu  int
			}{{d.node, cnAddr4, c.want4}, {d.cn, nodeAddr4, c.want4}, {d.node, cnAddr6, c.want6}, {d.cn, nodeAddr6, c.want6}} {
				sweep(t, way.from, way.to, way.mtu)
			}
			free := newPinger(t, d.cn, nodeAddr4, false)
			for _, size := range []int{c.want4 + 1, 1500} {
				if m, _ := free.ping(size); m[0] != 0 {
					t.Errorf("%d octets that may be fragmented: answer %x", size, m[:8])
				}
			}
			transfer(t, d.cn, d.node, nodeAddr6)
			transfer(t, d.node, d.cn, cnAddr4)
		})
	}
}

// sweep pings with sizes around the MTU.
func sweep(t *testing.T, from *netns.Host, to string, mtu int) {
	t.Helper()
	p := newPinger(t, from, to, true)
	for size := mtu - 3; size <= min(mtu+3, 1500); size++ {
		m, router := p.ping(size)
		echo := m[0] == 0 || m[0] == 129
		if echo != (size <= mtu) {
			t.Errorf("%s to %s: %d octets answered by type %d of %s", from.Name, to, size, m[0], router)
			continue
		}
		if echo {
			continue
		}
		got := int(be.Uint16(m[6:]))
		if p.to.Is6() {
			got = int(be.Uint32(m[4:]))
		} else if !whole(sum(m, 0)) || m[1] != 4 {
			t.Errorf("ICMP message %x", m[:8])
		}
		if got != mtu || router == p.to || router.IsLoopback() || !router.IsGlobalUnicast() {
			t.Errorf("%s to %s: %d octets: told %d by %s, want %d", from.Name, to, size, got, router, mtu)
		}
	}
}

// Segments of a TCP stream that are too big are answered, too, and those of a sender that does not listen are fragmented.
func TestStreamOfSenderWithoutDF(t *testing.T) {
	for _, encap := range encaps {
		forEachWay(t, encap.String(), encap, func(t *testing.T, w way) {
			d := newDomainBy(t, w)
			d.bind(t, tunnelOver(encap, false), dataplane.Key{}, dataplane.Key{}, 1000)
			must(t, d.cn.Sysctl("ipv4/ip_no_pmtu_disc", "1"))
			transfer(t, d.cn, d.node, nodeAddr4)
		})
	}
}

// The path becomes narrower while the tunnel is in use: nothing is lost for good, and the tunnel's MTU follows. It follows
// back when the host has forgotten.
func TestNarrowerPathIsLearnt(t *testing.T) {
	for _, c := range []struct {
		name  string
		encap dataplane.Encap
		v6    bool
		want  int
	}{
		{"udp4", dataplane.EncapUDP, false, 1400 - 28},
		{"gre6", dataplane.EncapGRE, true, 1400 - 44},
	} {
		forEachWay(t, c.name, c.encap, func(t *testing.T, w way) {
			d := newDomainBy(t, w)
			e := tunnelOver(c.encap, c.v6)
			d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
			transfer(t, d.cn, d.node, nodeAddr4)
			must(t, d.core.SetMTU("mag", 1400), d.mag.SetMTU("eth0", 1400))
			transfer(t, d.cn, d.node, nodeAddr4)
			transfer(t, d.node, d.cn, cnAddr6)
			for p, id := range map[*Plane]dataplane.TunnelID{d.anchor: e.anchor, d.access: e.access} {
				eventually(t, "the tunnel follows the path", func() bool {
					tunnels, _ := p.Tunnels()
					return tunnels[id].MTU == c.want
				})
			}
			sweep(t, d.cn, nodeAddr4, c.want)
		})
	}
}

// RFC 2473 section 7.1: a packet of the least IPv6 MTU passes any tunnel, in fragments of the outer packet where it must.
func TestLeastMTUPassesNarrowTunnel(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		forEachWay(t, fmt.Sprintf("over IPv6 %t", v6), dataplane.EncapIP, func(t *testing.T, w way) {
			d := newDomainBy(t, w)
			must(t, d.core.SetMTU("mag", 1280), d.mag.SetMTU("eth0", 1280), d.core.SetMTU("lma", 1280), d.lma.SetMTU("eth0", 1280))
			d.bind(t, tunnelOver(dataplane.EncapIP, v6), dataplane.Key{}, dataplane.Key{}, 0)
			for _, way := range []struct {
				from *netns.Host
				to   string
			}{{d.node, cnAddr6}, {d.cn, nodeAddr6}} {
				sweep(t, way.from, way.to, 1280)
			}
		})
	}
}

func TestICMPRateIsLimited(t *testing.T) {
	s := &icmpSender{tokens: icmpBurst}
	now := time.Now()
	allowed := 0
	for i := range 10_000 { // a second
		if s.allowed(now.Add(time.Duration(i) * 100 * time.Microsecond)) {
			allowed++
		}
	}
	if allowed < icmpRate || allowed > icmpRate+icmpBurst {
		t.Fatalf("%d messages in a second", allowed)
	}
}
