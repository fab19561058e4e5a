package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// A node asks by ARP for its default router, and for what else it takes to be on its link: all of that is behind the tunnel (RFC 5844 section 3.2.3.2,
// RFC 1027). The kernel answers, too, so that a node may ask while there is no process. A question gets the mark of the loopback interface: what has that is
// for the host itself, whatever address it is for, and of its own addresses a host says that they are at the interface that was asked (docs/adr/0495).
//
//	table arp mooring {
//		set nodes { type ifname . ipv4_addr }	# sources that are one address
//		set own { type ifname . ipv4_addr . ipv4_addr }
//		chain input {
//			type filter hook input priority filter
//			arp operation request iifname . arp saddr ip . arp daddr ip @own return	# to the node, an answer would be a conflict (RFC 5227)
//			arp operation request iifname . arp saddr ip @nodes meta mark set MARK
//		}
//	}
//
// Only sources that lead into a tunnel of the kernel are in it: what else a node sends goes nowhere without a process.
type answers struct {
	filter     *filter // which shares its connection
	table      *nftables.Table
	nodes, own *nftables.Set
	input      *nftables.Chain
	led        bool // the mark is
	whole      bool // all is there for the sources that are known
	lacking    bool // the kernel has no such tables
}

// hookARPIn is where the kernel takes in ARP (NF_ARP_IN of linux/netfilter_arp.h).
const hookARPIn nftables.ChainHook = 0

func newAnswers(f *filter) *answers {
	a := &answers{filter: f, table: &nftables.Table{Name: tableName, Family: nftables.TableFamilyARP}}
	a.nodes = &nftables.Set{Table: a.table, Name: "nodes", Concatenation: true, KeyType: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIPAddr)}
	a.own = &nftables.Set{Table: a.table, Name: "own", Concatenation: true,
		KeyType: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIPAddr, nftables.TypeIPAddr)}
	a.input = &nftables.Chain{Name: "input", Table: a.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookRef(hookARPIn), Priority: nftables.ChainPriorityFilter}
	return a
}

// rules are those of the chain. The kernel has looked at the lengths of addresses before (net/ipv4/arp.c of Linux).
func (a *answers) rules() [][]expr.Any {
	const operation, sender, target, request = 6, 14, 24, 1 // of an ARP packet (RFC 826), with addresses of Ethernet and IPv4
	load := func(to, offset, length uint32) expr.Any {
		return &expr.Payload{DestRegister: to, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}
	}
	asks := []expr.Any{
		load(reg, operation, 2),
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: binaryutil.BigEndian.PutUint16(request)},
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg32},
		load(reg32+nameLen/4, sender, 4),
	}
	return [][]expr.Any{
		concat(asks, []expr.Any{
			load(reg32+nameLen/4+1, target, 4),
			&expr.Lookup{SourceRegister: reg32, SetName: a.own.Name}, &expr.Verdict{Kind: expr.VerdictReturn},
		}),
		concat(asks, []expr.Any{&expr.Lookup{SourceRegister: reg32, SetName: a.nodes.Name}}, setMark(netlink.MarkOf(netlink.Loopback))),
	}
}

// asks reports whether a source is an address, which a node may ask from.
func asks(s dataplane.SourceRouteKey) bool { return s.Source.Addr().Is4() && s.Source.IsSingleIP() }

// elements are those of nodes and own.
func (a *answers) elements(keys []dataplane.SourceRouteKey) (nodes, own []nftables.SetElement) {
	for _, key := range keys {
		if asks(key) {
			addr := key.Source.Addr().AsSlice()
			node := append(interfaceName(key.Link), addr...)
			nodes = append(nodes, nftables.SetElement{Key: node})
			own = append(own, nftables.SetElement{Key: append(bytes.Clone(node), addr...)})
		}
	}
	return nodes, own
}

// queue adds messages about elements to the next transaction.
func (a *answers) queue(keys []dataplane.SourceRouteKey, message func(*nftables.Set, []nftables.SetElement) error) (err error) {
	for some := range slices.Chunk(keys, elementsAtOnce) {
		nodes, own := a.elements(some)
		if len(nodes) > 0 {
			err = errors.Join(err, message(a.nodes, nodes), message(a.own, own))
		}
	}
	return err
}

// change has questions of nodes be answered from now on, and of others no more.
func (a *answers) change(come, gone []dataplane.SourceRouteKey) error {
	return a.filter.flush(errors.Join(
		a.queue(come, a.filter.conn.SetAddElements),
		a.queue(gone, a.filter.conn.SetAddElements), a.queue(gone, a.filter.conn.SetDeleteElements), // what is not there cannot be deleted
	))
}

// rebuild makes the table anew.
func (a *answers) rebuild(keys []dataplane.SourceRouteKey) error {
	a.filter.conn.AddTable(a.table) // so that there is one to delete
	a.filter.conn.DelTable(a.table)
	a.filter.conn.AddTable(a.table)
	err := errors.Join(a.filter.conn.AddSet(a.nodes, nil), a.filter.conn.AddSet(a.own, nil))
	a.filter.conn.AddChain(a.input)
	for _, r := range a.rules() {
		a.filter.conn.AddRule(&nftables.Rule{Table: a.table, Chain: a.input, Exprs: r, UserData: a.filter.fingerprint(r)})
	}
	return a.filter.flush(errors.Join(err, a.queue(keys, a.filter.conn.SetAddElements)))
}

// find returns the table as it is on the host; nil where there is none.
func (a *answers) find() (*nftables.Table, error) {
	tables, err := a.filter.conn.ListTablesOfFamily(a.table.Family)
	if err != nil {
		return nil, fmt.Errorf("list tables of nftables: %w", netlink.Explain(err))
	}
	if i := slices.IndexFunc(tables, func(t *nftables.Table) bool { return t.Name == tableName }); i >= 0 {
		return tables[i], nil
	}
	return nil, nil
}

// intact reports whether the table is what rebuild makes.
func (a *answers) intact(keys []dataplane.SourceRouteKey) (bool, error) {
	table, err := a.find()
	if table == nil || table.Flags != 0 || err != nil {
		return false, err
	}
	chains, err := a.filter.conn.ListChainsOfTableFamily(a.table.Family)
	if err != nil {
		return false, fmt.Errorf("list chains of nftables: %w", netlink.Explain(err))
	}
	chains = slices.DeleteFunc(chains, func(c *nftables.Chain) bool { return c.Table.Name != tableName })
	if len(chains) != 1 || chains[0].Name != a.input.Name || !isHookedAs(chains[0], a.input) {
		return false, nil
	}
	rules, err := a.filter.conn.GetRules(a.table, a.input)
	if err != nil {
		return false, fmt.Errorf("list rules of nftables: %w", netlink.Explain(err))
	}
	if !a.filter.same(rules, a.rules()) {
		return false, nil
	}
	nodes, own := a.elements(keys)
	same, err := a.filter.sameElements(a.nodes, nodes)
	if same && err == nil {
		same, err = a.filter.sameElements(a.own, own)
	}
	return same, err
}

// drop removes the table.
func (a *answers) drop() error {
	a.filter.conn.DelTable(a.table)
	if err := a.filter.flush(nil); !isAbsent(err) {
		return err
	}
	return nil
}

// asking lists the sources that nodes ask from.
func (c *Carrier) asking() (keys []dataplane.SourceRouteKey) {
	for key := range c.sources {
		if asks(key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// lookAtAnswers finds out whether the kernel answers the nodes that are known, and whether somebody has seen to it that it does not.
func (c *Carrier) lookAtAnswers() (news bool, err error) {
	a, keys := c.places[""].answers, c.asking()
	was := a.whole
	if a.whole = false; len(keys) == 0 || a.lacking {
		return false, nil
	}
	whole, err := a.intact(keys)
	if err != nil && !isAbsent(err) { // it has gone meanwhile
		return false, err
	}
	a.whole = whole && a.led
	return was && !a.whole, nil
}

// changeAnswers follows a change of sources. What the kernel refuses is tried again with the next one, and by Tidy: meanwhile, the process answers.
func (c *Carrier) changeAnswers(changes []sourceChange) {
	var come, gone []dataplane.SourceRouteKey
	for _, change := range changes {
		switch {
		case !asks(change.key):
		case change.now.mark == 0:
			gone = append(gone, change.key)
		case change.old.mark == 0:
			come = append(come, change.key)
		}
	}
	a := c.places[""].answers
	if len(come)+len(gone) == 0 || a.lacking {
		return
	}
	var err error
	if a.whole {
		err = a.change(come, gone)
		a.whole = err == nil
	} else {
		err = c.renewAnswers()
	}
	if err != nil {
		c.log.Warn("the kernel cannot be told whose ARP to answer", "error", err)
	}
}

// renewAnswers has the kernel answer all nodes that are known, unless it does.
func (c *Carrier) renewAnswers() error {
	a, keys := c.places[""].answers, c.asking()
	if a == nil || a.whole || a.lacking || len(keys) == 0 {
		return nil
	}
	if err := c.places[""].host.SteerMark("lo", netlink.Loopback); err != nil {
		return err
	}
	a.led = true
	err := a.rebuild(keys)
	if errors.Is(err, unix.EOPNOTSUPP) {
		a.lacking = true
		c.log.Warn("this kernel does not answer the ARP of nodes while there is no process, it lacks CONFIG_NF_TABLES_ARP", "error", err)
		return c.places[""].host.UnsteerMark(netlink.Loopback)
	}
	a.whole = err == nil
	return err
}

// dropAnswers has the kernel answer nobody.
func (c *Carrier) dropAnswers() error {
	a := c.places[""].answers
	table, err := a.find()
	if err != nil { // a host without nftables has none
		return nil
	}
	if a.whole = false; table != nil {
		err = a.drop()
	}
	if err == nil && a.led {
		err = c.places[""].host.UnsteerMark(netlink.Loopback)
		a.led = err != nil
	}
	return err
}
