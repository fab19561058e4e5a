package netlink

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ignore has the host keep to itself what nobody looks at among its notifications: routes and neighbours that come into being, and what
// ApplyRoutes does. A hundred thousand of them would push out what matters.
func (h *Host) ignore(fd int) error {
	return attach(fd, []bpf.Instruction{ // of struct nlmsghdr
		bpf.LoadAbsolute{Off: 4, Size: 2}, // type
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: hostOrder16(unix.RTM_NEWROUTE), SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: hostOrder16(unix.RTM_NEWNEIGH), SkipTrue: 3},
		bpf.LoadAbsolute{Off: 12, Size: 4}, // port
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: hostOrder32(h.batch.port), SkipTrue: 1},
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
