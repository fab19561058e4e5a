package apply

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility/aaa"
	"mooring/server/tree"
)

// radius is a document with what stands in system/aaa, and an LMA that is accounted.
func radius(aaa string) string {
	return `{"mooring-system:system": {"aaa": ` + aaa + `}, "mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "aaa": {"accounting": {"enabled": true}}}]}}`
}

// accountingOf translates base with a document.
func accountingOf(t *testing.T, document string) (*aaa.Config, []*tree.Error) {
	t.Helper()
	e := shared()
	c, warnings, err := e.Translate(nil, e.merge(t, e.parse(t, base), document))
	if err != nil {
		t.Fatal(err)
	}
	return c.Accounting, warnings
}

const servers = `"server": [
	{"name": "a", "address": "192.0.2.1", "auth-port": 1645, "acct-port": 1646, "shared-secret": "cisco"},
	{"name": "b", "address": "2001:db8::2", "shared-secret": "other", "timeout": 9, "retransmit": 1}]`

// AAA-01, AAA-02: a server has the ports, the secret and the patience that are configured, and otherwise those of the standard.
func TestAAA01Server(t *testing.T) {
	c, warnings := accountingOf(t, radius(`{"radius": {`+servers+`, "timeout": 2, "retransmit": 7, "dead-time": 3}, "accounting": {"mobile": [{"name": "default", "group": ["radius"]}]}}`))
	want := []aaa.Target{
		{Server: aaa.Server{Name: "a", Addr: netip.MustParseAddrPort("192.0.2.1:1646"), Secret: "cisco", Timeout: 2 * time.Second, Retransmit: 7}},
		{Server: aaa.Server{Name: "b", Addr: netip.MustParseAddrPort("[2001:db8::2]:1813"), Secret: "other", Timeout: 9 * time.Second, Retransmit: 1}},
	}
	if len(c.Lanes) != 1 || !slices.Equal(c.Lanes[0].Targets, want) || c.DeadTime != 3*time.Minute || len(warnings) > 0 {
		t.Errorf("got %+v, %v", c, warnings)
	}
	if len(c.Anchors) != 1 || c.Anchors[0].Name != "l" || c.Anchors[0].Interim != 0 || c.Anchors[0].Addresses[0] != netip.MustParseAddr("2001:db8:1::1") {
		t.Errorf("accounted are %+v", c.Anchors)
	}
}

// AAA-01 to AAA-04, LMA-15: what is out of range, dangles or is not supported is refused, each at its place.
func TestAAA01To04BadInput(t *testing.T) {
	with := func(leaf string) string {
		return radius(`{"radius": {"server": [{"name": "a", "address": "192.0.2.1", "shared-secret": "cisco", ` + leaf + `}]}}`)
	}
	for what, document := range map[string]string{
		"AAA-01 port 0":                with(`"acct-port": 0`),
		"AAA-01 port 65536":            with(`"acct-port": 65536`),
		"AAA-01 authorisation port 0":  with(`"auth-port": 0`),
		"AAA-01 no address":            with(`"address": "radius.example"`),
		"AAA-02 no secret":             radius(`{"radius": {"server": [{"name": "a", "address": "192.0.2.1"}]}}`),
		"AAA-02 empty secret":          with(`"shared-secret": ""`),
		"AAA-03 unknown group":         radius(`{"accounting": {"mobile": [{"name": "default", "group": ["nonesuch"]}]}}`),
		"AAA-03 Diameter":              radius(`{"accounting": {"mobile": [{"name": "default", "group": ["diameter"]}]}}`),
		"AAA-03 a group called radius": radius(`{"radius": {` + servers + `, "group": [{"name": "radius", "server": ["a"]}]}}`),
		"AAA-04 retransmit 0":          with(`"retransmit": 0`),
		"AAA-04 retransmit 101":        with(`"retransmit": 101`),
		"AAA-04 timeout 0":             with(`"timeout": 0`),
		"AAA-04 timeout 1001":          with(`"timeout": 1001`),
		"AAA-04 unknown server":        radius(`{"radius": {"group": [{"name": "g", "server": ["nonesuch"]}]}}`),
		"AAA-04 empty group":           radius(`{"radius": {` + servers + `, "group": [{"name": "g"}]}}`),
		"LMA-15 interval 0":            `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "aaa": {"accounting": {"interim-interval": 0}}}]}}`,
		"LMA-15 interval 86401":        `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "aaa": {"accounting": {"interim-interval": 86401}}}]}}`,
	} {
		if said := refused(t, joined(t, base, document)); len(said) != 1 {
			t.Errorf("%s: said was %q", what, said)
		}
	}
}

// joined is two documents in one; what both have is an object or, of the LMA, the first of a list.
func joined(t *testing.T, one, two string) string {
	t.Helper()
	var a, b any
	for text, into := range map[string]*any{one: &a, two: &b} {
		if err := json.NewDecoder(strings.NewReader(text)).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(together(a, b))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func together(a, b any) any {
	switch a := a.(type) {
	case map[string]any:
		for key, value := range b.(map[string]any) {
			a[key] = together(a[key], value)
		}
		return a
	case []any:
		a[0] = together(a[0], b.([]any)[0])
		return a
	}
	return b
}

// AAA-03: records go to the first group that answers, with broadcast to all; without a list there are none, and a warning says so.
func TestAAA03MethodList(t *testing.T) {
	document := func(list string) string {
		return radius(`{"radius": {` + servers + `, "group": [{"name": "g", "server": ["b", "a"], "source-interface": "lo"}]}` + list + `}`)
	}
	names := func(c *aaa.Config) (said string) {
		for _, l := range c.Lanes {
			said += l.Name + ":"
			for _, target := range l.Targets {
				said += target.Name + target.Interface
			}
			said += " "
		}
		return said
	}
	for list, want := range map[string]string{
		`, "accounting": {"mobile": [{"name": "default", "group": ["g", "radius"]}]}`:                    "default:bloaloab ",
		`, "accounting": {"mobile": [{"name": "default", "group": ["g", "radius"], "broadcast": true}]}`: "g:bloalo radius:ab ",
		`, "accounting": {"mobile": [{"name": "other", "group": ["g"]}]}`:                                "",
		``: "",
	} {
		c, warnings := accountingOf(t, document(list))
		if got := names(c); got != want {
			t.Errorf("%s: %s, want %s", list, got, want)
		}
		if warned := len(warnings) == 1 && warnings[0].AppTag == BadReference && strings.HasSuffix(warnings[0].Path.String(), "aaa/accounting"); warned != (want == "") {
			t.Errorf("%s: warnings %v", list, said(warnings))
		}
	}
}

// LMA-15: an interval is enough to enable accounting.
func TestLMA15IntervalEnables(t *testing.T) {
	list := `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "aaa": {"accounting": {"interim-interval": 2}}}]},
		"mooring-system:system": {"aaa": {"radius": {` + servers + `}, "accounting": {"mobile": [{"name": "default", "group": ["radius"]}]}}}}`
	c, _ := accountingOf(t, list)
	if len(c.Anchors) != 1 || c.Anchors[0].Interim != 2*time.Minute {
		t.Errorf("accounted are %+v", c.Anchors)
	}
	if c, _ := accountingOf(t, `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "aaa": {"accounting": {"enabled": false}}}]}}`); len(c.Anchors) != 0 {
		t.Errorf("accounted are %+v", c.Anchors)
	}
}

// RAD-10: the listener is off unless it is asked for, and hears configured servers alone.
func TestRAD10ListenerConfiguration(t *testing.T) {
	c, _ := accountingOf(t, radius(`{"radius": {`+servers+`}}`))
	if c.Disconnect.Enabled || c.Disconnect.AcceptUntimed {
		t.Errorf("by default: %+v", c.Disconnect)
	}
	c, _ = accountingOf(t, radius(`{"radius": {`+servers+`, "dynamic-authorization": {"enabled": true}}}`))
	want := []aaa.Client{{Addr: netip.MustParseAddr("192.0.2.1"), Secret: "cisco"}, {Addr: netip.MustParseAddr("2001:db8::2"), Secret: "other"}}
	if !c.Disconnect.Enabled || c.Disconnect.Port != 3799 || !slices.Equal(c.Disconnect.Clients, want) {
		t.Errorf("enabled: %+v", c.Disconnect)
	}
}

// AAA-04: the VRF of a group is there for its servers as soon as a list names the group, and nothing of signalling has to change for that.
func TestAAA04_VRFOfAGroup(t *testing.T) {
	e := shared()
	document := func(vrf string) string {
		return `{"ietf-network-instance:network-instances": {"network-instance": [{"name": "MGMT"}, {"name": "default"}]},
			"mooring-system:system": {"aaa": {"radius": {` + servers + `, "group": [{"name": "g", "server": ["a"]` + vrf + `}]}, "accounting": {"mobile": [{"name": "default", "group": ["g"]}]}}}}`
	}
	before, _, err := e.Translate(nil, e.merge(t, e.parse(t, base), document("")))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"MGMT": "MGMT", "default": ""} {
		after, _, err := e.Translate(before, e.merge(t, e.parse(t, base), document(`, "vrf": "`+name+`"`)))
		if err != nil {
			t.Fatal(err)
		}
		if got := after.Accounting.Lanes[0].Targets[0].VRF; got != want {
			t.Errorf("%s: the server is reached in %q", name, got)
		}
		if there := slices.ContainsFunc(after.Dataplane.VRFs, func(v dataplane.VRF) bool { return v.Name == "MGMT" }); there != (want == "MGMT") {
			t.Errorf("%s: the VRFs are %v", name, after.Dataplane.VRFs)
		}
	}
	said := refused(t, joined(t, base, radius(`{"radius": {`+servers+`, "group": [{"name": "g", "server": ["a"], "vrf": "NONE"}]}}`)))
	if len(said) != 1 {
		t.Errorf("a VRF that is not there: %q", said)
	}
}
