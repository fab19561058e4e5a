package apply

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// withMAGs is a document of an LMA that knows these MAGs, beside more of the document.
func withMAGs(more string, mags ...string) string {
	return `{` + more + `"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}],
		"lma": [{"name": "l", "domain": "d", "address": {"ipv4": ["192.0.2.1"], "ipv6": ["2001:db8::1"]}, "mag": [` + strings.Join(mags, ", ") + `]}],
		"mag": [{"name": "m", "domain": "d", "address": {"ipv4": "192.0.2.9"}, "interface": [{"name": "access0"}]}]}}`
}

func givenMAG(id, leaves string) string {
	return fmt.Sprintf(`{"id": %q, "domain": "d", %s}`, id, leaves)
}

// The tunnel interface of a MAG is wanted of the host, with the addresses that it may have.
func TestPEER05_Adoptions(t *testing.T) {
	e := shared()
	document := withMAGs("", givenMAG("m1", `"ipv4-address": "192.0.2.11", "ipv6-address": "2001:db8::11", "tunnel-interface": "tun1"`),
		givenMAG("m2", `"ipv4-address": "192.0.2.12", "ipv6-address": "2001:db8::12", "encap": "gre-ipv4", "tunnel-interface": "tunnel-ip97"`),
		givenMAG("m3", `"ipv4-address": "192.0.2.13"`))
	root := e.parse(t, document)
	before := e.translate(t, nil, root)
	want := []string{"adopt tun1 as ip 2001:db8::1,192.0.2.1 > 2001:db8::11,192.0.2.11", "adopt tunnel-ip97 as gre 2001:db8::1,192.0.2.1 > 192.0.2.12"}
	if got := fmt.Sprintf("%q", before.Dataplane.Adoptions); got != fmt.Sprintf("%q", want) {
		t.Errorf("got %s, want %q", got, want)
	}
	if p, _ := before.Mobility.LMAs["l"].Peers.Get("m3 d"); p != nil && p.Device != "" {
		t.Errorf("m3 has %s", p.Device)
	}
	other := e.set(t, root, "/mooring-pmipv6:pmipv6/lma[name='l']/mag[id='m3'][domain='d']/tunnel-interface", "tun3")
	after := e.translate(t, before, other)
	if !slices.Equal(after.Dataplane.Adoptions[:1], before.Dataplane.Adoptions[:1]) || len(after.Dataplane.Adoptions) != 3 {
		t.Errorf("with another one, they are %s", after.Dataplane.Adoptions)
	}
	without := e.translate(t, after, e.set(t, other, "/mooring-pmipv6:pmipv6/lma[name='l']/mag[id='m1'][domain='d']", ""))
	if got := fmt.Sprint(without.Dataplane.Adoptions); strings.Contains(got, "tun1") || len(without.Dataplane.Adoptions) != 2 {
		t.Errorf("without m1, they are %s", got)
	}
}

// PEER-05, bad input: a name that no interface can have, and one that is for something else already.
func TestPEER05_Refused(t *testing.T) {
	const at = "lma[name='l']/mag[id='m1'][domain='d']/tunnel-interface "
	given := func(id, name string) string {
		return givenMAG(id, `"ipv4-address": "192.0.2.1`+id[1:]+`", "tunnel-interface": "`+name+`"`)
	}
	for _, c := range []struct{ document, want string }{
		{withMAGs("", given("m1", "sixteen-letters-")), at + "invalid-value"},
		{withMAGs("", given("m1", "a/b")), at + "invalid-value"},
		{withMAGs("", given("m1", "a b")), at + "invalid-value"},
		{withMAGs("", given("m1", "tun1"), given("m2", "tun1")), strings.Replace(at, "m1", "m2", 1) + "operation-failed"},
		{withMAGs(`"ietf-network-instance:network-instances": {"network-instance": [{"name": "red", "mooring-network-instance:vrf": {"interface": ["tun1"]}}]}, `,
			given("m1", "tun1")), at + "operation-failed"},
	} {
		if got := refused(t, c.document); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: got %q, want %q", c.document, got, c.want)
		}
	}
	for _, p := range complaints(t, withMAGs("", given("m1", "tun1"), given("m2", "tun1"))) {
		if p.AppTag != notUnique || p.Message != "interface tun1 is already used by MAG m1 of LMA l" {
			t.Errorf("%s: %s", p.AppTag, p.Message)
		}
	}
	if got := refused(t, withMAGs("", given("m1", "access0"))); len(got) != 1 {
		t.Errorf("an access interface: %q", got)
	}
}
