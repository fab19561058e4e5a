package apply

import (
	"fmt"
	"strings"
	"testing"

	"mooring/server/tree"
)

// withLists is a document of access lists, and of an LMA and a MAG with what their containers tunnel have.
func withLists(acls, lma, mag string) string {
	return `{"ietf-access-control-list:acls": {"acl": [` + acls + `]},
		"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}],
		"lma": [{"name": "l", "domain": "d", "address": {"ipv4": ["192.0.2.1"], "ipv6": ["2001:db8::1"]}, "tunnel": {` + lma + `}, "network": [{"name": "n", "pool": {
			"mobile-node": {"ipv4": {"start-address": "10.0.0.1", "pool-prefix": 24}, "ipv6": {"start-address": "2001:db8:1::", "pool-prefix": 48}}}}]}],
		"mag": [{"name": "m", "domain": "d", "address": {"ipv4": "192.0.2.9"}, "tunnel": {` + mag + `}}]}}`
}

const (
	accept = `"actions": {"forwarding": "ietf-access-control-list:accept"}`
	drop   = `"actions": {"forwarding": "ietf-access-control-list:drop"}`
	ofIPv4 = `"type": "ietf-access-control-list:ipv4-acl-type"`
)

// acl1 is the list of the published example: a host is kept out, the rest is let in.
const acl1 = `{"name": "acl1", ` + ofIPv4 + `, "aces": {"ace": [
	{"name": "10", "matches": {"ipv4": {"source-ipv4-network": "10.2.2.2/32"}}, ` + drop + `},
	{"name": "20", "matches": {"ipv4": {"destination-ipv4-network": "10.255.224.0/24"}}, ` + accept + `}]}}`

func policiesOf(c *Config) (lines []string) {
	for _, p := range c.Dataplane.Policies {
		lines = append(lines, p.String())
	}
	return lines
}

// ACL-01, ACL-02, ACL-03, ACL-04, ACL-05, TUN-01, TUN-02 and TUN-03: what the containers tunnel and the lists they refer to are for the ends of tunnels.
func TestPolicies(t *testing.T) {
	e := shared()
	const rules = ` list "acl1" ipv4; "10" deny ipv4 from 10.2.2.2/32 to any; "20" permit ipv4 from any to 10.255.224.0/24`
	for _, c := range []struct {
		acls, lma, mag string
		want           []string
	}{
		{acl1, ``, ``, nil},
		{acl1, `"clamp-mss": false, "block-inter-mag": false`, ``, nil},
		{acl1, `"acl": "acl1"`, ``, []string{"policy anchor 2001:db8::1" + rules, "policy anchor 192.0.2.1" + rules}},
		{acl1, `"block-inter-mag": true, "acl": "acl1"`, ``, []string{"policy anchor 2001:db8::1 block 10.0.0.0/24 2001:db8:1::/48" + rules,
			"policy anchor 192.0.2.1 block 10.0.0.0/24 2001:db8:1::/48" + rules}},
		{``, `"clamp-mss": true`, `"clamp-mss": true`, []string{"policy anchor 2001:db8::1 clamp mss", "policy anchor 192.0.2.1 clamp mss", "policy access 192.0.2.9 clamp mss"}},
		{acl1, ``, `"acl": "acl1"`, []string{"policy access 192.0.2.9" + rules}}, // INC-17
		{`{"name": "b", "aces": {"ace": [
			{"name": "web", "matches": {"tcp": {"destination-port": {"port": 80}}}, ` + accept + `},
			{"name": "ping", "matches": {"icmp": {"type": 8}}, ` + accept + `},
			{"name": "voice", "matches": {"udp": {"source-port": {"lower-port": 5000, "upper-port": 5999}, "destination-port": {"operator": "gte", "port": 1024}}}, ` + accept + `},
			{"name": "low", "matches": {"tcp": {"source-port": {"operator": "lte", "port": 19}, "destination-port": {"operator": "neq", "port": 7}}}, ` + drop + `},
			{"name": "all", ` + accept + `}]}}`, ``, `"acl": "b"`, []string{`policy access 192.0.2.9 list "b" ipv4 ipv6` +
			`; "web" permit ipv4 protocol 6 from any to any port 80-80; "web" permit ipv6 protocol 6 from any to any port 80-80` +
			`; "ping" permit ipv4 protocol 1 from any to any type 8; "ping" permit ipv6 protocol 58 from any to any type 8` +
			`; "voice" permit ipv4 protocol 17 from any port 5000-5999 to any port 1024-65535; "voice" permit ipv6 protocol 17 from any port 5000-5999 to any port 1024-65535` +
			`; "low" deny ipv4 protocol 6 from any port 0-19 to any not port 7-7; "low" deny ipv6 protocol 6 from any port 0-19 to any not port 7-7` +
			`; "all" permit ipv4 from any to any; "all" permit ipv6 from any to any`}},
		{`{"name": "empty", ` + ofIPv4 + `}`, ``, `"acl": "empty"`, []string{`policy access 192.0.2.9 list "empty" ipv4`}},
	} {
		config := e.translate(t, nil, e.parse(t, withLists(c.acls, c.lma, c.mag)))
		if got := policiesOf(config); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("LMA %s, MAG %s:\n%s\nwant\n%s", c.lma, c.mag, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// A list is known by its name, of up to 64 characters, also by that of a protocol; the others have no part in it. It is about the IP version of its type.
func TestACL01_ListsWithNames(t *testing.T) {
	e := shared()
	names := []string{"tcp", "icmp", "udp", "LB010ACL", "acl1", strings.Repeat("x", 64)}
	var lists []string
	for i, name := range names {
		lists = append(lists, fmt.Sprintf(`{"name": %q, `+ofIPv4+`, "aces": {"ace": [{"name": "10", "matches": {"ipv4": {"source-ipv4-network": "10.2.2.%d/32"}}, `+drop+`}]}}`, name, i))
	}
	lists = append(lists, `{"name": "six", "type": "ietf-access-control-list:ipv6-acl-type", "aces": {"ace": [{"name": "10", "matches": {"ipv6": {"source-ipv6-network": "2001:db8::/32"}}, `+drop+`}]}}`)
	all := strings.Join(lists, ", ")
	for i, name := range names {
		want := fmt.Sprintf(`[policy access 192.0.2.9 list %q ipv4; "10" deny ipv4 from 10.2.2.%d/32 to any]`, name, i)
		if got := fmt.Sprint(policiesOf(e.translate(t, nil, e.parse(t, withLists(all, ``, `"acl": "`+name+`"`))))); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	const want = `[policy access 192.0.2.9 list "six" ipv6; "10" deny ipv6 from 2001:db8::/32 to any]`
	if got := fmt.Sprint(policiesOf(e.translate(t, nil, e.parse(t, withLists(all, ``, `"acl": "six"`))))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TUN-03: nodes of a customer are kept from the pools of that customer.
func TestTUN03_Customers(t *testing.T) {
	e := shared()
	c := e.translate(t, nil, e.parse(t, `{"ietf-network-instance:network-instances": {"network-instance": [{"name": "red"}, {"name": "outside"}]},
		"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "address": {"ipv4": ["192.0.2.1"]}, "tunnel": {"block-inter-mag": true},
		"mobile-local-loop": {"customer": [{"name": "c", "vrf": "red", "transport": [{"vrf": "outside", "ipv4-address": "192.0.2.61"}],
			"network": {"authorized": [{"name": "n", "pool": {"mobile-node": {"ipv4": {"start-address": "10.1.0.1", "pool-prefix": 24}}}}]}}]}}]}}`))
	if got, want := fmt.Sprint(policiesOf(c)), "[policy anchor 192.0.2.61 vrf outside block 10.1.0.0/24]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TUN-02, TUN-03: a commit changes the policies that it is about, and no others, and the blocked destinations follow the pools.
func TestPoliciesChange(t *testing.T) {
	e := shared()
	other := strings.Replace(acl1, `"name": "acl1"`, `"name": "other"`, 1)
	root := e.parse(t, withLists(acl1+","+other, `"acl": "acl1", "block-inter-mag": true`, `"acl": "other"`))
	before := e.translate(t, nil, root)
	const list = "/ietf-access-control-list:acls/acl[name='acl1']"
	for _, c := range []struct {
		what    string
		changed *tree.Node
		same    []bool // the policies of both addresses of the LMA, and of the MAG
	}{
		{"a rule", e.set(t, root, list+"/aces/ace[name='20']/matches/ipv4/destination-ipv4-network", "10.255.0.0/16"), []bool{false, false, true}},
		{"another list", e.merge(t, root, `{"ietf-access-control-list:acls": {"acl": [{"name": "third"}]}}`), []bool{true, true, true}},
		{"a setting", e.set(t, root, "/mooring-pmipv6:pmipv6/lma[name='l']/bce/maximum", "77"), []bool{true, true, true}},
		{"a pool", e.merge(t, root, `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "network": [{"name": "more", "pool": {"mobile-node":
			{"ipv4": {"start-address": "10.9.0.1", "pool-prefix": 24}}}}]}]}}`), []bool{false, false, true}},
	} {
		after := e.translate(t, before, c.changed)
		for i, same := range c.same {
			if (after.Dataplane.Policies[i] == before.Dataplane.Policies[i]) != same {
				t.Errorf("%s: %s is the same: %t\nbefore: %s", c.what, after.Dataplane.Policies[i], !same, before.Dataplane.Policies[i])
			}
		}
		if c.what == "a pool" && after.Dataplane.Policies[0].Inbound.Blocked[1].String() != "10.9.0.0/24" {
			t.Errorf("blocked are %v", after.Dataplane.Policies[0].Inbound.Blocked)
		}
	}
}

// Bad input of ACL-01, ACL-02, ACL-03, ACL-05 and TUN-02: lists that are not there or still in use, and rules that make no sense.
func TestPoliciesRefused(t *testing.T) {
	rule := func(matches string) string {
		return `{"name": "a", ` + ofIPv4 + `, "aces": {"ace": [{"name": "1", "matches": {` + matches + `}, ` + accept + `}]}}`
	}
	const at = "/ietf-access-control-list:acls/acl[name='a']/aces/ace[name='1']/"
	for _, c := range []struct{ acls, lma, want string }{
		{acl1, `"acl": "nobody"`, "lma[name='l']/tunnel/acl data-missing"},
		{rule(`"ipv4": {"protocol": 256}`), ``, at + "matches/ipv4/protocol invalid-value"},
		{rule(`"ipv4": {"destination-ipv4-network": "10.0.0.0/33"}`), ``, at + "matches/ipv4/destination-ipv4-network invalid-value"},
		{rule(`"ipv4": {"protocol": 17}, "tcp": {"destination-port": {"port": 80}}`), ``, at + "matches/ipv4/protocol operation-failed"},
		{rule(`"tcp": {"destination-port": {"lower-port": 80, "upper-port": 79}}`), ``, at + "matches/tcp/destination-port/lower-port operation-failed"},
		{rule(`"ipv4": {"ttl": 3}`), ``, at + "matches/ipv4 unknown-element"},
		{`{"name": "a", "aces": {"ace": [{"name": "1"}]}}`, ``, at + "actions/forwarding data-missing"},
		{`{"name": "a", "aces": {"ace": [{"name": "1", "actions": {"forwarding": "ietf-access-control-list:reject"}}]}}`, ``, at + "actions/forwarding operation-failed"},
		{`{"name": "` + strings.Repeat("x", 65) + `"}`, ``, "/ietf-access-control-list:acls/acl[name='" + strings.Repeat("x", 65) + "']/name invalid-value"},
	} {
		if got := refused(t, withLists(c.acls, c.lma, ``)); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s %s: got %q, want %q", c.acls, c.lma, got, c.want)
		}
	}
	e := shared()
	root := e.parse(t, withLists(acl1, `"acl": "acl1"`, ``))
	gone := e.set(t, root, "/ietf-access-control-list:acls/acl[name='acl1']", "")
	if err := e.rules.Check(tree.Diff(root, gone)); err == nil || !strings.Contains(err.Error(), "lma[name='l']/tunnel/acl") {
		t.Errorf("a list in use goes: %v", err)
	}
}
