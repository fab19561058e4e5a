package state

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// DOC-04: every counter of the Proxy Mobile IPv6 MIB (RFC 6475, pmip6LmaBinding... and pmip6Counters) is there under another name, and counts
// what happens: each event of its kind one, and no other.
func TestDOC04_CountersOfTheMIB(t *testing.T) {
	d := newDomain(t)
	d.config.LMAs["lma1"].Domain.Profiles.(store)["else@example.net"] = &mobility.Profile{Network: "home", Service: mobility.ServiceDual, Anchor: "lma9"}
	refused := func(status wire.Status) string {
		return "pba/by-status[status='" + strconv.Itoa(int(status)) + "']/count"
	}
	unknown := func(u *wire.BindingUpdate) { u.Handoff = wire.Some(wire.HandoffUnknown) }
	steps := []struct {
		counter, path string
		node, from    string
		change        func(*wire.BindingUpdate)
	}{
		{"InitialBindingRegistrations", "pbu/accepted/initial", "mn@example.net", "", unknown},
		{"BindingLifeTimeExtensionNoHandOff", "pbu/accepted/refresh", "mn@example.net", "", func(u *wire.BindingUpdate) { u.Handoff = wire.Some(wire.HandoffUnchanged) }},
		{"BindingLifeTimeExtensionAfterHandOff", "pbu/accepted/handover", "mn@example.net", "2001:db8::12", func(u *wire.BindingUpdate) { u.Handoff = wire.Some(wire.HandoffBetweenMAGs) }},
		{"BindingDeRegistrations", "pbu/accepted/de-registration", "mn@example.net", "2001:db8::12", func(u *wire.BindingUpdate) { u.Lifetime = 0 }},
		{"MissingMnIdentifierOption", refused(wire.StatusMissingMNID), "", "", func(u *wire.BindingUpdate) { u.MNID.Set = false }},
		{"MagNotAuthorizedForProxyReg", refused(wire.StatusMAGNotAuthorized), "new@example.net", "2001:db8::66", nil},
		{"NotLMAForThisMobileNode", refused(wire.StatusNotLMAForThisMN), "else@example.net", "", nil},
		{"ProxyRegNotEnabled", refused(wire.StatusProxyRegNotEnabled), "nobody@elsewhere", "", nil},
		{"MissingHomeNetworkPrefixOption", refused(wire.StatusMissingHNP), "new@example.net", "", func(u *wire.BindingUpdate) { u.HNPs = nil }},
		{"MissingHandOffIndicatorOption", refused(wire.StatusMissingHandoff), "new@example.net", "", func(u *wire.BindingUpdate) { u.Handoff.Set = false }},
		{"MissingAccessTechTypeOption", refused(wire.StatusMissingAccessType), "new@example.net", "", func(u *wire.BindingUpdate) { u.AccessType.Set = false }},
		{"NotAuthorizedForHomeNetworkPrefix", refused(wire.StatusNotAuthorizedForHNP), "new@example.net", "", func(u *wire.BindingUpdate) {
			u.HNPs = []wire.HNP{{Prefix: netip.MustParsePrefix("2001:db8:1::/64")}}
		}},
		{"TimestampMismatch", refused(wire.StatusTimestampMismatch), "new@example.net", "", func(u *wire.BindingUpdate) {
			u.Timestamp = wire.Some(wire.TimestampOf(d.now.Add(time.Hour)))
		}},
		{"InitialBindingRegistrations", "pbu/accepted/initial", "two@example.net", "", unknown},
		{"TimestampLowerThanPrevAccepted", refused(wire.StatusTimestampLowerThanPrev), "two@example.net", "", func(u *wire.BindingUpdate) { u.Timestamp = wire.Some(wire.TimestampOf(start)) }},
		{"BcePbuPrefixSetDoNotMatch", refused(wire.StatusPrefixSetMismatch), "two@example.net", "", func(u *wire.BindingUpdate) {
			for b := range d.tables.lma.ByMNID(u.MNID.Value) {
				u.HNPs = append(u.HNPs[:0], wire.HNP{Prefix: b.Prefixes[0]}, wire.HNP{Prefix: netip.MustParsePrefix("2001:db8:8000:77::/64")})
			}
		}},
	}
	all := map[string]bool{}
	for _, step := range steps {
		all[step.path] = true
	}
	read := func() map[string]uint64 {
		now := map[string]uint64{}
		for path := range all {
			now[path], _ = strconv.ParseUint(d.value(t, lmaStatisticsPath+path), 10, 64)
		}
		return now
	}
	before := read()
	for _, step := range steps {
		if step.from == "2001:db8::66" {
			d.config.LMAs["lma1"].LearnPeers = false
		}
		from := "2001:db8::11"
		if step.from != "" {
			from = step.from
		}
		d.ask(from, step.node, step.change)
		d.config.LMAs["lma1"].LearnPeers = true
		after := read()
		for path, n := range after {
			want := before[path]
			if path == step.path {
				want++
			}
			if n != want {
				t.Errorf("pmip6 %s: %s is %d, want %d", step.counter, path, n, want)
			}
		}
		before = after
	}
	if acks := d.value(t, lmaStatisticsPath+"pba/sent"); acks != strconv.Itoa(len(steps)) { // BindingBindingAcks
		t.Errorf("%s acknowledgements, want %d", acks, len(steps))
	}
	if since := d.value(t, lmaStatisticsPath+"discontinuity-time"); since == "" { // CounterDiscontinuityTime
		t.Error("nothing says since when is counted")
	}
}
