package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/wire"
)

func TestMain(m *testing.M) { netns.Main(m) }

// wireOf is a cable between two hosts with an IPv4 and an IPv6 address each.
type wireOf struct{ a, b *netns.Host }

const (
	a4, b4 = "192.0.2.1", "192.0.2.2"
	a6, b6 = "2001:db8::a", "2001:db8::b"
)

func cable(t *testing.T) wireOf {
	t.Helper()
	w := wireOf{host(t, "a"), host(t, "b")}
	must(t, netns.Connect(w.a, "eth0", w.b, "eth0"),
		w.a.Address("eth0", a4+"/24"), w.b.Address("eth0", b4+"/24"), w.a.Address("eth0", a6+"/64"), w.b.Address("eth0", b6+"/64"))
	return w
}

func host(t *testing.T, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func sockets(t *testing.T, h *netns.Host) *Sockets {
	s := NewSockets(Options{Enter: func(_ string, open func(string) error) error { return h.Do(func() error { return open("") }) }})
	t.Cleanup(func() { s.Close() })
	return s
}

func addresses(list ...string) (all []Address) {
	for _, a := range list {
		all = append(all, Address{Addr: netip.MustParseAddr(a)})
	}
	return all
}

// listen makes s listen at these addresses and no others.
func listenAt(t *testing.T, s *Sockets, list ...string) {
	t.Helper()
	c, err := s.Prepare(addresses(list...))
	if err != nil {
		t.Fatal(err)
	}
	c.Open()
	c.Retire()
}

func heartbeat(t *testing.T, from, to string, seq uint32) mobility.Datagram {
	f, o := endpoint(from), endpoint(to)
	return mobility.Datagram{From: f, To: o, Octets: message(t, f, o, seq)}
}

// next returns what arrives as one line each.
func next(t *testing.T, s *Sockets, n int) (lines []string) {
	t.Helper()
	for len(lines) < n {
		select {
		case b := <-s.Batches():
			for _, in := range b.In {
				what := any(in.Err)
				if in.Err == nil {
					what = in.Message
				}
				lines = append(lines, fmt.Sprintf("%v > %v: %v", in.From.Addr, in.To.Addr, what))
			}
			b.Release()
		case <-time.After(30 * time.Second):
			t.Fatalf("%d messages arrived, want %d", len(lines), n)
		}
	}
	return lines
}

// acquaint sends one message, after which the hosts are neighbours that know each other: before, only few messages wait.
func acquaint(t *testing.T, a, b *Sockets, from, to string) {
	t.Helper()
	a.Send([]mobility.Datagram{heartbeat(t, from, to, 0)})
	next(t, b, 1)
}

// quiet fails if something arrives.
func quiet(t *testing.T, s *Sockets) {
	t.Helper()
	select {
	case b := <-s.Batches():
		t.Fatalf("%v arrived", b.In)
	case <-time.After(200 * time.Millisecond):
	}
}

func statusOf(t *testing.T, s *Sockets, address string) Status {
	t.Helper()
	for _, status := range s.Status() {
		if status.Addr == netip.MustParseAddr(address) {
			return status
		}
	}
	t.Fatalf("nobody listens at %s", address)
	return Status{}
}

// capture sees the packets that arrive at a host.
type capture struct {
	t  *testing.T
	fd int
}

func captureAt(t *testing.T, h *netns.Host) *capture {
	t.Helper()
	c := &capture{t: t}
	must(t, h.Do(func() (err error) {
		all := int(uint16(unix.ETH_P_ALL)>>8 | uint16(unix.ETH_P_ALL)<<8&0xff00)
		c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, all)
		return err
	}), unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}))
	t.Cleanup(func() { unix.Close(c.fd) })
	return c
}

// problem returns the next incoming ICMPv6 Parameter Problem.
func (c *capture) problem() []byte {
	c.t.Helper()
	for {
		if p := c.next(6, unix.IPPROTO_ICMPV6)[40:]; p[0] == typeParamProblem { // neighbours speak ICMPv6 too
			return p
		}
	}
}

// next returns the next incoming packet, from the IP header, of an IP version and protocol.
func (c *capture) next(version, protocol byte) []byte {
	c.t.Helper()
	at := 9
	if version == 6 {
		at = 6
	}
	for {
		b := make([]byte, 4096)
		n, _, err := unix.Recvfrom(c.fd, b, 0)
		if errors.Is(err, unix.EINTR) { // which a limit of time lets through, whatever signals are to restart
			continue
		}
		if err != nil {
			c.t.Fatalf("no packet of IPv%d and protocol %d: %v", version, protocol, err)
		}
		if b = b[:n]; n > at && b[0]>>4 == version && b[at] == protocol {
			return b
		}
	}
}

// What is sent from one end arrives at the other, with the right addresses and ports, and can be answered.
func TestRoundTrip(t *testing.T) {
	w := cable(t)
	a, b := sockets(t, w.a), sockets(t, w.b)
	listenAt(t, a, a4, a6)
	listenAt(t, b, b4, b6)
	a.Send([]mobility.Datagram{heartbeat(t, a4, b4, 1), heartbeat(t, a4, b4, 2)})
	if got := strings.Join(next(t, b, 2), "; "); got != "192.0.2.1:5436 > 192.0.2.2:5436: HB request seq 1; "+
		"192.0.2.1:5436 > 192.0.2.2:5436: HB request seq 2" {
		t.Error(got)
	}
	a.Send([]mobility.Datagram{heartbeat(t, a6, b6, 3)})
	if got := next(t, b, 1); got[0] != "[2001:db8::a]:0 > [2001:db8::b]:0: HB request seq 3" {
		t.Error(got)
	}
	b.Send([]mobility.Datagram{heartbeat(t, b6, a6, 4), heartbeat(t, b4, a4, 5)})
	if got := next(t, a, 2); len(got) != 2 {
		t.Error(got)
	}
	if got := statusOf(t, a, a4); got.Err != nil || got.Counters != (Counters{Received: 1, Sent: 2}) {
		t.Errorf("%+v", got)
	}
}

// A peer may send from any port, and the answer goes to that port (RFC 5844 section 4).
func TestAnyPort(t *testing.T) {
	w := cable(t)
	b := sockets(t, w.b)
	listenAt(t, b, b4)
	var peer net.Conn
	must(t, w.a.Do(func() (err error) { peer, err = net.Dial("udp4", b4+":5436"); return err }))
	defer peer.Close()
	_, err := peer.Write(heartbeat(t, a4, b4, 1).Octets)
	must(t, err)
	batch := <-b.Batches()
	reply := heartbeat(t, b4, a4, 2)
	reply.To = batch.In[0].From
	batch.Release()
	b.Send([]mobility.Datagram{reply})
	must(t, peer.SetReadDeadline(time.Now().Add(30*time.Second)))
	octets := make([]byte, 100)
	n, err := peer.Read(octets)
	if err != nil || string(octets[:n]) != string(reply.Octets) {
		t.Errorf("%x, %v", octets[:n], err)
	}
}

// On the wire, the checksum of the Mobility Header is right over IPv6 and 0 over IPv4, where UDP has one (RFC 5844 section 4).
func TestChecksumsOnTheWire(t *testing.T) {
	w := cable(t)
	a, b, seen := sockets(t, w.a), sockets(t, w.b), captureAt(t, w.b)
	listenAt(t, a, a4, a6)
	listenAt(t, b, b4, b6)
	a.Send([]mobility.Datagram{heartbeat(t, a4, b4, 1), heartbeat(t, a6, b6, 2)})
	p := seen.next(4, unix.IPPROTO_UDP)
	if udp := p[20:]; udp[6] == 0 && udp[7] == 0 || udp[12] != 0 || udp[13] != 0 {
		t.Errorf("UDP checksum %x, MH checksum %x", udp[6:8], udp[12:14])
	}
	p = seen.next(6, protocol)
	if err := wire.VerifyChecksum(netip.MustParseAddr(a6), netip.MustParseAddr(b6), p[40:]); err != nil || p[44]|p[45] == 0 {
		t.Errorf("MH checksum %x: %v", p[44:46], err)
	}
}

// OPS-05: what cannot be read is delivered and counted, and answered where RFC 6275 section 9.2 says so.
func TestUnreadable(t *testing.T) {
	w := cable(t)
	a, b, seen := sockets(t, w.a), sockets(t, w.b), captureAt(t, w.a)
	listenAt(t, a, a4, a6)
	listenAt(t, b, b4, b6)
	send := func(from, to string, change func(octets []byte), rightSum bool) string {
		d := heartbeat(t, from, to, 1)
		change(d.Octets)
		if rightSum {
			wire.SetChecksum(d.From.Addr.Addr(), d.To.Addr.Addr(), d.Octets)
		}
		a.Send([]mobility.Datagram{d})
		return next(t, b, 1)[0]
	}
	unknown := func(octets []byte) { octets[2] = 99 }

	got := send(a6, b6, func(octets []byte) { octets[9] ^= 1 }, false)
	if !strings.HasSuffix(got, "checksum at octet 4") {
		t.Error(got)
	}
	send(a6, b6, unknown, true)
	if got := next(t, a, 1)[0]; got != "[2001:db8::b]:0 > [2001:db8::a]:0: BE status 2(unrecognized-mh-type) home ::" {
		t.Error(got)
	}
	send(a4, b4, unknown, true)
	if got := next(t, a, 1)[0]; got != "192.0.2.2:5436 > 192.0.2.1:5436: BE status 2(unrecognized-mh-type) home ::" {
		t.Error(got)
	}
	send(a6, b6, func(octets []byte) { octets[0] = 17 }, true)
	if p := seen.problem(); p[1] != 0 || p[7] != 40 {
		t.Errorf("Payload Proto: ICMPv6 %x", p[:8])
	}
	send(a6, b6, func(octets []byte) { octets[1] = 0 }, true)
	if p := seen.problem(); p[1] != 0 || p[7] != 41 {
		t.Errorf("Header Len: ICMPv6 %x", p[:8])
	}
	send(a4, b4, func(octets []byte) { octets[0] = 17 }, true) // over IPv4 there is no such message
	if got := statusOf(t, b, b6).Counters; got != (Counters{Received: 4, Unreadable: 4, Checksum: 1, Answered: 3}) {
		t.Errorf("over IPv6: %+v", got)
	}
	if got := statusOf(t, b, b4).Counters; got != (Counters{Received: 2, Unreadable: 2, Answered: 1}) {
		t.Errorf("over IPv4: %+v", got)
	}
	quiet(t, a)
}

// However many unknown messages come, only some are answered.
func TestAnswersAreLimitedOnTheWire(t *testing.T) {
	w := cable(t)
	a, b := sockets(t, w.a), sockets(t, w.b)
	listenAt(t, a, a6)
	listenAt(t, b, b6)
	acquaint(t, a, b, a6, b6)
	d := heartbeat(t, a6, b6, 1)
	d.Octets[2] = 99
	wire.SetChecksum(d.From.Addr.Addr(), d.To.Addr.Addr(), d.Octets)
	for range 1000 {
		a.Send([]mobility.Datagram{d})
	}
	next(t, b, 1000)
	if got := statusOf(t, b, b6); got.Unreadable != 1000 || got.Answered < answersAtOnce || got.Answered > 500 {
		t.Errorf("%+v", got)
	}
}

// Messages are received without an allocation for each: among a million bindings garbage is dear.
func TestReceivingAllocatesNothing(t *testing.T) {
	const from, to = "127.0.0.7", "127.0.0.8"
	h := host(t, "a")
	var b *socket
	must(t, h.Do(func() (err error) { b, err = newSocket(Address{Addr: netip.MustParseAddr(to)}, ""); return err }))
	t.Cleanup(b.close)
	a := sockets(t, h)
	listenAt(t, a, from)
	r, batch, sent := newReceiver(b.raw, batchSize), newBatch(batchSize, nil), make([]mobility.Datagram, batchSize)
	for i := range sent {
		sent[i] = heartbeat(t, from, to, uint32(i))
	}
	received, before, after := 0, runtime.MemStats{}, runtime.MemStats{}
	const rounds = 100
	allocated := uint64(0)
	for range rounds {
		a.Send(sent)
		runtime.ReadMemStats(&before)
		for n := 0; n < len(sent); {
			some, err := b.fill(batch, r)
			if err != nil {
				t.Fatal(err)
			}
			n += some
			received += some
		}
		runtime.ReadMemStats(&after)
		allocated += after.Mallocs - before.Mallocs
	}
	if received != rounds*batchSize || allocated > rounds { // others allocate now and then
		t.Errorf("%d allocations for %d messages", allocated, received)
	}
	if last := batch.In[len(batch.In)-1]; last.From.Addr != netip.MustParseAddrPort(from+":5436") || last.Err != nil {
		t.Errorf("the last one came from %v, %v", last.From, last.Err)
	}
}

// Whoever has no other address than that of its link is known by it and the index of our interface, in whatever network we are, and can be answered.
func TestSenderOnTheLink(t *testing.T) {
	w := cable(t)
	own, index := "", 0
	must(t, w.a.Do(func() (err error) { own, err = linkLocal("eth0"); return err }), w.b.Do(func() error {
		link, err := net.InterfaceByName("eth0")
		if err == nil {
			index = link.Index
		}
		return err
	}))
	a, b := sockets(t, w.a), sockets(t, w.b)
	listenAt(t, a, own+"%eth0")
	listenAt(t, b, b6)
	a.Send([]mobility.Datagram{heartbeat(t, own+"%eth0", b6, 9)})
	known := fmt.Sprintf("%s%%%d", own, index)
	if got := next(t, b, 1); got[0] != "["+known+"]:0 > ["+b6+"]:0: HB request seq 9" {
		t.Error(got)
	}
	b.Send([]mobility.Datagram{heartbeat(t, b6, known, 10)})
	if got := next(t, a, 1); got[0] != "["+b6+"]:0 > ["+own+"%eth0]:0: HB request seq 10" {
		t.Error(got)
	}
}

func linkLocal(name string) (string, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return "", err
	}
	all, err := link.Addrs()
	for _, each := range all {
		if p, errParse := netip.ParsePrefix(each.String()); errParse == nil && p.Addr().IsLinkLocalUnicast() {
			return p.Addr().String(), nil
		}
	}
	return "", errors.Join(err, errors.New(name+" has no address of its link"))
}
