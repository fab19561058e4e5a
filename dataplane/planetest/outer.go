package planetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// outerTTL is the TTL or hop limit of packets that tunnels send, whatever that of the inner packet is.
const outerTTL = 64

// OuterHeaders finds on the wire, for every kind of binding, both ways and for both families, that what a tunnel sends begins with its own TTL,
// and has the DSCP (RFC 2983 section 4.1) and the ECN field (RFC 6040 section 4.1) of the inner packet.
func OuterHeaders(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	all := Bindings()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			d := Bind(t, open, all[name])
			anchor, access := d.Tunnels()
			for _, way := range []struct {
				from, to  *netns.Host
				addresses []string // of to
				wire      string   // interface of the core that it comes by
				outer     [2]netip.Addr
			}{
				{d.Node, d.CN, []string{CNAddr4, CNAddr6}, "mag", [2]netip.Addr{access.Local, access.Peer}},
				{d.CN, d.Node, []string{NodeAddr4, NodeAddr6}, "lma", [2]netip.Addr{anchor.Local, anchor.Peer}},
			} {
				for _, to := range way.addresses {
					for _, class := range []uint8{0, 46 << 2, 10<<2 | 2} { // EF; AF11 with ECT(0)
						what := fmt.Sprintf("to %s with traffic class %#x", to, class)
						outer := d.overhear(t, way.wire, []byte(what), func() { sendMarked(t, way.from, way.to, to, class, []byte(what)) })
						want := header{way.outer[0], way.outer[1], outerTTL, class}
						if outer != want {
							t.Errorf("%s, the outer header is %+v, want %+v", what, outer, want)
						}
					}
				}
			}
		})
	}
}

// header is what is looked at of an IP header.
type header struct {
	source, destination netip.Addr
	ttl, class          uint8
}

func parseHeader(b []byte) (h header, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4: // RFC 791 section 3.1
		return header{netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:])), b[8], b[1]}, true
	case len(b) >= 40 && b[0]>>4 == 6: // RFC 8200 section 3
		return header{netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:])), b[7], b[0]<<4 | b[1]>>4}, true
	}
	return h, false
}

// sendMarked sends a datagram with a traffic class, and a TTL unlike that of any tunnel.
func sendMarked(t *testing.T, from, to *netns.Host, address string, class uint8, payload []byte) {
	t.Helper()
	sink := listen(t, to, address)
	var source *net.UDPConn
	must(t, from.Do(func() (err error) {
		source, err = net.DialUDP("udp", nil, sink.LocalAddr().(*net.UDPAddr))
		return err
	}))
	defer source.Close()
	raw, err := source.SyscallConn()
	must(t, err)
	var failed error
	must(t, raw.Control(func(fd uintptr) {
		const hops = 9
		if addr(address).Is4() {
			failed = errors.Join(unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, int(class)), unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, hops))
		} else {
			failed = errors.Join(unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(class)), unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, hops))
		}
	}), failed)
	_, err = source.Write(payload)
	must(t, err)
	if !arrives(t, sink, patience) {
		t.Fatalf("nothing arrives at %s", address)
	}
}

// overhear returns the outermost header of the packet with the payload that comes to the core by an interface.
func (d *BoundDomain) overhear(t *testing.T, device string, payload []byte, send func()) header {
	t.Helper()
	link, err := d.Core.Net.LinkByName(device)
	must(t, err)
	fd := tap(t, d.Core, link.Attrs().Index, time.Second)
	defer unix.Close(fd)
	send()
	for b := make([]byte, 65536); ; {
		n, from, err := unix.Recvfrom(fd, b, 0)
		must(t, os.NewSyscallError("the packet is not on the wire: recvfrom", err))
		if l, ok := from.(*unix.SockaddrLinklayer); !ok || l.Pkttype == unix.PACKET_OUTGOING || !bytes.HasSuffix(b[:n], payload) {
			continue
		}
		if h, ok := parseHeader(b[:n]); ok {
			return h
		}
	}
}
