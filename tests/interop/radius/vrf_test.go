package radius

import (
	"context"
	"iter"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/accountant"
	"mooring/mobility/aaa/client"
)

// AAA-04, MLL-21, RAD-07: a server is reached in the VRF of its group, from the address of its interface there, and not the server that has
// the same address in the default VRF. It gets the records of a customer's node as the customer's.
func TestAAA04_ServerInVRF(t *testing.T) {
	const near, far = "10.9.9.1", "10.9.9.2"
	lma := hostOf(t, "lma")
	wanted, other := newServer(t, hostOf(t, "mgmt"), far+":1646", near), newServer(t, hostOf(t, "other"), far+":1646", near)
	for link, s := range map[string]*server{"mgmt0": wanted, "eth0": other} {
		must(t, netns.Connect(lma, link, s.host, "eth0"), lma.Address(link, near+"/24"), s.host.Address("eth0", far+"/24"))
		s.start()
	}
	plane := planeIn(t, lma, dataplane.Config{VRFs: []dataplane.VRF{{Name: "MGMT"}}, Members: []dataplane.Member{{Link: "mgmt0", VRF: "MGMT"}}})

	root, err := os.OpenRoot(t.TempDir())
	must(t, err)
	defer root.Close()
	none := func(string) iter.Seq[*mobility.Binding] { return func(func(*mobility.Binding) bool) {} }
	a := accountant.New(accountant.Options{Root: root, Name: "accounting/records", Bindings: none, Dial: client.Dialer{Enter: plane.InVRF}.Dial})
	cfg := &aaa.Config{Anchors: []aaa.Anchor{{Name: "lma"}}, Queue: 1000, Lanes: []aaa.Lane{{Name: "default", Targets: []aaa.Target{{
		Server: aaa.Server{Name: "s", Addr: wanted.addr, Secret: "cisco", Timeout: time.Second, Retransmit: 100}, VRF: "MGMT", Interface: "mgmt0",
	}}}}}
	must(t, a.Prepare(cfg))
	a.Configure(cfg)
	defer a.Close()
	a.Happened([]accountant.Event{{At: time.Now(), Anchor: "lma", Event: &mobility.Event{Kind: mobility.BindingCreated, Binding: customersNode()}}})

	expect(t, "Start", wanted.await("Start", func(r record) bool { return r.get("User-Name") == identity }), map[string]string{
		"Cisco-AVPair": "customer=CUST1,vrf-id=VRF1", "Framed-Route": "10.7.0.0/24 0.0.0.0 1", "Framed-IP-Address": "10.10.10.2",
	})
	expect(t, "Start", wanted.await("Start", func(r record) bool { return r.get("Tunnel-Client-Endpoint:0") == "15.15.15.11" }), map[string]string{
		"Cisco-AVPair": "customer=CUST1,vrf-id=VRF1", "Acct-Tunnel-Connection": "gre-15.15.15.2-15.15.15.11%CUSTSP",
	})
	if got := other.records(); len(got) > 0 {
		t.Errorf("the server of the default VRF got %v", got)
	}
}

// customersNode is a binding of a node with a network, in the VRF of a customer.
func customersNode() *mobility.Binding {
	local := netip.MustParseAddr("15.15.15.2")
	return &mobility.Binding{
		ID: 1, State: mobility.StateActive,
		Holding: &mobility.Holding{
			Node: mobility.NAI(identity), Created: mobility.At(time.Now()), Home: mobility.HomeOf(netip.MustParsePrefix("10.10.10.2/24")),
			Networks: []netip.Prefix{netip.MustParsePrefix("10.7.0.0/24")}, Tenancy: unique.Make(mobility.Tenancy{Customer: "CUST1", VRF: "VRF1"}),
		},
		Ends: unique.Make(mobility.Ends{Local: local, Tunnel: dataplane.TunnelID{
			VRF: "CUSTSP", Local: local, Peer: netip.MustParseAddr("15.15.15.11"), Encap: dataplane.EncapGRE}}),
	}
}

func hostOf(t *testing.T, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	must(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

// planeIn lets a host have VRFs.
func planeIn(t *testing.T, h *netns.Host, cfg dataplane.Config) *backend.Plane {
	t.Helper()
	p, err := backend.Open(backend.Options{Namespace: h.Namespace})
	must(t, err, p.Use(backend.Auto))
	r := reconcile.New(p, reconcile.Options{})
	r.Configure(cfg)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		p.Close()
	})
	eventually(t, "the VRFs are there", func() bool {
		status := r.Status()
		return status.Pending+status.Failed == 0 && status.Objects == len(cfg.VRFs)+len(cfg.Members)
	})
	return p
}
