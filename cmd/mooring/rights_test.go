package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"mooring/server/access"
)

// bobsRules let bob write two leaves. By default he may read what is not secret.
const bobsRules = `"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "ops", "user-name": ["bob"]}]}, "rule-list": [{"name": "ops", "group": ["ops"], "rule": [
	{"name": "lifetime", "path": "/pm:pmipv6/pm:lma/pm:bce/pm:lifetime", "access-operations": "create update delete", "action": "permit"},
	{"name": "delay", "path": "/pm:pmipv6/pm:lma/pm:bri/pm:delay-min", "access-operations": "create update", "action": "permit"},
	{"name": "run", "module-name": "*", "access-operations": "exec", "action": "permit"}]}]}`

// A user may do the same over NETCONF and, here through the command line, over gNMI: what rules permit and nothing else, and what is refused changes nothing. Secrets
// are left out, and cannot be written.
func TestSameRightsEverywhere(t *testing.T) {
	box := newHost(t, "element")
	bob, certificate, key := makeCertificate(t)
	p := run(t, box, t.TempDir(), "--startup", write(t, "startup.json", fmt.Sprintf(`{
		"mooring-system:system": {"netconf": {"tls": {"enabled": true, "port": 6513, "address": ["127.0.0.1"]}}, "user": [{"name": "bob"}],
			"client-certificate": [{"fingerprint": "%s", "user": "bob"}]}, %s,
		"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "auth-option": {"spi": 4096, "hex-key": "c0ffee00c0ffee00"}}], "lma": [{"name": "l", "domain": "d"}]}}`,
		access.Fingerprint(bob.Certificate[0]), strings.ReplaceAll(bobsRules, "pm:", "mooring-pmipv6:"))))
	var conn net.Conn
	must(t, box.Do(func() (err error) {
		conn, err = net.Dial("tcp4", "127.0.0.1:6513")
		return err
	}))
	s := secure(t, conn, bob)
	login := []string{"--cert", write(t, "bob.pem", string(certificate)), "--key", write(t, "bob.key", string(key)), "--insecure-skip-verify"}
	importing := func(args ...string) outcome {
		return complete(t, box, privileged, append(append([]string{"import"}, args...), login...)...)
	}

	for column, text := range map[string]string{"NETCONF": s.ask(getRunning), "gNMI": importing("--to", "ios-xr", "--address", "127.0.0.1").out} {
		if !strings.Contains(text, "d</name>") && !strings.Contains(text, "pmipv6-lma l domain d") || strings.Contains(text, "c0ffee") || strings.Contains(text, "hex-key") {
			t.Errorf("%s shows %s", column, text)
		}
	}
	whole := p.config()
	back := importing("--from", "ios-xr", write(t, "router.cfg", importing("--to", "ios-xr", "--address", "127.0.0.1").out), "--target", "127.0.0.1")
	if back.expect(t, 0); p.config() != whole {
		t.Errorf("what bob may read, imported again, makes\n%s\nof\n%s", p.config(), whole)
	}
	const lma = "ipv6 mobile pmipv6-lma l domain d\n "
	for _, c := range []struct {
		netconf, cli, path string // path: of what is refused
	}{
		{`<lma><name>l</name><bce><lifetime>700</lifetime></bce></lma>`, lma + "bce lifetime 701\n", ""},
		{`<lma><name>l</name><bri><delay-min>600</delay-min></bri></lma>`, lma + "bri delay min 601\n", ""},
		{`<lma><name>l</name><bce><lifetime nc:operation="delete"/></bce></lma>`, lma + "no bce lifetime\n", ""},
		{`<lma><name>l</name><bri><delay-min nc:operation="delete"/></bri></lma>`, lma + "no bri delay min\n", "lma[name='l']/bri/delay-min"},
		{`<lma><name>l</name><bce><lifetime>700</lifetime><maximum>9</maximum></bce></lma>`, lma + "bce lifetime 700\n bce maximum 9\n", "lma[name='l']/bce/maximum"},
		{`<domain><name>d</name><auth-option><spi>4096</spi><hex-key>00ff</hex-key></auth-option></domain>`,
			"ipv6 mobile pmipv6-domain d\n auth-option spi 1000 key hex 00ff\n", "domain[name='d']/auth-option/hex-key"},
		{`<lma><name>two</name><domain>d</domain></lma>`, "ipv6 mobile pmipv6-lma two domain d\n", "lma[name='two']"},
	} {
		before := p.config()
		got := s.ask(`<edit-config><target><candidate/></target><config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6">` + c.netconf + `</pmipv6></config></edit-config>`)
		if strings.Contains(got, "<ok/>") {
			got = s.ask(`<commit/>`)
		}
		s.ask(`<discard-changes/>`)
		if c.path == "" {
			if !strings.Contains(got, "<ok/>") || p.config() == before {
				t.Errorf("%s: NETCONF answers %s", c.netconf, got)
			}
		} else if plain := strings.ReplaceAll(got, "pm:", ""); !strings.Contains(got, "<error-tag>access-denied</error-tag>") || !strings.Contains(plain, "/pmipv6/"+c.path+"<") || p.config() != before {
			t.Errorf("%s: NETCONF answers %s", c.netconf, got)
		}
		if c.path == "" {
			p.set("999", elem("pmipv6"), elem("lma", "name", "l"), elem("bce"), elem("lifetime")) // so that there is something to change
			p.set("999", elem("pmipv6"), elem("lma", "name", "l"), elem("bri"), elem("delay-min"))
		}
		before = p.config()
		if c.path == "" {
			importing("--from", "ios-xr", write(t, "router.cfg", c.cli), "--target", "127.0.0.1", "--dry-run").expect(t, 0)
		}
		o := importing("--from", "ios-xr", write(t, "router.cfg", c.cli), "--target", "127.0.0.1")
		if refused := o.code != 0; refused != (c.path != "") || refused != (p.config() == before) || refused && !strings.Contains(o.stderr, "/mooring-pmipv6:pmipv6/"+c.path) {
			t.Errorf("%q: it ends with %d\n%s%s", c.cli, o.code, o.out, o.stderr)
		}
	}
}
