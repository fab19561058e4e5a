package apply

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
	"mooring/server/tree"
)

// expectRefusals starts with what stands in container pmipv6, and compares what is said of it.
func expectRefusals(t *testing.T, said map[string][]string) {
	t.Helper()
	for pmipv6, want := range said {
		if got := refused(t, `{"mooring-pmipv6:pmipv6": {`+pmipv6+`}}`); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", pmipv6, got, want)
		}
	}
}

// DOM-01: there may be several domains, with names of up to 125 characters, and one that an LMA, a MAG or both refer to stays.
func TestDOM01_Domains(t *testing.T) {
	long := strings.Repeat("x", 125)
	expectRefusals(t, map[string][]string{
		`"domain": [{"name": "d"}, {"name": "e"}, {"name": "` + long + `"}]`: nil,
		`"domain": [{"name": ""}]`:              {"domain/name invalid-value"},
		`"domain": [{"name": "` + long + `x"}]`: {"domain[name='" + long + "x']/name invalid-value"},
	})
	e := shared()
	root := e.parse(t, base)
	if err := e.rules.Check(tree.Diff(root, e.set(t, root, "/mooring-pmipv6:pmipv6/domain[name='e']", ""))); err != nil {
		t.Errorf("a domain that nobody uses does not go: %v", err)
	}
	for _, last := range []string{lmaL, magM} { // who still refers to it
		used := root
		for _, other := range []string{lmaL, magM} {
			if other != last {
				used = e.set(t, used, other, "")
			}
		}
		if err := e.rules.Check(tree.Diff(used, e.set(t, used, "/mooring-pmipv6:pmipv6/domain[name='d']", ""))); err == nil || !strings.Contains(err.Error(), last) {
			t.Errorf("the domain of %s goes: %v", last, err)
		}
	}
}

// DOM-09: the entries of a domain may leave out what they do not need, as in the published example; the one without a service is for IPv4.
func TestDOM09_SeveralEntries(t *testing.T) {
	e := shared()
	c := e.translate(t, nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "nai": [
		{"id": "example@cisco", "network": "network1"}, {"id": "example@ctc", "network": "network2", "service": "dual"}, {"id": "@none"}]}],
		"lma": [{"name": "l", "domain": "d"}]}}`))
	profiles := c.Mobility.LMAs["l"].Domain.Profiles
	for nai, want := range map[string]mobility.Profile{
		"example@cisco": {Name: "example@cisco", Network: "network1", Service: mobility.ServiceIPv4},
		"example@ctc":   {Name: "example@ctc", Network: "network2", Service: mobility.ServiceDual},
	} {
		if got := profiles.Node([]byte(nai)); got == nil || *got != want {
			t.Errorf("%s has %+v, want %+v", nai, got, want)
		}
	}
	if got := profiles.Realm([]byte("@none")); got == nil || *got != (mobility.Profile{Name: "@none", Service: mobility.ServiceIPv4}) {
		t.Errorf("an entry without anything has %+v", got)
	}
}

// LMA-01, MAG-01: neither is without its domain.
func TestLMA01_DomainIsNeeded(t *testing.T) {
	expectRefusals(t, map[string][]string{
		`"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "other"}]`:                                    {"lma[name='l']/domain data-missing"},
		`"domain": [{"name": "d"}], "lma": [{"name": "l"}]`:                                                       {"lma[name='l']/domain data-missing"},
		`"domain": [{"name": "d"}], "mag": [{"name": "m", "domain": "other"}]`:                                    {"mag[name='m']/domain data-missing"},
		`"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d"}], "mag": [{"name": "m", "domain": "d"}]`: nil,
	})
}

// LMA-02: an LMA may have several addresses of each IP version, of hosts, and none that another LMA has.
func TestLMA02_Addresses(t *testing.T) {
	lma := func(address string) string {
		return `"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "address": {` + address + `}}]`
	}
	at := func(leaf string) []string { return []string{"lma[name='l']/address/" + leaf + " invalid-value"} }
	expectRefusals(t, map[string][]string{
		lma(`"ipv4": ["192.0.2.1", "192.0.2.2"], "ipv6": ["2001:db8::1", "2001:db8::2"]`): nil,
		lma(`"ipv4": ["224.0.0.1"]`):        at("ipv4"),
		lma(`"ipv4": ["0.0.0.0"]`):          at("ipv4"),
		lma(`"ipv6": ["::"]`):               at("ipv6"),
		lma(`"ipv6": ["ff02::1"]`):          at("ipv6"),
		lma(`"ipv6": ["::ffff:192.0.2.1"]`): at("ipv6"),
	})
}

// MAG-03: an LMA of a MAG has an address, there or in the domain.
func TestMAG03_AnchorNeedsAnAddress(t *testing.T) {
	expectRefusals(t, map[string][]string{
		`"domain": [{"name": "d"}], "mag": [{"name": "m", "domain": "d", "lma": [{"id": "l", "domain": "d"}]}]`:                                                      {"mag[name='m']/lma[id='l'][domain='d'] data-missing"},
		`"domain": [{"name": "d", "lma": [{"id": "l", "ipv6-address": "2001:db8::1"}]}], "mag": [{"name": "m", "domain": "d", "lma": [{"id": "l", "domain": "d"}]}]`: nil,
		`"domain": [{"name": "d"}], "mag": [{"name": "m", "domain": "d", "lma": [{"id": "l", "domain": "d", "ipv6-address": ["2001:db8::1"]}]}]`:                     nil,
	})
}

// EXT-01: the time that an LMA advises, and the one after which a MAG refreshes, are multiples of what the wire can say.
func TestEXT01_RefreshTimes(t *testing.T) {
	e := shared()
	c := e.translate(t, nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}],
		"lma": [{"name": "l", "domain": "d", "bce": {"refresh-time": 64}}], "mag": [{"name": "m", "domain": "d", "binding": {"refresh-time": 4}}]}}`))
	if l, m := c.Mobility.LMAs["l"].Refresh, c.Mobility.MAGs["m"].Refresh; l != 64*time.Second || m != 4*time.Second {
		t.Errorf("the LMA advises %v, and the MAG refreshes after %v", l, m)
	}
	expectRefusals(t, map[string][]string{
		`"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "bce": {"refresh-time": 5}}]`:     {"lma[name='l']/bce/refresh-time operation-failed"},
		`"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "bce": {"refresh-time": 65004}}]`: {"lma[name='l']/bce/refresh-time invalid-value"},
		`"domain": [{"name": "d"}], "mag": [{"name": "m", "domain": "d", "binding": {"refresh-time": 5}}]`: {"mag[name='m']/binding/refresh-time operation-failed"},
	})
}

// EXT-17: the role of a MAG says by which technology its nodes are attached, where an interface does not say it itself.
func TestEXT17_RoleGivesTheAccessTechnology(t *testing.T) {
	e := shared()
	for role, want := range map[string]wire.AccessType{``: wire.Access80211, `"role": "wlan",`: wire.Access80211, `"role": "lte",`: wire.AccessEUTRAN, `"role": "3gpp",`: wire.AccessUTRAN, `"role": "wimax",`: wire.Access80216e} {
		c := e.translate(t, nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "mag": [{"name": "m", "domain": "d", `+role+`
			"interface": [{"name": "plain"}, {"name": "wired", "access-technology": "ethernet"}]}]}}`))
		for _, link := range c.Mobility.MAGs["m"].Links {
			if want := map[string]wire.AccessType{"plain": want, "wired": wire.Access8023}[link.Name]; link.Access != want {
				t.Errorf("%s %s: nodes are attached by %v, want %v", role, link.Name, link.Access, want)
			}
		}
	}
}

// INC-33: 128K are 128000, of bindings and of those that one is entitled to.
func TestINC33_RoundNumbers(t *testing.T) {
	e := shared()
	l := e.translate(t, nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d"}]}}`)).Mobility.LMAs["l"]
	if want := (mobility.Entitlement{Name: "A9K-SESSION-128K", Limit: 128000}); l.MaxBindings != 128000 || l.Entitlement != want {
		t.Errorf("at most %d bindings, entitled to %+v", l.MaxBindings, l.Entitlement)
	}
}

// INC-31: what is used before it is defined, in a text or in the order of the tree, is no matter within one commit; what is defined in a later one is
// missed until then.
func TestINC31_UsedBeforeItIsDefined(t *testing.T) {
	const uses = `"domain": [{"name": "d", "nai": [{"id": "n@d", "network": "late"}]}], "lma": [{"name": "l", "domain": "d", "default-profile": "later"}]`
	const defines = `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "profile": [{"name": "later"}]}], "lma": [{"name": "l", "network": [{"name": "late"}]}]}}`
	e := shared()
	alone := e.parse(t, `{"mooring-pmipv6:pmipv6": {`+uses+`}}`)
	first, warnings, err := e.Translate(nil, alone)
	if err != nil || len(warnings) != 2 {
		t.Errorf("without what is used: %q, %v", said(warnings), err)
	}
	whole := e.merge(t, alone, defines)
	for when, old := range map[string]*Config{"in one commit": nil, "defined later": first} {
		if _, warnings, err := e.Translate(old, whole); err != nil || len(warnings) != 0 {
			t.Errorf("%s: %q, %v", when, said(warnings), err)
		}
	}
}

// E-REF for networks: who needs one is refused, and at a customer whose network is unauthorized nobody does.
func TestDanglingNetworkSaysWhoIsRefused(t *testing.T) {
	e := shared()
	_, warnings, err := e.Translate(nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "nai": [{"id": "n@d", "network": "none", "customer": "nobody"}]}],
		"lma": [{"name": "l", "domain": "d"}]}}`))
	if err != nil || len(warnings) != 2 {
		t.Fatalf("%q, %v", said(warnings), err)
	}
	for _, w := range warnings {
		if unauthorized := strings.Contains(w.Message, "unauthorized"); unauthorized != strings.HasSuffix(w.Path.String(), "/network") {
			t.Errorf("%s: %s", w.Path, w.Message)
		}
	}
}
