package state

import (
	"context"
	"slices"
	"sync"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/mobility/transport"
)

var _ Dataplane = (*reconcile.Reconciler)(nil)

// sink is a dataplane that takes everything and does nothing.
type sink struct{ room chan struct{} }

func (s sink) Want([]dataplane.Change) {}
func (s sink) Room() <-chan struct{}   { return s.room }

// TestFromEngine asks a running engine, whose machines come and go.
func TestFromEngine(t *testing.T) {
	d := newDomain(t)
	host := transport.NewMemory(transport.Conditions{}, 1).Host()
	room := make(chan struct{})
	close(room)
	e := engine.New(engine.Options{Transport: host, Dataplane: sink{room}})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer host.Close()
	defer cancel()
	d.src.FromEngine(e)
	d.state = New(element(), 0)
	if err := d.state.MountElement(d.src); err != nil {
		t.Fatal(err)
	}
	commit := func(c *mobility.Config) {
		t.Helper()
		prepared, err := e.Prepare(t.Context(), nil, c)
		if err != nil {
			t.Fatal(err)
		}
		prepared.Apply()
		d.state.Wake()
	}
	f := d.state.Follow(d.at(t, "/mooring-pmipv6:pmipv6")...)
	defer f.Close()
	d.read(f)
	commit(d.config)
	for path, want := range map[string]string{
		"/mooring-pmipv6:pmipv6/lma[name='lma1']/statistics/summary/bce-count":                          "0",
		"/mooring-pmipv6:pmipv6/lma[name='lma1']/network[name='home']/pool/mobile-node/ipv4/usage/used": "0",
		"/mooring-pmipv6:pmipv6/lma[name='lma1']/peers/peer[id='mag1']/oper-status":                     "unknown",
		"/mooring-pmipv6:pmipv6/mag[name='mag1']/statistics/pbu/sent":                                   "0",
	} {
		if got := d.value(t, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	var seen []string
	for !slices.Contains(seen, "/lma[name='lma1']/peers/peer[id='mag1']") {
		if err := f.Wait(t.Context()); err != nil {
			t.Fatalf("%v; seen so far: %q", err, seen)
		}
		seen = append(seen, onlyPaths(d.read(f))...)
	}
	commit(&mobility.Config{})
	for !slices.Contains(seen, "/lma[name='lma1']/peers/peer[id='mag1'] gone") {
		if err := f.Wait(t.Context()); err != nil {
			t.Fatalf("%v; seen so far: %q", err, seen)
		}
		seen = append(seen, onlyPaths(d.read(f))...)
	}
}
