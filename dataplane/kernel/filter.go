package kernel

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// tableName is of our table in the family inet. Nobody else may have one of that name.
const tableName = netlink.FilterTable

// filter is the table that keeps out what must not pass, and marks what nodes send with the path that it goes into:
//
//	map from4-32, …          interface . prefix : mark    SourceRoutes (sourcemap.go)
//	set paths                mark . interface index       the devices that marks stand for
//	set access               interface index              the devices that sources have led to
//	map anchors, gateways    interface index : chain      policies, for what comes out of the device (guard.go)
//	map mss4, mss6           interface index : size       of TCP's segments, where policies clamp it
//	set rx4-32, tx6-64, …    interface group . prefix     counters of prefixes (lane.go)
//	set adopted              interface index              tunnels that somebody else has made, where there are any (adopted.go)
//	set unbound, spoofed, …  interface index              counters of what is discarded (drops.go)
//
// Its rules (rules.go) are as many, however many bindings there are.
type filter struct {
	conn     *conn
	table    *nftables.Table
	origins  []lane // prefixes of sources
	paths    *nftables.Set
	access   *nftables.Set
	anchors  *nftables.Set
	gateways *nftables.Set
	mss4     *nftables.Set
	mss6     *nftables.Set
	lanes    []lane // prefixes that are counted (lane.go)
	tallies  *netlink.Tallies

	adopted  *nftables.Set
	adoptees map[int]adoptee       // elements of adopted, by interface index
	accesses map[int]bool          // elements of access
	marked   map[int]bool          // elements of paths, as Look has found them
	earlier  []nftables.SetElement // those of marks that an earlier version has set (earlier.go)
}

// source is a SourceRoute as the table has it.
type source struct {
	dataplane.SourceRouteKey
	mark uint32
}

func openFilter(ns *netlink.Namespace) (*filter, error) {
	conn, err := openConn(ns)
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	tallies, err := netlink.OpenTallies(ns)
	if err != nil {
		return nil, errors.Join(err, conn.CloseLasting())
	}
	f := &filter{conn: conn, tallies: tallies, accesses: map[int]bool{}, table: &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}}
	f.paths = &nftables.Set{Table: f.table, Name: "paths", Concatenation: true,
		KeyType: nftables.MustConcatSetType(nftables.TypeMark, nftables.TypeIFIndex)}
	f.access = &nftables.Set{Table: f.table, Name: "access", KeyType: nftables.TypeIFIndex}
	f.adopted = &nftables.Set{Table: f.table, Name: "adopted", KeyType: nftables.TypeIFIndex}
	for name, m := range map[string]**nftables.Set{"anchors": &f.anchors, "gateways": &f.gateways} {
		*m = &nftables.Set{Table: f.table, Name: name, IsMap: true, KeyType: nftables.TypeIFIndex, DataType: nftables.TypeVerdict}
	}
	for name, m := range map[string]**nftables.Set{"mss4": &f.mss4, "mss6": &f.mss6} {
		*m = &nftables.Set{Table: f.table, Name: name, IsMap: true, KeyType: nftables.TypeIFIndex, DataType: nftables.TypeInetService}
	}
	return f, nil
}

// ports are those of all that changes the table.
func (f *filter) ports() []uint32 { return []uint32{f.conn.port, f.tallies.Port()} }

func (f *filter) close() {
	f.conn.CloseLasting()
	f.tallies.Close()
}

// rebuild replaces the whole table, in one transaction: there is no moment without rules. Nothing is counted by prefix yet.
func (f *filter) rebuild(sources []source, paths []int, devices map[int]guard, of contents) (*guards, error) {
	f.conn.AddTable(f.table) // so that there is one to delete
	f.conn.DelTable(f.table)
	f.conn.AddTable(f.table)
	f.origins = withLanesOf(f.origins, sources)
	var err error
	for _, set := range slices.Concat(f.sourceMaps(f.origins), []*nftables.Set{f.paths, f.access}, f.guardMaps(), f.dropSets()) {
		err = errors.Join(err, f.conn.AddSet(set, nil))
	}
	err = errors.Join(err, f.addSets(f.lanes), f.addAdopted(f.adoptees))
	f.addRules()
	err = errors.Join(err, f.queue(sources, f.conn.SetAddElements))
	for _, index := range paths {
		err = errors.Join(err, f.conn.SetAddElements(f.paths, pathElement(index)))
	}
	for index := range f.accesses {
		err = errors.Join(err, f.conn.SetAddElements(f.access, indexElement(index)))
	}
	guards := newGuards()
	for index, g := range devices {
		guards.set(index, g)
	}
	for chain := range guards.chains {
		err = errors.Join(err, f.addFilter(chain, of(chain)))
	}
	for index, g := range devices {
		err = errors.Join(err, f.replaceGuard(index, guard{}, g))
	}
	if err = f.flush(err); err != nil {
		return nil, lackingRules(err)
	}
	f.conn.unsure = false
	return guards, nil
}

// drop removes the table.
func (f *filter) drop() error {
	f.conn.DelTable(f.table)
	f.adoptees, f.origins = nil, nil
	clear(f.accesses)
	return f.flush(nil)
}

func (f *filter) exists() (bool, error) {
	table, err := f.find()
	return table != nil, err
}

// find returns the table as it is on the host; nil where there is none.
func (f *filter) find() (*nftables.Table, error) {
	tables, err := f.conn.ListTablesOfFamily(f.table.Family)
	if err != nil {
		return nil, fmt.Errorf("list tables of nftables: %w", netlink.Explain(err))
	}
	for _, t := range tables {
		if t.Name == tableName {
			return t, nil
		}
	}
	f.conn.unsure = false
	return nil, nil
}

// addPath and removePath say that a mark stands for the device of this index.
func (f *filter) addPath(index int) error {
	err := f.flush(errors.Join(f.conn.SetAddElements(f.paths, pathElement(index)), f.conn.SetAddElements(f.access, indexElement(index))))
	if err == nil {
		f.accesses[index] = true
	}
	return err
}

func (f *filter) removePath(index int) error {
	err := f.flush(f.conn.SetDeleteElements(f.paths, pathElement(index)))
	if isAbsent(err) {
		return nil
	}
	return err
}

// leads reports whether the mark of an interface stands for it, as Look has found.
func (f *filter) leads(index int) bool { return f.marked[index] && f.accesses[index] }

// flush sends what was collected as one transaction, unless there was an error before.
func (f *filter) flush(before error) error {
	if before != nil { // the library cannot forget what it has collected: the host refuses all of it
		f.conn.DelTable(&nftables.Table{Name: tableName + "-none", Family: f.table.Family})
	}
	err := f.conn.Flush()
	if before != nil {
		err = before
	}
	if err != nil {
		return fmt.Errorf("nftables: %w", netlink.Explain(err))
	}
	return nil
}

func pathElement(index int) []nftables.SetElement {
	return []nftables.SetElement{markElement(netlink.MarkOf(index), index)}
}

func markElement(mark uint32, index int) nftables.SetElement {
	return nftables.SetElement{Key: append(binaryutil.NativeEndian.PutUint32(mark), binaryutil.NativeEndian.PutUint32(uint32(index))...)}
}
