package lma

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/trie"
)

// TestPeerEdits changes the configured MAGs at random while they speak: after each change the anchor has the MAGs that an anchor has
// that begins with the configuration, those with bindings besides, and of each what was known of it.
func TestPeerEdits(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			kept, left := 0, 0
			for range 600 {
				for range w.rnd.IntN(6) {
					w.step()
				}
				w.now = w.now.Add(time.Millisecond)
				before := w.known()
				var out mobility.Effects
				w.Reconfigure(w.now, w.edited(), &out)
				w.install(&out)
				w.check()
				want, stayed, learned := w.rebuilt(before)
				w.compare(want, before)
				kept, left = kept+stayed, left+learned
			}
			if kept < 200 || left < 20 {
				t.Errorf("the history is dull: %d MAGs stayed, %d went and left bindings", kept, left)
			}
		})
	}
}

// edited is the configuration with a few MAGs, and now and then the encapsulation of the domain, changed.
func (w *world) edited() *mobility.LMA {
	cfg, domain := *w.cfg, *w.cfg.Domain
	cfg.Domain = &domain
	if w.rnd.IntN(10) == 0 {
		domain.Encap, domain.Transport = dataplane.EncapGRE, mobility.Transport(w.rnd.IntN(3))
	}
	cfg.LearnPeers = w.rnd.IntN(4) > 0
	own := new(trie.Owner)
	for range w.rnd.IntN(4) {
		name := fmt.Sprintf("mag%d", w.rnd.IntN(5))
		cfg.Peers = cfg.Peers.Without(name)
		if w.rnd.IntN(3) == 0 {
			continue
		}
		free := []netip.Addr{netip.MustParseAddr("198.51.100.9")}
		for i := range byte(5) {
			free = append(free, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, i, 15: 1}))
		}
		taken := map[netip.Addr]bool{}
		for _, p := range cfg.Peers.All() {
			for _, addr := range p.Addresses {
				taken[addr] = true
			}
		}
		p := &mobility.Peer{Name: name}
		for range 1 + w.rnd.IntN(2) {
			if addr := free[w.rnd.IntN(len(free))]; !taken[addr] {
				taken[addr] = true
				p.Addresses = append(p.Addresses, addr)
			}
		}
		if w.rnd.IntN(4) == 0 {
			p.Key = &mobility.Key{SPI: 256 + uint32(w.rnd.IntN(100)), Secret: []byte("secret")}
		}
		if w.rnd.IntN(3) == 0 {
			p.Encap, p.Transport = dataplane.EncapGRE, mobility.Transport(w.rnd.IntN(3))
		}
		if len(p.Addresses) > 0 {
			cfg.Peers = cfg.Peers.With(name, p, own)
		}
	}
	return &cfg
}

func (w *world) known() map[netip.Addr]peer {
	all := map[netip.Addr]peer{}
	for addr, p := range w.own.peers {
		is := *p
		is.beat.Owner = nil // it would differ, and tell nothing
		all[addr] = is
	}
	return all
}

// rebuilt says what the anchor has to know after the configuration has come, going through all MAGs. Counters that begin anew are nil.
func (w *world) rebuilt(before map[netip.Addr]peer) (want map[netip.Addr]peer, kept, left int) {
	want = map[netip.Addr]peer{}
	counted := map[string]*mobility.Statistics{}
	for _, was := range before {
		counted[was.name()] = was.stats
	}
	for _, cfg := range w.cfg.Peers.All() {
		for _, addr := range cfg.Addresses {
			want[addr] = peer{via: w.own, cfg: cfg, addr: addr, usable: cfg.Usable(w.cfg.Domain), changed: w.now, stats: counted[cfg.Name]}
		}
	}
	for addr, was := range before {
		is, configured := want[addr]
		if !configured {
			if was.bindings == 0 {
				continue
			}
			is = peer{via: w.own, addr: addr, usable: true, changed: w.now}
			if was.cfg == nil {
				is.stats = was.stats
			} else {
				left++
			}
		} else if was.cfg != nil {
			kept++
		}
		is.remote, is.local, is.stated, is.bindings, is.since, is.last = was.remote, was.local, was.stated, was.bindings, was.since, was.last
		if is.usable == was.usable {
			is.changed = was.changed
		}
		want[addr] = is
	}
	return want, kept, left
}

// compare looks at what the anchor knows, and at what one knows that begins now.
func (w *world) compare(want, before map[netip.Addr]peer) {
	w.t.Helper()
	used := map[*mobility.Statistics]bool{}
	for _, was := range before {
		used[was.stats] = true
	}
	begun := map[string]*mobility.Statistics{}
	for addr, is := range w.known() {
		expected := want[addr]
		if expected.stats == nil {
			if used[is.stats] {
				w.t.Fatalf("%v goes on with the counters of another", addr)
			}
			if other := begun[is.name()]; is.cfg != nil && other != nil && other != is.stats {
				w.t.Fatalf("%s has two sets of counters", is.name())
			}
			begun[is.name()] = is.stats
			is.stats = nil
		}
		if is != expected {
			w.t.Fatalf("%v is %+v, want %+v", addr, is, expected)
		}
	}
	if len(w.own.peers) != len(want) {
		w.t.Fatalf("%d addresses are known, want %d", len(w.own.peers), len(want))
	}
	for addr, p := range New(w.now, w.cfg, binding.New(), 0).own.peers {
		if is := w.own.peers[addr]; is == nil || is.cfg != p.cfg || is.usable != p.usable {
			w.t.Fatalf("%v is %+v, at a fresh anchor %+v", addr, is, p)
		}
	}
}

// crowd is a configuration with n MAGs, and another one where one of them differs.
func crowd(n int) (cfg, other *mobility.LMA, differs *mobility.Peer) {
	cfg = baseConfig()
	for i, own := 0, new(trie.Owner); i < n; i++ {
		p := &mobility.Peer{Name: fmt.Sprint("mag", i), Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}}
		cfg.Peers = cfg.Peers.With(p.Name, p, own)
	}
	was, _ := cfg.Peers.Get("mag77")
	changed, is := *cfg, *was
	is.Encap = dataplane.EncapGRE
	changed.Peers = cfg.Peers.With(is.Name, &is, nil)
	return cfg, &changed, &is
}

// A change of one MAG costs that one, however many there are.
func TestOneMAGOfManyAllocatesLittle(t *testing.T) {
	const limit = 8 // it takes 4
	for _, n := range []int{100, 10_000} {
		cfg, other, differs := crowd(n)
		m := New(time.Time{}, cfg, binding.New(), 0)
		var out mobility.Effects
		if got := testing.AllocsPerRun(20, func() {
			m.Reconfigure(time.Time{}, other, &out)
			m.Reconfigure(time.Time{}, cfg, &out)
		}) / 2; got > limit {
			t.Errorf("%d MAGs: a change of one takes %v allocations, want at most %d", n, got, limit)
		}
		m.Reconfigure(time.Time{}, other, &out)
		if got := m.own.peers[differs.Addresses[0]].cfg; got != differs {
			t.Errorf("the MAG is %+v, want %+v", got, differs)
		}
	}
}

// BenchmarkOneMAG changes one MAG among n, and changes it back.
func BenchmarkOneMAG(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			cfg, other, _ := crowd(n)
			m := New(time.Time{}, cfg, binding.New(), 0)
			var out mobility.Effects
			b.ReportAllocs()
			for b.Loop() {
				m.Reconfigure(time.Time{}, other, &out)
				m.Reconfigure(time.Time{}, cfg, &out)
			}
		})
	}
}
