package apply

import (
	"slices"
	"strings"
	"testing"

	"mooring/dataplane"
)

// What is in a VRF is configured with it: its table and its interfaces. A VRF is there when a customer or an interface is in it, and not otherwise (MLL-02).
func TestMLL02_TablesAndInterfacesOfVRFs(t *testing.T) {
	e := shared()
	root := e.merge(t, e.parse(t, loopBase), `{"ietf-network-instance:network-instances": {"network-instance": [
		{"name": "VRF1", "mooring-network-instance:vrf": {"table": 70, "interface": ["ce1", "ce0"]}},
		{"name": "alone", "mooring-network-instance:vrf": {"interface": ["eth7"]}},
		{"name": "empty", "mooring-network-instance:vrf": {"table": 99}}]}}`)
	c := e.translate(t, nil, root)
	if want := []dataplane.VRF{{Name: "CUSTSP"}, {Name: "VRF1", Table: 70}, {Name: "VRF2"}, {Name: "alone"}}; !slices.Equal(c.Dataplane.VRFs, want) {
		t.Errorf("VRFs %v, want %v", c.Dataplane.VRFs, want)
	}
	want := []dataplane.Member{{Link: "ce0", VRF: "VRF1"}, {Link: "ce1", VRF: "VRF1"}, {Link: "eth7", VRF: "alone"}}
	if got := slices.SortedFunc(slices.Values(c.Dataplane.Members), func(a, b dataplane.Member) int { return strings.Compare(a.Link, b.Link) }); !slices.Equal(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
	same := e.translate(t, c, e.set(t, root, "/mooring-system:system/host-name", "other"))
	if same.Dataplane != c.Dataplane {
		t.Error("a change elsewhere gives forwarding something to do")
	}
}

// An interface is in one VRF, a table of one VRF, and the default VRF has neither.
func TestMLL19_NoInterfaceInTwoVRFs(t *testing.T) {
	const at = "/ietf-network-instance:network-instances/network-instance"
	const mag = `, "mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "mag": [{"name": "m", "domain": "d", "interface": [{"name": "eth0"}]}]}`
	instances := func(list, more string) string {
		return `{"ietf-network-instance:network-instances": {"network-instance": [` + list + `]}` + more + `}`
	}
	for document, want := range map[string]string{
		instances(`{"name": "a", "mooring-network-instance:vrf": {"interface": ["eth0"]}}, {"name": "b", "mooring-network-instance:vrf": {"interface": ["eth0"]}}`, ""): at + `[name='b']/mooring-network-instance:vrf/interface[.='eth0'] interface eth0 is already used by network instance a`,
		instances(`{"name": "a", "mooring-network-instance:vrf": {"table": 7}}, {"name": "b", "mooring-network-instance:vrf": {"table": 7}}`, ""):                       at + `[name='b']/mooring-network-instance:vrf/table table 7 is already used by network instance a`,
		instances(`{"name": "a", "mooring-network-instance:vrf": {"interface": ["mooring9"]}}`, ""):                                                                     at + `[name='a']/mooring-network-instance:vrf/interface[.='mooring9'] mooring9 is a name that this element gives interfaces of its own: rename the interface`,
		instances("", strings.ReplaceAll(mag, "eth0", "mt-0123456789ab")):                                                                                               "/mooring-pmipv6:pmipv6/mag[name='m']/interface[name='mt-0123456789ab'] mt-0123456789ab is a name that this element gives interfaces of its own: rename the interface",
		instances(`{"name": "a", "mooring-network-instance:vrf": {"interface": ["eth0"]}}`, mag):                                                                        "/mooring-pmipv6:pmipv6/mag[name='m']/interface[name='eth0'] interface eth0 is already used by network instance a",
		instances(`{"name": "default", "mooring-network-instance:vrf": {"table": 7}}`, ""):                                                                              at + "[name='default']/mooring-network-instance:vrf default is the VRF that everything is in",
		instances(`{"name": "a", "mooring-network-instance:vrf": {"table": 254}}`, ""):                                                                                  at + "[name='a']/mooring-network-instance:vrf/table",
		instances(`{"name": "a", "mooring-network-instance:vrf": {"interface": ["two words"]}}`, ""):                                                                    at + "[name='a']/mooring-network-instance:vrf/interface",
	} {
		said := complaints(t, document)
		if len(said) != 1 || !strings.HasPrefix(said[0].Path.String()+" "+said[0].Message, want) {
			t.Errorf("%s:\n%v\nwant %s", document, said, want)
		}
	}
}
