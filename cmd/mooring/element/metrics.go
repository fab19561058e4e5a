package element

import (
	"context"
	"net/netip"
	"slices"

	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/listen"
	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// measure is a consumer: it has metrics served where and how that is configured. A port that another program has is refused while somebody
// is there to choose another one; a change that may not fail tries it again.
func (e *Element) measure(ctx context.Context, config *apply.Config) (datastore.Prepared, error) {
	prepared, err := e.metrics.prepare(ctx, config)
	change, listens := prepared.(*listen.Change)
	if !listens || err != nil {
		return prepared, err
	}
	taken := slices.DeleteFunc(change.Taken(), func(at netip.AddrPort) bool { return e.listensAt(at.Port()) })
	if len(taken) > 0 && !e.forced {
		change.Abort()
		return nil, portTaken(taken[0])
	}
	return &measured{change, func() { e.measurer.Secure(config.Manage.MetricsTLS) }}, nil
}

// measured does one more thing before sockets are served.
type measured struct {
	*listen.Change
	before func()
}

func (m *measured) Apply() {
	m.before()
	m.Change.Apply()
}

// listensAt reports whether another server of the element has a port: this very change may take it away from it.
func (e *Element) listensAt(port uint16) bool {
	for _, l := range []*listener{e.ssh, e.tls, e.gnmi} {
		if slices.ContainsFunc(l.status().Bound, func(at netip.AddrPort) bool { return at.Port() == port }) {
			return true
		}
	}
	return false
}

func portTaken(at netip.AddrPort) error {
	s, err := model.Schema()
	if err != nil {
		return err
	}
	path, err := schema.ParsePath(s, "/mooring-system:system/metrics/port", s.Module)
	if err != nil {
		return err
	}
	return &tree.Error{Tag: tree.InUse, Path: path, Message: "another program listens at " + at.String() + "; choose another port or address"}
}
