//go:build vm

package backend

import (
	"strings"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/planetest"
)

// The best of a host carries adopted tunnels, too; a backend that cannot lets go of them, and says so.
func TestPEER05_ChangeOfBackend(t *testing.T) {
	b := planetest.Bindings()["gre4"]
	d := planetest.BindAdopted(t, openAuto, b)
	planetest.Transfer(t, d.Node, d.CN, planetest.CNAddr4)
	p := d.Anchor.(*Plane)
	before, err := planetest.Describe(d.LMA, planetest.AdoptedDevice)
	must(t, err, p.Use(Userspace))
	anchor, _ := b.Objects(t, d.Node)
	for _, o := range append([]dataplane.Object{b.Adoption()}, anchor...) {
		if err := p.Apply(t.Context(), []dataplane.Op{{Object: o}})[0]; err == nil || !strings.Contains(err.Error(), "only where the kernel carries it") {
			t.Errorf("%s: %v", o, err)
		}
	}
	if picture, err := dataplane.Picture(t.Context(), p); picture != "" || err != nil {
		t.Errorf("the host has %s%v", picture, err)
	}
	if after, err := planetest.Describe(d.LMA, planetest.AdoptedDevice); after != before || err != nil {
		t.Errorf("the interface is %s, and was %s; %v", after, before, err)
	}
	must(t, p.Use(Kernel))
	for _, o := range append([]dataplane.Object{b.Adoption()}, anchor...) {
		must(t, p.Apply(t.Context(), []dataplane.Op{{Object: o}})...)
	}
}
