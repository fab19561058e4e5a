package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
)

// Sources are in maps that are hash tables, one for each length of prefix in use, which are asked from the longest on, as prefixes that are
// counted (lane.go): what it takes to change one does not grow with their number. A map stays as long as the table.

const originPrefix = "from"

func (l lane) sourceMapName() string { return originPrefix + l.suffix() }

// sourceMaps are those of these lengths.
func (f *filter) sourceMaps(lanes []lane) (all []*nftables.Set) {
	for _, l := range lanes {
		all = append(all, f.sourceMap(l))
	}
	return all
}

func (f *filter) sourceMap(l lane) *nftables.Set {
	return &nftables.Set{Table: f.table, Name: l.sourceMapName(), Concatenation: true, IsMap: true,
		KeyType: nftables.MustConcatSetType(nftables.TypeIFName, l.addrType()), DataType: nftables.TypeMark}
}

// withLanesOf adds the lengths that sources have, the longest first.
func withLanesOf(lanes []lane, sources []source) []lane {
	all := slices.Clone(lanes)
	for _, s := range sources {
		if l := laneOf(s.Source); !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, byLength)
	return all
}

// markRules set the mark by the maps of sources; of an address that is in none, the mark stays. What has got its mark leaves the chain.
func (f *filter) markRules(device expr.MetaKey, which field) (rules [][]expr.Any) {
	for _, l := range f.origins {
		load := l.load(which, nameLen/4)
		load = slices.Insert(load, len(isVersion(l.version)), expr.Any(&expr.Meta{Key: device, Register: reg32}))
		rules = append(rules, append(load,
			&expr.Lookup{SourceRegister: reg32, DestRegister: reg, IsDestRegSet: true, SetName: l.sourceMapName()},
			&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: reg}, &expr.Verdict{Kind: expr.VerdictReturn}))
	}
	return rules
}

// change makes changes of sources in one transaction.
func (f *filter) change(changes []sourceChange) error {
	var gone, come []source
	for _, c := range changes {
		if c.old.mark != 0 {
			gone = append(gone, source{c.key, c.old.mark})
		}
		if c.now.mark != 0 {
			come = append(come, source{c.key, c.now.mark})
		}
	}
	was := f.origins
	err := f.addOrigins(withLanesOf(was, come))
	err = f.flush(errors.Join(err, f.queue(gone, f.conn.SetDeleteElements), f.queue(come, f.conn.SetAddElements)))
	if err != nil {
		f.origins = was
	}
	return err
}

// addOrigins adds maps, and the rules that ask them, to the next transaction.
func (f *filter) addOrigins(now []lane) (err error) {
	was := f.origins
	if f.origins = now; len(now) == len(was) {
		return nil
	}
	for _, l := range now {
		if !slices.Contains(was, l) {
			err = errors.Join(err, f.conn.AddSet(f.sourceMap(l), nil))
		}
	}
	f.renewRules("prerouting", "homeward")
	return err
}

// queue adds messages about sources to the next transaction.
func (f *filter) queue(sources []source, message func(*nftables.Set, []nftables.SetElement) error) (err error) {
	parts := map[lane][]nftables.SetElement{}
	for _, s := range sources {
		l := laneOf(s.Source)
		parts[l] = append(parts[l], s.element())
	}
	for l, part := range parts {
		for some := range slices.Chunk(part, elementsAtOnce) {
			err = errors.Join(err, message(f.sourceMap(l), some))
		}
	}
	return err
}

// sources lists the elements of all maps. A table that is not there has none.
func (f *filter) sources() ([]source, error) {
	if there, err := f.exists(); !there || err != nil {
		return nil, err
	}
	var all []source
	for _, l := range f.origins {
		elements, err := f.conn.GetSetElements(f.sourceMap(l))
		if err != nil {
			return nil, fmt.Errorf("list %s of nftables: %w", l.sourceMapName(), netlink.Explain(err))
		}
		for _, e := range elements {
			if s, ok := l.parseSource(e); ok {
				all = append(all, s)
			}
		}
	}
	return all, nil
}

// element is the source as its map has it.
func (s source) element() nftables.SetElement {
	return nftables.SetElement{Key: append(interfaceName(s.Link), s.Source.Masked().Addr().AsSlice()...), Val: binaryutil.NativeEndian.PutUint32(s.mark)}
}

func (l lane) parseSource(e nftables.SetElement) (s source, ok bool) {
	if len(e.Key) <= nameLen || len(e.Val) != 4 {
		return s, false
	}
	addr, ok := netip.AddrFromSlice(e.Key[nameLen:])
	s.Link, s.Source = unix.ByteSliceToString(e.Key[:nameLen]), netip.PrefixFrom(addr, l.bits)
	s.mark = binary.NativeEndian.Uint32(e.Val)
	return s, ok
}

const nameLen = unix.IFNAMSIZ

func interfaceName(name string) []byte {
	b := make([]byte, nameLen)
	copy(b, name)
	return b
}
