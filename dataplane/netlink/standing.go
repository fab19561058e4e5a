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

// strays are operations that remove what ops say may be there beside them, and of which of them each is.
func (ps *parts) strays(ops []RouteOp, errs []error) (list []RouteOp, of []int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for i, op := range ops {
		ps.standings[op.Standing] = true
		if !op.Strays || errs[i] != nil {
			continue
		}
		for s := range ps.standings {
			if s != op.Standing {
				list, of = append(list, RouteOp{Delete: true, Prefix: op.Prefix, Standing: s}), append(of, i)
			}
		}
	}
	return list, of
}
