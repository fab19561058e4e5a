package spool

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unique"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/aaa"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, dir string) *Spool {
	t.Helper()
	root, err := os.OpenRoot(dir)
	must(t, err)
	s, err := Open(root, "records", time.Unix(1_800_000_000, 0))
	must(t, err)
	t.Cleanup(func() { root.Close() })
	return s
}

func record(status rfc2866.AcctStatusType, session, anchor string) aaa.Record {
	return aaa.Record{At: time.Unix(1_800_000_000, 0), Attributes: octetsOf(radius.Attributes{
		{Type: rfc2866.AcctStatusType_Type, Attribute: radius.NewInteger(uint32(status))},
		{Type: rfc2866.AcctSessionID_Type, Attribute: radius.Attribute(session)},
		{Type: rfc2865.NASIdentifier_Type, Attribute: radius.Attribute(anchor)},
	})}
}

func octetsOf(list radius.Attributes) (b []byte) {
	for _, a := range list {
		b = append(append(b, byte(a.Type), byte(2+len(a.Attribute))), a.Attribute...)
	}
	return b
}

const (
	start   = rfc2866.AcctStatusType_Value_Start
	stop    = rfc2866.AcctStatusType_Value_Stop
	interim = rfc2866.AcctStatusType_Value_InterimUpdate
)

func commit(t *testing.T, s *Spool, c aaa.Changes) aaa.Room {
	t.Helper()
	room, err := s.Commit(&c)
	must(t, err)
	return room
}

// text lists what waits in a lane.
func text(t *testing.T, s *Spool, lane string) string {
	t.Helper()
	entries, err := s.Next(lane, 0, 1000, nil)
	must(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, fmt.Sprint(e.Status(), " ", e.Session()))
	}
	return strings.Join(list, ", ")
}

// ledger returns one that goes on where a spool's earlier one ended, of the anchor l.
func ledger(s *Spool) *aaa.Ledger {
	l := aaa.NewLedger(uncounted{}, s.Birth, s.Last, s.Open)
	l.Configure(s.Birth, []aaa.Anchor{{Name: "l"}}, &aaa.Changes{})
	return l
}

// uncounted is a dataplane that counts nothing.
type uncounted struct{}

func (uncounted) Node(string, dataplane.SessionID) (u aaa.Usage, ok bool) { return u, false }
func (uncounted) Tunnel(dataplane.TunnelID) (u aaa.Usage, ok bool)        { return u, false }

// life returns the changes when a node comes, with the session of its tunnel, and when it goes.
func life(l *aaa.Ledger, id dataplane.SessionID) (begin, end aaa.Changes) {
	at := time.Unix(1_800_000_000, 0)
	b := &mobility.Binding{
		ID: id, Holding: &mobility.Holding{Node: mobility.NAI("n@x"), Created: mobility.At(at)},
		Ends: unique.Make(mobility.Ends{Tunnel: dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapIP}}),
	}
	l.Event(at, "l", &mobility.Event{Kind: mobility.BindingCreated, Binding: b}, &begin)
	l.Event(at, "l", &mobility.Event{Kind: mobility.BindingDeleted, Binding: b}, &end)
	return begin, end
}

// What is committed is there after the file was opened again, and what was taken out is not.
func TestKeepsWhatIsCommitted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	must(t, s.Configure([]string{"default"}, 100))
	l := ledger(s)
	first, _ := life(l, 1)
	second, over := life(l, 2)
	want := first.Open[0].Kept()
	first.Records, second.Records, over.Records = []aaa.Record{record(start, "a", "l")}, []aaa.Record{record(start, "b", "l")}, []aaa.Record{record(stop, "b", "m")}
	first.Closed = []uint64{first.Open[1].Number()} // that of the tunnel
	commit(t, s, first)
	commit(t, s, second)
	commit(t, s, over)
	entries, err := s.Next("default", 0, 1, nil)
	must(t, err, s.Remove("default", entries), s.Close(true))

	s = open(t, dir)
	defer s.Close(false)
	if len(s.Open) != 1 || !reflect.DeepEqual(*s.Open[0], want) {
		t.Errorf("the sessions are %+v, want %+v", s.Open, want)
	}
	if s.Last != 4 || !s.Closed || s.Birth.Unix() != 1_800_000_000 {
		t.Errorf("last %d, closed %t, birth %v", s.Last, s.Closed, s.Birth)
	}
	if got := text(t, s, "default"); got != "Start b, Stop b" {
		t.Errorf("what waits is %s", got)
	}
	if all, l, m := s.Queued(), s.QueuedOf(aaa.Owner{Anchor: "l"}), s.QueuedOf(aaa.Owner{Anchor: "m"}); all != 2 || l != 1 || m != 1 {
		t.Errorf("%d wait, %d of l and %d of m", all, l, m)
	}
	must(t, s.Remove("default", append(entries, entries...))) // once more does no harm
	if n := s.Queued(); n != 2 {
		t.Errorf("%d wait after nothing was taken out", n)
	}
}

// Records go into every lane; those of a lane that is no more go on in the first one. Without lanes everything stays.
func TestLanes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	must(t, s.Configure([]string{"one", "two"}, 100))
	commit(t, s, aaa.Changes{Records: []aaa.Record{record(start, "a", "l")}})
	must(t, s.Configure(nil, 100))
	commit(t, s, aaa.Changes{Records: []aaa.Record{record(stop, "a", "l")}})
	must(t, s.Configure([]string{"two", "three"}, 100), s.Close(false))
	s = open(t, dir)
	defer s.Close(false)
	if got := text(t, s, "two"); got != "Start a, Stop a, Start a, Stop a" {
		t.Errorf("lane two has %s", got)
	}
	if got, lanes := text(t, s, "three"), s.Lanes(); got != "" || !slices.Equal(lanes, []string{"three", "two"}) {
		t.Errorf("lane three has %q, of lanes %q", got, lanes)
	}
	if n := s.QueuedOf(aaa.Owner{Anchor: "l"}); n != 4 {
		t.Errorf("%d wait", n)
	}
}

// A queue that fills lets go what matters least, and says so; Stops it takes beyond its limit.
func TestBounded(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close(false)
	must(t, s.Configure([]string{"default"}, 8))
	var rooms []string
	for i := range 10 {
		for _, status := range []rfc2866.AcctStatusType{interim, start, stop} {
			room := commit(t, s, aaa.Changes{Records: []aaa.Record{record(status, strconv.Itoa(i), "l")}})
			if last := len(rooms) - 1; last < 0 || rooms[last] != room.String() {
				rooms = append(rooms, room.String())
			}
		}
	}
	if got := strings.Join(rooms, " "); got != "ample scarce critical full" {
		t.Errorf("the room was %s", got)
	}
	if got := text(t, s, "default"); got != "Interim-Update 0, Start 0, Stop 0, Interim-Update 1, Start 1, Stop 1, Stop 2, Stop 3, Stop 4, Stop 5, Stop 6, Stop 7, Stop 8, Stop 9" {
		t.Errorf("what waits is %s", got)
	}
	if left := s.Left(); left != (Left{Interims: 8, Starts: 8}) {
		t.Errorf("left out were %+v", left)
	}
	waiting := []aaa.Record{record(interim, "a", "l"), record(stop, "b", "l"), record(start, "c", "l"), record(stop, "d", "l")}
	if kept := s.Thin(waiting); len(kept) != 2 || kept[0].Session() != "b" || kept[1].Session() != "d" || s.Left() != (Left{Interims: 9, Starts: 9}) {
		t.Errorf("of what cannot be written %v are kept, and %+v left out", kept, s.Left())
	}
	entries, err := s.Next("default", 0, 100, nil)
	must(t, err, s.Remove("default", entries))
	if room := s.Room(); room != aaa.Ample {
		t.Errorf("the room of an empty queue is %v", room)
	}
}

const childFolder = "MOORING_SPOOL_CHILD"

// TestMain is also the process that is killed: it commits sessions that begin and end, and says which of its commits are done.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		writeForever(dir)
	}
	os.Exit(m.Run())
}

func writeForever(dir string) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		panic(err)
	}
	s, err := Open(root, "records", time.Unix(1_800_000_000, 0))
	if err != nil {
		panic(err)
	}
	if err := s.Configure([]string{"default"}, 1<<20); err != nil {
		panic(err)
	}
	l := ledger(s)
	for id := dataplane.SessionID(1); ; id++ {
		begin, end := life(l, id)
		for _, c := range []*aaa.Changes{&begin, &end} {
			if _, err := s.Commit(c); err != nil {
				panic(err)
			}
			for _, r := range c.Records {
				fmt.Println(r.Status(), r.Session())
			}
		}
	}
}

// A process that is killed at any time has lost nothing that it had committed, and each session is either open or has its Stop.
func TestKilledAtAnyTime(t *testing.T) {
	dir := t.TempDir()
	said := map[string]bool{}
	for range 12 {
		killOne(t, dir, said)
		s := open(t, dir)
		there, opened := map[string]bool{}, map[string]bool{}
		entries, err := s.Next("default", 0, 1<<20, nil)
		must(t, err)
		for _, e := range entries {
			there[fmt.Sprint(e.Status(), " ", e.Session())] = true
		}
		for _, each := range s.Open {
			opened[aaa.SessionName(s.Birth, each.Number)] = true
		}
		for line := range said {
			if !there[line] {
				t.Fatalf("%q was committed, and is not there", line)
			}
		}
		for line := range there {
			if id, begun := strings.CutPrefix(line, "Start "); begun && opened[id] == there["Stop "+id] {
				t.Fatalf("session %s is open: %t, and stopped: %t", id, opened[id], there["Stop "+id])
			}
		}
		must(t, s.Close(false))
	}
	if len(said) < 100 {
		t.Errorf("only %d records were committed before the process was killed", len(said))
	}
}

// killOne runs a process that commits, and kills it somewhere.
func killOne(t *testing.T, dir string, said map[string]bool) {
	t.Helper()
	exe, err := filepath.Abs(os.Args[0])
	must(t, err)
	child := exec.CommandContext(t.Context(), exe)
	child.Env = append(os.Environ(), childFolder+"="+dir)
	out, err := child.StdoutPipe()
	must(t, err, child.Start())
	lines := bufio.NewScanner(out)
	for range 1 + rand.N(60) {
		if lines.Scan() {
			said[lines.Text()] = true
		}
	}
	time.Sleep(rand.N(5 * time.Millisecond)) // so that it is in the middle of anything
	must(t, child.Process.Kill())
	for lines.Scan() {
		said[lines.Text()] = true // what was said before it was killed
	}
	if child.Wait() == nil {
		t.Fatal("the process ended by itself")
	}
}

// What is taken out of the memory of the process comes back when it is looked at, and whoever writes meanwhile is not disturbed.
func TestRelease(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close(false)
	must(t, s.Configure([]string{"default"}, 1<<20))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 100 {
			s.Release()
		}
	}()
	many := aaa.Changes{Records: slices.Repeat([]aaa.Record{record(start, "a", "l")}, 100)}
	for range 20 {
		commit(t, s, many) // the file grows, and moves in memory
	}
	<-ended
	if entries, err := s.Next("default", 0, 1<<20, nil); err != nil || len(entries) != 2000 {
		t.Fatalf("%d records, %v", len(entries), err)
	}
	if resident(t, dir) == 0 {
		t.Error("of a file that was read nothing is in memory")
	}
	if s.Release(); resident(t, dir) != 0 {
		t.Errorf("%d KiB of the file are in memory", resident(t, dir))
	}
	if entries, err := s.Next("default", 0, 1<<20, nil); err != nil || len(entries) != 2000 {
		t.Errorf("%d records, %v", len(entries), err)
	}
}

// resident is how many KiB of the files in a folder are in the memory of the process (proc(5), smaps).
func resident(t *testing.T, dir string) (kib int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	must(t, err)
	ours := false
	for line := range strings.Lines(string(text)) {
		var n int
		if _, err := fmt.Sscanf(line, "Rss: %d kB", &n); err == nil && ours {
			kib += n
		} else if first, _, _ := strings.Cut(line, " "); strings.Contains(first, "-") {
			ours = strings.Contains(line, dir)
		}
	}
	return kib
}
