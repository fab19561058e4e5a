package client

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"layeh.com/radius/rfc2866"

	"mooring/mobility/aaa"
	"mooring/mobility/aaa/spool"
)

// Queue is where records wait: *spool.Spool.
type Queue interface {
	Next(lane string, after uint64, n int, list []spool.Entry) ([]spool.Entry, error)
	Remove(lane string, entries []spool.Entry) error
}

// Options of a Client. Queue has to be given.
type Options struct {
	Queue Queue
	Log   *slog.Logger
	// Dial opens a UDP socket to a server; nil: that of Dialer{}.
	Dial func(context.Context, *aaa.Target) (net.Conn, error)
	// Taken is told of records that a server has taken. It is called from goroutines of the client, which wait for it.
	Taken func([]spool.Entry)
	// Changed is told that a server went down, or is back. It is called like Taken.
	Changed func(server string, up bool)
}

// Client sends what waits in the lanes of a queue. Its methods may be called concurrently.
type Client struct {
	Options

	configuring sync.Mutex // guards lanes
	lanes       map[string]*running

	mu      sync.Mutex // guards what follows
	servers registry
	owners  map[aaa.Owner]*Statistics
}

// running is a lane with its goroutine.
type running struct {
	*lane
	stop  context.CancelFunc
	ended chan struct{}
}

// New returns a client without servers.
func New(o Options) *Client {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = Dialer{}.Dial
	}
	if o.Taken == nil {
		o.Taken = func([]spool.Entry) {}
	}
	if o.Changed == nil {
		o.Changed = func(string, bool) {}
	}
	return &Client{Options: o, lanes: map[string]*running{}, servers: registry{}, owners: map[aaa.Owner]*Statistics{}}
}

// Configure sends by other lanes from now on. What is under way in a lane that changes is sent again there.
func (c *Client) Configure(lanes []aaa.Lane, dead time.Duration) {
	c.configuring.Lock()
	defer c.configuring.Unlock()
	wanted := map[string]bool{}
	for _, cfg := range lanes {
		wanted[cfg.Name] = true
	}
	for name, r := range c.lanes {
		if i := slices.IndexFunc(lanes, r.cfg.Same); i < 0 || r.dead != dead {
			r.end()
			delete(c.lanes, name)
		}
	}
	c.forget(lanes)
	for _, cfg := range lanes {
		if c.lanes[cfg.Name] == nil {
			c.lanes[cfg.Name] = c.start(cfg, dead)
		}
	}
}

func (c *Client) start(cfg aaa.Lane, dead time.Duration) *running {
	l := &lane{
		client: c, cfg: cfg, wake: make(chan struct{}, 1), results: make(chan result, travellers), window: newWindow(), more: true,
		route: route{
			targets: cfg.Targets, dead: dead, dial: c.Dial, believes: accounted, changed: c.changed, exchanges: make([]*exchange, len(cfg.Targets)),
		},
	}
	for _, t := range cfg.Targets {
		l.servers = append(l.servers, c.server(t.Server))
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{l, stop, make(chan struct{})}
	go func() {
		defer close(r.ended)
		l.run(ctx)
	}()
	return r
}

func (r *running) end() {
	r.stop()
	<-r.ended
}

// server returns what is known of a server.
func (c *Client) server(cfg aaa.Server) *server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers.of(cfg)
}

// forget drops the servers that no lane has.
func (c *Client) forget(lanes []aaa.Lane) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.servers, func(name string, _ *server) bool {
		return !slices.ContainsFunc(lanes, func(l aaa.Lane) bool {
			return slices.ContainsFunc(l.Targets, func(t aaa.Target) bool { return t.Name == name })
		})
	})
}

// Wake says that there are new records.
func (c *Client) Wake() {
	c.configuring.Lock()
	defer c.configuring.Unlock()
	for _, l := range c.lanes {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// Close stops sending. What is under way stays in the queue.
func (c *Client) Close() { c.Configure(nil, 0) }

// Servers returns how the servers are doing, sorted by name.
func (c *Client) Servers() []Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers.status()
}

// Statistics returns the counters of an owner.
func (c *Client) Statistics(owner aaa.Owner) (s Statistics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if counters := c.owners[owner]; counters != nil {
		s = *counters
	}
	return s
}

// count counts a record for each that it counts for.
func (c *Client) count(r *aaa.Record, f func(*Statistics)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for owner := range r.Owners {
		s := c.owners[owner]
		if s == nil {
			s = &Statistics{}
			c.owners[owner] = s
		}
		f(s)
	}
}

func (c *Client) failed(r *aaa.Record)   { c.count(r, func(s *Statistics) { s.Failed++ }) }
func (c *Client) repeated(r *aaa.Record) { c.count(r, func(s *Statistics) { s.Retransmitted++ }) }

func (c *Client) taken(entries []spool.Entry) {
	for i := range entries {
		c.count(&entries[i].Record, func(s *Statistics) {
			switch entries[i].Status() {
			case rfc2866.AcctStatusType_Value_Start:
				s.Start++
			case rfc2866.AcctStatusType_Value_InterimUpdate:
				s.Update++
			case rfc2866.AcctStatusType_Value_Stop:
				s.Stop++
			}
		})
	}
	c.Taken(entries)
}

func (c *Client) changed(t *aaa.Target, err error) {
	if err == nil {
		c.Log.Info("accounting server is back", "server", t.Name, "address", t.Addr)
	} else {
		c.Log.Warn("accounting server is down, others are asked meanwhile", "server", t.Name, "address", t.Addr, "error", err)
	}
	c.Changed(t.Name, err == nil)
}
