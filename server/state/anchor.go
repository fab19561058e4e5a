package state

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/server/tree/schema"
)

// anchorNodes are the leaves that say whether an LMA works. They stand in its entry of the configuration.
type anchorNodes struct {
	OperStatus     *schema.Node `yang:"oper-status"`
	RestartCounter *schema.Node `yang:"restart-counter,optional"`
	Address        struct {
		Self   *schema.Node       `yang:"."`
		Status addressStatusNodes `yang:"status"`
	} `yang:"address"`
}

type addressStatusNodes struct {
	Self       *schema.Node `yang:"."`
	Address    *schema.Node `yang:"address"`
	OperStatus *schema.Node `yang:"oper-status"`
	Reason     *schema.Node `yang:"reason"`
}

// anchors says of every LMA what became of its addresses, and whether it can be reached at all, which may be by a customer's alone.
func anchors(r *resolver, def *schema.Node, src *Sources) Table {
	var n anchorNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: present(n.OperStatus, n.RestartCounter, n.Address.Self), Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Signalling == nil {
			return nil
		}
		at := src.sockets()
		for l, cfg := range src.runningLMAs(want) {
			s := out.Row(l.Name)
			s.Uint(n.RestartCounter, uint64(src.RestartCounter))
			s.Text(n.OperStatus, works(at.of(listens(cfg))))
			s.Open(n.Address.Self)
			n.Address.Status.render(s, at.of(inDefaultVRF(cfg.Addresses)))
			s.Close()
		}
		return nil
	}}
}

// customerTransports says of every transport of a customer what became of its addresses.
func customerTransports(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Status addressStatusNodes `yang:"status"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: []*schema.Node{n.Status.Self}, Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Signalling == nil {
			return nil
		}
		at := src.sockets()
		for l, cfg := range src.runningLMAs(want) {
			for _, name := range sortedNames(cfg.Customers) {
				transports := map[string][]mobility.VRFAddr{}
				for _, t := range cfg.Customers[name].Transports {
					vrf := cmp.Or(t.VRF, globalVRF)
					transports[vrf] = append(transports[vrf], t)
				}
				for _, vrf := range sortedNames(transports) {
					if want.Wants(1, name) && want.Wants(2, vrf) {
						n.Status.render(out.Row(l.Name, name, vrf), at.of(transports[vrf]))
					}
				}
			}
		}
		return nil
	}}
}

// globalVRF is what the configuration calls the default VRF.
const globalVRF = "default"

func (n *addressStatusNodes) render(s *Sink, at []transport.Status) {
	for _, a := range at {
		s.Open(n.Self)
		s.Addr(n.Address, a.Addr)
		s.Text(n.OperStatus, works([]transport.Status{a}))
		if a.Err != nil {
			s.Text(n.Reason, a.Err.Error())
		}
		s.Close()
	}
}

// sockets are the addresses listened at.
type sockets map[mobility.VRFAddr]transport.Status

func (src *Sources) sockets() sockets {
	at := sockets{}
	for _, status := range src.Signalling() {
		at[mobility.VRFAddr(status.Address)] = status
	}
	return at
}

// of gives the state of some of the addresses.
func (s sockets) of(addresses []mobility.VRFAddr) (list []transport.Status) {
	for _, at := range addresses {
		if status, ok := s[at]; ok {
			list = append(list, status)
		}
	}
	return list
}

// listens are the addresses of an LMA, its customers' among them, sorted.
func listens(cfg *mobility.LMA) (list []mobility.VRFAddr) {
	for at := range cfg.Listens() {
		list = append(list, at)
	}
	return sortedAddresses(list)
}

// inDefaultVRF are addresses, sorted.
func inDefaultVRF(addresses []netip.Addr) (list []mobility.VRFAddr) {
	for _, addr := range addresses {
		list = append(list, mobility.VRFAddr{Addr: addr})
	}
	return sortedAddresses(list)
}

func sortedAddresses(list []mobility.VRFAddr) []mobility.VRFAddr {
	slices.SortFunc(list, func(a, b mobility.VRFAddr) int { return cmp.Or(cmp.Compare(a.VRF, b.VRF), a.Addr.Compare(b.Addr)) })
	return list
}

// works reports whether one of the addresses can be used.
func works(at []transport.Status) string {
	if slices.ContainsFunc(at, func(a transport.Status) bool { return a.Err == nil }) {
		return "up"
	}
	return "down"
}
