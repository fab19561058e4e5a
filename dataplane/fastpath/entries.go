package fastpath

import (
	"net/netip"

	"mooring/dataplane"
)

// Keys and values of the maps, as tunnel.bpf.c lays them out.

// Table is a table of routes.
type Table uint32

// The tables besides those of access devices, whose numbers are the devices' interface indexes.
const (
	TableNodes  Table = 0          // all nodes of access devices, by their own address: what comes back to them
	TableAnchor Table = 0xffffffff // the nodes behind tunnels
)

// address holds IPv4 in the first four octets.
type address [16]byte

func toAddress(a netip.Addr) (b address) {
	copy(b[:], a.AsSlice())
	return b
}

func version(a netip.Addr) uint32 {
	if a.Is4() {
		return 4
	}
	return 6
}

type routeKey struct {
	Length  uint32
	Table   Table
	Version uint32
	Node    address
}

const exactBits = 64 // of table and version, in front of the prefix

func keyOf(table Table, p netip.Prefix) routeKey {
	return routeKey{uint32(exactBits + p.Bits()), table, version(p.Addr()), toAddress(p.Masked().Addr())}
}

type routeValue struct {
	Tunnel       uint32
	Device       uint32
	Tx, Rx       uint32
	HasTx, HasRx uint8
	_            [2]byte
	Account      uint32
}

func valueOf(r Route) routeValue {
	v := routeValue{Tunnel: r.Tunnel, Device: uint32(r.Device), Tx: r.Tx.Value, Rx: r.Rx.Value, Account: r.Account}
	if r.Tx.Set {
		v.HasTx = 1
	}
	if r.Rx.Set {
		v.HasRx = 1
	}
	return v
}

type peer struct {
	Local, Remote address
	Version       uint32
	Encap         uint32
}

func peerOf(id dataplane.TunnelID) peer {
	return peer{toAddress(id.Local), toAddress(id.Peer), version(id.Local), uint32(id.Encap)}
}

type tunnelValue struct {
	Ends     peer
	MTU      uint32
	Underlay uint32
	Whole    uint32
}

type traffic struct {
	RxPackets, RxOctets, TxPackets, TxOctets uint64
}
