package gnmi

import (
	"cmp"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
)

// Limits bound what clients may take. What is zero takes the default.
type Limits struct {
	Connections    int           // over TCP; 256. The local socket has no limit
	Streams        int           // subscriptions at once; 256
	StreamsPerUser int           // of one user; 128, so that there is room for another who finds out why
	Paths          int           // of one Get or Subscribe; 1024
	Operations     int           // of one Set; 100,000
	Receive        int           // octets of a request; 64 MiB
	Get            int           // octets, roughly, of the answer to a Get; 64 MiB
	SampleInterval time.Duration // the shortest; 1 s
	// Stall is how long a subscriber may keep the element from sending before the stream is ended; 1 min.
	Stall time.Duration
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Connections:    cmp.Or(l.Connections, 256),
		Streams:        cmp.Or(l.Streams, 256),
		StreamsPerUser: cmp.Or(l.StreamsPerUser, 128),
		Paths:          cmp.Or(l.Paths, 1024),
		Operations:     cmp.Or(l.Operations, 100_000),
		Receive:        cmp.Or(l.Receive, 64<<20),
		Get:            cmp.Or(l.Get, 64<<20),
		SampleInterval: cmp.Or(l.SampleInterval, time.Second),
		Stall:          cmp.Or(l.Stall, time.Minute),
	}
}

// streams counts the subscriptions that are open.
type streams struct {
	limits Limits

	mu     sync.Mutex
	all    int
	byUser map[string]int
}

// open takes a place for a subscription; done gives it back.
func (s *streams) open(user string) (done func(), f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.all >= s.limits.Streams:
		return nil, faultf(codes.ResourceExhausted, "subscribe: %d subscriptions are open, as many as may be", s.all)
	case s.byUser[user] >= s.limits.StreamsPerUser:
		return nil, faultf(codes.ResourceExhausted, "subscribe: user %s has %d subscriptions open, as many as one user may have", user, s.byUser[user])
	}
	s.all++
	s.byUser[user]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.byUser[user]--; s.byUser[user] == 0 {
			delete(s.byUser, user)
		}
	}, nil
}
