//go:build vm

package kernel

import (
	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/plane"
)

// Plane is a plane with no other carrier than this one.
type Plane struct {
	*plane.Plane
	*Carrier
}

func openPlane(ns *netlink.Namespace) (*Plane, error) {
	p := &Plane{Carrier: New(nil)}
	var err error
	p.Plane, err = plane.Open(plane.Options{Namespace: ns}, p.Carrier)
	if err != nil {
		return nil, err
	}
	return p, p.Plane.Use(plane.Choice{Of: func(dataplane.TunnelID) plane.Carrier { return p.Carrier }})
}

func (p *Plane) Close() error { return p.Plane.Close() }

func (p *Plane) Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops) {
	return p.Plane.Tunnels()
}

func (p *Plane) Matches() map[dataplane.MatchKey]dataplane.Matches { return p.Plane.Matches() }

func (p *Plane) SessionUsage(id dataplane.SessionID) (dataplane.Counters, bool) {
	return p.Plane.SessionUsage(id)
}

func (p *Plane) TunnelUsage(id dataplane.TunnelID) (dataplane.Counters, bool) {
	return p.Plane.TunnelUsage(id)
}
