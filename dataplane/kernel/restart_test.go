//go:build vm

package kernel

import (
	"net/netip"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/planetest"
)

// The next process leaves policies as it finds them until they are asked for, and goes on with what their rules have counted, also where
// the traffic of bindings is counted in the same table.
func TestPoliciesOutliveTheProcess(t *testing.T) {
	for name, owner := range map[string]dataplane.SessionID{"without accounting": 0, "with accounting": 7} {
		t.Run(name, func(t *testing.T) {
			d, h := planetest.MeterIn(t, openIn, planetest.Bindings()["gre4"])
			policy := dataplane.Policy{PolicyKey: dataplane.PolicyKey{Local: h.Path.Tunnel.Local, Side: dataplane.Anchor}, ClampMSS: true,
				Inbound: &dataplane.Filter{List: &dataplane.AccessList{Name: "acl1", V4: true, V6: true, Rules: []dataplane.AccessRule{{Name: "all", Permit: true, Version: 4}}}}}
			must(t, d.Anchor.Apply(t.Context(), []dataplane.Op{{Object: policy}})...)
			for _, at := range []string{planetest.NodeAddr4 + "/32", "2001:db8:1::/64"} {
				must(t, d.Anchor.Apply(t.Context(), []dataplane.Op{{Object: dataplane.Route{
					VRFPrefix: dataplane.VRFPrefix{Prefix: netip.MustParsePrefix(at)}, Via: dataplane.Target{Path: h.Path}, Owner: owner}}})...)
			}
			const packets = 5
			h.Pass(t, 4, false, packets, 10)
			before := planetest.HostText(t, d.LMA)
			must(t, d.Anchor.Close())
			p, err := openIn(d.LMA.Namespace)
			must(t, err)
			defer p.Close()
			if after := planetest.HostText(t, d.LMA); after != before {
				t.Errorf("before anything was asked for, the host has\n%swant\n%s", after, before)
			}
			must(t, p.Apply(t.Context(), []dataplane.Op{{Object: policy}})...)
			if n := p.(*Plane).Matches()[dataplane.MatchKey{List: "acl1", Rule: "all"}]; n.Packets != packets {
				t.Errorf("the rule has counted %+v, want %d packets", n, packets)
			}
		})
	}
}
