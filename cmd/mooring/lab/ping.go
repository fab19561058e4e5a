package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"mooring/dataplane/netns"
)

// pingPause is how long an echo reply is waited for before another request is sent.
const pingPause = 200 * time.Millisecond

// ping sends echo requests from a host to an address until one is answered, and returns how long that took.
func ping(ctx context.Context, h *netns.Host, from, to netip.Addr) (time.Duration, error) {
	network, protocol := "ip4:icmp", 1
	var request, reply icmp.Type = ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply
	if to.Is6() {
		network, protocol, request, reply = "ip6:ipv6-icmp", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	var conn *icmp.PacketConn
	err := h.Do(func() (err error) { conn, err = icmp.ListenPacket(network, from.String()); return err })
	if err != nil {
		return 0, fmt.Errorf("ping from %s: %w", h.Name, err)
	}
	defer conn.Close()
	echo := icmp.Echo{ID: os.Getpid() & 0xffff}
	for ctx.Err() == nil {
		echo.Seq++
		b, err := (&icmp.Message{Type: request, Body: &echo}).Marshal(nil) // the kernel adds the checksum of ICMPv6
		if err != nil {
			return 0, err
		}
		start := time.Now()
		_, _ = conn.WriteTo(b, &net.IPAddr{IP: to.AsSlice()}) // what is not sent is not answered
		if answered(conn, protocol, reply, echo, start.Add(pingPause)) {
			return time.Since(start), nil
		}
	}
	return 0, fmt.Errorf("ping from %s to %s: no answer to %d requests: %w", from, to, echo.Seq, context.Cause(ctx))
}

// answered waits for the reply to an echo request.
func answered(conn *icmp.PacketConn, protocol int, reply icmp.Type, want icmp.Echo, deadline time.Time) bool {
	b := make([]byte, 256)
	if conn.SetReadDeadline(deadline) != nil {
		return false
	}
	for {
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			time.Sleep(time.Until(deadline))
			return false
		}
		m, err := icmp.ParseMessage(protocol, b[:n])
		if err != nil || m.Type != reply {
			continue
		}
		if echo, ok := m.Body.(*icmp.Echo); ok && echo.ID == want.ID && echo.Seq == want.Seq {
			return true
		}
	}
}
