package apply

import (
	"maps"
	"time"

	"mooring/dataplane"
	"mooring/gen"
	"mooring/mobility"
	"mooring/server/tree"
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
			if link, enabled = j.link(g, at, old.Entry(name), link.Nodes); !enabled {
				continue
			}
		}
		g.native.Links = append(g.native.Links, link)
	}
}

// link translates an access interface; nodes are those of the entry before, which may be nil.
func (j *job) link(g *gateway, at place, before *tree.Node, nodes map[dataplane.MAC]mobility.NodeID) (link mobility.AccessLink, enabled bool) {
	x, err := j.linkView.of(at.node)
	j.check(at, err)
	link = mobility.AccessLink{
		Name:      x.GetName(),
		Access:    g.access,
		Nodes:     j.nodes(at, before, nodes),
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

// nodes translates the list node of an access interface.
func (j *job) nodes(at place, before *tree.Node, old map[dataplane.MAC]mobility.NodeID) map[dataplane.MAC]mobility.NodeID {
	list := at.child("node")
	if old != nil && childOf(before, list.path.Last().Node).Same(list.node) {
		return old
	}
	nodes := map[dataplane.MAC]mobility.NodeID{}
	if old == nil { // the interface was not served before
		for _, e := range list.entries() {
			j.node(nodes, e)
		}
		return nodes
	}
	maps.Copy(nodes, old)
	for e := range j.changed(list) {
		if e.node != nil {
			j.node(nodes, e)
		} else {
			delete(nodes, j.mac(e, e.path.Last().Keys[0]))
		}
	}
	return nodes
}

func (j *job) node(nodes map[dataplane.MAC]mobility.NodeID, at place) {
	x, err := j.nodeView.of(at.node)
	j.check(at, err)
	nodes[j.mac(at, x.GetLinkLayerAddress())] = mobility.NAI(x.GetNai())
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
