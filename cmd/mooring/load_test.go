package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// deleteWait is how long the anchor keeps what was de-registered, and a bit less.
const deleteWait = time.Minute

// anchorUnderLoad is the configuration of an anchor for busy gateways: it knows the first of them, and learns the others.
const anchorUnderLoad = `{"mooring-pmipv6:pmipv6": {
	"domain": [{"name": "d", "auth-option": {"spi": 4096, "key": "secret"}, "nai": [{"id": "@example.com", "network": "net", "service": "dual"}]}],
	"lma": [{"name": "lma", "domain": "d", "address": {"ipv4": ["127.0.0.2"]}, "dynamic-mag-learning": true, "bce": {"delete-wait-time": 65535},
		"mag": [{"id": "mag1", "domain": "d", "ipv4-address": "127.0.1.1"}],
		"network": [{"name": "net", "pool": {"mobile-node": {
			"ipv4": {"start-address": "10.0.0.2", "pool-prefix": 8}, "ipv6": {"start-address": "2001:db8::", "pool-prefix": 32}}}}]}]}}`

// acknowledged is what a gateway was told of a node last.
type acknowledged struct {
	home, prefix     string
	left             bool // it was de-registered
	sequence         uint16
	earliest, latest time.Time // of the end of the binding
}

// busyGateway registers nodes, refreshes some and de-registers some, one request at a time, and remembers what was acknowledged.
type busyGateway struct {
	addr    netip.Addr
	conn    net.Conn
	sign    *wire.Authenticator
	rnd     *rand.Rand
	stamp   time.Time
	seq     uint16
	nodes   []string // that are registered
	known   map[string]acknowledged
	asked   string // the node of the request that was not answered; empty: all were
	restart uint32 // counter of the anchor, as it was stated last
	told    bool   // unasked, that the anchor restarted
}

func newBusyGateway(t *testing.T, p *process, n int) *busyGateway {
	t.Helper()
	g := &busyGateway{
		addr: netip.AddrFrom4([4]byte{127, 0, 1, byte(n)}), sign: wire.NewAuthenticator(4096, []byte("secret")),
		rnd: rand.New(rand.NewPCG(uint64(n), 0)), known: map[string]acknowledged{},
	}
	must(t, p.host.Do(func() (err error) {
		at := net.UDPAddrFromAddrPort(netip.AddrPortFrom(g.addr, mobility.ControlPort))
		g.conn, err = net.DialUDP("udp4", at, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: mobility.ControlPort})
		return err
	}))
	t.Cleanup(func() { g.conn.Close() })
	return g
}

// exchange sends a message and waits for what answers it. What the anchor says of a restart meanwhile is noted.
func (g *busyGateway) exchange(msg wire.Message, answers func(wire.Message) bool) error {
	octets, err := g.sign.AppendSigned(nil, msg, g.addr, netip.IPv6Unspecified())
	if err != nil {
		return err
	}
	if _, err := g.conn.Write(octets); err != nil {
		return err
	}
	return g.await(answers)
}

func (g *busyGateway) await(answers func(wire.Message) bool) error {
	buffer := make([]byte, 2048)
	for {
		n, err := g.conn.Read(buffer)
		if err != nil {
			return err
		}
		msg, err := wire.Parse(buffer[:n])
		if err != nil {
			return err
		}
		if beat, ok := msg.(*wire.Heartbeat); ok && beat.Flags&wire.HeartbeatR != 0 {
			g.restart = beat.RestartCounter.Value
			g.told = g.told || beat.Flags&wire.HeartbeatU != 0
		}
		if answers(msg) {
			return nil
		}
	}
}

// beat asks the anchor whether it lives, and for its restart counter, until it answers.
func (g *busyGateway) beat() error {
	g.seq++
	for deadline := time.Now().Add(patience); ; {
		if err := g.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		err := g.exchange(&wire.Heartbeat{Seq: uint32(g.seq)}, func(m wire.Message) bool {
			beat, ok := m.(*wire.Heartbeat)
			return ok && beat.Flags == wire.HeartbeatR && beat.Seq == uint32(g.seq)
		})
		if err == nil || time.Now().After(deadline) {
			return errors.Join(err, g.conn.SetReadDeadline(time.Time{}))
		}
	}
}

// request sends a request for a node, of some lifetime, and remembers the answer.
func (g *busyGateway) request(node string, lifetime time.Duration, hi wire.Handoff) error {
	g.seq++
	g.asked = node
	before := time.Now()
	if g.stamp = g.stamp.Add(time.Millisecond); g.stamp.Before(before) {
		g.stamp = before // one that is newer than the last, however fast the answers come
	}
	update := &wire.BindingUpdate{Seq: g.seq, Flags: wire.UpdateA | wire.UpdateP, Lifetime: wire.LifetimeOf(lifetime), Options: wire.Options{
		MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte(node)}), HNPs: []wire.HNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}},
		IPv4HoARequests: []wire.IPv4HoARequest{{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}},
		Handoff:         wire.Some(hi), AccessType: wire.Some(wire.Access80211), LinkLayerID: wire.Some(wire.LinkLayerID(node[:6])),
		Timestamp: wire.Some(wire.TimestampOf(g.stamp)),
	}}
	var ack *wire.BindingAck
	err := g.exchange(update, func(m wire.Message) bool {
		a, ok := m.(*wire.BindingAck)
		ack = a
		return ok && a.Seq == g.seq
	})
	if err != nil {
		return err
	}
	if !ack.Status.Accepted() || len(ack.HNPs) != 1 {
		return fmt.Errorf("the answer to %v is %v", update, ack)
	}
	g.asked = ""
	granted := ack.Lifetime.Duration()
	g.known[node] = acknowledged{
		home: ack.IPv4HoAReply.Value.Prefix.Addr().String(), prefix: ack.HNPs[0].Prefix.String(), left: lifetime == 0, sequence: g.seq,
		earliest: before.Add(granted), latest: time.Now().Add(granted),
	}
	return nil
}

// work makes requests until one gets no answer, and counts the others.
func (g *busyGateway) work(answered *atomic.Int64) error {
	for {
		var err error
		lifetime := time.Duration(100+g.rnd.IntN(700)) * 4 * time.Second
		switch i := g.rnd.IntN(max(1, len(g.nodes))); {
		case len(g.nodes) < 10 || g.rnd.IntN(3) == 0:
			node := fmt.Sprintf("%05d-%s@example.com", g.seq, g.addr)
			if err = g.request(node, lifetime, wire.HandoffNewInterface); err == nil {
				g.nodes = append(g.nodes, node)
			}
		case g.rnd.IntN(8) == 0:
			if err = g.request(g.nodes[i], 0, wire.HandoffUnknown); err == nil {
				g.nodes = append(g.nodes[:i], g.nodes[i+1:]...)
			}
		default:
			err = g.request(g.nodes[i], lifetime, wire.HandoffUnchanged)
		}
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			return err
		}
		answered.Add(1)
	}
}

// underLoad has gateways ask until the anchor is killed, which it is when so many more requests are answered.
func underLoad(t *testing.T, p *process, gateways []*busyGateway, answers int64) {
	t.Helper()
	var answered atomic.Int64
	var working sync.WaitGroup
	errs := make([]error, len(gateways))
	for i, g := range gateways {
		working.Go(func() { errs[i] = g.work(&answered) })
	}
	eventually(t, func() string {
		if n := answered.Load(); n < answers {
			return fmt.Sprintf("%d requests are answered: %v", n, errs)
		}
		return ""
	})
	p.end(syscall.SIGKILL)
	for _, g := range gateways {
		must(t, g.conn.SetReadDeadline(time.Now())) // whoever waits, waits in vain
	}
	working.Wait()
	must(t, errs...)
	for _, g := range gateways {
		must(t, g.conn.SetReadDeadline(time.Time{}))
	}
}

// forgetAsked drops the node of a request without an answer: nobody knows whether it was taken in.
func (g *busyGateway) forgetAsked() (dropped int) {
	if g.asked == "" {
		return 0
	}
	delete(g.known, g.asked)
	g.nodes = slices.DeleteFunc(g.nodes, func(node string) bool { return node == g.asked })
	g.asked = ""
	return 1
}

// compare compares the bindings of an anchor with what it has acknowledged.
func (g *busyGateway) compare(t *testing.T, rows map[string]map[string]any) {
	t.Helper()
	for node, known := range g.known {
		row := rows[node]
		if known.left && time.Since(known.earliest) > deleteWait {
			continue // it may be gone for good by now
		}
		if row == nil {
			t.Fatalf("%s was acknowledged, %+v, and is not there", node, known)
		}
		expires, err := time.Parse(time.RFC3339Nano, fmt.Sprint(row["expires"]))
		must(t, err)
		if known.left {
			if row["state"] != "delete-pending" {
				t.Errorf("%s has left and is %v", node, row)
			}
			continue
		}
		if row["state"] != "active" || row["hoa"] != known.home || fmt.Sprint(row["hnp"]) != fmt.Sprint([]string{known.prefix}) ||
			fmt.Sprint(row["sequence"]) != fmt.Sprint(known.sequence) {
			t.Errorf("%s was told %+v and is %v", node, known, row)
		}
		const resolution = time.Millisecond // of what is shown
		if expires.Before(known.earliest.Add(-resolution)) || expires.After(known.latest.Add(resolution)) {
			t.Errorf("%s ends at %v, and not between %v and %v", node, expires, known.earliest, known.latest)
		}
	}
}

// An anchor that is killed under load, three times, and started again has every binding that it has acknowledged, with what was acknowledged of it, and
// states the restart counter that it had. When bindings are lost the counter is a new one, of which all gateways that had some hear without asking:
// also those that it learned, and also when nothing is left of the files that had the bindings.
func TestKilledUnderLoad(t *testing.T) {
	h, dir := newHost(t, "lma"), t.TempDir()
	p := run(t, h, dir, "--startup", write(t, "lma.json", anchorUnderLoad))
	var gateways []*busyGateway
	for n := range 8 {
		gateways = append(gateways, newBusyGateway(t, p, n+1))
	}
	first := gateways[0]
	must(t, first.beat())
	before := first.restart
	unknown := 0
	for range 3 {
		underLoad(t, p, gateways, 400)
		p = run(t, h, dir)
		rows := map[string]map[string]any{}
		for _, row := range p.values("bindings") {
			rows[fmt.Sprint(row["mn-id"])] = row
		}
		known := 0
		for _, g := range gateways {
			unknown += g.forgetAsked()
			g.compare(t, rows)
			known += len(g.known)
			must(t, g.beat())
			if g.restart != before || g.told {
				t.Errorf("%v hears of restart %d, unasked %t; it was %d", g.addr, g.restart, g.told, before)
			}
		}
		if len(rows) > known+unknown {
			t.Errorf("%d bindings, of which %d were acknowledged, and %d may be there", len(rows), known, unknown)
		}
	}

	// Part of the bindings is lost, and then all that there are files of.
	for lost, damage := range []func(name string) error{damageMiddle, os.Remove} {
		p.end(syscall.SIGKILL)
		files, err := filepath.Glob(dir + "/bindings/[ls]*.*")
		must(t, err)
		for _, name := range files {
			must(t, damage(name))
		}
		p = run(t, h, dir)
		for _, g := range gateways {
			g.told = false
			must(t, g.conn.SetReadDeadline(time.Now().Add(patience)))
			if err := g.await(func(wire.Message) bool { return g.told && g.restart == before+1+uint32(lost) }); err != nil {
				t.Errorf("after bindings were lost %v hears of restart %d, unasked %t, %v; it was %d", g.addr, g.restart, g.told, err, before)
			}
		}
		must(t, first.request(fmt.Sprintf("again%d@example.com", lost), time.Hour, wire.HandoffNewInterface))
	}
}

// damageMiddle changes an octet in the middle of a file that has bindings.
func damageMiddle(name string) error {
	text, err := os.ReadFile(name)
	if err == nil && len(text) > 2000 {
		text[len(text)/2] ^= 1
	}
	return errors.Join(err, os.WriteFile(name, text, 0o600))
}
