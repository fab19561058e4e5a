package attach

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// snapLength is how much of a frame is looked at: all of a DHCP message, and enough of anything else.
const snapLength = 2048

// maxWatched bounds the filter: it compares with one node after the other. On a link with more nodes, new ones are noticed by what
// they say to the gateway only.
const maxWatched = 32

var (
	pass   = bpf.RetConstant{Val: snapLength}
	ignore = bpf.RetConstant{}
)

// incoming is the part of the filter that asks the host about the frame: what the host itself sends is ignored, and so is what
// belongs to a VLAN, which is an interface of its own.
func incoming() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipFalse: 1},
		ignore,
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 3},
		bpf.LoadExtension{Num: bpf.ExtVLANTag},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x0fff, SkipFalse: 1}, // VLAN 0 is only a priority
		ignore,
	}
}

// interesting lets pass what a node says to a gateway (ARP, neighbour discovery, multicast listener discovery, DHCP), and the data of nodes
// that are not known. A busy node must not wake us with every packet.
func interesting(known []dataplane.MAC) []bpf.Instruction {
	const etherType, ip = 12, 14 // offsets
	ipv6 := []bpf.Instruction{
		bpf.LoadAbsolute{Off: ip + 6, Size: 1}, // next header
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_HOPOPTS, SkipFalse: 3},
		bpf.LoadAbsolute{Off: ip + 40, Size: 1}, // next header of that
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMPV6, SkipFalse: 6},
		pass,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMPV6, SkipFalse: 4},
		bpf.LoadAbsolute{Off: ip + 40, Size: 1}, // type: 131 to 137 are listener and neighbour discovery
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 131, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 137, SkipTrue: 1},
		pass,
	}
	ipv4 := []bpf.Instruction{
		bpf.LoadAbsolute{Off: ip + 9, Size: 1}, // protocol
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipFalse: 6},
		bpf.LoadAbsolute{Off: ip + 6, Size: 2}, // fragment offset
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 4},
		bpf.LoadMemShift{Off: ip},                              // length of the header
		bpf.LoadIndirect{Off: ip + 2, Size: 2},                 // destination port
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 67, SkipFalse: 1}, // DHCP server
		pass,
	}
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: etherType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipFalse: 1},
		pass,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipTrue: 1},
		ignore,
		bpf.Jump{Skip: uint32(len(ipv6)) + 1},
	}
	program = append(program, ipv6...)
	program = append(program, bpf.Jump{Skip: uint32(len(ipv4))})
	program = append(program, ipv4...)
	return append(program, strangers(known)...)
}

// strangers lets pass what does not come from a known node.
func strangers(known []dataplane.MAC) []bpf.Instruction {
	if len(known) > maxWatched {
		return []bpf.Instruction{ignore}
	}
	var program []bpf.Instruction
	for _, mac := range known {
		program = append(program,
			bpf.LoadAbsolute{Off: 8, Size: 4}, // the four lower octets of the source
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(mac[2:]), SkipFalse: 3},
			bpf.LoadAbsolute{Off: 6, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(binary.BigEndian.Uint16(mac[:])), SkipFalse: 1},
			ignore,
		)
	}
	return append(program, pass)
}
