package reconcile

import (
	"fmt"
	"net/netip"
	"slices"
	"unique"

	"mooring/dataplane"
)

// session is what a binding wants, and what its owner was told about it last. Its prefixes are those of its routes.
type session struct {
	id       dataplane.SessionID
	form     unique.Handle[form]
	tx, rx   dataplane.Key
	linkAddr dataplane.MAC
	reported bool    // its owner was told what became of it; if it was refused, plan.refused has why
	items    []*item // of what it wants, as expand has it
}

// form is what many sessions have in common.
type form struct {
	side    dataplane.Side
	tunnel  dataplane.TunnelID
	blocked bool
	vrf     string
	link    string
	mtu     int
	metered bool // its traffic is counted by itself
	dataplane.Standing
}

func newSession(id dataplane.SessionID, s *dataplane.Session, metered bool) *session {
	return &session{
		id: id, tx: s.Path.Tx, rx: s.Path.Rx, linkAddr: s.LinkAddr,
		form: unique.Make(form{s.Side, s.Path.Tunnel, s.Blocked, s.VRF, s.Link, s.MTU, metered, s.Standing}),
	}
}

// wanted is the session as it was handed over, but without prefixes.
func (s *session) wanted() *dataplane.Session {
	f := s.form.Value()
	return &dataplane.Session{
		ID: s.id, Side: f.side, Path: dataplane.Path{Tunnel: f.tunnel, Tx: s.tx, Rx: s.rx}, Blocked: f.blocked, VRF: f.vrf, Link: f.link,
		LinkAddr: s.linkAddr, MTU: f.mtu, Standing: f.Standing,
	}
}

// whole is the session as it was handed over.
func (s *session) whole() *dataplane.Session {
	w := s.wanted()
	for _, it := range s.items {
		if it.isRoute() {
			w.Prefixes = append(w.Prefixes, it.prefix.Unpack())
		}
	}
	return w
}

// route is the session's route of a prefix.
func (s *session) route(p netip.Prefix) dataplane.Route {
	return route(s.wanted(), p, s.form.Value().metered)
}

// routeLink names the interface that the session's routes lead to, if any.
func (s *session) routeLink() string {
	if f := s.form.Value(); f.side == dataplane.Access && !f.blocked {
		return f.link
	}
	return ""
}

// shape returns the item as the session wants it.
func (s *session) shape(it *item) dataplane.Object {
	if it.isRoute() {
		return s.route(it.prefix.Unpack())
	}
	return expand(s.whole(), s.form.Value().metered)[slices.Index(s.items, it)]
}

// outcome says whether everything the session wants is installed. It is not known yet while the first try is outstanding.
// The tunnel is not asked: no route into it is installed before it is.
func (s *session) outcome() (err error, known bool) {
	known = true
	for _, it := range s.items {
		switch {
		case it.heir == nil: // the tunnel
		case it.heir != s:
			return fmt.Errorf("%s: a newer session (%d) has it", s.shape(it), it.heir.id), true
		case it.state == Failed:
			return fmt.Errorf("%s: %w", it.object(), it.rare.err), true
		case it.state == Pending:
			known = false
		}
	}
	return nil, known
}
