package ios

import (
	"strings"
	"testing"
)

func TestMLL01_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"mobility-service mobile-local-loop -> lma[name='l']/mobile-local-loop"}, bad: []string{"customer c vrf v -> E-PARSE \"customer\" is no command here; the command belongs to the mode mobile-local-loop"}}.run(t)
}

func TestMLL02_Import(t *testing.T) {
	long := strings.Repeat("c", 33)
	commands{under: inLoop, good: []string{"customer CUST1 vrf VRF1 -> customer[name='CUST1']/vrf = VRF1", "customer CUST1 vrf VRF1 -> /network-instances/network-instance[name='VRF1']"},
		bad: []string{"customer c -> E-MISS vrf", "customer " + long + " vrf v -> E-RANGE", "customer c vrf " + long + " -> E-MUST the name of a customer's VRF has at most 32 characters"}}.run(t)
	commands{good: []string{"vrf CUSTSP; address-family ipv4 unicast; address-family ipv6 unicast -> network-instance[name='CUSTSP']"}}.run(t)
	commands{dialect: IOS, good: []string{"vrf definition CUSTSP; rd 1:1; address-family ipv4; exit-address-family -> network-instance[name='CUSTSP'] ! W-MIX left out", "ip vrf X -> network-instance[name='X']"}}.run(t)
}

func TestMLL03_Import(t *testing.T) {
	commands{under: inLoop, bad: []string{"customer a vrf v; customer b vrf v -> E-UNIQ"}}.run(t)
}

func TestMLL04_Import(t *testing.T) {
	r := grammar().Import(inCustomer+"  no customer c vrf v\n  customer e vrf w\n", Options{Dialect: XR})
	if text, _ := grammar().Print(r.Tree, XR); strings.Contains(text, "customer c") || !strings.Contains(text, "customer e") {
		t.Errorf("the customer is still there:\n%s", text)
	}
}

// What is refused because of a removal is shown at the line that removes.
func TestDOM01_ImportOfARemoval(t *testing.T) {
	base := grammar().Import(inLMA, Options{Dialect: XR}).Tree
	r := grammar().Import("no ipv6 mobile pmipv6-domain d\nvrf other\ncommit\n", Options{Dialect: XR, Base: base})
	for _, i := range r.Items {
		if i.Outcome == Refused && (i.Line != 1 || i.Column != 30 || i.Code != NoReference) {
			t.Errorf("%+v", i)
		}
	}
	if r.Count(Refused) != 1 {
		t.Errorf("%d are refused", r.Count(Refused))
	}
}

// A customer who has another VRF than the command says stays.
func TestMLL04_ImportOfAnotherVRF(t *testing.T) {
	base := grammar().Import(inCustomer, Options{Dialect: XR}).Tree
	for text, ok := range map[string]bool{"no customer c vrf w": false, "no customer c vrf v": true, "no customer c": true, "no customer x vrf w": true} {
		r := grammar().Import(inLoop+"  "+text+"\n", Options{Dialect: XR, Base: base})
		if got := said(r, &Result{}); (r.Count(Refused) == 0) != ok || !ok && !strings.Contains(got, "it has another vrf; nothing is removed") {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestMLL05_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"auth-option spi 87E key ascii KEY1 -> customer[name='c']/auth-option/spi = 2174"}, bad: []string{"auth-option spi 87E -> E-MISS", "auth-option spi 0xZZ key ascii K -> E-RANGE"}}.run(t)
}

func TestMLL06_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"heartbeat interval 30 retries 10 timeout 10 -> customer[name='c']/heartbeat/interval = 30"}, bad: []string{"heartbeat interval 30 retries 10 -> E-MISS", "heartbeat interval 30 retries 0 timeout 1 -> E-RANGE"}}.run(t)
}

func TestMLL07_Import(t *testing.T) {
	ranges(t, XR, inCustomer, "bce lifetime", "customer[name='c']/bce/lifetime", "10", "65535", "9", "65536")
}

func TestMLL08_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"network unauthorized -> customer[name='c']/network/unauthorized = true"}, bad: []string{"network -> E-MISS"}}.run(t)
}

func TestMLL09_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"network authorized NETW1 -> network/authorized[name='NETW1']"}, bad: []string{"network authorized -> E-MISS", "network authorised N -> E-PARSE"}}.run(t)
}

func TestMLL10_Import(t *testing.T) {
	commands{under: inLMA + " network n\n mobility-service mobile-local-loop\n  customer c vrf v\n",
		bad: []string{"network authorized n -> E-UNIQ a network of an LMA has this name already"}}.run(t)
	r := grammar().Import(inPools+"  customer e vrf w\n   network authorized cn\n", Options{Dialect: XR})
	if got := said(r, &Result{}); !strings.Contains(got, "E-UNIQ a network of another customer has this name already") {
		t.Errorf("it says %q", got)
	}
}

func TestMLL11_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"network authorized a; no network; network unauthorized -> network/unauthorized = true"},
		bad: []string{"network authorized a; network unauthorized -> E-MUST a customer's network is unauthorized or has authorized networks, not both"}}.run(t)
}

func TestMLL12_Import(t *testing.T) {
	pools(t, XR, inPools, "pool mobile-node ipv4 start-address", "10.10.10.1", []string{"pool-prefix 24"}, []string{"pool-prefix 7"})
	pools(t, XR, inPools, "pool mobile-network ipv6 start-address", "2002:20:0:1::1", []string{"pool-prefix 40 network-prefix 64"}, []string{"pool-prefix 40"})
	commands{under: inCustomer, bad: []string{"pool mobile-node ipv4 start-address 10.10.10.1 pool-prefix 24 -> E-PARSE \"pool\" is no command here; the command belongs to the mode customer-network or lma-network",
		"network unauthorized; pool mobile-node ipv4 start-address 10.10.10.1 pool-prefix 24 -> E-PARSE"}}.run(t)
}

func TestMLL13_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"transport vrf TVRF1; address ipv6 2001:DB8::1 -> transport[vrf='TVRF1']/ipv6-address = 2001:db8::1"}, bad: []string{"transport vrf -> E-MISS", "transport vrf t; address ipv4 127 -> E-RANGE"}}.run(t)
}

func TestMLL14_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"transport; address ipv4 192.0.2.1 -> transport[vrf='default']/ipv4-address = 192.0.2.1"}}.run(t)
	r := grammar().Import(inCustomer+"   transport\n    address ipv4 192.0.2.1\n", Options{Dialect: XR})
	if sets(r, "network-instance[name='default']") {
		t.Error("the global VRF was made")
	}
}

func TestMLL15_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"transport vrf a; address ipv4 192.0.2.1; transport vrf b; address ipv4 192.0.2.1 -> transport[vrf='b']/ipv4-address = 192.0.2.1"}}.run(t)
}

func TestMLL16_Import(t *testing.T) {
	commands{under: inLoop, bad: []string{"customer a vrf v; transport vrf t; address ipv4 15.15.15.2; customer b vrf w; transport vrf u; address ipv4 15.15.15.2 -> E-UNIQ another customer has this transport address already"}}.run(t)
}

func TestMLL17_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"transport vrf t; address ipv4 192.0.2.1; address ipv4 192.0.2.2 -> ipv4-address = 192.0.2.2"}}.run(t)
	r := grammar().Import(inCustomer+"   transport vrf t\n", Options{Dialect: XR})
	if got := said(r, &Result{}); !strings.Contains(got, "a transport needs an IPv4 or an IPv6 address") {
		t.Errorf("it says %q", got)
	}
}

func TestMLL24_Import(t *testing.T) {
	r := grammar().Import(read(t, "testdata/published/xr-mobile-local-loop.txt"), Options{Dialect: XR})
	for _, want := range []string{"bce/maximum = 128000", "dscp/control-plane = 45", "interim-interval = 2", "customer[name='CUST1']/network/unauthorized = true", "customer[name='CUST1']/auth-option/spi = 256",
		"customer[name='CUST2']/transport[vrf='CUSTSP']/ipv6-address = 2002:16::2"} {
		if !sets(r, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestEXT04_Import(t *testing.T) {
	commands{under: inCustomer, good: []string{"gre-key symmetric 4294967295 -> gre-key/value = 4294967295"}, bad: []string{"gre-key symmetric 0 -> E-RANGE"}}.run(t)
}

func TestEXT08_Import(t *testing.T) {
	ranges(t, XR, inLoop, "mnp afi-all customer maximum", "mobile-local-loop/mnp/all/customer-maximum", "1", "4000000", "0", "4000001")
	ranges(t, XR, inCustomer, "mnp ipv4 logical-mn maximum", "customer[name='c']/mnp/ipv4/logical-mn-maximum", "1", "32", "0", "33")
}

func TestEXT09_Import(t *testing.T) {
	ranges(t, XR, inCustomer, "bandwidth aggregate", "bandwidth/aggregate", "1", "4294967295", "0", "4294967296")
}

func TestEXT10_Import(t *testing.T) {
	commands{under: inLoop, good: []string{"ignore home-address -> mobile-local-loop/ignore-home-address = true"}}.run(t)
}

func TestEXT38_Import(t *testing.T) {
	commands{dialect: IOS, under: inCustomer, good: []string{"interface Gi0/1 -> customer[name='c']/interface = Gi0/1", "mobile-route admin-distance 7 -> customer[name='c']/mobile-route/admin-distance = 7"}}.run(t)
}
