package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
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

// EXT-04, EXT-05, EXT-20: packets have the keys that are fixed for a node, each in its direction or one in both, and none when keys are ignored.
func TestEXT20_KeysOnTheWire(t *testing.T) {
	d := newDomain(t)
	const none = "none"
	domain := []*gpb.PathElem{elem("pmipv6"), elem("domain", "name", "lab.example")}
	both := func(value string, below ...*gpb.PathElem) {
		d.anchor.set(value, append(slices.Clone(domain), below...)...)
		d.gateway.set(value, append(slices.Clone(domain), below...)...)
	}
	fixed := func(uplink, downlink int) {
		both(fmt.Sprintf(`{"uplink": %d, "downlink": %d}`, uplink, downlink), elem("nai", "id", "mn1@lab.example"), elem("gre-key"))
	}
	for _, c := range []struct {
		what     string
		set      func()
		up, down string
	}{
		{"a key for each direction", func() { both(`"gre-ipv6"`, elem("encap")); fixed(70, 71) }, "70", "71"},
		{"one for both", func() { fixed(4660, 4660) }, "4660", "4660"},
		{"ignored ones", func() {
			d.anchor.set("true", elem("pmipv6"), elem("lma", "name", "lma"), elem("gre-key"), elem("ignore"))
			d.gateway.set("true", elem("pmipv6"), elem("mag", "name", "mag1"), elem("gre-key"), elem("ignore"))
		}, none, none},
	} {
		must(t, d.mn.Down("eth0")) // it is de-registered
		eventually(t, func() string {
			if list := d.gateway.values("bindings"); len(list) > 0 {
				return fmt.Sprint(list)
			}
			return ""
		})
		c.set()
		must(t, d.mn.Up("eth0"))
		d.registered(1)
		seen := capture(t, d.lma)
		keys := map[string]string{}
		for deadline := time.Now().Add(patience); len(keys) < 2; {
			if time.Now().After(deadline) {
				t.Fatalf("%s: packets of both directions were to be seen, by source: %v", c.what, keys)
			}
			d.mn.Do(func() error { // nobody listens there, and the anchor says so
				node, err := net.Dial("udp6", "[2001:db8:0:1::2]:9")
				if err == nil {
					node.Write([]byte("up"))
					node.Close()
				}
				return nil
			})
			b := make([]byte, 2000)
			n, _, err := unix.Recvfrom(seen, b, 0)
			if from, key, ok := greKey(b[:max(n, 0)]); err == nil && ok {
				keys[from] = key
			}
		}
		if up, down := keys["2001:db8:0:11::2"], keys["2001:db8:0:1::2"]; up != c.up || down != c.down {
			t.Errorf("%s: packets have the keys %s and %s, want %s and %s", c.what, up, down, c.up, c.down)
		}
	}
}

// greKey is the source and the key of a GRE packet over IPv6 (RFC 2784 section 2.1, RFC 2890 section 2).
func greKey(b []byte) (from, key string, ok bool) {
	const headerSize, gre, hasKey = 40, 47, 0x20
	if len(b) < headerSize+8 || b[0]>>4 != 6 || b[6] != gre {
		return "", "", false
	}
	from, key = netip.AddrFrom16([16]byte(b[8:])).String(), "none"
	if b[headerSize]&hasKey != 0 {
		key = fmt.Sprint(binary.BigEndian.Uint32(b[headerSize+4:]))
	}
	return from, key, true
}
