package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// What comes out of a tunnel and is discarded is counted by its interface, in a set for each reason. The rule that discards makes the element,
// for the first packet: an interface of which nothing is discarded has none, and what passes meets no rule more.

// reason is why packets are discarded. Its set and the chain that discards have its name.
type reason struct {
	name string
	of   func(*dataplane.Drops) *uint64
}

const unboundName, spoofedName, filteredName = "unbound", "spoofed", "filtered"

var reasons = []reason{
	{unboundName, func(d *dataplane.Drops) *uint64 { return &d.NoSession }},
	{spoofedName, func(d *dataplane.Drops) *uint64 { return &d.Spoofed }},
	{filteredName, func(d *dataplane.Drops) *uint64 { return &d.Filtered }},
}

// dropSets are the sets of the reasons.
func (f *filter) dropSets() (all []*nftables.Set) {
	for _, r := range reasons {
		all = append(all, &nftables.Set{Table: f.table, Name: r.name, KeyType: nftables.TypeIFIndex, Dynamic: true, Counter: true})
	}
	return all
}

func gotoChain(name string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: name}}
}

// metaSDIF is the interface that a packet has come by whose interface has become a vrf interface (NFT_META_SDIF of linux/netfilter/nf_tables.h);
// 0 of others.
const metaSDIF expr.MetaKey = 33

// discardRules are those of the chain of a reason. What cannot be counted is discarded all the same.
func (f *filter) discardRules(name string) (rules [][]expr.Any) {
	drop := []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	count := func(device expr.MetaKey, only ...expr.Any) []expr.Any {
		return concat([]expr.Any{&expr.Meta{Key: device, Register: reg}}, only,
			[]expr.Any{&expr.Dynset{SrcRegKey: reg, SetName: name, Operation: unix.NFT_DYNSET_OP_ADD}}, drop)
	}
	if name == spoofedName { // by a gateway's tunnel, the node is one that is not there
		accessed := []expr.Any{&expr.Meta{Key: expr.MetaKeyIIF, Register: reg}, &expr.Lookup{SourceRegister: reg, SetName: f.access.Name}}
		none := &expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: binaryutil.NativeEndian.PutUint32(0)}
		rules = append(rules, concat(accessed, gotoChain(unboundName)), count(metaSDIF, none))
	}
	return append(rules, count(expr.MetaKeyIIF), drop)
}

// dropTallies are the elements that there may be of interfaces, one for each reason.
func dropTallies(indexes ...int) (list []netlink.Tally) {
	for _, index := range indexes {
		for _, r := range reasons {
			list = append(list, netlink.Tally{Set: r.name, Key: binaryutil.NativeEndian.PutUint32(uint32(index))})
		}
	}
	return list
}

// dropped returns what was discarded of what came by interfaces, by their indexes.
func (f *filter) dropped(indexes ...int) (map[int]dataplane.Drops, error) {
	list := dropTallies(indexes...)
	if _, err := f.tallies.Read(list); err != nil {
		return nil, err
	}
	all := make(map[int]dataplane.Drops, len(indexes))
	for i, t := range list {
		index := indexes[i/len(reasons)]
		drops := all[index]
		*reasons[i%len(reasons)].of(&drops) = t.Packets
		all[index] = drops
	}
	return all, nil
}

// forgetDevice removes what is remembered of an interface that is gone.
func (f *filter) forgetDevice(index int) error {
	err := f.tallies.Remove(dropTallies(index))
	if err != nil || !f.accesses[index] {
		return err
	}
	delete(f.accesses, index)
	if err = f.flush(f.conn.SetDeleteElements(f.access, indexElement(index))); isAbsent(err) {
		return nil
	}
	return err
}

// lookAtDevices reads which interfaces are those of gateways, and which marks stand for one, and forgets what is gone.
func (f *filter) lookAtDevices(there []netlink.TunnelDevice) error {
	f.accesses = map[int]bool{}
	seen := map[int]bool{}
	for _, set := range append(f.dropSets(), f.access) {
		elements, err := f.conn.GetSetElements(set)
		if err != nil {
			return fmt.Errorf("list %s of nftables: %w", set.Name, netlink.Explain(err))
		}
		for _, e := range elements {
			index := int(binary.NativeEndian.Uint32(e.Key))
			seen[index] = true
			if set == f.access {
				f.accesses[index] = true
			}
		}
	}
	if err := f.lookAtPaths(); err != nil {
		return err
	}
	for _, d := range there {
		delete(seen, d.Index)
	}
	for _, index := range slices.Collect(maps.Keys(seen)) {
		if err := f.forgetDevice(index); err != nil {
			return err
		}
	}
	return nil
}

// lookAtPaths reads which marks stand for an interface, and removes what never was ours.
func (f *filter) lookAtPaths() error {
	f.marked, f.earlier = map[int]bool{}, nil
	elements, err := f.conn.GetSetElements(f.paths)
	if err != nil {
		return fmt.Errorf("list %s of nftables: %w", f.paths.Name, netlink.Explain(err))
	}
	var strange []nftables.SetElement
	for _, e := range elements {
		switch index := int(binary.NativeEndian.Uint32(e.Key[4:])); {
		case bytes.Equal(e.Key, pathElement(index)[0].Key):
			f.marked[index] = true
		case bytes.Equal(e.Key, markElement(netlink.EarlierMarkOf(index), index).Key):
			f.earlier = append(f.earlier, e)
		default:
			strange = append(strange, e)
		}
	}
	if strange == nil {
		return nil
	}
	return f.flush(f.conn.SetDeleteElements(f.paths, strange))
}

func indexElement(index int) []nftables.SetElement {
	return []nftables.SetElement{{Key: binaryutil.NativeEndian.PutUint32(uint32(index))}}
}
