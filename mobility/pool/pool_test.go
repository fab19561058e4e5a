package pool

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"mooring/mobility"
)

var start = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func ipv4Pool(start string, bits int, router string) mobility.Pool {
	cfg := mobility.Pool{Start: netip.MustParseAddr(start), Bits: bits, Unit: 32}
	if router != "" {
		cfg.Router = netip.MustParseAddr(router)
	}
	return cfg
}

func ipv6Pool(start string, bits int) mobility.Pool {
	return mobility.Pool{Start: netip.MustParseAddr(start), Bits: bits, Unit: 64}
}

func mustNew(t *testing.T, cfg mobility.Pool) *Pool {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func allocate(t *testing.T, p *Pool, want ...string) {
	t.Helper()
	for _, w := range want {
		got, err := p.Allocate(start)
		if err != nil || got != netip.MustParsePrefix(w) {
			t.Fatalf("allocated %v, %v; want %s", got, err, w)
		}
	}
}

// The published example: start 192.168.0.2 with pool-prefix 8 gives 192.168.0.2 first and stays below 193.0.0.0.
func TestLMA20_HomeAddressesRiseFromTheStartAddress(t *testing.T) {
	p := mustNew(t, ipv4Pool("192.168.0.2", 8, "192.0.0.1"))
	allocate(t, p, "192.168.0.2/32", "192.168.0.3/32", "192.168.0.4/32")
	if got, want := p.Usage().Total, uint64(1<<24-(168<<16)-2-1); got != want {
		t.Errorf("total %d, want %d: everything above the start but the broadcast address", got, want)
	}
	if !p.Contains(netip.MustParsePrefix("192.255.255.254/32")) || p.Contains(netip.MustParsePrefix("193.0.0.0/32")) {
		t.Error("the pool does not end with its prefix")
	}
}

func TestLMA20_NetworkBroadcastAndRouterAreNotHandedOut(t *testing.T) {
	p := mustNew(t, ipv4Pool("10.0.0.0", 29, "10.0.0.3"))
	allocate(t, p, "10.0.0.1/32", "10.0.0.2/32", "10.0.0.4/32", "10.0.0.5/32", "10.0.0.6/32")
	if got, err := p.Allocate(start); !errors.Is(err, ErrExhausted) {
		t.Fatalf("allocated %v, %v from an exhausted pool", got, err)
	}
	for _, reserved := range []string{"10.0.0.0/32", "10.0.0.3/32", "10.0.0.7/32"} {
		if err := p.Reserve(netip.MustParsePrefix(reserved)); !errors.Is(err, ErrTaken) {
			t.Errorf("reserving %s: %v", reserved, err)
		}
		p.Release(netip.MustParsePrefix(reserved))
		if got, err := p.Allocate(start); err == nil {
			t.Errorf("releasing %s made %v free", reserved, got)
		}
	}
	p.Release(netip.MustParsePrefix("10.0.0.5/32"))
	if u := p.Usage(); u.Used != 4 || u.HighWater != 5 {
		t.Errorf("usage %+v after a release", u)
	}
	p.LowerMark()
	if u := p.Usage(); u.Used != 4 || u.HighWater != 4 {
		t.Errorf("usage %+v after the mark was lowered", u)
	}
	if err := p.Reserve(netip.MustParsePrefix("10.0.0.5/32")); err != nil {
		t.Fatal(err)
	}
	if u := p.Usage(); u.Total != 5 || u.Used != 5 || u.HighWater != 5 || u.Refused != 4 {
		t.Errorf("usage %+v", u)
	}
}

// OPS-19: a pool says when it was last found empty. Nothing makes it forget that; that a request names a unit which is taken is another thing.
func TestLMA24_LastExhausted(t *testing.T) {
	s, err := NewSet(&mobility.Network{Name: "net1", Pools: []mobility.Pool{ipv6Pool("2001:db8:1::", 64), ipv6Pool("2001:db8:2::", 64)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when string, first, second time.Time) {
		t.Helper()
		if u := s.Usage(); !u[0].Exhausted.Equal(first) || !u[1].Exhausted.Equal(second) {
			t.Errorf("%s: exhausted at %v and %v, want %v and %v", when, u[0].Exhausted, u[1].Exhausted, first, second)
		}
	}
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	s.Prefix(at(1))
	expect("there was one", time.Time{}, time.Time{})
	s.Prefix(at(2))
	expect("there was one in the second pool", at(2), time.Time{})
	s.ReservePrefix(netip.MustParsePrefix("2001:db8:2::/64"))
	expect("a taken one", at(2), time.Time{})
	s.Prefix(at(3))
	expect("there was none", at(3), at(3))
	s.ReleasePrefix(netip.MustParsePrefix("2001:db8:1::/64"))
	s.Prefix(at(4))
	expect("there is one again", at(3), at(3))
}

// The published example: 2002:10::1/62 holds four nodes.
func TestLMA21_HomeNetworkPrefixes(t *testing.T) {
	p := mustNew(t, ipv6Pool("2002:10::1", 62))
	allocate(t, p, "2002:10::/64", "2002:10:0:1::/64", "2002:10:0:2::/64", "2002:10:0:3::/64")
	if _, err := p.Allocate(start); !errors.Is(err, ErrExhausted) {
		t.Fatalf("a fifth prefix: %v", err)
	}
	p.Release(netip.MustParsePrefix("2002:10:0:1::/64"))
	allocate(t, p, "2002:10:0:1::/64")
}

func TestLargePoolsAllocateAndReserveFarApart(t *testing.T) {
	p := mustNew(t, ipv6Pool("2001::", 16))
	if err := p.Reserve(netip.MustParsePrefix("2001:ffff:ffff:ffff::/64")); err != nil {
		t.Fatal(err)
	}
	if err := p.Reserve(netip.MustParsePrefix("2001:0:0:1::/64")); err != nil {
		t.Fatal(err)
	}
	allocate(t, p, "2001::/64", "2001:0:0:2::/64")
	if got, want := p.Usage().Total, uint64(1)<<48; got != want {
		t.Errorf("total %d, want %d", got, want)
	}
}

func TestReserveTellsTakenFromOutside(t *testing.T) {
	p := mustNew(t, ipv6Pool("2001:db8::", 48))
	for unit, want := range map[string]error{
		"2001:db8:1::/64": ErrOutside, // beyond the prefix
		"2001:db8::/56":   ErrOutside, // not a unit
		"10.0.0.1/32":     ErrOutside, // the other family
	} {
		if err := p.Reserve(netip.MustParsePrefix(unit)); !errors.Is(err, want) {
			t.Errorf("reserving %s: %v, want %v", unit, err, want)
		}
	}
	allocate(t, p, "2001:db8::/64")
	if err := p.Reserve(netip.MustParsePrefix("2001:db8::/64")); !errors.Is(err, ErrTaken) {
		t.Errorf("reserving what is allocated: %v", err)
	}
	p.Release(netip.MustParsePrefix("2001:db8:0:9::/64")) // never taken
	if u := p.Usage(); u.Used != 1 {
		t.Errorf("used %d after releasing a free unit", u.Used)
	}
}

func TestNewRefusesNonsense(t *testing.T) {
	for _, cfg := range []mobility.Pool{
		{},
		{Start: netip.MustParseAddr("10.0.0.1"), Bits: 33, Unit: 32},
		{Start: netip.MustParseAddr("10.0.0.1"), Bits: 24, Unit: 16},
		{Start: netip.MustParseAddr("2001::"), Bits: 48, Unit: 129},
		{Start: netip.MustParseAddr("2001::"), Bits: 0, Unit: 64},
	} {
		if p, err := New(cfg); err == nil {
			t.Errorf("%+v made %+v", cfg, p.Usage())
		}
	}
}

// TestLMA24_Churn compares a pool with the simplest thing that could be right: a set of numbers.
func TestLMA24_Churn(t *testing.T) {
	for _, cfg := range []mobility.Pool{
		ipv4Pool("10.1.2.3", 22, "10.1.0.1"),
		ipv4Pool("10.9.0.0", 28, ""),
		ipv6Pool("2001:db8:0:37::", 51),
	} {
		t.Run(cfg.Start.String(), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, uint64(cfg.Bits)))
			p, taken := mustNew(t, cfg), map[netip.Prefix]bool{}
			universe := units(cfg)
			for range 20000 {
				unit := universe[rnd.IntN(len(universe))]
				switch rnd.IntN(5) {
				case 0, 1:
					want, free := lowestFree(universe, taken)
					got, err := p.Allocate(start)
					if free != (err == nil) || got != want {
						t.Fatalf("allocated %v, %v; the model says %v, %v", got, err, want, free)
					}
					if free {
						taken[got] = true
					}
				case 2:
					if err := p.Reserve(unit); (err == nil) == taken[unit] {
						t.Fatalf("reserve %v: %v; the model says taken=%v", unit, err, taken[unit])
					}
					taken[unit] = true
				default:
					p.Release(unit)
					delete(taken, unit)
				}
				if u := p.Usage(); u.Used != uint64(len(taken)) || u.Total != uint64(len(universe)) {
					t.Fatalf("usage %+v; the model says %d of %d", u, len(taken), len(universe))
				}
			}
		})
	}
}

// units lists what a pool can give out, by counting addresses.
func units(cfg mobility.Pool) (out []netip.Prefix) {
	whole := netip.PrefixFrom(cfg.Start, cfg.Bits).Masked()
	first := netip.PrefixFrom(cfg.Start, cfg.Unit).Masked()
	for unit := first; whole.Contains(unit.Addr()); unit = after(unit) {
		if cfg.Unit == 32 && (unit.Addr() == whole.Addr() || unit.Addr() == cfg.Router || !whole.Contains(unit.Addr().Next())) {
			continue
		}
		out = append(out, unit)
	}
	return out
}

func after(unit netip.Prefix) netip.Prefix {
	octets := unit.Addr().AsSlice()
	for i := unit.Bits()/8 - 1; i >= 0; i-- {
		if octets[i]++; octets[i] != 0 {
			break
		}
	}
	a, _ := netip.AddrFromSlice(octets)
	return netip.PrefixFrom(a, unit.Bits())
}

func lowestFree(universe []netip.Prefix, taken map[netip.Prefix]bool) (netip.Prefix, bool) {
	for _, unit := range universe {
		if !taken[unit] {
			return unit, true
		}
	}
	return netip.Prefix{}, false
}

// NETP-04: the pools of a network are used in the order of their start addresses, each until it is full.
func TestSetCrossesPools(t *testing.T) {
	s, err := NewSet(&mobility.Network{Name: "net1", Pools: []mobility.Pool{
		ipv6Pool("2001:db8:2::", 63), ipv4Pool("10.2.0.1", 30, "10.2.0.2"), ipv6Pool("2001:db8:1::", 64), ipv4Pool("10.1.0.2", 30, "10.1.0.1"),
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2001:db8:1::/64", "2001:db8:2::/64", "2001:db8:2:1::/64"} {
		if got, err := s.Prefix(start); err != nil || got != netip.MustParsePrefix(want) {
			t.Fatalf("prefix %v, %v; want %s", got, err, want)
		}
	}
	if _, err := s.Prefix(start); !errors.Is(err, ErrExhausted) {
		t.Fatalf("a fourth prefix: %v", err)
	}
	for _, want := range []struct{ home, router string }{{"10.1.0.2/30", "10.1.0.1"}, {"10.2.0.1/30", "10.2.0.2"}} {
		home, router, err := s.HomeAddress(start)
		if err != nil || home != netip.MustParsePrefix(want.home) || router != netip.MustParseAddr(want.router) {
			t.Fatalf("home address %v behind %v, %v; want %v", home, router, err, want)
		}
	}
	s.ReleaseHome(netip.MustParseAddr("10.1.0.2"))
	if _, _, err := s.ReserveHome(netip.MustParsePrefix("10.2.0.1/32")); !errors.Is(err, ErrTaken) {
		t.Errorf("reserving a taken home address: %v", err)
	}
	if home, _, err := s.ReserveHome(netip.MustParsePrefix("10.1.0.2/8")); err != nil || home.Bits() != 30 {
		t.Errorf("reserving a released home address: %v, %v", home, err)
	}
	if err := s.ReservePrefix(netip.MustParsePrefix("2001:db8:9::/64")); !errors.Is(err, ErrOutside) {
		t.Errorf("reserving a foreign prefix: %v", err)
	}
	s.ReleasePrefix(netip.MustParsePrefix("2001:db8:2::/64"))
	if err := s.ReservePrefix(netip.MustParsePrefix("2001:db8:2::/64")); err != nil {
		t.Errorf("reserving a released prefix: %v", err)
	}
	if got := len(s.Usage()); got != 4 {
		t.Errorf("%d usages", got)
	}
}

// A network gives mobile networks from pools of their own, the next one when one is full.
func TestNETP04_MobileNetworksCrossPools(t *testing.T) {
	s, err := NewSet(&mobility.Network{Name: "n", Pools: []mobility.Pool{
		{Start: netip.MustParseAddr("20.20.21.1"), Bits: 24, Unit: 25, Mobile: true},
		{Start: netip.MustParseAddr("20.20.20.1"), Bits: 24, Unit: 28, Mobile: true},
		{Start: netip.MustParseAddr("2002:20:0:1::1"), Bits: 40, Unit: 64, Mobile: true},
		{Start: netip.MustParseAddr("10.0.0.0"), Bits: 30, Unit: 32},
		{Start: netip.MustParseAddr("2001:db8::"), Bits: 64, Unit: 64},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1, 0)
	for i := range 18 {
		want := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 20, 20, byte(i * 16)}), 28)
		if i >= 16 {
			want = netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 20, 21, byte((i - 16) * 128)}), 25)
		}
		if got, err := s.Network(now, true); got != want || err != nil {
			t.Errorf("network %d is %v, %v; want %v", i, got, err, want)
		}
	}
	if _, err := s.Network(now, true); err != ErrExhausted {
		t.Errorf("beyond the last network: %v", err)
	}
	if got, err := s.Network(now, false); got.String() != "2002:20:0:1::/64" || err != nil {
		t.Errorf("the first IPv6 network is %v, %v", got, err)
	}
	// Neither kind of pool gives what is the other's.
	prefix, network := netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("20.20.20.0/28")
	if err := s.ReserveNetwork(prefix); err != ErrOutside {
		t.Errorf("a home network prefix as mobile network: %v", err)
	}
	if err := s.ReservePrefix(netip.MustParsePrefix("2002:20:0:2::/64")); err != ErrOutside {
		t.Errorf("a mobile network as home network prefix: %v", err)
	}
	if err := s.ReserveNetwork(network); err != ErrTaken {
		t.Errorf("a network twice: %v", err)
	}
	s.ReleasePrefix(network)
	if err := s.ReserveNetwork(network); err != ErrTaken {
		t.Errorf("given back as what it is not: %v", err)
	}
	s.ReleaseNetwork(network)
	if err := s.ReserveNetwork(network); err != nil {
		t.Errorf("given back: %v", err)
	}
}

func BenchmarkAllocateMillion(b *testing.B) {
	for b.Loop() {
		p, err := New(ipv6Pool("2001:db8::", 32))
		if err != nil {
			b.Fatal(err)
		}
		for range 1_000_000 {
			if _, err := p.Allocate(start); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/allocation")
}

// A pool begins within its prefix: with the unit that holds the start address, be that a boundary or not, and ends with the prefix.
func TestINC13_StartsWithinPrefixes(t *testing.T) {
	hosts := mustNew(t, ipv4Pool("192.168.0.2", 8, ""))
	allocate(t, hosts, "192.168.0.2/32", "192.168.0.3/32")
	if hosts.Contains(netip.MustParsePrefix("192.168.0.1/32")) || !hosts.Contains(netip.MustParsePrefix("192.255.255.254/32")) {
		t.Error("the pool is not [start, end of the prefix]")
	}
	networks := mustNew(t, mobility.Pool{Start: netip.MustParseAddr("20.20.20.1"), Bits: 24, Unit: 28, Mobile: true})
	allocate(t, networks, "20.20.20.0/28", "20.20.20.16/28")
	if got := networks.Usage().Total; got != 16 {
		t.Errorf("%d networks, want 16", got)
	}
	later := mustNew(t, mobility.Pool{Start: netip.MustParseAddr("20.20.20.17"), Bits: 24, Unit: 28, Mobile: true})
	allocate(t, later, "20.20.20.16/28")
	if got := later.Usage().Total; got != 15 {
		t.Errorf("%d networks, want those from the second on", got)
	}
}

// OPS-19: more than nine tenths is told once, until no more than four fifths are in use; a refusal for want of room once a minute for each pool, and
// not where the next pool has room.
func TestOPS19_Alarms(t *testing.T) {
	s, err := NewSet(&mobility.Network{Name: "n", Pools: []mobility.Pool{ipv6Pool("2001:db8:0::", 60), ipv6Pool("2001:db8:1::", 60)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := start
	expect := func(what string, want ...Alarm) {
		t.Helper()
		got := s.Alarms()
		if len(got) != len(want) {
			t.Errorf("%s: %+v", what, got)
			return
		}
		for i, a := range got {
			if want[i].Pool = a.Pool; a != want[i] {
				t.Errorf("%s: %+v, want %+v", what, a, want[i])
			}
		}
	}
	take := func(n int) {
		for range n {
			s.Prefix(now)
		}
	}
	high := Alarm{Used: 15, Total: 16}
	take(14)
	expect("14 of 16")
	take(1)
	expect("15 of 16", high)
	take(2) // the second from the next pool
	expect("one pool is empty, the other is not")
	take(14)
	expect("the other one is high", high)
	s.ReleasePrefix(netip.MustParsePrefix("2001:db8:1::/64"))
	take(1)
	expect("no other time")
	for i := range 3 {
		s.ReleasePrefix(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 0, 1, 0, byte(i)}), 64))
	}
	take(3)
	expect("again from 12 of 16", high)
	take(1)
	expect("15 and one more")
	take(2)
	expect("both are empty", Alarm{Used: 16, Total: 16, Exhausted: true}, Alarm{Used: 16, Total: 16, Exhausted: true})
	now = now.Add(time.Minute)
	take(1)
	expect("a minute later", Alarm{Used: 16, Total: 16, Exhausted: true}, Alarm{Used: 16, Total: 16, Exhausted: true})
}

// NETP-05: two networks draw from one pool, which has several ranges, when their own are full. What one has the other does not get; every address of a
// range is given out, with the length of the subnet that was said.
func TestNETP05_SharedPools(t *testing.T) {
	ranged := func(start, end string, unit int) mobility.Pool {
		p := mobility.Pool{Start: netip.MustParseAddr(start), End: netip.MustParseAddr(end), Unit: unit, Shared: "v4pool", Router: netip.MustParseAddr("10.0.0.254")}
		if p.Start.Is4() {
			p.Bits, p.Subnet = 28, 24
		} else {
			p.Bits = 60
		}
		return p
	}
	shared := Shared{}
	set := func(pools ...mobility.Pool) *Set {
		s, err := NewSet(&mobility.Network{Name: "n", Pools: append(pools, ranged("10.0.0.8", "10.0.0.8", 32), ranged("10.0.0.0", "10.0.0.2", 32),
			ranged("2001:db8::f", "2001:db8:0:1:ffff::", 64))}, shared)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, other := set(ipv4Pool("10.9.0.1", 30, "10.9.0.2")), set()
	for _, c := range []struct {
		from *Set
		want string
	}{{one, "10.9.0.1/30"}, {one, "10.0.0.0/24"}, {other, "10.0.0.1/24"}, {one, "10.0.0.2/24"}, {other, "10.0.0.8/24"}} {
		if home, _, err := c.from.HomeAddress(start); err != nil || home.String() != c.want {
			t.Errorf("home address %v, %v; want %s", home, err, c.want)
		}
	}
	for _, s := range []*Set{one, other} {
		if _, _, err := s.HomeAddress(start); !errors.Is(err, ErrExhausted) {
			t.Errorf("one more home address: %v", err)
		}
	}
	if _, _, err := other.ReserveHome(netip.MustParsePrefix("10.0.0.2/32")); !errors.Is(err, ErrTaken) {
		t.Errorf("what the other has: %v", err)
	}
	if _, _, err := other.ReserveHome(netip.MustParsePrefix("10.0.0.3/32")); !errors.Is(err, ErrOutside) {
		t.Errorf("what is between the ranges: %v", err)
	}
	one.ReleaseHome(netip.MustParseAddr("10.0.0.2"))
	if home, router, err := other.HomeAddress(start); err != nil || home.String() != "10.0.0.2/24" || router.String() != "10.0.0.254" {
		t.Errorf("what the other gave back: %v behind %v, %v", home, router, err)
	}
	for _, want := range []string{"2001:db8::/64", "2001:db8:0:1::/64"} {
		if p, err := one.Prefix(start); err != nil || p.String() != want {
			t.Errorf("prefix %v, %v; want %s", p, err, want)
		}
	}
	if _, err := other.Prefix(start); !errors.Is(err, ErrExhausted) {
		t.Errorf("one more prefix: %v", err)
	}
	for _, bad := range []mobility.Pool{ranged("10.0.0.2", "10.0.0.1", 32), ranged("10.0.0.2", "10.0.1.1", 32), ranged("2001:db8::", "2001:db8::", 48)} {
		if _, err := New(bad); err == nil {
			t.Errorf("%+v is a pool", bad)
		}
	}
}
