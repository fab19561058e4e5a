package dataplane

import "testing"

// Only what is of the exact form may be ours: others call theirs what they like.
func TestNamesOfOurInterfaces(t *testing.T) {
	for name, want := range map[string][2]bool{
		"mt-vpr58q19jqsq": {true, false}, "mooring0": {false, true}, "mooring42": {false, true},
		"mt-acc1": {}, "mt-customer-001": {}, "mt-vpr58q19jqsw": {}, "mt-VPR58Q19JQSQ": {}, "mooring": {}, "mooring-acc": {}, "mooring7a": {}, "": {},
	} {
		if got := [2]bool{IsTunnelName(name), IsTUNName(name)}; got != want {
			t.Errorf("%q is of a tunnel, or a TUN interface: %t, not %t", name, got, want)
		}
	}
}
