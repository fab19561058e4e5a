package match

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"mooring/dataplane"
)

// packet makes one of an IP version, with a transport header of these first octets.
func packet(from, to string, protocol uint8, transport ...byte) []byte {
	source, destination := netip.MustParseAddr(from), netip.MustParseAddr(to)
	if source.Is4() {
		b := make([]byte, 20)
		b[0], b[9] = 0x45, protocol
		copy(b[12:], source.AsSlice())
		copy(b[16:], destination.AsSlice())
		return append(b, transport...)
	}
	b := make([]byte, 40)
	b[0], b[6] = 0x60, protocol
	copy(b[8:], source.AsSlice())
	copy(b[24:], destination.AsSlice())
	return append(b, transport...)
}

func ports(source, destination uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, source), destination)
}

func set(v uint8) dataplane.Octet { return dataplane.Octet{Value: v, Set: true} }

func only(port uint16) dataplane.Ports { return dataplane.Ports{From: port, To: port, Set: true} }

// fragment4 and fragment6 make a packet a later fragment of another.
func fragment4(b []byte) []byte {
	b[7] = 1
	return b
}

func fragment6(b []byte) []byte {
	header := []byte{b[6], 0, 0, 8, 0, 0, 0, 1}
	b[6] = protoFragment
	return append(append(b[:header6:header6], header...), b[header6:]...)
}

const (
	mn, cn   = "10.2.2.2", "10.255.224.7"
	mn6, cn6 = "2001:db8::1", "2001:db8:1::1"
)

// matching is a packet, and whether a rule matches it.
type matching struct {
	what string
	rule dataplane.AccessRule
	b    []byte
	want bool
}

func checkMatching(t *testing.T, all []matching) {
	t.Helper()
	for _, c := range all {
		p := Parse(c.b)
		if got := c.rule.Version == p.version && (&rule{AccessRule: c.rule}).matches(&p); got != c.want {
			t.Errorf("%s: %t, want %t", c.what, got, c.want)
		}
	}
}

func TestACL02_Protocols(t *testing.T) {
	icmp := dataplane.AccessRule{Version: 4, Protocol: set(1)}
	checkMatching(t, []matching{
		{"any", dataplane.AccessRule{Version: 4}, packet(mn, cn, 17), true},
		{"of the other version", dataplane.AccessRule{Version: 6}, packet(mn, cn, 17), false},
		{"protocol", icmp, packet(mn, cn, 1), true},
		{"another protocol", icmp, packet(mn, cn, 17), false},
	})
}

func TestACL03_Destinations(t *testing.T) {
	network := dataplane.AccessRule{Version: 4, Permit: true, Destination: netip.MustParsePrefix("10.255.224.0/24")}
	checkMatching(t, []matching{
		{"in the network", network, packet(mn, cn, 17), true},
		{"its last address", network, packet(mn, "10.255.224.255", 17), true},
		{"beside the network", network, packet(mn, "10.255.225.7", 17), false},
		{"from the network", network, packet(cn, mn, 17), false},
	})
}

func TestACL04_Sources(t *testing.T) {
	host := dataplane.AccessRule{Version: 4, Source: netip.MustParsePrefix("10.2.2.2/32")}
	checkMatching(t, []matching{
		{"host", host, packet(mn, cn, 17), true},
		{"another host", host, packet("10.2.2.3", cn, 17), false},
		{"to the host", host, packet(cn, mn, 17), false},
	})
}

// What else a rule may have.
func TestRules(t *testing.T) {
	web := dataplane.AccessRule{Version: 4, Permit: true, Protocol: set(protoTCP), DestinationPorts: only(80)}
	deny := web
	deny.Permit = false
	web6 := dataplane.AccessRule{Version: 6, Permit: true, Protocol: set(protoTCP), DestinationPorts: only(80)}
	hop := append([]byte{protoTCP, 0, 0, 0, 0, 0, 0, 0}, ports(1, 80)...)
	marked := packet(mn, cn, 17)
	marked[1] = 46<<2 | 1
	marked6 := packet(mn6, cn6, 17)
	binary.BigEndian.PutUint16(marked6, 0x6000|46<<6)
	checkMatching(t, []matching{
		{"port", web, packet(mn, cn, protoTCP, ports(1, 80)...), true},
		{"another port", web, packet(mn, cn, protoTCP, ports(80, 1)...), false},
		{"port of another protocol", web, packet(mn, cn, 17, ports(1, 80)...), false},
		{"port in a later fragment, permitted", web, fragment4(packet(mn, cn, protoTCP, ports(1, 1)...)), true},
		{"port in a later fragment, denied", deny, fragment4(packet(mn, cn, protoTCP, ports(1, 80)...)), false},
		{"no port at all", web, packet(mn, cn, protoTCP, 0, 1), false},
		{"port, IPv6", web6, packet(mn6, cn6, protoTCP, ports(1, 80)...), true},
		{"port behind extension headers", web6, packet(mn6, cn6, protoHopByHop, hop...), true},
		{"extension header that is cut off", web6, packet(mn6, cn6, protoHopByHop, hop[:7]...), false},
		{"later fragment, IPv6", web6, fragment6(packet(mn6, cn6, protoTCP, ports(1, 1)...)), true},
		{"DSCP", dataplane.AccessRule{Version: 4, DSCP: set(46)}, marked, true},
		{"DSCP, IPv6", dataplane.AccessRule{Version: 6, DSCP: set(46)}, marked6, true},
		{"another DSCP", dataplane.AccessRule{Version: 6, DSCP: set(47)}, marked6, false},
		{"echo request", dataplane.AccessRule{Version: 4, Protocol: set(1), ICMPType: set(8), ICMPCode: set(0)}, packet(mn, cn, 1, 8, 0), true},
		{"echo reply", dataplane.AccessRule{Version: 4, Protocol: set(1), ICMPType: set(8)}, packet(mn, cn, 1, 0, 0), false},
		{"every other port", dataplane.AccessRule{Version: 4, Protocol: set(17), SourcePorts: dataplane.Ports{From: 53, To: 60, Set: true, Except: true}},
			packet(mn, cn, 17, ports(55, 1)...), false},
	})
}

// A filter decides, and counts, as the words of its type say: the first rule that matches, whatever there is of others.
func TestACL05_Order(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	addrs := []string{"10.0.0.1", "10.0.0.2", "10.0.1.1"}
	protocols := []uint8{protoTCP, 17, 1}
	for range 2000 {
		f := &dataplane.Filter{List: &dataplane.AccessList{Name: "list", V4: true}}
		for i := range random.IntN(6) {
			r := dataplane.AccessRule{Name: fmt.Sprint(i / 2), Version: 4, Permit: random.IntN(2) == 0}
			if random.IntN(2) == 0 {
				r.Source = netip.PrefixFrom(netip.MustParseAddr(addrs[random.IntN(3)]), []int{32, 24}[random.IntN(2)]).Masked()
			}
			if random.IntN(2) == 0 {
				r.Protocol = set(protocols[random.IntN(3)])
			}
			f.List.Rules = append(f.List.Rules, r)
		}
		ready := New(f, nil)
		want := map[dataplane.MatchKey]dataplane.Matches{}
		for _, r := range f.List.Rules {
			want[dataplane.MatchKey{List: "list", Rule: r.Name}] = dataplane.Matches{}
		}
		for range 5 {
			source, protocol := addrs[random.IntN(3)], protocols[random.IntN(3)]
			permits := false
			for _, r := range f.List.Rules {
				if r.Source.IsValid() && !r.Source.Contains(netip.MustParseAddr(source)) || r.Protocol.Set && r.Protocol.Value != protocol {
					continue
				}
				permits = r.Permit
				key := dataplane.MatchKey{List: "list", Rule: r.Name}
				n := want[key]
				n.Add(dataplane.Matches{Packets: 2, Octets: 30})
				want[key] = n
				break
			}
			if got := ready.Permits(packet(source, "192.0.2.1", protocol, 0, 0, 0, 0), 2, 30); got != permits {
				t.Fatalf("%s: a packet from %s of protocol %d passes: %t, want %t", f, source, protocol, got, permits)
			}
		}
		if got := New(f, ready).Matches(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s counted %v, want %v", f, got, want)
		}
	}
}

// The other IP version is none of a list's business, and blocked destinations are discarded before it is asked.
func TestFilter(t *testing.T) {
	f := New(&dataplane.Filter{
		Blocked: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")},
		List:    &dataplane.AccessList{Name: "l", V4: true, Rules: []dataplane.AccessRule{{Name: "1", Version: 4, Permit: true, Protocol: set(17)}}},
	}, nil)
	for to, want := range map[string]bool{"10.0.0.9": false, "10.0.1.9": true} {
		if got := f.Permits(packet("10.0.0.1", to, 17), 1, 20); got != want {
			t.Errorf("to %s: %t", to, got)
		}
	}
	if f.Permits(packet("10.0.0.1", "10.0.1.9", protoTCP), 1, 20) {
		t.Error("what no rule matches passes")
	}
	if !f.Permits(packet("2001:db8::1", "2001:db8::2", protoTCP), 1, 40) {
		t.Error("a list about IPv4 discards IPv6")
	}
	if got := f.Matches()[dataplane.MatchKey{List: "l", Rule: "1"}]; got.Packets != 1 {
		t.Errorf("counted %+v", got)
	}
}

func TestPermitsAllocatesNothing(t *testing.T) {
	f := New(&dataplane.Filter{List: &dataplane.AccessList{V6: true, Rules: []dataplane.AccessRule{
		{Name: "1", Version: 6, Protocol: set(17), DestinationPorts: only(53)}, {Name: "2", Version: 6, Permit: true}}}}, nil)
	b := packet("2001:db8::1", "2001:db8::2", 17, ports(1, 54)...)
	if n := testing.AllocsPerRun(100, func() { f.Permits(b, 1, 44) }); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

// FuzzPermits finds packets that a filter does not survive.
func FuzzPermits(f *testing.F) {
	f.Add(packet("10.0.0.1", "10.0.0.2", protoTCP, ports(1, 2)...))
	f.Add(fragment6(packet("2001:db8::1", "2001:db8::2", protoTCP, ports(1, 80)...)))
	f.Add(packet("2001:db8::1", "2001:db8::2", protoHopByHop, protoAuth, 0, 0, 0, 0, 0, 0, 0, protoDestination, 2))
	all := New(&dataplane.Filter{List: &dataplane.AccessList{V4: true, V6: true, Rules: []dataplane.AccessRule{
		{Name: "4", Version: 4, Protocol: set(protoTCP), DestinationPorts: only(80)}, {Name: "6", Version: 6, Protocol: set(58), ICMPType: set(128)}}}}, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || b[0]>>4 != 6 && (b[0]>>4 != 4 || len(b) < header4) || b[0]>>4 == 6 && len(b) < header6 {
			return
		}
		all.Permits(b, 1, len(b))
		ClampMSS(b, 1280, true)
	})
}
