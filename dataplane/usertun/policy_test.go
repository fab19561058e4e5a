package usertun

import (
	"testing"

	"mooring/dataplane/netlink"
	"mooring/dataplane/planetest"
)

func TestPolicies(t *testing.T) {
	t.Run("fast path", func(t *testing.T) {
		planetest.Policies(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) })
	})
	t.Run("user space", func(t *testing.T) {
		planetest.Policies(t, func(ns *netlink.Namespace) (planetest.Plane, error) {
			return openPlaneOf(Options{UserSpaceOnly: true}, ns)
		})
	})
}
