package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	udp4 "golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/wire"
)

const (
	askBuffer  = 8 << 20 // octets of a socket, each way
	askRequest = 2048    // octets of the anchor's socket that a request may take while it is under way
	askBatch   = 64
)

// request is a message that only has to be sent.
type request []byte

// askingMAG is a gateway of many nodes that does nothing but ask, over UDP.
type askingMAG struct {
	conn      *udp4.PacketConn
	from, to  mobility.Endpoint
	beside    func(n int) error // called before n requests are sent; nil: nothing is
	sign      mobility.Signature
	update    wire.BindingUpdate
	decoder   wire.Decoder
	sent      mobility.Effects
	out, in   []udp4.Message
	room      int                  // octets of the anchor's socket: what is under way beyond them would be lost
	others    int                  // requests that are sent beside each, and under way with it
	node      int                  // of the next request
	leaving   bool                 // requests de-register
	has       map[int]netip.Prefix // what each node was given first
	different int                  // answers that gave something else
	patience  time.Duration        // with an anchor that does not answer
}

func newAskingMAG(h *netns.Host, address, secret string) (*askingMAG, error) {
	var conn *net.UDPConn
	err := h.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(address), Port: mobility.ControlPort})
		return err
	})
	if err != nil {
		return nil, err
	}
	room, err := setBuffers(conn)
	if err != nil {
		return nil, err
	}
	m := &askingMAG{conn: udp4.NewPacketConn(conn), room: room, from: lmaEndpoint(address), to: lmaEndpoint(lmaAddress), has: map[int]netip.Prefix{}, patience: 20 * time.Second}
	m.sign = mobility.Signature{By: wire.NewAuthenticator(256, []byte(secret)), CareOf: m.from.Addr.Addr(), Home: netip.IPv6Unspecified()}
	m.out, m.in = newMessages(), newMessages()
	return m, nil
}

// setBuffers asks for as much as the host gives, and returns how much that is, to be received: for the anchor it is the same.
func setBuffers(conn *net.UDPConn) (room int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	errSet := raw.Control(func(fd uintptr) {
		for _, each := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
			if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, each[0], askBuffer) != nil {
				err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, each[1], askBuffer))
			}
		}
		var errGet error
		room, errGet = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		err = errors.Join(err, errGet)
	})
	return room, errors.Join(errSet, err)
}

func lmaEndpoint(address string) mobility.Endpoint {
	return mobility.Endpoint{Addr: netip.AddrPortFrom(netip.MustParseAddr(address), mobility.ControlPort)}
}

// ask sends requests for one node after the other, of so many nodes, waits until all are answered, and compares the answers with the first
// ones.
func (m *askingMAG) ask(requests, nodes int) error {
	next := func(n int) ([]request, error) { return m.prepare(n, nodes), nil }
	return m.exchanging(requests, m.to.Addr.Addr().String(), next, m.compare)
}

// exchange sends requests that are prepared, and waits until as many answers have come as there are. They are not looked at: that would be measured.
func (m *askingMAG) exchange(requests []request, to string) error {
	next := func(n int) (some []request, err error) {
		if m.beside != nil {
			err = m.beside(n)
		}
		some, requests = requests[:n], requests[n:]
		return some, err
	}
	return m.exchanging(len(requests), to, next, func([]byte) error { return nil })
}

// exchanging sends what next prepares, with no more under way than a socket has room for, and hands every answer to take.
func (m *askingMAG) exchanging(requests int, to string, next func(n int) ([]request, error), take func(answer []byte) error) error {
	window := max(1, m.room/(askRequest*(1+m.others)))
	batch := min(askBatch, window)
	for sent, answered := 0, 0; answered < requests; {
		for sent < requests && sent-answered <= window-batch {
			some, err := next(min(batch, requests-sent))
			if err != nil {
				return err
			}
			if err := m.send(some, to); err != nil {
				return err
			}
			sent += len(some)
		}
		n, err := m.receive(m.patience, take)
		if err != nil {
			return fmt.Errorf("%d of %d requests were answered: %w", answered, sent, err)
		}
		answered += n
	}
	return nil
}

// untilKilled asks until there are no answers any more.
func (m *askingMAG) untilKilled(nodes int) {
	before := m.patience
	m.patience = time.Second
	for m.ask(1000, nodes) == nil {
	}
	m.patience = before
}

// untilAnswered asks until there is an answer, and returns when that came.
func (m *askingMAG) untilAnswered(patience time.Duration, nodes int) (time.Time, error) {
	for until := time.Now().Add(patience); time.Now().Before(until); {
		if err := m.send(m.prepare(1, nodes), m.to.Addr.Addr().String()); err != nil {
			time.Sleep(time.Millisecond) // nobody is there yet, and the host says so
			continue
		}
		switch _, err := m.receive(5*time.Millisecond, m.compare); {
		case err == nil:
			return time.Now(), m.drain()
		case !errors.Is(err, os.ErrDeadlineExceeded):
			time.Sleep(time.Millisecond)
		}
	}
	return time.Time{}, errors.New("there was no answer")
}

// drain takes in the answers to requests that nobody counts.
func (m *askingMAG) drain() error {
	for {
		if _, err := m.receive(100*time.Millisecond, m.compare); errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// prepare makes requests for the next nodes, of so many.
func (m *askingMAG) prepare(n, nodes int) []request {
	requests := make([]request, n)
	for i := range requests {
		m.sent.Reset()
		m.encode()
		m.node = (m.node + 1) % nodes
		requests[i] = bytes.Clone(m.sent.Send[0].Octets)
	}
	return requests
}

func (m *askingMAG) send(requests []request, to string) error {
	at := &net.UDPAddr{IP: net.ParseIP(to), Port: mobility.ControlPort}
	for len(requests) > 0 {
		n := min(len(requests), askBatch)
		for i, r := range requests[:n] {
			m.out[i].Buffers[0], m.out[i].Addr = r, at
		}
		if err := writeAll(m.conn, m.out[:n]); err != nil {
			return err
		}
		requests = requests[n:]
	}
	return nil
}

// receive takes in the answers that are there, at least one.
func (m *askingMAG) receive(patience time.Duration, take func(answer []byte) error) (n int, err error) {
	if err := m.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err = m.conn.ReadBatch(m.in, 0)
	if err != nil {
		return 0, err
	}
	for i := range m.in[:n] {
		if err := take(m.in[i].Buffers[0][:m.in[i].N]); err != nil {
			return n, err
		}
	}
	return n, nil
}

// compare compares an answer with the first that the node had.
func (m *askingMAG) compare(answer []byte) error {
	msg, err := m.decoder.Decode(answer)
	ack, ok := msg.(*wire.BindingAck)
	if err != nil || !ok || !ack.Status.Accepted() || len(ack.HNPs) != 1 {
		return fmt.Errorf("the anchor answers %v, %v", msg, err)
	}
	var node int
	if _, err := fmt.Sscanf(string(ack.MNID.Value.ID), "mn%d@", &node); err != nil {
		return err
	}
	if given, known := m.has[node]; !known {
		m.has[node] = ack.HNPs[0].Prefix
	} else if given != ack.HNPs[0].Prefix {
		m.different++
	}
	return nil
}

// encode adds the request for the next node.
func (m *askingMAG) encode() {
	m.update.Seq++
	m.update.Flags, m.update.Lifetime = wire.UpdateA|wire.UpdateP, 900
	if m.leaving {
		m.update.Lifetime = 0
	}
	mac := []byte{2, 0, byte(m.node >> 24), byte(m.node >> 16), byte(m.node >> 8), byte(m.node)}
	m.update.Options = wire.Options{
		MNID:            wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: fmt.Appendf(nil, "mn%d@example.com", m.node)}),
		HNPs:            append(m.update.HNPs[:0], wire.HNP{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}),
		IPv4HoARequests: append(m.update.IPv4HoARequests[:0], wire.IPv4HoARequest{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}),
		Handoff:         wire.Some(wire.HandoffUnchanged),
		AccessType:      wire.Some(wire.Access80211),
		LinkLayerID:     wire.Some(wire.LinkLayerID(mac)),
		Timestamp:       wire.Some(wire.TimestampOf(time.Now())),
	}
	if err := m.sent.Message(m.from, m.to, &m.update, m.sign, 0); err != nil {
		panic(err) // it is the same for every node
	}
}

func newMessages() []udp4.Message {
	messages := make([]udp4.Message, askBatch)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	return messages
}

func writeAll(conn *udp4.PacketConn, messages []udp4.Message) error {
	for sent := 0; sent < len(messages); {
		n, err := conn.WriteBatch(messages[sent:], 0)
		if err != nil {
			return err
		}
		sent += n
	}
	return nil
}
