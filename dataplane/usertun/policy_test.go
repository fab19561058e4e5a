package usertun

import (
	"testing"

	"mooring/dataplane/netlink"
	"mooring/dataplane/planetest"
)

// Every discarded packet is counted by its reason, of its tunnel, with the fast path and without.
func TestOPS18_DropsByTunnel(t *testing.T) {
	t.Run("fast path", func(t *testing.T) {
		planetest.Drops(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) })
	})
	t.Run("user space", func(t *testing.T) {
		planetest.Drops(t, func(ns *netlink.Namespace) (planetest.Plane, error) {
			return openPlaneOf(Options{UserSpaceOnly: true}, ns)
		})
	})
}

// ACL-01, ACL-02, ACL-03, ACL-04, ACL-05, TUN-01, TUN-02 and TUN-03 with packets, with the fast path and without.
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
