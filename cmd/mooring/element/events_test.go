package element

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/mobility/wire"
)

func TestEventsAreLogged(t *testing.T) {
	log := &strings.Builder{}
	e := &Element{Options: Options{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))}}
	anchor, node, peer := engine.Name{Role: engine.RoleLMA, Name: "l"}, mobility.NAI("n@example.net"), netip.MustParseAddrPort("192.0.2.1:5436")
	e.logEvents([]engine.Event{
		{Machine: anchor, Event: mobility.Event{Kind: mobility.BindingCreated, Node: node, Peer: peer}},
		{Machine: anchor, Event: mobility.Event{Kind: mobility.BindingRefreshed, Node: node, Peer: peer}},
		{Machine: anchor, Event: mobility.Event{Kind: mobility.RegistrationRefused, Node: node, Peer: peer, Status: wire.StatusNotLMAForThisMN}},
		{Machine: anchor, Event: mobility.Event{Kind: mobility.BindingDeleted, Node: node, Reason: mobility.Deregistered}},
		{Machine: anchor, Event: mobility.Event{Kind: mobility.FloodBegun, Flood: &mobility.FloodEvent{VRF: "red", Customer: "c", Rate: 20_000}}},
		{Machine: anchor, Event: mobility.Event{Kind: mobility.FloodEnded, Flood: &mobility.FloodEvent{}}},
	})
	want := `level=INFO msg=binding-created machine="lma l" node=n@example.net peer=192.0.2.1
level=WARN msg=registration-refused machine="lma l" node=n@example.net peer=192.0.2.1 status=` + wire.StatusNotLMAForThisMN.String() + `
level=INFO msg=binding-deleted machine="lma l" node=n@example.net reason=` + mobility.Deregistered.String() + `
level=WARN msg=flood-begun machine="lma l" vrf=red customer=c messages-per-second=20000
level=INFO msg=flood-ended machine="lma l"
`
	if got := log.String(); got != want {
		t.Errorf("logged\n%s\nwant\n%s", got, want)
	}
}

// A flood of requests that are refused, whoever they say they come from, writes some lines a minute and then how many there were.
func TestFloodWritesFewLines(t *testing.T) {
	log := &strings.Builder{}
	e := &Element{Options: Options{Log: slog.New(slog.NewTextHandler(log, nil))}}
	at := time.Unix(0, 0)
	flood := func(n int) {
		for i := range n {
			from := netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})
			e.logEvents([]engine.Event{{At: at, Machine: engine.Name{Role: engine.RoleLMA, Name: "l"}, Event: mobility.Event{Kind: mobility.RegistrationRefused,
				Node: mobility.NAI("n@example.net"), Peer: netip.AddrPortFrom(from, 5436), Status: wire.StatusAuthFail}}})
		}
	}
	flood(10_000)
	if lines := strings.Count(log.String(), "\n"); lines != mostComplaints {
		t.Errorf("%d lines, want %d", lines, mostComplaints)
	}
	at = at.Add(time.Minute)
	log.Reset()
	flood(1)
	if got := log.String(); !strings.Contains(got, "unwritten=9980") {
		t.Errorf("the next minute begins with %q", got)
	}
	other := engine.Event{At: at, Machine: engine.Name{Role: engine.RoleLMA, Name: "other"}, Event: mobility.Event{Kind: mobility.RegistrationRefused, Status: wire.StatusAuthFail}}
	flood(10_000)
	log.Reset()
	e.logEvents([]engine.Event{other})
	if !strings.Contains(log.String(), "other") {
		t.Error("a flood at one anchor silences another")
	}
}
