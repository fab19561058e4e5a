package apply

import "mooring/mobility"

// markingStruct is what the structs of a dscp container have in common.
type markingStruct interface {
	GetControlPlane() uint8
	GetForce() bool
}

// marking translates a dscp container.
func marking(x markingStruct) mobility.Marking {
	return mobility.Marking{CodePoint: x.GetControlPlane(), Force: x.GetForce()}
}

// peerMarking translates a dscp container of a peer: without a code point of its own it is marked as all are.
func peerMarking(x markingStruct) *mobility.Marking {
	if x.GetControlPlane() == 0 {
		return nil
	}
	return new(marking(x))
}
