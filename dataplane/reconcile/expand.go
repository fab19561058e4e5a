package reconcile

import (
	"net/netip"

	"mooring/dataplane"
)

// expand names the objects that a session wants, its tunnel first. metered says that its traffic is counted by itself.
func expand(s *dataplane.Session, metered bool) []dataplane.Object {
	objects := make([]dataplane.Object, 0, 1+len(s.Prefixes))
	if !s.Blocked {
		objects = append(objects, dataplane.Tunnel{ID: s.Path.Tunnel, MTU: s.MTU})
	}
	for _, prefix := range s.Prefixes {
		objects = append(objects, route(s, prefix, metered))
		if s.Side == dataplane.Anchor || s.Blocked {
			continue
		}
		objects = append(objects, dataplane.SourceRoute{Link: s.Link, Source: prefix, Path: s.Path})
		if fixed(prefix) && s.LinkAddr != (dataplane.MAC{}) {
			objects = append(objects, dataplane.Neighbour{Link: s.Link, Addr: prefix.Addr(), MAC: s.LinkAddr})
		}
	}
	return objects
}

// route is that of one prefix of a session.
func route(s *dataplane.Session, p netip.Prefix, metered bool) dataplane.Route {
	r := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{VRF: s.VRF, Prefix: p}, Standing: s.Standing}
	if metered && s.Side == dataplane.Anchor {
		r.Owner = s.ID
	}
	switch {
	case s.Blocked:
		r.Via.Blackhole = true
	case s.Side == dataplane.Anchor:
		r.Via.Path = s.Path
	default:
		r.Via.Link = s.Link
	}
	return r
}

// fixed reports whether the prefix is an address whose link-layer address we know without asking: a home address. What a
// node calls itself inside a home network prefix is found by neighbour discovery.
func fixed(p netip.Prefix) bool { return p.Addr().Is4() && p.IsSingleIP() }

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
	for _, adoption := range c.Adoptions {
		objects = append(objects, adoption)
	}
	for _, pool := range c.Blackholes {
		objects = append(objects, dataplane.Route{VRFPrefix: pool.VRFPrefix, Via: dataplane.Target{Blackhole: true}, Standing: pool.Standing})
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
	case dataplane.Adoption:
		return 3
	case dataplane.Tunnel:
		return 4
	case dataplane.Route, dataplane.SourceRoute:
		return 5
	}
	return 6
}

const ranks = 7

// effort is what it costs a host to make or remove an object of a rank, in routes. An interface costs a hundred times as much as one, and
// more where the host looks for what leads to it.
func effort(rank int) int {
	if rank < 5 {
		return 64
	}
	return 1
}
