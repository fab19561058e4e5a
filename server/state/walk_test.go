package state

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// numbers are the counters and gauges of the LMA and the MAG of a domain, by what they are called below the machine.
type numbers map[string]int

// numbers reads everything that counts, but for the bindings and for what no message changes.
func (d *domain) numbers() numbers {
	d.t.Helper()
	all := numbers{}
	r := NewRenderer()
	for _, v := range d.state.At(nil) {
		if _, ok := v.table.(*bindings); ok {
			continue
		}
		for row, err := range v.Rows(d.t.Context()) {
			if err != nil {
				d.t.Fatal(err)
			}
			path, ours := strings.CutPrefix(row.Path().String(), "/mooring-pmipv6:pmipv6/")
			if ours {
				all.add(strings.NewReplacer("lma[name='lma1']", "lma", "mag[name='mag1']", "mag", "lma[id='lma1'][domain='example.net']", "anchor").Replace(path), r.Render(row, d.now))
			}
		}
	}
	return all
}

func (all numbers) add(path string, n *tree.Node) {
	for kid := range n.Children() {
		at := path + "/" + kid.Schema().Name
		switch {
		case kid.IsList():
			for e := range kid.Entries() {
				all.add(at+"["+strings.Join(e.Keys(), " ")+"]", e)
			}
		case kid.Schema().Kind == schema.Container:
			all.add(at, kid)
		case counts64(kid.Schema()):
			all[at], _ = strconv.Atoi(kid.Value())
		}
	}
}

// counts64 says whether a leaf counts, up only or up and down.
func counts64(def *schema.Node) bool {
	return !def.Config && def.Type != nil && !def.IsKey() && (isCounter(def) || strings.HasPrefix(def.Type.Typedef, "gauge") ||
		slices.Contains([]string{"missed", "bce-count", "peak-bce-count", "in-use", "bindings", "single-tenant-count", "multi-tenant-count"}, def.Name))
}

// step is something that happens, and what it is to change. In changes, a name that begins with a place is below that place:
//
//	lma: NAME    at the LMA as a whole and at its peer mag1
//	mag: NAME    at the MAG as a whole and at its LMA
//	cust: NAME   at the LMA as a whole, at the customer and at its MAG
//	NAME         as it is
type step struct {
	what    string
	do      func()
	changes numbers
}

func (s *step) wanted() numbers {
	want := numbers{}
	for name, by := range s.changes {
		place, below, _ := strings.Cut(name, ": ")
		switch place {
		case "lma":
			want["lma/statistics/"+below] += by
			want["lma/peers/peer[id='mag1']/statistics/"+below] += by
		case "mag":
			want["mag/statistics/"+below] += by
			want["mag/anchor/statistics/"+below] += by
		case "cust":
			want["lma/statistics/"+below] += by
			want["lma/mobile-local-loop/customer[name='CUST1']/statistics/"+below] += by
			want["lma/peers/peer[id='cmag1@CUST1/CUSTSP']/statistics/"+below] += by
		default:
			want[name] += by
		}
	}
	return want
}

// walk takes steps and compares all numbers before and after each: what is to change has, and nothing else.
func (d *domain) walk(seen map[string]bool, steps []step) {
	d.t.Helper()
	before := d.numbers()
	for _, s := range steps {
		s.do()
		after, want := d.numbers(), s.wanted()
		names := maps.Clone(before)
		maps.Copy(names, after)
		maps.Copy(names, want)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if got := after[name] - before[name]; got != want[name] {
				d.t.Errorf("%s: %s changes by %d, want %d", s.what, name, got, want[name])
			}
			if want[name] != 0 {
				seen[strings.Replace(leafOf(name), "mag/anchor/", "mag/lma/", 1)] = true
			}
		}
		before = after
	}
}

// leafOf is the schema path of a number: its name without what tells entries apart.
func leafOf(name string) string {
	var path strings.Builder
	depth := 0
	for _, r := range name {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case depth == 0:
			path.WriteRune(r)
		}
	}
	return path.String()
}

// with adds changes to others.
func (all numbers) with(others ...numbers) numbers {
	sum := maps.Clone(all)
	for _, other := range others {
		for name, by := range other {
			sum[name] += by
		}
	}
	return sum
}

// sessions is what n more bindings of mag1, each with a prefix, change beside the counters of messages.
func sessions(n int) numbers {
	const pool = "lma/network[name='home']/pool/mobile-node/ipv6/usage/"
	return numbers{"lma/statistics/summary/bce-count": n, "lma/statistics/summary/single-tenant-count": n, "lma/entitlement/bce-count": n,
		"lma/peers/peer[id='mag1']/bindings": n, "lma/peers/peer[id='mag1']/path[2001:db8::11]/bindings": n, pool + "used": n, pool + "free": -n}
}

// side is who speaks to the LMA: mag1, or the MAG of a customer.
type side struct {
	place    string // where what it says is counted
	realm    string
	from, to mobility.Endpoint
	sessions func(n int) numbers
}

var (
	ours = side{"lma: ", "@example.net", mobility.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::11]:0")}, mobility.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::1]:0")}, sessions}
	// theirs is the MAG of the customer.
	theirs = side{"cust: ", "@cust.example", mobility.Endpoint{VRF: "CUSTSP", Addr: netip.MustParseAddrPort("192.0.2.77:5436")},
		mobility.Endpoint{VRF: "CUSTSP", Addr: netip.MustParseAddrPort("15.15.15.2:5436")}, customerSessions}
)

const (
	customerPath = "lma/mobile-local-loop/customer[name='CUST1']/"
	customerMAG  = "lma/peers/peer[id='cmag1@CUST1/CUSTSP']/"
)

// customerSessions is what n more bindings of a customer change.
func customerSessions(n int) numbers {
	const pool = customerPath + "network/authorized[name='cust']/pool/mobile-node/ipv6/usage/"
	return numbers{"lma/statistics/summary/bce-count": n, "lma/statistics/summary/multi-tenant-count": n, "lma/entitlement/bce-count": n,
		customerPath + "statistics/bce-count": n, customerMAG + "bindings": n, customerMAG + "path[192.0.2.77]/bindings": n, pool + "used": n, pool + "free": -n}
}

// counted are the counters of a message and its answer at a side.
func (s side) counted(names ...string) numbers {
	all := numbers{}
	for _, name := range names {
		all[s.place+name]++
	}
	return all
}

// tell sends the LMA a message of a side, or what cannot be read, and returns what it sends.
func (d *domain) tell(s side, m wire.Message, err error) []mobility.Datagram {
	d.now = d.now.Add(time.Millisecond)
	var out mobility.Effects
	d.lma.Receive(d.now, &mobility.Inbound{From: s.from, To: s.to, Message: m, Err: err}, &out)
	return out.Send
}

// update is a request of a side for a node: for a new prefix, unless it is changed.
func (d *domain) update(s side, node string, change func(*wire.BindingUpdate)) {
	d.seq++
	u := &wire.BindingUpdate{Seq: d.seq, Flags: wire.UpdateA | wire.UpdateP, Lifetime: 100, Options: wire.Options{
		MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte(node + s.realm)}), HNPs: []wire.HNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}},
		Handoff: wire.Some(wire.HandoffUnknown), AccessType: wire.Some(wire.Access80211), LinkLayerID: wire.Some(wire.LinkLayerID(node)),
		Timestamp: wire.Some(wire.TimestampOf(d.now.Add(time.Millisecond)))}}
	if change != nil {
		change(u)
	}
	for _, answer := range d.tell(s, u, nil) {
		if d.cut {
			answer.CountUnsent()
		}
	}
}

// revokeNewest revokes the newest binding of the LMA and has it acknowledged with a status.
func (d *domain) revokeNewest(s side, status wire.RevocationStatus) {
	var newest *mobility.Binding
	for b := range d.tables.lma.All() {
		if newest == nil || b.ID > newest.ID {
			newest = b
		}
	}
	var out mobility.Effects
	d.lma.Clear(d.now, newest.ID, &out)
	bri := inbound(out.Send[0]).Message.(*wire.Revocation)
	d.tell(s, &wire.RevocationAck{Status: status, Seq: bri.Seq, Flags: bri.Flags}, nil)
}

func revocation(trigger wire.RevocationTrigger, flags wire.RevocationFlags, node string) *wire.Revocation {
	m := &wire.Revocation{Trigger: trigger, Flags: flags}
	if node != "" {
		m.MNID = wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte(node)})
	}
	return m
}

// OPS-06, OPS-07, OPS-08, OPS-09, OPS-11, OPS-12, OPS-13, OPS-14, OPS-19: every counter of the LMA is compared with what was injected, and whatever
// moves without cause is found, too.
func TestOPS06_CountersOfTheLMAOneByOne(t *testing.T) {
	d := newDomain(t)
	seen := map[string]bool{}
	cfg := *d.config.LMAs["lma1"]
	cfg.Revocation = mobility.Revocation{DelayMin: time.Second, DelayMax: 2 * time.Second, Retries: 1}
	for name, at := range map[string]string{"mag2": "2001:db8::12", "cmag1": "192.0.2.77", "cmag2": "192.0.2.78"} {
		cfg.Peers = cfg.Peers.With(name, &mobility.Peer{Name: name, Domain: "example.net", Addresses: []netip.Addr{addr(at)}}, nil)
	}
	d.config.LMAs["lma1"] = &cfg
	d.lma.Reconfigure(d.now, &cfg, new(mobility.Effects))
	for _, s := range []side{ours, theirs} {
		d.update(s, "first", nil) // lets the high-water marks be, and the MAG be known
		d.revokeNewest(s, wire.RevocationSuccess)
		d.walkUpdates(seen, s)
		d.walkRevocations(seen, s)
	}
	d.walkHandovers(seen)
	d.walkHeartbeats(seen)
	d.walkPools(seen)
	d.uncounted(seen, "lma/")
}

// answered is what an update and an acknowledgement with a status count.
func (s side) answered(status wire.Status, more ...string) numbers {
	return s.counted("pbu/received", "pba/sent", fmt.Sprintf("pba/by-status[%d]/count", status)).with(s.counted(more...))
}

func (s side) discarded(why mobility.DropReason) numbers {
	return s.counted("pbu/received", "pbu/dropped", "drop["+why.String()+"]/count")
}

func (s side) revoked(trigger wire.RevocationTrigger) numbers {
	return s.counted("bri/sent/count", fmt.Sprintf("bri/sent/by-trigger[%d]/count", trigger))
}

// walkUpdates has a side send updates of each kind, and what is thrown away for each reason. One session is there at a time.
func (d *domain) walkUpdates(seen map[string]bool, s side) {
	update := func(node string, change func(*wire.BindingUpdate)) func() {
		return func() { d.update(s, node, change) }
	}
	leave := func(u *wire.BindingUpdate) { u.Lifetime = 0 }
	unchanged := func(u *wire.BindingUpdate) { u.Handoff = wire.Some(wire.HandoffUnchanged) }
	second := func(u *wire.BindingUpdate) { u.LinkLayerID = wire.Some(wire.LinkLayerID("second")) }
	garbage := func(kind wire.ErrorKind) func() { return func() { d.tell(s, nil, &wire.DecodeError{Kind: kind}) } }
	initial := s.answered(wire.StatusAccepted, "pbu/accepted/initial")
	d.walk(seen, []step{
		{"nothing", func() { d.advance(time.Second) }, nil},
		{"a new node", update("a", nil), initial.with(s.sessions(1))},
		{"an extension", update("a", unchanged), s.answered(wire.StatusAccepted, "pbu/accepted/refresh")},
		{"it leaves", update("a", leave), s.answered(wire.StatusAccepted, "pbu/accepted/de-registration")},
		{"it is forgotten", func() { d.advance(10 * time.Second) }, s.sessions(-1)},
		{"a lifetime ends", func() { d.update(s, "a", nil); d.advance(time.Hour) }, initial},
		{"a node again", update("a", nil), initial.with(s.sessions(1))},

		{"no proxy flag", update("a", func(u *wire.BindingUpdate) { u.Flags &^= wire.UpdateP }), s.discarded(mobility.DropNotProxy)},
		{"a care-of address of nobody", update("a", func(u *wire.BindingUpdate) { u.AltCareOf = wire.Some(addr("ff02::1")) }), s.discarded(mobility.DropMalformed)},
		{"an authentication that nobody can check", update("a", func(u *wire.BindingUpdate) { u.Auth = []wire.AuthOption{{Subtype: wire.AuthMNHA, SPI: 256}} }), s.discarded(mobility.DropNoKey)},
		{"leave of nothing", update("stranger", leave), s.discarded(mobility.DropNoSession)},
		{"a checksum", garbage(wire.KindChecksum), s.counted("drop[checksum]/count")},
		{"an unknown type", garbage(wire.KindType), s.counted("drop[unknown-type]/count")},
		{"garbage", func() { d.tell(s, nil, &wire.DecodeError{}) }, s.counted("drop[malformed]/count")},
		{"a message for a MAG", func() { d.tell(s, &wire.BindingAck{}, nil) }, s.counted("drop[unexpected]/count")},
		{"nothing can be stored", func() { d.lma.SetStorable(false); d.update(s, "a", unchanged); d.lma.SetStorable(true) }, s.discarded(mobility.DropOverload)},
		{"an acknowledgement that cannot be sent", func() { d.cut = true; d.update(s, "a", unchanged); d.cut = false },
			s.answered(wire.StatusAccepted, "pbu/accepted/refresh", "pba/dropped")},

		{"does the node move, or come twice?", update("a", second), s.counted("pbu/received").with(s.revoked(wire.TriggerHandoverUnknown))},
		{"asked again", update("a", second), s.discarded(mobility.DropSuperseded)},
		{"its MAG asks for something else, and is answered", update("a", unchanged), s.answered(wire.StatusAccepted, "pbu/accepted/refresh", "pbu/dropped", "drop[superseded]/count")},
		{"the question is repeated once", func() { d.advance(time.Minute) }, s.revoked(wire.TriggerHandoverUnknown)},
		{"the node is gone", func() { d.advance(time.Hour) }, s.sessions(-1)},
	})
}

// walkRevocations has a MAG revoke for each reason, with each outcome, and acknowledge with each status.
func (d *domain) walkRevocations(seen map[string]bool, s side) {
	var steps []step
	for _, c := range []struct {
		trigger wire.RevocationTrigger
		flags   wire.RevocationFlags
		node    string
		status  wire.RevocationStatus
		gone    int
	}{
		{wire.TriggerUnspecified, wire.RevocationP, "x" + s.realm, wire.RevocationNoBinding, 0},
		{wire.TriggerAdministrative, wire.RevocationP, "", wire.RevocationIdentityRequired, 0},
		{wire.TriggerHandoverSameATT, 0, "n" + s.realm, wire.RevocationFunctionNotSupported, 0},
		{wire.TriggerHandoverOtherATT, wire.RevocationP | wire.RevocationV, "n" + s.realm, wire.RevocationIPv4HoARequired, 0},
		{wire.TriggerHandoverUnknown, wire.RevocationP, "x" + s.realm, wire.RevocationNoBinding, 0},
		{wire.TriggerUserInitiated, wire.RevocationP, "n" + s.realm, wire.RevocationSuccess, 1},
		{wire.TriggerAccessNetwork, wire.RevocationP, "n" + s.realm, wire.RevocationNoBinding, 0},
		{wire.TriggerOutOfSync, wire.RevocationP, "n" + s.realm, wire.RevocationNoBinding, 0},
		{8, wire.RevocationP, "n" + s.realm, wire.RevocationTriggerNotSupported, 0},
		{wire.TriggerPerPeerPolicy, wire.RevocationP | wire.RevocationG, "n" + s.realm, wire.RevocationGlobalNotAuthorized, 0},
		{wire.TriggerLocalPolicy, wire.RevocationP | wire.RevocationG, "n" + s.realm, wire.RevocationFunctionNotSupported, 0},
	} {
		steps = append(steps, step{fmt.Sprintf("the MAG revokes, %v", c.trigger), func() { d.tell(s, revocation(c.trigger, c.flags, c.node), nil) },
			s.counted("bri/received/count", fmt.Sprintf("bri/received/by-trigger[%d]/count", c.trigger), "bra/sent/count", fmt.Sprintf("bra/sent/by-status[%d]/count", c.status)).
				with(s.sessions(-c.gone))})
	}
	for _, status := range []wire.RevocationStatus{wire.RevocationSuccess, wire.RevocationPartialSuccess, wire.RevocationNoBinding, wire.RevocationIPv4HoARequired,
		wire.RevocationGlobalNotAuthorized, wire.RevocationIdentityRequired, wire.RevocationMNAttached, wire.RevocationTriggerNotSupported,
		wire.RevocationFunctionNotSupported, wire.RevocationProxyNotSupported} {
		steps = append(steps, step{fmt.Sprintf("a revocation is answered %v", status), func() { d.update(s, "y", nil); d.revokeNewest(s, status) },
			s.answered(wire.StatusAccepted, "pbu/accepted/initial", "bra/received/count", fmt.Sprintf("bra/received/by-status[%d]/count", status)).with(s.revoked(wire.TriggerAdministrative))})
	}
	steps = append(steps,
		step{"a revocation is never answered, and repeated once", func() {
			d.update(s, "z", nil)
			var out mobility.Effects
			for b := range d.tables.lma.ByNode(mobility.NAI("z" + s.realm)) {
				d.lma.Clear(d.now, b.ID, &out)
			}
			out.Send[0].CountUnsent()
			d.advance(time.Second)
			d.advance(time.Minute)
		}, s.answered(wire.StatusAccepted, "pbu/accepted/initial", "bri/sent/dropped").with(s.revoked(wire.TriggerAdministrative), s.revoked(wire.TriggerAdministrative))},
		step{"an acknowledgement that cannot be sent", func() {
			sent := d.tell(s, revocation(wire.TriggerUserInitiated, wire.RevocationP, "n"+s.realm), nil)
			sent[0].CountUnsent()
		}, s.counted("bri/received/count", "bri/received/by-trigger[5]/count", "bra/sent/count", "bra/sent/by-status[128]/count", "bra/sent/dropped")},
		step{"a revocation that is not authentic", func() {
			m := revocation(wire.TriggerUserInitiated, wire.RevocationP, "n"+s.realm)
			m.Auth = []wire.AuthOption{{Subtype: wire.AuthMNHA, SPI: 256}}
			d.tell(s, m, nil)
		}, s.counted("bri/received/count", "bri/received/dropped", "drop[revocation]/count")},
		step{"an acknowledgement of nothing", func() { d.tell(s, &wire.RevocationAck{Seq: 9999, Flags: wire.RevocationP}, nil) },
			s.counted("bra/received/count", "bra/received/dropped", "drop[revocation]/count")},
	)
	d.update(s, "n", nil)
	d.walk(seen, steps)
}

// walkHandovers moves a node of the LMA, and one of the customer, from another MAG.
func (d *domain) walkHandovers(seen map[string]bool) {
	between := func(u *wire.BindingUpdate) { u.Handoff = wire.Some(wire.HandoffBetweenMAGs) }
	for _, c := range []struct {
		side
		other, from, at string
		handed          []string
	}{
		{ours, "lma/peers/peer[id='mag2']/", "[2001:db8::12]:0", "lma/peers/peer[id='mag1']/path[2001:db8::11]/", []string{"lma/statistics/summary/handoff-count"}},
		{theirs, "lma/peers/peer[id='cmag2@CUST1/CUSTSP']/", "192.0.2.78:5436", customerMAG + "path[192.0.2.77]/",
			[]string{"lma/statistics/summary/handoff-count", customerPath + "statistics/handoff-count"}},
	} {
		other := c.side
		other.from.Addr = netip.MustParseAddrPort(c.from)
		d.update(other, "h", nil)
		left := "path[" + other.from.Addr.Addr().String() + "]/"
		told := c.revoked(wire.TriggerHandoverSameATT) // to the MAG that it leaves
		for name, by := range (&step{changes: told}).wanted() {
			delete(told, name)
			if _, counter, at := strings.Cut(name, "]/statistics/"); at && strings.HasPrefix(name, "lma/peers") {
				name = c.other + "statistics/" + counter
			}
			told[name] = by
		}
		for name := range told {
			if strings.HasPrefix(name, c.place) {
				delete(told, name)
			}
		}
		moved := c.answered(wire.StatusAccepted, "pbu/accepted/handover").with(told, numbers{c.other + "bindings": -1, c.other + left + "bindings": -1,
			strings.SplitAfter(c.at, "]/")[0] + "bindings": 1, c.at + "bindings": 1})
		for _, name := range c.handed {
			moved[name]++
		}
		d.walk(seen, []step{{"a handover", func() { d.update(c.side, "h", between) }, moved}})
		d.revokeNewest(c.side, wire.RevocationSuccess)
	}
}

// walkHeartbeats lets the LMA watch a path until it is down, and answers again.
func (d *domain) walkHeartbeats(seen map[string]bool) {
	const path = "lma/peers/peer[id='mag1']/path[2001:db8::11]/heartbeat/"
	d.advance(time.Second) // indications are repeated, and given up
	d.advance(time.Minute)
	cfg := *d.config.LMAs["lma1"]
	cfg.Heartbeat = mobility.Heartbeat{Interval: time.Minute, Timeout: 10 * time.Second, Retries: 1}
	d.config.LMAs["lma1"] = &cfg
	var out mobility.Effects
	d.lma.Reconfigure(d.now, &cfg, &out)
	d.update(ours, "watched", func(u *wire.BindingUpdate) { u.Lifetime = wire.LifetimeOf(10 * time.Minute) })
	var seq uint32
	ask := func() {
		out.Reset()
		d.lma.Advance(d.now, &out)
		for _, sent := range out.Send {
			seq = inbound(sent).Message.(*wire.Heartbeat).Seq
		}
	}
	d.walk(seen, []step{
		{"a request", ask, numbers{path + "requests-sent": 1}},
		{"an answer in time", func() { d.tell(ours, &wire.Heartbeat{Flags: wire.HeartbeatR, Seq: seq}, nil) }, numbers{path + "responses-received": 1}},
		{"another request", func() { d.now = d.now.Add(time.Minute); ask() }, numbers{path + "requests-sent": 1}},
		{"it is too late", func() { d.now = d.now.Add(10 * time.Second); ask() }, numbers{path + "missed": 1}},
		{"an answer all the same", func() { d.tell(ours, &wire.Heartbeat{Flags: wire.HeartbeatR, Seq: seq}, nil) }, numbers{path + "missed": -1}},
		{"an answer to nothing", func() { d.tell(ours, &wire.Heartbeat{Flags: wire.HeartbeatR, Seq: 999}, nil) }, numbers{"lma: drop[heartbeat]/count": 1}},
		{"the MAG asks", func() { d.tell(ours, &wire.Heartbeat{Seq: 9}, nil) }, numbers{path + "requests-received": 1}},
	})
	d.revokeNewest(ours, wire.RevocationSuccess)
}

// walkPools fills a customer's pools and those of the tiny network.
func (d *domain) walkPools(seen map[string]bool) {
	const pools = customerPath + "network/authorized[name='cust']/pool/"
	const mnp = customerPath + "mnp/"
	taken := func(pool string, n, high int) numbers {
		return numbers{pools + pool + "/usage/used": n, pools + pool + "/usage/free": -n, pools + pool + "/usage/high-water": high}
	}
	networks := func(u *wire.BindingUpdate) { u.DMNPs = append(slices.Clone(twice[0]), twice[1][0]) }
	d.walk(seen, []step{
		{"a customer's node with networks", func() { d.update(theirs, "n", networks) },
			theirs.answered(wire.StatusAccepted, "pbu/accepted/initial").with(theirs.sessions(1), numbers{mnp + "ipv4/in-use": 2, mnp + "ipv6/in-use": 1, mnp + "all/in-use": 3},
				taken("mobile-network/ipv4[20.20.20.1]", 2, 2), taken("mobile-network/ipv6[2002:20:0:1::1]", 1, 1))},
		{"the pool is empty", func() { d.update(theirs, "m", nil) }, theirs.answered(wire.StatusInsufficientResources)},
		{"the networks go, and the node stays", func() {
			d.update(theirs, "n", func(u *wire.BindingUpdate) { u.Handoff = wire.Some(wire.HandoffUnchanged) })
		}, theirs.answered(wire.StatusAccepted, "pbu/accepted/refresh").with(numbers{mnp + "ipv4/in-use": -2, mnp + "ipv6/in-use": -1, mnp + "all/in-use": -3},
			taken("mobile-network/ipv4[20.20.20.1]", -2, 0), taken("mobile-network/ipv6[2002:20:0:1::1]", -1, 0))},
		{"marks begin anew", func() { d.lma.LowerMarks(d.now) }, numbers{"lma/network[name='home']/pool/mobile-node/ipv6/usage/high-water": -1, "lma/entitlement/peak-bce-count": 0,
			pools + "mobile-network/ipv4[20.20.20.1]/usage/high-water": -2, pools + "mobile-network/ipv6[2002:20:0:1::1]/usage/high-water": -1}},
	})
	if got := d.value(d.t, "/mooring-pmipv6:pmipv6/lma[name='lma1']/mobile-local-loop/customer[name='CUST1']/network/authorized[name='cust']/pool/mobile-node/ipv6/usage/last-exhausted"); got == "" {
		d.t.Error("nobody says when the pool was found empty")
	}
}

// elsewhere are the numbers that no message of this test can move, and what proves them.
var elsewhere = map[string]string{
	"lma/statistics/accounting":                            "TestOPS10_EachCounterOfAccounting; mobility/aaa/accountant counts",
	"lma/mobile-local-loop/customer/statistics/accounting": "TestOPS10_EachCounterOfAccounting; mobility/aaa/accountant counts",
	"lma/statistics/packets":                               "TestOPS05_Packets; cmd/mooring/element TestOPS05_OverSockets; mobility/transport TestUnreadable and TestOverrun",
	"mag/statistics/packets":                               "TestOPS05_Packets",
	"lma/tunnels/tunnel":                                   "TestOPS18_EachCounterOfATunnel; dataplane/usertun and dataplane/kernel count",
	"mag/tunnels/tunnel":                                   "TestOPS18_EachCounterOfATunnel",
	"lma/bindings":                                         "TestOPS01_BindingIsWhatTheUpdateSaid",
	"mag/bindings":                                         "TestOPS01_BindingIsWhatTheUpdateSaid",
}

// uncounted fails the test for every counter below a machine that no step has moved.
func (d *domain) uncounted(seen map[string]bool, machine string) {
	d.t.Helper()
	var look func(path string, def *schema.Node)
	look = func(path string, def *schema.Node) {
		if elsewhere[path] != "" {
			return
		}
		for _, kid := range def.Children {
			look(path+"/"+kid.Name, kid)
		}
		if isCounter(def) && !def.Config && !seen[path] && strings.HasPrefix(path, machine) {
			d.t.Errorf("no step moves %s", path)
		}
	}
	look("lma", element().Find("/mooring-pmipv6:pmipv6/lma"))
	look("mag", element().Find("/mooring-pmipv6:pmipv6/mag"))
}
