package apply

import (
	"cmp"
	"maps"
	"slices"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/server/tree/schema"
)

// adoptions are the interfaces that are to be tunnels to MAGs (feature PEER-05), sorted by name. Ends that have not changed are taken over.
func (j *job) adoptions() (list []dataplane.Adoption) {
	for name, m := range j.new.Mobility.LMAs {
		if j.new.lmas[name].adopts.Empty() {
			continue
		}
		for key := range j.new.lmas[name].adopts.All() {
			p, _ := m.Peers.Get(key)
			list = append(list, adoption(m, p))
		}
	}
	slices.SortFunc(list, func(a, b dataplane.Adoption) int { return cmp.Compare(a.Device, b.Device) })
	if j.old.Dataplane != nil && len(list) > 0 {
		keepEnds(list, j.old.Dataplane.Adoptions)
	}
	return list
}

// adoption is the one of a MAG, at those of its addresses that its encapsulation can be used with.
func adoption(m *mobility.LMA, p *mobility.Peer) dataplane.Adoption {
	a := dataplane.Adoption{Device: p.Device, Encap: p.Encap, Ends: &dataplane.Ends{Local: m.Addresses}}
	if a.Encap == 0 {
		a.Encap = m.Domain.Encap
	}
	for _, addr := range p.Addresses {
		if a.Encap == 0 || p.For(m.Domain, addr.Is4()) != 0 {
			a.Peer = append(a.Peer, addr)
		}
	}
	return a
}

// keepEnds has adoptions share the ends that others had for the same interface, if they say the same.
func keepEnds(list, before []dataplane.Adoption) {
	had := map[string]*dataplane.Ends{}
	for _, a := range before {
		had[a.Device] = a.Ends
	}
	for i, a := range list {
		if old := had[a.Device]; old != nil && slices.Equal(old.Local, a.Local) && slices.Equal(old.Peer, a.Peer) {
			list[i].Ends = old
		}
	}
}

// claimAdopted claims the tunnel interfaces of MAGs: none is for two of them, or for anything else.
func (j *job) claimAdopted(claim func(name, what string, at place)) {
	for _, name := range sortedKeys(j.new.lmas) {
		if j.new.lmas[name].adopts.Empty() {
			continue
		}
		adopts := maps.Collect(j.new.lmas[name].adopts.All())
		for _, key := range sortedKeys(adopts) {
			at := adopts[key]
			mag := at.path.Parent().Last().Keys
			claim("MAG "+mag[0]+" of LMA "+name, "interface "+at.node.Value(), at)
		}
	}
}

// Adopted yields where the configuration names the interfaces that are to be tunnels to MAGs.
func (c *Config) Adopted(yield func(device string, at schema.Path) bool) {
	for _, a := range c.lmas {
		for _, at := range a.adopts.All() {
			if !yield(at.node.Value(), at.path) {
				return
			}
		}
	}
}
