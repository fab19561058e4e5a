package dataplane

import "errors"

// VRF is a routing table of its own, with the interfaces that are in it. Routes, tunnels and access links name it; the empty name is the
// default VRF, which is always there.
type VRF struct {
	Name  string
	Table int // where the kernel has VRFs: the number of the routing table; 0 takes a free one
}

// Member puts an interface into a VRF, along with its addresses and the routes that lead over it. Taken out, it is in the default VRF again.
type Member struct {
	Link string
	VRF  string
}

// The keys of VRFs and of the interfaces in them.
type (
	VRFKey    string
	MemberKey string
)

func (v VRF) Key() any    { return VRFKey(v.Name) }
func (m Member) Key() any { return MemberKey(m.Link) }

// ErrNoVRF is wrapped by the errors about what is in a VRF that is not there: nobody wants it, or the host has refused it.
var ErrNoVRF = errors.New("there is no such VRF")
