package engine

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/fake"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/transport"
)

var (
	node1 = dataplane.MAC{2, 0, 0, 0, 0, 0xaa}
	node2 = dataplane.MAC{2, 0, 0, 0, 0, 0xbb}
)

const oneWay = 5 * time.Millisecond

// One node's life: it attaches, is registered, refreshed, and leaves.
func TestSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		lma := on(t, net, justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))

		mag.attach("access0", node1)
		pass(3 * oneWay)
		same(t, "the anchor", lma.rows(), []string{"lma1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:1::1, install 0"})
		same(t, "the gateway", mag.rows(), []string{"mag1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:ffff::1, install 0"})
		lma.install()
		mag.install()
		pass(0)
		same(t, "the anchor", lma.rows(), []string{"lma1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:1::1, install 1"})
		same(t, "the gateway", mag.rows(), []string{"mag1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:ffff::1, install 1"})
		if g := mag.grants[place{"access0", node1}]; len(g.Prefixes) != 1 || g.Home.Addr().String() != "10.1.0.2" || g.Router.String() != "10.1.0.1" {
			t.Errorf("the node is offered %+v", g)
		}
		if len(lma.plane.wanted()) != 1 || len(mag.plane.wanted()) != 1 {
			t.Errorf("sessions: %v and %v", lma.plane.wanted(), mag.plane.wanted())
		}

		pass(time.Hour)
		refreshes := lma.LMA("lma1").Statistics.Refresh.Load()
		if refreshes < 11 || mag.MAG("mag1").Statistics.Refresh.Load() != refreshes || len(lma.rows()) != 1 {
			t.Errorf("%d refreshes in an hour, %v", refreshes, lma.rows())
		}

		mag.detach("access0", node1)
		pass(3 * oneWay)
		same(t, "the anchor after the node left", lma.rows(), []string{
			"lma1: 0200000000aa@example.com delete-pending [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:1::1, install 1"})
		same(t, "the gateway after the node left", mag.rows(), nil)
		pass(11 * time.Second)
		same(t, "the anchor some time later", lma.rows(), nil)
		if len(lma.plane.wanted()) != 0 || len(mag.plane.wanted()) != 0 || len(mag.grants[place{"access0", node1}].Prefixes) != 0 {
			t.Errorf("left over: %v, %v, %v", lma.plane.wanted(), mag.plane.wanted(), mag.grants)
		}
		usage, err := lma.LMA("lma1").Networks(t.Context())
		must(t, err)
		if len(usage["net1"]) != 2 || usage["net1"][0].Used != 0 || usage["net1"][0].HighWater != 1 {
			t.Errorf("pools: %+v", usage)
		}
	})
}

// A node that goes to another gateway keeps its addresses.
func TestHandover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		lma := on(t, net, justLMA(anchorConfig("lma1", lma6, lma4)))
		mag1 := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag2 := on(t, net, justMAG(gatewayConfig("mag2", []string{lma4}, []string{"access0"}, mag24)))
		mag1.attach("access0", node1)
		pass(time.Second)
		before := mag1.grants[place{"access0", node1}]
		mag1.detach("access0", node1)
		mag2.attach("access0", node1)
		pass(time.Minute)
		after := mag2.grants[place{"access0", node1}]
		if len(after.Prefixes) != 1 || after.Prefixes[0] != before.Prefixes[0] || after.Home != before.Home {
			t.Errorf("before the handover %v %v, after it %v %v", before.Prefixes, before.Home, after.Prefixes, after.Home)
		}
		same(t, "the anchor", lma.rows(), []string{"lma1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 192.0.2.2, install 0"})
		same(t, "the old gateway", mag1.rows(), nil)
		peers, err := lma.LMA("lma1").Peers(t.Context())
		must(t, err)
		if len(peers) != 1 || peers[0].Address.String() != mag24 || peers[0].Bindings != 1 {
			t.Errorf("peers: %+v", peers)
		}
	})
}

// A request that is lost is repeated until the anchor answers.
func TestRetransmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Loss: 1}, 1)
		lma := on(t, net, justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag.attach("access0", node1)
		pass(10 * time.Second) // 1, 2 and 4 seconds after another
		stats := mag.MAG("mag1").Statistics
		if sent, again := stats.PBUSent.Load(), stats.PBURetransmitted.Load(); sent != 4 || again != 3 {
			t.Errorf("%d requests, %d of them again; want 4 and 3", sent, again)
		}
		net.Change(transport.Conditions{Delay: oneWay})
		pass(6 * time.Second)
		same(t, "the anchor", lma.rows(), []string{"lma1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:1::1, install 0"})
		if sent := stats.PBUSent.Load(); sent != 5 {
			t.Errorf("%d requests, want 5", sent)
		}
	})
}

// A node gives its home address up and asks for one again; its prefix stays, and anchor and gateway agree.
func TestReleaseOfHomeAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		lma := on(t, net, justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag.attach("access0", node1)
		pass(time.Second)
		for _, step := range []struct {
			kind mobility.AttachmentKind
			home string
		}{{mobility.HomeReleased, "invalid Prefix"}, {mobility.HomeWanted, "10.1.0.2/16"}, {mobility.HomeReleased, "invalid Prefix"}} {
			mag.Attached(mobility.Attachment{Kind: step.kind, Link: "access0", MAC: node1})
			pass(time.Second)
			same(t, "the anchor", lma.rows(), []string{"lma1: 0200000000aa@example.com active [2001:db8:a::/64] " + step.home + " to 2001:db8:1::1, install 0"})
			same(t, "the gateway", mag.rows(), []string{"mag1: 0200000000aa@example.com active [2001:db8:a::/64] " + step.home + " to 2001:db8:ffff::1, install 0"})
			usage, err := lma.LMA("lma1").Networks(t.Context())
			must(t, err)
			if used := usage["net1"][0].Used; used > 0 != (step.home == "10.1.0.2/16") {
				t.Errorf("home address %s, %d are in use", step.home, used)
			}
		}
		pass(time.Hour)
		if len(lma.rows()) != 1 || lma.LMA("lma1").Statistics.Deregistration.Load() != 2 || mag.MAG("mag1").Statistics.Deregistration.Load() != 2 {
			t.Errorf("an hour later: %v", lma.rows())
		}
	})
}

// Messages that come twice and overtake each other change nothing.
func TestDuplicatesAndReordering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Duplicate: 0.5, Delay: oneWay, Jitter: 200 * time.Millisecond}, 1)
		lma := on(t, net, justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		nodes := []dataplane.MAC{}
		for i := range byte(50) {
			nodes = append(nodes, dataplane.MAC{2, 0, 0, 0, 1, i})
			mag.attach("access0", nodes[i])
		}
		pass(20 * time.Minute)
		if len(lma.rows()) != 50 || len(mag.rows()) != 50 {
			t.Errorf("%d and %d bindings of 50 nodes", len(lma.rows()), len(mag.rows()))
		}
		for _, node := range nodes {
			mag.detach("access0", node)
		}
		pass(20 * time.Second)
		same(t, "the anchor after all left", lma.rows(), nil)
		same(t, "the gateway after all left", mag.rows(), nil)
	})
}

// Both roles of one element, at one address, and each finds its own messages and its own sessions.
func TestBothRolesInOneElement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		both := justLMA(anchorConfig("lma1", lma6))
		both.MAGs = justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, lma6)).MAGs
		s := on(t, net, both)
		s.attach("access0", node1)
		pass(time.Second)
		wanted := s.plane.wanted()
		if len(wanted) != 2 {
			t.Fatalf("sessions: %v", wanted)
		}
		for id, session := range wanted {
			if session.ID != id {
				t.Errorf("session %d is called %d", id, session.ID)
			}
		}
		anchors, access := wanted[s.LMA("lma1").Session(1)], wanted[s.MAG("mag1").Session(1)]
		if anchors == nil || anchors.Side != dataplane.Anchor || access == nil || access.Side != dataplane.Access {
			t.Errorf("session 1 of the anchor is %+v, of the gateway %+v", anchors, access)
		}
		s.Installed([]dataplane.Result{{ID: s.LMA("lma1").Session(1)}})
		pass(time.Second)
		same(t, "rows", s.rows(), []string{
			"lma1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:ffff::1, install 1",
			"mag1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:ffff::1, install 0"})
	})
}

// With the reconciler between them, what the anchor wants stands on the host, and the row says so.
func TestSessionReachesTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		kernel, host := fake.New(), net.Host()
		var engine *Engine
		keeper := reconcile.New(kernel, reconcile.Options{Results: func(list []dataplane.Result) { engine.Installed(list) }})
		lma := start(t, host, func(o *Options) { o.Dataplane = keeper })
		t.Cleanup(func() { host.Close() })
		engine = lma.Engine
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { keeper.Run(ctx) })
		t.Cleanup(func() { cancel(); running.Wait() })

		lma.commit(justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag.attach("access0", node1)
		pass(time.Second)
		same(t, "the anchor", lma.rows(), []string{
			"lma1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:1::1, install 1"})
		picture, err := dataplane.Picture(ctx, kernel)
		must(t, err)
		same(t, "the host", strings.Split(strings.TrimSpace(picture), "\n"), []string{
			"route 10.1.0.2/32: ip 2001:db8:ffff::1 > 2001:db8:1::1",
			"route 2001:db8:a::/64: ip 2001:db8:ffff::1 > 2001:db8:1::1",
			"tunnel ip 2001:db8:ffff::1 > 2001:db8:1::1"})
		if status, ok := keeper.Session(lma.LMA("lma1").Session(1)); !ok || status.State != reconcile.Installed {
			t.Errorf("the session is %+v", status)
		}
		mag.detach("access0", node1)
		pass(time.Minute)
		picture, err = dataplane.Picture(ctx, kernel)
		must(t, err)
		if picture != "" {
			t.Errorf("left on the host:\n%s", picture)
		}
	})
}
