package kernel

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"mooring/dataplane/netlink"
)

// lane is a length of prefixes whose traffic is counted by prefix. It has two sets, of what comes from nodes and what goes to them; their
// elements are a VRF, by the group of its tunnel interfaces, and a prefix, and count. A hash table knows no longest match: each length is
// asked by itself, the longest first, so that rules grow with lengths, of which there are a few, and not with bindings.
type lane struct {
	version uint8
	bits    int
}

// spot is what an element counts.
type spot struct {
	group  uint32 // of the interfaces that are in the VRF: the index of the vrf interface; 0: there is none
	prefix netip.Prefix
}

func laneOf(p netip.Prefix) lane {
	if p.Addr().Is4() {
		return lane{4, p.Bits()}
	}
	return lane{6, p.Bits()}
}

// byLength is the order in which lanes are asked.
func byLength(a, b lane) int { return cmp.Or(b.bits-a.bits, int(a.version)-int(b.version)) }

// names are those of the sets: "rx4-32" and "tx4-32".
func (l lane) names() (rx, tx string) { return rxPrefix + l.suffix(), txPrefix + l.suffix() }

func (l lane) suffix() string { return fmt.Sprintf("%d-%d", l.version, l.bits) }

const rxPrefix, txPrefix = "rx", "tx"

// parseLane reads the name of a set that begins so.
func parseLane(prefix, set string) (l lane, ok bool) {
	suffix, ok := strings.CutPrefix(set, prefix)
	if !ok {
		return l, false
	}
	_, err := fmt.Sscanf(suffix, "%d-%d", &l.version, &l.bits)
	return l, err == nil
}

// lanesOf are those that sets have whose names begin so, the longest first.
func lanesOf(prefix string, sets []*nftables.Set) (all []lane) {
	for _, s := range sets {
		if l, ok := parseLane(prefix, s.Name); ok {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, byLength)
	return all
}

func (l lane) addrType() nftables.SetDatatype {
	if l.version == 6 {
		return nftables.TypeIP6Addr
	}
	return nftables.TypeIPAddr
}

// load compares the IP version, and loads an address of a packet, under the mask, into the register that is so many after the first (reg32).
func (l lane) load(which field, after uint32) []expr.Any {
	load := address(l.version, which)[0].(*expr.Payload)
	load.DestRegister = reg32 + after
	mask := make([]byte, load.Len)
	for i := range l.bits {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	all := concat(isVersion(l.version), []expr.Any{load})
	if l.bits < len(mask)*8 {
		all = append(all, &expr.Bitwise{SourceRegister: reg32 + after, DestRegister: reg32 + after, Len: load.Len, Mask: mask, Xor: make([]byte, len(mask))})
	}
	return all
}

// sets are the lane as nftables has it.
func (l lane) sets(table *nftables.Table) (all [2]*nftables.Set) {
	rx, tx := l.names()
	for i, name := range []string{rx, tx} {
		all[i] = &nftables.Set{Table: table, Name: name, Concatenation: true, Counter: true,
			KeyType: nftables.MustConcatSetType(nftables.TypeDevGroup, l.addrType())}
	}
	return all
}

// count is the rule that counts a packet in one set of the lane, and is done with the packet then.
func (l lane) count(group expr.MetaKey, which field, set string) []expr.Any {
	return append(l.load(which, 1), &expr.Meta{Key: group, Register: reg32}, &expr.Lookup{SourceRegister: reg32, SetName: set}, &expr.Verdict{Kind: expr.VerdictReturn})
}

// countRules are those of the chains "received" and "sent".
func (f *filter) countRules(chain string) (rules [][]expr.Any) {
	for _, l := range f.lanes {
		if rx, tx := l.names(); chain == "received" {
			rules = append(rules, l.count(expr.MetaKeyIIFGROUP, sourceOf, rx))
		} else {
			rules = append(rules, l.count(expr.MetaKeyOIFGROUP, destinationOf, tx))
		}
	}
	return rules
}

// addLanes has prefixes of more lengths be counted. A lane stays as long as the table.
func (f *filter) addLanes(more []lane) error {
	if len(more) == 0 {
		return nil
	}
	was := f.lanes
	f.lanes = slices.SortedFunc(slices.Values(slices.Concat(was, more)), byLength)
	err := f.addSets(more)
	f.renewRules("forward", "arrive", "received", "sent")
	if err = f.flush(err); err != nil {
		f.lanes = was
	}
	return err
}

func (f *filter) addSets(lanes []lane) (err error) {
	for _, l := range lanes {
		for _, set := range l.sets(f.table) {
			err = errors.Join(err, f.conn.AddSet(set, nil))
		}
	}
	return err
}

// lookAtLanes reads of which lengths an earlier process has had sources, and prefixes counted: none where there is no table.
func (f *filter) lookAtLanes() error {
	if there, err := f.exists(); !there || err != nil {
		return err
	}
	sets, err := f.conn.GetSets(f.table)
	if err != nil {
		return fmt.Errorf("list sets of nftables: %w", netlink.Explain(err))
	}
	f.lanes, f.origins = lanesOf(rxPrefix, sets), lanesOf(originPrefix, sets)
	return nil
}

// tallies are the two elements that count for a spot: what comes from the node, and what goes to it.
func (at spot) tallies() [2]netlink.Tally {
	rx, tx := laneOf(at.prefix).names()
	key := append(binary.NativeEndian.AppendUint32(nil, at.group), at.prefix.Masked().Addr().AsSlice()...)
	return [2]netlink.Tally{{Set: rx, Key: key}, {Set: tx, Key: key}}
}
