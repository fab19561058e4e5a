package state

import (
	"context"
	"fmt"
	"strconv"

	"mooring/dataplane/reconcile"
	"mooring/server/tree/schema"
)

// objectCounts says how much the dataplane wants of the host, and what became of it.
func objectCounts(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Installed *schema.Node `yang:"installed"`
		Pending   *schema.Node `yang:"pending"`
		Failed    *schema.Node `yang:"failed"`
		Repaired  *schema.Node `yang:"repaired"`
	}
	r.resolve(&n, def)
	return one(def, []*schema.Node{n.Installed, n.Pending, n.Failed, n.Repaired}, func(s *Sink) {
		if src.Dataplane == nil {
			return
		}
		pending, installed, failed := src.Dataplane.Counts()
		_, repaired := src.Dataplane.Repairs()
		s.Uint(n.Installed, uint64(installed))
		s.Uint(n.Pending, uint64(pending))
		s.Uint(n.Failed, uint64(failed))
		s.Uint(n.Repaired, repaired)
	})
}

// objects lists what became of each object that the dataplane has a status of its own for.
func objects(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Unwanted   *schema.Node `yang:"unwanted"`
		Status     *schema.Node `yang:"status"`
		Reason     *schema.Node `yang:"reason"`
		LastChange *schema.Node `yang:"last-change"`
		Attempts   *schema.Node `yang:"attempts"`
		NextRetry  *schema.Node `yang:"next-retry"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Dataplane == nil {
			return nil
		}
		byName := map[string]reconcile.ObjectStatus{}
		for _, o := range src.Dataplane.Objects() {
			if name := fmt.Sprint(o.Object); want.Wants(0, name) {
				byName[name] = o
			}
		}
		for _, name := range sortedNames(byName) {
			o, row := byName[name], out.Row(name)
			row.Bool(n.Unwanted, o.Unwanted)
			row.Text(n.Status, o.State.String())
			if o.Err != nil && o.State == reconcile.Failed {
				row.Text(n.Reason, o.Err.Error())
				row.Uint(n.Attempts, uint64(o.Tries))
				row.Time(n.NextRetry, o.RetryAt)
			}
			if row.Time(n.LastChange, o.Since); out.Done() {
				return nil
			}
		}
		return nil
	}}
}

// repairs lists what was made again because somebody else had removed or changed it.
func repairs(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Time    *schema.Node `yang:"time"`
		Object  *schema.Node `yang:"object"`
		Count   *schema.Node `yang:"count"`
		Noticed *schema.Node `yang:"noticed"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Dataplane == nil {
			return nil
		}
		latest, _ := src.Dataplane.Repairs()
		for _, repair := range latest {
			number := strconv.FormatUint(repair.Number, 10)
			if !want.Wants(0, number) {
				continue
			}
			row := out.Row(number)
			row.Time(n.Time, repair.At)
			row.Text(n.Object, fmt.Sprint(repair.Object))
			row.Uint(n.Count, uint64(repair.Count))
			row.Text(n.Noticed, repair.Found.String())
		}
		return nil
	}}
}
