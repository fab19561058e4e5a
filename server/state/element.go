package state

import "mooring/server/tree/schema"

// MountElement mounts the tables of a Mooring element. It fails when the schema lacks what they render.
func (s *State) MountElement(src Sources) error {
	var r resolver
	since := &beginnings{}
	at := func(path string) *schema.Node { return r.find(s.Schema, path) }
	const lma, mag, sys = "/mooring-pmipv6:pmipv6/lma", "/mooring-pmipv6:pmipv6/mag", "/mooring-system:system"
	small := []struct {
		path string
		make func(*resolver, *schema.Node, *Sources) Table
	}{
		{"/mooring-pmipv6:pmipv6/capabilities", capabilities},
		{lma, anchors},
		{lma + "/entitlement", entitlement},
		{lma + "/network", pools},
		{"/mooring-pmipv6:pmipv6/local-pool/range", localPools},
		{lma + "/peers/peer", peers},
		{lma + "/mobile-local-loop/customer/transport", customerTransports},
		{lma + "/mobile-local-loop/customer/network/authorized", customerPools},
		{lma + "/mobile-local-loop/customer/mnp", customerNetworks},
		{lma + "/mobile-local-loop/customer/statistics", customerStatistics},
		{lma + "/tunnels/tunnel", func(r *resolver, def *schema.Node, src *Sources) Table {
			return tunnels(r, def, src.lmaOwners, src.Dataplane)
		}},
		{lma + "/statistics", func(r *resolver, def *schema.Node, src *Sources) Table { return lmaStatistics(r, def, src, since) }},
		{lma + "/aaa/accounting/session", accountingSessions},
		{mag, gateways},
		{mag + "/lma", knownLMAs},
		{mag + "/interface", accessLinks},
		{mag + "/paths/path", paths},
		{mag + "/tunnels/tunnel", func(r *resolver, def *schema.Node, src *Sources) Table {
			return tunnels(r, def, src.magOwners, src.Dataplane)
		}},
		{mag + "/statistics", func(r *resolver, def *schema.Node, src *Sources) Table { return magStatistics(r, def, src, since) }},
		{lma + "/trace", func(r *resolver, def *schema.Node, src *Sources) Table { return traces(r, def, src, false) }},
		{mag + "/trace", func(r *resolver, def *schema.Node, src *Sources) Table { return traces(r, def, src, true) }},
		{sys, system},
		{sys + "/netconf/ssh", netconfSSH},
		{sys + "/netconf/tls", netconfTLS},
		{sys + "/netconf/call-home", callHome},
		{sys + "/gnmi", gnmi},
		{sys + "/metrics", metrics},
		{sys + "/dataplane", backend},
		{sys + "/dataplane/last-interruption", lastInterruption},
		{sys + "/dataplane/objects", objectCounts},
		{sys + "/dataplane/objects/object", objects},
		{sys + "/dataplane/objects/repair", repairs},
		{"/ietf-network-instance:network-instances/network-instance/mooring-network-instance:vrf", vrfs},
		{"/ietf-access-control-list:acls/acl/aces/ace/statistics", ruleStatistics},
		{sys + "/binding-store", bindingStore},
		{sys + "/binding-store/damage", damage},
		{sys + "/aaa/radius/server", radiusServers},
		{sys + "/configuration", configuration},
		{sys + "/configuration/warning", warnings},
		{"/ietf-netconf-acm:nacm", denials},
	}
	for _, t := range small {
		if def := at(t.path); def != nil {
			s.Mount(t.make(&r, def, &src))
		}
	}
	for _, b := range []struct {
		path     string
		gateways bool
		machines func() []machine
	}{{lma, false, src.anchorMachines}, {mag, true, src.gatewayMachines}} {
		if def := at(b.path + "/bindings/binding"); def != nil {
			s.tables = append(s.tables, newBindings(&r, def, b.gateways, b.machines, src.Dataplane))
		}
	}
	s.woken = func() { since.note(&src) }
	s.woken()
	return r.err()
}

func (src *Sources) anchorMachines() (list []machine) {
	for _, l := range src.lmas() {
		list = append(list, machine{l.Name, l.Table, l.Session, l.Health})
	}
	return list
}

func (src *Sources) gatewayMachines() (list []machine) {
	for _, m := range src.mags() {
		list = append(list, machine{m.Name, m.Table, m.Session, m.Health})
	}
	return list
}
