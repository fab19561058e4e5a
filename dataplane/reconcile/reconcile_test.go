package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/fake"
	"mooring/dataplane/reconcile"
)

var (
	tunnel1 = dataplane.TunnelID{Local: addr("192.0.2.1"), Peer: addr("192.0.2.11"), Port: 5437, Encap: dataplane.EncapUDP}
	tunnel2 = dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: addr("2001:db8::11"), Encap: dataplane.EncapGRE}
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func anchor(id dataplane.SessionID, tunnel dataplane.TunnelID, prefixes ...string) dataplane.Change {
	s := &dataplane.Session{ID: id, Side: dataplane.Anchor, Path: dataplane.Path{Tunnel: tunnel}}
	for _, p := range prefixes {
		s.Prefixes = append(s.Prefixes, netip.MustParsePrefix(p))
	}
	return dataplane.Change{ID: id, Session: s}
}

func access(id dataplane.SessionID, tunnel dataplane.TunnelID, link string, prefixes ...string) dataplane.Change {
	c := anchor(id, tunnel, prefixes...)
	c.Session.Side, c.Session.Link, c.Session.LinkAddr = dataplane.Access, link, dataplane.MAC{2, 0, 0, 0, 1, byte(id)}
	return c
}

func gone(id dataplane.SessionID) dataplane.Change { return dataplane.Change{ID: id} }

// running is a reconciler that runs on a fake plane in a synctest bubble.
type running struct {
	*reconcile.Reconciler
	plane   *fake.Plane
	t       *testing.T
	mu      sync.Mutex
	results []string
}

func start(t *testing.T, plane *fake.Plane, o reconcile.Options) *running {
	r := &running{plane: plane, t: t}
	o.Results = func(results []dataplane.Result) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, result := range results {
			r.results = append(r.results, fmt.Sprintf("%d: %v", result.ID, result.Err))
		}
	}
	r.Reconciler = reconcile.New(plane, o)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return r
}

func (r *running) want(changes ...dataplane.Change) { r.Want(changes); synctest.Wait() }

func (r *running) expect(want ...string) {
	r.t.Helper()
	synctest.Wait()
	got, err := dataplane.Picture(r.t.Context(), r.plane)
	if err != nil {
		r.t.Fatal(err)
	}
	lines := ""
	for _, line := range want {
		lines += line + "\n"
	}
	if got != lines {
		r.t.Errorf("the host has\n%swant\n%s", got, lines)
	}
}

func (r *running) expectResults(want ...string) {
	r.t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got, want := strings.Join(r.results, "\n"), strings.Join(want, "\n"); got != want {
		r.t.Errorf("results\n%s\nwant\n%s", got, want)
	}
	r.results = nil
}

func TestSessionsShareTunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New(), reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32", "2001:db8:1::/64"), anchor(2, tunnel1, "10.0.0.2/32"))
		r.expect(
			"route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"route 10.0.0.2/32: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"route 2001:db8:1::/64: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
		r.expectResults("1: <nil>", "2: <nil>")
		r.want(gone(1))
		r.expect(
			"route 10.0.0.2/32: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
		r.want(gone(2))
		r.expect()
	})
}

// A handover makes the new tunnel before it leads traffic there, and removes the old one last.
func TestHandoverReplacesRouteInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New(), reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		r.plane.Applied()
		r.want(anchor(1, tunnel2, "10.0.0.1/32"))
		var got []string
		for _, op := range r.plane.Applied() {
			got = append(got, fmt.Sprint(op.Delete, " ", op.Object))
		}
		want := []string{
			"false tunnel gre 2001:db8::1 > 2001:db8::11",
			"false route 10.0.0.1/32: gre 2001:db8::1 > 2001:db8::11",
			"true tunnel udp 192.0.2.1 > 192.0.2.11 port 5437",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("operations\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestAccessSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New("eth1"), reconcile.Options{})
		r.Configure(dataplane.Config{Links: []dataplane.Link{{Name: "eth1"}}})
		r.want(access(1, tunnel1, "eth1", "10.0.0.1/32", "2001:db8:1::/64"))
		r.expect(
			"link eth1",
			"neighbour eth1 10.0.0.1: 02:00:00:00:01:01",
			"route 10.0.0.1/32: link eth1",
			"route 2001:db8:1::/64: link eth1",
			"source route eth1 from 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"source route eth1 from 2001:db8:1::/64: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
	})
}

// RFC 5213 section 5.3.5: while a de-registration waits, the node's traffic goes nowhere.
func TestBlockedSessionBecomesBlackholes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New(), reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32", "2001:db8:1::/64"))
		blocked := anchor(1, tunnel1, "10.0.0.1/32", "2001:db8:1::/64")
		blocked.Session.Blocked = true
		r.want(blocked)
		r.expect("route 10.0.0.1/32: blackhole", "route 2001:db8:1::/64: blackhole")
	})
}

// LMA-28: what no binding has is discarded, and a binding's own route stands above the pool's.
func TestLMA28_PoolsAreBlackholes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := func(s string) dataplane.Blackhole {
			return dataplane.Blackhole{VRFPrefix: dataplane.VRFPrefix{Prefix: netip.MustParsePrefix(s)}}
		}
		r := start(t, fake.New(), reconcile.Options{})
		r.Configure(dataplane.Config{Blackholes: []dataplane.Blackhole{pool("10.0.0.0/24"), pool("10.0.1.1/32")}})
		r.expect("route 10.0.0.0/24: blackhole", "route 10.0.1.1/32: blackhole")
		r.want(anchor(1, tunnel2, "10.0.1.1/32"))
		r.expect("route 10.0.0.0/24: blackhole", "route 10.0.1.1/32: gre 2001:db8::1 > 2001:db8::11",
			"tunnel gre 2001:db8::1 > 2001:db8::11")
		r.want(gone(1))
		r.expect("route 10.0.0.0/24: blackhole", "route 10.0.1.1/32: blackhole")
		r.Configure(dataplane.Config{Blackholes: []dataplane.Blackhole{pool("10.0.0.0/24")}})
		r.expect("route 10.0.0.0/24: blackhole")
	})
}

// A VRF is there before what is in it, and goes after it. The same prefix in two VRFs is two routes.
func TestVRFsComeFirstAndGoLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := fake.New("eth1")
		r := start(t, plane, reconcile.Options{})
		red, blue := anchor(1, tunnel1, "10.0.0.1/32"), anchor(2, tunnel2, "10.0.0.1/32")
		red.Session.VRF, blue.Session.VRF = "red", "blue"
		blue.Session.Path.Tunnel.VRF = "carrier"
		r.want(red, blue)
		r.Configure(dataplane.Config{
			VRFs:    []dataplane.VRF{{Name: "red", Table: 7}, {Name: "blue"}, {Name: "carrier"}},
			Members: []dataplane.Member{{Link: "eth1", VRF: "carrier"}},
		})
		time.Sleep(time.Second) // what came before its VRF is tried again
		r.expect("member eth1 vrf carrier",
			"route 10.0.0.1/32 vrf blue: gre 2001:db8::1 > 2001:db8::11 vrf carrier",
			"route 10.0.0.1/32 vrf red: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"tunnel gre 2001:db8::1 > 2001:db8::11 vrf carrier", "tunnel udp 192.0.2.1 > 192.0.2.11 port 5437",
			"vrf blue", "vrf carrier", "vrf red table 7")
		plane.Applied()
		r.Want([]dataplane.Change{gone(1), gone(2)}) // first, or the member may go before anybody hears of them
		r.Configure(dataplane.Config{})
		time.Sleep(time.Second)
		r.expect()
		last := map[string]int{}
		for i, op := range plane.Applied() {
			last[fmt.Sprintf("%T", op.Object)] = i
		}
		if order := []int{last["dataplane.Route"], last["dataplane.Tunnel"], last["dataplane.Member"], last["dataplane.VRF"]}; !slices.IsSorted(order) {
			t.Errorf("removed as %v", last)
		}
	})
}

func TestNewerSessionHasThePrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New(), reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		r.expectResults("1: <nil>")
		r.want(anchor(2, tunnel2, "10.0.0.1/32"))
		r.expectResults("1: route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437: a newer session (2) has it", "2: <nil>")
		r.want(gone(2))
		r.expectResults("1: <nil>")
		r.expect("route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437", "tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
	})
}

// A refresh changes nothing on the host, and neither does a configuration that was told already. The session's owner is answered all
// the same.
func TestWhatIsInPlaceIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New("access0"), reconcile.Options{})
		config := dataplane.Config{Links: []dataplane.Link{{Name: "access0", LinkLocal: addr("fe80::1")}}}
		r.Configure(config)
		r.want(access(1, tunnel1, "access0", "10.0.0.1/32"), anchor(2, tunnel1))
		r.expectResults("2: <nil>", "1: <nil>")
		r.plane.Applied()
		r.Configure(config)
		r.want(access(1, tunnel1, "access0", "10.0.0.1/32"), anchor(2, tunnel1))
		if ops := r.plane.Applied(); len(ops) > 0 {
			t.Errorf("what was in place was made again: %v", ops)
		}
		r.expectResults("1: <nil>", "2: <nil>")
	})
}

func TestLinkIsGivenBack_MAG06(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New("access0"), reconcile.Options{})
		r.Configure(dataplane.Config{Links: []dataplane.Link{{Name: "access0", LinkLocal: addr("fe80::1")}}})
		r.expect("link access0 fe80::1")
		r.Configure(dataplane.Config{})
		r.expect()
	})
}

// Two sessions want the very same of the host: when the newer goes nothing is left to be done, and the older is told that it has it.
func TestHeirOfTheSameIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New(), reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		r.want(anchor(2, tunnel1, "10.0.0.1/32"))
		r.expectResults("1: <nil>", "1: route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437: a newer session (2) has it", "2: <nil>")
		r.want(gone(2))
		r.expectResults("1: <nil>")
	})
}

// An earlier process may have left routes with another standing than the wanted one, or with several.
func TestStandingOfLeftovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := fake.New()
		plane.Put(dataplane.Tunnel{ID: tunnel1})
		for _, prefix := range []string{"10.0.0.1/32", "10.0.0.2/32"} {
			left := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: netip.MustParsePrefix(prefix)}, Via: dataplane.Target{Path: dataplane.Path{Tunnel: tunnel1}}}
			for _, standing := range []dataplane.Standing{{}, {Told: true}, {Distance: 9}} {
				left.Standing = standing
				plane.Put(left)
			}
		}
		r := start(t, plane, reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		r.Configure(dataplane.Config{})
		r.expect("route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437", "tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
	})
}

// What an earlier process left goes, but not before the wanted state has been told and is in place.
func TestLeftoversGoAfterWantedStateIsInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := fake.New()
		left := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: netip.MustParsePrefix("10.0.0.9/32")}}
		left.Via.Blackhole = true
		plane.Put(left)
		r := start(t, plane, reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		time.Sleep(time.Hour)
		r.expect(
			"route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437", "route 10.0.0.9/32: blackhole",
			"tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
		plane.Applied()
		r.want(anchor(2, tunnel1, "10.0.0.2/32"))
		r.Configure(dataplane.Config{})
		r.expect(
			"route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"route 10.0.0.2/32: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
		if ops := plane.Applied(); !ops[len(ops)-1].Delete {
			t.Error("something was still to be made when the leftover was removed")
		}
	})
}

func TestFailureIsReportedAndRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := fake.New()
		key := dataplane.RouteKey{Prefix: netip.MustParsePrefix("10.0.0.1/32")}
		plane.FailKey(key, errors.New("no buffer space"))
		r := start(t, plane, reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		time.Sleep(time.Minute)
		r.expectResults("1: route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437: no buffer space")
		status := r.Status()
		if status.Failed != 1 || status.Failures[0].Tries < 7 || time.Since(status.Failures[0].Since) < 59*time.Second {
			t.Errorf("status %+v", status)
		}
		plane.FailKey(key, nil)
		time.Sleep(30 * time.Second)
		r.expectResults("1: <nil>")
		if session, ok := r.Session(1); !ok || session.State != reconcile.Installed || len(session.Objects) != 2 {
			t.Errorf("session %+v", session)
		}
		plane.FailKey(key, errors.New("no buffer space"))
		plane.Lose(key)
		synctest.Wait()
		plane.FailKey(key, nil)
		time.Sleep(200 * time.Millisecond) // what failed long ago does not delay the first attempt after a new failure
		r.expect("route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437", "tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
	})
}

// What failed for its tunnel's sake does not wait out its own delay.
func TestRoutesFollowRecoveredTunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := fake.New()
		plane.FailKey(tunnel1, errors.New("no device"))
		r := start(t, plane, reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"), anchor(2, tunnel1, "10.0.0.2/32"))
		time.Sleep(5 * time.Minute)
		plane.FailKey(tunnel1, nil)
		for tunnels(r)[0].State != reconcile.Installed {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		if status := r.Status(); status.Failed != 0 || status.Pending != 0 {
			t.Errorf("routes still wait: %+v", status)
		}
	})
}

func TestLostObjectIsBackWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New(), reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		r.plane.Lose(dataplane.RouteKey{Prefix: netip.MustParsePrefix("10.0.0.1/32")})
		time.Sleep(time.Second)
		r.expect("route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437", "tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
	})
}

// Two that keep undoing each other's work do not do so as fast as they can.
func TestFightIsSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New(), reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		r.plane.Applied()
		for range 600 { // a minute
			r.plane.Lose(dataplane.RouteKey{Prefix: netip.MustParsePrefix("10.0.0.1/32")})
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(r.plane.Applied()); n < 5 || n > 20 {
			t.Errorf("made %d times in a minute", n)
		}
		time.Sleep(2 * time.Minute) // of peace: the next loss is the first one again
		route := "route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437"
		r.expect(route, "tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
		r.plane.Lose(dataplane.RouteKey{Prefix: netip.MustParsePrefix("10.0.0.1/32")})
		r.expect(route, "tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
	})
}

// Comparisons of a host that agrees with what is wanted do nothing to it.
func TestComparisonLeavesAnAgreeingHostAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, fake.New(), reconcile.Options{})
		r.Configure(dataplane.Config{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		r.plane.Applied()
		time.Sleep(time.Hour)
		if ops := r.plane.Applied(); len(ops) > 0 {
			t.Errorf("done to a host that agreed: %v", ops)
		}
	})
}

func TestSilentLossIsFoundByComparison(t *testing.T) {
	for name, provoke := range map[string]func(*running){
		"overrun": func(r *running) { r.plane.Send(dataplane.Event{Kind: dataplane.Overrun}); time.Sleep(time.Second) },
		"period":  func(*running) { time.Sleep(5 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, fake.New(), reconcile.Options{})
				r.Configure(dataplane.Config{})
				r.want(anchor(1, tunnel1, "10.0.0.1/32"))
				r.plane.LoseSilently(dataplane.RouteKey{Prefix: netip.MustParsePrefix("10.0.0.1/32")})
				r.plane.Put(dataplane.Tunnel{ID: tunnel1, MTU: 1300})
				r.plane.Put(dataplane.Tunnel{ID: tunnel2})
				provoke(r)
				r.expect("route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437", "tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
			})
		})
	}
}

func TestAbsentLinkIsNoWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := start(t, fake.New(), reconcile.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		r.plane.AddLink("eth1", dataplane.MAC{2})
		r.Configure(dataplane.Config{Links: []dataplane.Link{{Name: "eth1"}}})
		r.want(access(1, tunnel1, "eth1", "10.0.0.1/32"))
		time.Sleep(time.Second)
		r.plane.RemoveLink("eth1")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if said := log.String(); !strings.Contains(said, "eth1") || strings.Contains(said, "WARN") {
			t.Errorf("the log says\n%s", said)
		}
	})
}

func TestAbsentLinkIsPreparedWhenItAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []dataplane.Event
		r := start(t, fake.New(), reconcile.Options{Links: func(e dataplane.Event) { events = append(events, e) }})
		r.Configure(dataplane.Config{Links: []dataplane.Link{{Name: "eth1"}}})
		r.want(access(1, tunnel1, "eth1", "10.0.0.1/32"))
		time.Sleep(10 * time.Minute)
		r.expect("tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
		whole := []string{
			"link eth1",
			"neighbour eth1 10.0.0.1: 02:00:00:00:01:01",
			"route 10.0.0.1/32: link eth1",
			"source route eth1 from 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437",
			"tunnel udp 192.0.2.1 > 192.0.2.11 port 5437",
		}
		r.plane.AddLink("eth1", dataplane.MAC{2})
		r.expect(whole...)
		r.plane.RemoveLink("eth1")
		r.expect("tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
		r.plane.AddLink("eth1", dataplane.MAC{2})
		r.expect(whole...)
		if len(events) != 3 {
			t.Errorf("link events %v", events)
		}
	})
}

// Back-pressure: who can wait, waits for room; nobody blocks, and waiting changes of one session take one place.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := fake.New()
		plane.Slow(time.Second)
		r := start(t, plane, reconcile.Options{Backlog: 3})
		r.want(anchor(1, tunnel1, "10.0.0.1/32")) // under way
		open := func() bool {
			select {
			case <-r.Room():
				return true
			default:
				return false
			}
		}
		for range 5 {
			r.want(anchor(2, tunnel1, "10.0.0.2/32"), anchor(3, tunnel1, "10.0.0.3/32"))
		}
		if !open() {
			t.Error("no room for a third session")
		}
		r.want(anchor(4, tunnel1, "10.0.0.4/32"), anchor(5, tunnel1, "10.0.0.5/32"))
		if open() {
			t.Error("room beyond the limit")
		}
		waited := r.Room()
		time.Sleep(2 * time.Second)
		<-waited
		if !open() {
			t.Error("no room after the backlog was taken")
		}
	})
}

func TestOPS18_StatusOfTunnels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := fake.New()
		counters := dataplane.Counters{RxPackets: 1, TxOctets: 2, Drops: dataplane.Drops{Spoofed: 3}}
		plane.Count(tunnel1, counters)
		plane.FailKey(tunnel2, errors.New("no device"))
		r := start(t, plane, reconcile.Options{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"), anchor(2, tunnel1, "10.0.0.2/32"), anchor(3, tunnel2, "10.0.0.3/32"))
		tunnels := tunnels(r)
		if len(tunnels) != 2 {
			t.Fatalf("tunnels %+v", tunnels)
		}
		up, down := tunnels[0], tunnels[1]
		if up.ID != tunnel1 || up.Sessions != 2 || up.State != reconcile.Installed || up.Counters != counters || up.Device != "fake" {
			t.Errorf("first tunnel %+v", up)
		}
		if down.ID != tunnel2 || down.Sessions != 1 || down.State != reconcile.Failed || down.Err == nil || down.Since.IsZero() {
			t.Errorf("second tunnel %+v", down)
		}
	})
}

// lateWatch is a plane that needs a second before it sees anything.
type lateWatch struct{ *fake.Plane }

func (p lateWatch) Watch(ctx context.Context) iter.Seq2[dataplane.Event, error] {
	time.Sleep(time.Second)
	return p.Plane.Watch(ctx)
}

// What is lost before the host is watched is found all the same.
func TestLossBeforeWatchIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := fake.New("eth1")
		r := &running{plane: plane, t: t, Reconciler: reconcile.New(lateWatch{plane}, reconcile.Options{})}
		ctx, stop := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() { r.Run(ctx) })
		r.Configure(dataplane.Config{})
		r.want(anchor(1, tunnel1, "10.0.0.1/32"))
		plane.Lose(dataplane.RouteKey{Prefix: netip.MustParsePrefix("10.0.0.1/32")})
		time.Sleep(2 * time.Second)
		r.expect("route 10.0.0.1/32: udp 192.0.2.1 > 192.0.2.11 port 5437", "tunnel udp 192.0.2.1 > 192.0.2.11 port 5437")
		stop()
		ended.Wait()
	})
}

func tunnels(r *running) []reconcile.TunnelStatus {
	list, _ := r.Tunnels()
	return list
}
