package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/mag"
)

// Preview returns what the dataplane would be told if config were committed, nil standing for none. Nothing happens: machines that are
// given the bindings of the present ones, as a restart does, obey it in the mind. It costs what a restart costs of each machine that config
// changes, and holds up nobody. ctx bounds the wait for the loop.
func (e *Engine) Preview(ctx context.Context, config *mobility.Config) ([]dataplane.Change, error) {
	if config == nil {
		config = new(mobility.Config)
	}
	var anchors []*anchor
	var gateways []*gateway
	if err := e.Do(ctx, func() {
		for _, name := range slices.Sorted(maps.Keys(e.element.anchors)) {
			if a := *e.element.anchors[name]; a.cfg != config.LMAs[name] {
				anchors = append(anchors, &a)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(e.element.gateways)) {
			if g := *e.element.gateways[name]; g.cfg != config.MAGs[name] {
				gateways = append(gateways, &g)
			}
		}
	}); err != nil {
		return nil, err
	}
	now := time.Now()
	var changes []dataplane.Change
	for _, a := range anchors {
		twin, cfg := lma.New(now, a.cfg, binding.New(), e.RestartCounter), config.LMAs[a.Name.Name]
		changes = append(changes, a.preview(now, twin, cfg != nil, func(out *mobility.Effects) { twin.Reconfigure(now, cfg, out) })...)
	}
	for _, g := range gateways {
		twin, cfg := mag.New(now, g.cfg, binding.New(), e.RestartCounter), config.MAGs[g.Name.Name]
		changes = append(changes, g.preview(now, twin, cfg != nil, func(out *mobility.Effects) { twin.Reconfigure(now, cfg, out) })...)
	}
	return changes, nil
}

// preview has the twin of a machine obey, or close where it is not to stay.
func (u *unit) preview(now time.Time, twin interface {
	machine
	restorer
}, stays bool, obey func(*mobility.Effects)) []dataplane.Change {
	var rows []*mobility.Binding
	for b := range lasting(u.table) {
		row := *b
		rows = append(rows, &row)
	}
	slices.SortFunc(rows, func(a, b *mobility.Binding) int { return int(a.ID) - int(b.ID) })
	var out mobility.Effects
	twin.Restore(now, rows, 0, &out)
	out.Reset()
	if stays {
		obey(&out)
	} else {
		twin.Close(now, &out)
	}
	return u.inDataplane(out.Sessions)
}

// inDataplane gives changes of sessions the identifiers that they have in the dataplane.
func (u *unit) inDataplane(changes []dataplane.Change) []dataplane.Change {
	for i := range changes {
		changes[i].ID = u.session(changes[i].ID)
		if s := changes[i].Session; s != nil {
			s.ID = changes[i].ID
		}
	}
	return changes
}
