package state

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/lma"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
	"mooring/server/tree/schema"
)

// statisticsNodes are the counters of an LMA or a MAG, as a whole or for a peer. What not all of them have is optional.
type statisticsNodes struct {
	Self              *schema.Node `yang:"."`
	DiscontinuityTime *schema.Node `yang:"discontinuity-time"`
	Summary           summaryNodes `yang:"summary,optional"`
	Packets           struct {
		Self *schema.Node `yang:"."`
		IPv4 packetNodes  `yang:"ipv4"`
		IPv6 packetNodes  `yang:"ipv6"`
	} `yang:"packets,optional"`
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
	Accounting accountingNodes `yang:"accounting,optional"`
	BRI        struct {
		Self     *schema.Node    `yang:"."`
		Sent     revocationNodes `yang:"sent"`
		Received revocationNodes `yang:"received"`
	} `yang:"bri,optional"`
	BRA struct {
		Self     *schema.Node    `yang:"."`
		Sent     revocationNodes `yang:"sent"`
		Received revocationNodes `yang:"received"`
	} `yang:"bra,optional"`
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
	SingleTenant  *schema.Node `yang:"single-tenant-count,optional"`
	MultiTenant   *schema.Node `yang:"multi-tenant-count,optional"`
}

type packetNodes struct {
	Self           *schema.Node `yang:"."`
	Received       *schema.Node `yang:"received"`
	Sent           *schema.Node `yang:"sent"`
	ReceiveDrops   *schema.Node `yang:"receive-drops"`
	SendDrops      *schema.Node `yang:"send-drops"`
	ChecksumErrors *schema.Node `yang:"checksum-errors,optional"` // over IPv6
}

// lmaStatistics are the counters of all LMAs.
func lmaStatistics(r *resolver, def *schema.Node, src *Sources, since *beginnings) Table {
	var n statisticsNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(ctx context.Context, want Keys, out *Out) error {
		for l, cfg := range src.runningLMAs(want) {
			customers, err := l.customers(ctx)
			if err != nil {
				return err
			}
			addresses := listens(cfg)
			s := out.Row(l.Name)
			s.Since(n.DiscontinuityTime, l.Statistics.Began, since.of(l.Statistics, addresses))
			s.Open(n.Summary.Self)
			s.Text(n.Summary.LMAIdentifier, l.Name)
			s.Uint(n.Summary.BCECount, uint64(l.Table.Len()))
			s.Uint(n.Summary.HandoffCount, l.Statistics.Handover.Load())
			n.Summary.renderTenants(s, uint64(l.Table.Len()), customers)
			s.Close()
			n.renderPackets(s, src, addresses)
			n.renderSignalling(s, l.Statistics)
			n.Accounting.render(s, src, aaa.Owner{Anchor: l.Name})
		}
		return nil
	}}
}

// renderTenants writes how many of the bindings are those of customers.
func (n *summaryNodes) renderTenants(s *Sink, bindings uint64, customers []lma.CustomerState) {
	if n.MultiTenant == nil {
		return
	}
	var of uint64
	for _, c := range customers {
		of += uint64(c.Bindings)
	}
	s.Uint(n.SingleTenant, bindings-min(of, bindings))
	s.Uint(n.MultiTenant, of)
}

// magStatistics are the counters of all MAGs.
func magStatistics(r *resolver, def *schema.Node, src *Sources, since *beginnings) Table {
	var n statisticsNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, want Keys, out *Out) error {
		for m, cfg := range src.runningMAGs(want) {
			addresses := inDefaultVRF(cfg.Addresses)
			s := out.Row(m.Name)
			s.Since(n.DiscontinuityTime, m.Statistics.Began, since.of(m.Statistics, addresses))
			n.renderPackets(s, src, addresses)
			n.renderSignalling(s, m.Statistics)
		}
		return nil
	}}
}

// renderPeer writes the counters of one peer; nil are none.
func (n *statisticsNodes) renderPeer(s *Sink, c *mobility.Statistics) {
	if c == nil {
		return
	}
	s.Open(n.Self)
	s.Since(n.DiscontinuityTime, c.Began, c.Began)
	n.renderSignalling(s, c)
	s.Close()
}

// renderPackets adds up what the addresses of the machine have counted.
func (n *statisticsNodes) renderPackets(s *Sink, src *Sources, addresses []mobility.VRFAddr) {
	if src.Signalling == nil {
		return
	}
	var v4, v6 transport.Counters
	for _, at := range src.sockets().of(addresses) {
		if at.Addr.Is4() {
			sum(&v4, at.Counters)
		} else {
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

func (n *statisticsNodes) renderSignalling(s *Sink, c *mobility.Statistics) {
	n.renderUpdates(s, c)
	n.renderAcknowledgements(s, c)
	n.renderRevocations(s, c)
	n.renderDrops(s, c)
}

func (n *statisticsNodes) renderUpdates(s *Sink, c *mobility.Statistics) {
	s.Open(n.PBU.Self)
	s.Uint(n.PBU.Received, c.PBUReceived.Load())
	s.Uint(n.PBU.Sent, c.PBUSent.Load())
	s.Uint(n.PBU.Retransmitted, c.PBURetransmitted.Load())
	if n.PBU.Received != nil {
		s.Uint(n.PBU.Dropped, c.PBUDiscarded.Load())
	} else {
		s.Uint(n.PBU.Dropped, c.PBUUnsent.Load())
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
		counts, lost = &c.PBAReceived, c.PBADiscarded.Load()
	}
	byStatus, total := load(counts)
	s.Open(n.PBA.Self)
	if n.PBA.Received != nil {
		s.Uint(n.PBA.Received, total+lost)
		s.Uint(n.PBA.Dropped, lost+c.Dropped[mobility.DropMismatch].Load()) // a mismatch has a status, and is among the total
	} else {
		s.Uint(n.PBA.Dropped, c.PBAUnsent.Load())
	}
	s.Uint(n.PBA.Sent, total)
	for _, each := range byStatus {
		s.Open(n.PBA.ByStatus.Self)
		s.Uint(n.PBA.ByStatus.Status, uint64(each.status))
		s.Text(n.PBA.ByStatus.Name, each.status.String())
		s.Uint(n.PBA.ByStatus.Count, each.count)
		s.Close()
	}
	s.Close()
}

type statusCount struct {
	status wire.Status
	count  uint64
}

// load reads the counts, sorted by status, and adds them up.
func load(counts *mobility.StatusCounter) (byStatus []statusCount, total uint64) {
	for status, count := range counts.All() {
		byStatus = append(byStatus, statusCount{status, count})
		total += count
	}
	slices.SortFunc(byStatus, func(a, b statusCount) int { return cmp.Compare(a.status, b.status) })
	return byStatus, total
}

func (n *statisticsNodes) renderDrops(s *Sink, c *mobility.Statistics) {
	for _, reason := range mobility.DropReasons() {
		count := c.Dropped[reason].Load()
		if count == 0 && n.Packets.Self == nil {
			continue // there are many peers, and few reasons
		}
		s.Open(n.Drop.Self)
		s.Text(n.Drop.Reason, reason.String())
		s.Uint(n.Drop.Count, count)
		s.Close()
	}
}

// beginnings remembers since when the counters of machines count: since the machine began, and since the addresses changed whose packets
// are added up.
type beginnings struct {
	mu    sync.Mutex
	known map[*mobility.Statistics]beginning
}

type beginning struct {
	at        time.Time
	addresses []mobility.VRFAddr
}

func (b *beginnings) of(c *mobility.Statistics, addresses []mobility.VRFAddr) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, ok := b.known[c]
	if ok && slices.Equal(was.addresses, addresses) {
		return was.at
	}
	is := beginning{c.Began, addresses}
	if ok {
		is.at = time.Now()
	}
	if b.known == nil {
		b.known = map[*mobility.Statistics]beginning{}
	}
	b.known[c] = is
	return is.at
}

// note looks at the machines that run, and forgets those that do not any more.
func (b *beginnings) note(src *Sources) {
	running := map[*mobility.Statistics]bool{}
	for l, cfg := range src.runningLMAs(nil) {
		running[l.Statistics] = true
		b.of(l.Statistics, listens(cfg))
	}
	for m, cfg := range src.runningMAGs(nil) {
		running[m.Statistics] = true
		b.of(m.Statistics, inDefaultVRF(cfg.Addresses))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.known {
		if !running[c] {
			delete(b.known, c)
		}
	}
}
