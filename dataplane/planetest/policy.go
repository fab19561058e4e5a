package planetest

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// PolicyPlane is a Plane that says what its rules have decided about.
type PolicyPlane interface {
	Plane
	Matches() map[dataplane.MatchKey]dataplane.Matches
}

// Policies tests with packets, for one kind of binding of each encapsulation, what policies let pass.
func Policies(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	for _, name := range []string{"ip4", "gre6-key", "udp4"} {
		t.Run(name, func(t *testing.T) {
			d := policedDomain{Bind(t, open, Bindings()[name])}
			t.Run("ACL-01..05 TUN-02 an anchor filters what comes from gateways", d.filtersUplink)
			t.Run("INC-17 a gateway filters what comes from anchors", d.filtersDownlink)
			t.Run("a list that is replaced loses nothing", d.replacesList)
			t.Run("TUN-03 nodes do not reach each other", d.keepsApart)
		})
		t.Run(name+" TUN-01 the segment size of TCP fits", func(t *testing.T) {
			b := Bindings()[name]
			b.MTU = 1360
			policedDomain{Bind(t, open, b)}.clamps(t)
		})
	}
}

// policedDomain is a domain whose anchor and gateway have policies.
type policedDomain struct{ *BoundDomain }

// policy returns that of the binding's tunnel at one side.
func (d policedDomain) policy(side dataplane.Side) dataplane.Policy {
	anchor, access := d.Tunnels()
	if side == dataplane.Access {
		anchor = access
	}
	return dataplane.Policy{PolicyKey: dataplane.PolicyKey{Local: anchor.Local, Side: side}}
}

// listed returns the policy with an access list about both IP versions.
func (d policedDomain) listed(side dataplane.Side, name string, rules ...dataplane.AccessRule) dataplane.Policy {
	p := d.policy(side)
	p.Inbound = &dataplane.Filter{List: &dataplane.AccessList{Name: name, V4: true, V6: true, Rules: rules}}
	return p
}

func matchesOf(p Plane, list, rule string) dataplane.Matches {
	return p.(PolicyPlane).Matches()[dataplane.MatchKey{List: list, Rule: rule}]
}

// protocol of rules.
func protocol(n uint8) dataplane.Octet { return dataplane.Octet{Value: n, Set: true} }

func portOf(c *net.UDPConn) dataplane.Ports {
	n := uint16(c.LocalAddr().(*net.UDPAddr).Port)
	return dataplane.Ports{From: n, To: n, Set: true}
}

// expectOnly sends a datagram to every sink, and checks that those get it, and those alone, that are to get it. The last one is.
func expectOnly(t *testing.T, from *net.UDPConn, sinks []*net.UDPConn, passes ...bool) {
	t.Helper()
	for i, sink := range sinks {
		send(t, from, sink)
		if passes[i] && !arrives(t, sink, patience) {
			t.Errorf("nothing arrives at %s from %s", sink.LocalAddr(), from.LocalAddr())
		}
	}
	for i, sink := range sinks {
		if !passes[i] && arrives(t, sink, 20*time.Millisecond) {
			t.Errorf("a packet arrives at %s from %s", sink.LocalAddr(), from.LocalAddr())
		}
	}
}

func (d policedDomain) filtersUplink(t *testing.T) {
	d.carries(t) // also has the kernel carry what it can
	must(t, d.Node.Address("eth0", otherAddr+"/32"))
	anchor, access := d.Objects(t, d.Node, prefix(otherAddr+"/32"))
	apply(t, d.Access, put(access...))
	apply(t, d.Anchor, put(anchor...))
	node, other, node6 := listen(t, d.Node, NodeAddr4), listen(t, d.Node, otherAddr), listen(t, d.Node, NodeAddr6)
	web, elsewhere := listen(t, d.CN, CNAddr4), listen(t, d.CN, CNAddr4)
	sinks6 := []*net.UDPConn{listen(t, d.CN, CNAddr6), listen(t, d.CN, CNAddr6)}
	before := filtered(d.Anchor)
	policy := d.listed(dataplane.Anchor, "acl1",
		dataplane.AccessRule{Name: "10", Version: 4, Source: prefix(otherAddr + "/32")},
		dataplane.AccessRule{Name: "20", Permit: true, Version: 4, Protocol: protocol(17), Destination: prefix("203.0.113.0/24"), DestinationPorts: portOf(web)},
		dataplane.AccessRule{Name: "30", Permit: true, Version: 4, Protocol: protocol(6)},
		dataplane.AccessRule{Name: "40", Permit: true, Version: 6, Protocol: protocol(17), SourcePorts: portOf(node6), DestinationPorts: portOf(sinks6[1])})
	apply(t, d.Anchor, put(policy))
	sinks4 := []*net.UDPConn{elsewhere, web}
	expectOnly(t, node, sinks4, false, true)
	expectOnly(t, other, sinks4, false, false)
	expectOnly(t, node6, sinks6, false, true)
	if d.echoes(t) {
		t.Error("an echo request passes, and no rule permits it")
	}
	eventually(t, "the anchor counts what it filtered, and perhaps what TCP has still to say", func() bool { return filtered(d.Anchor) >= before+5 })
	for rule, want := range map[string]dataplane.Matches{"10": {Packets: 2, Octets: 2 * (20 + 8 + 5)}, "20": {Packets: 1, Octets: 20 + 8 + 5}, "40": {Packets: 1, Octets: 40 + 8 + 5}} {
		if got := matchesOf(d.Anchor, "acl1", rule); got != want {
			t.Errorf("rule %s has decided about %+v, want %+v", rule, got, want)
		}
	}
	Transfer(t, d.Node, d.CN, CNAddr4)
	if got := matchesOf(d.Anchor, "acl1", "30"); got.Octets < 1<<20 || got.Packets < 16 {
		t.Errorf("the rule of TCP has decided about %+v", got)
	}
	apply(t, d.Anchor, toRemove(policy))
	expectOnly(t, node, sinks4, true, true)
	expectOnly(t, node6, sinks6, true, true)
	if !d.echoes(t) {
		t.Error("an echo request does not pass without a policy")
	}
	if got := matchesOf(d.Anchor, "acl1", "20"); got != (dataplane.Matches{}) {
		t.Errorf("without a policy, its rule has %+v", got)
	}
	apply(t, d.Access, toRemove(access[2:]...))
	apply(t, d.Anchor, toRemove(anchor[1:]...))
}

func (d policedDomain) filtersDownlink(t *testing.T) {
	source := listen(t, d.CN, CNAddr4)
	sinks := []*net.UDPConn{listen(t, d.Node, NodeAddr4), listen(t, d.Node, NodeAddr4)}
	policy := d.listed(dataplane.Access, "down",
		dataplane.AccessRule{Name: "not", Version: 4, Protocol: protocol(17), DestinationPorts: portOf(sinks[0])},
		dataplane.AccessRule{Name: "rest", Permit: true, Version: 4})
	apply(t, d.Access, put(policy))
	expectOnly(t, source, sinks, false, true)
	if got := matchesOf(d.Access, "down", "not"); got.Packets != 1 {
		t.Errorf("the rule that denies has decided about %+v", got)
	}
	apply(t, d.Access, toRemove(policy))
	expectOnly(t, source, sinks, true, true)
}

// replacesList changes the list under a running flow that every version of it permits.
func (d policedDomain) replacesList(t *testing.T) {
	udp := dataplane.AccessRule{Name: "udp", Permit: true, Version: 4, Protocol: protocol(17)}
	versions := []dataplane.Policy{
		d.listed(dataplane.Anchor, "acl1", udp),
		d.listed(dataplane.Anchor, "acl1", dataplane.AccessRule{Name: "before", Version: 4, Protocol: protocol(6)}, udp),
	}
	apply(t, d.Anchor, put(versions[0]))
	flow := StartFlow(t, d.Node, d.CN, CNAddr4)
	for i := range 20 {
		time.Sleep(5 * time.Millisecond)
		apply(t, d.Anchor, put(versions[i%2]))
		expectPolicy(t, d.Anchor, versions[i%2])
	}
	sent, got := flow.StopAfter(t, 50)
	if got != sent {
		t.Errorf("%d packets arrived of %d", got, sent)
	}
	if counted := matchesOf(d.Anchor, "acl1", "udp").Packets; counted < uint64(sent)/2 || counted > uint64(sent) { // some pass uncounted at each replacement; from 0, it would be a third
		t.Errorf("the rule has decided about %d packets of %d: it does not go on counting", counted, sent)
	}
	apply(t, d.Anchor, toRemove(versions[0]))
}

func expectPolicy(t *testing.T, p Plane, want dataplane.Policy) {
	t.Helper()
	for o, err := range p.Dump(t.Context()) {
		must(t, err)
		if o == dataplane.Object(want) {
			return
		}
	}
	t.Errorf("the host does not have %s", want)
}

// keepsApart has another node at the same gateway, and the list of pools that TUN-03 makes of itself.
func (d policedDomain) keepsApart(t *testing.T) {
	const neighbour4, neighbour6 = "10.0.0.9", "2001:db8:9::9"
	neighbour := newNamespace(t, "neighbour")
	must(t, netns.Connect(neighbour, "eth0", d.MAG, "access2"),
		neighbour.Address("eth0", neighbour4+"/32"), neighbour.Address("eth0", neighbour6+"/64"))
	Attach(t, neighbour)
	anchor, access := d.Objects(t, neighbour, prefix(neighbour4+"/32"), prefix("2001:db8:9::/64"))
	for i, o := range access {
		access[i] = onLink(o, "access2")
	}
	apply(t, d.Access, put(access...))
	apply(t, d.Anchor, put(anchor...))
	policy := d.policy(dataplane.Anchor)
	policy.Inbound = &dataplane.Filter{Blocked: []netip.Prefix{prefix("10.0.0.0/24"), prefix("2001:db8:1::/64"), prefix("2001:db8:9::/64")}}
	for _, at := range []struct{ from, to, cn string }{{NodeAddr4, neighbour4, CNAddr4}, {NodeAddr6, neighbour6, CNAddr6}} {
		source := listen(t, d.Node, at.from)
		sinks := []*net.UDPConn{listen(t, neighbour, at.to), listen(t, d.CN, at.cn)}
		expectOnly(t, source, sinks, true, true)
		apply(t, d.Anchor, put(policy))
		expectOnly(t, source, sinks, false, true)
		back := listen(t, d.CN, at.cn)
		expectOnly(t, back, []*net.UDPConn{sinks[0], source}, true, true) // they are reached from elsewhere
		apply(t, d.Anchor, toRemove(policy))
	}
	apply(t, d.Access, toRemove(append(access[:1:1], access[2:]...)...)) // the tunnel has another node
	apply(t, d.Anchor, toRemove(anchor[1:]...))
}

// onLink moves what is on the access interface to another one.
func onLink(o dataplane.Object, name string) dataplane.Object {
	switch o := o.(type) {
	case dataplane.Link:
		o.Name = name
		return o
	case dataplane.Route:
		o.Via.Link = name
		return o
	case dataplane.SourceRoute:
		o.Link = name
		return o
	case dataplane.Neighbour:
		o.Link = name
		return o
	}
	return o
}

func (d policedDomain) clamps(t *testing.T) {
	const timestamps = 12 // octets of an option that each segment has (RFC 7323)
	fits := map[string]int{CNAddr4: d.MTU - 40 - timestamps, CNAddr6: d.MTU - 60 - timestamps}
	for cn, most := range fits {
		if node, far := segmentSizes(t, d.Node, d.CN, cn); node <= most || far <= most {
			t.Errorf("without a policy, %s already has segments of %d and %d octets: nothing is tested", cn, node, far)
		}
	}
	policy := d.policy(dataplane.Anchor)
	policy.ClampMSS = true
	apply(t, d.Anchor, put(policy))
	for cn, most := range fits {
		if node, far := segmentSizes(t, d.Node, d.CN, cn); node != most || far != most {
			t.Errorf("to %s segments have %d and %d octets, want %d", cn, node, far, most)
		}
	}
	d.carries(t)
	apply(t, d.Anchor, toRemove(policy))
	policy = d.policy(dataplane.Access)
	policy.ClampMSS = true
	apply(t, d.Access, put(policy))
	for cn, most := range fits {
		if node, far := segmentSizes(t, d.Node, d.CN, cn); node != most || far != most {
			t.Errorf("to %s, by the gateway, segments have %d and %d octets, want %d", cn, node, far, most)
		}
	}
	apply(t, d.Access, toRemove(policy))
}

// segmentSizes returns the maximum segment sizes that the two ends of a new connection send with.
func segmentSizes(t *testing.T, from, to *netns.Host, addr string) (source, sink int) {
	t.Helper()
	var l net.Listener
	must(t, to.Do(func() (err error) { l, err = net.Listen("tcp", net.JoinHostPort(addr, "0")); return }))
	defer l.Close()
	c := dial(t, from, l.Addr().String())
	defer c.Close()
	server, err := l.Accept()
	must(t, err)
	defer server.Close()
	for end, size := range map[net.Conn]*int{c: &source, server: &sink} {
		raw, err := end.(syscall.Conn).SyscallConn()
		must(t, err, raw.Control(func(fd uintptr) {
			*size, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG)
		}), err)
	}
	return source, sink
}

// echoes reports whether the correspondent answers an ICMP echo request of the node.
func (d policedDomain) echoes(t *testing.T) bool {
	t.Helper()
	var c net.PacketConn
	must(t, d.Node.Do(func() (err error) { c, err = net.ListenPacket("ip4:icmp", NodeAddr4); return }))
	defer c.Close()
	id := int(time.Now().UnixNano() & 0xffff)
	request, err := (&icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: id}}).Marshal(nil)
	must(t, err)
	_, err = c.WriteTo(request, &net.IPAddr{IP: net.ParseIP(CNAddr4)})
	must(t, err, c.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	for b := make([]byte, 1500); ; {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			return false
		}
		if m, err := icmp.ParseMessage(1, b[:n]); err == nil && m.Type == ipv4.ICMPTypeEchoReply && m.Body.(*icmp.Echo).ID == id {
			return true
		}
	}
}

// filtered counts what policies did not let pass.
func filtered(p dataplane.Plane) uint64 {
	tunnels, all := p.Tunnels()
	for _, state := range tunnels {
		all.Add(state.Drops)
	}
	return all.Filtered
}
