package apply

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/aaa"
)

// asking is a document in which an LMA asks about nodes, with what stands in system/aaa.
func asking(aaa string) string {
	return `{"ietf-network-instance:network-instances": {"network-instance": [{"name": "MGMT"}]}, "mooring-system:system": {"aaa": ` + aaa + `},
		"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "profile-from-aaa": true}], "lma": [{"name": "l", "mobile-network-authorization": "aaa"}]}}`
}

// EXT-12, EXT-21: an LMA asks when its domain or itself says so, and waits within limits.
func TestEXT21_WhenAnLMAAsks(t *testing.T) {
	e := shared()
	of := func(document string) (*mobility.LMA, []string) {
		c, warnings, err := e.Translate(nil, e.merge(t, e.parse(t, base), document))
		if err != nil {
			t.Fatal(err)
		}
		return c.Mobility.LMAs["l"], said(warnings)
	}
	if l, _ := of(`{}`); l.Domain.AskForProfiles || l.Authorize != (mobility.Authorize{Patience: 30 * time.Second, Pending: 4096}) {
		t.Errorf("by default: %t %+v", l.Domain.AskForProfiles, l.Authorize)
	}
	l, warned := of(asking(`{"radius": {` + servers + `}}`))
	if !l.Domain.AskForProfiles || !l.Authorize.Networks || l.Authorize.Refreshes || len(warned) > 0 {
		t.Errorf("configured: %t %+v, %q", l.Domain.AskForProfiles, l.Authorize, warned)
	}
	if _, warned := of(asking(`{}`)); len(warned) != 1 || !strings.HasPrefix(warned[0], BadReference) || !strings.HasSuffix(warned[0], "/domain") {
		t.Errorf("without servers: %q", warned)
	}
	l, _ = of(`{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "aaa": {"authorization": {"refreshes": true, "timeout": 3, "maximum-pending": 7}}}]}}`)
	if want := (mobility.Authorize{Refreshes: true, Patience: 3 * time.Second, Pending: 7}); l.Authorize != want {
		t.Errorf("limits: %+v, want %+v", l.Authorize, want)
	}
}

// RAD-08, AAA-04: who is asked, and how: the groups in their order, else all servers, at the port for authorisation.
func TestRAD08_WhoIsAsked(t *testing.T) {
	c, _ := accountingOf(t, asking(`{"radius": {`+servers+`}}`))
	var at []netip.AddrPort
	for _, target := range c.Authorization.Targets {
		at = append(at, target.Addr)
	}
	if want := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:1645"), netip.MustParseAddrPort("[2001:db8::2]:1812")}; !slices.Equal(at, want) {
		t.Errorf("asked are %v, want %v", at, want)
	}
	if a := c.Authorization; a.Outbound || a.AcceptUnsealed || a.Password != "" || a.Dictionary != nil || a.DeadTime != time.Minute {
		t.Errorf("by default: %+v", a)
	}
	e := shared()
	all, _, err := e.Translate(nil, e.merge(t, e.parse(t, base), asking(`{"radius": {`+servers+`, "group": [{"name": "g", "server": ["b"], "vrf": "MGMT", "source-interface": "lo"}],
		"dictionary": [{"attribute": "home-lma", "meaning": "lma"}, {"attribute": "mn-apn", "meaning": "apn"}, {"attribute": "mn-cust", "meaning": "customer"}]},
		"authorization": {"group": ["g", "radius"], "service-type": "outbound", "password": "cisco", "require-message-authenticator": false}}`)))
	if err != nil {
		t.Fatal(err)
	}
	a := all.Accounting.Authorization
	if len(a.Targets) != 3 || a.Targets[0].Name != "b" || a.Targets[0].VRF != "MGMT" || a.Targets[0].Interface != "lo" || a.Targets[1].Name != "a" || a.Targets[2].VRF != "" {
		t.Errorf("asked are %+v", a.Targets)
	}
	if !a.Outbound || !a.AcceptUnsealed || a.Password != "cisco" || len(a.Dictionary) != 3 || a.Dictionary["home-lma"] != aaa.MeansAnchor ||
		a.Dictionary["mn-apn"] != aaa.MeansAPN || a.Dictionary["mn-cust"] != aaa.MeansCustomer {
		t.Errorf("configured: %+v", a)
	}
	if !slices.ContainsFunc(all.Dataplane.VRFs, func(v dataplane.VRF) bool { return v.Name == "MGMT" }) {
		t.Errorf("the VRFs are %v", all.Dataplane.VRFs)
	}
}

// EXT-12, EXT-21, RAD-08: what is out of range or dangles is refused, each at its place.
func TestRAD08_BadInput(t *testing.T) {
	lma := func(leaf string) string { return `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", ` + leaf + `}]}}` }
	for what, document := range map[string]string{
		"unknown group":      asking(`{"radius": {` + servers + `}, "authorization": {"group": ["nonesuch"]}}`),
		"Diameter":           asking(`{"authorization": {"group": ["diameter"]}}`),
		"service type":       asking(`{"authorization": {"service-type": "login"}}`),
		"empty password":     asking(`{"authorization": {"password": ""}}`),
		"meaning":            asking(`{"radius": {"dictionary": [{"attribute": "x", "meaning": "y"}]}}`),
		"no meaning":         asking(`{"radius": {"dictionary": [{"attribute": "x"}]}}`),
		"timeout 0":          lma(`"aaa": {"authorization": {"timeout": 0}}`),
		"timeout 3601":       lma(`"aaa": {"authorization": {"timeout": 3601}}`),
		"maximum-pending 0":  lma(`"aaa": {"authorization": {"maximum-pending": 0}}`),
		"who decides":        lma(`"mobile-network-authorization": "radius"`),
		"port for questions": asking(`{"radius": {"server": [{"name": "a", "address": "192.0.2.1", "shared-secret": "x", "auth-port": 65536}]}}`),
	} {
		if said := refused(t, joined(t, base, document)); len(said) != 1 {
			t.Errorf("%s: said was %q", what, said)
		}
	}
}
