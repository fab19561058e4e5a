package element

import (
	"net/netip"
	"testing"
	"unique"

	"mooring/mobility"
	"mooring/mobility/aaa/accountant"
	"mooring/mobility/aaa/disconnect"
	"mooring/mobility/engine"
)

// RAD-10: a binding is selected when everything that the request names is its.
func TestRAD10SelectsBindings(t *testing.T) {
	e := &Element{accounting: accountant.New(accountant.Options{})}
	b := &mobility.Binding{ID: 1, Holding: &mobility.Holding{
		Tenancy: unique.Make(mobility.Tenancy{Customer: "CUST1", VRF: "RED"}),
		Node:    mobility.NAI("n@x"), LinkID: "\x02\x00\x5e\x10\x00\x0a", Home: mobility.HomeOf(netip.MustParsePrefix("10.0.0.1/24")),
		Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64")},
	}}
	for _, c := range []struct {
		what string
		want disconnect.Selection
		fits bool
	}{
		{"its name", disconnect.Selection{User: "n@x"}, true},
		{"another name", disconnect.Selection{User: "m@x"}, false},
		{"its station, in small letters", disconnect.Selection{Station: "02-00-5e-10-00-0a"}, true},
		{"another station", disconnect.Selection{User: "n@x", Station: "02-00-5E-10-00-0B"}, false},
		{"its address", disconnect.Selection{Home: netip.MustParseAddr("10.0.0.1")}, true},
		{"its name and another address", disconnect.Selection{User: "n@x", Home: netip.MustParseAddr("10.0.0.2")}, false},
		{"its prefix", disconnect.Selection{Prefix: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64")}}, true},
		{"another prefix too", disconnect.Selection{Prefix: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParsePrefix("2001:db8:2::/64")}}, false},
		{"its name and customer", disconnect.Selection{User: "n@x", Customer: "CUST1", VRF: "RED"}, true},
		{"its name and another customer", disconnect.Selection{User: "n@x", Customer: "CUST2"}, false},
		{"its name and another VRF", disconnect.Selection{User: "n@x", VRF: "BLUE"}, false},
		{"its name and a session that is not open", disconnect.Selection{User: "n@x", Session: "6A0B-1"}, false},
	} {
		if got := e.selects(&engine.LMA{Name: "lma"}, &c.want)(b); got != c.fits {
			t.Errorf("%s: selected %t, want %t", c.what, got, c.fits)
		}
	}
}

// RAD-10: a request names the anchor by any address that its records name: that of a customer, too.
func TestRAD10AddressesOfCustomers(t *testing.T) {
	cfg := &mobility.LMA{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Customers: map[string]*mobility.Customer{
		"CUST1": {Transports: []mobility.VRFAddr{{VRF: "SP", Addr: netip.MustParseAddr("15.15.15.2")}}}}}
	for text, has := range map[string]bool{"192.0.2.1": true, "15.15.15.2": true, "15.15.15.3": false} {
		if hasAddress(cfg, netip.MustParseAddr(text)) != has {
			t.Errorf("%s: want %t", text, has)
		}
	}
}
