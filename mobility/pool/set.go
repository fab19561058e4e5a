package pool

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mooring/mobility"
)

// Set is the pools of one network. It allocates from them in the order of their start addresses, first from those that are its own.
type Set struct {
	pools  []*Pool
	alarms []Alarm // that nobody has taken
}

// Alarm is that a pool is nearly full or, where a request was refused because of it, empty.
type Alarm struct {
	Pool        mobility.Pool
	Used, Total uint64
	Exhausted   bool
}

// Shared are the pools that several networks draw from. The zero value has none, and shares none.
type Shared map[mobility.Pool]*Pool

// of returns the pool that cfg describes.
func (s Shared) of(cfg mobility.Pool) (*Pool, error) {
	if s == nil || cfg.Shared == "" {
		return New(cfg)
	}
	if p := s[cfg]; p != nil {
		return p, nil
	}
	p, err := New(cfg)
	if err == nil {
		s[cfg] = p
	}
	return p, err
}

// NewSet returns the pools of a network: its own with everything free, others as they are in shared, to which it adds those that it is the first to use.
func NewSet(network *mobility.Network, shared Shared) (*Set, error) {
	s := new(Set)
	var errs []error
	for _, cfg := range network.Pools {
		p, err := shared.of(cfg)
		if err != nil {
			errs = append(errs, fmt.Errorf("network %s: %w", network.Name, err))
			continue
		}
		s.pools = append(s.pools, p)
	}
	slices.SortStableFunc(s.pools, func(a, b *Pool) int {
		return cmp.Or(cmp.Compare(a.cfg.Shared, b.cfg.Shared), a.cfg.Start.Compare(b.cfg.Start), a.cfg.Bits-b.cfg.Bits)
	})
	return s, errors.Join(errs...)
}

// HomeAddress takes an IPv4 home address. It returns the address with the length of its subnet, and the default router.
func (s *Set) HomeAddress(now time.Time) (home netip.Prefix, router netip.Addr, err error) {
	for _, p := range s.pools {
		if !p.hasHomes() {
			continue
		}
		if unit, err := p.Allocate(now); err == nil {
			s.noteHigh(p)
			return p.home(unit.Addr()), p.cfg.Router, nil
		}
	}
	s.noteExhausted(now, func(cfg *mobility.Pool) bool { return cfg.Start.Is4() && !cfg.Mobile })
	return netip.Prefix{}, netip.Addr{}, ErrExhausted
}

// Prefix takes an IPv6 home network prefix.
func (s *Set) Prefix(now time.Time) (netip.Prefix, error) {
	return s.allocate(now, func(cfg *mobility.Pool) bool { return cfg.Start.Is6() && !cfg.Mobile })
}

// Network takes a mobile network of an IP version.
func (s *Set) Network(now time.Time, ipv4 bool) (netip.Prefix, error) {
	return s.allocate(now, func(cfg *mobility.Pool) bool { return cfg.Start.Is4() == ipv4 && cfg.Mobile })
}

func (s *Set) allocate(now time.Time, fits func(*mobility.Pool) bool) (netip.Prefix, error) {
	for _, p := range s.pools {
		if !fits(&p.cfg) {
			continue
		}
		if unit, err := p.Allocate(now); err == nil {
			s.noteHigh(p)
			return unit, nil
		}
	}
	s.noteExhausted(now, fits)
	return netip.Prefix{}, ErrExhausted
}

// ReserveHome takes this very IPv4 home address. The subnet that it is asked with is not looked at: it is the pool's.
func (s *Set) ReserveHome(asked netip.Prefix) (home netip.Prefix, router netip.Addr, err error) {
	unit := single(asked.Addr())
	p := s.holder(unit, false)
	if p == nil {
		return netip.Prefix{}, netip.Addr{}, ErrOutside
	}
	if err := p.Reserve(unit); err != nil {
		return netip.Prefix{}, netip.Addr{}, err
	}
	s.noteHigh(p)
	return p.home(unit.Addr()), p.cfg.Router, nil
}

// ReservePrefix takes this very IPv6 home network prefix.
func (s *Set) ReservePrefix(prefix netip.Prefix) error { return s.reserve(prefix, false) }

// ReserveNetwork takes this very mobile network.
func (s *Set) ReserveNetwork(prefix netip.Prefix) error { return s.reserve(prefix, true) }

func (s *Set) reserve(unit netip.Prefix, mobile bool) error {
	p := s.holder(unit, mobile)
	if p == nil {
		return ErrOutside
	}
	if err := p.Reserve(unit); err != nil {
		return err
	}
	s.noteHigh(p)
	return nil
}

// ReleaseHome gives an IPv4 home address back.
func (s *Set) ReleaseHome(a netip.Addr) { s.free(single(a), false) }

// ReleasePrefix gives an IPv6 home network prefix back.
func (s *Set) ReleasePrefix(prefix netip.Prefix) { s.free(prefix, false) }

// ReleaseNetwork gives a mobile network back.
func (s *Set) ReleaseNetwork(prefix netip.Prefix) { s.free(prefix, true) }

func (s *Set) free(unit netip.Prefix, mobile bool) {
	if p := s.holder(unit, mobile); p != nil {
		p.Release(unit)
	}
}

// Usage returns the gauges of every pool, in the order of their start addresses.
func (s *Set) Usage() []Usage {
	out := make([]Usage, len(s.pools))
	for i, p := range s.pools {
		out[i] = p.Usage()
	}
	return out
}

// LowerMarks makes HighWater of every pool begin anew with what is used now.
func (s *Set) LowerMarks() {
	for _, p := range s.pools {
		p.LowerMark()
	}
}

func (s *Set) holder(unit netip.Prefix, mobile bool) *Pool {
	for _, p := range s.pools {
		if p.cfg.Mobile == mobile && p.Contains(unit) {
			return p
		}
	}
	return nil
}

// Alarms returns what there is to tell since it was asked last. The slice is valid until the set changes.
func (s *Set) Alarms() []Alarm {
	alarms := s.alarms
	s.alarms = s.alarms[:0]
	return alarms
}

func (s *Set) noteHigh(p *Pool) {
	if p.becameHigh() {
		s.alarms = append(s.alarms, Alarm{Pool: p.cfg, Used: p.usage.Used, Total: p.usage.Total})
	}
}

// noteExhausted notes that all pools of a kind are empty, of each once a minute.
func (s *Set) noteExhausted(now time.Time, fits func(*mobility.Pool) bool) {
	for _, p := range s.pools {
		if fits(&p.cfg) && (p.told.IsZero() || now.Sub(p.told) >= time.Minute) {
			p.told = now
			s.alarms = append(s.alarms, Alarm{Pool: p.cfg, Used: p.usage.Used, Total: p.usage.Total, Exhausted: true})
		}
	}
}
