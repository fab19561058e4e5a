package usertun

import (
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/planetest"
)

// Customers and operators have routing tables of their own (MLL-23); here those are namespaces.
func TestMLL19_CustomersAreIsolated(t *testing.T) {
	open := func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) }
	planetest.VRFs(t, open, open, dataplane.EncapGRE, dataplane.EncapUDP)
}
