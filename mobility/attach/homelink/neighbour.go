package homelink

import (
	"mooring/mobility/attach/frame"
)

// answerSolicitation answers for the link-local address that the LMA chose for this session (RFC 5213 section 6.8). One that is the same for
// all links belongs to the host, which answers for it.
func (m *Machine) answerSolicitation(n *node, f *frame.Frame, out *Effects) {
	if f.Target != n.grant.LinkLocal || f.Target == m.mag.Domain.LinkLocal {
		return
	}
	b, err := m.gateway(n).NeighbourAdvertisement(n.mac, f.Source)
	m.send(b, err, out)
}
