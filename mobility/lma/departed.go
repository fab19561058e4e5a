package lma

import (
	"maps"
	"net/netip"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// departFrom notes that MAGs are told from an address which the configuration has no more that their bindings have ended. Until they have acknowledged
// that, or were told often enough, the address is spoken from and listened at (RFC 5846 section 6.3).
func (m *Machine) departFrom(ends *mobility.Ends, via *transport) {
	m.departAt(mobility.VRFAddr{VRF: ends.Tunnel.VRF, Addr: ends.Local}, via)
}

func (m *Machine) departAt(at mobility.VRFAddr, via *transport) {
	if m.departed == nil {
		m.departed = map[mobility.VRFAddr]*transport{}
	}
	m.departed[at] = via
}

// speaksFrom says whether an address is the anchor's, or is left to it for what it says.
func (m *Machine) speaksFrom(at mobility.VRFAddr) bool {
	return m.departed[at] != nil || m.isHome(mobility.Endpoint{VRF: at.VRF, Addr: netip.AddrPortFrom(at.Addr, 0)})
}

// Departed yields the addresses that the anchor is not configured to have any more, and that it speaks from all the same for a while.
func (m *Machine) Departed(yield func(mobility.VRFAddr) bool) {
	maps.DeleteFunc(m.departed, func(at mobility.VRFAddr, _ *transport) bool {
		from := mobility.Endpoint{VRF: at.VRF, Addr: netip.AddrPortFrom(at.Addr, controlPort(at.Addr))}
		return m.isHome(from) || !m.revocations.SentFrom(from) && m.farewells.from[at] == 0
	})
	for at := range m.departed {
		if !yield(at) {
			return
		}
	}
}

// isHome says whether an address is one that the anchor is configured to have.
func (m *Machine) isHome(at mobility.Endpoint) bool {
	via := m.transportAt(at.VRF, at.Addr.Addr())
	return via != nil && via.isAt(at.VRF, at.Addr.Addr())
}

// wayOf returns the transport of an address, also of one that the anchor had; nil: it is none of the anchor's.
func (m *Machine) wayOf(at mobility.Endpoint) *transport {
	if len(m.departed) > 0 && !m.isHome(at) {
		if gone := m.departed[mobility.VRFAddr{VRF: at.VRF, Addr: at.Addr.Addr()}]; gone != nil {
			return gone
		}
	}
	return m.transportAt(at.VRF, at.Addr.Addr())
}

// receiveLate takes in what came to an address that the anchor had, or is about to lose: answers to what it says from there, and nothing else.
func (m *Machine) receiveLate(now time.Time, via *transport, in *mobility.Inbound, out *mobility.Effects) {
	if ack, ok := in.Message.(*wire.RevocationAck); ok && in.Err == nil {
		m.revocationAck(now, via, in, ack, out)
		return
	}
	m.stats.Dropped[mobility.DropUnexpected].Add(1)
}
