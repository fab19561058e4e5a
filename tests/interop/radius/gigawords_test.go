//go:build !vm

package radius

import (
	"iter"
	"os"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/accountant"
)

// counted is a dataplane's counters without the dataplane: to send so much would take a while.
type counted struct{ node, tunnel aaa.Usage }

func (c counted) Node(string, dataplane.SessionID) (aaa.Usage, bool) { return c.node, true }
func (c counted) Tunnel(dataplane.TunnelID) (aaa.Usage, bool)        { return c.tunnel, true }

// RAD-03: FreeRADIUS reads more than 4 GiB out of the Stop of a node, and of its tunnel, when the dataplane reports them.
func TestRAD03_GigawordsAtFreeRADIUS(t *testing.T) {
	host := hostOf(t, "lma")
	s := newServer(t, host, "127.0.0.1:1646", "127.0.0.1")
	s.start()
	root, err := os.OpenRoot(t.TempDir())
	must(t, err)
	defer root.Close()
	meter := counted{
		node:   aaa.Usage{RxPackets: 4_000_000, RxOctets: 5<<32 + 6, TxPackets: 3_000_000, TxOctets: 1<<32 - 1},
		tunnel: aaa.Usage{RxPackets: 9_000_000, RxOctets: 1 << 32, TxPackets: 8_000_000, TxOctets: 1<<40 + 7},
	}
	none := func(string) iter.Seq[*mobility.Binding] { return func(func(*mobility.Binding) bool) {} }
	a := accountant.New(accountant.Options{Root: root, Name: "accounting/records", Bindings: none, Meter: meter, Dial: dialerIn(host).Dial})
	cfg := &aaa.Config{Anchors: []aaa.Anchor{{Name: "lma"}}, Queue: 1000, Lanes: []aaa.Lane{{Name: "default", Targets: []aaa.Target{{
		Server: aaa.Server{Name: "s", Addr: s.addr, Secret: "cisco", Timeout: time.Second, Retransmit: 100}, VRF: "lma",
	}}}}}
	must(t, a.Prepare(cfg))
	a.Configure(cfg)
	defer a.Close()
	node := customersNode()
	happens := func(kind mobility.EventKind) {
		a.Happened([]accountant.Event{{At: time.Now(), Anchor: "lma", Event: &mobility.Event{Kind: kind, Binding: node}}})
	}
	happens(mobility.BindingCreated)
	happens(mobility.BindingDeleted)
	for _, c := range []struct {
		what string
		fits func(record) bool
		want map[string]string
	}{
		{"node", isNode, map[string]string{
			"Acct-Input-Gigawords": "5", "Acct-Input-Octets": "6", "Acct-Output-Gigawords": "0", "Acct-Output-Octets": "4294967295",
			"Acct-Input-Packets": "4000000", "Acct-Output-Packets": "3000000",
		}},
		{"tunnel", func(r record) bool { return r.get("Tunnel-Client-Endpoint:0") != "" }, map[string]string{
			"Acct-Input-Gigawords": "1", "Acct-Input-Octets": "0", "Acct-Output-Gigawords": "256", "Acct-Output-Octets": "7",
			"Acct-Input-Packets": "9000000", "Acct-Output-Packets": "8000000",
		}},
	} {
		expect(t, "Stop of the "+c.what, s.await("Stop", c.fits), c.want)
	}
}
