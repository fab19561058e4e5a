package fake_test

import (
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/fake"
	"mooring/dataplane/planetest"
)

func TestPlane(t *testing.T) {
	planetest.Test(t, func(t *testing.T) *planetest.Host {
		p := fake.New("access1", "access2")
		return &planetest.Host{
			Plane:      p,
			RemoveLink: p.RemoveLink,
			AddLink:    func(name string) { p.AddLink(name, dataplane.MAC{2}) },
			Lose:       p.Lose,
			Restart:    func() dataplane.Plane { return p }, // the host stays as it is
		}
	})
}
