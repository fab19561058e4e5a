package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mooring/dataplane/netns"
)

// Move is what a handover did to the node.
type Move struct {
	Number       int          `json:"number"`
	From         string       `json:"from"`
	To           string       `json:"to"`
	Interruption float64      `json:"interruption_ms"` // the longest of the flows of probes
	Lost         int          `json:"lost"`            // probes of all flows
	Before       []netip.Addr `json:"addresses_before"`
	After        []netip.Addr `json:"addresses_after"`
}

const (
	pollInterval  = 10 * time.Millisecond
	aftermath     = 300 * time.Millisecond // in which packets may still be lost because of a move
	betweenProbes = 500 * time.Millisecond // of undisturbed traffic before a move
)

// attach connects the node to mag1, and begins with its traffic.
func (l *lab) attach(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, attachPatience, fmt.Errorf("waited %v", attachPatience))
	defer cancel()
	t := l.at
	if l.node, err = newNode(t.mn); err != nil {
		return err
	}
	l.timeline.now("mag1", "attach", "the node's link %s appears at mag1", accessEnd)
	if err := t.mn.Move(accessEnd, t.mag1); err != nil {
		return err
	}
	home, err := l.node.configure(ctx)
	if err != nil {
		return err
	}
	l.timeline.now("mn", "addresses", "%s", list(home))
	if err := l.ping(ctx, home); err != nil {
		return err
	}
	return l.startTraffic(ctx, home)
}

// startTraffic begins to send probes and streams, and waits until all of them flow.
func (l *lab) startTraffic(ctx context.Context, home []netip.Addr) (err error) {
	t := l.at
	if l.probes, err = startProbes(t.mn, t.cn, home); err != nil {
		return err
	}
	for _, own := range home {
		s, err := startStream(ctx, t.mn, t.cn, own)
		if err != nil {
			return err
		}
		l.streams = append(l.streams, s)
		l.timeline.now("mn", "tcp", "stream over %s to the correspondent", s.family)
	}
	return await(ctx, "traffic does not flow", func() (missing []string) {
		for _, f := range l.probes.flows {
			if !f.flowing() {
				missing = append(missing, f.name)
			}
		}
		return append(missing, l.stalled(make([]int64, len(l.streams)))...)
	})
}

// endTraffic ends the probes and streams.
func (l *lab) endTraffic() {
	for _, s := range l.streams {
		s.close()
	}
	if l.probes != nil {
		l.probes.close()
	}
	l.streams, l.probes = nil, nil
}

// ping lets the node reach its correspondent from each of its addresses.
func (l *lab) ping(ctx context.Context, home []netip.Addr) error {
	for _, own := range home {
		to := netip.MustParseAddr(cn4)
		if own.Is6() {
			to = netip.MustParseAddr(cn6)
		}
		took, err := ping(ctx, l.at.mn, own, to)
		if err != nil {
			return err
		}
		l.timeline.now("mn", "ping", "%s answers after %.3f ms", to, milliseconds(took))
	}
	return nil
}

func (l *lab) moveAll(ctx context.Context) error {
	from, to := l.at.mag1, l.at.mag2
	for range l.Moves {
		if err := pause(ctx, betweenProbes); err != nil {
			return err
		}
		if err := l.move(ctx, from, to); err != nil {
			return fmt.Errorf("move %d, from %s to %s: %w", len(l.moves)+1, from.Name, to.Name, err)
		}
		from, to = to, from
	}
	l.summarise()
	return nil
}

// move takes the node's link from one gateway to another, and waits until its traffic has resumed.
func (l *lab) move(ctx context.Context, from, to *netns.Host) error {
	ctx, cancel := context.WithTimeoutCause(ctx, movePatience, fmt.Errorf("waited %v", movePatience))
	defer cancel()
	m := Move{Number: len(l.moves) + 1, From: from.Name, To: to.Name}
	var err error
	if m.Before, err = l.node.addresses(); err != nil {
		return err
	}
	l.timeline.now("mn", "move", "the node's link leaves %s for %s", from.Name, to.Name)
	if err := from.Detach(accessEnd, to); err != nil {
		return err
	}
	detached := time.Now()
	if err := to.Up(accessEnd); err != nil {
		return err
	}
	l.timeline.now(to.Name, "attach", "the node's link %s appears at %s", accessEnd, to.Name)
	if err := l.resume(ctx, detached); err != nil {
		return errors.Join(l.changed(m.Before), err)
	}
	if err := pause(ctx, aftermath); err != nil {
		return err
	}
	m.Interruption, m.Lost = l.probes.outcome(detached)
	return l.verify(ctx, m)
}

// resume waits until every flow and stream goes on.
func (l *lab) resume(ctx context.Context, detached time.Time) error {
	before := make([]int64, len(l.streams))
	for i, s := range l.streams {
		before[i] = s.octets.Load()
	}
	told := map[*flow]bool{}
	return await(ctx, "traffic did not resume", func() []string {
		for _, f := range l.probes.flows {
			if o, resumed := f.since(detached); resumed && !told[f] {
				told[f] = true
				l.timeline.add(o.Resumed, f.host, "first-packet", "%s: interrupted for %.1f ms", f.name, milliseconds(o.Interruption))
			}
		}
		return append(l.probes.interrupted(detached), l.stalled(before)...)
	})
}

// stalled names the streams of which not more than that has arrived.
func (l *lab) stalled(octets []int64) (names []string) {
	for i, s := range l.streams {
		switch err := s.failure(); {
		case err != nil:
			names = append(names, err.Error())
		case s.octets.Load() <= octets[i]:
			names = append(names, "TCP over "+s.family)
		}
	}
	return names
}

// verify checks that the node is as it was.
func (l *lab) verify(ctx context.Context, m Move) (err error) {
	if err := l.node.renew(ctx); err != nil {
		return err
	}
	l.timeline.now("mn", "dhcp", "lease of %s renewed", l.node.lease.ACK.YourIPAddr)
	if m.After, err = l.node.addresses(); err != nil {
		return err
	}
	if err := l.ping(ctx, m.After); err != nil {
		return err
	}
	l.moves = append(l.moves, m)
	l.timeline.put(time.Now(), Event{Host: "mn", Event: "handover", Move: &m, Text: fmt.Sprintf("interrupted for %.1f ms, %d packets lost; addresses %s before, %s after",
		m.Interruption, m.Lost, list(m.Before), list(m.After))})
	return unchanged(m.Before, m.After)
}

// changed is the reason, where traffic does not resume because the node has other addresses now.
func (l *lab) changed(before []netip.Addr) error {
	now, err := l.node.addresses()
	if err != nil {
		return err
	}
	return unchanged(before, now)
}

func unchanged(before, after []netip.Addr) error {
	if !slices.Equal(before, after) {
		return fmt.Errorf("the node's addresses were %s and are %s", list(before), list(after))
	}
	return nil
}

func (l *lab) summarise() {
	var all []time.Duration
	lost := 0
	for _, m := range l.moves {
		all = append(all, time.Duration(m.Interruption*float64(time.Millisecond)))
		lost += m.Lost
	}
	if len(all) == 0 {
		return
	}
	l.timeline.now("", "summary", "%s, no address changed; interrupted for %.1f ms (median; %.1f to %.1f), %d packets lost",
		count(len(all), "move"), milliseconds(median(all)), milliseconds(slices.Min(all)), milliseconds(slices.Max(all)), lost)
}

// await waits until nothing is missing.
func await(ctx context.Context, problem string, look func() (missing []string)) error {
	for {
		missing := look()
		if len(missing) == 0 {
			return nil
		}
		if err := pause(ctx, pollInterval); err != nil {
			return fmt.Errorf("%s: %s: %w", problem, strings.Join(missing, ", "), err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func list(addresses []netip.Addr) string {
	var all []string
	for _, a := range addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, " and ")
}

// count says how many there are of something.
func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
