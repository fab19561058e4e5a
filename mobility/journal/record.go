package journal

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// kind is the first octet of a record. Version has to be raised with every change of meaning here or below.
type kind byte

const (
	kindMachine    kind = iota + 1 // the following records are of this machine: name, highest identifier so far
	kindRow                        // a binding, whole
	kindRenewal                    // what a refresh changes in a binding
	kindDelete                     // a binding is no more
	kindForget                     // none of the machine's bindings is any more
	kindEnd                        // of a snapshot: how many bindings it has
	kindTenantRow                  // a binding of a customer: kindRow, then the customer and its VRF; since version 2
	kindNetworkRow                 // a binding with mobile networks: kindTenantRow, whose customer may be empty, then these; since version 3
	kindPeer                       // both ends of a path that bindings of the machine go over; in files of peers alone, which older versions do not read
	kindTermsRow                   // a binding with a service, or whose home addresses are ignored: kindNetworkRow, whose list may be empty, then both; since version 4
)

// errRecord says that a frame has a good checksum and makes no sense nevertheless.
var errRecord = errors.New("a record cannot be read")

// renews says whether two versions of a binding differ in no more than a renewal carries. Whether the dataplane has the binding is not
// kept: it is asked again.
func renews(old, now *mobility.Binding) bool {
	return old.State == now.State && old.Ends == now.Ends && old.Tx == now.Tx && old.Rx == now.Rx &&
		old.Access == now.Access && old.Source == now.Source && old.Status == now.Status && old.Profile == now.Profile &&
		old.Handovers == now.Handovers && old.Refresh == now.Refresh && sameHolding(old.Holding, now.Holding)
}

func sameHolding(a, b *mobility.Holding) bool {
	return a == b || a.Node == b.Node && a.LinkID == b.LinkID && slices.Equal(a.Prefixes, b.Prefixes) && slices.Equal(a.Networks, b.Networks) && a.Home == b.Home && a.Router == b.Router &&
		a.LinkLocal == b.LinkLocal && a.Terms == b.Terms && a.Tenancy == b.Tenancy && a.Created == b.Created
}

// appendRenewal appends what renews leaves to be different.
func appendRenewal(b []byte, r *mobility.Binding) []byte {
	b = binary.AppendUvarint(append(b, byte(kindRenewal)), uint64(r.ID))
	b = binary.AppendUvarint(b, uint64(r.Lifetime))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Expires))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Updated))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Timestamp))
	b = binary.LittleEndian.AppendUint16(b, r.Sequence)
	return append(b, byte(r.Handoff))
}

func (o *octets) renew(r *mobility.Binding) {
	r.Lifetime = time.Duration(o.uvarint())
	r.Expires, r.Updated = mobility.Instant(o.uint64()), mobility.Instant(o.uint64())
	r.Timestamp, r.Sequence = wire.Timestamp(o.uint64()), o.uint16()
	r.Handoff = wire.Handoff(o.byte())
}

func appendRow(b []byte, r *mobility.Binding) []byte {
	tenant, terms, k := r.Tenant(), r.Under(), kindRow
	switch {
	case terms.APN != "" || terms.IgnoresHome:
		k = kindTermsRow
	case len(r.Networks) > 0:
		k = kindNetworkRow
	case tenant.Customer != "":
		k = kindTenantRow
	}
	b = binary.AppendUvarint(append(b, byte(k)), uint64(r.ID))
	b = appendText(b, r.Node)
	b = appendText(b, r.LinkID)
	b = appendPrefixes(b, r.Prefixes)
	b = appendAddr(appendPrefix(b, r.Home.Prefix()), r.Router.Addr())
	b = binary.LittleEndian.AppendUint64(b, uint64(r.LinkLocal))
	b = appendEnds(b, r.Ends)
	b = appendKey(appendKey(b, r.Tx), r.Rx)
	b = binary.AppendUvarint(b, uint64(r.Lifetime))
	for _, instant := range [...]mobility.Instant{r.Expires, r.Created, r.Updated} {
		b = binary.LittleEndian.AppendUint64(b, uint64(instant))
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Timestamp))
	b = appendText(appendText(appendText(b, terms.Link), tenant.Network), value(r.Profile))
	b = binary.AppendUvarint(b, uint64(r.Handovers))
	b = binary.AppendUvarint(b, uint64(r.Refresh))
	b = binary.LittleEndian.AppendUint16(b, r.Sequence)
	b = append(b, byte(r.State), byte(r.Access), byte(r.Handoff), byte(r.Source), byte(r.Status))
	if k != kindRow {
		b = appendText(appendText(b, tenant.Customer), tenant.VRF)
	}
	if k == kindNetworkRow || k == kindTermsRow {
		b = appendPrefixes(b, r.Networks)
	}
	if k == kindTermsRow {
		b = appendBool(appendText(b, terms.APN), terms.IgnoresHome)
	}
	return b
}

func (o *octets) row(k kind, id dataplane.SessionID, known *names) *mobility.Binding {
	h := &mobility.Holding{Node: mobility.NodeID(o.text()), LinkID: mobility.LinkID(o.text())}
	h.Prefixes = o.prefixes()
	h.Home, h.Router = mobility.HomeOf(o.prefix()), mobility.IPv4Of(o.addr())
	h.LinkLocal = mobility.LinkLocal(o.uint64())
	r := &mobility.Binding{ID: id, Holding: h}
	r.Ends = known.ends(o)
	r.Tx, r.Rx = o.key(), o.key()
	r.Lifetime = time.Duration(o.uvarint())
	r.Expires, h.Created, r.Updated = mobility.Instant(o.uint64()), mobility.Instant(o.uint64()), mobility.Instant(o.uint64())
	r.Timestamp = wire.Timestamp(o.uint64())
	terms := mobility.Terms{Link: known.name(o).Value()}
	tenant := mobility.Tenancy{Network: known.name(o).Value()}
	r.Profile = known.name(o)
	r.Handovers, r.Refresh = uint32(o.uvarint()), uint32(o.uvarint())
	r.Sequence = o.uint16()
	r.State, r.Access, r.Handoff = mobility.State(o.byte()), wire.AccessType(o.byte()), wire.Handoff(o.byte())
	r.Source, r.Status = mobility.ProfileSource(o.byte()), wire.Status(o.byte())
	if k != kindRow {
		tenant.Customer, tenant.VRF = known.name(o).Value(), known.name(o).Value()
	}
	switch k {
	case kindTenantRow:
		o.bad = o.bad || tenant.Customer == ""
	case kindNetworkRow:
		h.Networks = o.prefixes()
		o.bad = o.bad || len(h.Networks) == 0
	case kindTermsRow:
		h.Networks = o.prefixes()
		terms.APN, terms.IgnoresHome = known.name(o).Value(), o.bool()
	}
	h.Terms, h.Tenancy = unique.Make(terms), unique.Make(tenant)
	r.Holding = h.Gather()
	return r
}

func appendEnds(b []byte, h unique.Handle[mobility.Ends]) []byte {
	e := value(h)
	var room [256]byte
	ends := appendAddr(room[:0], e.Local)
	ends = binary.LittleEndian.AppendUint16(appendAddr(ends, e.Remote.Addr()), e.Remote.Port())
	ends = appendText(appendAddr(ends, e.CareOf), e.Peer)
	t := e.Tunnel
	ends = appendAddr(appendAddr(appendText(ends, t.VRF), t.Local), t.Peer)
	ends = append(binary.LittleEndian.AppendUint16(ends, t.Port), byte(t.Encap))
	return appendText(b, ends)
}

func (o *octets) endsOf() (e mobility.Ends) {
	e.Local = o.addr()
	remote := o.addr()
	e.Remote = netip.AddrPortFrom(remote, o.uint16())
	e.CareOf, e.Peer = o.addr(), string(o.text())
	e.Tunnel.VRF = string(o.text())
	e.Tunnel.Local, e.Tunnel.Peer = o.addr(), o.addr()
	e.Tunnel.Port, e.Tunnel.Encap = o.uint16(), dataplane.Encap(o.byte())
	return e
}

// names makes one value of what many bindings share, and finds it again by its octets.
type names struct {
	texts map[string]unique.Handle[string]
	pairs map[string]unique.Handle[mobility.Ends]
}

func newNames() *names {
	return &names{map[string]unique.Handle[string]{}, map[string]unique.Handle[mobility.Ends]{}}
}

func (n *names) name(o *octets) unique.Handle[string] {
	text := o.text()
	h, ok := n.texts[string(text)]
	if !ok {
		h = unique.Make(string(text))
		n.texts[string(text)] = h
	}
	return h
}

func (n *names) ends(o *octets) unique.Handle[mobility.Ends] {
	text := o.text()
	h, ok := n.pairs[string(text)]
	if !ok {
		within := octets{rest: text}
		h = unique.Make(within.endsOf())
		o.bad = o.bad || within.bad || len(within.rest) > 0
		n.pairs[string(text)] = h
	}
	return h
}

// value is that of a handle; the zero handle has the zero value.
func value[T comparable](h unique.Handle[T]) (v T) {
	if h != (unique.Handle[T]{}) {
		v = h.Value()
	}
	return v
}

func appendText[T ~string | ~[]byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// An address is its length and its octets; the invalid one has length 0.
func appendAddr(b []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		octets := a.As4()
		return append(append(b, 4), octets[:]...)
	case a.Is6():
		octets := a.As16()
		return append(append(b, 16), octets[:]...)
	}
	return append(b, 0)
}

func appendPrefix(b []byte, p netip.Prefix) []byte {
	return append(appendAddr(b, p.Addr()), byte(max(0, p.Bits())))
}

func appendPrefixes(b []byte, list []netip.Prefix) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, p := range list {
		b = appendPrefix(b, p)
	}
	return b
}

func appendKey(b []byte, k dataplane.Key) []byte {
	return binary.LittleEndian.AppendUint32(appendBool(b, k.Set), k.Value)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// octets is what is still to be read of a frame. Reading past the end gives zeros and sets bad.
type octets struct {
	rest []byte
	bad  bool
}

var zeros [16]byte

// take returns the next n octets.
func (o *octets) take(n int) []byte {
	if n > len(o.rest) || n < 0 {
		o.rest, o.bad = nil, true
		return zeros[:min(max(n, 0), len(zeros))]
	}
	taken := o.rest[:n]
	o.rest = o.rest[n:]
	return taken
}

func (o *octets) byte() byte     { return o.take(1)[0] }
func (o *octets) bool() bool     { return o.byte() == 1 }
func (o *octets) uint16() uint16 { return binary.LittleEndian.Uint16(o.take(2)) }
func (o *octets) uint32() uint32 { return binary.LittleEndian.Uint32(o.take(4)) }
func (o *octets) uint64() uint64 { return binary.LittleEndian.Uint64(o.take(8)) }

func (o *octets) uvarint() uint64 {
	v, n := binary.Uvarint(o.rest)
	if n <= 0 {
		o.rest, o.bad = nil, true
		return 0
	}
	o.rest = o.rest[n:]
	return v
}

// text returns octets that come with their number; they belong to the frame.
func (o *octets) text() []byte {
	n := o.uvarint()
	if n > uint64(len(o.rest)) {
		o.rest, o.bad = nil, true
		return nil
	}
	return o.take(int(n))
}

func (o *octets) addr() netip.Addr {
	switch n := o.byte(); n {
	case 0:
		return netip.Addr{}
	case 4:
		return netip.AddrFrom4([4]byte(o.take(4)))
	case 16:
		return netip.AddrFrom16([16]byte(o.take(16)))
	}
	o.rest, o.bad = nil, true
	return netip.Addr{}
}

func (o *octets) prefix() netip.Prefix {
	a := o.addr()
	p := netip.PrefixFrom(a, int(o.byte()))
	o.bad = o.bad || a.IsValid() && !p.IsValid() // longer than the address
	return p
}

// prefixes returns nil where there are none, or more than there is room for.
func (o *octets) prefixes() []netip.Prefix {
	n := o.uvarint()
	if n == 0 || n > uint64(len(o.rest)) {
		return nil
	}
	list := make([]netip.Prefix, n)
	for i := range list {
		list[i] = o.prefix()
	}
	return list
}

func (o *octets) key() dataplane.Key {
	return dataplane.Key{Set: o.bool(), Value: o.uint32()}
}
