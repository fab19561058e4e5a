package engine

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/transport"
)

// world is a domain of one anchor and several gateways in bad weather, whose nodes move about. It knows where each node is.
type world struct {
	t    *testing.T
	rnd  *rand.Rand
	net  *transport.Memory
	lma  *station
	mags []*station
	at   map[dataplane.MAC]stand // absent: nowhere
	gone []departure             // that no gateway has noticed yet

	anchor   *mobility.LMA
	gateways []*mobility.MAG
}

// stand is where a node is.
type stand struct {
	mag  int
	link string
}

type departure struct {
	node    dataplane.MAC
	from    stand
	noticed time.Time
}

var (
	badWeather  = transport.Conditions{Loss: 0.2, Duplicate: 0.2, Delay: time.Millisecond, Jitter: 250 * time.Millisecond}
	fairWeather = transport.Conditions{Delay: time.Millisecond}
	links       = []string{"access0", "access1"}
)

// TestNodesAtRandom lets nodes come, move and go at random while messages are lost, doubled and overtake each other, and the configuration
// changes under way. When it has calmed down, each node that is somewhere has one binding, and whoever is asked says the same of it.
func TestNodesAtRandom(t *testing.T) {
	var handovers uint64
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, seed)
				for range 3 {
					w.net.Change(badWeather)
					for range 150 {
						w.act()
						pass(time.Duration(w.rnd.IntN(2000)) * time.Millisecond)
						w.notice(time.Now())
						w.checkAlways()
					}
					w.net.Change(fairWeather)
					w.notice(time.Now().Add(time.Hour))
					pass(4 * time.Minute) // longer than any lifetime
					w.checkCalm()
				}
				stats := w.lma.LMA("lma1").Statistics
				handovers += stats.Handover.Load()
				if stats.Initial.Load() < 10 || stats.Deregistration.Load() < 10 {
					t.Errorf("a dull history: %d new, %d ended", stats.Initial.Load(), stats.Deregistration.Load())
				}
			})
		})
	}
	if handovers < 50 {
		t.Errorf("a dull history: %d handovers", handovers)
	}
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), net: transport.NewMemory(fairWeather, seed), at: map[dataplane.MAC]stand{}}
	w.anchor = anchorConfig("lma1", lma6, lma4)
	w.lma = on(t, w.net, justLMA(w.anchor))
	for i, address := range []string{mag16, mag26, "192.0.2.3"} {
		anchor := lma6
		if netip.MustParseAddr(address).Is4() {
			anchor = lma4
		}
		config := gatewayConfig(fmt.Sprintf("mag%d", i+1), []string{anchor}, links, address)
		config.Refresh = 20 * time.Second
		w.gateways = append(w.gateways, config)
		w.mags = append(w.mags, on(t, w.net, justMAG(config)))
	}
	return w
}

// act lets one thing happen.
func (w *world) act() {
	node := dataplane.MAC{2, 0, 0, 0, 2, byte(w.rnd.IntN(12))}
	switch dice := w.rnd.IntN(20); {
	case dice == 0:
		w.configureAnchor()
	case dice == 1:
		w.configureGateway(w.rnd.IntN(len(w.mags)))
	case dice == 2:
		w.lma.install()
	case dice < 6:
		w.leave(node)
	default:
		w.move(node, stand{w.rnd.IntN(len(w.mags)), links[w.rnd.IntN(len(links))]})
	}
}

// move takes a node to another place. Where it was it is missed at once, or some seconds later.
func (w *world) move(node dataplane.MAC, to stand) {
	from, was := w.at[node]
	if was && from == to {
		w.mags[to.mag].attach(to.link, node) // it shows itself again
		return
	}
	w.at[node] = to
	if !was {
		w.mags[to.mag].attach(to.link, node)
		return
	}
	if w.rnd.IntN(2) == 0 {
		w.mags[from.mag].detach(from.link, node)
	} else {
		w.gone = append(w.gone, departure{node, from, time.Now().Add(time.Duration(w.rnd.IntN(3000)) * time.Millisecond)})
	}
	w.mags[to.mag].attach(to.link, node)
}

// notice lets gateways miss the nodes that have gone, unless they are back.
func (w *world) notice(until time.Time) {
	w.gone = slices.DeleteFunc(w.gone, func(d departure) bool {
		due := !d.noticed.After(until)
		if due && w.at[d.node] != d.from {
			w.mags[d.from.mag].detach(d.from.link, d.node)
		}
		return due
	})
}

func (w *world) leave(node dataplane.MAC) {
	if from, was := w.at[node]; was {
		delete(w.at, node)
		w.mags[from.mag].detach(from.link, node)
	}
}

func (w *world) configureAnchor() {
	next := *w.anchor
	next.Lifetime = time.Duration(40+w.rnd.IntN(100)) * time.Second
	next.TunnelMTU = 1300 + w.rnd.IntN(100)
	w.anchor = &next
	config := justLMA(&next)
	if w.rnd.IntN(2) == 0 {
		config.LMAs["lma2"] = anchorConfig("lma2", "2001:db8:ffff::2") // comes and goes, and has nobody
	}
	w.lma.commit(config)
}

func (w *world) configureGateway(i int) {
	next := *w.gateways[i]
	next.Lifetime = time.Duration(40+w.rnd.IntN(100)) * time.Second
	next.TunnelMTU = 1300 + w.rnd.IntN(100)
	w.gateways[i] = &next
	w.mags[i].commit(justMAG(&next))
}

// checkAlways holds at any time: nothing is given to two nodes.
func (w *world) checkAlways() {
	w.t.Helper()
	holder := map[netip.Prefix]mobility.NodeID{}
	for b := range w.lma.LMA("lma1").Table.All() {
		for _, p := range append(slices.Clone(b.Prefixes), b.Home.Prefix()) {
			if other, taken := holder[p]; taken && p.IsValid() {
				w.t.Fatalf("%v is held by %v and by %v", p, other, b.Node)
			}
			holder[p] = b.Node
		}
	}
}

// checkCalm holds when everybody had time.
func (w *world) checkCalm() {
	w.t.Helper()
	bindings := map[mobility.NodeID][]*mobility.Binding{}
	for b := range w.lma.LMA("lma1").Table.All() {
		bindings[b.Node] = append(bindings[b.Node], b)
	}
	if len(bindings) != len(w.at) {
		w.t.Errorf("%d nodes have bindings, and %d are there", len(bindings), len(w.at))
	}
	present := make([]int, len(w.mags))
	for node, at := range w.at {
		present[at.mag]++
		name := mobility.NAI(fmt.Sprintf("%x@example.com", node[:]))
		rows := bindings[name]
		if len(rows) != 1 {
			w.t.Errorf("%v at %v has %d bindings", name, at, len(rows))
			continue
		}
		w.checkNode(node, at, rows[0])
	}
	for i, s := range w.mags {
		if rows, sessions := s.rows(), s.plane.wanted(); len(rows) != present[i] || len(sessions) != present[i] {
			w.t.Errorf("mag%d has %d nodes, %d rows and %d sessions:\n%q", i+1, present[i], len(rows), len(sessions), rows)
		}
	}
	if sessions := w.lma.plane.wanted(); len(sessions) != len(w.at) {
		w.t.Errorf("the anchor has %d nodes and %d sessions", len(w.at), len(sessions))
	}
	w.checkOffers()
}

// checkNode compares what anchor, gateway and node think of a binding.
func (w *world) checkNode(node dataplane.MAC, at stand, b *mobility.Binding) {
	w.t.Helper()
	if b.State != mobility.StateActive || b.Ends.Value().Remote.Addr() != w.gateways[at.mag].Addresses[0] {
		w.t.Errorf("%v is at %v, and the anchor has %v", b.Node, at, row("lma1", b))
	}
	offer := w.mags[at.mag].grants[place{at.link, node}]
	if !slices.Equal(offer.Prefixes, b.Prefixes) || offer.Home != b.Home.Prefix() || len(b.Prefixes) != 1 || !b.Home.IsValid() {
		w.t.Errorf("%v is offered %v %v, and the anchor has %v", b.Node, offer.Prefixes, offer.Home, row("lma1", b))
	}
	session := w.lma.plane.wanted()[w.lma.LMA("lma1").Session(b.ID)]
	if session == nil || session.Blocked || session.Path != b.Path() {
		w.t.Errorf("%v: the anchor's session is %+v", b.Node, session)
	}
}

// checkOffers looks for nodes that are offered addresses where they are not.
func (w *world) checkOffers() {
	w.t.Helper()
	for i, s := range w.mags {
		for p, offer := range s.grants {
			if len(offer.Prefixes) > 0 && w.at[p.mac] != (stand{i, p.link}) {
				w.t.Errorf("%v is offered %v on %s of mag%d, and is at %v", p.mac, offer.Prefixes, p.link, i+1, w.at[p.mac])
			}
		}
	}
}
