package lma

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// besieged is an anchor behind a host that screens as it is told to, while somebody sends what is not authentic and its MAGs go on.
type besieged struct {
	*refresher
	t       *testing.T
	rnd     *rand.Rand
	forged  []byte
	screen  *mobility.Screen
	events  []mobility.EventKind // of floods
	took    int                  // forged requests that were not kept away
	refused int                  // requests of MAGs that were not answered well
}

func besiege(t *testing.T, mags int) *besieged {
	b := &besieged{refresher: newRefresherOf(t, mags, mags), t: t, rnd: rand.New(rand.NewPCG(7, 8))}
	b.use("another secret")
	b.forged = bytes.Clone(b.encode(t, 0, wire.HandoffUnknown))
	b.use("secret")
	return b
}

// forger returns an address to send from.
type forger func() netip.Addr

// strangers have very many addresses.
func (b *besieged) strangers() netip.Addr {
	a := [16]byte{0x20, 1, 0xd, 0xb8, 0xba, 0xd0}
	binary.BigEndian.PutUint64(a[8:], b.rnd.Uint64())
	return netip.AddrFrom16(a)
}

// pass lets time pass, in which so many forged messages a second are sent, and each MAG has its node refreshed a hundred times a second.
func (b *besieged) pass(length time.Duration, from forger, rate int) {
	b.t.Helper()
	const step = 10 * time.Millisecond
	for range length / step {
		b.now = b.now.Add(step)
		if at, ok := b.Deadline(); ok && !b.now.Before(at) {
			b.out.Reset()
			b.Advance(b.now, &b.out)
			b.obey()
		}
		for range rate * int(step) / int(time.Second) {
			if b.arrives(from(), b.forged) {
				b.took++
			}
		}
		for node := range b.given {
			if !b.asks(node) {
				b.refused++
			}
		}
	}
}

// asks has the MAG of a node refresh it, and reports whether that was answered.
func (b *besieged) asks(node int) bool {
	request := bytes.Clone(b.encode(b.t, node, wire.HandoffUnchanged))
	if !b.arrives(b.mag, request) || len(b.out.Send) != 1 {
		return false
	}
	m, err := b.answer.Decode(b.out.Send[0].Octets)
	ack, ok := m.(*wire.BindingAck)
	return err == nil && ok && ack.Status.Accepted()
}

// arrives is that a message comes to the host. It reports whether the anchor gets it.
func (b *besieged) arrives(from netip.Addr, octets []byte) bool {
	b.out.Reset()
	if share := b.screen.Share(from); share < 1 && b.rnd.Float64() >= share {
		return false
	}
	b.in = mobility.Inbound{From: mobility.Endpoint{Addr: netip.AddrPortFrom(from, 0)}, To: b.to, Octets: octets}
	b.in.Message, b.in.Err = b.decoder.Decode(octets)
	b.Receive(b.now, &b.in, &b.out)
	b.obey()
	return true
}

func (b *besieged) obey() {
	for _, s := range b.out.Screens {
		switch {
		case s.At == (mobility.VRFAddr{Addr: b.to.Addr.Addr()}):
			b.screen = s.Screen
		case s.At.VRF != "" || !slices.Contains(b.cfg.Addresses, s.At.Addr) && len(b.cfg.Addresses) > 0:
			b.t.Errorf("a screen at %v", s.At)
		}
	}
	for _, ev := range b.out.Events {
		if ev.Kind == mobility.FloodBegun || ev.Kind == mobility.FloodEnded {
			b.events = append(b.events, ev.Kind)
		}
	}
}

func (b *besieged) expect(what string, events ...mobility.EventKind) {
	b.t.Helper()
	if !slices.Equal(b.events, events) {
		b.t.Errorf("%s: %v, want %v", what, b.events, events)
	}
	if up := len(events)%2 == 1; (b.screen != nil) != up {
		b.t.Errorf("%s: a screen is up: %t, want %t", what, b.screen != nil, up)
	}
	if b.refused > 0 {
		b.t.Errorf("%s: %d requests of MAGs are not answered", what, b.refused)
	}
}

// Of what strangers flood an anchor with it looks at some, and goes on to answer each request of its MAGs. When the flood is over, everything is looked at again.
func TestFloodIsScreened(t *testing.T) {
	b := besiege(t, 3)
	b.pass(2*time.Second, b.strangers, strangersPerSecond*8/10)
	b.expect("few messages")
	b.took = 0
	b.pass(time.Second, b.strangers, 8*strangersPerSecond)
	b.expect("the flood has begun", mobility.FloodBegun)
	if b.took > 4*strangersPerSecond {
		t.Errorf("in the first second of a flood %d messages are looked at, more than four times as many as may be", b.took)
	}
	b.took = 0
	b.pass(3*time.Second, b.strangers, 8*strangersPerSecond)
	if perSecond := b.took / 3; perSecond < strangersPerSecond/2 || perSecond > 3*strangersPerSecond/2 {
		t.Errorf("during a flood %d messages a second are looked at, want about %d", perSecond, strangersPerSecond)
	}
	b.pass(calmWindows/2*time.Second, b.strangers, 0)
	b.expect("it pauses", mobility.FloodBegun)
	b.pass(2*time.Second, b.strangers, 8*strangersPerSecond)
	b.pass(calmWindows/2*time.Second, b.strangers, 0)
	b.expect("it pauses again", mobility.FloodBegun)
	b.pass((calmWindows+2)*time.Second, b.strangers, strangersPerSecond/10)
	b.expect("it is over", mobility.FloodBegun, mobility.FloodEnded)
	b.pass(2*time.Second, b.strangers, 0)
	if at, ok := b.floods.Get(); ok {
		t.Errorf("there is something to judge at %v, long after a flood", at)
	}
	if n := b.stats.Dropped[mobility.DropUnauthenticated].Load() + b.stats.PBASent.Load(wire.StatusAuthFail); n == 0 {
		t.Error("what is looked at in vain is not counted")
	}
}

// A MAG that was not there before gets in by asking again, and then passes in full.
func TestNewMAGGetsInDuringAFlood(t *testing.T) {
	b := besiege(t, 2)
	fresh := netip.MustParseAddr("2001:db8:2::1")
	b.pass(3*time.Second, b.strangers, 8*strangersPerSecond)
	if share := b.screen.Share(fresh); share > 0.25 {
		t.Fatalf("%v of the messages of a new MAG pass", share)
	}
	b.mags = append(b.mags, fresh)
	node, tries := len(b.mags)-1, 0
	b.cfg.MaxBindings++
	for met := false; !met; tries++ {
		if tries == 1000 {
			t.Fatal("a new MAG does not get in")
		}
		b.pass(100*time.Millisecond, b.strangers, 8*strangersPerSecond)
		met = b.arrives(fresh, bytes.Clone(b.encode(t, node, wire.HandoffUnknown)))
	}
	m, err := b.answer.Decode(b.out.Send[0].Octets)
	ack, ok := m.(*wire.BindingAck)
	if err != nil || !ok || !ack.Status.Accepted() {
		t.Fatalf("a new MAG is answered %v, %v", m, err)
	}
	its := given{ack.HNPs[0].Prefix, ack.IPv4HoAReply.Value.Prefix}
	b.pass(2*floodWindow, b.strangers, 8*strangersPerSecond)
	b.given = append(b.given, its) // now it refreshes, too
	b.pass(time.Second, b.strangers, 8*strangersPerSecond)
	b.expect("a new MAG goes on", mobility.FloodBegun)
	t.Logf("it got in at the %d. try", tries)
}

// Who forges the address of a MAG harms that one alone: its messages and the forged ones pass in part, those of the others as they did.
func TestFloodInTheNameOfAMAG(t *testing.T) {
	b := besiege(t, 3)
	victim := b.mags[1]
	b.given = b.given[:1] // of nodes that are refreshed: that of the victim is not
	b.pass(3*time.Second, func() netip.Addr { return victim }, 8*knownPerSecond)
	b.expect("the flood has begun", mobility.FloodBegun)
	if share := b.screen.Share(victim); share < 0.06 || share > 0.25 {
		t.Errorf("%v of what the victim sends passes, want about an eighth", share)
	}
	for _, other := range []netip.Addr{b.mags[0], b.mags[2], b.strangers()} {
		if share := b.screen.Share(other); share != 1 {
			t.Errorf("%v of what %v sends passes", share, other)
		}
	}
	b.took = 0
	b.pass(2*time.Second, func() netip.Addr { return victim }, 8*knownPerSecond)
	if perSecond := b.took / 2; perSecond > 3*knownPerSecond/2 {
		t.Errorf("%d messages a second are looked at, want about %d", perSecond, knownPerSecond)
	}
	b.pass((calmWindows+2)*time.Second, b.strangers, 0)
	b.expect("it is over", mobility.FloodBegun, mobility.FloodEnded)
}

// A configured MAG passes before it has said anything; one that is not configured any more, and has no binding, does not. A change of the configuration takes the
// screen away, and a flood puts it up again.
func TestScreenFollowsTheConfiguration(t *testing.T) {
	b := besiege(t, 1)
	silent := netip.MustParseAddr("2001:db8:3::1")
	configure := func(change func(*mobility.LMA)) {
		cfg := *b.cfg
		change(&cfg)
		b.out.Reset()
		b.Reconfigure(b.now, &cfg, &b.out)
		b.obey()
	}
	configure(func(cfg *mobility.LMA) {
		cfg.Peers = cfg.Peers.With("silent", &mobility.Peer{Name: "silent", Addresses: []netip.Addr{silent}}, nil)
	})
	b.pass(2*time.Second, b.strangers, 8*strangersPerSecond)
	if share := b.screen.Share(silent); share != 1 {
		t.Errorf("%v of what a configured MAG sends passes", share)
	}
	configure(func(cfg *mobility.LMA) { cfg.Peers = cfg.Peers.Without("silent") })
	b.expect("it is configured anew", mobility.FloodBegun, mobility.FloodEnded)
	b.pass(2*time.Second, b.strangers, 8*strangersPerSecond)
	b.expect("the flood goes on", mobility.FloodBegun, mobility.FloodEnded, mobility.FloodBegun)
	if share := b.screen.Share(silent); share > 0.5 {
		t.Errorf("%v of what a stranger sends passes", share)
	}
	b.out.Reset()
	b.Close(b.now, &b.out)
	b.obey()
	b.expect("the anchor is closed", mobility.FloodBegun, mobility.FloodEnded, mobility.FloodBegun, mobility.FloodEnded)
}

// A flood of one customer is screened at the addresses of that one: strangers may become MAGs of the others.
func TestFloodOfACustomer(t *testing.T) {
	red, blue := &mobility.Customer{Name: "red", VRF: "red"}, &mobility.Customer{Name: "blue", VRF: "blue"}
	at := netip.MustParseAddr("2001:db8::1")
	for _, c := range []*mobility.Customer{red, blue} {
		c.Transports = []mobility.VRFAddr{{VRF: c.Name, Addr: at}}
	}
	b := besiege(t, 1)
	cfg := *b.cfg
	configured := netip.MustParseAddr("2001:db8:3::1")
	cfg.Customers = map[string]*mobility.Customer{"red": red, "blue": blue}
	cfg.Peers = cfg.Peers.With("one", &mobility.Peer{Name: "one", Addresses: []netip.Addr{configured}}, nil)
	b.Reconfigure(b.now, &cfg, &b.out)
	var screened []mobility.Screening
	for range 2 * strangersPerSecond {
		b.out.Reset()
		b.in = mobility.Inbound{From: mobility.Endpoint{VRF: "red", Addr: netip.AddrPortFrom(b.strangers(), 0)}, To: mobility.Endpoint{VRF: "red", Addr: netip.AddrPortFrom(at, 0)}, Octets: b.forged}
		b.in.Message, b.in.Err = b.decoder.Decode(b.forged)
		b.Receive(b.now, &b.in, &b.out)
		screened = append(screened, b.out.Screens...)
	}
	if len(screened) != 1 || screened[0].At != (mobility.VRFAddr{VRF: "red", Addr: at}) || screened[0].Screen == nil {
		t.Fatalf("screened is %v", screened)
	}
	if share := screened[0].Screen.Share(configured); share != 1 {
		t.Errorf("%v of what a configured MAG sends passes, in whatever VRF it is", share)
	}
	if share := screened[0].Screen.Share(b.mags[0]); share == 1 {
		t.Error("a MAG of the anchor itself passes in the VRF of a customer, where it may be anybody")
	}
}

func TestFairRate(t *testing.T) {
	for _, c := range []struct {
		rates []float64
		want  float64
	}{
		{nil, math.Inf(1)}, {[]float64{5}, math.Inf(1)}, {[]float64{5, 5}, math.Inf(1)}, {[]float64{20}, 10}, {[]float64{1, 20}, 9},
		{[]float64{20, 1, 30}, 4.5}, {[]float64{8, 8, 8, 8}, 2.5}, {[]float64{0, 0, 11}, 10},
	} {
		rates := map[netip.Prefix]float64{}
		for i, rate := range c.rates {
			rates[netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)] = rate
		}
		if got := fairRate(rates, 10); got != c.want {
			t.Errorf("%v: each may have %v, want %v", c.rates, got, c.want)
		}
	}
}
