package kernel

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	mdnetlink "github.com/mdlayher/netlink"

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
	conn     *nftables.Conn
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
	adoptees map[int]adoptee // elements of adopted, by interface index
	accesses map[int]bool    // elements of access
}

// source is a SourceRoute as the table has it.
type source struct {
	dataplane.SourceRouteKey
	mark uint32
}

func openFilter(ns *netlink.Namespace) (*filter, error) {
	options := []nftables.ConnOption{nftables.AsLasting(), nftables.WithSockOptions(largeTransactions)}
	if ns != nil {
		options = append(options, nftables.WithNetNSFd(ns.FD()))
	}
	conn, err := nftables.New(options...)
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

// largeTransactions makes room for transactions of many messages, which are one datagram, and for the acknowledgements of them all.
func largeTransactions(conn *mdnetlink.Conn) error {
	const room = 64 << 20 // octets, which are taken when they are needed
	return errors.Join(conn.SetWriteBuffer(room), conn.SetReadBuffer(room))
}

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
	return guards, f.flush(err)
}

// drop removes the table.
func (f *filter) drop() error {
	f.conn.DelTable(f.table)
	f.adoptees, f.origins = nil, nil
	clear(f.accesses)
	return f.flush(nil)
}

// intact reports whether the rules of the table are those that rebuild makes.
func (f *filter) intact() (bool, error) {
	if there, err := f.exists(); !there || err != nil {
		return false, err
	}
	for _, name := range chainNames {
		rules, err := f.conn.GetRules(f.table, &nftables.Chain{Table: f.table, Name: name})
		switch {
		case err != nil:
			return false, fmt.Errorf("list rules of nftables: %w", netlink.Explain(err))
		case !f.same(rules, f.rules(name)):
			return false, nil
		}
	}
	return true, nil
}

// same compares rules by the fingerprints that they were given. Nobody changes a rule; it is deleted, and another one made.
func (f *filter) same(found []*nftables.Rule, want [][]expr.Any) bool {
	return slices.EqualFunc(found, want, func(r *nftables.Rule, exprs []expr.Any) bool {
		return slices.Equal(r.UserData, f.fingerprint(exprs))
	})
}

// fingerprint is a comment on a rule that says what it is made of.
func (f *filter) fingerprint(exprs []expr.Any) []byte {
	sum := sha256.New()
	for _, e := range exprs {
		b, err := expr.Marshal(byte(f.table.Family), e)
		if err != nil { // which then fails when it is sent, too
			return nil
		}
		sum.Write(b)
	}
	return userdata.AppendString(nil, userdata.TypeComment, hex.EncodeToString(sum.Sum(nil)[:8]))
}

func (f *filter) exists() (bool, error) {
	tables, err := f.conn.ListTablesOfFamily(f.table.Family)
	if err != nil {
		return false, fmt.Errorf("list tables of nftables: %w", netlink.Explain(err))
	}
	return slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == tableName }), nil
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

// flush sends what was collected as one transaction, unless there was an error before.
func (f *filter) flush(before error) error {
	if err := f.conn.Flush(); before != nil || err != nil {
		return fmt.Errorf("nftables: %w", netlink.Explain(errors.Join(before, err)))
	}
	return nil
}

func pathElement(index int) []nftables.SetElement {
	key := append(binaryutil.NativeEndian.PutUint32(netlink.MarkOf(index)), binaryutil.NativeEndian.PutUint32(uint32(index))...)
	return []nftables.SetElement{{Key: key}}
}
