package dataplane

import (
	"net/netip"
	"slices"
	"strings"
)

// Adoption has the tunnel between an anchor and one of its peers be an interface that somebody else has made, and keeps: it is used as it
// is. While the host does not have it, or it is no tunnel between the two, they have none (feature PEER-05).
type Adoption struct {
	Device string
	Encap  Encap // that the two are to use; 0: GRE, or IP in IP
	*Ends
}

// Ends are the addresses that two nodes may be at. They are never changed after they were handed over: two adoptions are the same if they
// share them.
type Ends struct{ Local, Peer []netip.Addr }

// AdoptionKey is the name of the interface.
type AdoptionKey string

// Key implements Object.
func (a Adoption) Key() any { return AdoptionKey(a.Device) }

// Covers reports whether a tunnel is to be the interface.
func (a Adoption) Covers(id TunnelID) bool {
	return id.VRF == "" && slices.Contains(a.Local, id.Local) && slices.Contains(a.Peer, id.Peer)
}

// Tunnels are those that the interface may be.
func (a Adoption) Tunnels() (all []TunnelID) {
	encaps := []Encap{a.Encap}
	if a.Encap == 0 {
		encaps = []Encap{EncapGRE, EncapIP}
	}
	for _, local := range a.Local {
		for _, peer := range a.Peer {
			if local.Is4() != peer.Is4() {
				continue
			}
			for _, encap := range encaps {
				all = append(all, TunnelID{Local: local, Peer: peer, Encap: encap})
			}
		}
	}
	return all
}

// String is the whole content.
func (a Adoption) String() string {
	s := "adopt " + a.Device
	if a.Encap != 0 {
		s += " as " + a.Encap.String()
	}
	return s + " " + addresses(a.Local) + " > " + addresses(a.Peer)
}

func addresses(list []netip.Addr) string {
	var texts []string
	for _, a := range list {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ",")
}
