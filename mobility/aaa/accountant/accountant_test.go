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
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/spool"
)

// sink is a RADIUS server that takes everything, unless it is down.
type sink struct {
	mu        sync.Mutex
	down      bool
	got       []string
	customers map[string]uint64 // records by their kind and customer
	causes    map[rfc2866.AcctTerminateCause]int
	octets    []string // that Stops of nodes and tunnels with counters say came and went
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
	if s.customers == nil {
		s.customers, s.causes = map[string]uint64{}, map[rfc2866.AcctTerminateCause]int{}
	}
	_, customer, _ := strings.Cut(string(p.Get(rfc2865.VendorSpecific_Type)), "customer=")
	s.customers[fmt.Sprint(rfc2866.AcctStatusType_Get(p), " ", customer)]++
	if cause, err := rfc2866.AcctTerminateCause_Lookup(p); err == nil {
		s.causes[cause]++
	}
	if in, err := rfc2866.AcctInputOctets_Lookup(p); err == nil && rfc2866.AcctStatusType_Get(p) == rfc2866.AcctStatusType_Value_Stop {
		s.octets = append(s.octets, fmt.Sprintf("%d/%d", in, rfc2866.AcctOutputOctets_Get(p)))
	}
	answer, _ := p.Response(radius.CodeAccountingResponse).Encode()
	return answer
}

func (s *sink) set(down bool) {
	s.mu.Lock()
	s.down = down
	s.mu.Unlock()
}

// of is how many records of a kind came for a customer.
func (s *sink) of(kind, customer string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.customers[kind+" "+customer]
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
	return a.bindOf(id, mobility.Tenancy{}, "")
}

// bindOf makes a binding of a customer, whose tunnel leaves in a VRF.
func (a *anchorTable) bindOf(id dataplane.SessionID, tenant mobility.Tenancy, vrf string) Event {
	local, peer := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	b := &mobility.Binding{
		Holding: &mobility.Holding{Node: mobility.NAI(fmt.Sprint("n", id, "@x")), Created: mobility.At(time.Now()), Tenancy: unique.Make(tenant)}, ID: id, State: mobility.StateActive,
		Ends: unique.Make(mobility.Ends{Local: local, Tunnel: dataplane.TunnelID{VRF: vrf, Local: local, Peer: peer, Encap: dataplane.EncapIP}}),
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
	meter aaa.Meter // nil: there are no counters
	lost  atomic.Uint64
	said  aaa.Room // by RoomChanged; guarded by the accountant's mutex, which is held then

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
		Root: e.root, Name: "accounting/records", Bindings: e.table.all, Dial: e.sink.dial, Meter: e.meter,
		Dropped: e.lost.Load, RoomChanged: func(room aaa.Room, _ int) { e.said = room },
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
		s, queued := e.Statistics(aaa.Owner{Anchor: "lma"})
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
		if room, queued, left := e.Queue(); queued != 6 || room != aaa.Ample || left != (spool.Left{}) { // On, two Starts, two Stops, Off
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

// MLL-21, OPS-12: what is counted for a customer is what the server has got for it, and what waits is what it has not got.
func TestMLL21_CountersOfCustomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newElement(t)
		e.begin(config())
		defer func() { e.stop() }()
		for customer, ids := range map[string][]dataplane.SessionID{"CUST1": {1, 2}, "CUST2": {3}, "": {4}} {
			for _, id := range ids {
				e.Happened([]Event{e.table.bindOf(id, mobility.Tenancy{Customer: customer, VRF: "of " + customer}, "to "+customer)})
			}
		}
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		e.sink.set(true)
		e.Happened([]Event{e.table.end(1), e.table.end(3)})
		time.Sleep(10 * time.Second)
		got := map[string]string{}
		for _, customer := range []string{"", "CUST1", "CUST2", "CUST3"} {
			s, queued := e.Statistics(aaa.Owner{Anchor: "lma", Customer: customer})
			got[customer] = fmt.Sprint(s.Start, s.Update, s.Stop, queued)
			if customer != "" && (s.Start != e.sink.of("Start", customer) || s.Update != e.sink.of("Interim-Update", customer)) {
				t.Errorf("%s: counted were %+v, and the server got something else", customer, s)
			}
			if owes := queued > 0; owes != (s.Failed > 0 || s.Retransmitted > 0) {
				t.Errorf("%q: %d wait, and %+v were tried", customer, queued, s)
			}
		}
		want := map[string]string{"": "7 3 0 3", "CUST1": "3 1 0 1", "CUST2": "2 1 0 2", "CUST3": "0 0 0 0"}
		if !maps.Equal(got, want) {
			t.Errorf("starts, updates, stops and what waits: %v, want %v", got, want)
		}
		e.stop()
		e.begin(config()) // what waits is counted from the disk
		if _, queued := e.Statistics(aaa.Owner{Anchor: "lma", Customer: "CUST2"}); queued != 2 {
			t.Errorf("after a restart %d records of CUST2 wait", queued)
		}
	})
}
