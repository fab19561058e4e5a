package apply

import (
	"slices"
	"strings"
	"testing"
)

// inPools is an LMA with two networks that name pools.
func inPools(pools, one, two string) string {
	return `"local-pool": [` + pools + `], "domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "network": [
		{"name": "one", "named-pool": {` + one + `}}, {"name": "two", "named-pool": {` + two + `}}]}]`
}

const (
	v4pool  = `{"name": "v4pool", "range": [{"start-address": "10.0.0.250", "end-address": "10.0.0.254"}, {"start-address": "10.0.0.2", "end-address": "10.0.0.9"}]}`
	fromV4  = `"ipv4": {"name": "v4pool", "prefix-length": 24}`
	v6pool  = `{"name": "v6pool", "range": [{"start-address": "2001:db8:5::1", "end-address": "2001:db8:5:3::"}]}`
	fromV6  = `"ipv6": {"name": "v6pool", "prefix-length": 64}`
	nothing = `{"name": "empty"}`
)

// NETP-05: networks draw home addresses and prefixes from pools that are defined elsewhere, and may share one. Of a range everything is handed out; nothing of
// it is forwarded that nobody has, and nothing else is discarded.
func TestNETP05_NamedPools(t *testing.T) {
	e := shared()
	c := e.translate(t, nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {`+inPools(v4pool+","+v6pool, fromV4+","+fromV6, fromV4)+`}}`))
	one, two := c.Mobility.LMAs["l"].Networks["one"].Pools, c.Mobility.LMAs["l"].Networks["two"].Pools
	if len(one) != 3 || !slices.Equal(one[:2], two) {
		t.Fatalf("pools\n%+v\n%+v", one, two)
	}
	p, six := one[0], one[2]
	if p.Start.String() != "10.0.0.2" || p.End.String() != "10.0.0.9" || p.Unit != 32 || p.Subnet != 24 || p.Shared != "v4pool" || p.Router.String() != "10.0.0.1" {
		t.Errorf("of IPv4 %+v", p)
	}
	if six.Start.String() != "2001:db8:5::1" || six.Unit != 64 || six.Bits != 62 || six.Shared != "v6pool" {
		t.Errorf("of IPv6 %+v", six)
	}
	var holes []string
	for _, h := range c.Dataplane.Blackholes {
		holes = append(holes, h.Prefix.String())
	}
	if want := []string{"10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/31", "10.0.0.250/31", "10.0.0.252/31", "10.0.0.254/32", "2001:db8:5::/62"}; !slices.Equal(holes, want) {
		t.Errorf("discarded are %q, want %q", holes, want)
	}

	changed := e.translate(t, c, e.set(t, c.root, "/mooring-pmipv6:pmipv6/local-pool[name='v4pool']/range[start-address='10.0.0.2']/end-address", "10.0.0.20"))
	if got := changed.Mobility.LMAs["l"].Networks["two"].Pools[0].End.String(); got != "10.0.0.20" {
		t.Errorf("a range that was changed ends at %s", got)
	}
	if again := e.translate(t, changed, e.set(t, changed.root, "/mooring-pmipv6:pmipv6/lma[name='l']/hnp/maximum", "2")); again.Mobility.LMAs["l"].Networks["two"] != changed.Mobility.LMAs["l"].Networks["two"] {
		t.Error("a change that is not about pools makes other networks")
	}
}

// NETP-05: what is wrong with named pools, and what leads nowhere.
func TestNETP05_BadInput(t *testing.T) {
	named := func(network, leaf string) string {
		return "lma[name='l']/network[name='" + network + "']/named-pool/" + leaf
	}
	ranged := func(start, end string) string {
		return `{"name": "v4pool", "range": [{"start-address": "` + start + `", "end-address": "` + end + `"}]}`
	}
	expectRefusals(t, map[string][]string{
		inPools(v4pool, fromV4, fromV4):                                            nil,
		inPools(v4pool, `"ipv4": {"name": "v4pool", "prefix-length": 33}`, ""):     {named("one", "ipv4/prefix-length invalid-value")},
		inPools(v6pool, `"ipv6": {"name": "v6pool", "prefix-length": 129}`, ""):    {named("one", "ipv6/prefix-length invalid-value")},
		inPools(v4pool, `"ipv4": {"name": "v4pool", "prefix-length": 0}`, ""):      {named("one", "ipv4/prefix-length operation-failed"), named("one", "ipv4/prefix-length operation-failed")},
		inPools(v4pool, `"ipv4": {"name": "v4pool", "prefix-length": 30}`, ""):     {named("one", "ipv4/prefix-length operation-failed"), named("one", "ipv4/prefix-length operation-failed")},
		inPools(v4pool, fromV4, `"ipv4": {"name": "v4pool", "prefix-length": 16}`): {named("two", "ipv4/name operation-failed"), named("two", "ipv4/name operation-failed")},
		inPools(ranged("10.0.0.9", "10.0.0.2"), "", ""):                            {"local-pool[name='v4pool']/range[start-address='10.0.0.9']/end-address operation-failed"},
		inPools(ranged("10.0.0.9", "2001:db8::1"), "", ""):                         {"local-pool[name='v4pool']/range[start-address='10.0.0.9']/end-address operation-failed"},
		inPools(v4pool+`,{"name": "other", "range": [{"start-address": "10.0.0.9", "end-address": "10.0.0.9"}]}`, fromV4, `"ipv4": {"name": "other", "prefix-length": 24}`): {
			named("two", "ipv4/name operation-failed")},
		inPools(v6pool, `"ipv6": {"name": "v6pool", "prefix-length": 0}`, ""): {named("one", "ipv6/prefix-length operation-failed")},
	})
	e := shared()
	for pmipv6, want := range map[string][]string{
		inPools(v4pool, fromV6, fromV4):                                        {"W-REF " + named("one", "ipv6/name")},
		inPools(v4pool, `"ipv6": {"name": "v4pool", "prefix-length": 64}`, ""): {"W-MIX " + named("one", "ipv6/name")},
		inPools(v6pool, `"ipv6": {"name": "v6pool", "prefix-length": 62}`, ""): {"W-MIX " + named("one", "ipv6/prefix-length")},
		inPools(nothing, `"ipv4": {"name": "empty", "prefix-length": 24}`, ""): nil,
	} {
		_, warnings, err := e.Translate(nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {`+pmipv6+`}}`))
		got := said(warnings)
		for i := range got {
			got[i] = strings.Replace(got[i], "/mooring-pmipv6:pmipv6/", "", 1)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: warned of %q, %v; want %q", pmipv6, got, err, want)
		}
	}
}
