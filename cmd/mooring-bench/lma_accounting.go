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

	mu    sync.Mutex
	open  map[string]bool // sessions by their Acct-Session-Id: started, and not stopped
	begun int             // sessions that ever were
	ons   int             // Accounting-On
}

func newRadiusServer(h *netns.Host) (*radiusServer, error) {
	s := &radiusServer{open: map[string]bool{}}
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
		if !s.open[string(session)] {
			s.open[string(session)] = true
			s.begun++
		}
	case rfc2866.AcctStatusType_Value_Stop:
		delete(s.open, string(session))
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

// heard is how many sessions are open, and how often one began, or all of them.
func (s *radiusServer) heard() (open, begun, ons int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open), s.begun, s.ons
}

// accounted is over when the server has all records, and knows a session of each binding and one of their tunnel.
func (r *lmaRun) accounted(bindings int) error {
	if !r.accounting {
		return nil
	}
	for until := time.Now().Add(10 * time.Minute); ; time.Sleep(time.Millisecond) {
		c, err := r.anchor.count()
		open, begun, ons := r.radius.heard()
		switch {
		case err != nil:
			return err
		case c.Records == 0 && open == bindings+1 && ons == 1:
			r.begun = begun
			return nil
		case time.Now().After(until):
			return fmt.Errorf("%d sessions are accounted, of %d bindings and a tunnel; %d records wait, and %d times the anchor began anew", open, bindings, c.Records, ons)
		}
	}
}

// stillAccounted says whether sessions went on when the anchor began again: none ended, and none began.
func (r *lmaRun) stillAccounted() error {
	before := r.begun
	if err := r.accounted(r.bindings); err != nil {
		return err
	}
	if r.begun != before {
		return fmt.Errorf("%d sessions began anew with the anchor", r.begun-before)
	}
	return nil
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
