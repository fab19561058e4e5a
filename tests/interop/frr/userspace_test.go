//go:build !vm

package frr

import (
	"testing"

	"mooring/dataplane/backend"
)

// EXT-06, MLL-22: a neighbour that speaks BGP hears of what it may where the kernel has neither tunnels nor vrf interfaces.
func TestEXT06_MLL22_NeighbourHearsWhatItMay(t *testing.T) {
	hearsWhatItMay(t, carriage{backend.Userspace, true})
}

// EXT-07: the route with the lower distance is used.
func TestEXT07_StaticRouteWithLowerDistanceWins(t *testing.T) {
	lowerDistanceWins(t, carriage{backend.Userspace, true})
}
