package reconcile

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"mooring/dataplane"
	"mooring/dataplane/fake"
)

// someConfig is one of many configurations, of which any two have something in common.
func someConfig(r *rand.Rand) (c dataplane.Config) {
	maybe := func() bool { return r.IntN(2) == 0 }
	for _, name := range []string{"red", "blue"} {
		if !maybe() {
			continue
		}
		c.VRFs = append(c.VRFs, dataplane.VRF{Name: name, Table: r.IntN(3)})
		if maybe() {
			c.Members = append(c.Members, dataplane.Member{Link: name + "0", VRF: name})
		}
		if maybe() {
			pool := dataplane.VRFPrefix{VRF: name, Prefix: netip.MustParsePrefix("10.9.0.0/16")}
			c.Blackholes = append(c.Blackholes, dataplane.Blackhole{VRFPrefix: pool, Standing: dataplane.Standing{Told: maybe()}})
		}
	}
	for _, name := range []string{"eth0", "eth1"} {
		if maybe() {
			c.Links = append(c.Links, dataplane.Link{Name: name, MAC: dataplane.MAC{2, 0, 0, 0, 0, byte(r.IntN(2))}})
		}
	}
	if maybe() {
		c.Adoptions = append(c.Adoptions, dataplane.Adoption{Device: "tunnel-ip97", Ends: someEnds[r.IntN(len(someEnds))]})
	}
	c.Meter = maybe()
	return c
}

// someEnds are of tunnels that the sessions have.
var someEnds = []*dataplane.Ends{
	{Local: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Peer: []netip.Addr{netip.MustParseAddr("192.0.2.2")}},
	{Local: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Peer: []netip.Addr{netip.MustParseAddr("192.0.2.3")}},
}

// someSession is one of many ways in which a session may be wanted.
func someSession(r *rand.Rand, id dataplane.SessionID) dataplane.Change {
	s := &dataplane.Session{ID: id, Side: dataplane.Anchor, MTU: 1400 + r.IntN(2), Standing: dataplane.Standing{Told: r.IntN(2) == 0},
		Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(4))}), 32)},
		Path:     dataplane.Path{Tunnel: dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.AddrFrom4([4]byte{192, 0, 2, byte(2 + id%2)}), Encap: dataplane.EncapGRE}}}
	return dataplane.Change{ID: id, Session: s}
}

// What is planned is what is done, in the same order, whatever the configurations before and after, and whatever sessions there are.
func TestPreviewIsWhatIsDone(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			host := fake.New("red0", "blue0", "eth0", "eth1", "tunnel-ip97")
			r := New(host, Options{Batch: 4})
			before, after := someConfig(random), someConfig(random)
			for id := range dataplane.SessionID(5) {
				r.Want([]dataplane.Change{someSession(random, id+1)})
			}
			var changes []dataplane.Change // of some of them, one goes
			for _, id := range []dataplane.SessionID{1, 4, 6} {
				changes = append(changes, someSession(random, id))
			}
			changes = append(changes, dataplane.Change{ID: 2})
			r.Configure(before)
			go r.Run(t.Context())
			synctest.Wait()
			foretold(t, seed, r, host, func() []Step { return r.Preview(before, changes, nil) }, func() { r.Want(slices.Clone(changes)) })
			foretold(t, seed, r, host, func() []Step { return r.Preview(after, nil, nil) }, func() { r.Configure(after) })
			if again := r.Preview(after, nil, nil); len(again) != 0 {
				t.Fatalf("seed %d: all is there, planned is %v", seed, again)
			}
		})
	}
}

// foretold does what is planned, and compares.
func foretold(t *testing.T, seed uint64, r *Reconciler, host *fake.Plane, plan func() []Step, do func()) {
	t.Helper()
	host.Applied()
	planned := plan()
	if done := host.Applied(); len(done) != 0 {
		t.Fatalf("planning has done %v", done)
	}
	do()
	synctest.Wait()
	if done := host.Applied(); !sameOps(planned, done) {
		t.Fatalf("seed %d: planned\n%v\ndone\n%v", seed, planned, done)
	}
}

// sameOps compares what is planned with what is done. The plan does not say in which order unwanted objects of one kind go.
func sameOps(planned []Step, done []dataplane.Op) bool {
	return slices.EqualFunc(planned, done, func(s Step, op dataplane.Op) bool { return s.Delete == op.Delete && rank(s.Object) == rank(op.Object) }) &&
		slices.Equal(texts(planned), texts(done))
}

// texts are the operations as text, sorted.
func texts[T any](ops []T) (list []string) {
	for _, op := range ops {
		switch op := any(op).(type) {
		case Step:
			list = append(list, describe(op.Op))
		case dataplane.Op:
			list = append(list, describe(op))
		}
	}
	slices.Sort(list)
	return list
}

func describe(op dataplane.Op) string {
	text := op.Object.(interface{ String() string }).String()
	if r, ok := op.Object.(dataplane.Route); ok && r.Owner != 0 {
		text += fmt.Sprintf(" counted for %d", r.Owner)
	}
	if op.Delete {
		return "remove " + text
	}
	return text
}

// A plan tells what is made from what is made different.
func TestPreviewKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(fake.New("eth0"), Options{})
		r.Configure(dataplane.Config{VRFs: []dataplane.VRF{{Name: "red", Table: 7}, {Name: "blue"}}})
		go r.Run(t.Context())
		synctest.Wait()
		var got []string
		for _, s := range r.Preview(dataplane.Config{VRFs: []dataplane.VRF{{Name: "red", Table: 8}}, Links: []dataplane.Link{{Name: "eth0"}}}, nil, nil) {
			got = append(got, s.Kind()+" "+describe(dataplane.Op{Object: s.Object}))
		}
		if want := []string{"change vrf red table 8", "make link eth0", "remove vrf blue"}; !slices.Equal(got, want) {
			t.Errorf("planned is %q, want %q", got, want)
		}
	})
}
