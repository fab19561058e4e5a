package lab

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"mooring/dataplane/netns"
)

const (
	streamPort     = 5001
	streamInterval = 10 * time.Millisecond // between two blocks
	streamBlock    = 1024                  // octets: numbers of eight octets that count up
)

// stream is a TCP connection of the node to its correspondent, which checks that every octet comes once and in order.
type stream struct {
	family   string
	node, cn net.Conn
	octets   atomic.Int64 // that the correspondent has received
	done     sync.WaitGroup
	mu       sync.Mutex
	err      error // what ended it
}

// startStream connects from one of the node's addresses, and begins to send.
func startStream(ctx context.Context, mn, cn *netns.Host, home netip.Addr) (*stream, error) {
	peer, s := netip.MustParseAddr(cn4), &stream{family: "IPv4"}
	if home.Is6() {
		peer, s.family = netip.MustParseAddr(cn6), "IPv6"
	}
	var listener *net.TCPListener
	err := cn.Do(func() (err error) {
		listener, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(peer, streamPort)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("TCP over %s: %w", s.family, err)
	}
	defer listener.Close()
	err = mn.Do(func() (err error) {
		from := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(home, 0))}
		s.node, err = from.DialContext(ctx, "tcp", netip.AddrPortFrom(peer, streamPort).String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("TCP over %s: the node connects to %s: %w", s.family, peer, err)
	}
	if s.cn, err = listener.Accept(); err != nil {
		s.node.Close()
		return nil, fmt.Errorf("TCP over %s: %w", s.family, err)
	}
	s.done.Go(func() { s.end(s.write()) })
	s.done.Go(func() { s.end(s.read()) })
	return s, nil
}

func (s *stream) write() error {
	block := make([]byte, streamBlock)
	ticker := time.NewTicker(streamInterval)
	defer ticker.Stop()
	for next := uint64(0); ; <-ticker.C {
		for i := 0; i < len(block); i += 8 {
			binary.BigEndian.PutUint64(block[i:], next)
			next++
		}
		if _, err := s.node.Write(block); err != nil {
			return err
		}
	}
}

func (s *stream) read() error {
	in, number := bufio.NewReader(s.cn), make([]byte, 8)
	for want := uint64(0); ; want++ {
		if _, err := io.ReadFull(in, number); err != nil {
			return err
		}
		if got := binary.BigEndian.Uint64(number); got != want {
			return fmt.Errorf("octet %d has the value of octet %d", 8*want, 8*got)
		}
		s.octets.Add(int64(len(number)))
	}
}

func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && !errors.Is(err, net.ErrClosed) {
		s.err = fmt.Errorf("TCP over %s broke after %d octets: %w", s.family, s.octets.Load(), err)
	}
}

// failure is what ended the stream; nil while it lives.
func (s *stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *stream) close() {
	s.node.Close()
	s.cn.Close()
	s.done.Wait()
}
