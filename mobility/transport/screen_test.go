package transport

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// machine runs the filter as the host does: in Go, on a packet that begins with its IP header, and with a random number of choice.
type machine struct {
	t       *testing.T
	program []bpf.Instruction
}

func machineOf(t *testing.T, s *mobility.Screen, ipv4 bool) machine {
	t.Helper()
	raw, err := program(s, ipv4)
	must(t, err)
	instructions, known := bpf.Disassemble(raw)
	if !known {
		t.Fatalf("the filter has unknown instructions: %v", raw)
	}
	return machine{t, instructions}
}

func (m machine) passes(from netip.Addr, random uint32) bool {
	m.t.Helper()
	program := slices.Clone(m.program)
	for i, in := range program {
		switch in := in.(type) {
		case bpf.LoadAbsolute:
			in.Off -= networkHeader
			program[i] = in
		case bpf.LoadExtension:
			if in.Num != bpf.ExtRand {
				m.t.Fatalf("instruction %d: %v", i, in)
			}
			program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: random}
		}
	}
	vm, err := bpf.NewVM(program)
	must(m.t, err)
	packet := make([]byte, 40) // a header of IPv6 is the longest
	at := 8
	if from.Is4() {
		at = 12
	}
	copy(packet[at:], from.AsSlice())
	n, err := vm.Run(packet)
	must(m.t, err)
	if n != 0 && n != wholeMessage {
		m.t.Fatalf("%d octets of a message pass", n)
	}
	return n != 0
}

// The filter decides as the screen says, whoever the senders are: about them, about their neighbours and about anybody.
func TestFilterDoesWhatTheScreenSays(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	shares := []float64{1, 1, 1, 0.5, 0.001, 0}
	for range 60 {
		var addresses []netip.Addr
		for range rnd.IntN(400) {
			addresses = append(addresses, anyAddress(rnd))
		}
		s := &mobility.Screen{Others: shares[rnd.IntN(len(shares))]}
		for _, p := range mobility.Prefixes(addresses, 1+rnd.IntN(mobility.MostSenders)) {
			s.Senders = append(s.Senders, mobility.Sender{Prefix: p, Share: shares[rnd.IntN(len(shares))]})
		}
		filters := map[bool]machine{true: machineOf(t, s, true), false: machineOf(t, s, false)}
		try := func(from netip.Addr) {
			share := s.Share(from)
			for _, random := range []uint32{0, 1<<32 - 1, uint32(share * (1<<32 - 1)), rnd.Uint32()} {
				want := share == 1 || float64(random) < share*(1<<32)
				if got := filters[from.Is4()].passes(from, random); got != want {
					t.Fatalf("%v, of which %v passes, with %#x: %t\n%v", from, share, random, got, s)
				}
			}
		}
		for range 20 {
			try(anyAddress(rnd))
			if len(addresses) > 0 {
				one := addresses[rnd.IntN(len(addresses))]
				for _, near := range []netip.Addr{one, one.Next(), one.Prev()} {
					if near.IsValid() {
						try(near)
					}
				}
			}
		}
	}
}

// anyAddress is one among many neighbours, or of its own.
func anyAddress(rnd *rand.Rand) netip.Addr {
	var octets [16]byte
	binary.BigEndian.PutUint64(octets[:], rnd.Uint64())
	binary.BigEndian.PutUint64(octets[8:], rnd.Uint64())
	switch rnd.IntN(6) {
	case 0:
		return netip.AddrFrom16(octets)
	case 1:
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: octets[0] % 4, 15: octets[1]})
	case 2:
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8 + octets[0]%2, 8: octets[1] % 4, 11: octets[2] % 4, 15: octets[3] % 8})
	case 3:
		return netip.AddrFrom4([4]byte(octets[:4]))
	}
	return netip.AddrFrom4([4]byte{10, 0, octets[0] % 4, octets[1]})
}

// As many senders as there may be fit into a filter, wherever they are.
func TestFilterHasRoomForTheSenders(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	s := &mobility.Screen{Others: 0.1}
	for range mobility.MostSenders {
		var octets [16]byte
		binary.BigEndian.PutUint64(octets[:], rnd.Uint64())
		binary.BigEndian.PutUint64(octets[8:], rnd.Uint64())
		for _, a := range []netip.Addr{netip.AddrFrom16(octets), netip.AddrFrom4([4]byte(octets[:4]))} {
			s.Senders = append(s.Senders, mobility.Sender{Prefix: netip.PrefixFrom(a, a.BitLen()), Share: rnd.Float64()})
		}
	}
	slices.SortFunc(s.Senders, func(a, b mobility.Sender) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	for _, ipv4 := range []bool{true, false} {
		filter, err := program(s, ipv4)
		must(t, err)
		t.Logf("IPv4 %t: %d instructions for %d senders", ipv4, len(filter), mobility.MostSenders)
	}
}

// Over either protocol, what known senders send arrives as a whole while nothing of others does, or a part; when the screen is gone, all does.
func TestScreenKeepsStrangersAway(t *testing.T) {
	const strangers, each = 10, 10 // a socket has room for all of them
	for _, family := range []struct{ name, local, known, stranger string }{{"IPv4", a4, b4, "192.0.2.1%02d"}, {"IPv6", a6, b6, "2001:db8::1%02d"}} {
		t.Run(family.name, func(t *testing.T) {
			w := cable(t)
			senders := []string{family.known}
			for i := range strangers {
				senders = append(senders, fmt.Sprintf(family.stranger, i))
				bits := map[bool]string{true: "/24", false: "/64"}[family.name == "IPv4"]
				must(t, w.b.Address("eth0", senders[i+1]+bits))
			}
			a, b := sockets(t, w.a), sockets(t, w.b)
			listenAt(t, a, family.local)
			listenAt(t, b, senders...)
			acquaint(t, b, a, family.known, family.local)

			at, known := addresses(family.local)[0], netip.MustParseAddr(family.known)
			seq := uint32(0)
			// arrive has each sender send some messages, and returns how many of others have come when all of the known one have, and wanted of theirs.
			arrive := func(wanted int) (others int) {
				t.Helper()
				seq++
				for range each {
					for _, from := range senders {
						b.Send([]mobility.Datagram{heartbeat(t, from, family.local, seq)})
					}
				}
				for own := 0; own < each || others < wanted; {
					select {
					case batch := <-a.Batches():
						for _, in := range batch.In {
							switch message, ok := in.Message.(*wire.Heartbeat); {
							case !ok:
								t.Errorf("%v: %v", in.From, in.Err)
							case message.Seq != seq: // of an earlier turn, late
							case in.From.Addr.Addr() == known:
								own++
							default:
								others++
							}
						}
						batch.Release()
					case <-time.After(30 * time.Second):
						t.Fatalf("%d of %d messages of the known sender arrive, %d of others", own, each, others)
					}
				}
				return others
			}
			screen := &mobility.Screen{Senders: []mobility.Sender{{Prefix: netip.PrefixFrom(known, known.BitLen()), Share: 1}}}
			a.Screen(at, screen)
			if n := arrive(0); n > 0 {
				t.Errorf("%d messages of others arrive, want none", n)
			}
			if family.name == "IPv4" { // of raw sockets the host does not count it
				for deadline := time.Now().Add(30 * time.Second); statusOf(t, a, family.local).Overrun != strangers*each; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("%d messages are counted as kept away, want %d", statusOf(t, a, family.local).Overrun, strangers*each)
					}
				}
			}
			a.Screen(at, &mobility.Screen{Senders: screen.Senders, Others: 0.5})
			arrive(1)
			a.Screen(at, nil)
			arrive(strangers * each)
			a.Screen(at, nil)
			a.Screen(addresses("192.0.2.99")[0], screen) // nobody listens there
		})
	}
}
