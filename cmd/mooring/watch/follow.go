package watch

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"mooring/cmd/mooring/client"
)

// Options say what is watched, and how.
type Options struct {
	Client   *client.Client
	Target   string // how to call it
	Out      io.Writer
	JSON     bool
	Interval time.Duration // between samples of counters
}

// watcher is what the goroutines share: those of the streams, and the one that shows.
type watcher struct {
	Options
	mu      sync.Mutex // guards model
	model   *Model
	changed chan struct{}
}

// Run shows what happens until ctx ends. The first connection has to succeed; one that is lost is tried again.
func Run(ctx context.Context, o Options) error {
	w := &watcher{Options: o, model: NewModel(o.Target), changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- w.follow(ctx) }()
	var err error
	if s := asScreen(o.Out); s != nil && !o.JSON {
		err = w.paint(ctx, s, ended)
	} else {
		err = w.print(ctx, ended)
	}
	return err
}

// Pauses before a connection is tried again.
const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// follow keeps the model up to date. It returns nil when ctx ends, and an error that another attempt would not help against.
func (w *watcher) follow(ctx context.Context) error {
	pace := &backoff.ExponentialBackOff{InitialInterval: firstPause, MaxInterval: lastPause, Multiplier: 2, RandomizationFactor: 0.5}
	pace.Reset()
	connected := false
	for {
		err := w.session(ctx, func() {
			connected = true
			pace.Reset()
		})
		if ctx.Err() != nil {
			return nil
		}
		if !connected || !errors.Is(err, client.ErrUnreachable) {
			return err
		}
		pause := pace.NextBackOff()
		w.update(func(m *Model, now time.Time) { m.Lost(now, err, now.Add(pause)) })
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		if err := w.Client.Redial(); err != nil {
			return err
		}
		w.update(func(m *Model, _ time.Time) { m.Reset() })
	}
}

// update changes the model, and has it shown.
func (w *watcher) update(change func(m *Model, now time.Time)) {
	w.mu.Lock()
	change(w.model, time.Now())
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// session follows both streams over one connection, until one of them ends.
func (w *watcher) session(ctx context.Context, connected func()) error {
	streams, ctx := errgroup.WithContext(ctx)
	streams.Go(func() error {
		return w.Client.Stream(ctx, general(w.Interval), false, func(rows *client.Rows, n client.News) error {
			w.update(func(m *Model, now time.Time) { m.Take(General, now, rows, n) })
			if n.Synced {
				connected()
				streams.Go(func() error { return w.nodes(ctx) })
			}
			return nil
		})
	})
	return streams.Wait()
}

// nodes follows the bindings. Of an element that has too many to be kept here, those that are there at first are not asked for.
func (w *watcher) nodes(ctx context.Context) error {
	w.mu.Lock()
	many := w.model.Total() > maxBindings
	w.mu.Unlock()
	var looked time.Time
	return w.Client.Stream(ctx, bindings(), many, func(rows *client.Rows, n client.News) error {
		for _, row := range n.Set {
			if many && row.Text("mn-id") == "" && time.Since(looked) > lookPause {
				looked = time.Now()
				if err := w.Client.Complete(ctx, rows, row, "mn-id", "hoa", "hnp", "peer", "state"); err != nil {
					return err
				}
			}
		}
		w.update(func(m *Model, now time.Time) { m.Take(Bindings, now, rows, n) })
		return nil
	})
}

// lookPause is how long at least there is between two look-ups of nodes of which only a change was told.
const lookPause = 20 * time.Millisecond

// redraw is how often a screen is drawn at most, and at least for the times on it.
const (
	redraw = 200 * time.Millisecond
	tick   = time.Second
)

// paint draws the model on a screen.
func (w *watcher) paint(ctx context.Context, s *screen, ended <-chan error) (err error) {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		if err := s.draw(w.render(s)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-w.changed:
			select { // what changes next is drawn together with it
			case <-ctx.Done():
			case <-time.After(redraw):
			}
		case <-s.resized:
			s.last = "" // the terminal may have moved what it shows
		case <-ticker.C:
		}
	}
}

func (w *watcher) render(s *screen) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	columns, lines := s.size()
	return w.model.Render(time.Now(), columns, lines)
}

// print writes what happens as lines.
func (w *watcher) print(ctx context.Context, ended <-chan error) error {
	p := &Printer{Out: w.Out, JSON: w.JSON}
	ticker := time.NewTicker(w.Interval)
	defer ticker.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return errors.Join(w.locked(p.Print), err)
		case <-w.changed:
			err = w.locked(p.Print)
		case now := <-ticker.C:
			err = w.locked(func(m *Model) error { return p.PrintRates(m, now) })
		}
		if err != nil {
			return err
		}
	}
}

func (w *watcher) locked(f func(*Model) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f(w.model)
}
