package state

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/server/tree/schema"
)

// at returns what a path is about; of lists it may name keys, or Any.
func (d *domain) at(t testing.TB, path string) []View {
	t.Helper()
	p, err := schema.ParsePath(element(), path, element().Module)
	if err != nil {
		t.Fatal(err)
	}
	return d.state.At(p)
}

// TestAt finds the tables that paths are about, above and below.
func TestAt(t *testing.T) {
	d := populated(t)
	const l, m = "/mooring-pmipv6:pmipv6/lma", "/mooring-pmipv6:pmipv6/mag"
	for path, want := range map[string][]string{
		l + "[name='lma1']/bindings/binding[id='1']":             {"lma/bindings/binding 1"},
		l + "[name='lma1']/bindings/binding[id='1']/sequence":    {"lma/bindings/binding 1"},
		l + "[name='lma1']/bindings/binding[id='01']":            {"lma/bindings/binding 0"}, // another name for 1 is none
		l + "[name='lma1']/bindings/binding[id='9']":             {"lma/bindings/binding 0"},
		l + "[name='other']/bindings/binding":                    {"lma/bindings/binding 0"},
		l + "[name='lma1']/bindings":                             {"lma/bindings/binding 5"},
		l + "/bindings":                                          {"lma/bindings/binding 5"},
		l + "[name='lma1']/statistics/pbu/received":              {"lma/statistics 1"},
		l + "[name='lma1']/oper-status":                          {"lma 1"},
		l + "[name='lma1']/address":                              {"lma 1"},
		l + "[name='lma1']/bce":                                  nil,
		l + "[name='lma1']/network[name='home']/pool":            {"lma/network 1"},
		l + "[name='lma1']/network[name='away']":                 {"lma/network 0"},
		l + "[name='lma1']/peers/peer[id='mag1']/path":           {"lma/peers/peer 1"},
		m + "[name='mag1']/lma[id='lma1'][domain='example.net']": {"mag/lma 1"},
		m + "[name='mag1']/lma[id='lma1'][domain='other']":       {"mag/lma 0"},
		m + "[name='mag1']":                                      {"mag 1", "mag/bindings/binding 2", "mag/interface 1", "mag/lma 1", "mag/paths/path 2", "mag/statistics 1", "mag/trace 1", "mag/tunnels/tunnel 3"},
		"/mooring-system:system/configuration/warning":           {"system/configuration/warning 1"},
		"/mooring-system:system/user":                            nil,
	} {
		var got []string
		for _, v := range d.at(t, path) {
			n := 0
			for _, err := range v.Rows(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			name := v.Node().Path()
			got = append(got, fmt.Sprintf("%s %d", strings.NewReplacer("/mooring-pmipv6:pmipv6/", "", "/mooring-system:", "").Replace(name), n))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s is about %q, want %q", path, got, want)
		}
	}
}

// A key may stand for any value, others beside it for one.
func TestWildcards(t *testing.T) {
	d := populated(t)
	count := func(keys ...string) (n int) {
		def := element().Find("/mooring-pmipv6:pmipv6/mag/lma")
		chain := def.Ancestors()
		path := schema.Path{{Node: chain[0]}, {Node: chain[1], Keys: keys[:1]}, {Node: def, Keys: keys[1:]}}
		for _, v := range d.state.At(path) {
			for range v.Rows(t.Context()) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		keys []string
		want int
	}{
		{[]string{Any, Any, Any}, 1}, {[]string{Any, "lma1", Any}, 1}, {[]string{"mag1", Any, "example.net"}, 1}, {[]string{Any, Any, "x"}, 0}, {[]string{"mag2", Any, Any}, 0},
	} {
		if got := count(c.keys...); got != c.want {
			t.Errorf("%q gives %d rows, want %d", c.keys, got, c.want)
		}
	}
}

// read reads everything that a follower has to say at present, as texts.
func (d *domain) read(f *Follower) (texts []string) {
	for buf := f.Next(nil); len(buf) > 0; buf = f.Next(buf[:0]) {
		for _, row := range buf {
			texts = append(texts, d.text(row))
		}
	}
	return texts
}

// paths are the texts without what the rows hold.
func onlyPaths(texts []string) (list []string) {
	for _, text := range texts {
		path, rest, _ := strings.Cut(text, " ")
		if rest == "gone" {
			path += " gone"
		}
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

func TestFollowBindings(t *testing.T) {
	d := newDomain(t)
	d.attach(d.mag, 1)
	f := d.state.Follow(d.at(t, "/mooring-pmipv6:pmipv6/lma/bindings")...)
	defer f.Close()
	expect := func(when string, want ...string) {
		t.Helper()
		if got := onlyPaths(d.read(f)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	const one, two = "/lma[name='lma1']/bindings/binding[id='1']", "/lma[name='lma1']/bindings/binding[id='2']"
	expect("at first", one)
	expect("when nothing happens")
	d.attach(d.mag, 2)
	<-f.Ready()
	expect("a new one", two)
	d.attach(d.away, 1)
	d.advance(2 * time.Second) // the LMA has waited for the old gateway to take leave
	expect("a move", one)
	d.leave(d.mag, 2)
	expect("one that is kept for a while", two)
	d.advance(11 * time.Second)
	<-f.Ready()
	expect("one that is gone", two+" gone")
}

// An LMA that goes takes its rows with it, and one of the same name that comes brings its own.
func TestFollowMachinesThatComeAndGo(t *testing.T) {
	d := newDomain(t)
	ends := unique.Make(mobility.Ends{Local: addr("2001:db8::1"), CareOf: addr("2001:db8::11")})
	running := []LMA{{Name: "old", Table: d.tables.lma}}
	d.src.LMAs = func() []LMA { return running }
	d.state = New(element(), time.Second)
	if err := d.state.MountElement(d.src); err != nil {
		t.Fatal(err)
	}
	d.tables.lma.Put(session(7, ends))
	f := d.state.Follow(d.at(t, "/mooring-pmipv6:pmipv6/lma/bindings")...)
	defer f.Close()
	if got := onlyPaths(d.read(f)); !slices.Equal(got, []string{"/lma[name='old']/bindings/binding[id='7']"}) {
		t.Fatalf("at first: %q", got)
	}
	next := binding.New()
	next.Put(session(7, ends))
	d.tables.lma.Delete(7) // as the engine closes a machine
	running = []LMA{{Name: "old", Table: next}}
	d.state.Wake()
	<-f.Ready()
	var got []string
	for _, text := range d.read(f) {
		path, rest, _ := strings.Cut(text, " ")
		got = append(got, fmt.Sprint(path, rest == "gone"))
	}
	if want := []string{"/lma[name='old']/bindings/binding[id='7']true", "/lma[name='old']/bindings/binding[id='7']false"}; !slices.Equal(got, want) {
		t.Errorf("a machine took over: %q, want the old row to go before the new one comes", got)
	}
	next.Delete(7)
	running = nil
	d.state.Wake()
	if got := onlyPaths(d.read(f)); !slices.Equal(got, []string{"/lma[name='old']/bindings/binding[id='7'] gone"}) {
		t.Errorf("a machine is gone: %q", got)
	}
}

// TestNothingIsLost follows a table that is written to all the time: in the end the follower has what the table has.
func TestNothingIsLost(t *testing.T) {
	d := newDomain(t)
	ends := unique.Make(mobility.Ends{Local: addr("2001:db8::1"), CareOf: addr("2001:db8::11")})
	var writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		rnd := rand.New(rand.NewPCG(1, 1))
		for i := uint16(0); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			id := dataplane.SessionID(rnd.IntN(500))
			if rnd.IntN(4) == 0 {
				d.tables.lma.Delete(id)
				continue
			}
			b := session(id, ends)
			b.Sequence = i
			d.tables.lma.Put(b)
		}
	})
	f := d.state.Follow(d.at(t, "/mooring-pmipv6:pmipv6/lma/bindings")...)
	defer f.Close()
	seen := map[string]string{}
	take := func() (n int) {
		for n < 10_000 {
			rows := f.Next(nil)
			if len(rows) == 0 {
				break
			}
			n += len(rows)
			for _, row := range rows {
				path, rest, _ := strings.Cut(d.text(row), " ")
				if delete(seen, path); rest != "gone" {
					seen[path] = rest
				}
			}
		}
		return n
	}
	total := 0
	for total < 20_000 {
		total += take()
	}
	close(stop)
	writer.Wait()
	take()
	want := map[string]string{}
	for _, v := range d.at(t, "/mooring-pmipv6:pmipv6/lma/bindings") {
		for row := range v.Rows(t.Context()) {
			path, rest, _ := strings.Cut(d.text(row), " ")
			want[path] = rest
		}
	}
	if len(want) == 0 || !maps.Equal(seen, want) {
		t.Errorf("the follower has %d rows, the table %d, or others", len(seen), len(want))
	}
}

// TestFollowSmallTables looks at the tick, and at once when it is woken; nothing of it goes on when nobody follows.
func TestFollowSmallTables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDomain(t)
		d.state = New(element(), time.Second)
		if err := d.state.MountElement(d.src); err != nil {
			t.Fatal(err)
		}
		tunnel := func(peer string, packets uint64) reconcile.TunnelStatus {
			return reconcile.TunnelStatus{ID: dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: addr(peer), Encap: dataplane.EncapIP}, State: reconcile.Installed,
				TunnelState: dataplane.TunnelState{Counters: dataplane.Counters{RxPackets: packets}}}
		}
		d.plane.set(tunnel("2001:db8::11", 1), tunnel("2001:db8::12", 1))
		views := d.at(t, "/mooring-pmipv6:pmipv6/lma/tunnels")
		f, late := d.state.Follow(views...), (*Follower)(nil)
		ready := func(f *Follower) bool {
			synctest.Wait()
			select {
			case <-f.Ready():
				return true
			default:
				return false
			}
		}
		const t11, t12, t13 = "/lma[name='lma1']/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::11']", "/lma[name='lma1']/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::12']",
			"/lma[name='lma1']/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::13']"
		expect := func(f *Follower, when string, want ...string) {
			t.Helper()
			if got := onlyPaths(d.read(f)); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		expect(f, "at first, without waiting", t11, t12)
		ready(f)
		time.Sleep(3 * time.Second)
		if ready(f) {
			t.Error("nothing changed, and the follower is woken")
		}
		d.plane.set(tunnel("2001:db8::11", 2), tunnel("2001:db8::13", 1))
		if ready(f) {
			t.Error("woken before the tick")
		}
		d.state.Wake()
		if !ready(f) {
			t.Error("a change is not seen though the state is woken")
		}
		expect(f, "counted, gone, come", t11, t12+" gone", t13)
		late = d.state.Follow(views...)
		expect(late, "who comes later needs no obituary", t11, t13)
		d.plane.set(tunnel("2001:db8::11", 5))
		time.Sleep(1100 * time.Millisecond)
		if !ready(f) || !ready(late) {
			t.Error("a change is not seen at the tick")
		}
		expect(f, "the one", t11, t13+" gone")
		expect(late, "the other", t11, t13+" gone")
		f.Close()
		f.Close()
		d.plane.set()
		time.Sleep(1100 * time.Millisecond)
		expect(late, "the one that is left", t11+" gone")
		late.Close()
		again := d.state.Follow(views...)
		expect(again, "a new beginning")
		again.Close()
	})
}

// A source that does not answer leaves what it said before.
func TestFollowSurvivesSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDomain(t)
		s := New(element(), time.Second)
		var failing atomic.Bool
		def := element().Find("/mooring-pmipv6:pmipv6/lma/peers/peer")
		s.Mount(Table{Node: def, Parts: def.Children, Read: func(_ context.Context, _ Keys, out *Out) error {
			if failing.Load() {
				return fmt.Errorf("no answer")
			}
			out.Row("l", "p").Text(def.ChildNamed("name"), "x")
			return nil
		}})
		d.state = s
		views := d.at(t, "/mooring-pmipv6:pmipv6/lma/peers")
		f := s.Follow(views...)
		defer f.Close()
		if got := d.read(f); len(got) != 1 {
			t.Fatalf("%q", got)
		}
		failing.Store(true)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := d.read(f); len(got) != 0 {
			t.Errorf("a silent source says %q", got)
		}
		for _, err := range views[0].Rows(t.Context()) {
			if err == nil {
				t.Error("whoever asks is not told that the source fails")
			}
		}
	})
}

// Followers that come and go leave nothing behind.
func TestFollowersLeaveNothing(t *testing.T) {
	d := newDomain(t)
	d.fill(1000)
	views := d.state.At(schema.Path{})
	round := func() {
		f := d.state.Follow(views...)
		for buf := f.Next(nil); len(buf) > 0; buf = f.Next(buf[:0]) {
		}
		f.Close()
	}
	round()
	time.Sleep(50 * time.Millisecond)
	before := runtime.NumGoroutine()
	for range 200 {
		round()
	}
	for range 100 { // watchers end after Close, not in it
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	if len(d.state.followers) != 0 {
		t.Errorf("%d followers are remembered", len(d.state.followers))
	}
	id := dataplane.SessionID(1)
	d.tables.lma.Delete(id)
	for _, text := range d.get("/mooring-pmipv6:pmipv6/lma/bindings/binding[id='1']") {
		t.Errorf("a deleted row is still there: %s", text)
	}
}
