package usertun

import (
	"sync/atomic"

	"mooring/dataplane"
	"mooring/dataplane/match"
)

// policy is a dataplane.Policy made ready for packets. It never changes, but for what it counts.
type policy struct {
	dataplane.Policy
	filter *match.Filter // nil: everything passes
}

// policies are those of the two sides of an endpoint; nil where there is none.
type policies [2]atomic.Pointer[policy]

func (p *policies) of(side dataplane.Side) *atomic.Pointer[policy] { return &p[side-dataplane.Anchor] }

// filter reports whether either side filters.
func (p *policies) filter() bool {
	for i := range p {
		if have := p[i].Load(); have != nil && have.filter != nil {
			return true
		}
	}
	return false
}

// PutPolicy implements plane.Carrier.
func (c *Carrier) PutPolicy(o dataplane.Policy) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.policies[o.PolicyKey]
	if old != nil && old.Policy == o {
		return nil
	}
	now := &policy{Policy: o}
	if o.Inbound != nil {
		var before *match.Filter
		if old != nil {
			before = old.filter
		}
		now.filter = match.New(o.Inbound, before)
	}
	c.policies[o.PolicyKey] = now
	c.police(o.PolicyKey, now)
	return nil
}

// RemovePolicy implements plane.Carrier.
func (c *Carrier) RemovePolicy(key dataplane.PolicyKey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.policies, key)
	c.police(key, nil)
	return nil
}

// police gives the tunnels of one end a policy, or takes it away. It returns when no packet goes round it.
func (c *Carrier) police(key dataplane.PolicyKey, p *policy) {
	for at, e := range c.endpoints {
		if at.vrf == key.VRF && at.local == key.Local {
			e.policies.of(key.Side).Store(p)
		}
	}
	for id, t := range c.tunnels {
		if id.VRF == key.VRF && id.Local == key.Local {
			t.endpoint.fast.putTunnel(t)
		}
	}
}

// policeEndpoint gives a new endpoint the policies that it has.
func (c *Carrier) policeEndpoint(key endpointKey, e *endpoint) {
	for _, side := range []dataplane.Side{dataplane.Anchor, dataplane.Access} {
		e.policies.of(side).Store(c.policies[dataplane.PolicyKey{VRF: key.vrf, Local: key.local, Side: side}])
	}
}

// Matches implements plane.Carrier.
func (c *Carrier) Matches() map[dataplane.MatchKey]dataplane.Matches {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[dataplane.MatchKey]dataplane.Matches{}
	for _, have := range c.policies {
		for key, n := range have.filter.Matches() {
			n.Add(all[key])
			all[key] = n
		}
	}
	return all
}

// passes applies the policy of a side to a packet that came out of a tunnel, which stands for so many on the wire. summed is as of
// match.ClampMSS.
func (d *decapsulator) passes(sink *device, r *route, inner []byte, packets, octets int, summed bool) bool {
	p := d.endpoint.policies.of(sink.side).Load()
	if p == nil {
		return true
	}
	if p.filter != nil && !p.filter.Permits(inner, packets, octets) {
		r.tunnel.drops.filtered.Add(uint64(packets))
		return false
	}
	if p.ClampMSS {
		match.ClampMSS(inner, r.mtu(), summed)
	}
	return true
}

// clamp applies the policy of the device's side to a single packet that goes into a tunnel.
func (e *encapsulator) clamp(r *route, b []byte) {
	if p := r.tunnel.endpoint.policies.of(e.device.side).Load(); p != nil && p.ClampMSS {
		match.ClampMSS(b, r.mtu(), true)
	}
}
