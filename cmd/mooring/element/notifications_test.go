package element

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/mobility/wire"
	"mooring/server/model"
	"mooring/server/notify"
	"mooring/server/tree"
)

// Events, those of LIC-02 among them, as subscribers see them.
func TestNotificationsOfTheModel(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	log := notify.NewLog(s, notify.Limits{})
	n, r := newNotifications(log), log.Read()
	anchor, gateway := engine.Name{Role: engine.RoleLMA, Name: "l"}, engine.Name{Role: engine.RoleMAG, Name: "m"}
	node, peer := mobility.NAI("n@example.net"), netip.MustParseAddrPort("192.0.2.1:5436")
	b := &mobility.Binding{
		ID: 255, Ends: unique.Make(mobility.Ends{Peer: "mag1", Remote: peer}),
		Holding: &mobility.Holding{
			Node: node, Home: mobility.HomeOf(netip.MustParsePrefix("10.0.0.2/8")),
			Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("2001:db8:1::/64")},
		},
	}
	nameless := &mobility.Binding{ID: 1, Ends: unique.Make(mobility.Ends{Remote: peer}), Holding: &mobility.Holding{Node: node}}
	start := time.Unix(0, 0)
	at := start
	add := func(machine engine.Name, ev mobility.Event) { n.add(engine.Event{At: at, Machine: machine, Event: ev}) }

	add(anchor, mobility.Event{Kind: mobility.BindingCreated, Node: node, Peer: peer, Binding: b})
	add(anchor, mobility.Event{Kind: mobility.BindingRefreshed, Node: node, Peer: peer, Binding: b}) // there are too many of these
	add(anchor, mobility.Event{Kind: mobility.BindingHandover, Node: node, Peer: peer, Binding: nameless, Before: b.Ends})
	add(gateway, mobility.Event{Kind: mobility.BindingDeleted, Node: node, Reason: mobility.Unconfigured})
	add(gateway, mobility.Event{Kind: mobility.BindingDeleted, Node: node, Reason: mobility.Replaced})
	for range 5 { // one at once, and four that are told with the next after a minute
		add(anchor, mobility.Event{Kind: mobility.RegistrationRefused, Node: node, Peer: peer, Status: wire.StatusTimestampMismatch, Skew: -time.Hour})
	}
	at = start.Add(time.Minute)
	add(anchor, mobility.Event{Kind: mobility.RegistrationRefused, Node: node, Peer: peer, Status: wire.StatusTimestampLowerThanPrev, Skew: 1500 * time.Microsecond})
	add(anchor, mobility.Event{Kind: mobility.RegistrationRefused, Node: node, Peer: peer, Status: wire.StatusNotLMAForThisMN})
	for range 2 {
		add(gateway, mobility.Event{Kind: mobility.RegistrationRefused, Node: node, Status: wire.StatusInsufficientResources})
	}
	add(anchor, mobility.Event{Kind: mobility.EntitlementExceeded, Usage: &mobility.UsageEvent{Bindings: 3, Limit: 2}})
	add(anchor, mobility.Event{Kind: mobility.EntitlementCleared, Usage: &mobility.UsageEvent{Bindings: 2, Limit: 2}})
	tunnel := &mobility.PathEvent{Peer: "mag1", Local: netip.MustParseAddr("192.0.2.9"),
		Tunnel: dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.9"), Peer: peer.Addr(), Encap: dataplane.EncapIP}}
	add(anchor, mobility.Event{Kind: mobility.TunnelEstablished, Peer: peer, Path: tunnel})
	add(gateway, mobility.Event{Kind: mobility.TunnelReleased, Peer: peer, Path: tunnel})
	add(anchor, mobility.Event{Kind: mobility.Unauthentic, Peer: peer, Failure: &mobility.AuthFailure{SPI: wire.Some[uint32](300), Count: 7}})
	add(gateway, mobility.Event{Kind: mobility.Unauthentic, Peer: peer, Failure: &mobility.AuthFailure{Count: 1}})
	add(anchor, mobility.Event{Kind: mobility.PoolHigh, Pool: &mobility.PoolEvent{Network: "home", Start: netip.MustParseAddr("2001:db8::"), Used: 15, Total: 16}})
	add(anchor, mobility.Event{Kind: mobility.PoolExhausted, Pool: &mobility.PoolEvent{Network: "home", Start: netip.MustParseAddr("2001:db8::"), Used: 16, Total: 16}})
	lma := func(content string) string {
		return `<pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><lma><name>l</name>` + content + `</lma></pmipv6>`
	}
	mag := func(content string) string {
		return `<pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><mag><name>m</name>` + content + `</mag></pmipv6>`
	}
	want := []string{
		lma(`<binding-created><id>ff</id><mn-id>n@example.net</mn-id><peer>mag1</peer><hoa>10.0.0.2</hoa><hnp>2001:db8::/64</hnp><hnp>2001:db8:1::/64</hnp></binding-created>`),
		lma(`<binding-handover><id>1</id><mn-id>n@example.net</mn-id><peer>192.0.2.1</peer><previous-peer>mag1</previous-peer></binding-handover>`),
		mag(`<binding-deleted><mn-id>n@example.net</mn-id><reason>reconfigured</reason></binding-deleted>`),
		mag(`<binding-deleted><mn-id>n@example.net</mn-id></binding-deleted>`),
		lma(`<timestamp-rejected><source>192.0.2.1</source><difference>-3600000</difference><count>1</count></timestamp-rejected>`),
		lma(`<timestamp-rejected><source>192.0.2.1</source><difference>1</difference><count>5</count></timestamp-rejected>`),
		mag(`<binding-limit-reached><mn-id>n@example.net</mn-id></binding-limit-reached>`),
		lma(`<entitlement-exceeded><bce-count>3</bce-count><limit>2</limit></entitlement-exceeded>`),
		lma(`<entitlement-cleared><bce-count>2</bce-count><limit>2</limit></entitlement-cleared>`),
		lma(`<tunnel-established><tunnel>ip-192.0.2.9-192.0.2.1</tunnel><peer>mag1</peer><local-address>192.0.2.9</local-address><remote-address>192.0.2.1</remote-address></tunnel-established>`),
		mag(`<tunnel-released><tunnel>ip-192.0.2.9-192.0.2.1</tunnel><peer>mag1</peer><local-address>192.0.2.9</local-address><remote-address>192.0.2.1</remote-address></tunnel-released>`),
		lma(`<auth-failure><source>192.0.2.1</source><spi>300</spi><count>7</count></auth-failure>`),
		mag(`<auth-failure><source>192.0.2.1</source><count>1</count></auth-failure>`),
		lma(`<pool-high><network>home</network><start-address>2001:db8::</start-address><used>15</used><total>16</total></pool-high>`),
		lma(`<pool-exhausted><network>home</network><start-address>2001:db8::</start-address><used>16</used><total>16</total></pool-exhausted>`),
	}
	var got []string
	for e, _, _ := r.Next(); e != nil; e, _, _ = r.Next() {
		var text bytes.Buffer
		if err := tree.WriteXML(&text, e.Root, "", ""); err != nil {
			t.Fatal(err)
		}
		got = append(got, text.String())
		for _, leaf := range []string{"id", "mn-id", "peer", "hoa", "reason", "source", "count", "bce-count", "limit"} {
			if n := e.Root.Get(e.Path()); n == nil {
				t.Fatalf("%s leads nowhere", e.Path())
			} else if value, ok := n.Leaf(leaf); ok {
				if _, err := n.ChildNamed(leaf).Schema().Type.ParseCanonical(value); err != nil {
					t.Errorf("%s: %v", leaf, err)
				}
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
