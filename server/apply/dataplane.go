package apply

import (
	"cmp"
	"net/netip"
	"slices"

	"mooring/dataplane"
	"mooring/mobility"
)

// dataplane is what the configuration wants of forwarding by itself: access links dressed like any other of the domain, and
// pools whose free addresses lead nowhere (feature row LMA-28).
func (j *job) dataplane() *dataplane.Config {
	metered := len(j.new.Accounting.Anchors) > 0 && len(j.new.Accounting.Lanes) > 0
	if was := j.old.Dataplane; j.new.Mobility == j.old.Mobility && j.new.instances == j.old.instances && j.new.accessLists == j.old.accessLists &&
		j.new.Accounting == j.old.Accounting {
		return was
	}
	c := &dataplane.Config{VRFs: j.vrfs(), Members: j.new.instances.members, Links: j.dataplaneLinks(), Blackholes: j.blackholes(), Policies: j.policies(), Adoptions: j.adoptions(),
		Meter: metered}
	if was := j.old.Dataplane; was != nil {
		same := was.Meter == c.Meter && slices.Equal(was.VRFs, c.VRFs) && slices.Equal(was.Members, c.Members)
		if slices.Equal(was.Links, c.Links) {
			c.Links = was.Links
		} else {
			same = false
		}
		if slices.Equal(was.Blackholes, c.Blackholes) {
			c.Blackholes = was.Blackholes
		} else {
			same = false
		}
		if slices.Equal(was.Policies, c.Policies) {
			c.Policies = was.Policies
		} else {
			same = false
		}
		if slices.Equal(was.Adoptions, c.Adoptions) {
			c.Adoptions = was.Adoptions
		} else {
			same = false
		}
		if same {
			return was
		}
	}
	return c
}

func (j *job) dataplaneLinks() (links []dataplane.Link) {
	for _, name := range sortedKeys(j.new.Mobility.MAGs) {
		m := j.new.Mobility.MAGs[name]
		for _, link := range m.Links {
			l := dataplane.Link{Name: link.Name, MAC: m.Domain.LinkMAC}
			if !m.Domain.LinkLocal.IsUnspecified() {
				l.LinkLocal = m.Domain.LinkLocal
			}
			links = append(links, l)
		}
	}
	return links
}

// blackholes are the prefixes of pools, each once: of several pools in one, the routing protocols hear if they may of any.
func (j *job) blackholes() (holes []dataplane.Blackhole) {
	add := func(vrf string, networks map[string]*mobility.Network, s dataplane.Standing) {
		for _, p := range ranges(networks) {
			holes = append(holes, dataplane.Blackhole{VRFPrefix: dataplane.VRFPrefix{VRF: vrf, Prefix: p}, Standing: s})
		}
	}
	for _, m := range j.new.Mobility.LMAs {
		add("", m.Networks, m.PoolRoutes(""))
		for _, c := range m.Customers {
			add(c.VRF, c.Networks, m.PoolRoutes(c.Name))
		}
	}
	slices.SortFunc(holes, func(a, b dataplane.Blackhole) int {
		return cmp.Or(cmp.Compare(a.VRF, b.VRF), a.Prefix.Addr().Compare(b.Prefix.Addr()), a.Prefix.Bits()-b.Prefix.Bits(),
			toldFirst(a)-toldFirst(b), cmp.Compare(a.Distance, b.Distance))
	})
	return slices.CompactFunc(holes, func(a, b dataplane.Blackhole) bool { return a.VRFPrefix == b.VRFPrefix })
}

func toldFirst(b dataplane.Blackhole) int {
	if b.Told {
		return 0
	}
	return 1
}

// ranges are the prefixes that the pools of networks lie in or, where an end is given, consist of.
func ranges(networks map[string]*mobility.Network) (list []netip.Prefix) {
	for _, network := range networks {
		for _, p := range network.Pools {
			if s := spanOf(p); p.End.IsValid() {
				list = append(list, cover(s.first, s.last)...)
			} else {
				list = append(list, s.prefix)
			}
		}
	}
	return list
}

// checkOwners refuses addresses and interfaces that two LMAs, MAGs or VRFs claim: nobody could tell whose a message or a node is.
func (j *job) checkOwners() {
	owners := map[string]string{}
	claim := func(name, what string, at place) {
		if other, taken := owners[what]; taken && other != name {
			j.refuse(at, notUnique, "%s is already used by %s", what, other)
		}
		owners[what] = name
	}
	for _, name := range sortedKeys(j.new.lmas) {
		for _, version := range []string{"ipv6", "ipv4"} {
			list := j.new.lmas[name].at.below("address", version)
			for e := range list.node.Entries() {
				claim("LMA "+name, "address "+e.Value(), list.entry(e))
			}
		}
		j.claimTransports(name, claim)
	}
	clear(owners)
	claimLink := func(owner, name string, at place) {
		if dataplane.IsTunnelName(name) || dataplane.IsTUNName(name) {
			j.refuse(at, mustViolation, "%s is a name that this element gives interfaces of its own: rename the interface", name)
		}
		claim(owner, "interface "+name, at)
	}
	j.claimMembers(claim, claimLink)
	j.claimAdopted(claim)
	for _, name := range sortedKeys(j.new.mags) {
		for _, version := range []string{"ipv6", "ipv4"} {
			if leaf := j.new.mags[name].at.below("address", version); leaf.node != nil {
				claim("MAG "+name, "address "+leaf.node.Value(), leaf)
			}
		}
		for link, at := range j.new.mags[name].at.child("interface").entries() {
			claimLink("MAG "+name, link, at)
		}
	}
}
