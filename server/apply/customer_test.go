package apply

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/server/tree"
)

// loopBase is the configuration that the published example of customers comes to, without mobile networks.
const loopBase = `{
	"ietf-network-instance:network-instances": {"network-instance": [{"name": "VRF1"}, {"name": "VRF2"}, {"name": "CUSTSP"}]},
	"mooring-pmipv6:pmipv6": {
		"domain": [{"name": "D1", "auth-option": {"spi": 500, "key": "domain"}, "nai": [
			{"id": "@CUST1", "network": "CUST1", "service": "dual", "customer": "CUST1"}, {"id": "@CUST2", "network": "CUST2", "service": "dual", "customer": "CUST2"},
			{"id": "@no", "mobile-local-loop": false}]}],
		"lma": [{"name": "LMA", "domain": "D1", "dynamic-mag-learning": true, "heartbeat": {"interval": 60, "retries": 3, "timeout": 5}, "mobile-local-loop": {"customer": [
			{"name": "CUST1", "vrf": "VRF1", "bce": {"lifetime": 300}, "network": {"unauthorized": true}, "heartbeat": {"interval": 30, "retries": 10, "timeout": 10},
			 "auth-option": {"spi": 256, "key": "xyz123"}, "transport": [{"vrf": "CUSTSP", "ipv4-address": "15.15.15.2", "ipv6-address": "2002:15::2"}]},
			{"name": "CUST2", "vrf": "VRF2", "network": {"authorized": [{"name": "CUST2", "pool": {"mobile-node": {
				"ipv4": {"start-address": "10.10.10.1", "pool-prefix": 24}, "ipv6": {"start-address": "2002:10:10:1::1", "pool-prefix": 48}}}}]},
			 "transport": [{"vrf": "CUSTSP", "ipv4-address": "16.16.16.2"}, {"vrf": "default", "ipv4-address": "16.16.16.2"}]}]}}]}}`

// told is a pool that routing protocols may pass on, as they may by default.
func told(vrf, prefix string) dataplane.Blackhole {
	return dataplane.Blackhole{VRFPrefix: dataplane.VRFPrefix{VRF: vrf, Prefix: netip.MustParsePrefix(prefix)}, Standing: dataplane.Standing{Told: true}}
}

// Customers as in the published example. Its LMA has no address but those of their transports, and needs none (INC-14).
func TestMLL14_INC14_CustomersOfThePublishedExample(t *testing.T) {
	c := shared().translate(t, nil, shared().parse(t, loopBase))
	lma := c.Mobility.LMAs["LMA"]
	one, two := lma.Customers["CUST1"], lma.Customers["CUST2"]
	if one.VRF != "VRF1" || one.Lifetime != 300*time.Second || !one.Unauthorized || len(one.Networks) != 0 || one.Key.SPI != 256 || string(one.Key.Secret) != "xyz123" {
		t.Errorf("CUST1 is %+v", one)
	}
	if want := (mobility.Heartbeat{Interval: 30 * time.Second, Retries: 10, Timeout: 10 * time.Second}); one.Heartbeat == nil || *one.Heartbeat != want {
		t.Errorf("heartbeats of CUST1: %+v", one.Heartbeat)
	}
	if two.Key != nil || two.Heartbeat != nil || two.Lifetime != 0 || two.Unauthorized || len(two.Networks["CUST2"].Pools) != 2 {
		t.Errorf("CUST2 is %+v: what is not set is that of the anchor", two)
	}
	// MLL-14, MLL-15: the global VRF, and one address in two.
	at := netip.MustParseAddr("16.16.16.2")
	if want := []mobility.VRFAddr{{VRF: "CUSTSP", Addr: at}, {Addr: at}}; !slices.Equal(two.Transports, want) {
		t.Errorf("transports %v, want %v", two.Transports, want)
	}
	if p := lma.Domain.Profiles.Realm([]byte("@CUST1")); p.Customer != "CUST1" || p.NoCustomer {
		t.Errorf("profile %+v", p)
	}
	if p := lma.Domain.Profiles.Realm([]byte("@no")); p.Customer != "" || !p.NoCustomer {
		t.Errorf("profile %+v", p)
	}
	holes := []dataplane.Blackhole{told("VRF2", "10.10.10.0/24"), told("VRF2", "2002:10:10::/48")}
	if !slices.Equal(c.Dataplane.Blackholes, holes) {
		t.Errorf("free addresses end at %v, want %v", c.Dataplane.Blackholes, holes)
	}
	if want := []dataplane.VRF{{Name: "CUSTSP"}, {Name: "VRF1"}, {Name: "VRF2"}}; !slices.Equal(c.Dataplane.VRFs, want) {
		t.Errorf("VRFs %v, want %v", c.Dataplane.VRFs, want)
	}
}

// There is no place for a customer outside the service, nor for pools outside networks that are authorised (MLL-12): the schema refuses them
// where they stand.
func TestMLL01_MLL12_NoPlaceElsewhere(t *testing.T) {
	const (
		domain   = `"domain": [{"name": "D1"}], `
		lma      = "/mooring-pmipv6:pmipv6/lma[name='LMA']"
		customer = lma + "/mobile-local-loop/customer[name='C']"
		pool     = `"pool": {"mobile-node": {"ipv4": {"start-address": "10.10.10.1", "pool-prefix": 24}}}`
	)
	anchor := func(with string) string {
		return `{"ietf-network-instance:network-instances": {"network-instance": [{"name": "V"}]}, "mooring-pmipv6:pmipv6": {` + domain +
			`"lma": [{"name": "LMA", "domain": "D1", ` + with + `}]}}`
	}
	serving := func(with string) string {
		return anchor(`"mobile-local-loop": {"customer": [{"name": "C", "vrf": "V", ` + with + `}]}`)
	}
	for document, where := range map[string]string{
		anchor(`"customer": [{"name": "C", "vrf": "V"}]`): lma,
		serving(pool):                        customer,
		serving(`"network": {` + pool + `}`): customer + "/network",
		serving(`"network": {"unauthorized": true, ` + pool + `}`): customer + "/network",
	} {
		said := complaints(t, document)
		if len(said) != 1 || said[0].Tag != tree.UnknownElement || said[0].Path.String() != where {
			t.Errorf("%s:\n%v", document, said)
		}
	}
	e := shared()
	for _, document := range []string{anchor(`"mobile-local-loop": {}`), serving(`"network": {"authorized": [{"name": "n", ` + pool + `}]}`)} {
		if said := complaints(t, document); len(said) != 0 {
			t.Errorf("%s:\n%v", document, said)
		}
	}
	// The service takes its customers with it.
	root := e.parse(t, loopBase)
	off := e.translate(t, e.translate(t, nil, root), e.set(t, root, "/mooring-pmipv6:pmipv6/lma[name='LMA']/mobile-local-loop", ""))
	if left := off.Mobility.LMAs["LMA"].Customers; len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// The scope of authentication is a matter of the MAG, whosever key it uses: the domain's would beat that of a customer.
func TestMLL05_ScopeIsNoKeyOfAMAG(t *testing.T) {
	e := shared()
	root := e.merge(t, e.parse(t, loopBase), `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "LMA", "domain": "D1", "mag": [
		{"id": "m", "domain": "D1", "ipv4-address": "192.0.2.8", "auth-scope": "registration"}]}]}}`)
	for _, mag := range e.translate(t, nil, root).Mobility.LMAs["LMA"].Peers.All() {
		if mag.Key != nil || !mag.BindingOnly {
			t.Errorf("%+v", mag)
		}
	}
}

// A change of one customer leaves the others the very same.
func TestMLL04_OneCustomerChangesAlone(t *testing.T) {
	e := shared()
	root := e.parse(t, loopBase)
	before := e.translate(t, nil, root)
	was := before.Mobility.LMAs["LMA"]
	after := e.translate(t, before, e.set(t, root, "/mooring-pmipv6:pmipv6/lma[name='LMA']/mobile-local-loop/customer[name='CUST2']/bce/lifetime", "77"))
	is := after.Mobility.LMAs["LMA"]
	if is.Customers["CUST1"] != was.Customers["CUST1"] || is.Customers["CUST2"] == was.Customers["CUST2"] || is.Customers["CUST2"].Lifetime != 77*time.Second {
		t.Errorf("%+v, before %+v", is.Customers["CUST2"], was.Customers["CUST2"])
	}
	if after.Dataplane != before.Dataplane {
		t.Error("the dataplane has to do something")
	}
	gone := e.translate(t, before, e.set(t, root, "/mooring-pmipv6:pmipv6/lma[name='LMA']/mobile-local-loop/customer[name='CUST1']", ""))
	if left := gone.Mobility.LMAs["LMA"].Customers; len(left) != 1 || left["CUST2"] != was.Customers["CUST2"] {
		t.Errorf("%v is left", left)
	}
	unmoved := e.translate(t, before, e.set(t, root, "/mooring-pmipv6:pmipv6/lma[name='LMA']/bce/lifetime", "99"))
	if now := unmoved.Mobility.LMAs["LMA"].Customers; now["CUST1"] != was.Customers["CUST1"] || now["CUST2"] != was.Customers["CUST2"] {
		t.Error("a change of the anchor makes other customers")
	}
}

// anotherCustomer is an LMA that gets a customer, or more of one.
const anotherCustomer = `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "%L", "domain": "D1", "mobile-local-loop": {"customer": [%C]}}]}}`

// unwelcome expects that the LMA cannot get the customer.
func unwelcome(t *testing.T, lma, customer, want string) {
	t.Helper()
	e := shared()
	root := e.parse(t, loopBase)
	changed := e.merge(t, root, strings.NewReplacer("%L", lma, "%C", customer).Replace(anotherCustomer))
	err := e.rules.Check(tree.Diff(root, changed))
	if err == nil {
		_, _, err = e.Translate(nil, changed)
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s of LMA %s: %v, want %q", customer, lma, err, want)
	}
}

func TestMLL03_NoTwoCustomersInOneVRF(t *testing.T) {
	unwelcome(t, "LMA", `{"name": "CUST3", "vrf": "VRF3"}`, "VRF3") // MLL-02
	unwelcome(t, "LMA", `{"name": "CUST3", "vrf": "VRF2"}`, "CUST")
}

func TestMLL10_NoTwoNetworksOfOneName(t *testing.T) {
	unwelcome(t, "LMA", `{"name": "CUST3", "vrf": "CUSTSP", "network": {"authorized": [{"name": "CUST2"}]}}`, "has this name already")
	unwelcome(t, "LMA", `{"name": "CUST2", "network": {"unauthorized": true}}`, "not both") // MLL-08, MLL-11
}

func TestMLL17_ATransportHasAnAddress(t *testing.T) {
	unwelcome(t, "LMA", `{"name": "CUST3", "vrf": "CUSTSP", "transport": [{"vrf": "VRF1"}]}`, "a transport needs an IPv4 or an IPv6 address")
	unwelcome(t, "LMA", `{"name": "CUST3", "vrf": "CUSTSP", "transport": [{"vrf": "nowhere", "ipv4-address": "17.17.17.2"}]}`, "default stands for the global one") // MLL-13
}

// What customers may not have in common is refused by the rules of the model, or by the translation where it takes all LMAs to tell.
func TestMLL16_CustomersDoNotShare(t *testing.T) {
	e := shared()
	root := e.parse(t, loopBase)
	unwelcome(t, "LMA", `{"name": "CUST3", "vrf": "CUSTSP", "transport": [{"vrf": "VRF1", "ipv4-address": "15.15.15.2"}]}`, "another customer has this transport address already")
	unwelcome(t, "other", `{"name": "CUST3", "vrf": "CUSTSP", "transport": [{"vrf": "VRF1", "ipv4-address": "15.15.15.2"}]}`,
		"transport address 15.15.15.2 is already used by customer CUST1 of LMA LMA")
	// Within one LMA, too, it is said whose it is.
	for _, customer := range []string{"CUST0", "CUST3"} { // before and after the other
		document := strings.Replace(loopBase, `"customer": [`, `"customer": [{"name": "`+customer+`", "vrf": "CUSTSP", "transport": [{"vrf": "VRF1", "ipv6-address": "2002:15::2"}]},`, 1)
		named := ""
		for _, c := range complaints(t, document) {
			if c.AppTag != notUnique || !strings.HasSuffix(c.Path.String(), "/ipv6-address") {
				t.Errorf("%v: %v", c.Path, c)
			}
			if text, ok := strings.CutPrefix(c.Message, "transport address 2002:15::2 is already used by customer "); ok {
				named += text + " at " + c.Path[len(c.Path)-3].Keys[0]
			}
		}
		if first, second := min(customer, "CUST1"), max(customer, "CUST1"); named != first+" of LMA LMA at "+second {
			t.Errorf("%s and CUST1 have the same address, and what is said is %q", customer, named)
		}
	}
	// MLL-19: the same pools in two VRFs, and those of the anchor, are no overlap.
	same := e.merge(t, root, strings.NewReplacer("%L", "LMA", "%C", `{"name": "CUST3", "vrf": "CUSTSP", "network": {"authorized": [{"name": "net3", "pool": {"mobile-node": {
		"ipv4": {"start-address": "10.10.10.1", "pool-prefix": 24}}}}]}}`).Replace(anotherCustomer))
	if _, _, err := e.Translate(nil, same); err != nil {
		t.Error(err)
	}
	overlap := e.merge(t, root, strings.NewReplacer("%L", "LMA", "%C", `{"name": "CUST2", "network": {"authorized": [{"name": "net3", "pool": {"mobile-node": {
		"ipv4": {"start-address": "10.10.10.9", "pool-prefix": 24}}}}]}}`).Replace(anotherCustomer))
	if _, _, err := e.Translate(nil, overlap); err == nil || !strings.Contains(err.Error(), "overlaps that of network CUST2 of customer CUST2 of LMA LMA") {
		t.Errorf("pools of one VRF overlap: %v", err)
	}
}

// A customer that is gone is missed by the entries that name it, and by those alone (INC-12 is about a network that nobody has).
func TestDOM06_MissedCustomer(t *testing.T) {
	e := shared()
	root := e.parse(t, loopBase)
	before, warnings, err := e.Translate(nil, root)
	if want := []string{"W-REF /mooring-pmipv6:pmipv6/domain[name='D1']/nai[id='@CUST1']/network"}; err != nil || !slices.Equal(said(warnings), want) {
		t.Fatalf("%v, %v", said(warnings), err)
	}
	const customer = "/mooring-pmipv6:pmipv6/lma[name='LMA']/mobile-local-loop/customer[name='CUST2']"
	after, warnings, err := e.Translate(before, e.set(t, root, customer, ""))
	const nai = "W-REF /mooring-pmipv6:pmipv6/domain[name='D1']/nai[id='@CUST2']"
	if want := []string{nai + "/network", nai + "/customer"}; err != nil || !slices.Equal(said(warnings), want) {
		t.Errorf("%v, want %v: %v", said(warnings), want, err)
	}
	if back, warnings, err := e.Translate(after, root); err != nil || len(warnings) > 0 || len(slices.Collect(back.Warnings())) != 1 {
		t.Errorf("with the customer back: %v, %v", said(warnings), err)
	}
}

// The pools for mobile networks of the published example, the limits of a customer, and what leads nowhere while nobody has it.
func TestLMA22_LMA23_MobileNetworks(t *testing.T) {
	const pools = `{"ipv4": [{"start-address": "20.20.20.1", "pool-prefix": 24, "network-prefix": 28}],
		"ipv6": [{"start-address": "2002:20:0:1::1", "pool-prefix": 40, "network-prefix": 64}]}`
	e := shared()
	root := e.merge(t, e.parse(t, loopBase), `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "LMA", "domain": "D1",
		"network": [{"name": "own", "pool": {"mobile-network": `+pools+`}}],
		"mobile-local-loop": {"mnp": {"ipv6": {"customer-maximum": 7}}, "customer": [{"name": "CUST2", "vrf": "VRF2", "mnp": {"all": {"logical-mn-maximum": 3}},
			"network": {"authorized": [{"name": "CUST2", "pool": {"mobile-network": `+pools+`}}]}}]}}]}}`)
	c := e.translate(t, nil, root)
	lma := c.Mobility.LMAs["LMA"]
	want := []mobility.Pool{{Start: netip.MustParseAddr("20.20.20.1"), Bits: 24, Unit: 28, Mobile: true}, {Start: netip.MustParseAddr("2002:20:0:1::1"), Bits: 40, Unit: 64, Mobile: true}}
	if got := lma.Networks["own"].Pools; !slices.Equal(got, want) {
		t.Errorf("the anchor's network has %+v", got)
	}
	if got := lma.Customers["CUST2"].Networks["CUST2"].Pools[2:]; !slices.Equal(got, want) {
		t.Errorf("the customer's network has %+v besides pools for nodes", got)
	}
	limit := mobility.NetworkLimit{Node: 16, Customer: 2000}
	if want := (mobility.NetworkLimits{IPv4: limit, IPv6: mobility.NetworkLimit{Node: 16, Customer: 7}, All: limit}); lma.Limits != want {
		t.Errorf("the limits are %+v, want %+v", lma.Limits, want)
	}
	if want := (mobility.NetworkLimits{All: mobility.NetworkLimit{Node: 3}}); lma.Customers["CUST2"].Limits != want {
		t.Errorf("those of the customer are %+v, want %+v", lma.Customers["CUST2"].Limits, want)
	}
	for _, vrf := range []string{"", "VRF2"} {
		for _, text := range []string{"20.20.20.0/24", "2002:20::/40"} {
			if hole := told(vrf, text); !slices.Contains(c.Dataplane.Blackholes, hole) {
				t.Errorf("%v is not among %v", hole, c.Dataplane.Blackholes)
			}
		}
	}
}
