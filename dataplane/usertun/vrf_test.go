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

// What strangers take away of interfaces and rules is back at once, with an event.
func TestRepairs(t *testing.T) {
	planetest.Repairs(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) }, planetest.UserSpaceHasNo...)
}

func TestVRFSettings(t *testing.T) {
	planetest.VRFSettings(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) })
}

func TestComparisons(t *testing.T) {
	planetest.Comparisons(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) }, planetest.UserSpaceReceives...)
}

func TestForeigners(t *testing.T) {
	planetest.Foreigners(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) }, false)
}

func TestForeignTraffic(t *testing.T) {
	planetest.ForeignTraffic(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) })
}

// The fast path and user space agree with what the kernel's tunnels do.
func TestOuterHeaders(t *testing.T) {
	for name, o := range map[string]Options{"fast path": {}, "user space": {UserSpaceOnly: true}} {
		t.Run(name, func(t *testing.T) {
			planetest.OuterHeaders(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openPlaneOf(o, ns) })
		})
	}
}
