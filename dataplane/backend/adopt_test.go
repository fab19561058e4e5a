package backend

import (
	"strings"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// Where user space carries tunnels, none can be an interface of somebody else's, and there is no other in its place.
func TestPEER05_UserSpaceRefuses(t *testing.T) {
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	p, err := openIn(h.Namespace)
	must(t, err, p.Use(Userspace))
	t.Cleanup(func() { p.Close() })
	b := planetest.Bindings()["gre4"]
	id, _ := b.Tunnels()
	refusal := func(err error) bool {
		return err != nil && strings.Contains(err.Error(), "interface tunnel-ip97 can be the tunnel only where the kernel carries it") &&
			strings.Contains(err.Error(), "have the dataplane backend be kernel")
	}
	if err := p.Adoptable(Userspace, b.Adoption()); !refusal(err) {
		t.Errorf("asked beforehand: %v", err)
	}
	for _, o := range []dataplane.Object{b.Adoption(), dataplane.Tunnel{ID: id}} {
		if err := p.Apply(t.Context(), []dataplane.Op{{Object: o}})[0]; !refusal(err) {
			t.Errorf("%s: %v", o, err)
		}
	}
	if picture, err := dataplane.Picture(t.Context(), p); picture != "" || err != nil {
		t.Errorf("the host has %s%v", picture, err)
	}
}
