package state

import (
	"context"
	"maps"
	"slices"

	"mooring/mobility/aaa"
	"mooring/mobility/aaa/accountant"
	"mooring/mobility/aaa/client"
	"mooring/server/tree/schema"
)

// Accounting is *accountant.Accountant.
type Accounting interface {
	Sessions(anchor string) []accountant.Session
	Servers() []client.Status
	Statistics(owner aaa.Owner) (s client.Statistics, queued int)
}

// accountingNodes are the counters of the records of an anchor or a customer.
type accountingNodes struct {
	Self          *schema.Node `yang:"."`
	StartSent     *schema.Node `yang:"start-sent"`
	UpdateSent    *schema.Node `yang:"update-sent"`
	StopSent      *schema.Node `yang:"stop-sent"`
	Failed        *schema.Node `yang:"failed"`
	Retransmitted *schema.Node `yang:"retransmitted"`
	Queued        *schema.Node `yang:"queued"`
}

func (n *accountingNodes) render(s *Sink, src *Sources, owner aaa.Owner) {
	if src.Accounting == nil || n.Self == nil {
		return
	}
	c, queued := src.Accounting.Statistics(owner)
	s.Open(n.Self)
	s.Uint(n.StartSent, c.Start)
	s.Uint(n.UpdateSent, c.Update)
	s.Uint(n.StopSent, c.Stop)
	s.Uint(n.Failed, c.Failed)
	s.Uint(n.Retransmitted, c.Retransmitted)
	s.Uint(n.Queued, uint64(max(0, queued)))
	s.Close()
}

// accountingSessionNodes are the leaves of an open accounting session.
type accountingSessionNodes struct {
	Self           *schema.Node `yang:"."`
	Type           *schema.Node `yang:"type"`
	MultiSessionID *schema.Node `yang:"multi-session-id"`
	Binding        *schema.Node `yang:"binding"`
	Tunnel         *schema.Node `yang:"tunnel"`
	Started        *schema.Node `yang:"started"`
	LastRecord     *schema.Node `yang:"last-record"`
}

// accountingSessions are the open accounting sessions of all LMAs.
func accountingSessions(r *resolver, def *schema.Node, src *Sources) Table {
	var n accountingSessionNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Accounting == nil {
			return nil
		}
		for l := range src.runningLMAs(want) {
			for _, session := range src.Accounting.Sessions(l.Name) {
				if want.Wants(1, session.ID) {
					n.render(out.Row(l.Name, session.ID), &session)
				}
			}
		}
		return nil
	}}
}

func (n *accountingSessionNodes) render(s *Sink, session *accountant.Session) {
	s.Text(n.Type, session.Kind.String())
	s.Text(n.MultiSessionID, session.MultiSession)
	if session.Kind == aaa.Node {
		s.Text(n.Binding, BindingID(session.Binding))
	} else {
		s.Text(n.Tunnel, TunnelID(session.Tunnel))
	}
	s.Time(n.Started, session.Started)
	s.Time(n.LastRecord, session.LastRecord)
}

// radiusServerNodes are the leaves that say how a RADIUS server is doing. They stand in its entry of the configuration.
type radiusServerNodes struct {
	OperStatus *schema.Node `yang:"oper-status"`
	Statistics struct {
		Self              *schema.Node `yang:"."`
		DiscontinuityTime *schema.Node `yang:"discontinuity-time"`
		Requests          *schema.Node `yang:"requests"`
		Retransmissions   *schema.Node `yang:"retransmissions"`
		Responses         *schema.Node `yang:"responses"`
		Timeouts          *schema.Node `yang:"timeouts"`
		BadResponses      *schema.Node `yang:"bad-responses"`
	} `yang:"statistics"`
	Authorization struct {
		Self              *schema.Node `yang:"."`
		OperStatus        *schema.Node `yang:"oper-status"`
		DiscontinuityTime *schema.Node `yang:"discontinuity-time"`
		Requests          *schema.Node `yang:"requests"`
		Retransmissions   *schema.Node `yang:"retransmissions"`
		Accepts           *schema.Node `yang:"accepts"`
		Rejects           *schema.Node `yang:"rejects"`
		Timeouts          *schema.Node `yang:"timeouts"`
		BadResponses      *schema.Node `yang:"bad-responses"`
	} `yang:"authorization"`
}

// radiusServers says how the servers are doing that records go to, or that are asked about nodes.
func radiusServers(r *resolver, def *schema.Node, src *Sources) Table {
	var n radiusServerNodes
	r.resolve(&n, def)
	parts := []*schema.Node{n.OperStatus, n.Statistics.Self, n.Authorization.Self}
	return Table{Node: def, Parts: parts, Read: func(_ context.Context, want Keys, out *Out) error {
		both := map[string][2]*client.Status{} // by name: for records, for questions
		for i, list := range [...]func() []client.Status{src.recordServers, src.profileServers} {
			for _, server := range list() {
				of := both[server.Name]
				of[i] = &server
				both[server.Name] = of
			}
		}
		for _, name := range slices.Sorted(maps.Keys(both)) {
			if want.Wants(0, name) {
				s := out.Row(name)
				n.render(s, both[name][0])
				n.renderAuthorization(s, both[name][1])
			}
		}
		return nil
	}}
}

func (src *Sources) recordServers() []client.Status {
	if src.Accounting == nil {
		return nil
	}
	return src.Accounting.Servers()
}

func (src *Sources) profileServers() []client.Status {
	if src.ProfileServers == nil {
		return nil
	}
	return src.ProfileServers()
}

func operStatus(server *client.Status) string {
	if server.Down {
		return "down"
	}
	return "up"
}

func (n *radiusServerNodes) renderAuthorization(s *Sink, server *client.Status) {
	if server == nil {
		return
	}
	c := &n.Authorization
	s.Open(c.Self)
	s.Text(c.OperStatus, operStatus(server))
	s.Since(c.DiscontinuityTime, server.Began, server.Began)
	s.Uint(c.Requests, server.Requests)
	s.Uint(c.Retransmissions, server.Retransmissions)
	s.Uint(c.Accepts, server.Accepts)
	s.Uint(c.Rejects, server.Rejects)
	s.Uint(c.Timeouts, server.Timeouts)
	s.Uint(c.BadResponses, server.BadResponses)
	s.Close()
}

func (n *radiusServerNodes) render(s *Sink, server *client.Status) {
	if server == nil {
		return
	}
	s.Text(n.OperStatus, operStatus(server))
	c := &n.Statistics
	s.Open(c.Self)
	s.Since(c.DiscontinuityTime, server.Began, server.Began)
	s.Uint(c.Requests, server.Requests)
	s.Uint(c.Retransmissions, server.Retransmissions)
	s.Uint(c.Responses, server.Responses)
	s.Uint(c.Timeouts, server.Timeouts)
	s.Uint(c.BadResponses, server.BadResponses)
	s.Close()
}
