package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"mooring/mobility"
)

// A Screen is a socket filter (classic BPF): the host asks it about each message before the socket gets it. It needs no privilege.

// program returns the filter that does to the messages of an IP version what a screen says.
func program(screen *mobility.Screen, ipv4 bool) ([]bpf.RawInstruction, error) {
	a := assembler{source: atSource6}
	senders := screen.Senders
	ipv6, _ := slices.BinarySearchFunc(senders, netip.IPv6Unspecified(), func(s mobility.Sender, a netip.Addr) int { return s.Prefix.Addr().Compare(a) })
	if senders = senders[ipv6:]; ipv4 {
		a.source, senders = atSource4, screen.Senders[:ipv6]
	}
	a.drop, a.pass = a.emit(bpf.RetConstant{}), a.emit(bpf.RetConstant{Val: wholeMessage})
	a.sender(senders, 0, a.share(screen.Others))
	slices.Reverse(a.reversed)
	instructions, err := bpf.Assemble(a.reversed)
	if err == nil && len(instructions) > mostInstructions {
		err = fmt.Errorf("%d instructions, and the host takes %d", len(instructions), mostInstructions)
	}
	return instructions, err
}

const (
	networkHeader = 1<<32 - 0x100000 // SKF_NET_OFF of linux/filter.h: where that begins, whatever the socket is told of it
	atSource4     = networkHeader + 12
	atSource6     = networkHeader + 8

	wholeMessage     = 1 << 18 // octets
	mostInstructions = 4096    // BPF_MAXINSNS of linux/bpf_common.h
)

// assembler writes a program from its end to its beginning: jumps lead forwards only, so that where they lead is always there already.
type assembler struct {
	reversed   []bpf.Instruction
	source     uint32 // offset of the source address
	drop, pass label
	shares     map[float64]label
}

// label is an instruction that can be jumped to: how many were there before it.
type label int

func (a *assembler) emit(in bpf.Instruction) label {
	a.reversed = append(a.reversed, in)
	return label(len(a.reversed) - 1)
}

// skip is how many instructions the next one has to skip to go on at to.
func (a *assembler) skip(to label) int { return len(a.reversed) - int(to) - 1 }

// branch goes on at yes or at no. A conditional jump has eight bits.
func (a *assembler) branch(cond bpf.JumpTest, val uint32, yes, no label) label {
	for _, target := range []*label{&yes, &no} {
		if a.skip(*target) >= math.MaxUint8 { // the other one's jump may still come between
			*target = a.emit(bpf.Jump{Skip: uint32(a.skip(*target))})
		}
	}
	return a.emit(bpf.JumpIf{Cond: cond, Val: val, SkipTrue: uint8(a.skip(yes)), SkipFalse: uint8(a.skip(no))})
}

// share lets a part of the messages pass.
func (a *assembler) share(part float64) label {
	if at, ok := a.shares[part]; ok {
		return at
	}
	if a.shares == nil {
		a.shares = map[float64]label{0: a.drop, 1: a.pass}
	}
	if at, ok := a.shares[part]; ok {
		return at
	}
	below := uint32(min(math.Ceil(part*(1<<32)), math.MaxUint32))
	a.branch(bpf.JumpLessThan, below, a.pass, a.drop)
	a.shares[part] = a.emit(bpf.LoadExtension{Num: bpf.ExtRand})
	return a.shares[part]
}

// span is values of a word of the address that go on at the same instruction.
type span struct {
	first, last uint32
	to          label
}

// sender looks up whose address it is, from one of its words of 32 bits on; who is none of the senders goes on at others.
func (a *assembler) sender(senders []mobility.Sender, word int, others label) label {
	var spans []span
	for len(senders) > 0 {
		first := senders[0]
		value, n := wordOf(first.Prefix, word), 1
		next := span{first: value, last: value}
		if left := first.Prefix.Bits() - 32*word; left <= 32 {
			next.last |= uint32(1<<(32-left) - 1)
			next.to = a.share(first.Share)
		} else {
			for n < len(senders) && wordOf(senders[n].Prefix, word) == value {
				n++
			}
			next.to = a.sender(senders[:n], word+1, others)
		}
		senders = senders[n:]
		if last := len(spans) - 1; last >= 0 && spans[last].to == next.to && spans[last].last+1 == next.first {
			spans[last].last = next.last
		} else {
			spans = append(spans, next)
		}
	}
	a.search(spans, others)
	return a.emit(bpf.LoadAbsolute{Off: a.source + uint32(4*word), Size: 4})
}

func wordOf(p netip.Prefix, word int) uint32 {
	return binary.BigEndian.Uint32(p.Addr().AsSlice()[4*word:])
}

// search finds the span of what was loaded, by halves.
func (a *assembler) search(spans []span, others label) label {
	switch len(spans) {
	case 0:
		return a.emit(bpf.Jump{Skip: uint32(a.skip(others))})
	case 1:
		s := spans[0]
		if s.first == s.last {
			return a.branch(bpf.JumpEqual, s.first, s.to, others)
		}
		return a.branch(bpf.JumpGreaterOrEqual, s.first, a.branch(bpf.JumpGreaterThan, s.last, others, s.to), others)
	}
	half := len(spans) / 2
	right := a.search(spans[half:], others)
	left := a.search(spans[:half], others)
	return a.branch(bpf.JumpGreaterOrEqual, spans[half].first, right, left)
}

// Screen has the socket of an address take in what a screen says, nil for everything. What the host cannot do is logged, and leaves what was before.
func (s *Sockets) Screen(at Address, screen *mobility.Screen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.open[at]; one != nil {
		one.setScreen(screen, s.Log)
	}
}

// setScreen attaches the filter that does what a screen says, or takes away what is there.
func (s *socket) setScreen(screen *mobility.Screen, log *slog.Logger) {
	var wanted []bpf.RawInstruction
	var err error
	if screen != nil {
		wanted, err = program(screen, s.Addr.Is4())
	}
	if err == nil && !slices.Equal(wanted, s.filter) {
		if err = attach(s.raw, wanted); err == nil {
			s.filter = wanted
		}
	}
	if err != nil && !s.unfiltered {
		log.Warn("cannot keep away what senders that are not known flood an address with", "address", s.Address, "error", err)
	}
	s.unfiltered = err != nil
}

// attach has a socket get what a program lets pass; without instructions, everything.
func attach(c syscall.RawConn, program []bpf.RawInstruction) error {
	filters := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filters[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	var err error
	failed := c.Control(func(fd uintptr) {
		if len(filters) == 0 {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
			return
		}
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]})
	})
	return errors.Join(failed, err)
}
