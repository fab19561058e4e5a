package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
)

// capture sees every packet of a host, from the IP header on. Whoever reads it waits a tenth of a second at most.
func capture(t *testing.T, h *netns.Host) (socket int) {
	t.Helper()
	must(t, h.Do(func() (err error) {
		all := int(uint16(unix.ETH_P_ALL)>>8 | uint16(unix.ETH_P_ALL)<<8&0xff00)
		socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, all)
		return err
	}), unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}))
	t.Cleanup(func() { unix.Close(socket) })
	return socket
}

// DSCP-05, DSCP-03: a gateway that is configured to do so marks what it asks, and the anchor repeats that in what it answers.
func TestDSCP05_MarksOnTheWire(t *testing.T) {
	d := newDomain(t)
	const codePoint = 46
	d.gateway.set(fmt.Sprint(codePoint), elem("pmipv6"), elem("mag", "name", "mag1"), elem("dscp"), elem("control-plane"))
	seen := capture(t, d.lma)
	must(t, d.mn.Down("eth0")) // it is de-registered
	const (
		mobility          = 135
		typeAt            = 40 + 2 // of a Mobility Header behind an IPv6 header
		request, response = 5, 6   // RFC 6275 sections 6.1.7 and 6.1.8
	)
	marks := map[byte]byte{}
	for deadline := time.Now().Add(patience); len(marks) < 2; {
		if time.Now().After(deadline) {
			t.Fatalf("a request and an answer were to be seen, by type: %v", marks)
		}
		b := make([]byte, 2000)
		n, _, err := unix.Recvfrom(seen, b, 0)
		if err == nil && n > typeAt && b[0]>>4 == 6 && b[6] == mobility {
			marks[b[typeAt]] = (b[0]<<4 | b[1]>>4) >> 2
		}
	}
	if marks[request] != codePoint || marks[response] != codePoint {
		t.Errorf("by type of message the marks are %v, want %d", marks, codePoint)
	}
}

// MAG-05: what a node sends is in the tunnel from its gateway to its anchor, whole, and from an address of the node.
func TestMAG05_TrafficIsInTheTunnel(t *testing.T) {
	d := newDomain(t)
	seen := capture(t, d.lma)
	const (
		headerSize = 40 // of IPv6 (RFC 8200 section 3)
		inIPv6     = 41 // IPv6 as a next header
		said       = "through the tunnel"
	)
	for deadline := time.Now().Add(patience); ; {
		if time.Now().After(deadline) {
			t.Fatal("nothing of the node came through the tunnel")
		}
		must(t, d.mn.Do(func() error { // a new socket each time: until the node has found its address to be unique there is none to send from
			node, err := net.Dial("udp6", "[2001:db8:77::1]:9")
			if err != nil {
				return err
			}
			defer node.Close()
			_, err = node.Write([]byte(said))
			return err
		}))
		b := make([]byte, 2000)
		n, _, err := unix.Recvfrom(seen, b, 0)
		if b = b[:max(n, 0)]; err != nil || !strings.HasSuffix(string(b), said) {
			continue
		}
		if b[0]>>4 != 6 || b[6] != inIPv6 { // from the device of the tunnel, without it
			continue
		}
		outer, inner := [2]netip.Addr{netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))}, b[headerSize:]
		if want := [2]netip.Addr{netip.MustParseAddr("2001:db8:0:11::2"), netip.MustParseAddr("2001:db8:0:1::2")}; outer != want {
			t.Errorf("the tunnel is between %v, want %v", outer, want)
		}
		from, to := netip.AddrFrom16([16]byte(inner[8:])), netip.AddrFrom16([16]byte(inner[24:]))
		if !netip.MustParsePrefix("2001:db8:100::/40").Contains(from) || to != netip.MustParseAddr("2001:db8:77::1") {
			t.Errorf("in it is a packet from %v to %v", from, to)
		}
		return
	}
}
