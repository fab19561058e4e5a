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
		wish         Wish
		noVRFDevices bool
		encaps       []dataplane.Encap
	}{
		{"kernel, vrf interfaces", Kernel, false, []dataplane.Encap{dataplane.EncapGRE, dataplane.EncapIP}},
		{"kernel, namespaces", Kernel, true, []dataplane.Encap{dataplane.EncapGRE}},
		{"user space, vrf interfaces", Userspace, false, []dataplane.Encap{dataplane.EncapUDP, dataplane.EncapIP}},
	} {
		t.Run(c.name, func(t *testing.T) {
			planetest.VRFs(t, func(ns *netlink.Namespace) (planetest.Plane, error) {
				p, err := Open(Options{Namespace: ns, NoVRFDevices: c.noVRFDevices})
				if err != nil {
					return nil, err
				}
				return p, p.Use(c.wish)
			}, openAuto, c.encaps...)
		})
	}
}
