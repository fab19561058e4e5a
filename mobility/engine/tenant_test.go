package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/lma"
	"mooring/mobility/scenario"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// theirs is an address of the anchor in the VRF of an operator, through which MAGs of customers come.
func theirs(addr string) mobility.VRFAddr {
	return mobility.VRFAddr{VRF: "SP", Addr: netip.MustParseAddr(addr)}
}

var (
	pooled = &mobility.Customer{Name: "pooled", VRF: "red", Transports: []mobility.VRFAddr{theirs("15.15.15.2")}, Networks: map[string]*mobility.Network{
		"red net": {Name: "red net", Pools: []mobility.Pool{{Start: netip.MustParseAddr("2001:db8:c::"), Bits: 48, Unit: 64}}}}}
	free    = &mobility.Customer{Name: "free", VRF: "green", Transports: []mobility.VRFAddr{theirs("16.16.16.2")}, Unauthorized: true}
	leaving = &mobility.Customer{Name: "leaving", VRF: "blue", Transports: []mobility.VRFAddr{theirs("17.17.17.2")}, Unauthorized: true}
)

// serving is an anchor with some customers.
func serving(customers ...*mobility.Customer) *mobility.Config {
	cfg := anchorConfig("lma1", lma6)
	cfg.Domain.Profiles.(scenario.Profiles)["@cust"] = &mobility.Profile{Name: "@cust", Service: mobility.ServiceDual}
	cfg.Customers = map[string]*mobility.Customer{}
	for _, c := range customers {
		cfg.Customers[c.Name] = c
	}
	return justLMA(cfg)
}

// register lets a MAG of a customer ask for a prefix and mobile networks.
func register(t *testing.T, net *transport.Memory, c *mobility.Customer, node, prefix string, networks ...wire.DMNP) {
	t.Helper()
	u := &wire.BindingUpdate{Seq: 1, Flags: wire.UpdateA | wire.UpdateP, Lifetime: 500}
	u.MNID = wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte(node + "@cust")})
	u.HNPs, u.DMNPs = []wire.HNP{{Prefix: netip.MustParsePrefix(prefix)}}, networks
	u.Handoff, u.AccessType, u.Timestamp = wire.Some(wire.HandoffNewInterface), wire.Some(wire.Access80211), wire.Some(wire.TimestampOf(time.Now()))
	from := mobility.Endpoint{VRF: "SP", Addr: netip.MustParseAddrPort("192.0.2.9:5436")}
	to := mobility.Endpoint{VRF: "SP", Addr: netip.AddrPortFrom(c.Transports[0].Addr, mobility.ControlPort)}
	var out mobility.Effects
	must(t, out.Message(from, to, u, mobility.Signature{}, 0))
	net.Inject(out.Send[0])
	settleDisk(t)
}

// tenants lists the bindings of an anchor with whose they are and where.
func (s *station) tenants() (lines []string) {
	for b := range s.LMA("lma1").Table.All() {
		tenant, tunnel := b.Tenant(), b.Ends.Value().Tunnel
		lines = append(lines, strings.Join([]string{b.Node.String(), b.Prefixes[0].String(), tenant.Customer, tenant.VRF, tenant.Network, tunnel.VRF, tunnel.Local.String()}, " "))
	}
	slices.Sort(lines)
	return lines
}

// customers gives the customers of the anchor by name.
func (s *station) customers() map[string]lma.CustomerState {
	list, err := s.LMA("lma1").Customers(s.t.Context())
	must(s.t, err)
	found := map[string]lma.CustomerState{}
	for _, c := range list {
		found[c.Name] = c
	}
	return found
}

// An anchor that ends and begins again knows whose each binding is, in which VRF and from which network, and what nodes hold where nobody gives anything
// out. What belongs to a customer who is gone when it begins again ends, and stays away.
func TestMLL04_CustomersOverARestart(t *testing.T) {
	const shared = "2001:db8:c::/64" // at all of them
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		s, _ := storedOn(t, net, newDisk(t, dir), serving(pooled, free, leaving))
		register(t, net, pooled, "n", "::/0")
		register(t, net, free, "n", shared)
		register(t, net, leaving, "n", shared)
		stay := []string{"n@cust " + shared + " free green  SP 16.16.16.2", "n@cust " + shared + " pooled red red net SP 15.15.15.2"}
		same(t, "bindings", s.tenants(), slices.Sorted(slices.Values(append(slices.Clone(stay), "n@cust "+shared+" leaving blue  SP 17.17.17.2"))))

		s.stop()
		s, _ = storedOn(t, net, newDisk(t, dir), serving(pooled, free))
		settleDisk(t)
		same(t, "bindings after the restart", s.tenants(), stay)
		s.mu.Lock()
		if len(s.events) != 2 || s.events[1].Kind != mobility.RevocationTimedOut || s.events[0].Kind != mobility.BindingDeleted || s.events[0].Reason != mobility.Unconfigured || s.events[0].Binding.Tenant().Customer != "leaving" {
			t.Errorf("events %+v", s.events)
		}
		s.mu.Unlock()
		var routes []string
		for _, session := range s.plane.wanted() {
			routes = append(routes, session.VRF+" by "+session.Path.Tunnel.VRF)
		}
		slices.Sort(routes)
		same(t, "VRFs of what the dataplane holds", routes, []string{"green by SP", "red by SP"})

		// The ledger and the pool know what is held.
		register(t, net, free, "other", "2001:db8:c::/60")
		same(t, "bindings when another asks for more than what one holds", s.tenants(), stay)
		if c := s.customers()["free"]; c.Bindings != 1 || c.Statistics.PBASent.Load(wire.StatusDMNPInUse) != 1 {
			t.Errorf("free has %d bindings, and %d requests were refused", c.Bindings, c.Statistics.PBASent.Load(wire.StatusDMNPInUse))
		}
		networks, err := s.LMA("lma1").Networks(t.Context())
		must(t, err)
		if used := networks["red net"][0].Used; used != 1 || s.customers()["pooled"].Bindings != 1 {
			t.Errorf("pooled has %d bindings, its pool counts %d", s.customers()["pooled"].Bindings, used)
		}
		register(t, net, free, "other", "2001:db8:c:1::/64")
		if n := s.customers()["free"].Bindings; n != 2 {
			t.Errorf("free has %d bindings, want 2", n)
		}

		// The customer comes back without what it had.
		s.stop()
		s, _ = storedOn(t, net, newDisk(t, dir), serving(pooled, free, leaving))
		if n := s.customers()["leaving"].Bindings; n != 0 || len(s.tenants()) != 3 {
			t.Errorf("%d bindings came back with the customer: %q", n, s.tenants())
		}
	})
}

// told is a MAG of customers that hears revocations.
type told struct {
	host *transport.Host
	bris []uint16 // their numbers
}

func newTold(t *testing.T, net *transport.Memory) *told {
	m := &told{host: net.Host()}
	opened, err := m.host.Prepare([]transport.Address{{VRF: "SP", Addr: netip.MustParseAddr("192.0.2.9")}})
	must(t, err)
	opened.Open()
	t.Cleanup(func() { m.host.Close() })
	return m
}

// hear takes in what has come, for some time, and answers from a number of them on.
func (m *told) hear(t *testing.T, by time.Duration, from int) {
	t.Helper()
	for end := time.After(by); ; {
		select {
		case <-end:
			return
		case b := <-m.host.Batches():
			bri, ok := b.In[0].Message.(*wire.Revocation)
			if !ok {
				b.Release() // an acknowledgement of what it registered
				continue
			}
			m.bris = append(m.bris, bri.Seq)
			if len(m.bris) >= from {
				var out mobility.Effects
				must(t, out.Message(b.In[0].To, b.In[0].From, &wire.RevocationAck{Seq: bri.Seq, Flags: bri.Flags}, mobility.Signature{}, 0))
				m.host.Send(out.Send)
			}
			b.Release()
		}
	}
}

// The MAG of a customer who is removed is told until it answers, from the address that is nobody's by then and is closed afterwards: while the anchor runs,
// when it was down meanwhile, and over another commit, which may be given up.
func TestMLL04_ToldUntilAcknowledged(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
			mag := newTold(t, net)
			config := func(customers ...*mobility.Customer) *mobility.Config {
				c := serving(customers...)
				c.LMAs["lma1"].Revocation = mobility.Revocation{DelayMin: 10 * time.Second, DelayMax: 20 * time.Second, Retries: 5}
				return c
			}
			s, _ := storedOn(t, net, newDisk(t, dir), config(free, leaving))
			go register(t, net, leaving, "n", "2001:db8:c::/64")
			mag.hear(t, 5*time.Second, 1)
			if restarts {
				s.stop()
				s, _ = storedOn(t, net, newDisk(t, dir), config(free))
			} else {
				s.commit(config(free))
			}
			mag.hear(t, 5*time.Second, 4)
			given, err := s.Prepare(t.Context(), nil, config(free, leaving))
			must(t, err)
			mag.hear(t, 10*time.Second, 4) // the second
			given.Abort()
			s.commit(config(free, pooled))
			mag.hear(t, 50*time.Second, 4) // the third and the fourth, which it answers
			if n := len(mag.bris); n != 4 || mag.bris[0] != mag.bris[3] {
				t.Fatalf("restarted %t: its MAG heard %+v", restarts, mag.bris)
			}
			stats := s.LMA("lma1").Statistics
			if stats.BRISent.Load(wire.TriggerAdministrative) != 4 || stats.BRAReceived.Load(wire.RevocationSuccess) != 1 || stats.BRIUnsent.Load() != 0 {
				t.Errorf("restarted %t: %d were sent, %d of them were not, %d answered", restarts, stats.BRISent.Load(wire.TriggerAdministrative), stats.BRIUnsent.Load(), stats.BRAReceived.Load(wire.RevocationSuccess))
			}
			other := net.Host() // may have the address: nobody else has it
			opened, err := other.Prepare([]transport.Address{transport.Address(leaving.Transports[0])})
			must(t, err)
			opened.Abort()
			mag.hear(t, 5*time.Minute, 1)
			if len(mag.bris) != 4 {
				t.Errorf("restarted %t: after its answer the MAG heard %d more", restarts, len(mag.bris)-4)
			}
			s.commit(config(free, leaving, pooled)) // and its customer may come back
			register(t, net, leaving, "n", "2001:db8:c::/64")
			if n := s.customers()["leaving"].Bindings; n != 1 {
				t.Errorf("restarted %t: the customer came back with %d bindings", restarts, n)
			}
			must(t, other.Close())
		})
	}
}

// Mobile networks are routed in the VRF of their customer, and are held over a restart.
func TestMLL20_MobileNetworksOverARestart(t *testing.T) {
	networks := func(options ...string) (list []wire.DMNP) {
		for _, text := range options {
			list = append(list, wire.DMNP{Prefix: netip.MustParsePrefix(text)})
		}
		return list
	}
	pooled := &mobility.Customer{Name: "pooled", VRF: "red", Transports: []mobility.VRFAddr{theirs("15.15.15.2")}, Networks: map[string]*mobility.Network{
		"red net": {Name: "red net", Pools: []mobility.Pool{{Start: netip.MustParseAddr("2001:db8:c::"), Bits: 48, Unit: 64},
			{Start: netip.MustParseAddr("20.20.20.1"), Bits: 27, Unit: 28, Mobile: true}}}}}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		s, _ := storedOn(t, net, newDisk(t, dir), serving(pooled, free))
		register(t, net, pooled, "n", "::/0", networks("0.0.0.0/0")...)
		register(t, net, free, "n", "2001:db8:c::/64", networks("20.20.20.0/24", "2001:db8:d::/56")...)
		routes := func() (lines []string) {
			for _, session := range s.plane.wanted() {
				lines = append(lines, fmt.Sprint(session.VRF, session.Prefixes))
			}
			slices.Sort(lines)
			return lines
		}
		want := []string{"green[2001:db8:c::/64 20.20.20.0/24 2001:db8:d::/56]", "red[2001:db8:c::/64 20.20.20.0/28]"}
		same(t, "routes", routes(), want)

		s.stop()
		s, _ = storedOn(t, net, newDisk(t, dir), serving(pooled, free))
		settleDisk(t)
		same(t, "routes after the restart", routes(), want)
		register(t, net, free, "other", "2001:db8:d:100::/64", networks("2001:db8:d:80::/57")...)
		register(t, net, pooled, "other", "::/0", networks("20.20.20.0/28")...)
		same(t, "routes when others ask for what is held", routes(), want)
		register(t, net, pooled, "third", "::/0", networks("0.0.0.0/0")...)
		same(t, "routes with the last network", routes(), []string{want[0], "red[2001:db8:c:1::/64 20.20.20.16/28]", want[1]})
		if c := s.customers()["free"]; c.IPv4 != 1 || c.IPv6 != 1 {
			t.Errorf("free has %d and %d mobile networks", c.IPv4, c.IPv6)
		}
		s.stop()
	})
}

// So do those of an anchor that is removed. Its MAG is told once that all have ended, and until it has answered; what it registers meanwhile is not taken.
func TestRemovalOfAnAnchorTakesTurns(t *testing.T) {
	const nodes = 2*vacatedAtOnce + 10
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		mag := newTold(t, net)
		config := serving(free)
		config.LMAs["lma1"].Revocation = mobility.Revocation{DelayMin: 10 * time.Second, DelayMax: 20 * time.Second, Retries: 5}
		other := justLMA(anchorConfig("lma2", "2001:db8:ffff::2"))
		s, _ := storedOn(t, net, newDisk(t, dir), config)
		for i := range nodes {
			register(t, net, free, fmt.Sprint("n", i), fmt.Sprintf("2001:db8:c:%x::/64", i))
			mag.hear(t, time.Second, 9)
		}
		if n := s.customers()["free"].Bindings; n != nodes {
			t.Fatalf("%d bindings", n)
		}
		before := s.Status()
		s.commit(other)
		if steps := s.Status().Steps - before.Steps; steps < 3 {
			t.Errorf("%d bindings ended in %d turns", nodes, steps)
		}
		mag.hear(t, time.Minute, 2)
		if len(mag.bris) != 2 || mag.bris[0] != mag.bris[1] {
			t.Errorf("its MAG heard %v", mag.bris)
		}
		s.mu.Lock()
		ended := 0
		for _, e := range s.events {
			if e.Kind == mobility.BindingDeleted && e.Reason == mobility.Unconfigured {
				ended++
			}
		}
		s.mu.Unlock()
		if wanted := s.plane.wanted(); ended != nodes || len(wanted) != 0 {
			t.Errorf("%d bindings ended, the dataplane holds %d", ended, len(wanted))
		}
		s.stop()
		s, _ = storedOn(t, net, newDisk(t, dir), config)
		same(t, "bindings when it comes back", s.tenants(), nil)
		s.stop()
	})
}

// The registrations of a gateway that is removed end in several turns; its anchor is told of each.
func TestRemovalOfAGatewayTakesTurns(t *testing.T) {
	const nodes = 2*vacatedAtOnce + 10
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		anchor := on(t, net, justLMA(anchorConfig("lma1", lma6)))
		s := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		for i := range nodes {
			s.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, byte(i)})
		}
		pass(time.Second)
		if here, there := len(s.plane.wanted()), anchor.LMA("lma1").Statistics.Initial.Load(); here != nodes || there != nodes {
			t.Fatalf("%d sessions, %d registrations", here, there)
		}
		before := s.Status()
		s.commit(&mobility.Config{})
		if steps := s.Status().Steps - before.Steps; steps < 3 {
			t.Errorf("%d registrations ended in %d turns", nodes, steps)
		}
		pass(time.Minute)
		if here, there := len(s.plane.wanted()), len(anchor.rows()); here+there > 0 || len(s.MAGs()) > 0 {
			t.Errorf("the gateway's dataplane holds %d, the anchor %d", here, there)
		}
	})
}

// The bindings of a customer who is removed end in several turns, between which others are served. Those of others stay.
func TestRemovalOfACustomerTakesTurns(t *testing.T) {
	const nodes = 2*vacatedAtOnce + 10
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		s, _ := storedOn(t, net, newDisk(t, dir), serving(pooled, free))
		register(t, net, pooled, "n", "::/0")
		for i := range nodes {
			register(t, net, free, fmt.Sprint("n", i), fmt.Sprintf("2001:db8:c:%x::/64", i+1))
		}
		if n := s.customers()["free"].Bindings; n != nodes {
			t.Fatalf("%d bindings", n)
		}
		before := s.Status()
		s.commit(serving(pooled))
		settleDisk(t)
		if steps := s.Status().Steps - before.Steps; steps < 3 {
			t.Errorf("%d bindings ended in %d turns", nodes, steps)
		}
		same(t, "bindings", s.tenants(), []string{"n@cust 2001:db8:c::/64 pooled red red net SP 15.15.15.2"})
		s.mu.Lock()
		defer s.mu.Unlock()
		ended := 0
		for _, e := range s.events {
			if e.Kind == mobility.BindingDeleted && e.Reason == mobility.Unconfigured {
				ended++
			}
		}
		if wanted := s.plane.wanted(); ended != nodes || len(wanted) != 1 {
			t.Errorf("%d bindings ended, the dataplane holds %d", ended, len(wanted))
		}
	})
}

// Vacate ends nearly all of what is to end, and nothing else. Where the engine has ended, nobody waits for it.
func TestVacateLeavesOneTurn(t *testing.T) {
	const nodes = 2*vacatedAtOnce + 10
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		s, _ := storedOn(t, net, newDisk(t, dir), serving(pooled, free))
		register(t, net, pooled, "n", "::/0")
		for i := range nodes {
			register(t, net, free, fmt.Sprint("n", i), fmt.Sprintf("2001:db8:c:%x::/64", i+1))
		}
		prepare := func(config *mobility.Config) *Commit {
			c, err := s.Prepare(t.Context(), nil, config)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		c := prepare(serving(pooled))
		c.Vacate()
		if left := s.customers(); left["pooled"].Bindings != 1 || left["free"].Bindings != nodes-2*vacatedAtOnce {
			t.Errorf("customers have %+v", left)
		}
		c.Apply()
		settleDisk(t)
		if left := s.customers(); left["pooled"].Bindings != 1 || len(left) != 1 {
			t.Errorf("customers have %+v afterwards", left)
		}
		c = prepare(&mobility.Config{})
		s.stop()
		c.Vacate()
		c.Apply()
	})
}

// While the disk is busy, no more than a few turns of bindings end: whoever registers meanwhile waits behind those, and not behind all.
func TestRemovalWaitsForTheDisk(t *testing.T) {
	const most = mostVacated * vacatedAtOnce
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net, d := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1), newDisk(t, dir)
		s, _ := storedOn(t, net, d, serving(pooled, free))
		for i := range 2 * most {
			register(t, net, free, fmt.Sprint("n", i), fmt.Sprintf("2001:db8:c:%x::/64", i+1))
		}
		busy := make(chan struct{})
		d.mu.Lock()
		d.resume = busy
		d.mu.Unlock()
		before := s.Status()
		removed := make(chan struct{})
		go func() {
			defer close(removed)
			s.commit(serving(pooled))
		}()
		settleDisk(t)
		if left := s.LMA("lma1").Table.Len(); left != most {
			t.Errorf("%d bindings are left while the disk is busy, want %d", left, most)
		}
		if wanted := len(s.plane.wanted()); wanted != 2*most {
			t.Errorf("the dataplane holds %d before the disk knows", wanted)
		}
		d.mu.Lock()
		d.resume = nil
		d.mu.Unlock()
		close(busy)
		<-removed
		settleDisk(t)
		if left, wanted, steps := s.LMA("lma1").Table.Len(), len(s.plane.wanted()), s.Status().Steps-before.Steps; left+wanted > 0 || steps < 2*mostVacated {
			t.Errorf("%d bindings are left, the dataplane holds %d after %d turns", left, wanted, steps)
		}
	})
}
