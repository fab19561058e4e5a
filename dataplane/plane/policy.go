package plane

import "mooring/dataplane"

// putPolicy tells every carrier: any may come to have tunnels of that end.
func (p *Plane) putPolicy(o dataplane.Policy) error {
	if _, err := p.host(o.VRF); err != nil {
		return err
	}
	if err := p.each(func(c Carrier) error { return c.PutPolicy(o) }); err != nil {
		return err
	}
	p.policies[o.PolicyKey] = o
	return nil
}

func (p *Plane) removePolicy(key dataplane.PolicyKey) error {
	if err := p.each(func(c Carrier) error { return c.RemovePolicy(key) }); err != nil {
		return err
	}
	delete(p.policies, key)
	return nil
}

// Matches returns what the rules of access lists have decided about. Those of lists that no policy has are not known.
func (p *Plane) Matches() map[dataplane.MatchKey]dataplane.Matches {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[dataplane.MatchKey]dataplane.Matches{}
	if p.closing.Err() != nil {
		return all
	}
	for _, c := range p.carriers {
		for key, n := range c.Matches() {
			n.Add(all[key])
			all[key] = n
		}
	}
	return all
}
