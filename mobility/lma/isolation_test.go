package lma

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// tenants are customers with the same pools, the same nodes and MAGs of the same addresses; one of them has no pools and one uses two VRFs.
var tenants = []*mobility.Customer{
	{Name: "CUST1", VRF: "VRF1", Networks: samePools("net1"), Transports: []mobility.VRFAddr{{VRF: "SP1", Addr: address("15.15.15.2")}, {VRF: "SP2", Addr: address("15.15.15.2")}}},
	{Name: "CUST2", VRF: "VRF2", Networks: samePools("net2"), Transports: []mobility.VRFAddr{{VRF: "SP1", Addr: address("16.16.16.2")}}},
	{Name: "CUST3", VRF: "VRF3", Unauthorized: true, Transports: []mobility.VRFAddr{{VRF: "SP1", Addr: address("17.17.17.2")}}},
}

func address(s string) netip.Addr { return netip.MustParseAddr(s) }

func samePools(name string) map[string]*mobility.Network {
	return map[string]*mobility.Network{name: {Name: name, Pools: []mobility.Pool{
		{Start: address("10.10.10.1"), Bits: 29, Unit: 32},
		{Start: address("2001:db8:a::"), Bits: 61, Unit: 64},
	}}}
}

// serving is the configuration of an anchor with some of the tenants, and one more so that there are always some.
func serving(customers ...*mobility.Customer) *mobility.LMA {
	cfg := baseConfig()
	cfg.Domain.Profiles.(scenario.Profiles)["@any"] = &mobility.Profile{Name: "@any", Service: mobility.ServiceDual}
	cfg.Heartbeat = mobility.Heartbeat{Interval: 40 * time.Second, Retries: 1, Timeout: 5 * time.Second}
	cfg.Customers = map[string]*mobility.Customer{"none": {Name: "none", VRF: "VRF9"}}
	for _, c := range customers {
		cfg.Customers[c.Name] = c
	}
	return cfg
}

// An anchor with customers does for each of them what an anchor of their own would do, whatever the others do: it answers the same, tells the
// dataplane the same, and ends the same.
func TestMLL19_CustomersDoNotNoticeEachOther(t *testing.T) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 19))
		now := scenario.Start
		shared := New(now, serving(tenants...), binding.New(), 0)
		var alone []*Machine
		for _, c := range tenants {
			alone = append(alone, New(now, serving(c), binding.New(), 0))
		}
		gone := -1
		for step := range 4000 {
			var got mobility.Effects
			var want []string
			each := func(of int, do func(m *Machine, out *mobility.Effects)) {
				var out mobility.Effects
				do(alone[of], &out)
				want = append(want, effectLines(&out)...)
			}
			switch kind := rnd.IntN(50); {
			case kind == 0:
				gone = rnd.IntN(len(tenants)+1) - 1
				left := slices.DeleteFunc(slices.Clone(tenants), func(c *mobility.Customer) bool { return gone >= 0 && c == tenants[gone] })
				shared.Reconfigure(now, serving(left...), &got)
				for i := range tenants {
					cfg := serving(tenants[i])
					if i == gone {
						cfg = serving()
					}
					each(i, func(m *Machine, out *mobility.Effects) { m.Reconfigure(now, cfg, out) })
				}
			case kind < 12:
				now = now.Add(time.Duration(rnd.IntN(4000)) * time.Millisecond)
				for at, ok := shared.Deadline(); ok && at.Before(now); at, ok = shared.Deadline() {
					shared.Advance(at, &got)
					for i := range tenants {
						each(i, func(m *Machine, out *mobility.Effects) { m.Advance(at, out) })
					}
				}
			default:
				of := rnd.IntN(len(tenants))
				from, to, m := anyMessage(rnd, now, tenants[of])
				shared.Receive(now, arriving(t, from, to, m), &got)
				each(of, func(machine *Machine, out *mobility.Effects) { machine.Receive(now, arriving(t, from, to, m), out) })
			}
			slices.Sort(want)
			if lines := effectLines(&got); !slices.Equal(lines, want) {
				t.Fatalf("seed %d, step %d:\n%s\nalone:\n%s", seed, step, strings.Join(lines, "\n"), strings.Join(want, "\n"))
			}
		}
		for i, c := range tenants {
			if n := len(slices.Collect(alone[i].table.All())); i != gone && (n == 0 || len(shared.customers[c.Name].bindings) != n) {
				t.Errorf("seed %d: %s has %d bindings, alone %d", seed, c.Name, len(shared.customers[c.Name].bindings), n)
			}
		}
	}
}

// anyMessage is something that a MAG of a customer may send.
func anyMessage(rnd *rand.Rand, now time.Time, c *mobility.Customer) (from, to mobility.Endpoint, m wire.Message) {
	at := c.Transports[rnd.IntN(len(c.Transports))]
	mag := netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + rnd.IntN(3))})
	from = mobility.Endpoint{VRF: at.VRF, Addr: netip.AddrPortFrom(mag, mobility.ControlPort)}
	to = mobility.Endpoint{VRF: at.VRF, Addr: netip.AddrPortFrom(at.Addr, mobility.ControlPort)}
	node := wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: fmt.Appendf(nil, "mn%d@any", rnd.IntN(5))})
	switch rnd.IntN(12) {
	case 0:
		r := &wire.Revocation{Flags: wire.RevocationP, Seq: uint16(rnd.IntN(100)), Trigger: wire.TriggerUserInitiated}
		r.MNID = node
		return from, to, r
	case 1:
		return from, to, &wire.RevocationAck{Flags: wire.RevocationP, Seq: uint16(60_000 + rnd.IntN(10))} // of none: numbers differ
	case 2:
		return from, to, &wire.Heartbeat{Seq: uint32(rnd.IntN(100))}
	}
	u := &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP, Seq: uint16(rnd.IntN(1000)), Lifetime: wire.Lifetime(15 * rnd.IntN(4))}
	u.MNID, u.Timestamp = node, wire.Some(wire.TimestampOf(now))
	u.Handoff, u.AccessType = wire.Some(wire.Handoff(1+rnd.IntN(5))), wire.Some(wire.Access80211)
	if rnd.IntN(2) == 0 {
		u.LinkLayerID = wire.Some(wire.LinkLayerID{2, 0, 0, 0, 0, byte(rnd.IntN(2))})
	}
	if n := rnd.IntN(10); n < 8 {
		p := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0xa, 7: byte(n)}), 64)
		if n > 4 {
			p = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		u.HNPs = []wire.HNP{{Prefix: p}}
	}
	if n := rnd.IntN(10); n < 8 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 10, 10, byte(8 + n)}), 29)
		if n > 4 {
			p = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		}
		u.IPv4HoARequests = []wire.IPv4HoARequest{{Prefix: p}}
	}
	return from, to, u
}

func arriving(t *testing.T, from, to mobility.Endpoint, m wire.Message) *mobility.Inbound {
	in, err := scenario.Arrival{From: from.Addr, To: to.Addr, VRF: to.VRF, Message: m}.Inbound()
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// counted are what an anchor numbers for all customers together: its sessions and its revocations.
var counted = regexp.MustCompile(`^session \d+|BRI seq \d+`)

// effectLines are effects as sorted lines.
func effectLines(e *mobility.Effects) []string {
	var b strings.Builder
	scenario.Render(&b, e)
	text := strings.TrimSuffix(b.String(), "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = counted.ReplaceAllString(lines[i], "")
	}
	slices.Sort(lines)
	return lines
}
