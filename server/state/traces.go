package state

import (
	"context"
	"time"

	"mooring/server/tree/schema"
)

// Trace is a node that is or was traced.
type Trace struct {
	Gateway       bool   // its machine is a MAG
	Machine       string // that it is traced at
	NAI           string
	Started, Ends time.Time
	Dropped       uint64 // records that were lost
	Records       []TraceRecord
}

// TraceRecord is something that happened to a node. The first of a trace has the sequence number 1.
type TraceRecord struct {
	Time       time.Time
	Kind, Text string
}

// traceNodes are the leaves of a trace.
type traceNodes struct {
	Started *schema.Node `yang:"started"`
	Ends    *schema.Node `yang:"ends"`
	Dropped *schema.Node `yang:"dropped"`
	Record  struct {
		Self     *schema.Node `yang:"."`
		Sequence *schema.Node `yang:"sequence"`
		Time     *schema.Node `yang:"time"`
		Kind     *schema.Node `yang:"kind"`
		Text     *schema.Node `yang:"text"`
	} `yang:"record"`
}

// traces are the traces at all LMAs, or at all MAGs.
func traces(r *resolver, def *schema.Node, src *Sources, gateways bool) Table {
	var n traceNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Traces == nil {
			return nil
		}
		for _, t := range src.Traces() {
			if t.Gateway == gateways && want.Wants(0, t.Machine) && want.Wants(1, t.NAI) {
				n.render(out.Row(t.Machine, t.NAI), &t)
			}
		}
		return nil
	}}
}

func (n *traceNodes) render(s *Sink, t *Trace) {
	s.Time(n.Started, t.Started)
	s.Time(n.Ends, t.Ends)
	s.Uint(n.Dropped, t.Dropped)
	for i := range t.Records {
		r := &t.Records[i]
		s.Open(n.Record.Self)
		s.Uint(n.Record.Sequence, uint64(i+1))
		s.Time(n.Record.Time, r.Time)
		s.Text(n.Record.Kind, r.Kind)
		s.Text(n.Record.Text, r.Text)
		s.Close()
	}
}
