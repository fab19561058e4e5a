package apply

import (
	"net/netip"
	"reflect"
	"slices"
	"time"

	"mooring/gen"
	"mooring/mobility/aaa"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// defaultList is the entry of system/aaa/accounting/mobile that LMAs use (feature AAA-03).
const defaultList = "default"

// allServers stands for all servers where a group is named.
const allServers = "radius"

// accounting translates system/aaa and what the LMAs say of it.
func (j *job) accounting() *aaa.Config {
	if was := j.old.Accounting; was != nil && j.sameAccounting() {
		j.new.unaccounted = j.old.unaccounted
		return was
	}
	at := place{path: schema.Path{{Node: j.system}}}
	at.node, _ = j.new.root.EffectiveChild(j.system)
	at = at.effective("aaa")
	radius, queue := at.effective("radius"), at.effective("accounting")
	common, err := j.radiusView.of(radius.node)
	j.check(radius, err)
	x, err := j.accountingView.of(queue.node)
	j.check(queue, err)
	servers, clients := j.radiusServers(radius, common, (*gen.MooringSystem_System_Aaa_Radius_Server).GetAcctPort)
	dynamic := common.DynamicAuthorization
	c := &aaa.Config{
		Lanes:    j.lanes(radius, queue, servers),
		DeadTime: time.Duration(common.GetDeadTime()) * time.Minute,
		Queue:    int(x.GetQueueLimit()),
		Disconnect: aaa.Disconnect{
			Enabled: dynamic.GetEnabled(), Port: dynamic.GetPort(), Clients: clients, AcceptUntimed: !dynamic.GetRequireEventTimestamp(),
		},
		Authorization: j.authorization(radius, at.effective("authorization"), common),
	}
	j.new.unaccounted = append(j.accountedAnchors(c), j.unansweredAnchors(c)...)
	j.warnings = append(j.warnings, fresh(j.new.unaccounted, j.old.unaccounted)...)
	if was := j.old.Accounting; was != nil && reflect.DeepEqual(was, c) {
		return was
	}
	return c
}

// sameAccounting reports whether nothing has changed that accounting depends on.
func (j *job) sameAccounting() bool {
	if !j.old.root.Child(j.system).Same(j.new.root.Child(j.system)) || len(j.old.lmas) != len(j.new.lmas) {
		return false
	}
	for name, a := range j.new.lmas {
		was := j.old.lmas[name]
		if was == nil || was.enabled != a.enabled || !slices.Equal(was.native.Addresses, a.native.Addresses) ||
			was.native.Authorize != a.native.Authorize || was.native.Domain.AskForProfiles != a.native.Domain.AskForProfiles ||
			!childOf(was.at.node, j.anchorAAA).Same(childOf(a.at.node, j.anchorAAA)) {
			return false
		}
	}
	return true
}

// radiusServers translates the servers, by name, with one of their ports, and lists who may send Disconnect-Requests.
func (j *job) radiusServers(radius place, common *gen.MooringSystem_System_Aaa_Radius, port func(*gen.MooringSystem_System_Aaa_Radius_Server) uint16) (servers map[string]aaa.Server, clients []aaa.Client) {
	servers = map[string]aaa.Server{}
	for name, e := range radius.child("server").entries() {
		x, err := j.serverView.of(e.node)
		j.check(e, err)
		addr, err := netip.ParseAddr(x.GetAddress())
		if err != nil {
			j.refuse(e.child("address"), mustViolation, "%q is no address", x.GetAddress())
			continue
		}
		s := aaa.Server{
			Name: name, Addr: netip.AddrPortFrom(addr, port(x)), Secret: x.GetSharedSecret(),
			Timeout: time.Duration(common.GetTimeout()) * time.Second, Retransmit: int(common.GetRetransmit()),
		}
		if x.Timeout != nil {
			s.Timeout = time.Duration(*x.Timeout) * time.Second
		}
		if x.Retransmit != nil {
			s.Retransmit = int(*x.Retransmit)
		}
		servers[name] = s
		clients = append(clients, aaa.Client{Addr: addr, Secret: s.Secret})
	}
	return servers, clients
}

// lanes says where records go: to the first group that answers, or with broadcast to every group.
func (j *job) lanes(radius, queue place, servers map[string]aaa.Server) (lanes []aaa.Lane) {
	for name, e := range queue.child("mobile").entries() {
		if name != defaultList {
			continue
		}
		x, err := j.mobileView.of(e.node)
		j.check(e, err)
		for _, group := range x.Group {
			targets := j.targets(radius, group, servers)
			if x.GetBroadcast() || len(lanes) == 0 {
				lane := defaultList
				if x.GetBroadcast() {
					lane = group
				}
				lanes = append(lanes, aaa.Lane{Name: lane, Targets: targets})
				continue
			}
			lanes[0].Targets = append(lanes[0].Targets, targets...)
		}
	}
	return lanes
}

func (j *job) targets(radius place, group string, servers map[string]aaa.Server) (targets []aaa.Target) {
	if group == allServers {
		for name := range radius.child("server").entries() { // in the order of their names
			targets = append(targets, aaa.Target{Server: servers[name]})
		}
		return targets
	}
	for name, e := range radius.child("group").entries() {
		if name != group {
			continue
		}
		x, err := j.groupView.of(e.node)
		j.check(e, err)
		for _, server := range x.Server {
			targets = append(targets, aaa.Target{Server: servers[server], VRF: vrf(x.GetVrf()), Interface: x.GetSourceInterface()})
		}
	}
	return targets
}

// accountedAnchors lists the LMAs that are accounted, and warns of those whose records have nowhere to go.
func (j *job) accountedAnchors(c *aaa.Config) (warnings []*tree.Error) {
	var p problems
	for _, name := range sortedKeys(j.new.lmas) {
		a := j.new.lmas[name]
		at := a.at.child("aaa").child("accounting")
		if at.node == nil || !a.enabled {
			continue
		}
		x, err := j.anchorView.of(at.node)
		j.check(at, err)
		if !x.GetEnabled() && x.InterimInterval == nil {
			continue
		}
		if len(c.Lanes) == 0 {
			p.warn(at, BadReference, "system/aaa/accounting has no list %s: no records are made", defaultList)
		}
		c.Anchors = append(c.Anchors, aaa.Anchor{
			Name: name, Addresses: slices.Clone(a.native.Addresses), Interim: time.Duration(x.GetInterimInterval()) * time.Minute,
		})
	}
	return p.warnings
}

// effective is child of a container, which is there with the values in use where nothing of it is configured.
func (p place) effective(name string) place {
	c := p.child(name)
	c.node, _ = p.node.EffectiveChild(c.path.Last().Node)
	return c
}

// aaaViews are those of system/aaa, and of what an LMA says of accounting.
type aaaViews struct {
	authorizationViews
	anchorAAA      *schema.Node // pmipv6/lma/aaa
	radiusView     view[gen.MooringSystem_System_Aaa_Radius]
	serverView     view[gen.MooringSystem_System_Aaa_Radius_Server]
	groupView      view[gen.MooringSystem_System_Aaa_Radius_Group]
	accountingView view[gen.MooringSystem_System_Aaa_Accounting]
	mobileView     view[gen.MooringSystem_System_Aaa_Accounting_Mobile]
	anchorView     view[gen.MooringPmipv6_Pmipv6_Lma_Aaa_Accounting]
}

func (v *aaaViews) bind(b *binder) {
	v.authorizationViews.bind(b)
	v.anchorAAA = b.schema.Find("/mooring-pmipv6:pmipv6/lma/aaa")
	const system = "/mooring-system:system/aaa"
	bind(b, &v.radiusView, system+"/radius")
	bind(b, &v.serverView, system+"/radius/server")
	bind(b, &v.groupView, system+"/radius/group")
	bind(b, &v.accountingView, system+"/accounting")
	bind(b, &v.mobileView, system+"/accounting/mobile")
	bind(b, &v.anchorView, "/mooring-pmipv6:pmipv6/lma/aaa/accounting")
}
