package client

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"layeh.com/radius"

	"mooring/mobility/aaa"
)

// route leads to servers that stand in for each other. Its methods may be called concurrently.
type route struct {
	targets  []aaa.Target
	servers  []*server // of targets
	dead     time.Duration
	dial     func(context.Context, *aaa.Target) (net.Conn, error)
	believes func(answer, request, secret []byte) bool
	changed  func(t *aaa.Target, err error) // a server went down, or with a nil err is back

	mu        sync.Mutex
	exchanges []*exchange // of targets; nil: there is none at the moment
}

// admits reports whether a server may be sent a request now: it is not passed over. What is admitted has to be sent.
func (r *route) admits(i int, now time.Time) bool {
	s := r.servers[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health.admit(now)
}

// retry is when it makes sense to ask a server again.
func (r *route) retry(i int, now time.Time) time.Time {
	s := r.servers[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health.retry(now, r.targets[i].Timeout)
}

// send sends a request to a server, waits for the answer, and notes whether the server lives.
func (r *route) send(ctx context.Context, i int, encode func(id byte, secret []byte) ([]byte, error), again func()) (*radius.Packet, error) {
	s, began := r.servers[i], time.Now()
	answer, err := r.try(ctx, i, encode, again)
	if late := errors.Is(ctx.Err(), context.DeadlineExceeded) && time.Since(began) >= r.targets[i].Timeout; ctx.Err() != nil && !late {
		s.mu.Lock()
		s.health.probing = false
		s.mu.Unlock()
		return answer, err
	}
	s.mu.Lock()
	changed := s.health.heard(time.Now(), err == nil, r.dead)
	s.mu.Unlock()
	if changed {
		r.changed(&r.targets[i], err)
	}
	if changed && err != nil {
		r.drop(i, nil) // its network may have become another one
	}
	return answer, err
}

func (r *route) try(ctx context.Context, i int, encode func(id byte, secret []byte) ([]byte, error), again func()) (*radius.Packet, error) {
	x, err := r.exchange(ctx, i)
	if err != nil {
		return nil, err
	}
	answer, err := x.send(ctx, &r.targets[i], encode, again)
	if err != nil && !errors.Is(err, errUnanswered) && ctx.Err() == nil {
		r.drop(i, x) // the next one may have another address to come from
	}
	return answer, err
}

// exchange returns the socket to a server, which it opens where there is none.
func (r *route) exchange(ctx context.Context, i int) (*exchange, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.exchanges[i]; x != nil {
		return x, nil
	}
	conn, err := r.dial(ctx, &r.targets[i])
	if err != nil {
		return nil, err
	}
	r.exchanges[i] = newExchange(conn, r.targets[i].Secret, &r.servers[i].counters, r.believes)
	return r.exchanges[i], nil
}

// drop closes the socket to a server, if it is x or x is nil: the next request has a new one.
func (r *route) drop(i int, x *exchange) {
	r.mu.Lock()
	if x == nil {
		x = r.exchanges[i]
	}
	if r.exchanges[i] == x {
		r.exchanges[i] = nil
	}
	r.mu.Unlock()
	if x != nil {
		x.close()
	}
}

// close closes all sockets; nobody sends any more.
func (r *route) close() {
	for i := range r.exchanges {
		r.drop(i, nil)
	}
}
