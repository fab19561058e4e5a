package kernel

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// aclRule is a rule of nftables that an access rule became.
type aclRule struct {
	exprs []expr.Any
	name  string // of the access rule; empty: it stands for none
}

// filterRules returns the rules of a filter's chain. What comes to their end, or returns, passes.
func filterRules(content *dataplane.Filter, blocked4, blocked6 string) (rules []aclRule) {
	if blocked4 != "" {
		rules = append(rules, aclRule{exprs: concat(isVersion(4), address(4, destinationOf), isIn(blocked4), discard())})
	}
	if blocked6 != "" {
		rules = append(rules, aclRule{exprs: concat(isVersion(6), address(6, destinationOf), isIn(blocked6), discard())})
	}
	list := content.List
	if list == nil {
		return rules
	}
	pass := []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
	if !list.V4 {
		rules = append(rules, aclRule{exprs: concat(isVersion(4), pass)})
	}
	if !list.V6 {
		rules = append(rules, aclRule{exprs: concat(isVersion(6), pass)})
	}
	for i := range list.Rules {
		r := &list.Rules[i]
		verdict := discard()
		if r.Permit {
			verdict = pass
		}
		count := []expr.Any{&expr.Counter{}}
		rules = append(rules, aclRule{concat(matchHeader(r), matchTransport(r), count, verdict), r.Name})
		if r.Permit && r.HasTransport() {
			rules = append(rules, aclRule{concat(matchHeader(r), isLaterFragment(r.Version), count, verdict), r.Name})
		}
	}
	return append(rules, aclRule{exprs: discard()})
}

func discard() []expr.Any { return gotoChain(filteredName) }

// matchHeader compares what IP says.
func matchHeader(r *dataplane.AccessRule) []expr.Any {
	all := isVersion(r.Version)
	if r.Source.IsValid() {
		all = append(all, concat(address(r.Version, sourceOf), isWithin(r.Source))...)
	}
	if r.Destination.IsValid() {
		all = append(all, concat(address(r.Version, destinationOf), isWithin(r.Destination))...)
	}
	if r.DSCP.Set {
		all = append(all, isDSCP(r.Version, r.DSCP.Value)...)
	}
	if r.Protocol.Set {
		all = append(all, isProtocol(r.Protocol.Value)...)
	}
	return all
}

// matchTransport compares what stands behind IP.
func matchTransport(r *dataplane.AccessRule) (all []expr.Any) {
	for i, p := range []dataplane.Ports{r.SourcePorts, r.DestinationPorts} {
		if !p.Set {
			continue
		}
		op := expr.CmpOpEq
		if p.Except {
			op = expr.CmpOpNeq
		}
		all = append(all, transport(uint32(i*2), 2), // RFC 768, RFC 9293 section 3.1
			&expr.Range{Op: op, Register: reg, FromData: binaryutil.BigEndian.PutUint16(p.From), ToData: binaryutil.BigEndian.PutUint16(p.To)})
	}
	for i, o := range []dataplane.Octet{r.ICMPType, r.ICMPCode} {
		if o.Set {
			all = append(all, transport(uint32(i), 1), isEqual(o.Value)) // RFC 792, RFC 4443 section 2.1
		}
	}
	return all
}

func isVersion(version uint8) []expr.Any {
	family := byte(unix.NFPROTO_IPV4)
	if version == 6 {
		family = unix.NFPROTO_IPV6
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg}, isEqual(family)}
}

func isProtocol(n uint8) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg}, isEqual(n)}
}

func isEqual(data ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: data} }

func isNotZero(mask ...byte) []expr.Any {
	zero := make([]byte, len(mask))
	return []expr.Any{masked(mask), &expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: zero}}
}

func masked(mask []byte) expr.Any {
	return &expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))}
}

func isIn(set string) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: reg, SetName: set}}
}

// address loads an address of a packet of an IP version.
func address(version uint8, which field) []expr.Any {
	offset, size := uint32(12), uint32(4) // RFC 791 section 3.1
	if version == 6 {
		offset, size = 8, 16 // RFC 8200 section 3
	}
	if which == destinationOf {
		offset += size
	}
	return []expr.Any{network(offset, size)}
}

func network(offset, size uint32) expr.Any {
	return &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size}
}

func transport(offset, size uint32) expr.Any {
	return &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: size}
}

func isWithin(p netip.Prefix) []expr.Any {
	mask := make([]byte, len(p.Addr().AsSlice()))
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return []expr.Any{masked(mask), isEqual(p.Masked().Addr().AsSlice()...)}
}

// isDSCP compares the upper six bits of the octet behind the first four bits, or eight.
func isDSCP(version, value uint8) []expr.Any {
	if version == 4 {
		return []expr.Any{network(1, 1), masked([]byte{0xfc}), isEqual(value << 2)}
	}
	return []expr.Any{network(0, 2), masked([]byte{0x0f, 0xc0}), isEqual(binary.BigEndian.AppendUint16(nil, uint16(value)<<6)...)}
}

func isLaterFragment(version uint8) []expr.Any {
	if version == 4 {
		return concat([]expr.Any{network(6, 2)}, isNotZero(0x1f, 0xff))
	}
	load := &expr.Exthdr{DestRegister: reg, Type: unix.IPPROTO_FRAGMENT, Offset: 2, Len: 2, Op: expr.ExthdrOpIpv6} // RFC 8200 section 4.5
	return concat([]expr.Any{load}, isNotZero(0xff, 0xf8))
}

// Of the header of TCP (RFC 9293 section 3.1), and the option of segment sizes (section 3.2).
const (
	flagsOffset = 13
	flagSYN     = 0x02
	optionMSS   = 2
)

// clamp lowers the maximum segment size of TCP handshakes to what a map has of the interface.
func clamp(version uint8, device expr.MetaKey, sizes string) []expr.Any {
	return concat(isVersion(version), isProtocol(unix.IPPROTO_TCP), hasSYN(expr.CmpOpNeq), []expr.Any{
		&expr.Meta{Key: device, Register: reg},
		&expr.Lookup{SourceRegister: reg, DestRegister: reg, IsDestRegSet: true, SetName: sizes},
		&expr.Exthdr{SourceRegister: reg, Type: optionMSS, Offset: 2, Len: 2, Op: expr.ExthdrOpTcpopt}, // which never makes it larger
	})
}

// hasSYN compares with 0 what would be the SYN flag in TCP. It is the cheapest question that nearly no packet passes.
func hasSYN(op expr.CmpOp) []expr.Any {
	return []expr.Any{transport(flagsOffset, 1), masked([]byte{flagSYN}), &expr.Cmp{Op: op, Register: reg, Data: []byte{0}}}
}

// choose goes to the chain that a map has of the interface that a packet came by.
func choose(chains string) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIF, Register: reg},
		&expr.Lookup{SourceRegister: reg, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true, SetName: chains},
	}
}
