package state

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// gatewayWalk drives the MAG of a domain with what an LMA might say, and keeps what it sends.
type gatewayWalk struct {
	*domain
	sent []mobility.Datagram // by the last step
}

// notice lets a node appear on a link, or disappear.
func (g *gatewayWalk) notice(kind mobility.AttachmentKind, link string) {
	var out mobility.Effects
	g.mag.Attached(g.now, mobility.Attachment{Kind: kind, Link: link, MAC: dataplane.MAC{2, 0, 0, 0, 0, 1}}, &out)
	g.sent = out.Send
}

func (g *gatewayWalk) wait(by time.Duration) {
	g.now = g.now.Add(by)
	var out mobility.Effects
	g.mag.Advance(g.now, &out)
	g.sent = out.Send
}

// hear gives the MAG a message of the LMA, or what cannot be read.
func (g *gatewayWalk) hear(m wire.Message, err error) {
	g.now = g.now.Add(time.Millisecond)
	var out mobility.Effects
	g.mag.Receive(g.now, &mobility.Inbound{From: mobility.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::1]:0")},
		To: mobility.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::11]:0")}, Message: m, Err: err}, &out)
	g.sent = out.Send
}

// acknowledgement answers the update that was sent last with a prefix, unless it is changed.
func (g *gatewayWalk) acknowledgement(change func(*wire.BindingAck)) *wire.BindingAck {
	u := inbound(g.sent[len(g.sent)-1]).Message.(*wire.BindingUpdate)
	ack := &wire.BindingAck{Flags: wire.AckP, Seq: u.Seq, Lifetime: u.Lifetime, Options: wire.Options{MNID: u.MNID, Handoff: u.Handoff, AccessType: u.AccessType,
		LinkLayerID: u.LinkLayerID, HNPs: []wire.HNP{{Prefix: netip.MustParsePrefix("2001:db8:8000::/64")}}, Timestamp: u.Timestamp}}
	if change != nil {
		change(ack)
	}
	return ack
}

func (g *gatewayWalk) answer(change func(*wire.BindingAck)) func() {
	return func() { g.hear(g.acknowledgement(change), nil) }
}

// at the MAG, and of its LMA.
func magCounts(names ...string) numbers { return side{place: "mag: "}.counted(names...) }

// registered is what n more registered nodes change.
func registered(n int) numbers {
	return numbers{"mag/anchor/bindings": n, "mag/paths/path[lma='lma1'][link='2001:db8::11']/bindings": n}
}

// OPS-17: every counter of the MAG is compared with what happened to it.
func TestOPS17_CountersOfTheMAGOneByOne(t *testing.T) {
	g := &gatewayWalk{domain: newDomain(t)}
	cfg := *g.config.MAGs["mag1"]
	cfg.Links = append(cfg.Links[:1:1], cfg.Links[0])
	cfg.Links[1].Name = "access1"
	cfg.Revocation = mobility.Revocation{DelayMin: time.Second, DelayMax: 2 * time.Second, Retries: 1}
	g.config.MAGs["mag1"] = &cfg
	g.mag.Reconfigure(g.now, &cfg, new(mobility.Effects))
	seen := map[string]bool{}
	g.walkUpdates(seen)
	g.walkRevocations(seen)
	g.walkOwnRevocations(seen)
	g.walkHeartbeats(seen)
	g.uncounted(seen, "mag/")
}

func (g *gatewayWalk) walkUpdates(seen map[string]bool) {
	received := func(more ...string) numbers {
		return magCounts("pba/received", "pba/by-status[0]/count").with(magCounts(more...))
	}
	thrownAway := func(why mobility.DropReason) numbers {
		return magCounts("pba/received", "pba/dropped", "drop["+why.String()+"]/count")
	}
	garbage := func(kind wire.ErrorKind) func() {
		return func() { g.hear(nil, &wire.DecodeError{Kind: kind}) }
	}
	var first *wire.BindingAck
	g.walk(seen, []step{
		{"nothing", func() { g.wait(time.Second) }, nil},
		{"a node comes", func() { g.notice(mobility.NodeAttached, "access0") }, magCounts("pbu/sent")},
		{"no answer", func() { g.wait(time.Second) }, magCounts("pbu/sent", "pbu/retransmitted")},
		{"no proxy flag", g.answer(func(a *wire.BindingAck) { first = g.acknowledgement(nil); a.Flags = 0 }), thrownAway(mobility.DropNotProxy)},
		{"an answer that nobody can check", func() {
			ack := *first
			ack.Auth = []wire.AuthOption{{Subtype: wire.AuthMNHA, SPI: 256}}
			g.hear(&ack, nil)
		}, thrownAway(mobility.DropNoKey)},
		{"the answer", func() { g.hear(first, nil) }, received("pbu/accepted/initial").with(registered(1))},
		{"the answer once more", func() { g.hear(first, nil) }, thrownAway(mobility.DropNoSession)},
		{"time to refresh", func() { g.wait(200 * time.Second) }, magCounts("pbu/sent")},
		{"it is refreshed", g.answer(nil), received("pbu/accepted/refresh")},
		{"the node comes by another link", func() { g.notice(mobility.NodeAttached, "access1") }, magCounts("pbu/sent")},
		{"it has moved", g.answer(nil), received("pbu/accepted/handover")},
		{"a request that cannot be sent", func() { g.wait(200 * time.Second); g.sent[0].CountUnsent() }, magCounts("pbu/sent", "pbu/dropped")},
		{"an answer to something else", g.answer(func(a *wire.BindingAck) { a.AccessType = wire.Some(wire.Access80216e) }),
			received("pba/dropped", "drop[mismatch]/count")},
		{"the node goes", func() { g.notice(mobility.NodeDetached, "access1") }, magCounts("pbu/sent").with(registered(-1))},
		{"and has gone", g.answer(func(a *wire.BindingAck) { a.Lifetime = 0 }), received("pbu/accepted/de-registration")},
		{"it comes again", func() { g.notice(mobility.NodeAttached, "access0") }, magCounts("pbu/sent")},
		{"and is refused", g.answer(func(a *wire.BindingAck) { a.Status, a.Lifetime = wire.StatusProxyRegNotEnabled, 0 }),
			magCounts("pba/received", "pba/by-status[152]/count")},

		{"a checksum", garbage(wire.KindChecksum), magCounts("drop[checksum]/count")},
		{"an unknown type", garbage(wire.KindType), magCounts("drop[unknown-type]/count")},
		{"a message for an LMA", func() { g.hear(&wire.BindingUpdate{}, nil) }, magCounts("drop[unexpected]/count")},
		{"it goes", func() { g.notice(mobility.NodeDetached, "access0") }, magCounts("pbu/sent")},
		{"without an answer", func() { g.wait(time.Minute) }, nil},
	})
}

// walkRevocations has the LMA revoke for each reason, with each outcome.
func (g *gatewayWalk) walkRevocations(seen map[string]bool) {
	const node = "n1@example.net"
	var steps []step
	for _, c := range []struct {
		trigger wire.RevocationTrigger
		flags   wire.RevocationFlags
		node    string
		status  wire.RevocationStatus
	}{
		{wire.TriggerUnspecified, wire.RevocationP, "x@example.net", wire.RevocationNoBinding},
		{wire.TriggerAdministrative, wire.RevocationP, "", wire.RevocationIdentityRequired},
		{wire.TriggerHandoverSameATT, 0, node, wire.RevocationFunctionNotSupported},
		{wire.TriggerHandoverOtherATT, wire.RevocationP | wire.RevocationV, node, wire.RevocationIPv4HoARequired},
		{wire.TriggerHandoverUnknown, wire.RevocationP, node, wire.RevocationMNAttached},
		{8, wire.RevocationP, node, wire.RevocationTriggerNotSupported},
		{wire.TriggerLocalPolicy, wire.RevocationP | wire.RevocationG, "@example.org", wire.RevocationSuccess},
		{wire.TriggerUserInitiated, wire.RevocationP, node, wire.RevocationSuccess},
		{wire.TriggerAccessNetwork, wire.RevocationP, node, wire.RevocationNoBinding},
		{wire.TriggerOutOfSync, wire.RevocationP, node, wire.RevocationNoBinding},
		{wire.TriggerPerPeerPolicy, wire.RevocationP | wire.RevocationG, "", wire.RevocationSuccess},
	} {
		gone := numbers{}
		if c.trigger == wire.TriggerUserInitiated {
			gone = registered(-1)
		}
		m := revocation(c.trigger, c.flags, c.node)
		m.Seq = uint16(len(steps)) + 1 // else the answer is that of before
		steps = append(steps, step{fmt.Sprintf("the LMA revokes, %v", c.trigger), func() { g.hear(m, nil) },
			magCounts("bri/received/count", fmt.Sprintf("bri/received/by-trigger[%d]/count", c.trigger), "bra/sent/count", fmt.Sprintf("bra/sent/by-status[%d]/count", c.status)).with(gone)})
	}
	again := revocation(wire.TriggerUserInitiated, wire.RevocationP, node)
	again.Seq = 8
	steps = append(steps,
		step{"a repetition, whose answer cannot be sent", func() { g.hear(again, nil); g.sent[0].CountUnsent() },
			magCounts("bri/received/count", "bri/received/by-trigger[5]/count", "bra/sent/count", "bra/sent/by-status[0]/count", "bra/sent/dropped")},
		step{"one that is not authentic", func() {
			m := revocation(wire.TriggerUserInitiated, wire.RevocationP, node)
			m.Auth = []wire.AuthOption{{Subtype: wire.AuthMNHA, SPI: 256}}
			g.hear(m, nil)
		}, magCounts("bri/received/count", "bri/received/dropped", "drop[revocation]/count")},
	)
	g.notice(mobility.NodeAttached, "access0")
	g.answer(nil)()
	g.walk(seen, steps)
}

// walkOwnRevocations has the MAG revoke a registration again and again, each time with another outcome (EXT-39).
func (g *gatewayWalk) walkOwnRevocations(seen map[string]bool) {
	clear := func() {
		var out mobility.Effects
		for b := range g.tables.mag.All() {
			g.mag.Clear(g.now, b.ID, &out)
		}
		g.sent = out.Send
	}
	acknowledge := func(status wire.RevocationStatus) func() {
		return func() {
			bri := inbound(g.sent[0]).Message.(*wire.Revocation)
			g.hear(&wire.RevocationAck{Status: status, Seq: bri.Seq, Flags: bri.Flags}, nil)
		}
	}
	told := magCounts("bri/sent/count", "bri/sent/by-trigger[1]/count")
	heard := func(status wire.RevocationStatus) numbers {
		return magCounts("bra/received/count", fmt.Sprintf("bra/received/by-status[%d]/count", status), "pbu/sent")
	}
	accepted := magCounts("pba/received", "pba/by-status[0]/count", "pbu/accepted/initial").with(registered(1))
	g.notice(mobility.NodeDetached, "access0")
	g.wait(time.Minute)
	g.notice(mobility.NodeAttached, "access0")
	steps := []step{{"a node is registered", g.answer(nil), accepted}}
	for _, status := range []wire.RevocationStatus{wire.RevocationSuccess, wire.RevocationPartialSuccess, wire.RevocationNoBinding} {
		steps = append(steps, step{"an operator clears it", clear, told.with(registered(-1))},
			step{fmt.Sprintf("the LMA answers %v, and the node is registered anew", status), acknowledge(status), heard(status)},
			step{"it is registered", g.answer(nil), accepted})
	}
	g.walk(seen, append(steps,
		step{"an operator clears it, and it cannot be sent", func() { clear(); g.sent[0].CountUnsent() }, told.with(registered(-1), magCounts("bri/sent/dropped"))},
		step{"an acknowledgement of something else", func() {
			sent := g.sent
			g.hear(&wire.RevocationAck{Seq: 999, Flags: wire.RevocationP}, nil)
			g.sent = sent
		},
			magCounts("bra/received/count", "bra/received/dropped", "drop[revocation]/count")},
		step{"it is repeated", func() { g.wait(time.Second) }, told},
		step{"the LMA does not want it, and is taken leave of", acknowledge(wire.RevocationFunctionNotSupported), heard(wire.RevocationFunctionNotSupported)},
		step{"which it acknowledges", g.answer(func(a *wire.BindingAck) { a.Lifetime = 0 }), magCounts("pba/received", "pba/by-status[0]/count", "pbu/accepted/de-registration", "pbu/sent")},
	))
}

// walkHeartbeats lets the MAG watch its LMA.
func (g *gatewayWalk) walkHeartbeats(seen map[string]bool) {
	const path = "mag/paths/path[lma='lma1'][link='2001:db8::11']/heartbeat/"
	g.notice(mobility.NodeDetached, "access0")
	cfg := *g.config.MAGs["mag1"]
	cfg.Heartbeat = mobility.Heartbeat{Interval: time.Minute, Timeout: 10 * time.Second, Retries: 1, Idle: true}
	g.config.MAGs["mag1"] = &cfg
	g.mag.Reconfigure(g.now, &cfg, new(mobility.Effects))
	answer := func() {
		g.hear(&wire.Heartbeat{Flags: wire.HeartbeatR, Seq: inbound(g.sent[0]).Message.(*wire.Heartbeat).Seq}, nil)
	}
	g.walk(seen, []step{
		{"a request", func() { g.wait(0) }, numbers{path + "requests-sent": 1}},
		{"an answer in time", answer, numbers{path + "responses-received": 1}},
		{"another request", func() { g.wait(time.Minute) }, numbers{path + "requests-sent": 1}},
		{"it is too late", func() { sent := g.sent; g.wait(10 * time.Second); g.sent = sent }, numbers{path + "missed": 1}},
		{"an answer all the same", answer, numbers{path + "missed": -1}},
		{"an answer to nothing", func() { g.hear(&wire.Heartbeat{Flags: wire.HeartbeatR, Seq: 999}, nil) }, magCounts("drop[heartbeat]/count")},
		{"the LMA asks", func() { g.hear(&wire.Heartbeat{Seq: 9}, nil) }, numbers{path + "requests-received": 1}},
	})
}
