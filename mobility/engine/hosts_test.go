package engine

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/transport"
)

// These tests run elements on hosts with real sockets.

// hosts are an anchor's and a gateway's, joined by a cable.
func hosts(t *testing.T) (anchor, gateway *netns.Host) {
	t.Helper()
	anchor, err := netns.NewHost("lma")
	must(t, err)
	t.Cleanup(func() { anchor.Close() })
	gateway, err = netns.NewHost("mag")
	must(t, err)
	t.Cleanup(func() { gateway.Close() })
	must(t, netns.Connect(anchor, "eth0", gateway, "eth0"),
		anchor.Address("eth0", lma6+"/32"), anchor.Address("eth0", "192.0.2.254/24"),
		gateway.Address("eth0", mag16+"/32"), gateway.Address("eth0", mag14+"/24"))
	return anchor, gateway
}

const cabled4 = "192.0.2.254" // of the anchor

func sockets(t *testing.T, h *netns.Host) *transport.Sockets {
	s := transport.NewSockets(transport.Options{Enter: func(_ string, open func(string) error) error { return h.Do(func() error { return open("") }) }})
	t.Cleanup(func() { s.Close() })
	return s
}

// eventually waits for something that real time brings.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// A node is registered and leaves, over raw IPv6 and over UDP.
func TestRegistrationOverSockets(t *testing.T) {
	for _, family := range []struct{ name, anchor, gateway string }{{"IPv6", lma6, mag16}, {"IPv4", cabled4, mag14}} {
		t.Run(family.name, func(t *testing.T) {
			anchorHost, gatewayHost := hosts(t)
			config := anchorConfig("lma1", family.anchor)
			config.TimestampWindow = 10 * time.Second // the test may be slow
			config.DeleteWait = time.Millisecond
			lma, mag := start(t, sockets(t, anchorHost), nil), start(t, sockets(t, gatewayHost), nil)
			lma.commit(justLMA(config))
			mag.commit(justMAG(gatewayConfig("mag1", []string{family.anchor}, []string{"access0"}, family.gateway)))
			mag.attach("access0", node1)
			eventually(t, "the node is registered", func() bool { return strings.Contains(strings.Join(mag.rows(), ""), "active") })
			same(t, "the anchor", lma.rows(), []string{
				"lma1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to " + family.gateway + ", install 0"})
			mag.detach("access0", node1)
			eventually(t, "the node is gone", func() bool { return len(mag.rows()) == 0 && len(lma.rows()) == 0 })
		})
	}
}

// OPS-17: a request that the host has no route for is counted for the LMA that does not get it.
func TestRequestsThatCannotBeSent(t *testing.T) {
	_, gatewayHost := hosts(t)
	mag := start(t, sockets(t, gatewayHost), nil)
	config := gatewayConfig("mag1", []string{"203.0.113.1"}, []string{"access0"}, mag14)
	config.Anchors = append(config.Anchors, mobility.Peer{Name: "lma2", Addresses: addrs(cabled4)})
	mag.commit(justMAG(config))
	mag.attach("access0", node1)
	unsent := &mag.MAG("mag1").Statistics.PBUUnsent
	eventually(t, "the request cannot be sent", func() bool { return unsent.Load() > 0 })
	anchors, err := mag.MAG("mag1").Anchors(t.Context())
	must(t, err)
	all := unsent.Load() // and a moment later there may be more
	if got := anchors[0].Statistics.PBUUnsent.Load(); got < all || anchors[1].Statistics.PBUUnsent.Load() != 0 {
		t.Errorf("%d requests to %s could not be sent, %d in all", got, anchors[0].Name, all)
	}
}

type vector struct {
	File, Name, Src, Dst string
	MH                   string `json:"mh_hex"`
}

func negativeVectors(t *testing.T) (list []vector) {
	t.Helper()
	text, err := os.ReadFile("../wire/testdata/vectors.json")
	must(t, err)
	var all struct{ Packets []vector }
	must(t, json.Unmarshal(text, &all))
	list = slices.DeleteFunc(all.Packets, func(v vector) bool { return v.File != "pmipv6-negative.pcap" })
	if len(list) != 16 {
		t.Fatalf("%d vectors, want 16", len(list))
	}
	return list
}

// What a bad packet changes at an LMA: one counter, and an answer where the sheet says so. A MAG gets no requests: it drops all that can be read.
var outcomes = map[string]string{
	"bad-checksum":     "dropped checksum",
	"payload-proto":    "dropped malformed, parameter problem at 40",
	"hdrlen-too-short": "dropped malformed, parameter problem at 41",
	"unknown-mh-type":  "dropped unknown-type, BE status 2(unrecognized-mh-type) home ::",
	"hdrlen-too-long":  "dropped malformed",
	"option-overrun":   "dropped malformed",
	"hnp-bad-length":   "dropped malformed",
	"hnp-bad-plen":     "dropped malformed",
	"no-hi":            "PBA seq 1 status 161(missing-handoff-indicator-option) lifetime 0s P mn1@example.com hnp ::/0 HI=0(reserved) ATT=4(802.11)",
	"no-att":           "PBA seq 1 status 162(missing-access-tech-type-option) lifetime 0s P mn1@example.com hnp ::/0 HI=4(unknown) ATT=0(reserved)",
	"no-hnp":           "PBA seq 1 status 158(missing-home-network-prefix-option) lifetime 0s P mn1@example.com hnp ::/0 HI=4(unknown) ATT=4(802.11)",
	"no-mnid":          `PBA seq 1 status 160(missing-mn-identifier-option) lifetime 0s P "" hnp ::/0 HI=4(unknown) ATT=4(802.11)`,
	"not-proxy":        "dropped not-proxy",
	"two-hareq":        "PBA seq 1 status 173(multiple-ipv4-home-address-assignment-not-supported)",
	"unknown-option":   "PBA seq 1 status 0(accepted)",
	"trailing-pad1":    "PBA seq 1 status 0(accepted)",
}

// Bad packets are counted and answered, at an LMA and at a MAG, and change nothing else.
func TestBadPacketsOverSockets(t *testing.T) {
	anchorHost, gatewayHost := hosts(t)
	sender := sockets(t, gatewayHost)
	c, err := sender.Prepare([]transport.Address{{Addr: netip.MustParseAddr(mag16)}})
	must(t, err)
	c.Open()
	c.Retire()
	problems := listenICMP(t, gatewayHost)
	lma := anchorConfig("lma1", lma6)
	lma.IgnoreTimestamps = true // the packets are old
	for role, config := range map[string]*mobility.Config{"LMA": justLMA(lma), "MAG": justMAG(gatewayConfig("mag1", []string{mag16}, nil, lma6))} {
		for _, v := range negativeVectors(t) {
			t.Run(role+"/"+v.Name, func(t *testing.T) {
				want := outcomes[v.Name]
				if role == "MAG" && !strings.HasPrefix(want, "dropped") || role == "MAG" && v.Name == "not-proxy" {
					want = "dropped unexpected"
				}
				e := start(t, sockets(t, anchorHost), nil)
				e.commit(config)
				octets, err := hex.DecodeString(v.MH)
				must(t, err)
				sender.Send([]mobility.Datagram{{From: endpoint(v.Src), To: endpoint(v.Dst), Octets: octets}})
				eventually(t, "it arrives", func() bool { return e.Status().Messages == 1 })
				var stats *mobility.Statistics
				if role == "LMA" {
					stats = e.LMA("lma1").Statistics
				} else {
					stats = e.MAG("mag1").Statistics
				}
				var got []string
				for _, reason := range mobility.DropReasons() {
					if stats.Dropped[reason].Load() > 0 {
						got = append(got, "dropped "+reason.String())
					}
				}
				switch {
				case strings.Contains(want, "problem"):
					got = append(got, <-problems)
				case strings.Contains(want, "BE"), strings.Contains(want, "PBA"):
					got = append(got, answer(t, sender))
				}
				if all := strings.Join(got, ", "); all != want && !(strings.HasPrefix(want, "PBA") && strings.HasPrefix(all, want+" ")) {
					t.Errorf("%s, want %s", all, want)
				}
				registered := 0
				if strings.Contains(want, "status 0") {
					registered = 1
				}
				if got := stats.Initial.Load(); got != uint64(registered) || len(e.rows()) != registered || len(e.plane.wanted()) != registered {
					t.Errorf("%d registrations, %v and %v, want %d", got, e.rows(), e.plane.wanted(), registered)
				}
			})
		}
	}
}

func endpoint(s string) mobility.Endpoint {
	return transport.Address{Addr: netip.MustParseAddr(s)}.Endpoint()
}

// answer returns what comes back.
func answer(t *testing.T, s *transport.Sockets) string {
	t.Helper()
	select {
	case b := <-s.Batches():
		defer b.Release()
		return fmt.Sprint(b.In[0].Message)
	case <-time.After(30 * time.Second):
		t.Fatal("no answer")
		return ""
	}
}

// listenICMP delivers the Parameter Problems that arrive.
func listenICMP(t *testing.T, h *netns.Host) <-chan string {
	t.Helper()
	var conn net.PacketConn
	must(t, h.Do(func() (err error) { conn, err = net.ListenPacket("ip6:ipv6-icmp", "::"); return err }))
	t.Cleanup(func() { conn.Close() })
	problems := make(chan string, 10)
	go func() {
		b := make([]byte, 2000)
		for {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				close(problems)
				return
			}
			if n > 8 && b[0] == 4 && b[1] == 0 {
				problems <- fmt.Sprintf("parameter problem at %d", b[7])
			}
		}
	}()
	return problems
}

// Commits that are applied and given up leave no goroutine, no file and no memory.
func TestNothingLeaks(t *testing.T) {
	anchorHost, _ := hosts(t)
	s := start(t, sockets(t, anchorHost), nil)
	both := justLMA(anchorConfig("lma1", lma6, cabled4))
	both.MAGs = justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, cabled4)).MAGs
	cycle := func() {
		c, err := s.Prepare(t.Context(), nil, both)
		must(t, err)
		c.Abort()
		s.commit(both)
		s.attach("access0", node1)
		c, err = s.Prepare(t.Context(), nil, justLMA(both.LMAs["lma1"]))
		must(t, err)
		c.Abort()
		s.commit(nil)
		must(t, s.Do(t.Context(), func() {}))
		s.forget()
	}
	for range 3 {
		cycle()
	}
	use := func() (goroutines, files int, heap uint64) {
		open, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		runtime.GC()
		runtime.GC() // the first one only gets rid of what pools hold
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), len(open), m.HeapAlloc
	}
	goroutines, files, heap := use()
	const cycles = 20
	for range cycles {
		cycle()
	}
	const perCycle = 8 << 10 // octets: less than what a forgotten machine costs, far less than a socket
	eventually(t, "as little is in use as before", func() bool {
		g, f, h := use()
		return g <= goroutines && f <= files && h <= heap+cycles*perCycle
	})
}
