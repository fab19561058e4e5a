package apply

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"mooring/gen"
	"mooring/mobility"
	"mooring/mobility/trie"
	"mooring/server/tree"
)

// anchor is an LMA of the configuration.
type anchor struct {
	at          place
	domain      *domain
	enabled     bool
	native      *mobility.LMA
	warnings    []*tree.Error
	warned      trie.Map[[]*tree.Error]  // by entry of native.Peers: what was to be said of it
	ofCustomers map[string][]*tree.Error // the same by customer
	adopts      trie.Map[place]          // by entry of native.Peers: its tunnel interface
}

func (j *job) translateLMAs() {
	for name, at := range j.list("lma").entries() {
		was := j.old.lmas[name]
		d := j.domainOf(at)
		if was != nil && was.at.node.Same(at.node) && was.domain == d && !j.domainsCame && !j.localPoolsChanged {
			j.new.lmas[name] = was
			continue
		}
		j.new.lmas[name] = j.lma(was, d, at)
	}
	for name := range j.old.lmas {
		if j.new.lmas[name] == nil {
			j.networksChanged = true
		}
	}
}

// domainOf returns the domain that the leaf domain of an LMA or MAG refers to. Where there is none, one without anything stands in,
// so that the rest can be judged.
func (j *job) domainOf(at place) *domain {
	name, _ := at.node.Leaf("domain")
	d := j.new.domains[name]
	if d == nil {
		if !j.unsure(j.list("domain")) {
			j.errs = append(j.errs, &tree.Error{Tag: tree.DataMissing, AppTag: "instance-required", Path: at.child("domain").path,
				Message: fmt.Sprintf("domain %q is not configured", name)})
		}
		d = &domain{settings: &settings{}, store: &profiles{}, native: &mobility.Domain{}}
	}
	return d
}

func (j *job) lma(was *anchor, d *domain, at place) *anchor {
	sameDomain := was != nil && was.domain.settings == d.settings
	if was == nil {
		was = &anchor{native: &mobility.LMA{}}
	}
	if was.domain == nil || was.domain.native.Name != d.native.Name {
		j.networksChanged = true // names are looked up in other LMAs than before
	}
	a := &anchor{at: at, domain: d}
	if sameDomain && sameOutsideLists(was.at.node, at.node) {
		native := *was.native
		a.native, a.enabled = &native, was.enabled
	} else {
		a.native, a.enabled = j.lmaSettings(d, at)
	}
	a.native.Domain = d.native
	j.lmaPeers(was, sameDomain && !j.domainsCame, a)
	j.networks(was, a)
	j.customers(was, a)
	a.warnings = j.lmaWarnings(a)
	j.warnings = append(j.warnings, fresh(a.warnings, was.warnings)...)
	return a
}

func (j *job) lmaSettings(d *domain, at place) (*mobility.LMA, bool) {
	x, err := j.lmaView.of(at.node)
	j.check(at, err)
	addresses := at.child("address")
	m := &mobility.LMA{
		Name:        x.GetName(),
		Addresses:   append(j.addrs(addresses, x.Address.Ipv6...), j.addrs(addresses, x.Address.Ipv4...)...),
		MaxPrefixes: int(x.Hnp.GetMaximum()),
		MaxBindings: x.Bce.GetMaximum(),
		Entitlement: mobility.Entitlement{Name: x.Entitlement.GetName(), Limit: x.Entitlement.GetLimit()},
		Lifetime:    seconds(x.Bce.GetLifetime()),
		Refresh:     seconds(x.Bce.GetRefreshTime()),
		DeleteWait:  milliseconds(x.Bce.GetDeleteWaitTime()),
		CreateWait:  milliseconds(x.Bce.GetCreateWaitTime()),

		IgnoreTimestamps: d.settings.ignoreTimestamps,
		TimestampWindow:  cmp.Or(window(x.ReplayProtection.Window, x.ReplayProtection.WindowMilliseconds), d.settings.window),

		DefaultProfile:  x.GetDefaultProfile(),
		LearnPeers:      x.GetDynamicMagLearning(),
		AcceptForcedUDP: x.GetAcceptForcedUdpEncapsulation(),
		AwaitInstall:    x.GetAcknowledgeAfterInstall(),
		TunnelMTU:       int(x.Tunnel.GetMtu()),

		Redistribution: redistributions[x.GetRedistribute()],
		RouteDistance:  x.MobileRoute.GetAdminDistance(),
	}
	if loop := x.MobileLocalLoop; loop != nil {
		m.IgnoreHome = loop.GetIgnoreHomeAddress()
		if loop.Mnp != nil {
			m.Limits = networkLimits(loop.Mnp.Ipv4, loop.Mnp.Ipv6, loop.Mnp.All)
		}
	}
	if mode := x.ReplayProtection.GetMode(); mode != gen.MooringPmipv6Types_ReplayMode_UNSET {
		m.IgnoreTimestamps = mode == gen.MooringPmipv6Types_ReplayMode_ignore
	}
	m.Authorize = authorize(x)
	m.Heartbeat, m.Marking = heartbeat(x.Heartbeat), marking(x.Dscp)
	if x.GreKey != nil {
		m.GREKeys = mobility.GREKeys{Unmade: !x.GreKey.GetGenerate(), Unused: x.GreKey.GetIgnore()}
	}
	m.EnforceHeartbeat = x.GetEnforceHeartbeatToMag()
	m.Revocation = mobility.Revocation{DelayMin: milliseconds(x.Bri.GetDelayMin()), DelayMax: milliseconds(x.Bri.GetDelayMax()), Retries: int(x.Bri.GetRetries())}
	return m, x.GetEnabled()
}

func seconds[N uint16 | uint32](n N) time.Duration { return time.Duration(n) * time.Second }

func milliseconds(n uint16) time.Duration { return time.Duration(n) * time.Millisecond }

var redistributions = map[gen.E_MooringPmipv6_Pmipv6_Lma_Redistribute]mobility.Redistribution{
	gen.MooringPmipv6_Pmipv6_Lma_Redistribute_pools:       mobility.RedistributePools,
	gen.MooringPmipv6_Pmipv6_Lma_Redistribute_host_prefix: mobility.RedistributeHosts,
	gen.MooringPmipv6_Pmipv6_Lma_Redistribute_disabled:    mobility.RedistributeNothing,
}

// lmaPeers translates the MAGs that the LMA knows. may says that those that have not changed can be taken over.
func (j *job) lmaPeers(was *anchor, may bool, a *anchor) {
	peers, warned, adopts, own := was.native.Peers, was.warned, was.adopts, new(trie.Owner)
	if !may {
		peers, warned, adopts = trie.Map[*mobility.Peer]{}, trie.Map[[]*tree.Error]{}, trie.Map[place]{}
	}
	for e := range j.changedOrAll(a.at.child("mag"), may) {
		key := e.path.Last().JoinedKeys()
		warned, adopts = warned.Without(key), adopts.Without(key)
		if e.node == nil {
			peers = peers.Without(key)
			continue
		}
		p, warnings := j.lmaPeer(a.domain, e)
		peers = peers.With(key, p, own)
		if p.Device != "" {
			adopts = adopts.With(key, e.child("tunnel-interface"), own)
		}
		if len(warnings) > 0 {
			warned = warned.With(key, warnings, own)
			j.warnings = append(j.warnings, warnings...)
		}
	}
	a.native.Peers, a.warned, a.adopts = peers, warned, adopts
}

// peerWarnings are the warnings of the MAGs that the LMA knows, in the order of the configuration.
func (a *anchor) peerWarnings() (lists [][]*tree.Error) {
	if a.warned.Empty() {
		return nil
	}
	for e := range a.at.child("mag").node.Entries() {
		if warnings, ok := a.warned.Get(e.Step().JoinedKeys()); ok {
			lists = append(lists, warnings)
		}
	}
	return lists
}

// leastIPv6MTU is what every link carries that IPv6 is used on (RFC 8200 section 5).
const leastIPv6MTU = 1280

// lmaWarnings says what does not fit within an LMA, and which names lead nowhere.
func (j *job) lmaWarnings(a *anchor) []*tree.Error {
	var p problems
	m := a.native
	if m.DefaultProfile != "" && a.domain.store.Named(m.DefaultProfile) == nil {
		p.warn(a.at.child("default-profile"), BadReference,
			"domain %s has neither a profile nor an NAI entry %s; nodes without an entry are refused", a.domain.native.Name, m.DefaultProfile)
	}
	if m.TunnelMTU > 0 && m.TunnelMTU < leastIPv6MTU && servesIPv6(m) {
		p.warn(a.at.below("tunnel", "mtu"), Mismatch, "nodes use IPv6, which needs links of %d octets", leastIPv6MTU)
	}
	for _, name := range sortedKeys(m.Networks) {
		for _, pool := range m.Networks[name].Pools {
			if i := slices.IndexFunc(m.Addresses, spanOf(pool).holds); i >= 0 {
				p.warn(poolPlace(a.at, name, pool), Mismatch, "the pool hands out %s, an address of the LMA itself", m.Addresses[i])
			}
		}
	}
	j.localPoolWarnings(&p, a)
	return append(p.warnings, lateAnswers(a.at, &m.Heartbeat)...)
}

func servesIPv6(m *mobility.LMA) bool {
	for _, c := range m.Customers {
		if c.Unauthorized || havePrefixes(c.Networks) {
			return true
		}
	}
	return havePrefixes(m.Networks)
}

func havePrefixes(networks map[string]*mobility.Network) bool {
	for _, network := range networks {
		for _, pool := range network.Pools {
			if pool.Start.Is6() {
				return true
			}
		}
	}
	return false
}
