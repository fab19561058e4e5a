package watch

import (
	"strconv"
	"strings"
	"time"

	"mooring/cmd/mooring/client"
)

// counts are counters, or how fast they grow a second.
type counts [6]float64

// What the counters are.
const (
	updates  = iota // PBU: received by an LMA, sent by a MAG
	answers         // PBA
	refusals        // PBA with a status that is no success
	drops           // messages discarded without an answer
	octetsIn
	octetsOut
)

func (c *counts) add(other counts) {
	for i, n := range other {
		c[i] += n
	}
}

// meter makes rates of counters.
type meter struct {
	at   time.Time
	last counts
	rate counts
}

// read takes in counters as they were. Where one is smaller than it was, they began anew, and there is no rate yet.
func (m *meter) read(at time.Time, now counts) {
	seconds := at.Sub(m.at).Seconds()
	if m.at.IsZero() || seconds <= 0 {
		m.at, m.last = at, now
		return
	}
	var rate counts
	for i := range now {
		if now[i] < m.last[i] {
			rate = counts{}
			break
		}
		rate[i] = (now[i] - m.last[i]) / seconds
	}
	*m = meter{at, now, rate}
}

// signalling reads the counters of an LMA or a MAG.
func signalling(r *client.Row) (c counts) {
	c[updates] = number(r, "pbu", "received") + number(r, "pbu", "sent")
	c[answers] = number(r, "pba", "received") + number(r, "pba", "sent")
	statuses, numbers := list(r, "pba", "by-status", "status"), list(r, "pba", "by-status", "count")
	for i := range min(len(statuses), len(numbers)) {
		if statuses[i] >= firstFailure {
			c[refusals] += numbers[i]
		}
	}
	for _, n := range list(r, "drop", "count") {
		c[drops] += n
	}
	return c
}

// firstFailure is the lowest status that refuses (RFC 6275 section 6.1.8).
const firstFailure = 128

// traffic reads the counters of a tunnel.
func traffic(r *client.Row) (c counts) {
	c[octetsIn], c[octetsOut] = number(r, "in-octets"), number(r, "out-octets")
	return c
}

// number reads a leaf; what is not there is 0.
func number(r *client.Row, path ...string) float64 {
	n, _ := strconv.ParseFloat(r.Text(path...), 64)
	return n
}

// list reads a leaf of all entries of a list.
func list(r *client.Row, path ...string) (numbers []float64) {
	for text := range strings.SplitSeq(r.Text(path...), ",") {
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
