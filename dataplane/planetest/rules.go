package planetest

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// Rules finds that a host has as many policy rules and rules of nftables with 200 bindings behind a tunnel as with one, at either end: packets pass
// through all of them. Each binding is counted for itself.
func Rules(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	d := Bind(t, open, Bindings()["gre4"])
	first, _ := d.Objects(t, d.Node, prefix(NodeAddr4+"/32"), prefix("2001:db8:1::/64"))
	apply(t, d.Anchor, put(owned(first[1:], 1)...))
	anchor, access := ruleCount(t, d.LMA), ruleCount(t, d.MAG)
	if anchor == 0 || access == 0 {
		t.Fatalf("there are %d rules at the anchor and %d at the gateway: nothing is tested", anchor, access)
	}
	for i := range 199 {
		more, own := d.Objects(t, d.Node, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 32),
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, 1, byte(i)}), 64))
		apply(t, d.Anchor, put(owned(more[1:], dataplane.SessionID(i+2))...))
		apply(t, d.Access, put(own[2:]...))
	}
	if text := HostText(t, d.LMA); strings.Count(text, "\nroute 10.0.1.") != 199 {
		t.Errorf("the bindings are not there:\n%s", text)
	}
	if now := ruleCount(t, d.LMA); now != anchor {
		t.Errorf("the anchor has %d rules with 200 bindings, and %d with one", now, anchor)
	}
	if now := ruleCount(t, d.MAG); now != access {
		t.Errorf("the gateway has %d rules with 200 bindings, and %d with one", now, access)
	}
}

// owned has routes be those of a session.
func owned(routes []dataplane.Object, owner dataplane.SessionID) (list []dataplane.Object) {
	for _, o := range routes {
		r := o.(dataplane.Route)
		r.Owner = owner
		list = append(list, r)
	}
	return list
}

var aRule = regexp.MustCompile(`(?m)^(rule |nft .* rule )`)

func ruleCount(t *testing.T, h *netns.Host) int { return len(aRule.FindAllString(HostText(t, h), -1)) }
