//go:build vm

package vrf

import (
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/backend"
)

// Operators in vrf interfaces reach their customers by the kernel's tunnels over UDP, too, also where the anchor has the same address in several
// (MLL-13, MLL-15, MLL-19, MP-02).
func TestMLL15_MP02_OverUDPByTheKernel(t *testing.T) {
	fromSignallingToPackets(t, carriage{backend.Kernel, dataplane.EncapUDP})
}
