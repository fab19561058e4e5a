package client

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"reflect"
	"sync"
	"time"

	"layeh.com/radius"

	"mooring/mobility"
	"mooring/mobility/aaa"
)

// AskerOptions of an Asker.
type AskerOptions struct {
	Log *slog.Logger
	// Dial and Changed are as those of a Client.
	Dial    func(context.Context, *aaa.Target) (net.Conn, error)
	Changed func(server string, up bool)
}

// Asker asks RADIUS servers what nodes are entitled to. Its methods may be called concurrently.
type Asker struct {
	AskerOptions
	ready   chan struct{} // closed when it was configured for the first time
	running sync.WaitGroup
	ctx     context.Context // of everything that runs
	stop    context.CancelFunc

	mu      sync.Mutex // guards what follows
	current *asking
	servers registry
}

// asking is a configuration, with the way to its servers.
type asking struct {
	route
	cfg  aaa.Authorization
	over context.Context // done when there is another one
	end  context.CancelFunc
	uses sync.WaitGroup
}

// NewAsker returns an Asker, whose questions wait until it is configured.
func NewAsker(o AskerOptions) *Asker {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = Dialer{}.Dial
	}
	if o.Changed == nil {
		o.Changed = func(string, bool) {}
	}
	a := &Asker{AskerOptions: o, ready: make(chan struct{}), servers: registry{}}
	a.ctx, a.stop = context.WithCancel(context.Background())
	return a
}

// Configure asks other servers from now on. Who waits for an answer is asked about again there.
func (a *Asker) Configure(cfg aaa.Authorization) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.current
	if was != nil && reflect.DeepEqual(was.cfg, cfg) {
		return
	}
	next := &asking{cfg: cfg, route: route{
		targets: cfg.Targets, dead: cfg.DeadTime, dial: a.Dial, believes: cfg.Believes, changed: a.changed, exchanges: make([]*exchange, len(cfg.Targets)),
	}}
	next.over, next.end = context.WithCancel(a.ctx)
	known := registry{}
	for _, t := range cfg.Targets {
		s := a.servers.of(t.Server)
		known[t.Name] = s
		next.servers = append(next.servers, s)
	}
	a.servers, a.current = known, next
	if was == nil {
		close(a.ready)
		return
	}
	was.end()
	a.running.Go(func() {
		was.uses.Wait()
		was.close()
	})
}

// Close ends everything that waits; it is answered by nobody any more.
func (a *Asker) Close() {
	a.stop()
	a.running.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != nil {
		a.current.close()
	}
}

// Servers returns how the servers are doing, sorted by name.
func (a *Asker) Servers() []Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.servers.status()
}

// Ask asks servers about a node of an anchor, and returns at once. then is told the answer, from a goroutine of its own: when nobody answers, at the
// question's deadline or sooner. It is not told any when the Asker is closed.
func (a *Asker) Ask(anchor string, q mobility.Question, then func(*mobility.Authorization)) {
	a.running.Go(func() {
		ctx, cancel := context.WithDeadline(a.ctx, q.Until)
		defer cancel()
		answer := a.ask(ctx, anchor, &q)
		if a.ctx.Err() == nil {
			then(answer)
		}
	})
}

func (a *Asker) ask(ctx context.Context, anchor string, q *mobility.Question) *mobility.Authorization {
	select {
	case <-a.ready:
	case <-ctx.Done():
	}
	for ctx.Err() == nil {
		asked := a.use()
		answer, again := a.askBy(ctx, asked, anchor, q)
		asked.uses.Done()
		if !again {
			return answer
		}
	}
	return &mobility.Authorization{}
}

// use returns the present configuration, which lasts until its uses are done.
func (a *Asker) use() *asking {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current.uses.Add(1)
	return a.current
}

// askBy asks the servers of a configuration, one after another. again says that there is another one meanwhile.
func (a *Asker) askBy(ctx context.Context, by *asking, anchor string, q *mobility.Question) (answer *mobility.Authorization, again bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(by.over, cancel)()
	packet, i := by.offer(ctx, func(id byte, secret []byte) ([]byte, error) {
		var authenticator [16]byte
		rand.Read(authenticator[:]) // it never fails
		return by.cfg.Request(anchor, q, id, authenticator, secret)
	})
	if packet == nil {
		return &mobility.Authorization{}, by.over.Err() != nil
	}
	by.servers[i].counters.verdict(packet.Code)
	answer, err := by.cfg.Read(packet)
	if err != nil {
		a.Log.Warn("an answer of a radius server is taken for a denial", "server", by.targets[i].Name, "node", q.Node.String(), "error", err)
	}
	return answer, false
}

// offer puts a request to one server after another until one answers, and says which. When all are passed over, the preferred one may have come back: it
// is asked all the same, for who waits has nothing to lose.
func (r *route) offer(ctx context.Context, encode func(id byte, secret []byte) ([]byte, error)) (answer *radius.Packet, by int) {
	asked := false
	for i := range r.targets {
		if ctx.Err() != nil || !r.admits(i, time.Now()) {
			continue
		}
		asked = true
		if answer, err := r.send(ctx, i, encode, func() {}); err == nil {
			return answer, i
		}
	}
	if asked || len(r.targets) == 0 {
		return nil, 0
	}
	answer, _ = r.send(ctx, 0, encode, func() {})
	return answer, 0
}

func (c *counters) verdict(code radius.Code) {
	if code == radius.CodeAccessAccept {
		c.accepts.Add(1)
	} else {
		c.rejects.Add(1)
	}
}

func (a *Asker) changed(t *aaa.Target, err error) {
	if err == nil {
		a.Log.Info("authorization server is back", "server", t.Name, "address", t.Addr)
	} else {
		a.Log.Warn("authorization server is down, others are asked meanwhile", "server", t.Name, "address", t.Addr, "error", err)
	}
	a.Changed(t.Name, err == nil)
}
