//go:build vm

package backend

import (
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/planetest"
)

// Customers and operators have routing tables of their own, by every backend: vrf interfaces, or namespaces where the kernel has none.
func TestVRFs(t *testing.T) {
	for _, c := range []struct {
		name         string
		anchor, mag  Wish
		noVRFDevices bool
		encaps       []dataplane.Encap
	}{
		{"kernel, vrf interfaces", Kernel, Kernel, false, []dataplane.Encap{dataplane.EncapUDP, dataplane.EncapGRE, dataplane.EncapIP}},
		{"kernel, namespaces", Kernel, Kernel, true, []dataplane.Encap{dataplane.EncapUDP, dataplane.EncapGRE}},
		{"user space, vrf interfaces", Userspace, Auto, false, []dataplane.Encap{dataplane.EncapUDP, dataplane.EncapIP}},
	} {
		t.Run(c.name, func(t *testing.T) {
			open := func(wish Wish) func(*netlink.Namespace) (planetest.Plane, error) {
				return func(ns *netlink.Namespace) (planetest.Plane, error) {
					p, err := Open(Options{Namespace: ns, NoVRFDevices: c.noVRFDevices})
					if err != nil {
						return nil, err
					}
					return p, p.Use(wish)
				}
			}
			planetest.VRFs(t, open(c.anchor), open(c.mag), c.encaps...)
		})
	}
}
