package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// BenchmarkRefreshOverUDP compares an anchor that is asked for refreshes over UDP on loopback with a server that only sends back what it reads, with
// the same datagrams in the same batches. It reports the processor time of each server per message, and their ratio: what
// part of the echo server's rate the anchor reaches on the same cores. The processor time of the asking thread is not
// counted.
func BenchmarkRefreshOverUDP(b *testing.B) {
	for _, bench := range []struct{ name, secret string }{{"plain", ""}, {"signed", "0123456789abcdef"}} {
		b.Run(bench.name, func(b *testing.B) {
			h, err := netns.NewHost("loopback")
			must(b, err)
			defer h.Close()
			startEcho(b, h, "127.0.0.3")
			lma := startAnchor(b, h, "127.0.0.2", bench.secret)
			var echo, anchor load
			for b.Loop() { // by turns, so that both have the same neighbours on the machine
				echo.add(ask(b, h, "127.0.0.3", bench.secret))
				anchor.add(ask(b, h, "127.0.0.2", bench.secret))
			}
			stats, status := lma.LMA("lma1").Statistics, lma.Status()
			if stats.Refresh.Load()+stats.Initial.Load() != uint64(anchor.messages) {
				b.Fatalf("%d registrations and %d refreshes were accepted of %d", stats.Initial.Load(), stats.Refresh.Load(), anchor.messages)
			}
			b.ReportMetric(float64(status.Messages)/float64(status.Steps), "msg/step")
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(echo.perMessage(echo.cpu), "echo-ns/msg")
			b.ReportMetric(anchor.perMessage(anchor.cpu), "lma-ns/msg")
			b.ReportMetric(echo.perMessage(echo.cpu)/anchor.perMessage(anchor.cpu), "cpu-ratio")
			b.ReportMetric(echo.perMessage(echo.wall)/anchor.perMessage(anchor.wall), "rate-ratio")
			b.ReportMetric(1e9/anchor.perMessage(anchor.wall), "lma-msg/s")
		})
	}
}

const (
	benchRound  = 20_000 // messages
	benchNodes  = 1000
	benchWindow = 256 // messages that are under way
	benchBatch  = 64
)

// load is what serving so many messages took.
type load struct {
	messages  int
	cpu, wall time.Duration
}

func (l *load) add(other load) {
	l.messages += other.messages
	l.cpu += other.cpu
	l.wall += other.wall
}

func (l load) perMessage(d time.Duration) float64 { return float64(d) / float64(l.messages) }

func startEcho(b *testing.B, h *netns.Host, at string) {
	conn := listenUDP(b, h, at)
	batch := make([]ipv4.Message, benchBatch)
	for i := range batch {
		batch[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	go func() {
		for {
			n, err := conn.ReadBatch(batch, 0)
			if err != nil {
				return
			}
			for i := range batch[:n] {
				batch[i].Buffers[0] = batch[i].Buffers[0][:batch[i].N]
			}
			for sent := 0; sent < n; {
				m, err := conn.WriteBatch(batch[sent:n], 0)
				if err != nil {
					return
				}
				sent += m
			}
			for i := range batch[:n] {
				batch[i].Buffers[0] = batch[i].Buffers[0][:2048]
			}
		}
	}()
	b.Cleanup(func() { conn.Close() })
}

func startAnchor(b *testing.B, h *netns.Host, at, secret string) *Engine {
	s := transport.NewSockets(transport.Options{Enter: func(_ string, open func(string) error) error { return h.Do(func() error { return open("") }) }})
	e := New(Options{Transport: s, Dataplane: newPlane(), Events: func([]Event) {}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Run(ctx)
	}()
	b.Cleanup(func() { cancel(); <-done; s.Close() })
	config := anchorConfig("lma1", at)
	config.TimestampWindow = time.Hour
	if secret != "" {
		config.Domain.Key = &mobility.Key{SPI: 256, Secret: []byte(secret)}
	}
	c, err := e.Prepare(ctx, nil, justLMA(config))
	must(b, err)
	c.Apply()
	return e
}

func listenUDP(b *testing.B, h *netns.Host, at string) *ipv4.PacketConn {
	var conn *net.UDPConn
	must(b, h.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(at), mobility.ControlPort)))
		return err
	}))
	conn.SetReadBuffer(8 << 20)
	conn.SetWriteBuffer(8 << 20)
	return ipv4.NewPacketConn(conn)
}

// ask sends a round of requests and reads the answers, in a thread of its own.
func ask(b *testing.B, h *netns.Host, server, secret string) (l load) {
	conn := listenUDP(b, h, "127.0.0.1")
	defer conn.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		a := newAsker(conn, server, secret)
		all, own, start := usage(unix.RUSAGE_SELF), usage(unix.RUSAGE_THREAD), time.Now()
		err := a.round()
		l = load{benchRound, usage(unix.RUSAGE_SELF) - all - (usage(unix.RUSAGE_THREAD) - own), time.Since(start)}
		done <- err
	}()
	must(b, <-done)
	return l
}

func usage(who int) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(who, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// asker is a gateway with benchNodes nodes.
type asker struct {
	conn     *ipv4.PacketConn
	from, to mobility.Endpoint
	sign     mobility.Signature
	update   wire.BindingUpdate
	sent     mobility.Effects
	out, in  []ipv4.Message
	node     int
}

func newAsker(conn *ipv4.PacketConn, server, secret string) *asker {
	a := &asker{conn: conn, from: endpoint("127.0.0.1"), to: endpoint(server)}
	if secret != "" {
		a.sign = mobility.Signature{By: wire.NewAuthenticator(256, []byte(secret)), CareOf: a.from.Addr.Addr(), Home: netip.IPv6Unspecified()}
	}
	a.out, a.in = make([]ipv4.Message, benchBatch), make([]ipv4.Message, benchBatch)
	for i := range a.out {
		a.out[i] = ipv4.Message{Buffers: make([][]byte, 1), Addr: net.UDPAddrFromAddrPort(a.to.Addr)}
		a.in[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	return a
}

// round keeps benchWindow requests under way until benchRound are answered.
func (a *asker) round() error {
	for sent, answered := 0, 0; answered < benchRound; {
		for sent < benchRound && sent-answered <= benchWindow-benchBatch {
			n := min(benchBatch, benchRound-sent)
			if err := a.send(n); err != nil {
				return err
			}
			sent += n
		}
		if err := a.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		n, err := a.conn.ReadBatch(a.in, 0)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%d of %d requests were answered", answered, sent)
		}
		if err != nil {
			return err
		}
		answered += n
	}
	return nil
}

func (a *asker) send(n int) error {
	a.sent.Reset()
	for range n {
		a.encode()
	}
	for i, d := range a.sent.Send {
		a.out[i].Buffers[0] = d.Octets
	}
	for sent := 0; sent < n; {
		m, err := a.conn.WriteBatch(a.out[sent:n], 0)
		if err != nil {
			return err
		}
		sent += m
	}
	return nil
}

// encode adds the refresh of the next node.
func (a *asker) encode() {
	a.node = (a.node + 7) % benchNodes
	hnp, hoa := netip.PrefixFrom(netip.IPv6Unspecified(), 0), netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	a.update.Seq++
	a.update.Flags, a.update.Lifetime = wire.UpdateA|wire.UpdateP, 900
	mac := dataplane.MAC{2, 0, 0, 0, byte(a.node >> 8), byte(a.node)}
	a.update.Options = wire.Options{
		MNID:            wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: fmt.Appendf(nil, "mn%d@example.com", a.node)}),
		HNPs:            append(a.update.HNPs[:0], wire.HNP{Prefix: hnp}),
		IPv4HoARequests: append(a.update.IPv4HoARequests[:0], wire.IPv4HoARequest{Prefix: hoa}),
		Handoff:         wire.Some(wire.HandoffUnchanged),
		AccessType:      wire.Some(wire.Access80211),
		LinkLayerID:     wire.Some(wire.LinkLayerID(mac[:])),
		Timestamp:       wire.Some(wire.TimestampOf(time.Now())),
	}
	if err := a.sent.Message(a.from, a.to, &a.update, a.sign, 0); err != nil {
		panic(err)
	}
}
