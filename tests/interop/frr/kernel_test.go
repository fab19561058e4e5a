//go:build vm

package frr

import (
	"testing"

	"mooring/dataplane/backend"
)

// EXT-06, MLL-22: a neighbour that speaks BGP hears of what it may where the tunnels are the kernel's, and VRFs are vrf interfaces.
func TestEXT06_MLL22_NeighbourHearsWhatItMayOfTheKernel(t *testing.T) {
	hearsWhatItMay(t, carriage{backend.Kernel, false})
}

// EXT-07: the route with the lower distance is used beside the kernel's tunnels, too.
func TestEXT07_StaticRouteWithLowerDistanceWinsInTheKernel(t *testing.T) {
	lowerDistanceWins(t, carriage{backend.Kernel, false})
}
