package element

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/engine"
	"mooring/mobility/wire"
	"mooring/server/model"
	"mooring/server/notify"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// toldElsewhere are notifications of ours that this package does not make, and the test that sees them.
var toldElsewhere = map[string]string{
	"/mooring-system:config-warning":     "server/notify TestConfigWarning",
	"/mooring-system:notifications-lost": "server/netconf TestSlowSubscriber",
}

// Every notification of the model is told when what it is about happens, with each of its leaves; those of features that are off are not in the schema.
func TestEveryNotificationIsTold(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	log := notify.NewLog(s, notify.Limits{})
	r := log.Read()
	tellEverything(log)
	filled := map[*schema.Node]bool{}
	var fill func(n *tree.Node)
	fill = func(n *tree.Node) {
		filled[n.Schema()] = true
		for kid := range n.Children() {
			fill(kid)
		}
	}
	for e, _, _ := r.Next(); e != nil; e, _, _ = r.Next() {
		if e.Def.Parent == nil {
			fill(e.Root)
			continue
		}
		fill(e.Root.Get(e.Path()))
	}
	excused := map[string]bool{}
	check := func(def *schema.Node) {
		if _, ok := toldElsewhere[def.Path()]; ok || !strings.HasPrefix(def.Path(), "/mooring-") {
			excused[def.Path()] = true
			return
		}
		for _, leaf := range def.Children {
			if !filled[leaf] {
				t.Errorf("nothing tells %s", leaf.Path())
			}
		}
		if !filled[def] {
			t.Errorf("nothing tells %s", def.Path())
		}
	}
	for _, def := range s.Notifications {
		check(def)
	}
	var visit func(def *schema.Node)
	visit = func(def *schema.Node) {
		for _, n := range def.Notifications {
			check(n)
		}
		for _, child := range def.Children {
			visit(child)
		}
	}
	visit(s.Root)
	for path := range toldElsewhere {
		if !excused[path] {
			t.Errorf("%s is excused, and not in the schema", path)
		}
	}
}

// tellEverything has everything happen that there is a notification of.
func tellEverything(log *notify.Log) {
	peer, at := netip.MustParseAddrPort("192.0.2.1:5436"), time.Unix(0, 0)
	node := mobility.NAI("n@example.net")
	b := &mobility.Binding{
		ID: 1, Ends: unique.Make(mobility.Ends{Peer: "mag1", Remote: peer}),
		Holding: &mobility.Holding{Node: node, Home: mobility.HomeOf(netip.MustParsePrefix("10.0.0.2/8")), Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8::/64")}},
	}
	path := &mobility.PathEvent{Peer: "mag1", Local: netip.MustParseAddr("192.0.2.9"), Bindings: 3,
		Tunnel: dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.9"), Peer: peer.Addr(), Encap: dataplane.EncapIP}}
	pool := &mobility.PoolEvent{Network: "home", Start: netip.MustParseAddr("2001:db8::"), Used: 1, Total: 1}
	usage := &mobility.UsageEvent{Bindings: 3, Limit: 2}
	n, traces := newNotifications(log), newTracer(log)
	for _, machine := range []engine.Name{{Role: engine.RoleLMA, Name: "l"}, {Role: engine.RoleMAG, Name: "m"}} {
		for _, ev := range []mobility.Event{
			{Kind: mobility.BindingCreated, Node: node, Peer: peer, Binding: b}, {Kind: mobility.BindingHandover, Node: node, Peer: peer, Binding: b, Before: b.Ends},
			{Kind: mobility.BindingDeleted, Node: node, Peer: peer, Binding: b, Reason: mobility.Expired},
			{Kind: mobility.PathUp, Peer: peer, Path: path}, {Kind: mobility.PathDown, Peer: peer, Path: path}, {Kind: mobility.PeerRestarted, Peer: peer, Path: path},
			{Kind: mobility.TunnelEstablished, Peer: peer, Path: path}, {Kind: mobility.TunnelReleased, Peer: peer, Path: path},
			{Kind: mobility.Unauthentic, Peer: peer, Failure: &mobility.AuthFailure{SPI: wire.Some[uint32](300), Count: 7}},
		} {
			n.add(engine.Event{At: at, Machine: machine, Event: ev})
		}
		traces.list = []*trace{{machine: machine, node: node, nai: "n@example.net", maximum: 1, timer: time.NewTimer(time.Hour), ends: at}}
		traces.took([]engine.Record{{At: at, Machine: machine, Node: node, Text: "came"}}) // and ends with that
	}
	for machine, events := range map[engine.Name][]mobility.Event{
		{Role: engine.RoleLMA, Name: "l"}: {
			{Kind: mobility.PoolHigh, Pool: pool}, {Kind: mobility.PoolExhausted, Pool: pool}, {Kind: mobility.EntitlementExceeded, Usage: usage},
			{Kind: mobility.EntitlementCleared, Usage: usage}, {Kind: mobility.RegistrationRefused, Node: node, Peer: peer, Status: wire.StatusTimestampMismatch},
		},
		{Role: engine.RoleMAG, Name: "m"}: {{Kind: mobility.RegistrationRefused, Node: node, Status: wire.StatusInsufficientResources}},
	} {
		for _, ev := range events {
			n.add(engine.Event{At: at, Machine: machine, Event: ev})
		}
	}
	servers := newRadiusEvents(log)
	for _, up := range []bool{false, true} {
		servers.accounting("r", up, 3)
		servers.authorization("r", up)
	}
	servers.room(aaa.Full, 3)
	tellInterruption(log, at, state.Interruption{Since: at, Duration: time.Second, Tunnels: 1, Bindings: 2})
	tellRepair(log, reconcile.Repair{Number: 1, At: at, Object: dataplane.Member{Link: "ce0", VRF: "red"}, Count: 3, Found: reconcile.Notified})
}
