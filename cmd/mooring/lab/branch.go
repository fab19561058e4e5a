package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// branch is the router of a branch office: a gateway that is a mobile node itself, with a network behind it, whose one host is pc. Gateways of
// "mooring run" have no logical mobile nodes yet, so this one is written here, out of the parts that they are made of: codec,
// sockets, and tunnels. It registers what it is told to, refreshes that, and answers what the anchor asks.
type branch struct {
	*site
	host, pc *netns.Host
	sign     mobility.Signature

	sockets    *transport.Sockets
	plane      *backend.Plane
	reconciler *reconcile.Reconciler
	requests   chan registration
	running    sync.WaitGroup
	end        context.CancelFunc

	// Those of the goroutine that runs it.
	seq     uint16
	pending *registration // that is not answered yet
	held    *wish         // what is registered
	out     mobility.Effects
}

// wish is what is asked for, or given: a home address, a home network prefix and mobile networks; unspecified ones leave the choice to the anchor.
type wish struct{ prefixes []netip.Prefix }

// wishFor reads prefixes. The first two are the home address and the home network prefix.
func wishFor(prefixes ...string) (w wish) {
	for _, p := range prefixes {
		w.prefixes = append(w.prefixes, netip.MustParsePrefix(p))
	}
	return w
}

func (w wish) String() string {
	var text []string
	for _, p := range w.prefixes {
		text = append(text, p.String())
	}
	return strings.Join(text, ", ")
}

// registration is a request, and where its answer goes.
type registration struct {
	wish
	answer chan<- answer
}

type answer struct {
	status wire.Status
	given  wish
}

const (
	lan               = "lan0" // of a branch: the interface to its network
	branchLifetime    = time.Hour
	branchRepetition  = time.Second
	branchRefreshTick = 100 * time.Second // a third of the lifetime that the example gives
)

// startBranch starts the router of a site.
func startBranch(s *site, host, pc *netns.Host) (b *branch, err error) {
	b = &branch{site: s, host: host, pc: pc, requests: make(chan registration)}
	if s.key != nil {
		b.sign = mobility.Signature{By: wire.NewAuthenticator(s.key.SPI, s.key.Secret), CareOf: s.own, Home: netip.IPv6Unspecified()}
	}
	if b.plane, err = backend.Open(backend.Options{Namespace: host.Namespace}); err != nil {
		return nil, err
	}
	b.reconciler = reconcile.New(b.plane, reconcile.Options{Results: func([]dataplane.Result) {}})
	b.reconciler.Configure(dataplane.Config{Links: []dataplane.Link{{Name: lan}}})
	b.sockets = transport.NewSockets(transport.Options{Enter: b.plane.InVRF})
	prepared, err := b.sockets.Prepare([]transport.Address{{Addr: s.own}})
	if err != nil {
		return b, err
	}
	prepared.Open()
	ctx, end := context.WithCancel(context.Background())
	b.end = end
	b.running.Go(func() { b.reconciler.Run(ctx) })
	b.running.Go(func() { b.run(ctx) })
	return b, nil
}

func (b *branch) close() {
	if b.end != nil {
		b.end()
		b.running.Wait()
	}
	b.sockets.Close()
	b.plane.Close()
}

// register asks the anchor until it answers.
func (b *branch) register(ctx context.Context, w wish) (answer, error) {
	answers := make(chan answer, 1)
	select {
	case b.requests <- registration{w, answers}:
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
	select {
	case a := <-answers:
		return a, nil
	case <-ctx.Done():
		return answer{}, fmt.Errorf("%s is not answered by %s: %w", b.name, b.anchor, context.Cause(ctx))
	}
}

func (b *branch) run(ctx context.Context) {
	repetition, refresh := time.NewTicker(branchRepetition), time.NewTicker(branchRefreshTick)
	defer repetition.Stop()
	defer refresh.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-b.requests:
			b.pending = &r
			b.ask(b.pending.wish)
		case <-repetition.C:
			if b.pending != nil {
				b.ask(b.pending.wish)
			}
		case <-refresh.C:
			if b.pending == nil && b.held != nil {
				b.ask(*b.held)
			}
		case batch := <-b.sockets.Batches():
			for i := range batch.In {
				b.receive(&batch.In[i])
			}
			batch.Release()
		}
	}
}

// ask sends a Proxy Binding Update, with the mobile networks as RFC 7148 has them. It is not marked.
func (b *branch) ask(w wish) {
	b.seq++
	u := &wire.BindingUpdate{
		Seq: b.seq, Flags: wire.UpdateA | wire.UpdateP, Lifetime: wire.LifetimeOf(branchLifetime),
		Options: wire.Options{
			MNID:       wire.Some(mobility.NAI(b.nai).MNID()),
			Handoff:    wire.Some(wire.HandoffUnknown),
			AccessType: wire.Some(wire.AccessVirtual),
			Timestamp:  wire.Some(wire.TimestampOf(time.Now())),
		},
	}
	u.IPv4HoARequests = []wire.IPv4HoARequest{{Prefix: w.prefixes[0]}}
	u.HNPs = []wire.HNP{{Prefix: w.prefixes[1]}}
	for _, p := range w.prefixes[2:] {
		u.DMNPs = append(u.DMNPs, wire.DMNP{Prefix: p})
	}
	b.send(transport.Address{Addr: b.own}.Endpoint(), transport.Address{Addr: b.anchor}.Endpoint(), u, 0)
}

func (b *branch) send(from, to mobility.Endpoint, m wire.Message, codePoint uint8) {
	b.out.Reset()
	if err := b.out.Message(from, to, m, b.sign, codePoint); err == nil {
		b.sockets.Send(b.out.Send)
	}
}

// receive takes what is authentic.
func (b *branch) receive(in *mobility.Inbound) {
	switch m := in.Message.(type) {
	case *wire.BindingAck:
		if mobility.Authentic(b.sign, in, m.Auth) && m.Seq == b.seq {
			b.answered(m)
		}
	case *wire.Heartbeat:
		if mobility.Authentic(b.sign, in, m.Auth) && m.Flags&wire.HeartbeatR == 0 {
			b.send(in.To, in.From, &wire.Heartbeat{Flags: wire.HeartbeatR, Seq: m.Seq}, in.CodePoint)
		}
	case *wire.Revocation:
		if mobility.Authentic(b.sign, in, m.Auth) {
			b.held = nil
			b.reconciler.Want([]dataplane.Change{{ID: 1}})
			ack := &wire.RevocationAck{Seq: m.Seq, Flags: m.Flags}
			ack.MNID = m.MNID
			b.send(in.To, in.From, ack, in.CodePoint)
		}
	}
}

func (b *branch) answered(m *wire.BindingAck) {
	a := answer{status: m.Status}
	if m.Status == wire.StatusAccepted {
		a.given = given(m)
		b.held = &a.given
		b.install()
	}
	if b.pending != nil {
		b.pending.answer <- a
		b.pending = nil
	}
}

// given is what an acknowledgement gives, in the order of a wish.
func given(m *wire.BindingAck) (w wish) {
	w.prefixes = append(w.prefixes, netip.PrefixFrom(m.IPv4HoAReply.Value.Prefix.Addr(), 32))
	for _, p := range m.HNPs {
		w.prefixes = append(w.prefixes, p.Prefix)
	}
	for _, p := range m.DMNPs {
		w.prefixes = append(w.prefixes, p.Prefix)
	}
	return w
}

// install leads what is registered into the tunnel and out of it.
func (b *branch) install() {
	b.reconciler.Want([]dataplane.Change{{ID: 1, Session: &dataplane.Session{
		ID: 1, Side: dataplane.Access, Link: lan, Prefixes: slices.Clone(b.held.prefixes),
		Path: dataplane.Path{Tunnel: dataplane.TunnelID{Local: b.own, Peer: b.anchor, Encap: dataplane.EncapIP}},
	}}})
}

// furnish gives the host behind the router an address of each prefix, and the router as its way out. It returns the addresses.
func (b *branch) furnish(w wish) (addrs []netip.Addr, err error) {
	for _, p := range w.prefixes {
		a := p.Masked().Addr()
		if !p.IsSingleIP() {
			a = a.Next().Next() // the first is for routers
		}
		addrs = append(addrs, a)
		if err := b.pc.Address(uplink, netip.PrefixFrom(a, p.Bits()).String()); err != nil {
			return nil, err
		}
	}
	router, err := b.host.Net.LinkByName(lan)
	if err != nil {
		return nil, err
	}
	link, err := b.pc.Net.LinkByName(uplink)
	if err != nil {
		return nil, err
	}
	for _, way := range []struct {
		family      int
		via, prefix string
	}{{unix.AF_INET, "10.0.0.254", "0.0.0.0/0"}, {unix.AF_INET6, "fe80::1", "::/0"}} { // the addresses are only names for the router
		_, dst, err := net.ParseCIDR(way.prefix)
		if err != nil {
			return nil, err
		}
		neighbour := &netlib.Neigh{LinkIndex: link.Attrs().Index, Family: way.family, State: unix.NUD_PERMANENT,
			IP: net.ParseIP(way.via), HardwareAddr: router.Attrs().HardwareAddr}
		route := &netlib.Route{LinkIndex: link.Attrs().Index, Dst: dst, Gw: net.ParseIP(way.via), Flags: int(netlib.FLAG_ONLINK)}
		if err := b.pc.Net.NeighSet(neighbour); err != nil {
			return nil, err
		}
		if err := b.pc.Net.RouteAdd(route); err != nil {
			return nil, err
		}
	}
	return addrs, nil
}
