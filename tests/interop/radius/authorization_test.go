//go:build !vm

package radius

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/client"
	"mooring/mobility/wire"
)

const authorizing = `
name = freeradius
logdir = %[1]s
run_dir = %[1]s
libdir = /usr/lib/freeradius
pidfile = %[1]s/pid
max_requests = 1024
client element {
	ipaddr = %[4]s
	secret = cisco
	require_message_authenticator = yes
}
modules {
	files {
		usersfile = %[1]s/users
	}
	detail {
		filename = %[1]s/detail
		header = "%%t"
		permissions = 0600
	}
}
server default {
	listen {
		type = auth
		ipaddr = %[2]s
		port = %[3]d
	}
	authorize {
		detail
		files
	}
	authenticate {
	}
	post-auth {%[5]s
		Post-Auth-Type REJECT {%[5]s
		}
	}
}
`

// sealed has a server add a Message-Authenticator to what it answers, as newer ones do by themselves.
const sealed = `
		update reply {
			Message-Authenticator := 0x00
		}`

// newProfileServer makes a server that knows users, at an address of a host, for an element at another.
func newProfileServer(t *testing.T, host *netns.Host, at, element, users string) *server {
	t.Helper()
	s := &server{t: t, host: host, folder: t.TempDir(), addr: netip.MustParseAddrPort(at)}
	must(t,
		os.WriteFile(filepath.Join(s.folder, "radiusd.conf"), fmt.Appendf(nil, authorizing, s.folder, s.addr.Addr(), s.addr.Port(), element, sealed), 0o600),
		os.WriteFile(filepath.Join(s.folder, "users"), []byte(users), 0o600),
		os.WriteFile(filepath.Join(s.folder, "dictionary"), []byte("$INCLUDE /usr/share/freeradius/dictionary\n"), 0o600))
	return s
}

const users = identity + ` Auth-Type := Accept
	Cisco-AVPair += "mn-network=home",
	Cisco-AVPair += "mn-service=ipv6",
	PMIP6-Home-HN-Prefix = 2001:db8:100:77::/64,
	PMIP6-Home-LMA-IPv6-Address = 2001:db8:a::1

router@lab.example Auth-Type := Accept
	PMIP6-Home-HN-Prefix += 2001:db8:100:78::/64,
	PMIP6-Home-HN-Prefix += 2001:db8:100:79::/64,
	PMIP6-Home-IPv4-HoA = 10.1.7.7/32,
	PMIP6-Home-IPv4-Gateway = 10.1.0.1,
	Service-Selection = "web",
	Delegated-IPv6-Prefix = 2001:db8:70:100::/56,
	Framed-Route = "10.7.1.0/24 0.0.0.0 1",
	Framed-IPv6-Route = "2001:db8:70:200::/56 :: 1",
	Framed-IP-Address = 192.0.2.99,
	Session-Timeout = 60

DEFAULT Auth-Type := Reject
`

// RAD-08, EXT-12: what FreeRADIUS makes of a question, and what is made of its answers.
func TestRAD08_FreeRADIUSAnswers(t *testing.T) {
	lma := hostOf(t, "lma")
	s := newProfileServer(t, lma, "127.0.0.1:1812", "127.0.0.1", users)
	s.start()
	asker := client.NewAsker(client.AskerOptions{Dial: dialerIn(lma).Dial})
	defer asker.Close()
	asker.Configure(aaa.Authorization{
		DeadTime: time.Minute, Dictionary: map[string]aaa.Meaning{"mn-network": aaa.MeansNetwork, "mn-service": aaa.MeansService},
		Targets: []aaa.Target{{Server: aaa.Server{Name: "s", Addr: s.addr, Secret: "cisco", Timeout: time.Second, Retransmit: 20}, VRF: "lma"}},
	})
	about := func(user string) *mobility.Authorization {
		answer := make(chan *mobility.Authorization, 1)
		asker.Ask("lma", mobility.Question{
			Until: time.Now().Add(time.Minute), Node: mobility.NAI(user), Link: "\x02\x00\x5e\x10\x00\x01", Access: wire.Access80211, APN: "web",
			Service: mobility.ServiceDual, Address: netip.MustParseAddr("2001:db8:a::1"), Prefixes: []netip.Prefix{netip.MustParsePrefix("::/0")},
			Home: netip.MustParseAddr("0.0.0.0"), Customer: "CUST1", VRF: "VRF1",
		}, func(a *mobility.Authorization) { answer <- a })
		return <-answer
	}
	for user, want := range map[string]*mobility.Authorization{
		identity: {Verdict: mobility.Granted, Network: "home", Service: mobility.ServiceIPv6, Anchors: []netip.Addr{netip.MustParseAddr("2001:db8:a::1")},
			Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:100:77::/64")}},
		"router@lab.example": {Verdict: mobility.Granted, APN: "web",
			Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:100:78::/64"), netip.MustParsePrefix("2001:db8:100:79::/64")},
			Home:     netip.MustParsePrefix("10.1.7.7/32"), Router: netip.MustParseAddr("10.1.0.1"),
			Networks: []netip.Prefix{netip.MustParsePrefix("10.7.1.0/24"), netip.MustParsePrefix("2001:db8:70:100::/56"), netip.MustParsePrefix("2001:db8:70:200::/56")}},
		"nobody@lab.example": {Verdict: mobility.Denied},
	} {
		if got := about(user); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", user, got, want)
		}
	}
	var asked record
	for _, r := range s.records() {
		if r.get("User-Name") == identity {
			asked = r
		}
	}
	expect(t, "question", asked, map[string]string{
		"Service-Type": "Authorize-Only", "NAS-Identifier": "lma", "NAS-IPv6-Address": "2001:db8:a::1", "Calling-Station-Id": "02-00-5E-10-00-01",
		"NAS-Port-Type": "Wireless-802.11", "PMIP6-Home-LMA-IPv6-Address": "2001:db8:a::1", "PMIP6-Home-HN-Prefix": "::/128", "PMIP6-Home-IPv4-HoA": "0.0.0.0/32",
		"Service-Selection": "web", "Cisco-AVPair": "customer=CUST1,vrf-id=VRF1",
	})
	if status := asker.Servers()[0]; status.Accepts != 2 || status.Rejects != 1 || status.BadResponses != 0 {
		t.Errorf("the counters are %+v", status)
	}
}

// dialerIn opens sockets in a host, whatever VRF a server is said to be in.
func dialerIn(h *netns.Host) client.Dialer {
	return client.Dialer{Enter: func(_ string, open func(device string) error) error {
		return h.Do(func() error { return open("") })
	}}
}

// asking is the configuration of an LMA that knows no node, and two servers to ask, of which the first is at port 1812.
const asking = `{"mooring-system:system": {` + onBackend + `, "aaa": {
	"radius": {"timeout": 1, "retransmit": 1, "dead-time": 1, "dictionary": [{"attribute": "mn-network", "meaning": "network"}, {"attribute": "mn-service", "meaning": "service"}], "server": [
		{"name": "first", "address": "127.0.0.1", "shared-secret": "cisco"},
		{"name": "second", "address": "127.0.0.1", "auth-port": 2812, "shared-secret": "cisco"}]}}},
	"mooring-pmipv6:pmipv6": {"domain": [{"name": "lab.example", "auth-option": {"spi": 4096, "key": "secret"}, "profile-from-aaa": true}],
		"lma": [{"name": "lma", "domain": "lab.example", "address": {"ipv6": ["2001:db8:a::1"]}, "bce": {"delete-wait-time": 1000},
		"mag": [{"id": "mag", "domain": "lab.example", "ipv6-address": "2001:db8:a::11"}],
		"network": [{"name": "home", "pool": {"mobile-node": {"ipv6": {"start-address": "2001:db8:100::", "pool-prefix": 40}}}}]}]}}`

// AAA-04, EXT-21, RAD-08: a node of which the LMA knows nothing is registered with what FreeRADIUS says, by the second server when the first one is dead. The
// binding outlasts a kill of the LMA while no server lives. A kill while the node waits for an answer costs it nothing but time, and one that is not
// known is refused.
func TestEXT21_FreeRADIUSKnowsTheNode(t *testing.T) {
	d := newDomain(t)
	first, second := newProfileServer(t, d.lma, "127.0.0.1:1812", "127.0.0.1", users), newProfileServer(t, d.lma, "127.0.0.1:2812", "127.0.0.1", users)
	second.start()
	killLMA := d.run(d.lma, asking)
	d.run(d.mag, gateway)
	mine := netip.MustParsePrefix("2001:db8:100:77::/64")
	if home := d.attach(); !mine.Contains(home) {
		t.Errorf("the node has %v, and is to have %v", home, mine)
	}
	if shown := d.show(); !strings.Contains(shown, `"aaa"`) || !strings.Contains(shown, mine.String()) {
		t.Errorf("shown is %s", shown)
	}
	second.stop()
	killLMA()
	killLMA = d.run(d.lma, asking)
	if shown := d.show(); !strings.Contains(shown, `"aaa"`) || !strings.Contains(shown, mine.String()) {
		t.Errorf("after a restart shown is %s", shown)
	}

	d.detach()
	eventually(t, "the binding is gone", func() bool { return d.bindings() == 0 })
	must(t, d.mag.Up("access0"), d.node.Up("eth0"))
	eventually(t, "the LMA has found that no server answers", func() bool { return strings.Contains(d.log("lma"), "authorization server is down") })
	killLMA()
	first.start()
	d.run(d.lma, asking)
	if home := d.attach(); !mine.Contains(home) {
		t.Errorf("the node has %v, and is to have %v", home, mine)
	}

	d.detach()
	eventually(t, "the binding is gone", func() bool { return d.bindings() == 0 })
	first.stop()
	must(t, os.WriteFile(filepath.Join(first.folder, "users"), []byte("DEFAULT Auth-Type := Reject\n"), 0o600))
	first.start()
	must(t, d.mag.Up("access0"), d.node.Up("eth0"))
	eventually(t, "the node is refused", func() bool { return strings.Contains(d.log("lma"), "proxy-reg-not-enabled") })
	if n := d.bindings(); n != 0 {
		t.Errorf("the LMA has %d bindings", n)
	}
}

// show is what the LMA shows of its bindings.
func (d *domain) show() string {
	d.t.Helper()
	out, err := exec.CommandContext(d.t.Context(), d.program, "show", "bindings", "--json", "--state-dir", filepath.Join(d.folder, "lma")).CombinedOutput()
	must(d.t, err)
	return string(out)
}

// log is what an element has written.
func (d *domain) log(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.folder, name+".log"))
	must(d.t, err)
	return string(text)
}
