package reconcile

import (
	"net/netip"

	"mooring/dataplane"
)

// expand names the objects that a session wants, its tunnel first. metered says that its traffic is counted by itself.
func expand(s *dataplane.Session, metered bool) []dataplane.Object {
	var owner dataplane.SessionID
	if metered && s.Side == dataplane.Anchor {
		owner = s.ID
	}
	if s.Blocked {
		return blackholes(s, owner)
	}
	objects := []dataplane.Object{dataplane.Tunnel{ID: s.Path.Tunnel, MTU: s.MTU}}
	for _, prefix := range s.Prefixes {
		route := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{VRF: s.VRF, Prefix: prefix}, Owner: owner}
		if s.Side == dataplane.Anchor {
			route.Via.Path = s.Path
			objects = append(objects, route)
			continue
		}
		route.Via.Link = s.Link
		objects = append(objects, route, dataplane.SourceRoute{Link: s.Link, Source: prefix, Path: s.Path})
		if fixed(prefix) && s.LinkAddr != (dataplane.MAC{}) {
			objects = append(objects, dataplane.Neighbour{Link: s.Link, Addr: prefix.Addr(), MAC: s.LinkAddr})
		}
	}
	return objects
}

// fixed reports whether the prefix is an address whose link-layer address we know without asking: a home address. What a
// node calls itself inside a home network prefix is found by neighbour discovery.
func fixed(p netip.Prefix) bool { return p.Addr().Is4() && p.IsSingleIP() }

func blackholes(s *dataplane.Session, owner dataplane.SessionID) []dataplane.Object {
	objects := make([]dataplane.Object, 0, len(s.Prefixes))
	for _, prefix := range s.Prefixes {
		objects = append(objects, dataplane.Route{
			VRFPrefix: dataplane.VRFPrefix{VRF: s.VRF, Prefix: prefix}, Via: dataplane.Target{Blackhole: true}, Owner: owner,
		})
	}
	return objects
}

// expandConfig names the objects that the configuration wants.
func expandConfig(c dataplane.Config) []dataplane.Object {
	var objects []dataplane.Object
	for _, vrf := range c.VRFs {
		objects = append(objects, vrf)
	}
	for _, member := range c.Members {
		objects = append(objects, member)
	}
	for _, link := range c.Links {
		objects = append(objects, link)
	}
	for _, policy := range c.Policies {
		objects = append(objects, policy)
	}
	for _, pool := range c.Blackholes {
		objects = append(objects, dataplane.Route{VRFPrefix: pool, Via: dataplane.Target{Blackhole: true}})
	}
	return objects
}

// rank orders objects: each may lean on those of a lower rank.
func rank(o dataplane.Object) int {
	switch o.(type) {
	case dataplane.VRF:
		return 0
	case dataplane.Member:
		return 1
	case dataplane.Link, dataplane.Policy: // nothing comes out of a tunnel before what filters it is there
		return 2
	case dataplane.Tunnel:
		return 3
	case dataplane.Route, dataplane.SourceRoute:
		return 4
	}
	return 5
}

const ranks = 6
