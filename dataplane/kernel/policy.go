package kernel

import (
	"errors"
	"maps"
	"slices"

	"mooring/dataplane"
)

// policy is a dataplane.Policy as the tables have it.
type policy struct {
	dataplane.Policy
	chain string // of its filter
	known bool   // it was put; otherwise an earlier process has left it, and Inbound is not known
}

// PutPolicy implements plane.Carrier.
func (c *Carrier) PutPolicy(o dataplane.Policy) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.setPolicy(o.PolicyKey, &policy{o, chainOf(o.Inbound), true})
}

// RemovePolicy implements plane.Carrier.
func (c *Carrier) RemovePolicy(key dataplane.PolicyKey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.setPolicy(key, nil)
}

// setPolicy has all interfaces that it is about be guarded by it; by nothing, when it is nil. After an error it is to be tried again.
func (c *Carrier) setPolicy(key dataplane.PolicyKey, now *policy) error {
	before := maps.Clone(c.policies)
	if now == nil {
		delete(c.policies, key)
	} else {
		c.policies[key] = now
	}
	var errs []error
	for _, p := range c.allPlaces() {
		if p.devices > 0 {
			errs = append(errs, c.update(p, c.missingGuards(p), contentsOf(before)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		c.policies = before
		return err
	}
	c.forgetMatches()
	return nil
}

// missingGuards is how the guards of a place differ from those wanted.
func (c *Carrier) missingGuards(p *place) map[int]guard {
	changes := c.wantedGuards(p)
	for index := range p.guards.devices {
		if _, wanted := changes[index]; !wanted {
			changes[index] = guard{}
		}
	}
	return changes
}

// update changes guards. What the chains that go have counted is kept; before says what they are made of.
func (c *Carrier) update(p *place, changes map[int]guard, before contents) error {
	if err := c.settle(p); err != nil {
		return err
	}
	now := p.guards.after(changes)
	counted := map[dataplane.MatchKey]dataplane.Matches{}
	for _, chain := range now.unused() {
		if content := before(chain); content != nil && content.List != nil {
			if err := p.filter.matches(chain, content, counted); err != nil && !isAbsent(err) {
				return err
			}
		}
	}
	err := p.filter.police(p.guards, now, changes, contentsOf(c.policies))
	if isAbsent(err) { // somebody took away the table, or a part of it
		if err = c.rebuild(p); err == nil {
			now = p.guards.after(changes)
			err = p.filter.police(p.guards, now, changes, contentsOf(c.policies))
		}
	}
	if err != nil {
		return err
	}
	maps.DeleteFunc(now.chains, func(_ string, uses int) bool { return uses == 0 })
	p.guards = now
	for key, n := range counted {
		n.Add(c.counted[key])
		c.counted[key] = n
	}
	return nil
}

// contentsOf finds the filter of a chain.
func contentsOf(policies map[dataplane.PolicyKey]*policy) contents {
	return func(chain string) *dataplane.Filter {
		for _, have := range policies {
			if have.chain == chain {
				return have.Inbound
			}
		}
		return nil
	}
}

// guardOf is what the interface of a path is to have.
func (c *Carrier) guardOf(path dataplane.Path, mtu int) (g guard) {
	key := dataplane.PolicyKey{VRF: path.Tunnel.VRF, Local: path.Tunnel.Local, Side: dataplane.Anchor}
	if have := c.policies[key]; have != nil {
		g.anchor = have.chain
		if have.ClampMSS {
			g.mtu = mtu
		}
	}
	key.Side = dataplane.Access
	if have := c.policies[key]; have != nil {
		g.access = have.chain
		if have.ClampMSS {
			g.mtu = mtu
		}
	}
	return g
}

func (c *Carrier) wantedGuards(p *place) map[int]guard {
	wanted := map[int]guard{}
	if len(c.policies) == 0 {
		return wanted
	}
	for _, t := range c.tunnels {
		for path, d := range t.devices {
			if d == nil || c.places[d.vrf] != p {
				continue
			}
			if g := c.guardOf(path, d.mtu); g != (guard{}) {
				wanted[d.index] = g
			}
		}
	}
	return wanted
}

// guardDevice has an interface be guarded before it carries anything.
func (c *Carrier) guardDevice(p *place, path dataplane.Path, index, mtu int) error {
	g := c.guardOf(path, mtu)
	if p.guards.devices[index] == g {
		return nil
	}
	return c.update(p, map[int]guard{index: g}, contentsOf(c.policies))
}

// unguard forgets an interface that is gone.
func (c *Carrier) unguard(p *place, index int) error {
	if p.guards.devices[index] == (guard{}) {
		return nil
	}
	return c.update(p, map[int]guard{index: {}}, contentsOf(c.policies))
}

// lookAtGuards reads what a table has of policies. What nobody has put since this process began is left alone until somebody does, or has it
// removed: its key is among those returned.
func (c *Carrier) lookAtGuards(p *place) (left []dataplane.PolicyKey, err error) {
	if p.guards, err = p.filter.guards(); err != nil {
		return nil, err
	}
	for _, t := range c.tunnels {
		for _, d := range t.devices {
			if d == nil || c.places[d.vrf] != p {
				continue
			}
			g := p.guards.devices[d.index]
			for side, chain := range map[dataplane.Side]string{dataplane.Anchor: g.anchor, dataplane.Access: g.access} {
				key := dataplane.PolicyKey{VRF: t.id.VRF, Local: t.id.Local, Side: side}
				clamped := g.mtu > 0 && (g.anchor == "") == (g.access == "") || g.mtu > 0 && chain != ""
				if have := c.policies[key]; have != nil && have.known || chain == "" && !clamped {
					continue
				}
				c.policies[key] = &policy{dataplane.Policy{PolicyKey: key, ClampMSS: clamped}, chain, false}
				left = append(left, key)
			}
		}
	}
	return left, nil
}

// policed reports whether the table has the chains and the guards that are wanted.
func (c *Carrier) policed(p *place) (bool, error) {
	if !maps.Equal(p.guards.devices, c.wantedGuards(p)) {
		return false, nil
	}
	for chain, uses := range p.guards.chains {
		content := contentsOf(c.policies)(chain)
		if uses == 0 {
			return false, nil
		}
		if content == nil {
			continue
		}
		if intact, err := p.filter.guarded(chain, content); !intact || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Matches implements plane.Carrier.
func (c *Carrier) Matches() map[dataplane.MatchKey]dataplane.Matches {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := maps.Clone(c.counted)
	for _, p := range c.allPlaces() {
		for chain := range p.guards.chains {
			content := contentsOf(c.policies)(chain)
			if content == nil || content.List == nil {
				continue
			}
			if err := p.filter.matches(chain, content, all); err != nil {
				c.log.Warn("counters of an access list are not to be had", "list", content.List.Name, "error", err)
			}
		}
	}
	return all
}

// forgetMatches drops the counts of lists that no policy has any more.
func (c *Carrier) forgetMatches() {
	lists := map[string][]string{}
	for _, have := range c.policies {
		if have.Inbound != nil && have.Inbound.List != nil {
			for _, r := range have.Inbound.List.Rules {
				lists[have.Inbound.List.Name] = append(lists[have.Inbound.List.Name], r.Name)
			}
		}
	}
	maps.DeleteFunc(c.counted, func(key dataplane.MatchKey, _ dataplane.Matches) bool {
		return !slices.Contains(lists[key.List], key.Rule)
	})
}

// lookAtPolicies is lookAtGuards where there is a table. Without the policies that are wanted, the tunnels of the place are to be put right.
func (c *Carrier) lookAtPolicies(p *place) ([]dataplane.PolicyKey, error) {
	p.guards = newGuards()
	if p.devices == 0 || p.broken { // Tidy makes it anew
		return nil, nil
	}
	left, err := c.lookAtGuards(p)
	if err != nil {
		return nil, err
	}
	policed, err := c.policed(p)
	if p.broken = !policed; policed || err != nil {
		return left, err
	}
	for _, t := range c.tunnels {
		for _, d := range t.devices {
			if d != nil && c.places[d.vrf] == p {
				t.configured = -1
			}
		}
	}
	return left, nil
}
