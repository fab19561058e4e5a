package kernel

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/netns"
)

// everyRule is a list with everything that a rule can ask for.
var everyRule = &dataplane.Filter{
	Blocked: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("255.255.255.0/24"),
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("fc00::/7"),
	},
	List: &dataplane.AccessList{Name: "every", V4: true, V6: true, Rules: []dataplane.AccessRule{
		{Name: "any", Version: 4, Source: netip.MustParsePrefix("10.2.2.2/32")},
		{Name: "mask", Permit: true, Version: 4, Destination: netip.MustParsePrefix("10.255.224.0/20"), DSCP: dataplane.Octet{Value: 46, Set: true}},
		{Name: "ports", Permit: true, Version: 4, Protocol: dataplane.Octet{Value: 6, Set: true},
			SourcePorts: dataplane.Ports{From: 1024, To: 65535, Set: true}, DestinationPorts: dataplane.Ports{From: 23, To: 23, Set: true, Except: true}},
		{Name: "ping", Version: 6, Protocol: dataplane.Octet{Value: 58, Set: true}, ICMPType: dataplane.Octet{Value: 128, Set: true}, ICMPCode: dataplane.Octet{Set: true}},
		{Name: "six", Permit: true, Version: 6, Source: netip.MustParsePrefix("2001:db8::/35"), DSCP: dataplane.Octet{Value: 10, Set: true},
			Protocol: dataplane.Octet{Value: 17, Set: true}, DestinationPorts: dataplane.Ports{From: 53, To: 53, Set: true}},
	}},
}

var oneVersion = &dataplane.Filter{List: &dataplane.AccessList{Name: "four", V4: true, Rules: []dataplane.AccessRule{{Name: "all", Permit: true, Version: 4}}}}

// What the kernel has of policies is what it was given, through every change, and chains that nobody uses are gone.
func TestGuards(t *testing.T) {
	f := filterOfNewHost(t)
	known := map[string]*dataplane.Filter{chainOf(everyRule): everyRule, chainOf(oneVersion): oneVersion}
	of := func(chain string) *dataplane.Filter { return known[chain] }
	have, err := f.rebuild(nil, nil, map[int]guard{7: {anchor: chainOf(everyRule), mtu: 1360}}, of)
	must(t, err)
	for i, changes := range []map[int]guard{
		{},
		{8: {anchor: chainOf(everyRule), access: chainOf(oneVersion), mtu: 1400}, 9: {mtu: 576}},
		{7: {anchor: chainOf(oneVersion)}},
		{8: {}, 9: {}},
		{7: {}},
		{7: {access: chainOf(everyRule)}},
	} {
		now := have.after(changes)
		must(t, f.police(have, now, changes, of))
		maps.DeleteFunc(now.chains, func(_ string, uses int) bool { return uses == 0 })
		have = now
		found, err := f.guards()
		must(t, err)
		if fmt.Sprint(found) != fmt.Sprint(have) {
			t.Errorf("step %d: the kernel has %v, want %v", i, found, have)
		}
		for chain := range found.chains {
			if same, err := f.guarded(chain, known[chain]); err != nil || !same {
				t.Errorf("step %d: chain %s is not as it was made (%v)", i, chain, err)
			}
			counted := map[dataplane.MatchKey]dataplane.Matches{}
			must(t, f.matches(chain, known[chain], counted))
			if names := slices.Collect(maps.Keys(counted)); len(names) != len(known[chain].List.Rules) {
				t.Errorf("step %d: rules with counters %v", i, names)
			}
		}
		if intact, err := f.intact(); err != nil || !intact {
			t.Errorf("step %d: the rest of the table has changed (%v)", i, err)
		}
		sets, err := f.conn.GetSets(f.table)
		must(t, err)
		blocked := 0
		for _, s := range sets {
			if s.Name[:2] == "to" {
				blocked++
			}
		}
		want := 0
		if _, there := found.chains[chainOf(everyRule)]; there {
			want = 2
		}
		if blocked != want {
			t.Errorf("step %d: %d sets of blocked destinations, want %d", i, blocked, want)
		}
	}
}

// A chain that is not as it was made is found out, however little was changed.
func TestGuardsFindChanges(t *testing.T) {
	f := filterOfNewHost(t)
	chain := chainOf(everyRule)
	_, err := f.rebuild(nil, nil, map[int]guard{7: {anchor: chain}}, func(string) *dataplane.Filter { return everyRule })
	must(t, err)
	less := *everyRule.List
	less.Rules = less.Rules[1:]
	if same, err := f.guarded(chain, &dataplane.Filter{Blocked: everyRule.Blocked, List: &less}); err != nil || same {
		t.Errorf("a list without its first rule is the same: %t, %v", same, err)
	}
	if chainOf(&dataplane.Filter{Blocked: everyRule.Blocked, List: &less}) == chain {
		t.Error("two filters have one chain")
	}
}

// filterOfNewHost returns the filter of a host that has nothing else.
func filterOfNewHost(t *testing.T) *filter {
	t.Helper()
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	f, err := openFilter(h.Namespace)
	must(t, err)
	t.Cleanup(f.close)
	return f
}
