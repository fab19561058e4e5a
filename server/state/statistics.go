package state

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
	"mooring/server/tree/schema"
)

// statisticsNodes are the counters of an LMA or a MAG. What only one of them has is optional.
type statisticsNodes struct {
	Self              *schema.Node `yang:"."`
	DiscontinuityTime *schema.Node `yang:"discontinuity-time"`
	Summary           summaryNodes `yang:"summary,optional"`
	Packets           struct {
		Self *schema.Node `yang:"."`
		IPv4 packetNodes  `yang:"ipv4"`
		IPv6 packetNodes  `yang:"ipv6"`
	} `yang:"packets"`
	PBU struct {
		Self          *schema.Node `yang:"."`
		Received      *schema.Node `yang:"received,optional"`
		Sent          *schema.Node `yang:"sent,optional"`
		Retransmitted *schema.Node `yang:"retransmitted,optional"`
		Dropped       *schema.Node `yang:"dropped"`
		Accepted      struct {
			Self           *schema.Node `yang:"."`
			Initial        *schema.Node `yang:"initial"`
			Refresh        *schema.Node `yang:"refresh"`
			Handover       *schema.Node `yang:"handover"`
			DeRegistration *schema.Node `yang:"de-registration"`
		} `yang:"accepted"`
	} `yang:"pbu"`
	PBA struct {
		Self     *schema.Node `yang:"."`
		Received *schema.Node `yang:"received,optional"`
		Sent     *schema.Node `yang:"sent,optional"`
		Dropped  *schema.Node `yang:"dropped"`
		ByStatus struct {
			Self   *schema.Node `yang:"."`
			Status *schema.Node `yang:"status"`
			Name   *schema.Node `yang:"name"`
			Count  *schema.Node `yang:"count"`
		} `yang:"by-status"`
	} `yang:"pba"`
	Drop struct {
		Self   *schema.Node `yang:"."`
		Reason *schema.Node `yang:"reason"`
		Count  *schema.Node `yang:"count"`
	} `yang:"drop"`
}

type summaryNodes struct {
	Self          *schema.Node `yang:"."`
	LMAIdentifier *schema.Node `yang:"lma-identifier"`
	BCECount      *schema.Node `yang:"bce-count"`
	HandoffCount  *schema.Node `yang:"handoff-count"`
}

type packetNodes struct {
	Self           *schema.Node `yang:"."`
	Received       *schema.Node `yang:"received"`
	Sent           *schema.Node `yang:"sent"`
	ReceiveDrops   *schema.Node `yang:"receive-drops"`
	SendDrops      *schema.Node `yang:"send-drops"`
	ChecksumErrors *schema.Node `yang:"checksum-errors"`
}

// lmaStatistics are the counters of all LMAs.
func lmaStatistics(r *resolver, def *schema.Node, src *Sources, since *beginnings) Table {
	var n statisticsNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, want Keys, out *Out) error {
		for l, cfg := range src.runningLMAs(want) {
			s := out.Row(l.Name)
			s.Time(n.DiscontinuityTime, since.of(l.Statistics, cfg.Addresses))
			s.Open(n.Summary.Self)
			s.Text(n.Summary.LMAIdentifier, l.Name)
			s.Uint(n.Summary.BCECount, uint64(l.Table.Len()))
			s.Uint(n.Summary.HandoffCount, l.Statistics.Handover.Load())
			s.Close()
			n.renderPackets(s, src, cfg.Addresses)
			n.renderUpdates(s, l.Statistics)
			n.renderAcknowledgements(s, l.Statistics)
			n.renderDrops(s, l.Statistics)
		}
		return nil
	}}
}

// magStatistics are the counters of all MAGs.
func magStatistics(r *resolver, def *schema.Node, src *Sources, since *beginnings) Table {
	var n statisticsNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, want Keys, out *Out) error {
		for m, cfg := range src.runningMAGs(want) {
			s := out.Row(m.Name)
			s.Time(n.DiscontinuityTime, since.of(m.Statistics, cfg.Addresses))
			n.renderPackets(s, src, cfg.Addresses)
			n.renderUpdates(s, m.Statistics)
			n.renderAcknowledgements(s, m.Statistics)
			n.renderDrops(s, m.Statistics)
		}
		return nil
	}}
}

// renderPackets adds up what the addresses of the machine have counted.
func (n *statisticsNodes) renderPackets(s *Sink, src *Sources, addresses []netip.Addr) {
	if src.Signalling == nil {
		return
	}
	var v4, v6 transport.Counters
	for _, at := range src.Signalling() {
		switch {
		case at.VRF != "" || !slices.Contains(addresses, at.Addr):
		case at.Addr.Is4():
			sum(&v4, at.Counters)
		default:
			sum(&v6, at.Counters)
		}
	}
	s.Open(n.Packets.Self)
	n.Packets.IPv4.render(s, v4)
	n.Packets.IPv6.render(s, v6)
	s.Close()
}

func sum(total *transport.Counters, c transport.Counters) {
	total.Received += c.Received
	total.Unreadable += c.Unreadable
	total.Checksum += c.Checksum
	total.Overrun += c.Overrun
	total.Sent += c.Sent
	total.Unsent += c.Unsent
	total.Answered += c.Answered
}

func (n *packetNodes) render(s *Sink, c transport.Counters) {
	s.Open(n.Self)
	s.Uint(n.Received, c.Received+c.Overrun)
	s.Uint(n.Sent, c.Sent)
	s.Uint(n.ReceiveDrops, c.Overrun+c.Unreadable-min(c.Answered, c.Unreadable))
	s.Uint(n.SendDrops, c.Unsent)
	s.Uint(n.ChecksumErrors, c.Checksum)
	s.Close()
}

// The reasons for which an update or an acknowledgement is discarded after it was told to be one. Of messages with other reasons nobody
// knows what they would have been.
var (
	updateDrops = []mobility.DropReason{mobility.DropNotProxy, mobility.DropUnauthenticated, mobility.DropNoKey, mobility.DropNoSession,
		mobility.DropStale, mobility.DropOverload}
	acknowledgementDrops = []mobility.DropReason{mobility.DropNotProxy, mobility.DropUnauthenticated, mobility.DropNoKey, mobility.DropNoSession}
)

func dropped(c *mobility.Statistics, reasons []mobility.DropReason) (n uint64) {
	for _, reason := range reasons {
		n += c.Dropped[reason].Load()
	}
	return n
}

func (n *statisticsNodes) renderUpdates(s *Sink, c *mobility.Statistics) {
	s.Open(n.PBU.Self)
	s.Uint(n.PBU.Received, c.PBUReceived.Load())
	s.Uint(n.PBU.Sent, c.PBUSent.Load())
	s.Uint(n.PBU.Retransmitted, c.PBURetransmitted.Load())
	if n.PBU.Received != nil {
		s.Uint(n.PBU.Dropped, dropped(c, updateDrops))
	}
	accepted := &n.PBU.Accepted
	s.Open(accepted.Self)
	s.Uint(accepted.Initial, c.Initial.Load())
	s.Uint(accepted.Refresh, c.Refresh.Load())
	s.Uint(accepted.Handover, c.Handover.Load())
	s.Uint(accepted.DeRegistration, c.Deregistration.Load())
	s.Close()
	s.Close()
}

func (n *statisticsNodes) renderAcknowledgements(s *Sink, c *mobility.Statistics) {
	counts, lost := &c.PBASent, uint64(0)
	if n.PBA.Received != nil {
		counts, lost = &c.PBAReceived, dropped(c, acknowledgementDrops)
	}
	byStatus, total := load(counts)
	s.Open(n.PBA.Self)
	if n.PBA.Received != nil {
		s.Uint(n.PBA.Received, total+lost)
		s.Uint(n.PBA.Dropped, lost+c.Dropped[mobility.DropMismatch].Load()) // a mismatch has a status, and is among the total
	}
	s.Uint(n.PBA.Sent, total)
	for status, count := range byStatus {
		if count > 0 {
			s.Open(n.PBA.ByStatus.Self)
			s.Uint(n.PBA.ByStatus.Status, uint64(status))
			s.Text(n.PBA.ByStatus.Name, wire.Status(status).String())
			s.Uint(n.PBA.ByStatus.Count, count)
			s.Close()
		}
	}
	s.Close()
}

func load(counts *[256]atomic.Uint64) (byStatus [256]uint64, total uint64) {
	for i := range counts {
		byStatus[i] = counts[i].Load()
		total += byStatus[i]
	}
	return byStatus, total
}

func (n *statisticsNodes) renderDrops(s *Sink, c *mobility.Statistics) {
	for _, reason := range mobility.DropReasons() {
		s.Open(n.Drop.Self)
		s.Text(n.Drop.Reason, reason.String())
		s.Uint(n.Drop.Count, c.Dropped[reason].Load())
		s.Close()
	}
}

// beginnings remembers since when counters count: since they were first seen, and since the addresses changed whose packets are added
// up.
type beginnings struct {
	mu    sync.Mutex
	known map[*mobility.Statistics]beginning
}

type beginning struct {
	at        time.Time
	addresses []netip.Addr
}

func (b *beginnings) of(c *mobility.Statistics, addresses []netip.Addr) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, ok := b.known[c]
	if !ok || !slices.Equal(was.addresses, addresses) {
		if b.known == nil {
			b.known = map[*mobility.Statistics]beginning{}
		}
		was = beginning{time.Now(), slices.Clone(addresses)}
		b.known[c] = was
	}
	return was.at
}

// note looks at the machines that run, and forgets those that do not any more.
func (b *beginnings) note(src *Sources) {
	running := map[*mobility.Statistics]bool{}
	for l, cfg := range src.runningLMAs(nil) {
		running[l.Statistics] = true
		b.of(l.Statistics, cfg.Addresses)
	}
	for m, cfg := range src.runningMAGs(nil) {
		running[m.Statistics] = true
		b.of(m.Statistics, cfg.Addresses)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.known {
		if !running[c] {
			delete(b.known, c)
		}
	}
}
