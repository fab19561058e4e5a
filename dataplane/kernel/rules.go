package kernel

import (
	"errors"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// The chains, those of hooks first:
//
//	chain prerouting {
//		type filter hook prerouting priority mangle
//		iiftype != ether iifname "mt-????????????" goto arrive
//		iif @adopted goto arrive	# where there are any
//		meta mark set iifname . ip saddr map @from4-32 return	# where there are sources (sourcemap.go)
//		…
//	}
//	chain input { type filter hook input …; meta mark & MASK == UNPROVEN goto spoofed }
//	chain forward {
//		type filter hook forward …
//		@th,104,8 & syn jump lower	# of UDP, too, now and then: the chain asks for TCP
//		meta mark & MASK == UNPROVEN jump deliver
//		oiftype != ether oifname "mt-????????????" jump sent	# where prefixes are counted; also oif @adopted, where there are any
//	}
//	chain arrive {			# out of a tunnel
//		jump prove
//		meta mark & MASK == 0 jump received	# where prefixes are counted
//		@th,104,8 & syn == 0 return
//		tcp flags syn tcp option maxseg size set iif map @mss4, and @mss6
//	}
//	chain lower { tcp flags syn tcp option maxseg size set oif map @mss4, and @mss6 }	# into one
//	chain prove {			# an anchor's node: the way back leads into the same tunnel
//		meta mark set 0
//		fib saddr . iif oif exists goto admit
//		meta mark set UNPROVEN
//	}
//	chain deliver {			# a gateway's node: what it sends goes into the same tunnel
//		jump homeward
//		meta mark . iif @paths goto receive
//		goto spoofed
//	}
//	chain homeward { meta mark set oifname . ip daddr map @from4-32 return … }
//	chain admit { iif vmap @anchors }		# policies, each a chain of its own (acl.go)
//	chain receive { iif vmap @gateways }
//	chain received { iifgroup . ip saddr @rx4-32 return … }	# counters of prefixes (lane.go)
//	chain sent { oifgroup . ip daddr @tx4-32 return … }
//	chain spoofed {			# what is discarded is counted (drops.go)
//		iif @access goto unbound
//		meta sdif != 0 add @spoofed { meta sdif } drop
//		add @spoofed { iif } drop
//		drop
//	}
//	chain unbound, chain filtered: the same, of the last two rules
var chainNames = []string{"prerouting", "input", "forward", "arrive", "lower", "prove", "deliver", "homeward", "admit", "receive", "received", "sent",
	unboundName, spoofedName, filteredName}

// rules returns the rules of a chain.
func (f *filter) rules(chain string) [][]expr.Any {
	suspect := isMark(netlink.MarkUnproven) // and from a tunnel: in a VRF, the interface has become the vrf interface by then
	switch chain {
	case "prerouting": // what most packets pass through: as few rules as possible
		arrive := []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: "arrive"}}
		rules := [][]expr.Any{concat(isTunnel(expr.MetaKeyIIFNAME, expr.MetaKeyIIFTYPE), arrive)}
		if len(f.adoptees) > 0 {
			rules = append(rules, concat(f.isAdopted(expr.MetaKeyIIF), arrive))
		}
		return append(rules, f.markRules(expr.MetaKeyIIFNAME, sourceOf)...)
	case "arrive":
		rules := [][]expr.Any{jump("prove"), concat(isMark(0), jump("received")),
			concat(hasSYN(expr.CmpOpEq), []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}),
			clamp(4, expr.MetaKeyIIF, f.mss4.Name), clamp(6, expr.MetaKeyIIF, f.mss6.Name)}
		if len(f.lanes) == 0 {
			rules = slices.Delete(rules, 1, 2)
		}
		return rules
	case "lower":
		return [][]expr.Any{clamp(4, expr.MetaKeyOIF, f.mss4.Name), clamp(6, expr.MetaKeyOIF, f.mss6.Name)}
	case "input":
		return [][]expr.Any{concat(suspect, gotoChain(spoofedName))}
	case "forward":
		rules := [][]expr.Any{concat(hasSYN(expr.CmpOpNeq), jump("lower")), concat(suspect, jump("deliver"))}
		if len(f.lanes) > 0 {
			rules = append(rules, concat(isTunnel(expr.MetaKeyOIFNAME, expr.MetaKeyOIFTYPE), jump("sent")))
		}
		if len(f.lanes) > 0 && len(f.adoptees) > 0 {
			rules = append(rules, concat(f.isAdopted(expr.MetaKeyOIF), jump("sent")))
		}
		return rules
	case "homeward":
		return f.markRules(expr.MetaKeyOIFNAME, destinationOf)
	case "received", "sent":
		return f.countRules(chain)
	case unboundName, spoofedName, filteredName:
		return f.discardRules(chain)
	case "admit":
		return [][]expr.Any{choose(f.anchors.Name)}
	case "receive":
		return [][]expr.Any{choose(f.gateways.Name)}
	case "prove":
		return [][]expr.Any{
			setMark(0),
			{
				&expr.Fib{Register: reg, FlagSADDR: true, FlagIIF: true, ResultOIF: true, FlagPRESENT: true},
				&expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: []byte{1}},
				&expr.Verdict{Kind: expr.VerdictGoto, Chain: "admit"},
			},
			setMark(netlink.MarkUnproven),
		}
	}
	return [][]expr.Any{
		jump("homeward"),
		{
			&expr.Meta{Key: expr.MetaKeyMARK, Register: reg32}, &expr.Meta{Key: expr.MetaKeyIIF, Register: reg32 + 1},
			&expr.Lookup{SourceRegister: reg32, SetName: f.paths.Name}, &expr.Verdict{Kind: expr.VerdictGoto, Chain: "receive"},
		},
		gotoChain(spoofedName),
	}
}

var hooks = map[string]*nftables.ChainHook{
	"prerouting": nftables.ChainHookPrerouting, "input": nftables.ChainHookInput, "forward": nftables.ChainHookForward,
}

// chain is one of chainNames.
func (f *filter) chain(name string) *nftables.Chain {
	chain := &nftables.Chain{Name: name, Table: f.table}
	if hook := hooks[name]; hook != nil {
		chain.Type, chain.Hooknum, chain.Priority = nftables.ChainTypeFilter, hook, nftables.ChainPriorityMangle
	}
	return chain
}

// addRules collects the chains and their rules.
func (f *filter) addRules() {
	for _, name := range chainNames { // all, before a rule jumps to one
		f.conn.AddChain(f.chain(name))
	}
	for _, name := range chainNames {
		f.addRulesTo(name)
	}
}

func (f *filter) addRulesTo(chain string) {
	for _, r := range f.rules(chain) {
		f.conn.AddRule(&nftables.Rule{Table: f.table, Chain: &nftables.Chain{Name: chain, Table: f.table}, Exprs: r, UserData: f.fingerprint(r)})
	}
}

// renewRules makes the rules of chains anew, by the next transaction.
func (f *filter) renewRules(chains ...string) {
	for _, chain := range chains {
		f.conn.FlushChain(&nftables.Chain{Name: chain, Table: f.table})
		f.addRulesTo(chain)
	}
}

// Registers: the first of 16 octets, and the same as the first of those of 4, which concatenations use.
const (
	reg   = unix.NFT_REG_1
	reg32 = unix.NFT_REG32_00
)

// isTunnel matches names of the length of nameOf that begin like it, and no Ethernet: an interface of somebody else's that is called so by chance.
// A set of our interfaces would say it exactly, and cost a transaction for each of them.
func isTunnel(name, kind expr.MetaKey) []expr.Any {
	last, none := make([]byte, unix.IFNAMSIZ), make([]byte, unix.IFNAMSIZ)
	last[len(dataplane.TunnelPrefix)+dataplane.TunnelDigits-1] = 0xff
	return []expr.Any{ // the type first: nearly all packets of others are through with that
		&expr.Meta{Key: kind, Register: reg},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: binaryutil.NativeEndian.PutUint16(unix.ARPHRD_ETHER)},
		&expr.Meta{Key: name, Register: reg},
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: []byte(dataplane.TunnelPrefix)},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: unix.IFNAMSIZ, Mask: last, Xor: none},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: none},
	}
}

// isMark matches a mark whatever others have made of the bits that are not ours.
func isMark(mark uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: reg},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(netlink.MarkMask), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: binaryutil.NativeEndian.PutUint32(mark)},
	}
}

func setMark(mark uint32) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: reg, Data: binaryutil.NativeEndian.PutUint32(mark)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: reg},
	}
}

func jump(chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: chain}}
}

type field bool

const (
	sourceOf      field = false
	destinationOf field = true
)

func concat(parts ...[]expr.Any) (all []expr.Any) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func isAbsent(err error) bool { return errors.Is(err, unix.ENOENT) }

func isPresent(err error) bool { return errors.Is(err, unix.EEXIST) }
