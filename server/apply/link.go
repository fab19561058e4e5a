package apply

import (
	"time"

	"mooring/gen"
	"mooring/mobility"
	"mooring/mobility/trie"
)

// links translates the access interfaces of a MAG that are enabled, and takes over those that have not changed.
func (j *job) links(was, g *gateway) {
	list := g.at.child("interface")
	old := childOf(was.at.node, list.path.Last().Node)
	if old.Same(list.node) && was.access == g.access {
		g.native.Links = was.native.Links
		return
	}
	before := map[string]mobility.AccessLink{}
	for _, link := range was.native.Links {
		before[link.Name] = link
	}
	g.native.Links = nil
	for name, at := range list.entries() {
		link, have := before[name]
		if !have || was.access != g.access || !old.Entry(name).Same(at.node) {
			var enabled bool
			if link, enabled = j.link(g, at, link.Nodes, have); !enabled {
				continue
			}
		}
		g.native.Links = append(g.native.Links, link)
	}
}

// link translates an access interface. nodes are those of the interface before, if it was served.
func (j *job) link(g *gateway, at place, nodes trie.Map[mobility.NodeID], served bool) (link mobility.AccessLink, enabled bool) {
	x, err := j.linkView.of(at.node)
	j.check(at, err)
	link = mobility.AccessLink{
		Name:      x.GetName(),
		Access:    g.access,
		Nodes:     j.nodes(at, nodes, served),
		DHCP:      x.DhcpServer.GetEnabled(),
		Lease:     seconds(x.DhcpServer.GetLeaseTime()),
		Advertise: advertise(x.RouterAdvertisement),
	}
	if x.GetAccessTechnology() != gen.MooringPmipv6Types_AccessTechnology_UNSET {
		link.Access = accessType(x.GetAccessTechnology())
	}
	if x.GetUnknownNodes() == gen.MooringPmipv6_Pmipv6_Mag_Interface_UnknownNodes_derive {
		link.Realm = x.GetRealm()
	}
	return link, x.GetEnabled()
}

// nodes translates what changed in the list node of an access interface, or all of it.
func (j *job) nodes(at place, nodes trie.Map[mobility.NodeID], served bool) trie.Map[mobility.NodeID] {
	own := new(trie.Owner)
	for e := range j.changedOrAll(at.child("node"), served) {
		mac := j.mac(e, e.path.Last().Keys[0])
		if e.node == nil {
			nodes = nodes.Without(string(mac[:]))
			continue
		}
		x, err := j.nodeView.of(e.node)
		j.check(e, err)
		nodes = nodes.With(string(mac[:]), mobility.NAI(x.GetNai()), own)
	}
	return nodes
}

// leastInterval is the shortest time between two router advertisements (RFC 4861 section 6.2.1).
const leastInterval = 3 * time.Second

// advertise fills in what follows from MaxRtrAdvInterval where nothing is set (RFC 4861 section 6.2.1).
func advertise(x *gen.MooringPmipv6_Pmipv6_Mag_Interface_RouterAdvertisement) mobility.Advertise {
	if !x.GetEnabled() {
		return mobility.Advertise{}
	}
	a := mobility.Advertise{MaxInterval: seconds(x.GetMaxInterval())}
	a.MinInterval, a.RouterLifetime = max(a.MaxInterval/3, leastInterval), 3*a.MaxInterval
	if x.MinInterval != nil {
		a.MinInterval = seconds(*x.MinInterval)
	}
	if x.RouterLifetime != nil {
		a.RouterLifetime = seconds(*x.RouterLifetime)
	}
	return a
}
