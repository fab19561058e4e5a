package state

import (
	"context"
	"net/netip"
	"slices"
	"strconv"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/heartbeat"
	"mooring/server/tree/schema"
)

// tunnelNodes are the leaves of a tunnel.
type tunnelNodes struct {
	Self          *schema.Node `yang:"."`
	ID            *schema.Node `yang:"id"`
	Encap         *schema.Node `yang:"encap"`
	LocalAddress  *schema.Node `yang:"local-address"`
	RemoteAddress *schema.Node `yang:"remote-address"`
	RemotePort    *schema.Node `yang:"remote-port"`
	VRF           *schema.Node `yang:"vrf"`
	MTU           *schema.Node `yang:"mtu"`
	Interface     *schema.Node `yang:"interface"`
	Adopted       *schema.Node `yang:"adopted,optional"`
	CarriedBy     *schema.Node `yang:"carried-by"`
	OperStatus    *schema.Node `yang:"oper-status"`
	StatusReason  *schema.Node `yang:"status-reason"`
	LastChange    *schema.Node `yang:"last-change"`
	Bindings      *schema.Node `yang:"bindings"`
	Statistics    struct {
		Self              *schema.Node `yang:"."`
		DiscontinuityTime *schema.Node `yang:"discontinuity-time"`
		InPackets         *schema.Node `yang:"in-packets"`
		InOctets          *schema.Node `yang:"in-octets"`
		OutPackets        *schema.Node `yang:"out-packets"`
		OutOctets         *schema.Node `yang:"out-octets"`
		Drops             dropNodes    `yang:"drops"`
	} `yang:"statistics"`
}

// dropNodes are the leaves that count discarded user packets.
type dropNodes struct {
	Self          *schema.Node `yang:"."`
	Malformed     *schema.Node `yang:"malformed"`
	NoBinding     *schema.Node `yang:"no-binding"`
	SpoofedSource *schema.Node `yang:"spoofed-source"`
	ACL           *schema.Node `yang:"acl"`
	MTU           *schema.Node `yang:"mtu"`
	Congestion    *schema.Node `yang:"congestion"`
	Unsendable    *schema.Node `yang:"unsendable"`
}

// owner is an LMA or MAG with the addresses that its tunnels end at.
type owner struct {
	name      string
	addresses []netip.Addr
	heard     func(dataplane.TunnelID) heartbeat.State // over the path of a tunnel
}

// lmaOwners are the LMAs. Where several MAGs are behind the far end of a tunnel, one that answers is enough.
func (src *Sources) lmaOwners(ctx context.Context, want Keys) (list []owner, err error) {
	for l, cfg := range src.runningLMAs(want) {
		peers, err := l.Peers(ctx)
		if err != nil {
			return nil, err
		}
		heard := map[lead]heartbeat.State{}
		for _, p := range peers {
			to := lead{p.Customer, p.VRF, p.Remote.Addr()}
			if known := heard[to]; better(known.Health, p.Heartbeat.Health) != known.Health {
				heard[to] = p.Heartbeat
			}
		}
		customers := customersAt(cfg)
		o := owner{name: l.Name, heard: func(id dataplane.TunnelID) heartbeat.State {
			return heard[lead{customers[mobility.VRFAddr{VRF: id.VRF, Addr: id.Local}], id.VRF, id.Peer}]
		}}
		for at := range customers {
			o.addresses = append(o.addresses, at.Addr)
		}
		list = append(list, o)
	}
	return list, nil
}

// magOwners are the MAGs.
func (src *Sources) magOwners(ctx context.Context, want Keys) (list []owner, err error) {
	for m, cfg := range src.runningMAGs(want) {
		anchors, err := m.anchorsByName(ctx)
		if err != nil {
			return nil, err
		}
		heard := map[dataplane.TunnelID]heartbeat.State{}
		for _, w := range ways(cfg, m.Table) {
			for _, id := range w.tunnels {
				heard[id] = anchors[w.anchor.Name].Heartbeats[w.local]
			}
		}
		list = append(list, owner{m.Name, cfg.Addresses, func(id dataplane.TunnelID) heartbeat.State { return heard[id] }})
	}
	return list, nil
}

// tunnels is the tunnel list of all LMAs, or of all MAGs: every tunnel stands at those that have its own address.
func tunnels(r *resolver, def *schema.Node, owners func(context.Context, Keys) ([]owner, error), plane Dataplane) Table {
	var n tunnelNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(ctx context.Context, want Keys, out *Out) error {
		if plane == nil {
			return nil
		}
		all, _ := plane.Tunnels()
		list, err := owners(ctx, want)
		if err != nil {
			return err
		}
		for _, o := range list {
			for i := range all {
				if slices.Contains(o.addresses, all[i].ID.Local) {
					n.render(out.Row(o.name, TunnelID(all[i].ID)), &all[i], o.heard(all[i].ID))
				}
			}
		}
		return nil
	}}
}

// appendTunnelID appends how a tunnel is called in state: what it is and where it goes.
func appendTunnelID(text []byte, id dataplane.TunnelID) []byte {
	text = append(text, id.Encap.String()...)
	text = id.Local.AppendTo(append(text, '-'))
	text = id.Peer.AppendTo(append(text, '-'))
	if id.Port != 0 {
		text = strconv.AppendUint(append(text, '-'), uint64(id.Port), 10)
	}
	if id.VRF != "" {
		text = append(append(text, '%'), id.VRF...)
	}
	return text
}

// TunnelID is how a tunnel is called in state.
func TunnelID(id dataplane.TunnelID) string { return string(appendTunnelID(nil, id)) }

func (n *tunnelNodes) render(s *Sink, t *reconcile.TunnelStatus, heard heartbeat.State) {
	s.Text(n.Encap, encapsulation(t.ID))
	s.Addr(n.LocalAddress, t.ID.Local)
	s.Addr(n.RemoteAddress, t.ID.Peer)
	if t.ID.Encap == dataplane.EncapUDP && t.ID.Port != 0 {
		s.Uint(n.RemotePort, uint64(t.ID.Port))
	}
	s.Text(n.VRF, t.ID.VRF)
	if t.MTU > 0 {
		s.Uint(n.MTU, uint64(t.MTU))
	}
	s.Text(n.Interface, t.Device)
	if t.State == reconcile.Installed {
		if t.Adopted && n.Adopted != nil {
			s.Bool(n.Adopted, true)
		}
		s.Text(n.CarriedBy, carrier(t.Fast))
	}
	n.renderStatus(s, t, heard)
	s.Uint(n.Bindings, uint64(t.Sessions))
	n.renderStatistics(s, t)
}

// renderStatus says whether the tunnel can be used: the dataplane has it, and its peer answers heartbeats where any are sent.
func (n *tunnelNodes) renderStatus(s *Sink, t *reconcile.TunnelStatus, heard heartbeat.State) {
	status, reason, since := tunnelStatuses[t.State], "", t.Since
	if t.Err != nil {
		reason = t.Err.Error()
	}
	if t.State == reconcile.Installed {
		since = later(since, heard.Turned)
		if heard.Health == heartbeat.Down {
			status, reason = "down", "the peer does not answer heartbeats"
		}
	}
	s.Text(n.OperStatus, status)
	s.Text(n.StatusReason, reason)
	s.Time(n.LastChange, since)
}

func carrier(fast bool) string {
	if fast {
		return "kernel"
	}
	return "user-space"
}

var tunnelStatuses = [...]string{reconcile.Pending: "unknown", reconcile.Installed: "up", reconcile.Failed: "down"}

func (n *tunnelNodes) renderStatistics(s *Sink, t *reconcile.TunnelStatus) {
	c := &n.Statistics
	s.Open(c.Self)
	if t.State == reconcile.Installed {
		s.Since(c.DiscontinuityTime, t.Since, t.Since) // the counters begin anew when the tunnel is made, which Since follows
	}
	s.Uint(c.InPackets, t.RxPackets)
	s.Uint(c.InOctets, t.RxOctets)
	s.Uint(c.OutPackets, t.TxPackets)
	s.Uint(c.OutOctets, t.TxOctets)
	c.Drops.render(s, t.Drops)
	s.Close()
}

func (n *dropNodes) render(s *Sink, d dataplane.Drops) {
	s.Open(n.Self)
	s.Uint(n.Malformed, d.Malformed)
	s.Uint(n.NoBinding, d.NoSession)
	s.Uint(n.SpoofedSource, d.Spoofed)
	s.Uint(n.ACL, d.Filtered)
	s.Uint(n.MTU, d.TooBig)
	s.Uint(n.Congestion, d.Congested)
	s.Uint(n.Unsendable, d.Send)
	s.Close()
}

// encapsulation is the name of a tunnel's encapsulation in the model, where GRE has one for each IP version.
func encapsulation(id dataplane.TunnelID) string {
	switch {
	case id.Encap == dataplane.EncapUDP:
		return "udptunnel"
	case id.Encap == dataplane.EncapGRE && id.Local.Is4():
		return "gre-ipv4"
	case id.Encap == dataplane.EncapGRE:
		return "gre-ipv6"
	}
	return "ip-in-ip"
}
