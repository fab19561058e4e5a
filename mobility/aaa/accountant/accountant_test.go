package accountant

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unique"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/aaa"
)

// sink is a RADIUS server that takes everything, unless it is down.
type sink struct {
	mu   sync.Mutex
	down bool
	got  []string
}

func (s *sink) dial(context.Context, *aaa.Target) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := there.Read(buffer)
			if err != nil {
				return
			}
			if answer := s.take(buffer[:n]); answer != nil {
				there.Write(answer)
			}
		}
	}()
	return here, nil
}

func (s *sink) take(octets []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := radius.Parse(octets, []byte("cisco"))
	if err != nil || s.down {
		return nil
	}
	s.got = append(s.got, fmt.Sprint(rfc2866.AcctStatusType_Get(p), " ", rfc2866.AcctSessionID_GetString(p)))
	answer, _ := p.Response(radius.CodeAccountingResponse).Encode()
	return answer
}

func (s *sink) set(down bool) {
	s.mu.Lock()
	s.down = down
	s.mu.Unlock()
}

// kinds counts what came, by the kind of record.
func (s *sink) kinds() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := map[string]int{}
	for _, line := range s.got {
		count[strings.Fields(line)[0]]++
	}
	var list []string
	for kind, n := range count {
		list = append(list, fmt.Sprint(kind, "=", n))
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

// anchorTable is the binding table of an anchor.
type anchorTable struct {
	mu   sync.Mutex
	rows map[dataplane.SessionID]*mobility.Binding
}

func (a *anchorTable) all(string) iter.Seq[*mobility.Binding] {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Values(maps.Clone(a.rows))
}

func (a *anchorTable) bind(id dataplane.SessionID) Event {
	local, peer := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	b := &mobility.Binding{
		Holding: &mobility.Holding{Node: mobility.NAI(fmt.Sprint("n", id, "@x")), Created: mobility.At(time.Now())}, ID: id, State: mobility.StateActive,
		Ends: unique.Make(mobility.Ends{Local: local, Tunnel: dataplane.TunnelID{Local: local, Peer: peer, Encap: dataplane.EncapIP}}),
	}
	a.mu.Lock()
	a.rows[id] = b
	a.mu.Unlock()
	return Event{time.Now(), "lma", &mobility.Event{Kind: mobility.BindingCreated, Node: b.Node, Binding: b}}
}

func (a *anchorTable) end(id dataplane.SessionID) Event {
	a.mu.Lock()
	b := a.rows[id]
	delete(a.rows, id)
	a.mu.Unlock()
	return Event{time.Now(), "lma", &mobility.Event{Kind: mobility.BindingDeleted, Node: b.Node, Binding: b, Reason: mobility.Deregistered}}
}

func config() *aaa.Config {
	return &aaa.Config{
		Anchors: []aaa.Anchor{{Name: "lma", Interim: 2 * time.Minute}}, DeadTime: time.Minute, Queue: 1000,
		Lanes: []aaa.Lane{{Name: "default", Targets: []aaa.Target{{Server: aaa.Server{
			Name: "s", Addr: netip.MustParseAddrPort("192.0.2.9:1646"), Secret: "cisco", Timeout: time.Second, Retransmit: 1}}}}},
	}
}

// element is what an accountant lives in.
type element struct {
	t     *testing.T
	root  *os.Root
	table anchorTable
	sink  sink
	lost  atomic.Uint64

	*Accountant
	stop func()
}

func newElement(t *testing.T) *element {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return &element{t: t, root: root, table: anchorTable{rows: map[dataplane.SessionID]*mobility.Binding{}}}
}

// begin starts a process.
func (e *element) begin(cfg *aaa.Config) {
	e.t.Helper()
	e.Accountant = New(Options{
		Root: e.root, Name: "accounting/records", Bindings: e.table.all, Dial: e.sink.dial,
		Dropped: e.lost.Load,
	})
	if err := e.Prepare(cfg); err != nil {
		e.t.Fatal(err)
	}
	e.Configure(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	e.stop = func() {
		cancel()
		if err := errors.Join(<-ended, e.Close()); err != nil {
			e.t.Error(err)
		}
	}
}

// LMA-14, LMA-15, LMA-16, RAD-11: from events to a server.
func TestLMA14StartStopInterim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newElement(t)
		e.begin(config())
		defer func() { e.stop() }()
		e.Happened([]Event{e.table.bind(1), e.table.bind(2)})
		synctest.Wait()
		if got := e.sink.kinds(); got != "Accounting-On=1 Start=3" {
			t.Errorf("after two nodes came: %s", got)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		sessions := e.Sessions("lma")
		slices.SortFunc(sessions, func(a, b Session) int { return strings.Compare(a.ID, b.ID) })
		if len(sessions) != 3 || sessions[0].Kind != aaa.Node || sessions[1].Kind != aaa.Tunnel || sessions[0].MultiSession != sessions[1].ID ||
			sessions[1].LastRecord.Sub(sessions[1].Started) != 4*time.Minute {
			t.Errorf("the sessions are %+v", sessions)
		}
		e.Happened([]Event{e.table.end(1), e.table.end(2)})
		synctest.Wait()
		if got := e.sink.kinds(); got != "Accounting-On=1 Interim-Update=2 Start=3 Stop=3" {
			t.Errorf("in the end: %s", got)
		}
		s, queued := e.Statistics("lma")
		if s.Start != 3 || s.Update != 2 || s.Stop != 3 || queued != 0 {
			t.Errorf("counted were %+v, and %d wait", s, queued)
		}
	})
}

// Expectation 10: the server is down for longer than the process lives. The next one sends what the first has kept.
func TestEXP10ServerDownForLongerThanTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newElement(t)
		e.sink.set(true)
		e.begin(config())
		for id := range dataplane.SessionID(50) {
			e.Happened([]Event{e.table.bind(id + 1)})
		}
		for id := range dataplane.SessionID(50) {
			e.Happened([]Event{e.table.end(id + 1)})
		}
		time.Sleep(10 * time.Minute)
		e.stop()
		if got := e.sink.kinds(); got != "" {
			t.Fatalf("a dead server got %s", got)
		}
		e.sink.set(false)
		e.begin(config())
		time.Sleep(time.Second)
		synctest.Wait()
		if got := e.sink.kinds(); got != "Accounting-On=2 Start=51 Stop=51" {
			t.Errorf("the server got %s", got)
		}
		e.stop()
	})
}

// A server is down, and the accounting is taken out of the configuration: what waits stays, and is sent when there are servers again.
func TestAAA03ListRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newElement(t)
		e.sink.set(true)
		e.begin(config())
		defer func() { e.stop() }()
		e.Happened([]Event{e.table.bind(1)})
		without := config()
		without.Lanes = nil
		e.Configure(without)
		e.Happened([]Event{e.table.bind(2)})
		if room, queued, left := e.Queue(); queued != 6 || room != aaa.Ample || left.Stops != 0 { // On, two Starts, two Stops, Off
			t.Errorf("%d records wait, of %+v", queued, e.Sessions("lma"))
		}
		e.sink.set(false)
		e.Configure(config())
		time.Sleep(time.Second)
		synctest.Wait()
		if got := e.sink.kinds(); got != "Accounting-Off=1 Accounting-On=2 Start=5 Stop=2" {
			t.Errorf("the server got %s", got)
		}
	})
}

// Events that were dropped are made up for.
func TestEXP10DroppedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newElement(t)
		e.begin(config())
		defer func() { e.stop() }()
		e.Happened([]Event{e.table.bind(1)})
		e.table.bind(2)
		e.table.end(1)
		e.lost.Store(2)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := e.sink.kinds(); got != "Accounting-On=1 Start=4 Stop=2" {
			t.Errorf("the server got %s", got)
		}
	})
}

// Nothing is on disk of an element that does no accounting.
func TestNothingUnlessConfigured(t *testing.T) {
	e := newElement(t)
	e.begin(&aaa.Config{})
	e.Happened([]Event{e.table.bind(1)})
	e.stop()
	if _, err := e.root.Stat("accounting"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a folder: %v", err)
	}
}

// A file that is none of ours is refused, and nothing is accounted; the error says what to do.
func TestForeignFile(t *testing.T) {
	e := newElement(t)
	if err := errors.Join(e.root.Mkdir("accounting", 0o700), e.root.WriteFile("accounting/records", []byte(strings.Repeat("rubbish", 10_000)), 0o600)); err != nil {
		t.Fatal(err)
	}
	a := New(Options{Root: e.root, Name: "accounting/records", Bindings: e.table.all})
	if err := a.Prepare(config()); err == nil || !strings.Contains(err.Error(), "move the file away") {
		t.Errorf("%v", err)
	}
}
