package state

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// MAGs of the silence tests: one of the configuration, one that was learned, and a customer's that has the address of the latter.
var (
	magOfAll      = mobility.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::11]:0")}
	magLearned    = mobility.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.77:5436")}
	magOfCustomer = mobility.Endpoint{VRF: "CUSTSP", Addr: magLearned.Addr}
)

// watched is a domain whose LMA asks three MAGs for signs of life, each with a binding and a tunnel.
func watched(t *testing.T) *domain {
	d := newDomain(t)
	d.reconfigure(func(l *mobility.LMA) {
		l.Heartbeat = mobility.Heartbeat{Interval: time.Minute, Timeout: 10 * time.Second, Retries: 3}
	})
	var tunnels []reconcile.TunnelStatus
	for _, from := range []struct {
		node string
		mag  mobility.Endpoint
		lma  string
	}{{"a@example.net", magOfAll, "[2001:db8::1]:0"}, {"b@example.net", magLearned, "198.51.100.1:5436"}, {"c@cust.example", magOfCustomer, "15.15.15.2:5436"}} {
		u := &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP, Seq: 1, Lifetime: 150, Options: wire.Options{
			MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte(from.node)}), HNPs: []wire.HNP{{Prefix: netip.MustParsePrefix("::/0")}},
			Handoff: wire.Some(wire.HandoffUnknown), AccessType: wire.Some(wire.Access80211), Timestamp: wire.Some(wire.TimestampOf(d.now))}}
		to := mobility.Endpoint{VRF: from.mag.VRF, Addr: netip.MustParseAddrPort(from.lma)}
		d.lma.Receive(d.now, &mobility.Inbound{From: from.mag, To: to, Message: u}, new(mobility.Effects))
		for b := range d.tables.lma.ByNode(mobility.NAI(from.node)) {
			tunnels = append(tunnels, reconcile.TunnelStatus{ID: b.Ends.Value().Tunnel, State: reconcile.Installed, Since: start, Sessions: 1})
		}
	}
	if len(tunnels) != 3 {
		t.Fatalf("%d of 3 nodes are registered", len(tunnels))
	}
	d.plane.set(tunnels...)
	return d
}

// wait lets time pass, in which all MAGs but those that are silent answer heartbeats.
func (d *domain) wait(by time.Duration, silent ...mobility.Endpoint) {
	for end := d.now.Add(by); d.now.Before(end); {
		d.now = d.now.Add(time.Second)
		var out mobility.Effects
		d.lma.Advance(d.now, &out)
	sent:
		for _, request := range out.Send {
			for _, to := range silent {
				if request.To == to {
					continue sent
				}
			}
			in := inbound(request)
			beat := in.Message.(*wire.Heartbeat)
			answer := &wire.Heartbeat{Flags: wire.HeartbeatR, Seq: beat.Seq, Options: wire.Options{RestartCounter: wire.Some(uint32(5))}}
			d.lma.Receive(d.now, &mobility.Inbound{From: in.To, To: in.From, Message: answer}, new(mobility.Effects))
		}
	}
}

// statePath is where state tells of a MAG: as a peer, by its tunnel, and by the binding of its node.
type statePath struct{ peer, tunnel, binding string }

func statePaths(d *domain) map[mobility.Endpoint]statePath {
	paths := map[mobility.Endpoint]statePath{}
	const lma = "/mooring-pmipv6:pmipv6/lma[name='lma1']"
	for b := range d.tables.lma.All() {
		ends := b.Ends.Value()
		at := mobility.Endpoint{VRF: ends.Tunnel.VRF, Addr: ends.Remote}
		paths[at] = statePath{
			peer:    lma + "/peers/peer[id='" + map[mobility.Endpoint]string{magOfAll: "mag1", magLearned: "192.0.2.77", magOfCustomer: "192.0.2.77@CUST1/CUSTSP"}[at] + "']",
			tunnel:  lma + "/tunnels/tunnel[id='" + TunnelID(ends.Tunnel) + "']",
			binding: lma + "/bindings/binding[id='" + BindingID(b.ID) + "']",
		}
	}
	return paths
}

// A MAG that falls silent is down: as a peer, and with it its tunnel and the paths of its bindings, which stay. Others, one with the same address in another
// transport among them, are not concerned. When it answers again, all is as it was.
func TestLMA18_OPS04_Silence(t *testing.T) {
	for name, silent := range map[string]mobility.Endpoint{"configured": magOfAll, "learned": magLearned, "of a customer": magOfCustomer} {
		t.Run(name, func(t *testing.T) {
			d := watched(t)
			paths := statePaths(d)
			expect := func(when string, at mobility.Endpoint, leaves map[string]string) {
				t.Helper()
				for leaf, want := range leaves {
					if got := d.value(t, leaf); got != want {
						t.Errorf("%s, of %v: %s is %q, want %q", when, at, leaf, got, want)
					}
				}
			}
			for at, p := range paths {
				expect("before a heartbeat", at, map[string]string{p.peer + "/oper-status": "up", p.tunnel + "/oper-status": "up", p.binding + "/path-status": ""})
			}
			d.wait(2 * time.Minute)
			well := func(when string, except ...mobility.Endpoint) {
				t.Helper()
				for at, p := range paths {
					if len(except) == 0 || at != except[0] {
						expect(when, at, map[string]string{p.peer + "/oper-status": "up", p.tunnel + "/oper-status": "up", p.tunnel + "/status-reason": "",
							p.binding + "/path-status": "up", p.binding + "/state": "active"})
					}
				}
			}
			well("while all answer")
			for at, p := range paths {
				expect("while all answer", at, map[string]string{p.tunnel + "/last-change": "2026-11-22T10:00:00Z"})
			}
			d.wait(3*time.Minute, silent)
			well("while three are missed") // at most three are borne
			d.wait(2*time.Minute, silent)
			well("when one is silent", silent)
			its := paths[silent]
			expect("when it is silent", silent, map[string]string{its.peer + "/oper-status": "down", its.tunnel + "/oper-status": "down",
				its.tunnel + "/status-reason": "the peer does not answer heartbeats", its.tunnel + "/last-change": "2026-11-22T10:05:11Z",
				its.binding + "/path-status": "down", its.binding + "/state": "active"})
			beats := `"requests-sent":"7","responses-received":"2","requests-received":"0","missed":5,"rtt":0,"last-response":"2026-11-22T10:01:01Z"`
			if said := strings.Join(d.get(its.peer), ""); !strings.Contains(said, `"oper-status":"down","last-change":"2026-11-22T10:05:11Z"`) || !strings.Contains(said, beats) {
				t.Errorf("of heartbeats with %v is told %s", silent, said)
			}
			d.wait(time.Minute)
			well("when it answers again")
			expect("when it answers again", silent, map[string]string{its.tunnel + "/last-change": "2026-11-22T10:07:01Z"})
			d.wait(20 * time.Minute)
			for at, p := range paths {
				expect("without a registration for its lifetime", at, map[string]string{p.binding + "/state": "", p.binding + "/path-status": ""})
			}
		})
	}
}

// A tunnel that the dataplane has not got tells why, whatever heartbeats say.
func TestLMA18_TunnelThatIsNotThere(t *testing.T) {
	d := watched(t)
	its := statePaths(d)[magOfAll]
	var tunnels []reconcile.TunnelStatus
	all, _ := d.plane.Tunnels()
	for _, tunnel := range all {
		if tunnel.ID.Peer == magOfAll.Addr.Addr() {
			tunnel.State = reconcile.Pending
		}
		tunnels = append(tunnels, tunnel)
	}
	d.plane.set(tunnels...)
	d.wait(10*time.Minute, magOfAll)
	if got := d.value(t, its.tunnel+"/oper-status"); got != "unknown" {
		t.Errorf("it is %s", got)
	}
	d.plane.set(reconcile.TunnelStatus{ID: dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: addr("2001:db8::99"), Encap: dataplane.EncapIP}, State: reconcile.Installed, Since: start})
	if got := d.value(t, "/mooring-pmipv6:pmipv6/lma[name='lma1']/tunnels/tunnel[id='ip-2001:db8::1-2001:db8::99']/oper-status"); got != "up" {
		t.Errorf("the tunnel of a peer that nobody watches is %s", got)
	}
}
