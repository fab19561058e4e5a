package state

import "mooring/server/tree/schema"

// lastInterruption says for how long nothing was forwarded in user space because no process ran.
func lastInterruption(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Since    *schema.Node `yang:"since"`
		Duration *schema.Node `yang:"duration"`
		Tunnels  *schema.Node `yang:"tunnels"`
		Bindings *schema.Node `yang:"bindings"`
	}
	r.resolve(&n, def)
	return one(def, def.Children, func(s *Sink) {
		if src.Interruption == nil {
			return
		}
		i := src.Interruption()
		if i == nil {
			return
		}
		s.Time(n.Since, i.Since)
		if !i.Since.IsZero() {
			s.Uint(n.Duration, uint64(i.Duration.Milliseconds()))
		}
		s.Uint(n.Tunnels, uint64(i.Tunnels))
		s.Uint(n.Bindings, uint64(i.Bindings))
	})
}
