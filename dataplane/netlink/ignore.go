package netlink

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ignore has the host keep to itself what nobody looks at among its notifications: what ApplyRoutes does, and routes and neighbours that come into
// being, but those that may stand in the place of ours. A hundred thousand of them would push out what matters.
func (h *Host) ignore(fd int) error {
	port, err := h.raw[unix.NETLINK_ROUTE].Socket.GetPid() // that neighbours are made by
	if err != nil {
		return err
	}
	const kindAt, flagsAt, portAt, attributesAt = 4, 6, 12, unix.SizeofNlMsghdr + 12 // of struct nlmsghdr, and behind struct rtmsg or ndmsg
	const route, neighbour, pass, drop = 5, 18, 27, 28
	jump := func(at int, test bpf.JumpTest, value uint32, yes, no int) bpf.Instruction {
		return bpf.JumpIf{Cond: test, Val: value, SkipTrue: uint8(yes - at - 1), SkipFalse: uint8(no - at - 1)}
	}
	return attach(fd, []bpf.Instruction{
		bpf.LoadAbsolute{Off: portAt, Size: 4},
		jump(1, bpf.JumpEqual, hostOrder32(h.batch.port), drop, 2),
		bpf.LoadAbsolute{Off: kindAt, Size: 2},
		jump(3, bpf.JumpEqual, hostOrder16(unix.RTM_NEWNEIGH), neighbour, 4),
		jump(4, bpf.JumpEqual, hostOrder16(unix.RTM_NEWROUTE), route, pass),

		bpf.LoadAbsolute{Off: flagsAt, Size: 2}, // route: one that was there is replaced, of a metric of ours
		jump(6, bpf.JumpBitsSet, hostOrder16(unix.NLM_F_REPLACE), 7, drop),
		bpf.LoadConstant{Dst: bpf.RegA, Val: attributesAt},
		bpf.LoadConstant{Dst: bpf.RegX, Val: unix.RTA_PRIORITY},
		bpf.LoadExtension{Num: bpf.ExtNetlinkAttr},
		jump(10, bpf.JumpEqual, 0, drop, 11),
		bpf.TAX{},
		bpf.LoadIndirect{Off: unix.SizeofRtAttr, Size: 4},
		jump(13, bpf.JumpEqual, hostOrder32(lastResort), pass, 14),
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: hostOrder32(1<<distanceShift - 1)},
		jump(15, bpf.JumpEqual, hostOrder32(MetricTold), pass, 16),
		jump(16, bpf.JumpEqual, hostOrder32(MetricKept), pass, 17),
		jump(17, bpf.JumpEqual, hostOrder32(metricLast), pass, drop),

		bpf.LoadAbsolute{Off: portAt, Size: 4}, // neighbour: ours, by somebody else
		jump(19, bpf.JumpEqual, hostOrder32(port), drop, 20),
		bpf.LoadConstant{Dst: bpf.RegA, Val: attributesAt},
		bpf.LoadConstant{Dst: bpf.RegX, Val: ndaProtocol},
		bpf.LoadExtension{Num: bpf.ExtNetlinkAttr},
		jump(23, bpf.JumpEqual, 0, drop, 24),
		bpf.TAX{},
		bpf.LoadIndirect{Off: unix.SizeofRtAttr, Size: 1},
		jump(26, bpf.JumpEqual, Protocol, pass, drop),

		bpf.RetConstant{Val: wholeMessage},
		bpf.RetConstant{Val: 0},
	})
}

const wholeMessage = 1 << 18 // octets

// ignoreOwn has the host keep to itself what these sockets do, by their ports.
func ignoreOwn(fd int, ports []uint32) error {
	instructions := []bpf.Instruction{bpf.LoadAbsolute{Off: 12, Size: 4}} // port, of struct nlmsghdr
	for i, port := range ports {
		instructions = append(instructions, bpf.JumpIf{Cond: bpf.JumpEqual, Val: hostOrder32(port), SkipTrue: uint8(len(ports) - i)})
	}
	return attach(fd, append(instructions, bpf.RetConstant{Val: wholeMessage}, bpf.RetConstant{Val: 0}))
}

// attach has a socket receive what a program lets pass.
func attach(fd int, program []bpf.Instruction) error {
	instructions, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	filters := make([]unix.SockFilter, len(instructions))
	for i, in := range instructions {
		filters[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]})
}

// Filters read in network order what messages have in that of the host.
func hostOrder16(v uint16) uint32 {
	return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, v)))
}

func hostOrder32(v uint32) uint32 {
	return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, v))
}
