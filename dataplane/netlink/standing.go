package netlink

import "mooring/dataplane"

// The host has no word for the Standing of a route but its metric, which keeps routes to one prefix apart. Zebra of FRR takes the first octet
// of the metrics of others for an administrative distance, and the rest for a metric that can be asked for in a route-map (docs/adr/0281).
const distanceShift = 24

func metricOf(s dataplane.Standing) uint32 {
	metric := uint32(s.Distance) << distanceShift
	if s.Told {
		return metric | MetricTold
	}
	return metric | MetricKept
}

// standingOf is the inverse of metricOf; not ok of the metric of a route that is none of a prefix.
func standingOf(metric uint32) (s dataplane.Standing, ok bool) {
	s.Distance = uint8(metric >> distanceShift)
	s.Told = metric&(1<<distanceShift-1) == MetricTold
	return s, metric == metricOf(s)
}

// meet remembers that routes have this standing.
func (ps *parts) meet(s dataplane.Standing) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.standings[s] = true
}

func (ps *parts) met(s dataplane.Standing) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.standings[s]
}

// metricInterim is that of routes which stand in for others that are about to be set anew. It goes after all.
const metricInterim = 255<<distanceShift + 214

func (op *RouteOp) metric() uint32 {
	if op.interim {
		return metricInterim
	}
	return metricOf(op.Standing)
}

// expand returns what is to be done of ops in detail, and which of them each is a part of.
func (ps *parts) expand(ops []RouteOp) (list []RouteOp, of []int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for i, op := range ops {
		ps.standings[op.Standing] = true
		details := []RouteOp{op}
		if op.Strays {
			details = ps.anew(op)
		}
		for _, d := range details {
			list, of = append(list, d), append(of, i)
		}
	}
	return list, of
}

// anew removes the routes of all standings for a prefix, also the wanted one, and sets that again: zebra takes routes that differ in the distance
// alone for one, and it for gone with any of them. Another route leads packets on meanwhile.
func (ps *parts) anew(op RouteOp) (list []RouteOp) {
	interim := op
	interim.interim = true
	if !op.Delete {
		list = append(list, interim)
	}
	for s := range ps.standings {
		list = append(list, RouteOp{Delete: true, Prefix: op.Prefix, Standing: s})
	}
	if !op.Delete {
		interim.Delete = true
		list = append(list, op, interim)
	}
	return list
}
