package state

import (
	"context"
	"net/netip"
	"slices"

	"mooring/mobility/transport"
	"mooring/server/tree/schema"
)

// anchorNodes are the leaves that say whether an LMA works. They stand in its entry of the configuration.
type anchorNodes struct {
	OperStatus     *schema.Node `yang:"oper-status"`
	RestartCounter *schema.Node `yang:"restart-counter,optional"`
	Address        struct {
		Self   *schema.Node `yang:"."`
		Status struct {
			Self       *schema.Node `yang:"."`
			Address    *schema.Node `yang:"address"`
			OperStatus *schema.Node `yang:"oper-status"`
			Reason     *schema.Node `yang:"reason"`
		} `yang:"status"`
	} `yang:"address"`
}

// anchors says of every LMA what became of its addresses.
func anchors(r *resolver, def *schema.Node, src *Sources) Table {
	var n anchorNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: present(n.OperStatus, n.RestartCounter, n.Address.Self), Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Signalling == nil {
			return nil
		}
		for l, cfg := range src.runningLMAs(want) {
			s := out.Row(l.Name)
			s.Uint(n.RestartCounter, uint64(src.RestartCounter))
			n.render(s, src.listening(cfg.Addresses))
		}
		return nil
	}}
}

func (n *anchorNodes) render(s *Sink, at []transport.Status) {
	s.Text(n.OperStatus, works(at))
	s.Open(n.Address.Self)
	for _, a := range at {
		status := &n.Address.Status
		s.Open(status.Self)
		s.Addr(status.Address, a.Addr)
		s.Text(status.OperStatus, works([]transport.Status{a}))
		if a.Err != nil {
			s.Text(status.Reason, a.Err.Error())
		}
		s.Close()
	}
	s.Close()
}

// listening gives the state of some of the addresses, in the default VRF.
func (src *Sources) listening(addresses []netip.Addr) []transport.Status {
	return slices.DeleteFunc(src.Signalling(), func(a transport.Status) bool {
		return a.VRF != "" || !slices.Contains(addresses, a.Addr)
	})
}

// works reports whether one of the addresses can be used.
func works(at []transport.Status) string {
	if slices.ContainsFunc(at, func(a transport.Status) bool { return a.Err == nil }) {
		return "up"
	}
	return "down"
}
