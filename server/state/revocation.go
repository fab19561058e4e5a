package state

import (
	"cmp"
	"fmt"
	"slices"

	"mooring/mobility"
	"mooring/server/tree/schema"
)

// revocationNodes are the counters of one kind of revocation message in one direction; by trigger those of indications, by status those of
// acknowledgements.
type revocationNodes struct {
	Self      *schema.Node `yang:"."`
	Count     *schema.Node `yang:"count"`
	Dropped   *schema.Node `yang:"dropped"`
	ByTrigger codeNodes    `yang:"by-trigger,optional"`
	ByStatus  codeNodes    `yang:"by-status,optional"`
}

type codeNodes struct {
	Self    *schema.Node `yang:"."`
	Trigger *schema.Node `yang:"trigger,optional"`
	Status  *schema.Node `yang:"status,optional"`
	Name    *schema.Node `yang:"name"`
	Count   *schema.Node `yang:"count"`
}

func (n *statisticsNodes) renderRevocations(s *Sink, c *mobility.Statistics) {
	if n.BRI.Self == nil {
		return
	}
	s.Open(n.BRI.Self)
	renderCodes(s, &n.BRI.Sent, &c.BRISent, c.BRIUnsent.Load(), 0)
	renderCodes(s, &n.BRI.Received, &c.BRIReceived, c.BRIDiscarded.Load(), c.BRIDiscarded.Load())
	s.Close()
	s.Open(n.BRA.Self)
	renderCodes(s, &n.BRA.Sent, &c.BRASent, c.BRAUnsent.Load(), 0)
	renderCodes(s, &n.BRA.Received, &c.BRAReceived, c.BRADiscarded.Load(), c.BRADiscarded.Load())
	s.Close()
}

// renderCodes writes how often each code occurred, and how many messages there were: beside those, more that were not looked into.
func renderCodes[C interface {
	~uint8
	fmt.Stringer
}](s *Sink, n *revocationNodes, counts *mobility.CodeCounter[C], dropped, more uint64) {
	type count struct {
		code C
		n    uint64
	}
	var list []count
	for code, times := range counts.All() {
		list = append(list, count{code, times})
		more += times
	}
	slices.SortFunc(list, func(a, b count) int { return cmp.Compare(a.code, b.code) })
	s.Open(n.Self)
	s.Uint(n.Count, more)
	s.Uint(n.Dropped, dropped)
	for _, each := range list {
		nodes := &n.ByTrigger
		if nodes.Self == nil {
			nodes = &n.ByStatus
		}
		s.Open(nodes.Self)
		s.Uint(nodes.Trigger, uint64(each.code))
		s.Uint(nodes.Status, uint64(each.code))
		s.Text(nodes.Name, each.code.String())
		s.Uint(nodes.Count, each.n)
		s.Close()
	}
	s.Close()
}
