package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Names say which interfaces are ours, to the table of nftables and to later processes. Of those that were adopted, a set of the table
// says it. Where there are none, there is no rule that asks the set, either.

// adoptee is what is remembered of an interface that was adopted, as the comment on its element.
type adoptee struct {
	before dataplane.Counters // what it had carried
	mtu    int                // that segments are to fit
}

const adoptedComment = "before: %d %d %d %d mtu %d"

func (a adoptee) String() string {
	return fmt.Sprintf(adoptedComment, a.before.RxPackets, a.before.RxOctets, a.before.TxPackets, a.before.TxOctets, a.mtu)
}

func parseAdoptee(comment string) (a adoptee) {
	fmt.Sscanf(comment, adoptedComment, &a.before.RxPackets, &a.before.RxOctets, &a.before.TxPackets, &a.before.TxOctets, &a.mtu)
	return a // of what is not to be read, it counts from 0
}

func adoptedElement(index int, a adoptee) []nftables.SetElement {
	return []nftables.SetElement{{Key: binaryutil.NativeEndian.PutUint32(uint32(index)), Comment: a.String()}}
}

func (f *filter) isAdopted(device expr.MetaKey) []expr.Any {
	return []expr.Any{&expr.Meta{Key: device, Register: reg}, &expr.Lookup{SourceRegister: reg, SetName: f.adopted.Name}}
}

// addAdopted collects elements of the set, and the set.
func (f *filter) addAdopted(all map[int]adoptee) error {
	if len(all) == 0 {
		return nil
	}
	err := f.conn.AddSet(f.adopted, nil) // it may be there
	for index, a := range all {
		err = errors.Join(err, f.conn.SetAddElements(f.adopted, adoptedElement(index, a)))
	}
	return err
}

// adopt has what an interface delivers be treated as what comes out of a tunnel.
func (f *filter) adopt(index int, a adoptee) error {
	was, is := f.adoptees[index]
	if is && was == a {
		return nil
	}
	var err error
	if is {
		err = f.conn.SetDeleteElements(f.adopted, adoptedElement(index, was))
	}
	now := map[int]adoptee{index: a}
	err = errors.Join(err, f.addAdopted(now))
	for other, a := range f.adoptees {
		if other != index {
			now[other] = a
		}
	}
	return f.changeAdopted(now, err)
}

// disown ends that.
func (f *filter) disown(index int) error {
	was, is := f.adoptees[index]
	if !is {
		return nil
	}
	now := maps.Clone(f.adoptees)
	delete(now, index)
	err := f.changeAdopted(now, f.conn.SetDeleteElements(f.adopted, adoptedElement(index, was)))
	if isAbsent(err) { // somebody has taken it away, and what is left is made whole by the next Tidy
		f.adoptees, err = now, nil
	}
	return err
}

// changeAdopted sends a change of the set, along with that of the rules that ask it where the first interface comes or the last one goes.
func (f *filter) changeAdopted(now map[int]adoptee, err error) error {
	was := f.adoptees
	f.adoptees = now
	if (len(was) == 0) != (len(now) == 0) {
		f.renewRules("prerouting", "forward")
	}
	if err = f.flush(err); err != nil {
		f.adoptees = was
	}
	return err
}

// lookAtAdopted reads the set: none where there is no table. Of interfaces that are gone, it removes them.
func (f *filter) lookAtAdopted(there []netlink.TunnelDevice) error {
	f.adoptees = nil
	if there, err := f.exists(); !there || err != nil {
		return err
	}
	sets, err := f.conn.GetSets(f.table)
	if err != nil {
		return fmt.Errorf("list sets of nftables: %w", err)
	}
	if !slices.ContainsFunc(sets, func(s *nftables.Set) bool { return s.Name == f.adopted.Name }) {
		return nil
	}
	elements, err := f.conn.GetSetElements(f.adopted)
	if err != nil {
		return fmt.Errorf("list %s of nftables: %w", f.adopted.Name, err)
	}
	f.adoptees = map[int]adoptee{}
	for _, e := range elements {
		if len(e.Key) == 4 {
			f.adoptees[int(binary.NativeEndian.Uint32(e.Key))] = parseAdoptee(e.Comment)
		}
	}
	for index := range maps.Clone(f.adoptees) {
		if !slices.ContainsFunc(there, func(d netlink.TunnelDevice) bool { return d.Index == index }) {
			err = errors.Join(err, f.disown(index))
		}
	}
	return err
}
