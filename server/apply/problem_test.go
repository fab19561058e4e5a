package apply

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree"
)

// base is valid and gives no reason for a warning.
const base = `{"mooring-pmipv6:pmipv6": {
	"domain": [{"name": "d", "lma": [{"id": "l", "ipv6-address": "2001:db8:1::1"}], "nai": [{"id": "n@d", "network": "home"}]}, {"name": "e"}],
	"lma": [{"name": "l", "domain": "d", "address": {"ipv6": ["2001:db8:1::1"]}, "network": [{"name": "home", "pool": {"mobile-node": {
		"ipv4": {"start-address": "192.0.2.10", "pool-prefix": 24}, "ipv6": {"start-address": "2001:db8:2::", "pool-prefix": 48}}}}]}],
	"mag": [{"name": "m", "domain": "d", "address": {"ipv6": "2001:db8:1::11"}, "interface": [{"name": "access0"}]}]}}`

// pools is a document with a further network of the LMA, inside whose pool container text stands.
func pools(text string) string {
	return `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "network": [{"name": "more", "pool": {"mobile-node": ` + text + `}}]}]}}`
}

// customerOfL is a document with a customer of the LMA, who has text besides.
func customerOfL(text string) string {
	return `{"ietf-network-instance:network-instances": {"network-instance": [{"name": "V"}]},
		"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "mobile-local-loop": {"customer": [{"name": "C", "vrf": "V", ` + text + `}]}}]}}`
}

const (
	customerC = lmaL + "/mobile-local-loop/customer[name='C']"

	more = "/mooring-pmipv6:pmipv6/lma[name='l']/network[name='more']/pool/mobile-node"
	lmaL = "/mooring-pmipv6:pmipv6/lma[name='l']"
	magM = "/mooring-pmipv6:pmipv6/mag[name='m']"
)

// TestProblems merges documents into base and looks at what is said about them: refusals by their app-tag, warnings by their code.
func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name, document string
		want           []string
	}{
		{"LMA-20 overlap of ranges", pools(`{"ipv4": {"start-address": "192.0.2.200", "pool-prefix": 25}}`), []string{"must-violation " + more + "/ipv4/start-address"}},
		{"overlap of prefixes only", pools(`{"ipv4": {"start-address": "192.0.2.2", "pool-prefix": 29}}`), nil},
		{"overlap of IPv6 pools", pools(`{"ipv6": {"start-address": "2001:db8:2:5::", "pool-prefix": 60}}`), []string{"must-violation " + more + "/ipv6/start-address"}},
		{"overlap with another LMA", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "k", "domain": "e", "network": [{"name": "n", "pool": {"mobile-node": {
			"ipv4": {"start-address": "192.0.2.9", "pool-prefix": 24}}}}]}]}}`, []string{"must-violation " + lmaL + "/network[name='home']/pool/mobile-node/ipv4/start-address"}},
		{"neighbours", pools(`{"ipv4": {"start-address": "192.0.3.0", "pool-prefix": 24}}`), nil},
		{"default router outside", pools(`{"ipv4": {"start-address": "10.0.0.1", "pool-prefix": 24, "default-router": "10.0.1.1"}}`), []string{"must-violation " + more + "/ipv4/default-router"}},
		{"default router is the network", pools(`{"ipv4": {"start-address": "10.0.0.1", "pool-prefix": 24, "default-router": "10.0.0.0"}}`), []string{"must-violation " + more + "/ipv4/default-router"}},
		{"default router is the broadcast address", pools(`{"ipv4": {"start-address": "10.0.0.1", "pool-prefix": 24, "default-router": "10.0.0.255"}}`), []string{"must-violation " + more + "/ipv4/default-router"}},
		{"nothing to hand out", pools(`{"ipv4": {"start-address": "10.0.0.254", "pool-prefix": 24, "default-router": "10.0.0.254"}}`), []string{"must-violation " + more + "/ipv4/start-address"}},
		{"an address of two LMAs", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "k", "domain": "e", "address": {"ipv6": ["2001:db8:1::1"]}}]}}`,
			[]string{"data-not-unique " + lmaL + "/address/ipv6[.='2001:db8:1::1']"}},
		{"an address of two MAGs", `{"mooring-pmipv6:pmipv6": {"mag": [{"name": "a", "domain": "e", "address": {"ipv6": "2001:db8:1::11"}}]}}`,
			[]string{"data-not-unique " + magM + "/address/ipv6"}},
		{"an interface of two MAGs", `{"mooring-pmipv6:pmipv6": {"mag": [{"name": "a", "domain": "e", "interface": [{"name": "access0"}]}]}}`,
			[]string{"data-not-unique " + magM + "/interface[name='access0']"}},
		{"an address of an LMA and a MAG", `{"mooring-pmipv6:pmipv6": {"mag": [{"name": "a", "domain": "d", "address": {"ipv6": "2001:db8:1::1"}}]}}`, nil},
		{"group address", `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "e", "fixed-mag-link-layer": "01:00:5e:00:52:13"}]}}`,
			[]string{"must-violation /mooring-pmipv6:pmipv6/domain[name='e']/fixed-mag-link-layer"}},
		{"a port of two servers", `{"mooring-system:system": {"netconf": {"ssh": {"port": 9339}}}}`, []string{"must-violation /mooring-system:system/gnmi/port"}},
		{"a port of two transports", `{"mooring-system:system": {"netconf": {"tls": {"enabled": true, "port": 830}}}}`, []string{"must-violation /mooring-system:system/netconf/tls/port"}},
		{"a port of NETCONF over TLS", `{"mooring-system:system": {"netconf": {"tls": {"enabled": true, "port": 9339}}}}`, []string{"must-violation /mooring-system:system/gnmi/port"}},
		{"a port of metrics", `{"mooring-system:system": {"metrics": {"enabled": true, "port": 9339}}}`, []string{"must-violation /mooring-system:system/metrics/port"}},
		{"a port of a server that is off", `{"mooring-system:system": {"netconf": {"tls": {"port": 830}}}}`, nil},
		{"a port at two addresses", `{"mooring-system:system": {"netconf": {"ssh": {"port": 9339, "address": ["192.0.2.1"]}}}}`, nil},
		{"key of another type", `{"mooring-system:system": {"user": [{"name": "u", "authorized-key": [{"name": "k", "algorithm": "ssh-rsa", "key-data": "AAAAC3NzaC1lZDI1NTE5AAAAIGkH"}]}]}}`,
			[]string{"must-violation /mooring-system:system/user[name='u']/authorized-key[name='k']/key-data"}},
		{"a certificate twice", `{"mooring-system:system": {"user": [{"name": "u"}], "client-certificate": [{"fingerprint": "` + strings.Repeat("aa:", 31) + `aa", "user": "u"},
			{"fingerprint": "` + strings.Repeat("AA:", 31) + `AA", "user": "u"}]}}`, []string{"data-not-unique /mooring-system:system/client-certificate[fingerprint='" + strings.Repeat("aa:", 31) + "aa']"}},
		{"everything at once", pools(`{"ipv4": {"start-address": "192.0.2.20", "pool-prefix": 24, "default-router": "10.0.0.1"}}`),
			[]string{"must-violation " + more + "/ipv4/default-router", "must-violation " + more + "/ipv4/start-address"}},

		{"DOM-04 network that no LMA has", `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "nai": [{"id": "x@d", "network": "lost"}], "profile": [{"name": "p", "network": "lost"}]}]}}`,
			[]string{"W-REF /mooring-pmipv6:pmipv6/domain[name='d']/nai[id='x@d']/network", "W-REF /mooring-pmipv6:pmipv6/domain[name='d']/profile[name='p']/network"}},
		{"DOM-06 customer that no LMA has", `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "nai": [{"id": "x@d", "customer": "lost"}], "profile": [{"name": "p", "customer": "lost"}]}]}}`,
			[]string{"W-REF /mooring-pmipv6:pmipv6/domain[name='d']/nai[id='x@d']/customer", "W-REF /mooring-pmipv6:pmipv6/domain[name='d']/profile[name='p']/customer"}},
		{"DOM-06 customer that there is", `{"ietf-network-instance:network-instances": {"network-instance": [{"name": "V"}]}, "mooring-pmipv6:pmipv6": {
			"domain": [{"name": "d", "nai": [{"id": "x@d", "customer": "C"}]}], "lma": [{"name": "l", "mobile-local-loop": {"customer": [{"name": "C", "vrf": "V"}]}}]}}`, nil},
		{"network of a domain without LMA", `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "e", "nai": [{"id": "x@e", "network": "lost"}]}]}}`, nil},
		{"customer of a domain without LMA", `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "e", "nai": [{"id": "x@e", "customer": "lost"}]}]}}`, nil},
		{"LMA-09 default profile that is nowhere", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "default-profile": "lost"}]}}`, []string{"W-REF " + lmaL + "/default-profile"}},
		{"LMA-09 default profile that is an entry", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "default-profile": "n@d"}]}}`, nil},
		{"PEER-01 domain that is not there", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "mag": [{"id": "x", "domain": "lost", "ipv6-address": "2001:db8:1::12"}]}]}}`,
			[]string{"W-REF " + lmaL + "/mag[id='x'][domain='lost']/domain"}},
		{"PEER-01 another domain", `{"mooring-pmipv6:pmipv6": {"mag": [{"name": "m", "lma": [{"id": "x", "domain": "e", "ipv6-address": ["2001:db8:1::2"]}]}]}}`,
			[]string{"W-MIX " + magM + "/lma[id='x'][domain='e']/domain"}},
		{"PEER-04 gre-ipv6 without an IPv6 address", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "mag": [{"id": "x", "domain": "d", "ipv4-address": "198.51.100.1", "encap": "gre-ipv6"}]}]}}`,
			[]string{"W-MIX " + lmaL + "/mag[id='x'][domain='d']/encap"}},
		{"PEER-04 the domain's gre-ipv4 without an IPv4 address", `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "encap": "gre-ipv4"}],
			"lma": [{"name": "l", "mag": [{"id": "x", "domain": "d", "ipv6-address": "2001:db8:1::12"}]}]}}`, []string{"W-MIX " + lmaL + "/mag[id='x'][domain='d']/encap"}},
		{"DOM-02 reserved SPI", `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "auth-option": {"spi": 103, "key": "k"}}]}}`,
			[]string{"W-MIX /mooring-pmipv6:pmipv6/domain[name='d']/auth-option/spi"}},
		{"PEER-03 reserved SPI", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "mag": [{"id": "x", "domain": "d", "ipv6-address": "2001:db8:1::12", "auth-option": {"spi": 103, "key": "k"}}]}]}}`,
			[]string{"W-MIX " + lmaL + "/mag[id='x'][domain='d']/auth-option/spi"}},
		{"MLL-05 reserved SPI", customerOfL(`"auth-option": {"spi": 103, "key": "k"}`), []string{"W-MIX " + customerC + "/auth-option/spi"}},
		{"LMA-10 one delay of the pair", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "bri": {"delay-min": 600}}]}}`, nil},
		{"LMA-17 timeout beyond the interval", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "heartbeat": {"interval": 10, "retries": 1, "timeout": 11}}]}}`,
			[]string{"W-MIX " + lmaL + "/heartbeat/timeout"}},
		{"LMA-17 timeout as long as the interval", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "heartbeat": {"interval": 10, "retries": 1, "timeout": 10}}]}}`, nil},
		{"MLL-06 timeout beyond the interval", customerOfL(`"heartbeat": {"interval": 10, "retries": 1, "timeout": 11}`), []string{"W-MIX " + customerC + "/heartbeat/timeout"}},
		{"HB-01 timeout beyond the interval", `{"mooring-pmipv6:pmipv6": {"mag": [{"name": "m", "heartbeat": {"interval": 10, "retries": 1, "timeout": 11}}]}}`,
			[]string{"W-MIX " + magM + "/heartbeat/timeout"}},
		{"TUN-01 small tunnel of an LMA", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "tunnel": {"mtu": 1279}}]}}`, []string{"W-MIX " + lmaL + "/tunnel/mtu"}},
		{"TUN-01 small tunnel of a MAG", `{"mooring-pmipv6:pmipv6": {"mag": [{"name": "m", "tunnel": {"mtu": 1279}}]}}`, []string{"W-MIX " + magM + "/tunnel/mtu"}},
		{"TUN-01 just large enough", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "tunnel": {"mtu": 1280}}]}}`, nil},
		{"own address in a pool", pools(`{"ipv6": {"start-address": "2001:db8:1::", "pool-prefix": 62}}`), []string{"W-MIX " + more + "/ipv6/start-address"}},
		{"no IP version in common", `{"mooring-pmipv6:pmipv6": {"mag": [{"name": "a", "domain": "d", "address": {"ipv4": "198.51.100.11"}}]}}`, []string{"W-MIX /mooring-pmipv6:pmipv6/mag[name='a']/address"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := shared()
			root := e.parse(t, base)
			before := e.translate(t, nil, root)
			changed := e.merge(t, root, c.document)
			if err := e.rules.Check(tree.Diff(root, changed)); err != nil {
				t.Fatalf("the schema refuses it: %v", err)
			}
			for _, old := range []*Config{before, nil} { // as a change, and at start
				config, warnings, err := e.Translate(old, changed)
				if got := said(append(tree.Errors(err), warnings...)); !slices.Equal(got, c.want) {
					t.Errorf("said %q, want %q", got, c.want)
				}
				if (config == nil) != (err != nil) {
					t.Errorf("got config %v and error %v", config, err)
				}
				if config == nil {
					continue
				}
				if kept := said(slices.Collect(config.Warnings())); !slices.Equal(kept, c.want) {
					t.Errorf("the configuration keeps %q, want %q", kept, c.want)
				}
				if again, repeated, err := e.Translate(config, changed); err != nil || len(repeated) > 0 || !slices.Equal(said(slices.Collect(again.Warnings())), c.want) {
					t.Errorf("the next commit: %v, %v", said(repeated), err)
				}
			}
		})
	}
}

func said(list []*tree.Error) (texts []string) {
	for _, e := range list {
		texts = append(texts, e.AppTag+" "+e.Path.String())
	}
	return texts
}

// A network that goes away is missed by everybody who names it, whether they changed or not.
func TestOrphanedNetwork(t *testing.T) {
	e := shared()
	root := e.parse(t, base)
	for i := range 3 * maxReported {
		root = e.merge(t, root, fmt.Sprintf(`{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "nai": [{"id": "n%d@d", "network": "home"}]}]}}`, i))
	}
	before := e.translate(t, nil, root)
	orphaned := e.set(t, root, lmaL+"/network[name='home']", "")
	after, warnings, err := e.Translate(before, orphaned)
	if err != nil || len(warnings) != maxReported {
		t.Fatalf("%d warnings, want %d: %v", len(warnings), maxReported, err)
	}
	if n := len(slices.Collect(after.Warnings())); n != 3*maxReported+1 {
		t.Errorf("the configuration keeps %d warnings, want one for each of %d entries", n, 3*maxReported+1)
	}
	one := e.set(t, orphaned, "/mooring-pmipv6:pmipv6/domain[name='d']/nai[id='n7@d']/service", "dual")
	if _, warnings, _ := e.Translate(after, one); len(warnings) != 1 {
		t.Errorf("a change of one orphan brings %v", said(warnings))
	}
	back, warnings, err := e.Translate(after, root)
	if err != nil || len(warnings) != 0 || len(slices.Collect(back.Warnings())) != 0 {
		t.Errorf("with the network back: %v, %v", said(warnings), err)
	}
}
