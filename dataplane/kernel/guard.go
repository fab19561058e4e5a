package kernel

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// guard is what the table has of one tunnel interface.
type guard struct {
	anchor, access string // chains that what it delivers goes through, by side; empty: none
	mtu            int    // that the segments of TCP are to fit; 0: they are left alone
}

// guards are what the table has of policies.
type guards struct {
	devices map[int]guard  // by interface index
	chains  map[string]int // how many devices use each
}

func newGuards() *guards { return &guards{map[int]guard{}, map[string]int{}} }

// chainOf names the chain of a filter after its content: equal ones share a chain, and a later process knows what it finds.
func chainOf(f *dataplane.Filter) string {
	if f == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(f.String()))
	return chainPrefix + hex.EncodeToString(sum[:8])
}

const chainPrefix = "policy-"

// contents says what a chain is made of; nil where that is not known.
type contents func(chain string) *dataplane.Filter

// police gives interfaces new guards, of which the zero value is none, in one transaction with the chains that they need or leave behind:
// have becomes now, which is have.after(changes).
func (f *filter) police(have, now *guards, changes map[int]guard, of contents) error {
	var err error
	for name := range now.chains {
		if _, there := have.chains[name]; !there {
			err = errors.Join(err, f.addFilter(name, of(name)))
		}
	}
	for index, will := range changes {
		if was := have.devices[index]; was != will {
			err = errors.Join(err, f.replaceGuard(index, was, will))
		}
	}
	for _, name := range now.unused() {
		f.removeFilter(name)
	}
	return f.flush(err)
}

// after returns what there will be after changes, with the chains that nobody uses any more.
func (g *guards) after(changes map[int]guard) *guards {
	now := &guards{maps.Clone(g.devices), maps.Clone(g.chains)}
	for index, will := range changes {
		now.set(index, will)
	}
	return now
}

// unused lists the chains that no interface uses.
func (g *guards) unused() (names []string) {
	for name, uses := range g.chains {
		if uses == 0 {
			names = append(names, name)
		}
	}
	return names
}

// set counts the chains that an interface uses; those of which nobody makes use stay, with 0.
func (g *guards) set(index int, to guard) {
	for step, which := range map[int]guard{-1: g.devices[index], 1: to} {
		for _, chain := range []string{which.anchor, which.access} {
			if chain != "" {
				g.chains[chain] += step
			}
		}
	}
	if g.devices[index] = to; to == (guard{}) {
		delete(g.devices, index)
	}
}

// guardMaps are the maps by interface.
func (f *filter) guardMaps() []*nftables.Set {
	return []*nftables.Set{f.anchors, f.gateways, f.mss4, f.mss6}
}

// elements are what the maps have of an interface, each where it has anything.
func (g guard) elements(index int) (all [4][]nftables.SetElement) {
	key := binaryutil.NativeEndian.PutUint32(uint32(index))
	for i, chain := range []string{g.anchor, g.access} {
		if chain != "" {
			all[i] = []nftables.SetElement{{Key: key, VerdictData: &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}, Comment: chain}}
		}
	}
	for i, headers := range []int{20 + 20, 40 + 20} { // of IPv4 or IPv6, and TCP
		if g.mtu > 0 {
			all[2+i] = []nftables.SetElement{{Key: key, Val: binaryutil.BigEndian.PutUint16(uint16(g.mtu - headers))}}
		}
	}
	return all
}

func (f *filter) replaceGuard(index int, was, will guard) (err error) {
	before, after := was.elements(index), will.elements(index)
	for i, m := range f.guardMaps() {
		if before[i] != nil {
			err = errors.Join(err, f.conn.SetDeleteElements(m, before[i]))
		}
		if after[i] != nil {
			err = errors.Join(err, f.conn.SetAddElements(m, after[i]))
		}
	}
	return err
}

// addFilter makes the chain of a filter, and the sets that it asks.
func (f *filter) addFilter(name string, content *dataplane.Filter) error {
	if content == nil {
		return fmt.Errorf("nobody knows what chain %s is made of", name)
	}
	var err error
	for i, bounds := range intervals(content.Blocked) {
		if bounds == nil {
			continue
		}
		set := f.blockedSet(name, i)
		err = errors.Join(err, f.conn.AddSet(set, nil))
		for part := range slices.Chunk(bounds, elementsAtOnce) {
			err = errors.Join(err, f.conn.SetAddElements(set, part))
		}
	}
	chain := f.conn.AddChain(&nftables.Chain{Name: name, Table: f.table})
	for _, r := range f.rulesOf(name, content) {
		f.conn.AddRule(&nftables.Rule{Table: f.table, Chain: chain, Exprs: r.exprs, UserData: f.fingerprint(r.exprs)})
	}
	return err
}

const elementsAtOnce = 512 // of a set, in one message of at most 64 KiB

// removeFilter removes a chain, and its sets. That there are sets is known from the content alone, so they are made sure of.
func (f *filter) removeFilter(name string) {
	chain := &nftables.Chain{Name: name, Table: f.table}
	f.conn.FlushChain(chain)
	f.conn.DelChain(chain)
	for i := range 2 {
		set := f.blockedSet(name, i)
		if f.conn.AddSet(set, nil) == nil {
			f.conn.DelSet(set)
		}
	}
}

// blockedSet is the set of blocked destinations of a chain: of IPv4 (0) or IPv6.
func (f *filter) blockedSet(chain string, version int) *nftables.Set {
	set := &nftables.Set{Table: f.table, Name: "to4-" + strings.TrimPrefix(chain, chainPrefix), KeyType: nftables.TypeIPAddr, Interval: true}
	if version == 1 {
		set.Name, set.KeyType = "to6-"+strings.TrimPrefix(chain, chainPrefix), nftables.TypeIP6Addr
	}
	return set
}

// intervals are the prefixes of IPv4 and of IPv6 as interval sets want them: without those that are part of others, each with the first
// address behind it.
func intervals(prefixes []netip.Prefix) (bounds [2][]nftables.SetElement) {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	var last netip.Prefix
	for _, p := range sorted {
		if last.IsValid() && last.Overlaps(p) {
			continue
		}
		last = p
		i := 0
		if p.Addr().Is6() {
			i = 1
		}
		bounds[i] = append(bounds[i], nftables.SetElement{Key: p.Masked().Addr().AsSlice()})
		if end := lastAddr(p).Next(); end.IsValid() {
			bounds[i] = append(bounds[i], nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
	}
	return bounds
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// guards reads what the table has of policies.
func (f *filter) guards() (*guards, error) {
	g := newGuards()
	found, clamped6 := map[int]guard{}, map[int]bool{}
	for i, m := range f.guardMaps() {
		elements, err := f.conn.GetSetElements(m)
		if err != nil {
			return nil, fmt.Errorf("list %s of nftables: %w", m.Name, netlink.Explain(err))
		}
		for _, e := range elements {
			if len(e.Key) != 4 {
				continue
			}
			index := int(binary.NativeEndian.Uint32(e.Key))
			have := found[index]
			switch i {
			case 0:
				have.anchor = e.Comment
			case 1:
				have.access = e.Comment
			case 2:
				have.mtu = sizeFor(e, 20+20)
			case 3:
				if clamped6[index] = true; have.mtu != sizeFor(e, 40+20) {
					have.mtu = halfClamped
				}
			}
			found[index] = have
		}
	}
	for index, have := range found {
		if have.mtu > 0 && !clamped6[index] {
			have.mtu = halfClamped
		}
		g.set(index, have)
	}
	return g, f.lookAtChains(g)
}

// halfClamped is the MTU of a guard that is for one IP version only, or has two sizes: somebody has changed it.
const halfClamped = -1

// sizeFor reads an element of the maps of segment sizes: the size of packets with these headers.
func sizeFor(e nftables.SetElement, headers int) int {
	if len(e.Val) < 2 {
		return halfClamped
	}
	return int(binary.BigEndian.Uint16(e.Val)) + headers
}

// lookAtChains adds the chains that no interface uses.
func (f *filter) lookAtChains(g *guards) error {
	chains, err := f.chains()
	for _, c := range chains {
		if strings.HasPrefix(c.Name, chainPrefix) {
			g.chains[c.Name] += 0
		}
	}
	return err
}

// guarded reports whether a chain, with the sets that it asks, is what its content makes.
func (f *filter) guarded(name string, content *dataplane.Filter) (bool, error) {
	rules, err := f.conn.GetRules(f.table, &nftables.Chain{Name: name, Table: f.table})
	if err != nil {
		return false, fmt.Errorf("list rules of nftables: %w", netlink.Explain(err))
	}
	var want [][]expr.Any
	for _, r := range f.rulesOf(name, content) {
		want = append(want, r.exprs)
	}
	if !f.same(rules, want) {
		return false, nil
	}
	for i, bounds := range intervals(content.Blocked) {
		if bounds == nil {
			continue
		}
		if same, err := f.sameElements(f.blockedSet(name, i), bounds); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// rulesOf are the rules of a filter's chain.
func (f *filter) rulesOf(name string, content *dataplane.Filter) []aclRule {
	names := [2]string{}
	for i, bounds := range intervals(content.Blocked) {
		if bounds != nil {
			names[i] = f.blockedSet(name, i).Name
		}
	}
	return filterRules(content, names[0], names[1])
}

// matches adds what the rules of a chain have counted.
func (f *filter) matches(name string, content *dataplane.Filter, to map[dataplane.MatchKey]dataplane.Matches) error {
	found, err := f.conn.GetRules(f.table, &nftables.Chain{Name: name, Table: f.table})
	if err != nil {
		return fmt.Errorf("list rules of nftables: %w", netlink.Explain(err))
	}
	for i, r := range f.rulesOf(name, content) {
		if i >= len(found) || r.name == "" {
			continue
		}
		for _, e := range found[i].Exprs {
			if c, ok := e.(*expr.Counter); ok {
				key := dataplane.MatchKey{List: content.List.Name, Rule: r.name}
				n := dataplane.Matches{Packets: c.Packets, Octets: c.Bytes}
				n.Add(to[key])
				to[key] = n
			}
		}
	}
	return nil
}
