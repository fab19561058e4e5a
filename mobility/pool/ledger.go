package pool

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"
)

// ErrForbidden says that no node may have an address or a prefix, whoever asks for it.
var ErrForbidden = errors.New("no node may have the address or prefix")

// Ledger notes what nodes hold where nothing is given out: each has what its MAG asks for, if it takes nothing from another and hurts nobody.
// The zero value is empty.
type Ledger struct {
	Protected []netip.Addr // of the anchor: no node may have them
	held      bart.Lite
}

// HomeAddress has none to give out.
func (l *Ledger) HomeAddress(time.Time) (home netip.Prefix, router netip.Addr, err error) {
	return netip.Prefix{}, netip.Addr{}, ErrExhausted
}

// Prefix has none to give out.
func (l *Ledger) Prefix(time.Time) (netip.Prefix, error) { return netip.Prefix{}, ErrExhausted }

// Network has none to give out.
func (l *Ledger) Network(time.Time, bool) (netip.Prefix, error) { return netip.Prefix{}, ErrExhausted }

// ReserveHome notes that a node holds an IPv4 home address, which comes with the length of its subnet. There is no default router.
func (l *Ledger) ReserveHome(asked netip.Prefix) (home netip.Prefix, router netip.Addr, err error) {
	return asked, netip.Addr{}, l.ReservePrefix(single(asked.Addr()))
}

// ReservePrefix notes that a node holds a prefix.
func (l *Ledger) ReservePrefix(p netip.Prefix) error {
	switch {
	case !harmless(p), slices.ContainsFunc(l.Protected, p.Contains):
		return ErrForbidden
	case l.held.OverlapsPrefix(p):
		return ErrTaken
	}
	l.held.Insert(p)
	return nil
}

// ReserveNetwork notes that the networks behind a node hold a prefix.
func (l *Ledger) ReserveNetwork(p netip.Prefix) error { return l.ReservePrefix(p) }

// ReleaseHome notes that a home address is not held any more.
func (l *Ledger) ReleaseHome(a netip.Addr) { l.ReleasePrefix(single(a)) }

// ReleasePrefix notes that a prefix is not held any more.
func (l *Ledger) ReleasePrefix(p netip.Prefix) {
	l.held.Delete(p)
}

// ReleaseNetwork notes that a prefix is not held any more.
func (l *Ledger) ReleaseNetwork(p netip.Prefix) { l.ReleasePrefix(p) }

// Usage has nothing to say: there are no pools.
func (l *Ledger) Usage() []Usage { return nil }

// Alarms has nothing to tell.
func (l *Ledger) Alarms() []Alarm { return nil }

// LowerMarks has no marks to lower.
func (l *Ledger) LowerMarks() {}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// special are the ranges that no node can have, and nothing that covers them, which the default route does (RFC 6890 section 2.2).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0/96"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

func harmless(p netip.Prefix) bool {
	return p.IsValid() && !slices.ContainsFunc(special, p.Overlaps)
}
