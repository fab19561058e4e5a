package homelink

import (
	"math"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/attach/frame"
)

// holdTime is how long a request may wait for a grant: then its client has sent others, with other identifiers.
const holdTime = 10 * time.Second

// serveDHCP takes in what a client says (RFC 2131 section 4.3). A request that cannot be answered yet is held (RFC 5844 section
// 3.4.1), the latest one of each node.
func (m *Machine) serveDHCP(now time.Time, n *node, request *dhcpv4.DHCPv4, out *Effects) {
	if !m.link.DHCP {
		return
	}
	m.stats.DHCPReceived.Add(1)
	if request.HWType != iana.HWTypeEthernet || string(request.ClientHWAddr) != string(n.mac[:]) || !unspecified(request.GatewayIPAddr) {
		m.stats.DHCPMisaddressed.Add(1)
		return
	}
	n.request = nil
	home, ok := n.home(now)
	switch request.MessageType() {
	case dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest:
		if ok {
			m.answerDHCP(n, home, request, out)
		} else {
			m.hold(now, n, request, out)
		}
	case dhcpv4.MessageTypeInform:
		if ok {
			m.answerDHCP(n, home, request, out)
		}
	case dhcpv4.MessageTypeRelease:
		m.released(n, home, ok && addr(request.ClientIPAddr) == home.prefix.Addr(), request, out)
	case dhcpv4.MessageTypeDecline:
		m.released(n, home, ok && addr(request.RequestedIPAddress()) == home.prefix.Addr(), request, out)
	}
}

// hold keeps a request until the grant comes. Where one came without a home address, or was taken back, the core has to ask for it.
func (m *Machine) hold(now time.Time, n *node, request *dhcpv4.DHCPv4, out *Effects) {
	m.stats.DHCPHeld.Add(1)
	n.request, n.requestAt = request, now
	if !n.grantedAt.IsZero() && !n.asked {
		n.asked = true
		m.report(mobility.HomeWanted, n, out)
	}
}

// answerHeld answers the request that has waited for the grant.
func (m *Machine) answerHeld(now time.Time, n *node, out *Effects) {
	home, ok := n.home(now)
	if n.request == nil || !ok {
		return
	}
	if now.Sub(n.requestAt) < holdTime {
		m.answerDHCP(n, home, n.request, out)
	}
	n.request = nil
}

func (m *Machine) answerDHCP(n *node, home home, request *dhcpv4.DHCPv4, out *Effects) {
	home.mtu = m.linkMTU(home.mtu)
	if lease := m.link.Lease; lease > 0 {
		home.lasts = min(home.lasts, lease)
	}
	reply := home.answer(request)
	if reply == nil {
		m.stats.DHCPMisaddressed.Add(1)
		return
	}
	mac, address := destination(n.mac, reply)
	b, err := m.gateway(n).DHCP(mac, home.router, address, reply)
	if !m.send(b, err, out) {
		return
	}
	switch reply.MessageType() {
	case dhcpv4.MessageTypeOffer:
		m.stats.Offers.Add(1)
	case dhcpv4.MessageTypeAck:
		m.stats.Acks.Add(1)
	case dhcpv4.MessageTypeNak:
		m.stats.Naks.Add(1)
	}
}

// released reports that the node does without its home address. What the core makes of it comes as a grant.
func (m *Machine) released(n *node, home home, its bool, request *dhcpv4.DHCPv4, out *Effects) {
	if server := addr(request.ServerIdentifier()); !its || server.IsValid() && server != home.router {
		m.stats.DHCPMisaddressed.Add(1)
		return
	}
	m.report(mobility.HomeReleased, n, out)
}

// answer says what a server with this one address has to say to a request; nil is nothing.
func (h home) answer(request *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	switch request.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		if !request.Options.Has(dhcpv4.OptionRapidCommit) {
			return h.lease(request, dhcpv4.MessageTypeOffer)
		}
		reply := h.lease(request, dhcpv4.MessageTypeAck) // RFC 4039
		reply.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionRapidCommit, nil))
		return reply
	case dhcpv4.MessageTypeInform:
		return h.parameters(request, dhcpv4.MessageTypeAck)
	}
	if server := addr(request.ServerIdentifier()); server.IsValid() && server != h.router { // another server was chosen
		return nil
	}
	wanted := addr(request.RequestedIPAddress())
	if !wanted.IsValid() {
		wanted = addr(request.ClientIPAddr)
	}
	switch {
	case wanted == h.prefix.Addr():
		return h.lease(request, dhcpv4.MessageTypeAck)
	case wanted.IsValid() && !wanted.IsUnspecified():
		return h.reply(request, dhcpv4.MessageTypeNak)
	}
	return nil
}

// reply is what all replies have in common (RFC 2131 table 3, RFC 6842).
func (h home) reply(request *dhcpv4.DHCPv4, kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	reply := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootReply, HWType: request.HWType, ClientHWAddr: request.ClientHWAddr,
		TransactionID: request.TransactionID, Flags: request.Flags,
		Options: dhcpv4.OptionsFromList(dhcpv4.OptMessageType(kind), dhcpv4.OptServerIdentifier(h.router.AsSlice())),
	}
	if id := request.Options.Get(dhcpv4.OptionClientIdentifier); id != nil {
		reply.UpdateOption(dhcpv4.OptClientIdentifier(id))
	}
	return reply
}

// parameters is a reply with what a node has to know of its link.
func (h home) parameters(request *dhcpv4.DHCPv4, kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	reply := h.reply(request, kind)
	reply.ClientIPAddr = request.ClientIPAddr
	mask := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), h.prefix.Bits()).Masked().Addr()
	reply.UpdateOption(dhcpv4.OptSubnetMask(mask.AsSlice()))
	reply.UpdateOption(dhcpv4.OptRouter(h.router.AsSlice()))
	if h.mtu > 0 {
		reply.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, dhcpv4.Uint16(min(h.mtu, math.MaxUint16)).ToBytes()))
	}
	return reply
}

// lease is a reply with the home address.
func (h home) lease(request *dhcpv4.DHCPv4, kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	reply := h.parameters(request, kind)
	reply.YourIPAddr = h.prefix.Addr().AsSlice()
	lasts := math.MaxUint32 * time.Second // infinity (RFC 2131 section 3.3)
	if h.lasts != frame.Infinite {
		lasts = min(max(h.lasts, time.Second), lasts-time.Second)
	}
	reply.UpdateOption(dhcpv4.OptIPAddressLeaseTime(lasts))
	return reply
}

// destination is where a reply goes (RFC 2131 section 4.1): a client that has its address gets it there, one that cannot receive
// unicast yet gets it with everybody, and so does one whose idea of its address is refused.
func destination(client dataplane.MAC, reply *dhcpv4.DHCPv4) (dataplane.MAC, netip.Addr) {
	all := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	switch {
	case reply.MessageType() == dhcpv4.MessageTypeNak:
		return frame.Broadcast, all
	case !unspecified(reply.ClientIPAddr):
		return client, addr(reply.ClientIPAddr)
	case reply.IsBroadcast() || unspecified(reply.YourIPAddr):
		return frame.Broadcast, all
	}
	return client, addr(reply.YourIPAddr)
}

// initReboot recognises a client that remembers an address and wants to have it confirmed (RFC 2131 section 4.3.2).
func initReboot(m *dhcpv4.DHCPv4) bool {
	return m.MessageType() == dhcpv4.MessageTypeRequest && !addr(m.ServerIdentifier()).IsValid() &&
		unspecified(m.ClientIPAddr) && !unspecified(m.RequestedIPAddress())
}

func unspecified(b []byte) bool { return !addr(b).IsValid() || addr(b).IsUnspecified() }

func addr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}
