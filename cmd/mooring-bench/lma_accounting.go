package main

import (
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"

	"mooring/dataplane/netns"
	"mooring/mobility/aaa"
)

const (
	radiusAddress = "127.0.0.5:1813"
	radiusSecret  = "0123456789abcdef"
)

// radiusServer takes every accounting record, and remembers which sessions it has heard of.
type radiusServer struct {
	conn *net.UDPConn

	mu      sync.Mutex
	started map[string]bool // by Acct-Session-Id
	ons     int             // Accounting-On
	stops   int
}

func newRadiusServer(h *netns.Host) (*radiusServer, error) {
	s := &radiusServer{started: map[string]bool{}}
	err := h.Do(func() (err error) {
		s.conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(radiusAddress)))
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := setBuffers(s.conn); err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	go s.serve()
	return s, nil
}

// serve answers until the socket is closed.
func (s *radiusServer) serve() {
	buffer := make([]byte, radius.MaxPacketLength)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if s.take(buffer[:n]) {
			s.conn.WriteToUDPAddrPort(accepted(buffer), from) // who gets none asks again
		}
	}
}

// radiusHead is how long a packet without attributes is (RFC 2865 section 3).
const radiusHead = 20

// take notes what a request tells.
func (s *radiusServer) take(request []byte) bool {
	if len(request) < radiusHead || radius.Code(request[0]) != radius.CodeAccountingRequest {
		return false
	}
	var status uint32
	var session []byte
	for rest := request[radiusHead:]; len(rest) >= 2 && rest[1] >= 2 && int(rest[1]) <= len(rest); rest = rest[rest[1]:] {
		switch value := rest[2:rest[1]]; radius.Type(rest[0]) {
		case rfc2866.AcctStatusType_Type:
			status = binary.BigEndian.Uint32(value)
		case rfc2866.AcctSessionID_Type:
			session = value
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch rfc2866.AcctStatusType(status) {
	case rfc2866.AcctStatusType_Value_Start:
		s.started[string(session)] = true
	case rfc2866.AcctStatusType_Value_Stop:
		s.stops++
	case rfc2866.AcctStatusType_Value_AccountingOn:
		s.ons++
	}
	return true
}

// accepted is the answer to a request (RFC 2866 section 4.2): its authenticator is the MD5 of the answer with that of the request in its place, and the secret.
func accepted(request []byte) []byte {
	var answer [radiusHead]byte
	copy(answer[:], request)
	answer[0], answer[2], answer[3] = byte(radius.CodeAccountingResponse), 0, radiusHead
	sum := md5.Sum(append(answer[:len(answer):len(answer)], radiusSecret...))
	copy(answer[4:], sum[:])
	return answer[:]
}

// sessions is how many were started. Those that were stopped, or announced to be over, are an error: all bindings are alive.
func (s *radiusServer) sessions() (started int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stops > 0 || s.ons > 1 {
		return 0, fmt.Errorf("the anchor accounted %d sessions as over, and began %d times anew", s.stops, s.ons)
	}
	return len(s.started), nil
}

// accounted is over when the server has the Start of every binding, and of their tunnel.
func (r *lmaRun) accounted() error {
	for {
		c, err := r.anchor.count()
		if err != nil {
			return err
		}
		if c.Records == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	started, err := r.radius.sessions()
	if err == nil && started != r.bindings+1 {
		err = fmt.Errorf("%d sessions were accounted, of %d bindings and a tunnel", started, r.bindings)
	}
	return err
}

// accountingConfig is what the anchor is told of it; nothing where it is not wanted.
func (o lmaOptions) accountingConfig() *aaa.Config {
	if !o.accounting {
		return &aaa.Config{}
	}
	server := aaa.Server{Name: "radius", Addr: netip.MustParseAddrPort(radiusAddress), Secret: radiusSecret, Timeout: 5 * time.Second, Retransmit: 3}
	return &aaa.Config{
		Anchors: []aaa.Anchor{{Name: "lma", Addresses: []netip.Addr{netip.MustParseAddr(lmaAddress)}}},
		Lanes:   []aaa.Lane{{Name: "all", Targets: []aaa.Target{{Server: server}}}},
		Queue:   8 * (o.bindings + 1), // none of its records is left out
	}
}
