package reconcile

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"mooring/dataplane"
	"mooring/dataplane/fake"
)

// The tunnel of a peer becomes an interface of the host, and is that as long as the interface is there; what leads into the tunnel follows.
func TestPEER05_Adoption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local, peer := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		tunnel := dataplane.TunnelID{Local: local, Peer: peer, Encap: dataplane.EncapGRE}
		adoption := dataplane.Adoption{Device: "tunnel-ip97", Encap: dataplane.EncapGRE, Ends: &dataplane.Ends{Local: []netip.Addr{local}, Peer: []netip.Addr{peer}}}
		host := fake.New()
		r := New(host, Options{})
		r.Want([]dataplane.Change{{ID: 1, Session: &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: dataplane.Path{Tunnel: tunnel},
			Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}}}})
		r.Configure(dataplane.Config{})
		go r.Run(t.Context())
		is := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for _, o := range r.Objects() {
				got = append(got, o.State.String()+" "+describe(dataplane.Op{Object: o.Object}))
			}
			s, _ := r.Session(1)
			slices.Sort(got)
			if got = append(got, s.State.String()); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		const made, route = "gre 192.0.2.1 > 192.0.2.2", "route 10.0.0.1/32: gre 192.0.2.1 > 192.0.2.2"
		is("at first", "installed tunnel "+made, "installed")

		with := dataplane.Config{Adoptions: []dataplane.Adoption{adoption}}
		var planned []string
		for _, s := range r.Preview(with, nil, nil) {
			planned = append(planned, s.Kind()+" "+describe(s.Op))
		}
		if want := []string{"make adopt tunnel-ip97 as " + made, "change tunnel " + made, "change " + route}; !slices.Equal(planned, want) {
			t.Errorf("planned is %q, want %q", planned, want)
		}
		r.Configure(with)
		is("the interface is missing", "failed adopt tunnel-ip97 as "+made, "failed "+route, "failed tunnel "+made, "failed")
		if status := r.Status(); len(status.Failures) == 0 || status.Failures[0].Err.Error() != "interface tunnel-ip97: there is no such interface" {
			t.Errorf("failures are %+v", status.Failures)
		}
		host.AddLink("tunnel-ip97", dataplane.MAC{})
		is("it has come", "installed adopt tunnel-ip97 as "+made, "installed tunnel "+made, "installed")
		if all, _ := r.Tunnels(); len(all) != 1 || all[0].Device != "tunnel-ip97" || !all[0].Adopted {
			t.Errorf("tunnels are %+v", all)
		}
		r.Configure(dataplane.Config{})
		is("nobody asks for it", "installed tunnel "+made, "installed")
		if all, _ := r.Tunnels(); len(all) != 1 || all[0].Adopted {
			t.Errorf("tunnels are %+v", all)
		}
		r.Configure(with)
		elsewhere := adoption
		elsewhere.Ends = &dataplane.Ends{Local: adoption.Local, Peer: []netip.Addr{netip.MustParseAddr("192.0.2.3")}}
		is("again", "installed adopt tunnel-ip97 as "+made, "installed tunnel "+made, "installed")
		r.Configure(dataplane.Config{Adoptions: []dataplane.Adoption{elsewhere}})
		is("it is for another peer", "installed adopt tunnel-ip97 as gre 192.0.2.1 > 192.0.2.3", "installed tunnel "+made, "installed")
		if all, _ := r.Tunnels(); len(all) != 1 || all[0].Adopted {
			t.Errorf("tunnels are %+v", all)
		}
	})
}
