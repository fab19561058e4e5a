package main

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

const (
	forgedRequests = 10_000 // no more than an anchor looks at in a second: of others the host keeps most from it (docs/adr/0430)
	burst          = 100    // of them, before each refresh
)

// A process that gets ten thousand requests that are not authentic counts each, answers every refresh of a node that come between them, and
// writes some lines, not one for each.
func TestOPS06_FloodOfForgedRequests(t *testing.T) {
	h := newHost(t, "lma")
	p := run(t, h, t.TempDir(), "--startup", write(t, "lma.json", anchorUnderLoad))
	g := newBusyGateway(t, p, 1)
	const node = "00001-node@example.com"
	must(t, g.conn.SetReadDeadline(time.Now().Add(patience)), g.request(node, time.Hour, wire.HandoffNewInterface))

	from := netip.MustParseAddr("127.0.1.99")
	var conn net.Conn
	must(t, h.Do(func() (err error) {
		conn, err = net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, mobility.ControlPort)), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: mobility.ControlPort})
		return err
	}))
	t.Cleanup(func() { conn.Close() })
	forger := wire.NewAuthenticator(4096, []byte("another secret"))
	for sent := 0; sent < forgedRequests; {
		for range burst {
			sent++
			forged, err := forger.AppendSigned(nil, &wire.BindingUpdate{Seq: uint16(sent), Flags: wire.UpdateA | wire.UpdateP, Lifetime: wire.LifetimeOf(time.Hour), Options: wire.Options{
				MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: fmt.Appendf(nil, "%05d-forged@example.com", sent)}),
				HNPs: []wire.HNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}}, Handoff: wire.Some(wire.HandoffNewInterface),
				AccessType: wire.Some(wire.Access80211), Timestamp: wire.Some(wire.TimestampOf(time.Now())),
			}}, from, netip.IPv6Unspecified())
			must(t, err)
			_, err = conn.Write(forged)
			must(t, err)
		}
		// The answer says that the anchor has taken in all that came before, too.
		must(t, g.conn.SetReadDeadline(time.Now().Add(patience)), g.request(node, time.Hour, wire.HandoffUnchanged))
	}

	count := regexp.MustCompile(`(?m)  (drop unauthenticated|pba by-status 146 mipv6-auth-fail|pbu accepted refresh|summary bce-count) +(\d+)$`)
	statistics := map[string]int{}
	for _, m := range count.FindAllStringSubmatch(p.show("statistics"), -1) {
		n, err := strconv.Atoi(m[2])
		must(t, err)
		statistics[m[1]] = n
	}
	if n := statistics["drop unauthenticated"] + statistics["pba by-status 146 mipv6-auth-fail"]; n != forgedRequests {
		t.Errorf("%d of %d forged requests are counted: %v", n, forgedRequests, statistics)
	}
	if n := statistics["pbu accepted refresh"]; n != forgedRequests/burst || statistics["summary bce-count"] != 1 {
		t.Errorf("%d refreshes of %d, and bindings of others: %v", n, forgedRequests/burst, statistics)
	}
	p.end(syscall.SIGTERM)
	if lines := strings.Count(p.log.String(), "auth-fail"); lines == 0 || lines > forgedRequests/100 {
		t.Errorf("it writes %d lines about %d forged requests:\n%s", lines, forgedRequests, &p.log)
	}
}
