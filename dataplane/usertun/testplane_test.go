package usertun

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

func openPlaneOf(o Options, namespace *netlink.Namespace) (*Plane, error) {
	p := &Plane{}
	o.Notify = func(e dataplane.Event) { p.Plane.Notify(e) }
	p.Carrier = New(o)
	var err error
	p.Plane, err = plane.Open(plane.Options{Namespace: namespace}, p.Carrier)
	return p, err
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
