package mag

import (
	"bytes"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// Where a key is configured, an answer in which any bit was changed on the way leaves everything as it is, and is counted.
func TestTamperedAnswersChangeNothing(t *testing.T) {
	cfg, err := parseConfig([]string{"anchor lma1 2001:db8:ffff::1", "link access0 realm=example.com", "key 256:secret"})
	if err != nil {
		t.Fatal(err)
	}
	m := New(scenario.Start, cfg, binding.New(), 0)
	var out mobility.Effects
	now := scenario.Start
	m.Attached(now, mobility.Attachment{Kind: mobility.NodeAttached, Link: "access0", MAC: dataplane.MAC{2, 0, 0, 0, 0, 1}}, &out)
	request, err := wire.Parse(out.Send[0].Octets)
	if err != nil {
		t.Fatal(err)
	}
	asked := request.(*wire.BindingUpdate)
	answer := &wire.BindingAck{Flags: wire.AckP, Seq: asked.Seq, Lifetime: asked.Lifetime, Options: wire.Options{
		MNID: asked.MNID, Handoff: asked.Handoff, AccessType: asked.AccessType, LinkLayerID: asked.LinkLayerID, Timestamp: asked.Timestamp,
		HNPs: []wire.HNP{{Prefix: netip.MustParsePrefix("2001:db8:a::/64")}}}}
	from, to := netip.MustParseAddrPort("[2001:db8:ffff::1]:0"), netip.AddrPortFrom(cfg.Addresses[0], 0)
	sent := mobility.Effects{}
	sign := mobility.Signature{By: wire.NewAuthenticator(256, []byte("secret")), CareOf: to.Addr(), Home: netip.IPv6Unspecified()}
	if err := sent.Message(mobility.Endpoint{Addr: from}, mobility.Endpoint{Addr: to}, answer, sign, 0); err != nil {
		t.Fatal(err)
	}
	octets := sent.Send[0].Octets
	receive := func(octets []byte) {
		in, err := scenario.Arrival{From: from, To: to, Raw: octets}.Inbound()
		if err != nil {
			t.Fatal(err)
		}
		out.Reset()
		m.Receive(now, in, &out)
	}
	picture := func() any {
		at, _ := m.Deadline()
		s := *m.sessions[1]
		return []any{*m.table.Get(1), s, m.seq, at}
	}
	before, deadline := picture(), now.Add(time.Second)
	for bit := range len(octets) * 8 {
		if bit/8 == 4 || bit/8 == 5 { // the checksum itself
			continue
		}
		changed := bytes.Clone(octets)
		changed[bit/8] ^= 1 << (bit % 8)
		wire.SetChecksum(from.Addr(), to.Addr(), changed)
		dropped := scenario.Drops(&m.stats)
		receive(changed)
		out.Events = slices.DeleteFunc(out.Events, func(ev mobility.Event) bool { return ev.Kind == mobility.Unauthentic })
		if after := picture(); !reflect.DeepEqual(after, before) || len(out.Sessions)+len(out.Grants)+len(out.Send)+len(out.Events) > 0 {
			t.Fatalf("bit %d changed %+v to %+v and asks for %+v", bit, before, after, out)
		}
		if dropped() == "" {
			t.Fatalf("bit %d: it is not counted", bit)
		}
	}
	if at, ok := m.Deadline(); !ok || !at.Equal(deadline) {
		t.Errorf("the request is repeated at %v, want %v", at, deadline)
	}
	if receive(octets); len(out.Grants) != 1 {
		t.Error("left alone, the answer brings nothing")
	}
}
