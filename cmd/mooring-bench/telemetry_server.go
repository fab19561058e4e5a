package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/pool"
	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/gnmi"
	"mooring/server/model"
	"mooring/server/state"
	"mooring/server/tree"
)

// What serves bindings.
const (
	telemetryElementKind = "mooring"
	telemetryPeerKind    = "peer"
)

// telemetryServer is what serves bindings over gNMI, in a process of its own.
type telemetryServer interface {
	address() string
	put(i int, sequence uint16, now time.Time) error
	close() error
}

// serveTelemetry serves until the standard input ends, and does what that asks for, a word a line, each answered by a telemetryReply:
//
//	settle            give back what memory is free, and forget how much there was at most
//	refresh K N RATE  make the N refreshes that come after the first K, so many in a second
func serveTelemetry(cmd *cobra.Command, kind string, n int) (err error) {
	at := served{PID: os.Getpid(), User: "bench", Password: benchPassword}
	begin := map[string]func(context.Context, served) (telemetryServer, error){telemetryElementKind: newTelemetryElement, telemetryPeerKind: newTelemetryPeer}[kind]
	if begin == nil {
		return fmt.Errorf("no server %q", kind)
	}
	s, err := begin(cmd.Context(), at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	now := time.Now()
	for i := range n {
		if err := s.put(i, 1, now); err != nil {
			return err
		}
	}
	at.GNMI = s.address()
	out := json.NewEncoder(cmd.OutOrStdout())
	if err := out.Encode(at); err != nil {
		return err
	}
	for in := bufio.NewScanner(cmd.InOrStdin()); in.Scan(); {
		reply, err := obey(s, n, in.Text())
		if err != nil {
			return err
		}
		if err := out.Encode(reply); err != nil {
			return err
		}
	}
	return nil
}

func obey(s telemetryServer, n int, order string) (reply telemetryReply, err error) {
	var before, count, rate int
	if order == "settle" {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		reply.Goroutines, reply.Held = runtime.NumGoroutine(), float64(m.HeapAlloc)/(1<<20)
		return reply, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak of the resident size (proc_pid_clear_refs(5))
	}
	if _, err := fmt.Sscanf(order, "refresh %d %d %d", &before, &count, &rate); err != nil {
		return reply, fmt.Errorf("order %q: %w", order, err)
	}
	reply.Longest, err = refresh(s, n, before, count, rate)
	return reply, err
}

// refresh refreshes bindings all over the table, so evenly that each millisecond has its share. It tells how long the longest took.
func refresh(s telemetryServer, n, before, count, rate int) (longest time.Duration, err error) {
	begun := time.Now()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for done := 0; done < count; <-ticks.C {
		now := time.Now()
		for due := min(count, int(now.Sub(begun).Seconds()*float64(rate))); done < due; done++ {
			i, sequence := refreshed(before+done, n)
			put := time.Now()
			if err := s.put(i, sequence, now); err != nil {
				return 0, err
			}
			longest = max(longest, time.Since(put))
		}
	}
	return longest, nil
}

// refreshed tells which of n bindings a refresh is of, and its sequence number: another one whenever it is the turn of that binding again.
func refreshed(done, n int) (i int, sequence uint16) {
	const stride = 7919 // a prime
	return done % n * stride % n, uint16(2 + done/n)
}

// benchPassword is that of a process of ours, on loopback.
const benchPassword = "telemetry"

// telemetryElement serves the bindings of an LMA as an element does: from the binding table, by way of the state that NETCONF has too,
// to a user whose access NACM decides on.
type telemetryElement struct {
	dir    string
	root   *os.Root
	store  *datastore.Store
	server *gnmi.Server
	table  *binding.Table
	at     string
}

func newTelemetryElement(ctx context.Context, at served) (telemetryServer, error) {
	e := &telemetryElement{table: binding.New()}
	if err := e.begin(ctx, at); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *telemetryElement) begin(ctx context.Context, at served) (err error) {
	s, err := model.Schema()
	if err != nil {
		return err
	}
	if e.dir, err = os.MkdirTemp("", "mooring-bench-"); err != nil {
		return err
	}
	if e.root, err = os.OpenRoot(e.dir); err != nil {
		return err
	}
	if e.store, err = datastore.Open(ctx, datastore.Options{Schema: s, Dir: e.root, Startup: func() (*tree.Node, error) {
		return tree.DecodeJSON(strings.NewReader(string(at.userJSON())), s.Root, tree.DecodeOptions{})
	}}); err != nil {
		return err
	}
	keys, err := access.LoadKeys(e.root, "localhost", time.Now())
	if err != nil {
		return err
	}
	view := state.New(s, 0)
	if err := view.MountElement(e.sources()); err != nil {
		return err
	}
	running := func() *tree.Node { return e.store.Running().Root }
	if e.server, err = gnmi.New(gnmi.Options{
		Store: e.store, State: view, Access: access.NewControl(running), Users: &access.Users{Running: running},
		Certificate: func() *tls.Certificate { return &keys.Certificate },
		Log:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}); err != nil {
		return err
	}
	e.server.Prepare(ctx, anyPort).Apply()
	e.at, err = onlyAddress(e.server.Status())
	return err
}

func (e *telemetryElement) sources() state.Sources {
	anchor := state.LMA{
		Name: "lma1", Table: e.table, Statistics: &mobility.Statistics{},
		Peers:    func(context.Context) ([]lma.PeerState, error) { return nil, nil },
		Networks: func(context.Context) (map[string][]pool.Usage, error) { return nil, nil },
		Session:  func(id dataplane.SessionID) dataplane.SessionID { return id },
	}
	return state.Sources{
		LMAs:       func() []state.LMA { return []state.LMA{anchor} },
		Configured: func() *mobility.Config { return &mobility.Config{} },
		Version:    "bench", Started: time.Now(),
	}
}

func (e *telemetryElement) address() string { return e.at }

func (e *telemetryElement) put(i int, sequence uint16, now time.Time) error {
	if old := e.table.Get(dataplane.SessionID(i + 1)); old != nil {
		e.table.Put(benchRow(i, sequence, now, old.Holding)) // as an LMA does with a refresh
		return nil
	}
	e.table.Put(benchBinding(i, sequence, now))
	return nil
}

func (e *telemetryElement) close() error {
	var errs []error
	if e.server != nil {
		e.server.Close()
	}
	if e.store != nil {
		errs = append(errs, e.store.Close())
	}
	if e.root != nil {
		errs = append(errs, e.root.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(e.dir))...)
}
