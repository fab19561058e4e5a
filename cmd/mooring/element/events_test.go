package element

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

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
	})
	want := `level=INFO msg=binding-created machine="lma l" node=n@example.net peer=192.0.2.1
level=WARN msg=registration-refused machine="lma l" node=n@example.net peer=192.0.2.1 status=` + wire.StatusNotLMAForThisMN.String() + `
level=INFO msg=binding-deleted machine="lma l" node=n@example.net reason=` + mobility.Deregistered.String() + "\n"
	if got := log.String(); got != want {
		t.Errorf("logged\n%s\nwant\n%s", got, want)
	}
}
