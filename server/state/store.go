package state

import (
	"context"
	"strconv"

	"mooring/server/tree/schema"
)

func bindingStore(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		State      *schema.Node `yang:"state"`
		Reason     *schema.Node `yang:"reason"`
		LastChange *schema.Node `yang:"last-change"`
		Failures   *schema.Node `yang:"failures"`
		Restored   *schema.Node `yang:"restored"`
	}
	r.resolve(&n, def)
	return one(def, []*schema.Node{n.State, n.Reason, n.LastChange, n.Failures, n.Restored}, func(s *Sink) {
		if src.BindingStore == nil {
			return
		}
		store := src.BindingStore()
		s.Text(n.State, store.State.String())
		if store.Err != nil {
			s.Text(n.Reason, store.Err.Error())
		}
		s.Time(n.LastChange, store.Since)
		s.Uint(n.Failures, store.Failures)
		s.Uint(n.Restored, uint64(store.Restored))
	})
}

func damage(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Size   *schema.Node `yang:"size"`
		Reason *schema.Node `yang:"reason"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, _ Keys, out *Out) error {
		if src.BindingStore == nil {
			return nil
		}
		for _, d := range src.BindingStore().Damage {
			row := out.Row(d.File, strconv.FormatInt(d.Offset, 10))
			row.Uint(n.Size, uint64(d.Octets))
			row.Text(n.Reason, d.Reason)
			if out.Done() {
				return nil
			}
		}
		return nil
	}}
}
