package aaa

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"mooring/mobility"
	"mooring/mobility/wire"
)

var asked = mobility.Question{
	ID: 7, Node: mobility.NAI("mn1@example.com"), Link: "\x02\x00\x5e\x10\x00\x01", Access: wire.Access80211, APN: "web", Service: mobility.ServiceDual,
	Address: netip.MustParseAddr("2001:db8:a::1"), Prefixes: []netip.Prefix{netip.MustParsePrefix("::/0")}, Home: netip.MustParseAddr("0.0.0.0"),
	Customer: "CUST1", VRF: "VRF1",
}

// RAD-08, RAD-09: what an Access-Request says of a node and its anchor, and that it is sealed.
func TestRAD08AccessRequest(t *testing.T) {
	c := Authorization{Password: "open sesame"}
	octets, err := c.Request("lma", &asked, 9, [16]byte{1}, []byte("cisco"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := radius.Parse(octets, []byte("cisco"))
	if err != nil || p.Code != radius.CodeAccessRequest || p.Identifier != 9 {
		t.Fatalf("%v, %v", p, err)
	}
	if got := Check(octets, p.Secret, p.Authenticator); got != Sealed || p.Attributes[0].Type != rfc2869.MessageAuthenticator_Type {
		t.Errorf("the seal is %d, the first attribute %d", got, p.Attributes[0].Type)
	}
	if got := rfc2865.UserPassword_GetString(p); got != "open sesame" {
		t.Errorf("the password is %q", got)
	}
	var got []string
	for _, a := range p.Attributes {
		if a.Type != rfc2869.MessageAuthenticator_Type && a.Type != rfc2865.UserPassword_Type {
			got = append(got, fmt.Sprintf("%d %x", a.Type, []byte(a.Attribute)))
		}
	}
	want := []string{
		"1 6d6e31406578616d706c652e636f6d",            // User-Name
		"32 6c6d61",                                   // NAS-Identifier
		"95 20010db8000a00000000000000000001",         // NAS-IPv6-Address
		"6 00000011",                                  // Service-Type Authorize Only
		"145 6d6e31406578616d706c652e636f6d",          // Mobile-Node-Identifier
		"31 30322d30302d35452d31302d30302d3031",       // Calling-Station-Id
		"61 00000013",                                 // NAS-Port-Type
		"147 20010db8000a00000000000000000001",        // PMIP6-Home-LMA-IPv6-Address
		"151 008000000000000000000000000000000000",    // PMIP6-Home-HN-Prefix ::/128
		"155 002000000000",                            // PMIP6-Home-IPv4-HoA 0.0.0.0/32
		"124 0000030000000000",                        // MIP6-Feature-Vector
		"146 776562",                                  // Service-Selection
		"26 000000090110637573746f6d65723d4355535431", // customer=CUST1
		"26 00000009010d7672662d69643d56524631",       // vrf-id=VRF1
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	outbound, err := (&Authorization{Outbound: true}).Request("lma", &asked, 9, [16]byte{1}, []byte("cisco"))
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := radius.Parse(outbound, nil); rfc2865.ServiceType_Get(p) != rfc2865.ServiceType_Value_OutboundUser || len(p.Get(rfc2865.UserPassword_Type)) > 0 {
		t.Errorf("asked as routers do: %v", p)
	}
}

// accept makes an Access-Accept of "TYPE HEX" and "name=value".
func accept(t testing.TB, list ...string) *radius.Packet {
	p := radius.Packet{Code: radius.CodeAccessAccept}
	for _, text := range list {
		var kind int
		var value []byte
		if strings.Contains(text, "=") {
			var a attributes
			name, value, _ := strings.Cut(text, "=")
			a.avPair(name, value)
			pair, err := radius.ParseAttributes(a)
			if err != nil {
				t.Fatal(err)
			}
			p.Attributes = append(p.Attributes, pair...)
			continue
		}
		if n, err := fmt.Sscanf(text, "%d %x", &kind, &value); n < 1 {
			t.Fatal(text, err)
		}
		p.Add(radius.Type(kind), value)
	}
	return &p
}

var dictionary = map[string]Meaning{"mn-network": MeansNetwork, "mn-service": MeansService, "mn-customer": MeansCustomer, "home-lma": MeansAnchor, "mn-apn": MeansAPN}

// RAD-08: what an Access-Accept says of a node. Names of vendors are those of the dictionary; what nothing is made of is ignored.
func TestRAD08AccessAccept(t *testing.T) {
	c := Authorization{Dictionary: dictionary}
	got, err := c.Read(accept(t,
		"mn-network=home", "mn-service=IPv6", "mn-customer=CUST1", "home-lma=lma1", "unheard-of=1", "146 776562",
		"151 004020010db800010002", "151 004020010db80001000300000000000000000000"[:40], "151 00800000", "155 00180a010203", "161 0a0102fe",
		"147 20010db8000a00000000000000000001", "149 c6336401",
		"123 003820010db800700100", "22 31302e372e312e302f323420302e302e302e3020310a"[:41], "99 323030313a6462383a37303a3130303a3a2f3536203a3a2031",
		"27 00000e10", "25 00ff", "8 0a0a0a0a", "97 004020010db8ffffffff", "152 004020010db8eeeeeeee", "26 0000000a0103ff"))
	want := &mobility.Authorization{
		Verdict: mobility.Granted, Network: "home", Service: mobility.ServiceIPv6, Customer: "CUST1", Anchor: "lma1", APN: "web",
		Anchors:  []netip.Addr{netip.MustParseAddr("2001:db8:a::1"), netip.MustParseAddr("198.51.100.1")},
		Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:1:2::/64"), netip.MustParsePrefix("2001:db8:1:3::/64")},
		Home:     netip.MustParsePrefix("10.1.2.3/24"), Router: netip.MustParseAddr("10.1.2.254"),
		Networks: []netip.Prefix{netip.MustParsePrefix("10.7.1.0/24"), netip.MustParsePrefix("2001:db8:70:100::/56")},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if got, err := (&Authorization{}).Read(accept(t, "mn-network=home", "home-lma=other")); err != nil || got.Network+got.Anchor != "" || got.Verdict != mobility.Granted {
		t.Errorf("without a dictionary: %+v, %v", got, err)
	}
	for _, code := range []radius.Code{radius.CodeAccessReject, radius.CodeAccessChallenge} {
		if got, err := c.Read(&radius.Packet{Code: code}); err != nil || got.Verdict != mobility.Denied {
			t.Errorf("%v: %+v, %v", code, got, err)
		}
	}
}

// RAD-08: an Access-Accept that says something of the node that makes no sense is a denial.
func TestRAD08AcceptMakesNoSense(t *testing.T) {
	c := Authorization{Dictionary: dictionary}
	for _, attribute := range []string{
		"151 00", "151 003f20010db800010002", "151 008120010db8", "151 0040" + strings.Repeat("00", 17) + "01", "155 0018", "155 003f0a010203", "161 0a01", "147 c6336401", "149 20010d",
		"123 00", "22 20", "22 3a3a2f3020", "22 6c6f6361", "99 31302e302e302e302f38", "mn-service=all", "26 00000009010d6d6e2d6e6574776f726b3d",
	} {
		if got, err := c.Read(accept(t, attribute)); err == nil || got.Verdict != mobility.Denied {
			t.Errorf("%s: %+v, %v", attribute, got, err)
		}
	}
}

// RAD-08: an answer is believed when it is sealed with the secret, for this request, and not otherwise.
func TestRAD08Believes(t *testing.T) {
	c, lax, secret := &Authorization{}, &Authorization{AcceptUnsealed: true}, []byte("cisco")
	request, err := (&Authorization{}).Request("lma", &asked, 9, [16]byte{1}, secret)
	if err != nil {
		t.Fatal(err)
	}
	good := answer(t, request, secret, radius.CodeAccessAccept, true)
	if !c.Believes(good, request, secret) || !c.Believes(answer(t, request, secret, radius.CodeAccessReject, true), request, secret) ||
		!lax.Believes(answer(t, request, secret, radius.CodeAccessAccept, false), request, secret) {
		t.Error("what is authentic is not believed")
	}
	another, _ := (&Authorization{}).Request("lma", &asked, 9, [16]byte{2}, secret)
	for what, believed := range map[string]bool{
		"no seal":         c.Believes(answer(t, request, secret, radius.CodeAccessAccept, false), request, secret),
		"another secret":  c.Believes(answer(t, request, []byte("guess"), radius.CodeAccessAccept, true), request, secret),
		"another request": c.Believes(good, another, secret),
		"another code":    c.Believes(answer(t, request, secret, radius.CodeAccountingResponse, true), request, secret),
	} {
		if believed {
			t.Errorf("%s: it is believed", what)
		}
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1
		if _, err := radius.Parse(bad, secret); err == nil && (c.Believes(bad, request, secret) || lax.Believes(bad, request, secret)) {
			t.Errorf("it is believed with octet %d changed", i)
		}
	}
}

// answer makes what a server answers.
func answer(t testing.TB, request, secret []byte, code radius.Code, sealed bool) []byte {
	asked, err := radius.Parse(request, secret)
	if err != nil {
		t.Fatal(err)
	}
	p := asked.Response(code)
	if sealed {
		p.Add(rfc2869.MessageAuthenticator_Type, make([]byte, 16))
	}
	octets, err := p.MarshalBinary() // with the authenticator of the request
	if err != nil {
		t.Fatal(err)
	}
	if sealed {
		p.Set(rfc2869.MessageAuthenticator_Type, seal(octets, secret))
	}
	if octets, err = p.Encode(); err != nil {
		t.Fatal(err)
	}
	return octets
}

// FuzzAnswer reads whatever a server may send. A denial grants nothing, and what is granted can be used.
func FuzzAnswer(f *testing.F) {
	request, err := (&Authorization{}).Request("lma", &asked, 9, [16]byte{1}, []byte("cisco"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answer(f, request, []byte("cisco"), radius.CodeAccessAccept, true))
	f.Add(request)
	for _, attribute := range []string{"mn-network=home", "151 004020010db800010002", "155 00180a010203", "123 003820010db800700100", "22 31302e372e312e302f3234", "26 000000090102"} {
		octets, err := accept(f, attribute).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(octets)
	}
	c := Authorization{Dictionary: dictionary}
	f.Fuzz(func(t *testing.T, octets []byte) {
		p, err := radius.Parse(octets, []byte("cisco"))
		if err != nil {
			return
		}
		c.Believes(octets[:int(octets[2])<<8|int(octets[3])], request, []byte("cisco"))
		got, err := c.Read(p)
		if (err != nil || p.Code != radius.CodeAccessAccept) && !reflect.DeepEqual(got, &mobility.Authorization{Verdict: mobility.Denied}) {
			t.Errorf("%+v, %v", got, err)
		}
		for _, prefix := range slices.Concat(got.Prefixes, got.Networks) {
			if prefix != prefix.Masked() || !prefix.IsValid() {
				t.Errorf("prefix %v", prefix)
			}
		}
		if got.Home.IsValid() && !got.Home.Addr().Is4() {
			t.Errorf("home address %v", got.Home)
		}
	})
}
