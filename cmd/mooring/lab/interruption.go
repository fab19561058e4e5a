package lab

import (
	"slices"
	"time"
)

// arrival is a probe that came through.
type arrival struct {
	number int // in the order of sending, from 0
	at     time.Time
}

// outage is what one flow of probes had of a move.
type outage struct {
	Interruption time.Duration // from the last probe delivered on the old path to the first one on the new
	Resumed      time.Time     // when that one arrived
	Lost         int           // probes that were sent since and have not arrived
}

// measure compares what a flow has sent with what has arrived, in the order of arrival. detached is when the node's link had left the
// old path and was not up on the new one: nothing that arrived before came by the new path, and nothing that was sent later by the old
// one. It returns false as long as nothing has come by the new path.
func measure(sent []time.Time, arrived []arrival, detached time.Time) (outage, bool) {
	old := slices.IndexFunc(arrived, func(a arrival) bool { return a.at.After(detached) })
	if old < 0 {
		return outage{}, false
	}
	first := slices.IndexFunc(arrived[old:], func(a arrival) bool { return sent[a.number].After(detached) })
	if first < 0 {
		return outage{}, false
	}
	resumed := arrived[old+first]
	last := arrival{number: -1, at: sent[0]} // the flow began during the move
	if old > 0 {
		last = arrived[old-1]
	}
	return outage{resumed.at.Sub(last.at), resumed.at, missing(last.number+1, arrived[old:])}, true
}

// missing counts the probes from number on that have not arrived, though a later one has.
func missing(number int, arrived []arrival) int {
	highest, come := number-1, map[int]bool{}
	for _, a := range arrived {
		highest = max(highest, a.number)
		if a.number >= number {
			come[a.number] = true
		}
	}
	return highest - number + 1 - len(come)
}

// median returns the middle of values; of an even number the mean of the two in the middle.
func median(values []time.Duration) time.Duration {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
