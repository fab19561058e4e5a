package state

import (
	"cmp"
	"context"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/server/tree/schema"
)

// vrfs says of every VRF that is wanted what became of it, and of the interfaces that are to be in it.
func vrfs(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Kind         *schema.Node `yang:"kind"`
		OperStatus   *schema.Node `yang:"oper-status"`
		StatusReason *schema.Node `yang:"status-reason"`
		NextRetry    *schema.Node `yang:"next-retry"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: []*schema.Node{n.Kind, n.OperStatus, n.StatusReason, n.NextRetry}, Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Forwarding == nil || src.Dataplane == nil {
			return nil
		}
		c := src.Forwarding()
		for _, vrf := range c.VRFs {
			if !want.Wants(0, vrf.Name) {
				continue
			}
			status := src.vrfStatus(c, vrf.Name)
			row := out.Row(vrf.Name)
			row.Text(n.Kind, src.VRFKind(vrf.Name))
			row.Text(n.OperStatus, objectStatuses[status.State])
			if status.Err != nil {
				row.Text(n.StatusReason, status.Object.(interface{ String() string }).String()+": "+status.Err.Error())
				row.Time(n.NextRetry, status.RetryAt)
			}
		}
		return nil
	}}
}

var objectStatuses = [...]string{reconcile.Pending: "unknown", reconcile.Installed: "up", reconcile.Failed: "down"}

// vrfStatus is the state of the VRF or, where that is there, of the interface in it that is worst off.
func (src *Sources) vrfStatus(c *dataplane.Config, vrf string) reconcile.ObjectStatus {
	worst, _ := src.Dataplane.Object(dataplane.VRFKey(vrf))
	for _, m := range c.Members {
		if m.VRF != vrf {
			continue
		}
		status, _ := src.Dataplane.Object(m.Key())
		if cmp.Compare(badness[status.State], badness[worst.State]) > 0 {
			worst = status
		}
	}
	return worst
}

var badness = [...]int{reconcile.Installed: 0, reconcile.Pending: 1, reconcile.Failed: 2}
