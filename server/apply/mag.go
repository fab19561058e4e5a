package apply

import (
	"net/netip"

	"mooring/gen"
	"mooring/mobility"
	"mooring/mobility/wire"
	"mooring/server/tree"
)

// gateway is a MAG of the configuration.
type gateway struct {
	at       place
	domain   *domain
	enabled  bool
	access   wire.AccessType // of links that state none
	native   *mobility.MAG
	warnings []*tree.Error
}

func (j *job) translateMAGs() {
	for name, at := range j.list("mag").entries() {
		was := j.old.mags[name]
		d := j.domainOf(at)
		if was != nil && was.at.node.Same(at.node) && was.domain == d && !j.domainsCame && !j.knownLMAsChanged {
			j.new.mags[name] = was
			continue
		}
		j.new.mags[name] = j.mag(was, d, at)
	}
}

func (j *job) mag(was *gateway, d *domain, at place) *gateway {
	if was == nil {
		was = &gateway{native: &mobility.MAG{}}
	}
	g := &gateway{at: at, domain: d}
	if was.at.node != nil && sameOutsideLists(was.at.node, at.node) {
		native := *was.native
		g.native, g.enabled, g.access = &native, was.enabled, was.access
	} else {
		j.magSettings(g)
	}
	g.native.Domain = d.native
	j.links(was, g)
	found := j.anchors(g)
	if g.native.TunnelMTU > 0 && g.native.TunnelMTU < leastIPv6MTU && advertises(g.native) {
		found.warn(at.below("tunnel", "mtu"), Mismatch, "nodes use IPv6, which needs links of %d octets", leastIPv6MTU)
	}
	g.warnings = append(found.warnings, lateAnswers(g.at, &g.native.Heartbeat)...)
	j.warnings = append(j.warnings, fresh(g.warnings, was.warnings)...)
	return g
}

func (j *job) magSettings(g *gateway) {
	x, err := j.magView.of(g.at.node)
	j.check(g.at, err)
	g.enabled, g.access = x.GetEnabled(), roleAccess(x.GetRole())
	g.native = &mobility.MAG{
		Name:      x.GetName(),
		Addresses: j.addrs(g.at.child("address"), x.Address.GetIpv6(), x.Address.GetIpv4()),

		MaxBindings:       x.Binding.GetMaximum(),
		Lifetime:          seconds(x.Binding.GetLifetime()),
		Refresh:           seconds(x.Binding.GetRefreshTime()),
		InitialRetransmit: milliseconds(x.Binding.GetInitRetxTime()),
		MaxRetransmit:     milliseconds(x.Binding.GetMaxRetxTime()),

		APN:       x.GetApn(),
		APNLabels: x.GetSsmoFormat() == gen.MooringPmipv6_Pmipv6_Mag_SsmoFormat_label,
		ForceUDP:  x.GetForceUdpEncapsulation(),
		TunnelMTU: int(x.Tunnel.GetMtu()),
	}
	g.native.Heartbeat, g.native.Marking = heartbeat(x.Heartbeat), marking(x.Dscp)
	g.native.Revocation = mobility.Revocation{DelayMin: milliseconds(x.Bri.GetDelayMin()), DelayMax: milliseconds(x.Bri.GetDelayMax()), Retries: int(x.Bri.GetRetries())}
	if x.GreKey != nil {
		g.native.GREKeys = mobility.GREKeys{Unmade: !x.GreKey.GetGenerate(), Unused: x.GreKey.GetIgnore()}
	}
	if poll := x.DetachDetection; poll != nil {
		g.native.Poll = mobility.Poll{Interval: seconds(poll.GetInterval()), Timeout: seconds(uint16(poll.GetTimeout())), Retries: int(poll.GetRetries())}
	}
}

// roleAccess is the access technology that goes with the role of a gateway.
func roleAccess(role gen.E_MooringPmipv6_Pmipv6_Mag_Role) wire.AccessType {
	switch role {
	case gen.MooringPmipv6_Pmipv6_Mag_Role_3gpp:
		return accessType(gen.MooringPmipv6Types_AccessTechnology_3gpp_utran)
	case gen.MooringPmipv6_Pmipv6_Mag_Role_lte:
		return accessType(gen.MooringPmipv6Types_AccessTechnology_3gpp_e_utran)
	case gen.MooringPmipv6_Pmipv6_Mag_Role_wimax:
		return accessType(gen.MooringPmipv6Types_AccessTechnology_wimax)
	}
	return accessType(gen.MooringPmipv6Types_AccessTechnology_wlan)
}

// accessType is the value of the Access Technology Type option, which is that of the YANG enumeration; the generated constants are
// one higher.
func accessType(e gen.E_MooringPmipv6Types_AccessTechnology) wire.AccessType {
	return wire.AccessType(e - 1)
}

// anchors puts the LMAs of the gateway together: its own list, and after it what else the domain knows.
func (j *job) anchors(g *gateway) (found problems) {
	g.native.Anchors = nil
	listed := map[string]bool{}
	for _, at := range g.at.child("lma").entries() {
		p, warnings := j.magPeer(g.domain, at)
		listed[p.Name] = true
		g.native.Anchors = append(g.native.Anchors, *p)
		found.warnings = append(found.warnings, warnings...)
	}
	for _, known := range g.domain.known {
		if len(known.addresses) > 0 && !listed[known.id] {
			g.native.Anchors = append(g.native.Anchors, mobility.Peer{Name: known.id, Domain: g.domain.native.Name, Addresses: known.addresses})
		}
	}
	if len(g.native.Addresses) > 0 && len(g.native.Anchors) > 0 && !reachesAny(g.native) {
		found.warn(g.at.child("address"), Mismatch, "none of the LMAs has an address of the same IP version; no node can be registered")
	}
	return found
}

// addressesOf returns the addresses that a domain, which may be nil, gives for an LMA.
func (d *domain) addressesOf(id string) []netip.Addr {
	if d != nil {
		for _, known := range d.known {
			if known.id == id {
				return known.addresses
			}
		}
	}
	return nil
}

func reachesAny(m *mobility.MAG) bool {
	for _, anchor := range m.Anchors {
		for _, theirs := range anchor.Addresses {
			for _, ours := range m.Addresses {
				if theirs.Is4() == ours.Is4() {
					return true
				}
			}
		}
	}
	return false
}

func advertises(m *mobility.MAG) bool {
	for _, link := range m.Links {
		if link.Advertise.MaxInterval > 0 {
			return true
		}
	}
	return false
}
