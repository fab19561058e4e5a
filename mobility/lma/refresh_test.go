package lma

import (
	"bytes"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// refresher is an anchor with bindings, and their MAGs. It lets PBUs arrive as they come from the network.
type refresher struct {
	*Machine
	now     time.Time
	to      mobility.Endpoint
	mags    []netip.Addr // node n is at MAG n modulo their number
	mag     netip.Addr   // of the last PBU
	given   []given
	nai     []byte
	update  wire.BindingUpdate
	sign    mobility.Signature
	sent    mobility.Effects // the MAG's
	answer  wire.Decoder
	decoder wire.Decoder
	in      mobility.Inbound
	out     mobility.Effects
}

// given is what the anchor gave to a node.
type given struct{ hnp, home netip.Prefix }

func newRefresher(t testing.TB, bindings int, secret string) *refresher {
	r := newRefresherOf(t, bindings, 1)
	r.use(secret)
	return r
}

func newRefresherOf(t testing.TB, bindings, mags int) *refresher {
	cfg := baseConfig()
	cfg.Domain.Profiles.(scenario.Profiles)["@example.com"] = &mobility.Profile{Name: "@example.com", Network: "net1", Service: mobility.ServiceDual}
	cfg.Networks["net1"] = &mobility.Network{Name: "net1", Pools: []mobility.Pool{
		{Start: netip.MustParseAddr("2001:db8::"), Bits: 32, Unit: 64},
		{Start: netip.MustParseAddr("10.0.0.2"), Bits: 8, Unit: 32, Router: netip.MustParseAddr("10.0.0.1")},
	}}
	r := &refresher{now: scenario.Start, to: mobility.Endpoint{Addr: netip.AddrPortFrom(cfg.Addresses[0], 0)}}
	for i := range mags {
		r.mags = append(r.mags, netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, 14: byte(i >> 8), 15: byte(i + 1)}))
	}
	cfg.MaxBindings = uint32(bindings)
	r.Machine = New(r.now, cfg, binding.New(), 0)
	for i := range bindings {
		r.register(t, i)
	}
	return r
}

// use lets anchor and MAGs authenticate, or not where the secret is empty.
func (r *refresher) use(secret string) {
	cfg, domain := *r.cfg, *r.cfg.Domain
	cfg.Domain, domain.Key, r.sign = &domain, nil, mobility.Signature{}
	if secret != "" {
		domain.Key = &mobility.Key{SPI: 256, Secret: []byte(secret)}
		r.sign = mobility.Signature{By: wire.NewAuthenticator(256, []byte(secret)), Home: netip.IPv6Unspecified()}
	}
	r.Reconfigure(r.now, &cfg, &r.out)
}

func (r *refresher) register(t testing.TB, node int) {
	r.now = r.now.Add(time.Millisecond)
	m, err := r.answer.Decode(r.answerTo(r.encode(t, node, wire.HandoffUnknown)))
	if err != nil {
		t.Fatal(err)
	}
	ack := m.(*wire.BindingAck)
	if !ack.Status.Accepted() {
		t.Fatalf("node %d: %v", node, ack)
	}
	r.given = append(r.given, given{ack.HNPs[0].Prefix, ack.IPv4HoAReply.Value.Prefix})
}

// encode builds the PBU of a node: a refresh names what the node was given, anything else asks for addresses.
func (r *refresher) encode(t testing.TB, node int, handoff wire.Handoff) []byte {
	asked := given{netip.PrefixFrom(netip.IPv6Unspecified(), 0), netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	if handoff == wire.HandoffUnchanged {
		asked = r.given[node]
	}
	r.mag = r.mags[node%len(r.mags)]
	r.sign.CareOf = r.mag
	r.nai = append(strconv.AppendInt(append(r.nai[:0], "mn"...), int64(node), 10), "@example.com"...)
	u := &r.update
	u.Seq++
	u.Flags, u.Lifetime = wire.UpdateA|wire.UpdateP, 900
	u.Options = wire.Options{
		MNID:            wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: r.nai}),
		HNPs:            append(u.HNPs[:0], wire.HNP{Prefix: asked.hnp}),
		IPv4HoARequests: append(u.IPv4HoARequests[:0], wire.IPv4HoARequest{Prefix: asked.home}),
		Handoff:         wire.Some(handoff),
		AccessType:      wire.Some(wire.Access80211),
		LinkLayerID:     wire.Some(append(u.LinkLayerID.Value[:0], 2, 0, byte(node>>24), byte(node>>16), byte(node>>8), byte(node))),
		Timestamp:       wire.Some(wire.TimestampOf(r.now)),
	}
	r.sent.Reset()
	if err := r.sent.Message(r.from(), r.to, u, r.sign, 0); err != nil {
		t.Fatal(err)
	}
	return r.sent.Send[0].Octets
}

// answerTo lets a PBU of the MAG arrive and returns the answer: decode, step, encode. This is what is measured.
func (r *refresher) answerTo(octets []byte) []byte {
	r.out.Reset()
	r.in = mobility.Inbound{From: r.from(), To: r.to, Octets: octets}
	r.in.Message, r.in.Err = r.decoder.Decode(octets)
	r.Receive(r.now, &r.in, &r.out)
	r.table.Settle()
	return r.out.Send[0].Octets
}

func (r *refresher) from() mobility.Endpoint {
	return mobility.Endpoint{Addr: netip.AddrPortFrom(r.mag, 0)}
}

// A refresh allocates nothing, with and without authentication.
func TestRefreshAllocations(t *testing.T) {
	for _, secret := range []string{"", "secret"} {
		r := newRefresher(t, 100, secret)
		var refreshes [][]byte
		for range 101 {
			r.now = r.now.Add(time.Millisecond)
			refreshes = append(refreshes, bytes.Clone(r.encode(t, 7, wire.HandoffUnchanged)))
		}
		next := 0
		allocations := testing.AllocsPerRun(100, func() {
			r.answerTo(refreshes[next])
			next++
		})
		if allocations > 0 {
			t.Errorf("with secret %q: %v allocations", secret, allocations)
		}
		if got := r.stats.Refresh.Load(); got != 101 {
			t.Fatalf("with secret %q: %d of 101 refreshes were accepted", secret, got)
		}
	}
}

// The first refresh of a node allocates as little as those that follow, once the dataplane has it.
func TestFirstRefreshAllocations(t *testing.T) {
	const nodes = 100
	r := newRefresher(t, nodes, "")
	var refreshes [][]byte
	for node := range nodes {
		for b := range r.table.ByNode(mobility.NAI("mn" + strconv.Itoa(node) + "@example.com")) {
			r.Installed(r.now, dataplane.Result{ID: b.ID}, &r.out)
		}
		r.now = r.now.Add(time.Millisecond)
		refreshes = append(refreshes, bytes.Clone(r.encode(t, node, wire.HandoffUnchanged)))
	}
	next := 0
	allocations := testing.AllocsPerRun(nodes-1, func() {
		r.answerTo(refreshes[next])
		next++
	})
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
	if got := r.stats.Refresh.Load(); got != nodes {
		t.Fatalf("%d of %d refreshes were accepted", got, nodes)
	}
}
