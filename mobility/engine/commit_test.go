package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mooring/mobility"
	"mooring/mobility/transport"
)

func TestPrepareRefuses(t *testing.T) {
	net := transport.NewMemory(transport.Conditions{}, 1)
	s := start(t, net.Host(), nil)
	twoMAGs := func(a, b *mobility.MAG) *mobility.Config {
		return &mobility.Config{MAGs: map[string]*mobility.MAG{a.Name: a, b.Name: b}}
	}
	for _, test := range []struct {
		want   string
		config *mobility.Config
	}{
		{"lma a and lma b have the same address " + lma6, &mobility.Config{LMAs: map[string]*mobility.LMA{
			"a": anchorConfig("a", lma6), "b": anchorConfig("b", lma4, lma6)}}},
		{"mag a and mag b have the same address " + mag16, twoMAGs(gatewayConfig("a", nil, nil, mag16), gatewayConfig("b", nil, nil, mag16))},
		{"mag a and mag b have the same access link x", twoMAGs(
			gatewayConfig("a", nil, []string{"x"}, mag16), gatewayConfig("b", nil, []string{"x"}, mag26))},
		{"ff02::1 is no address to listen at", justLMA(anchorConfig("a", "ff02::1"))},
	} {
		_, err := s.Prepare(t.Context(), nil, test.config)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want: %s", err, test.want)
		}
	}
	if len(s.LMAs()) != 0 || len(s.MAGs()) != 0 {
		t.Error("a refused configuration left machines")
	}
}

// Each commit reaches exactly the machines whose configuration changed, and readers keep what they hold.
func TestCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		s := on(t, net, justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag.attach("access0", node1)
		pass(time.Second)
		held := s.LMA("lma1")

		// Prepared and given up: nothing.
		next := anchorConfig("lma1", lma6)
		next.TunnelMTU = 1400
		c, err := s.Prepare(t.Context(), nil, justLMA(next))
		must(t, err)
		c.Abort()
		pass(time.Second)
		if got := s.plane.wanted()[held.Session(1)].MTU; got != 0 {
			t.Errorf("after Abort the MTU is %d", got)
		}

		// Another anchor beside it: it stays as it is.
		both := justLMA(next)
		both.LMAs["lma2"] = anchorConfig("lma2", "2001:db8:ffff::2")
		s.commit(both)
		if got := s.plane.wanted()[held.Session(1)].MTU; got != 1400 {
			t.Errorf("after the commit the MTU is %d", got)
		}
		if s.LMA("lma1").Table != held.Table || s.LMA("lma2") == nil || len(s.LMAs()) != 2 {
			t.Errorf("anchors: %+v", s.LMAs())
		}
		results := len(s.plane.results())
		s.commit(&mobility.Config{LMAs: map[string]*mobility.LMA{"lma1": next, "lma2": both.LMAs["lma2"]}})
		if got := len(s.plane.results()); results == 0 || got != 0 {
			t.Errorf("%d changes of sessions upon a change, %d without one", results, got)
		}

		// The anchor goes, and comes back with nothing.
		s.commit(nil)
		if s.LMA("lma1") != nil || held.Table.Len() != 0 || len(s.plane.wanted()) != 0 {
			t.Errorf("left over: %v, %v", s.rows(), s.plane.wanted())
		}
		if _, err := held.Peers(t.Context()); err != nil {
			t.Error(err)
		}
		s.commit(justLMA(next))
		if s.LMA("lma1").Session(1) == held.Session(1) {
			t.Error("a new machine has the sessions of an old one")
		}
		pass(10 * time.Minute) // the gateway asks again in time
		if len(s.rows()) != 1 {
			t.Errorf("after the return: %v", s.rows())
		}
	})
}

// A gateway moves to another address: it says good-bye from the old one and registers from the new one.
func TestChangeOfAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		lma := on(t, net, justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag.attach("access0", node1)
		pass(time.Second)
		mag.commit(justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag26)))
		pass(time.Minute)
		same(t, "the anchor", lma.rows(), []string{"lma1: 0200000000aa@example.com active [2001:db8:a::/64] 10.1.0.2/16 to 2001:db8:2::1, install 0"})
		if n := lma.LMA("lma1").Statistics.Deregistration.Load(); n != 1 {
			t.Errorf("%d de-registrations, want 1", n)
		}
	})
}
