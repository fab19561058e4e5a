package state

import (
	"context"

	"mooring/server/tree/schema"
)

// one makes a table of a single row: a container that stands on no list.
func one(def *schema.Node, parts []*schema.Node, fill func(*Sink)) Table {
	return Table{Node: def, Parts: parts, Read: func(_ context.Context, _ Keys, out *Out) error {
		fill(out.Row())
		return nil
	}}
}

func capabilities(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Role          *schema.Node `yang:"role"`
		Transport     *schema.Node `yang:"transport"`
		Encapsulation *schema.Node `yang:"encapsulation"`
	}
	r.resolve(&n, def)
	return one(def, def.Children, func(s *Sink) {
		if src.Capabilities == nil {
			return
		}
		c := src.Capabilities()
		for _, role := range c.Roles {
			s.Text(n.Role, role)
		}
		for _, version := range c.Transports {
			s.Text(n.Transport, version)
		}
		for _, e := range c.Encapsulations {
			s.Text(n.Encapsulation, e)
		}
	})
}

func system(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Version *schema.Node `yang:"version"`
		Started *schema.Node `yang:"started"`
	}
	r.resolve(&n, def)
	return one(def, []*schema.Node{n.Version, n.Started}, func(s *Sink) {
		s.Text(n.Version, src.Version)
		s.Time(n.Started, src.Started)
	})
}

// listenerNodes say where a server listens.
type listenerNodes struct {
	Bound struct {
		Self    *schema.Node `yang:"."`
		Address *schema.Node `yang:"address"`
		Port    *schema.Node `yang:"port"`
	} `yang:"bound"`
	ListenError *schema.Node `yang:"listen-error"`
}

func (n *listenerNodes) render(s *Sink, l Listener) {
	for _, at := range l.Bound {
		s.Open(n.Bound.Self)
		s.Addr(n.Bound.Address, at.Addr())
		s.Uint(n.Bound.Port, uint64(at.Port()))
		s.Close()
	}
	s.Text(n.ListenError, l.Error)
}

func netconfSSH(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		listenerNodes
		HostKey struct {
			Self        *schema.Node `yang:"."`
			Algorithm   *schema.Node `yang:"algorithm"`
			Fingerprint *schema.Node `yang:"fingerprint"`
		} `yang:"host-key"`
	}
	r.resolve(&n, def)
	return one(def, []*schema.Node{n.Bound.Self, n.ListenError, n.HostKey.Self}, func(s *Sink) {
		if src.NETCONF != nil {
			n.listenerNodes.render(s, src.NETCONF())
		}
		if src.HostKeys == nil {
			return
		}
		for _, key := range src.HostKeys() {
			s.Open(n.HostKey.Self)
			s.Text(n.HostKey.Algorithm, key.Algorithm)
			s.Text(n.HostKey.Fingerprint, key.Fingerprint)
			s.Close()
		}
	})
}

// tlsNodes say where a server listens for TLS, and what it shows there.
type tlsNodes struct {
	listenerNodes
	Certificate struct {
		Self        *schema.Node `yang:"."`
		Fingerprint *schema.Node `yang:"fingerprint"`
		SelfSigned  *schema.Node `yang:"self-signed"`
		NotAfter    *schema.Node `yang:"not-after"`
	} `yang:"certificate"`
}

func netconfTLS(r *resolver, def *schema.Node, src *Sources) Table {
	return overTLS(r, def, src.NETCONFTLS, src.Certificate)
}

func gnmi(r *resolver, def *schema.Node, src *Sources) Table {
	return overTLS(r, def, src.GNMI, src.Certificate)
}

func overTLS(r *resolver, def *schema.Node, listener func() Listener, certificate func() Certificate) Table {
	var n tlsNodes
	r.resolve(&n, def)
	return one(def, []*schema.Node{n.Bound.Self, n.ListenError, n.Certificate.Self}, func(s *Sink) {
		if listener != nil {
			n.listenerNodes.render(s, listener())
		}
		if certificate == nil {
			return
		}
		if c := certificate(); c.Fingerprint != "" {
			s.Open(n.Certificate.Self)
			s.Text(n.Certificate.Fingerprint, c.Fingerprint)
			s.Bool(n.Certificate.SelfSigned, c.SelfSigned)
			s.Time(n.Certificate.NotAfter, c.NotAfter)
			s.Close()
		}
	})
}

func metrics(r *resolver, def *schema.Node, src *Sources) Table {
	var n listenerNodes
	r.resolve(&n, def)
	return one(def, []*schema.Node{n.Bound.Self, n.ListenError}, func(s *Sink) {
		if src.Metrics != nil {
			n.render(s, src.Metrics())
		}
	})
}

// callHome says of every manager how it goes with it.
func callHome(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Connected   *schema.Node `yang:"connected"`
		LastError   *schema.Node `yang:"last-error"`
		NextAttempt *schema.Node `yang:"next-attempt"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: []*schema.Node{n.Connected, n.LastError, n.NextAttempt}, Read: func(_ context.Context, want Keys, out *Out) error {
		if src.CallHome == nil {
			return nil
		}
		for _, m := range src.CallHome() {
			if !want.Wants(0, m.Name) {
				continue
			}
			row := out.Row(m.Name)
			row.Bool(n.Connected, m.Connected)
			row.Text(n.LastError, m.Error)
			row.Time(n.NextAttempt, m.Next)
		}
		return nil
	}}
}

func backend(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		BackendInUse *schema.Node `yang:"backend-in-use"`
		Reason       *schema.Node `yang:"reason"`
		Drops        dropNodes    `yang:"drops"`
	}
	r.resolve(&n, def)
	return one(def, []*schema.Node{n.BackendInUse, n.Reason, n.Drops.Self}, func(s *Sink) {
		if src.Backend != nil {
			b := src.Backend()
			s.Text(n.BackendInUse, b.InUse)
			s.Text(n.Reason, b.Reason)
		}
		if src.Dataplane != nil {
			_, drops := src.Dataplane.Tunnels()
			n.Drops.render(s, drops)
		}
	})
}

func configuration(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		CommitID  *schema.Node `yang:"commit-id"`
		Committed *schema.Node `yang:"committed"`
		User      *schema.Node `yang:"user"`
	}
	r.resolve(&n, def)
	return one(def, []*schema.Node{n.CommitID, n.Committed, n.User}, func(s *Sink) {
		if src.Commit != nil {
			c := src.Commit()
			s.Text(n.CommitID, c.ID)
			s.Time(n.Committed, c.Time)
			s.Text(n.User, c.User)
		}
	})
}

// warnings are those of the running configuration, in the names of the model.
func warnings(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Text *schema.Node `yang:"text"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, _ Keys, out *Out) error {
		if src.Commit == nil {
			return nil
		}
		list := src.Commit().Warnings
		if list == nil {
			return nil
		}
		for w := range list {
			if out.Row(w.Path.String(), w.AppTag).Text(n.Text, w.Message); out.Done() {
				return nil
			}
		}
		return nil
	}}
}

// denials are the counters of access control (RFC 8341 section 3.5.2).
func denials(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Operations    *schema.Node `yang:"denied-operations"`
		DataWrites    *schema.Node `yang:"denied-data-writes"`
		Notifications *schema.Node `yang:"denied-notifications"`
	}
	r.resolve(&n, def)
	return one(def, []*schema.Node{n.Operations, n.DataWrites, n.Notifications}, func(s *Sink) {
		if src.Denied != nil {
			d := src.Denied()
			s.Uint(n.Operations, d.Operations)
			s.Uint(n.DataWrites, d.DataWrites)
			s.Uint(n.Notifications, d.Notifications)
		}
	})
}
