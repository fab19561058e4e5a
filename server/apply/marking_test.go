package apply

import (
	"slices"
	"testing"

	"mooring/mobility"
)

// DSCP-01, EXT-13: a code point and whether it is forced, of an LMA, of a MAG, and towards one peer, who is marked like all where he has none.
func TestDSCP01_Marking(t *testing.T) {
	e := shared()
	c := e.translate(t, nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}],
		"lma": [
			{"name": "l", "domain": "d", "dscp": {"control-plane": 45}, "mag": [
				{"id": "m1", "domain": "d", "ipv6-address": "2001:db8::11", "dscp": {"control-plane": 63, "force": true}},
				{"id": "m2", "domain": "d", "ipv6-address": "2001:db8::12"}]},
			{"name": "plain", "domain": "d"}],
		"mag": [{"name": "m", "domain": "d", "dscp": {"control-plane": 1, "force": true}, "lma": [
			{"id": "l", "domain": "d", "ipv6-address": ["2001:db8::1"], "dscp": {"control-plane": 8}}]}]}}`))
	l, m := c.Mobility.LMAs["l"], c.Mobility.MAGs["m"]
	peers := map[string]*mobility.Marking{}
	for _, p := range l.Peers.All() {
		peers[p.Name] = p.Marking
	}
	for what, got := range map[string]struct{ is, want mobility.Marking }{
		"the LMA":        {l.Marking, mobility.Marking{CodePoint: 45}},
		"a MAG of it":    {*peers["m1"], mobility.Marking{CodePoint: 63, Force: true}},
		"an LMA without": {c.Mobility.LMAs["plain"].Marking, mobility.Marking{}},
		"the MAG":        {m.Marking, mobility.Marking{CodePoint: 1, Force: true}},
		"its LMA":        {*m.Anchors[0].Marking, mobility.Marking{CodePoint: 8}},
	} {
		if got.is != got.want {
			t.Errorf("%s marks with %+v, want %+v", what, got.is, got.want)
		}
	}
	if own, known := peers["m2"]; own != nil || !known {
		t.Errorf("a peer without a code point marks with %+v", own)
	}
	for dscp, want := range map[string]string{
		`{"control-plane": 0}`:  "lma[name='l']/dscp/control-plane invalid-value",
		`{"control-plane": 64}`: "lma[name='l']/dscp/control-plane invalid-value",
		`{"force": true}`:       "lma[name='l']/dscp operation-failed",
	} {
		got := refused(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "dscp": `+dscp+`}]}}`)
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q, want %q", dscp, got, want)
		}
	}
}
