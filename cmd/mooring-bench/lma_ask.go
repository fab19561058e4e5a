package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	udp4 "golang.org/x/net/ipv4"

	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/wire"
)

const (
	askWindow = 256 // requests that are under way: more than a socket's buffer takes would be lost
	askBatch  = 64
)

// askingMAG is a gateway of many nodes that does nothing but ask, over UDP.
type askingMAG struct {
	conn      *udp4.PacketConn
	from, to  mobility.Endpoint
	sign      mobility.Signature
	update    wire.BindingUpdate
	decoder   wire.Decoder
	sent      mobility.Effects
	out, in   []udp4.Message
	node      int                  // of the next request
	has       map[int]netip.Prefix // what each node was given first
	different int                  // answers that gave something else
	patience  time.Duration        // with an anchor that does not answer
}

func newAskingMAG(h *netns.Host) (*askingMAG, error) {
	var conn *net.UDPConn
	err := h.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(magAddress), Port: mobility.ControlPort})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(conn.SetReadBuffer(8<<20), conn.SetWriteBuffer(8<<20)); err != nil {
		return nil, err
	}
	m := &askingMAG{conn: udp4.NewPacketConn(conn), from: lmaEndpoint(magAddress), to: lmaEndpoint(lmaAddress), has: map[int]netip.Prefix{}, patience: 20 * time.Second}
	m.sign = mobility.Signature{By: wire.NewAuthenticator(256, []byte(lmaSecret)), CareOf: m.from.Addr.Addr(), Home: netip.IPv6Unspecified()}
	m.out, m.in = make([]udp4.Message, askBatch), make([]udp4.Message, askBatch)
	for i := range m.out {
		m.out[i] = udp4.Message{Buffers: make([][]byte, 1), Addr: net.UDPAddrFromAddrPort(m.to.Addr)}
		m.in[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	return m, nil
}

func lmaEndpoint(address string) mobility.Endpoint {
	return mobility.Endpoint{Addr: netip.AddrPortFrom(netip.MustParseAddr(address), mobility.ControlPort)}
}

// ask sends requests for one node after the other, of so many nodes, and waits until all are answered.
func (m *askingMAG) ask(requests, nodes int) error {
	for sent, answered := 0, 0; answered < requests; {
		for sent < requests && sent-answered <= askWindow-askBatch {
			n := min(askBatch, requests-sent)
			if err := m.send(n, nodes); err != nil {
				return err
			}
			sent += n
		}
		n, err := m.receive(m.patience)
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
		if err := m.send(1, nodes); err != nil {
			time.Sleep(time.Millisecond) // nobody is there yet, and the host says so
			continue
		}
		switch _, err := m.receive(5 * time.Millisecond); {
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
		if _, err := m.receive(100 * time.Millisecond); errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (m *askingMAG) send(n, nodes int) error {
	m.sent.Reset()
	for range n {
		m.encode()
		m.node = (m.node + 1) % nodes
	}
	for i, d := range m.sent.Send {
		m.out[i].Buffers[0] = d.Octets
	}
	for sent := 0; sent < n; {
		more, err := m.conn.WriteBatch(m.out[sent:n], 0)
		if err != nil {
			return err
		}
		sent += more
	}
	return nil
}

// receive takes answers in, and compares them with the first ones.
func (m *askingMAG) receive(patience time.Duration) (n int, err error) {
	if err := m.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err = m.conn.ReadBatch(m.in, 0)
	if err != nil {
		return 0, err
	}
	for i := range m.in[:n] {
		msg, err := m.decoder.Decode(m.in[i].Buffers[0][:m.in[i].N])
		ack, ok := msg.(*wire.BindingAck)
		if err != nil || !ok || !ack.Status.Accepted() || len(ack.HNPs) != 1 {
			return n, fmt.Errorf("the anchor answers %v, %v", msg, err)
		}
		var node int
		if _, err := fmt.Sscanf(string(ack.MNID.Value.ID), "mn%d@", &node); err != nil {
			return n, err
		}
		if given, known := m.has[node]; !known {
			m.has[node] = ack.HNPs[0].Prefix
		} else if given != ack.HNPs[0].Prefix {
			m.different++
		}
	}
	return n, nil
}

// encode adds the request for the next node.
func (m *askingMAG) encode() {
	m.update.Seq++
	m.update.Flags, m.update.Lifetime = wire.UpdateA|wire.UpdateP, 900
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
