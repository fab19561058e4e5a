// Package pool gives out home addresses, home network prefixes and mobile networks. It is pure and has one owner.
//
// RFC 5213 sections 5.3.2 and 5.7 (prefixes are per session), RFC 5844 section 3.1.2 (home addresses), RFC 7148
// section 5.2 (mobile networks).
package pool

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"time"

	"mooring/mobility"
)

// The reasons for which an address or a prefix cannot be had.
var (
	ErrExhausted = errors.New("no free address or prefix is left")
	ErrTaken     = errors.New("the address or prefix belongs to another binding")
	ErrOutside   = errors.New("no pool holds the address or prefix")
)

// Usage are the gauges of one pool, in units given to nodes.
type Usage struct {
	Pool      mobility.Pool
	Total     uint64 // saturates
	Used      uint64
	HighWater uint64    // largest Used since LowerMark, or ever
	Refused   uint64    // allocations that found the pool exhausted
	Exhausted time.Time // of the last of them; zero: there was none
}

// Pool gives out the units of one range, the lowest free one first.
type Pool struct {
	cfg   mobility.Pool
	first uint64 // number of the lowest unit, counted from the start of the prefix
	last  uint64 // number of the highest unit
	mask  uint64 // of the bits that a number has
	taken bitmap
	usage Usage
	high  bool      // it was noticed to be nearly full
	told  time.Time // when it was last told that it is empty
}

// New returns the pool that cfg describes, with everything free but what no node may have: of a subnet of home addresses the network
// and the broadcast address and the default router.
func New(cfg mobility.Pool) (*Pool, error) {
	prefix := netip.PrefixFrom(cfg.Start, cfg.Bits).Masked()
	if !prefix.IsValid() || cfg.Unit < cfg.Bits || cfg.Unit > cfg.Start.BitLen() || cfg.Unit-cfg.Bits > 63 {
		return nil, fmt.Errorf("pool %s/%d in units of /%d makes no sense", cfg.Start, cfg.Bits, cfg.Unit)
	}
	p := &Pool{cfg: cfg, mask: 1<<(cfg.Unit-cfg.Bits) - 1}
	p.first, p.last = p.number(cfg.Start), p.mask
	if cfg.End.IsValid() {
		if !prefix.Contains(cfg.End) || cfg.End.Less(cfg.Start) {
			return nil, fmt.Errorf("pool %s to %s within %v makes no sense", cfg.Start, cfg.End, prefix)
		}
		p.last = p.number(cfg.End)
	}
	p.usage = Usage{Pool: cfg, Total: p.last - p.first + 1}
	if p.isSubnet() {
		p.exclude(0)
		p.exclude(p.last)
		if prefix.Contains(cfg.Router) {
			p.exclude(p.number(cfg.Router))
		}
	}
	return p, nil
}

// Contains says whether the unit lies in the pool's range.
func (p *Pool) Contains(unit netip.Prefix) bool {
	prefix := netip.PrefixFrom(p.cfg.Start, p.cfg.Bits)
	if unit.Bits() != p.cfg.Unit || !prefix.Contains(unit.Addr()) {
		return false
	}
	n := p.number(unit.Addr())
	return p.first <= n && n <= p.last
}

// Allocate takes the lowest free unit.
func (p *Pool) Allocate(now time.Time) (netip.Prefix, error) {
	n, ok := p.taken.lowestClear(p.first, p.last)
	if !ok {
		p.usage.Refused++
		p.usage.Exhausted = now
		return netip.Prefix{}, ErrExhausted
	}
	p.take(n)
	return p.unit(n), nil
}

// Reserve takes this very unit.
func (p *Pool) Reserve(unit netip.Prefix) error {
	if !p.Contains(unit) {
		return ErrOutside
	}
	n := p.number(unit.Addr())
	if p.taken.has(n) {
		return ErrTaken
	}
	p.take(n)
	return nil
}

// Release gives a unit back. Releasing what is not taken changes nothing.
func (p *Pool) Release(unit netip.Prefix) {
	if n := p.number(unit.Addr()); p.Contains(unit) && p.taken.has(n) && !p.excluded(n) {
		p.taken.clear(n)
		p.usage.Used--
		p.high = p.high && p.usage.Used > p.usage.Total/5*4 // not again at the next coming and going
	}
}

// becameHigh says whether more than nine tenths are in use, once until it is no more than four fifths.
func (p *Pool) becameHigh() bool {
	was := p.high
	total := p.usage.Total
	p.high = was || p.usage.Used > total/10*9+total%10*9/10
	return p.high && !was
}

// Usage returns the gauges.
func (p *Pool) Usage() Usage { return p.usage }

// LowerMark makes HighWater begin anew with what is used now.
func (p *Pool) LowerMark() { p.usage.HighWater = p.usage.Used }

func (p *Pool) take(n uint64) {
	p.taken.set(n)
	p.usage.Used++
	p.usage.HighWater = max(p.usage.HighWater, p.usage.Used)
}

func (p *Pool) exclude(n uint64) {
	if p.first <= n && n <= p.last && !p.taken.has(n) {
		p.taken.set(n)
		p.usage.Total--
	}
}

func (p *Pool) excluded(n uint64) bool {
	return p.isSubnet() && (n == 0 || n == p.last || p.unit(n).Addr() == p.cfg.Router)
}

// hasHomes says whether the units are IPv4 home addresses.
func (p *Pool) hasHomes() bool { return p.cfg.Start.Is4() && !p.cfg.Mobile }

// isSubnet says whether the units are all addresses of a home subnet. Who says where a pool ends has left out what nodes may not have.
func (p *Pool) isSubnet() bool { return p.hasHomes() && !p.cfg.End.IsValid() }

// home is an address of the pool with the length of its subnet.
func (p *Pool) home(a netip.Addr) netip.Prefix {
	return netip.PrefixFrom(a, cmp.Or(p.cfg.Subnet, p.cfg.Bits))
}

// number counts the units from the start of the prefix to the one that holds a.
func (p *Pool) number(a netip.Addr) uint64 {
	hi, lo := words(a)
	shift := a.BitLen() - p.cfg.Unit
	if shift >= 64 {
		lo = hi >> (shift - 64)
	} else {
		lo = lo>>shift | hi<<(64-shift)
	}
	return lo & p.mask
}

// unit is the inverse of number.
func (p *Pool) unit(n uint64) netip.Prefix {
	base := netip.PrefixFrom(p.cfg.Start, p.cfg.Bits).Masked().Addr()
	octets := base.AsSlice()
	for bit := range p.cfg.Unit - p.cfg.Bits {
		if n>>bit&1 != 0 {
			at := p.cfg.Unit - 1 - bit
			octets[at/8] |= 0x80 >> (at % 8)
		}
	}
	a, _ := netip.AddrFromSlice(octets)
	return netip.PrefixFrom(a, p.cfg.Unit)
}

// words returns an address as a 128-bit number; IPv4 fills the low 32 bits.
func words(a netip.Addr) (hi, lo uint64) {
	for i, o := range a.AsSlice() {
		if a.Is4() || i >= 8 {
			lo = lo<<8 | uint64(o)
		} else {
			hi = hi<<8 | uint64(o)
		}
	}
	return hi, lo
}

// bitmap is a sparse set of numbers that finds the lowest one missing. The zero value is empty.
type bitmap struct {
	pages map[uint64]*page
	hint  uint64 // no page below it has a clear bit inside the range asked for so far
}

const pageBits = 4096

type page struct {
	words [pageBits / 64]uint64
	count int
}

func (m *bitmap) has(n uint64) bool {
	pg := m.pages[n/pageBits]
	return pg != nil && pg.words[n%pageBits/64]>>(n%64)&1 != 0
}

func (m *bitmap) set(n uint64) {
	pg := m.pages[n/pageBits]
	if pg == nil {
		if m.pages == nil {
			m.pages = map[uint64]*page{}
		}
		pg = new(page)
		m.pages[n/pageBits] = pg
	}
	pg.words[n%pageBits/64] |= 1 << (n % 64)
	pg.count++
}

func (m *bitmap) clear(n uint64) {
	pg := m.pages[n/pageBits]
	pg.words[n%pageBits/64] &^= 1 << (n % 64)
	if pg.count--; pg.count == 0 {
		delete(m.pages, n/pageBits)
	}
	m.hint = min(m.hint, n/pageBits)
}

// lowestClear returns the lowest number of first..last that is not in the set.
func (m *bitmap) lowestClear(first, last uint64) (uint64, bool) {
	for at := max(first/pageBits, m.hint); at <= last/pageBits; at++ {
		if n, ok := m.clearIn(at, first, last); ok {
			m.hint = at
			return n, true
		}
	}
	return 0, false
}

func (m *bitmap) clearIn(at, first, last uint64) (uint64, bool) {
	low, high := max(first, at*pageBits), min(last, at*pageBits+pageBits-1)
	pg := m.pages[at]
	if pg == nil {
		return low, true
	}
	if pg.count == pageBits {
		return 0, false
	}
	for n := low; n <= high; n = (n/64 + 1) * 64 {
		free := ^pg.words[n%pageBits/64] >> (n % 64) << (n % 64)
		if found := n/64*64 + uint64(bits.TrailingZeros64(free)); free != 0 && found <= high {
			return found, true
		}
	}
	return 0, false
}
