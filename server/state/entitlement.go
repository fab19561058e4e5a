package state

import (
	"context"

	"mooring/server/tree/schema"
)

// entitlement is the use of the entitlement of all LMAs. It stands beside its configuration.
func entitlement(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Mode          *schema.Node `yang:"mode"`
		InCompliance  *schema.Node `yang:"in-compliance"`
		BCECount      *schema.Node `yang:"bce-count"`
		PeakBCECount  *schema.Node `yang:"peak-bce-count"`
		PeakResetTime *schema.Node `yang:"peak-reset-time"`
	}
	r.resolve(&n, def)
	parts := []*schema.Node{n.Mode, n.InCompliance, n.BCECount, n.PeakBCECount, n.PeakResetTime}
	return Table{Node: def, Parts: parts, Read: func(ctx context.Context, want Keys, out *Out) error {
		for l := range src.runningLMAs(want) {
			if l.Entitlement == nil {
				continue
			}
			use, err := l.Entitlement(ctx)
			if err != nil {
				return err
			}
			s := out.Row(l.Name)
			s.Text(n.Mode, "soft")
			s.Bool(n.InCompliance, !use.Exceeded)
			s.Uint(n.BCECount, uint64(use.Bindings))
			s.Uint(n.PeakBCECount, uint64(use.Peak))
			s.Time(n.PeakResetTime, use.Since)
		}
		return nil
	}}
}
