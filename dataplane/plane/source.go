package plane

import (
	"errors"
	"fmt"

	"mooring/dataplane"
)

// leadingSources returns the operations on sources that a batch begins with: what can be done at once.
func leadingSources(batch []dataplane.Op) []SourceOp {
	var ops []SourceOp
	for _, op := range batch {
		o, ok := op.Object.(dataplane.SourceRoute)
		if !ok {
			break
		}
		ops = append(ops, SourceOp{Remove: op.Delete, SourceRoute: o})
	}
	return ops
}

// applySources has each carrier put what is its, and forget the rest.
func (p *Plane) applySources(ops []SourceOp, errs []error) {
	for i := range ops {
		if op := &ops[i]; !op.Remove {
			op.VRF, errs[i] = p.linkVRF(op.Link)
		}
	}
	for _, c := range p.carriers {
		var part []SourceOp
		var places []int
		for i, op := range ops {
			if errs[i] != nil {
				continue
			}
			op.Remove = op.Remove || p.choice.Of(op.Path.Tunnel) != c
			part, places = append(part, op), append(places, i)
		}
		for i, err := range c.ApplySources(part) {
			errs[places[i]] = errors.Join(errs[places[i]], err)
		}
	}
}

// linkVRF returns the VRF of an access link.
func (p *Plane) linkVRF(name string) (string, error) {
	if o, ok := p.links[name]; ok {
		return o.VRF, nil
	}
	if _, err := p.hosts[""].LinkIndex(name); err != nil {
		return "", err
	}
	return "", fmt.Errorf("%s is not an access interface", name)
}
