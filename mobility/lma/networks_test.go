package lma

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// The pools of the published example, 20.20.20.1/24 for networks of /28 and 2002:20:0:1::1/40 for networks of /64: the first has sixteen, each given once,
// the seventeenth node is refused, and what one gives back the next one gets. The second begins with the network that the example names.
func TestLMA22_LMA23_PoolsOfTheExample(t *testing.T) {
	cfg := baseConfig()
	cfg.Domain.Profiles.(scenario.Profiles)["@d1"] = &mobility.Profile{Name: "@d1", Network: "net1", Service: mobility.ServiceDual}
	for _, words := range [][]string{{"net1", "2001:db8:1::/48"}, {"net1", "20.20.20.1/24", "mobile=28"}, {"net1", "2002:20:0:1::1/40", "mobile=64"}} {
		if err := addPool(cfg.Networks, words); err != nil {
			t.Fatal(err)
		}
	}
	cfg.DeleteWait = 0
	m, now, seq := New(scenario.Start, cfg, binding.New(), 7), scenario.Start, 0
	ask := func(node int, words ...string) *wire.BindingAck {
		t.Helper()
		seq++
		words = append([]string{"from=2001:db8:a::1", "to=2001:db8:ffff::1", "pbu", fmt.Sprint("seq=", seq), fmt.Sprintf("id=mn%d@d1", node), "att=4", "hi=1", "hnp=::/0",
			fmt.Sprintf("ll=02:00:00:00:00:%02x", node), fmt.Sprintf("ts=%dms", seq)}, words...)
		arrival, err := scenario.ParseArrival(now, netip.AddrPort{}, words)
		if err != nil {
			t.Fatal(err)
		}
		in, err := arrival.Inbound()
		if err != nil {
			t.Fatal(err)
		}
		var out mobility.Effects
		m.Receive(now, in, &out)
		list := acks(t, &out)
		if len(list) != 1 {
			t.Fatalf("%d answers", len(list))
		}
		message, err := wire.Parse(list[0].Octets)
		if err != nil {
			t.Fatal(err)
		}
		return message.(*wire.BindingAck)
	}
	whole := netip.MustParsePrefix("20.20.20.0/24")
	var given []netip.Prefix
	for node := range 16 {
		ack := ask(node, "life=300s", "dmnp=0.0.0.0/0", "dmnp=::/0")
		if ack.Status != wire.StatusAccepted || len(ack.DMNPs) != 2 {
			t.Fatalf("node %d is answered %v", node, ack)
		}
		four, six := ack.DMNPs[0].Prefix, ack.DMNPs[1].Prefix
		if four.Bits() != 28 || !whole.Contains(four.Addr()) || slices.ContainsFunc(given, four.Overlaps) {
			t.Errorf("node %d has %v, after %v", node, four, given)
		}
		given = append(given, four)
		if want := fmt.Sprintf("2002:20:0:%x::/64", node+1); six.String() != want {
			t.Errorf("node %d has %v, want %s", node, six, want)
		}
	}
	if given[0].String() != "20.20.20.0/28" {
		t.Errorf("the first is %v", given[0])
	}
	if ack := ask(16, "life=300s", "dmnp=0.0.0.0/0", "dmnp=::/0"); ack.Status != wire.StatusInsufficientResources {
		t.Errorf("the seventeenth is answered %v", ack)
	}
	if ack := ask(17, "life=300s", "dmnp=::/0"); ack.Status != wire.StatusAccepted || ack.DMNPs[0].Prefix.String() != "2002:20:0:11::/64" {
		t.Errorf("one that asks for no IPv4 network is answered %v", ack)
	}
	ask(5, "life=0s")
	now = now.Add(1)
	m.Advance(now, new(mobility.Effects))
	if ack := ask(16, "life=300s", "dmnp=0.0.0.0/0"); ack.Status != wire.StatusAccepted || ack.DMNPs[0].Prefix != given[5] {
		t.Errorf("when %v is free, the seventeenth is answered %v", given[5], ack)
	}
}
