package plane

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"mooring/dataplane"
)

// Adopter is a carrier that can have a tunnel be an interface that somebody else has made. It never makes, changes or deletes that.
type Adopter interface {
	// PutAdoption fails where the host does not have the interface as it has to be. From then on the tunnels that are to be the interface are
	// that, or fail, all the same.
	PutAdoption(dataplane.Adoption) error
	// RemoveAdoption has the tunnels be interfaces of the carrier's own again.
	RemoveAdoption(dataplane.AdoptionKey) error
	// Adoptable says what keeps an interface from being adopted, and does nothing.
	Adoptable(dataplane.Adoption) error
}

// adoptable says what keeps an interface from being adopted as things are.
func (p *Plane) adoptable(o dataplane.Adoption) error {
	if err := p.carriesAdopted(o); err != nil {
		return err
	}
	return p.eachAdopter(func(a Adopter) error { return a.Adoptable(o) })
}

// carriesAdopted refuses an adoption where whoever has such tunnels makes them itself.
func (p *Plane) carriesAdopted(o dataplane.Adoption) error {
	if slices.ContainsFunc(o.Tunnels(), func(id dataplane.TunnelID) bool { return p.adopter(id) != nil }) {
		return nil
	}
	return NotAdoptable(o.Device)
}

// NotAdoptable is the refusal of whoever makes all tunnels itself.
func NotAdoptable(device string) error {
	return fmt.Errorf("interface %s can be the tunnel only where the kernel carries it, and here user space does: "+
		"have the dataplane backend be kernel, on a host with the drivers, or leave tunnel-interface out", device)
}

// adopter returns who has a tunnel, if that can adopt.
func (p *Plane) adopter(id dataplane.TunnelID) Adopter {
	a, _ := p.choice.Of(id).(Adopter)
	return a
}

func (p *Plane) eachAdopter(f func(Adopter) error) error {
	return p.each(func(c Carrier) error {
		if a, ok := c.(Adopter); ok {
			return f(a)
		}
		return nil
	})
}

// putAdoption tells every carrier that can adopt: any may come to have the tunnel.
func (p *Plane) putAdoption(o dataplane.Adoption) error {
	p.adoptions[o.Device] = o
	err := p.eachAdopter(func(a Adopter) error { return a.PutAdoption(o) })
	return cmp.Or(p.carriesAdopted(o), err)
}

func (p *Plane) removeAdoption(key dataplane.AdoptionKey) error {
	if err := p.eachAdopter(func(a Adopter) error { return a.RemoveAdoption(key) }); err != nil {
		return err
	}
	delete(p.adoptions, string(key))
	return nil
}

// putTunnel refuses a tunnel that is to be an interface of somebody else's where its carrier would make one.
func (p *Plane) putTunnel(o dataplane.Tunnel) error {
	if _, err := p.host(o.ID.VRF); err != nil {
		return err
	}
	for device, a := range p.adoptions {
		if a.Covers(o.ID) && p.adopter(o.ID) == nil {
			return NotAdoptable(device)
		}
	}
	return p.choice.Of(o.ID).PutTunnel(o)
}

// collectAdoptions lists the interfaces that are as they have to be.
func (p *Plane) collectAdoptions() (all []held) {
	for o := range maps.Values(p.adoptions) {
		if p.adoptable(o) == nil {
			all = append(all, held{o, nil})
		}
	}
	return all
}
