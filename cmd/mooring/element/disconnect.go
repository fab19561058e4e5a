package element

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/accountant"
	"mooring/mobility/aaa/disconnect"
	"mooring/mobility/engine"
)

// disconnect ends the bindings that a RADIUS server selects, as the action clear-binding does (feature RAD-10).
func (e *Element) disconnect(ctx context.Context, want *disconnect.Selection) (ended int, err error) {
	anchors := e.anchorsOf(want)
	if len(anchors) == 0 {
		return 0, disconnect.ErrOtherNAS
	}
	for _, l := range anchors {
		n, err := l.Clear(ctx, e.selects(l, want))
		if err != nil {
			return ended, err
		}
		ended += n
	}
	return ended, nil
}

// anchorsOf returns the LMAs that a selection is for.
func (e *Element) anchorsOf(want *disconnect.Selection) []*engine.LMA {
	config := e.running.Load().Mobility
	return slices.DeleteFunc(slices.Clone(e.engine.LMAs()), func(l *engine.LMA) bool {
		cfg := config.LMAs[l.Name]
		return want.Anchor != "" && want.Anchor != l.Name || want.Address.IsValid() && (cfg == nil || !hasAddress(cfg, want.Address))
	})
}

// hasAddress says whether an LMA has an address, itself or for a customer: records name the one that the node's MAG speaks to.
func hasAddress(cfg *mobility.LMA, addr netip.Addr) bool {
	for at := range cfg.Listens() {
		if at.Addr == addr {
			return true
		}
	}
	return false
}

// selects tells the bindings of an LMA that fit everything that is wanted.
func (e *Element) selects(l *engine.LMA, want *disconnect.Selection) func(*mobility.Binding) bool {
	sessions := e.sessionsOf(l, want)
	return func(b *mobility.Binding) bool {
		switch {
		case want.User != "" && want.User != b.Node.String(),
			want.Station != "" && !strings.EqualFold(want.Station, aaa.StationID(b.LinkID)),
			want.Home.IsValid() && want.Home != b.Home.Addr(),
			want.Customer != "" && want.Customer != b.Tenant().Customer,
			want.VRF != "" && want.VRF != b.Tenant().VRF:
			return false
		}
		for _, p := range want.Prefix {
			if !slices.Contains(b.Prefixes, p) {
				return false
			}
		}
		return sessions == nil || slices.ContainsFunc(sessions, func(s accountant.Session) bool { return s.Binding == b.ID && s.Created == b.Created })
	}
}

// sessionsOf returns the accounting sessions of an LMA that are wanted; nil if none is named.
func (e *Element) sessionsOf(l *engine.LMA, want *disconnect.Selection) []accountant.Session {
	if want.Session == "" && want.Multi == "" {
		return nil
	}
	found := []accountant.Session{}
	for _, s := range e.accounting.Sessions(l.Name) {
		if s.Kind == aaa.Node && (want.Session == "" || want.Session == s.ID) && (want.Multi == "" || want.Multi == s.MultiSession) {
			found = append(found, s)
		}
	}
	return found
}
