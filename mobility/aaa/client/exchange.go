package client

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"

	"mooring/mobility/aaa"
)

// exchange is a socket to one server. Its methods may be called concurrently.
type exchange struct {
	conn   net.Conn
	secret []byte
	count  *counters
	// believes says whether an answer is one, and authentic.
	believes func(answer, request, secret []byte) bool
	free     chan byte // identifiers that no request has
	reader   sync.WaitGroup

	mu      sync.Mutex
	pending [256]*pending // by identifier
}

// pending is a request that waits for its answer.
type pending struct {
	request []byte
	answer  chan *radius.Packet // has it when it has come
}

// newExchange begins to read from conn, which it closes at its end.
func newExchange(conn net.Conn, secret string, count *counters, believes func(answer, request, secret []byte) bool) *exchange {
	x := &exchange{conn: conn, secret: []byte(secret), count: count, believes: believes, free: make(chan byte, 256)}
	for i := range 256 {
		x.free <- byte(i) // the one that was used the longest time ago comes next
	}
	x.reader.Go(x.read)
	return x
}

func (x *exchange) close() {
	x.conn.Close()
	x.reader.Wait()
}

// errUnanswered says that a server answered none of the repetitions of a request.
var errUnanswered = errors.New("no answer")

// send sends the request that encode makes and waits for the answer. again counts repetitions.
func (x *exchange) send(ctx context.Context, t *aaa.Target, encode func(id byte, secret []byte) ([]byte, error), again func()) (*radius.Packet, error) {
	var id byte
	select {
	case id = <-x.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { x.free <- id }()
	octets, err := encode(id, x.secret)
	if err != nil {
		return nil, err
	}
	p := &pending{request: octets, answer: make(chan *radius.Packet, 1)}
	x.expect(id, p)
	defer x.expect(id, nil)
	x.count.requests.Add(1)
	for try := range 1 + t.Retransmit {
		if try > 0 {
			x.count.retransmissions.Add(1)
			again()
		}
		if _, err := x.conn.Write(octets); err != nil && !refused(err) {
			return nil, fmt.Errorf("send to %v: %w", t.Addr, err)
		}
		if answer, err := p.wait(ctx, t.Timeout); err != errUnanswered {
			return answer, err
		}
	}
	x.count.timeouts.Add(1)
	return nil, errUnanswered
}

// accounted believes the answer to a record.
func accounted(answer, request, secret []byte) bool {
	return radius.Code(answer[0]) == radius.CodeAccountingResponse && radius.IsAuthenticResponse(answer, request, secret)
}

// request makes an Accounting-Request (RFC 2866 section 3). Its authenticator is the MD5 of itself, with 0 in its place, and the secret.
func request(id byte, now time.Time, r *aaa.Record, secret []byte) ([]byte, error) {
	const headOctets, authenticatorAt, delayOctets = 20, 4, 6
	length := headOctets + delayOctets + len(r.Attributes)
	if length > radius.MaxPacketLength {
		return nil, fmt.Errorf("accounting record %s takes %d octets, more than %d", r.Session(), length, radius.MaxPacketLength)
	}
	b := make([]byte, headOctets, length+len(secret))
	b[0], b[1] = byte(radius.CodeAccountingRequest), id
	binary.BigEndian.PutUint16(b[2:], uint16(length))
	b = append(append(b, r.Attributes...), byte(rfc2866.AcctDelayTime_Type), delayOctets)
	b = binary.BigEndian.AppendUint32(b, uint32(max(0, now.Sub(r.At)/time.Second)))
	sum := md5.Sum(append(b, secret...))
	copy(b[authenticatorAt:], sum[:])
	return b, nil
}

func (x *exchange) expect(id byte, p *pending) {
	x.mu.Lock()
	x.pending[id] = p
	x.mu.Unlock()
}

func (p *pending) wait(ctx context.Context, timeout time.Duration) (*radius.Packet, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case answer := <-p.answer:
		return answer, nil
	case <-timer.C:
		return nil, errUnanswered
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read takes answers in until the socket is closed.
func (x *exchange) read() {
	buffer := make([]byte, radius.MaxPacketLength)
	for {
		n, err := x.conn.Read(buffer)
		switch {
		case err == nil:
			x.answer(buffer[:n])
		case !refused(err):
			return
		}
	}
}

// refused says that a host told that nobody listens. The server may be starting: it is like no answer.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

// answer matches an answer with its request. What follows the length of the packet is padding (RFC 2865 section 3).
func (x *exchange) answer(b []byte) {
	p, err := radius.Parse(b, x.secret)
	if err != nil {
		x.count.bad.Add(1)
		return
	}
	length := int(b[2])<<8 | int(b[3])
	x.mu.Lock()
	defer x.mu.Unlock()
	waits := x.pending[p.Identifier]
	if waits == nil || !x.believes(b[:length], waits.request, x.secret) {
		x.count.bad.Add(1)
		return
	}
	x.pending[p.Identifier] = nil // a second answer, to a repetition, has no request
	x.count.responses.Add(1)
	waits.answer <- p
}
