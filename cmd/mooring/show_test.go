package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mooring/cmd/mooring/client"
	"mooring/server/access"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// variable is what differs from run to run, and what stands for it. Cells of a table keep their width: their headings are wider.
var variable = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\b(\d+h)?\d+m\d+s *`), "TIME       "},
	{regexp.MustCompile(`"\d{4}-\d\d-\d\dT[0-9:.]+Z"`), `"WHEN"`},
	{regexp.MustCompile(`"remaining-lifetime":\d+`), `"remaining-lifetime":N`},
	{regexp.MustCompile(`"refresh-remaining":\d+`), `"refresh-remaining":N`},
	{regexp.MustCompile(`("(in|out)-(packets|octets)"):"\d+"`), `$1:"N"`},
	{regexp.MustCompile(`("(count|received|refresh|sent)"):"\d+"`), `$1:"N"`}, // a slow machine repeats requests
	{regexp.MustCompile(`("(congestion|malformed|mtu|no-binding|spoofed-source|unsendable)"):"\d+"`), `$1:"N"`},
	{regexp.MustCompile(`\b(kernel|user-space)( +)1460`), "CARRIER     1460"}, // the kernel takes over when it may, and a moment late
	{regexp.MustCompile(`("carried-by"):"(kernel|user-space)"`), `$1:"CARRIER"`},
	{regexp.MustCompile(`(?m)^(.* 1460 .* 1 ) *\d+ +\d+ +\d+ +\d+ +\d+$`), "${1}COUNTERS"},
}

// variableHere is what else differs in tables of what is rarely looked at.
var variableHere = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "WHEN"},
	{regexp.MustCompile(`\b(vrf-interface|namespace)\b`), "KIND"},
	{regexp.MustCompile(`\b\d{10}\b`), "TIMESTAMP"}, // restart counters
}

// inLab are the views that the elements of the lab have rows for.
var inLab = map[string][]view{
	"lma": {bindingsView, peersView, tunnelsView, poolsView, objectsView, machinesView},
	"mag": {bindingsView, peersView, tunnelsView, poolsView, objectsView, machinesView, anchorsView, interfacesView},
}

// TestShow compares what show prints of a domain with the golden files: rewrite them with -update, and read what changed.
func TestShow(t *testing.T) {
	d := newDomain(t)
	for _, p := range []*process{d.anchor, d.gateway} {
		for _, v := range inLab[p.host.Name] {
			for _, format := range []string{"table", "json"} {
				t.Run(p.host.Name+"/"+v.name+"/"+format, func(t *testing.T) {
					args := []string{v.name}
					if format == "json" {
						args = append(args, "--json")
					}
					got := p.show(args...)
					for _, c := range slices.Concat(variable, variableHere) {
						got = c.pattern.ReplaceAllString(got, c.by)
					}
					compare(t, filepath.Join("testdata/show", p.host.Name+"-"+v.name+"."+format), got)
				})
			}
		}
	}
}

// TestShowFilters shows some rows of a domain, and more columns of them.
func TestShowFilters(t *testing.T) {
	d := newDomain(t)
	for _, c := range []struct {
		args, want string // which shows the row; otherwise there is none
	}{
		{"bindings --node mn1@lab.example", "mn1@lab.example"},
		{"bindings --node *@lab.example --peer mag1 --state active --machine lma", "mn1@lab.example"},
		{"bindings --peer 2001:db8:0:11::2", "mn1@lab.example"},
		{"bindings --node *@elsewhere", ""},
		{"bindings --node mn1@lab.example --peer mag2", ""},
		{"bindings --machine other", ""},
		{"bindings --wide", "02:00:5e:10:00:01"},
		{"peers --peer mag2", "mag2"},
		{"peers --peer 2001:db8:0:12::2", "mag2"},
		{"peers --status down", ""},
		{"tunnels --peer *:11::2 --status up --wide", "ip-2001:db8:0:1::2-2001:db8:0:11::2"},
		{"pools --network home", "198.18.0.2"},
		{"pools --network away", ""},
		{"machines --status up", "lma lma"}, // of rows that come in parts
		{"machines --status down", ""},
		{"tunnels --peer *", "2001:db8:0:11::2"},
		{"statistics --peer mag1", "peer mag1"},
		{"statistics --peer mag3", ""},
		{"statistics --machine lma", "pbu received"},
		{"statistics --machine other", ""},
		{"statistics --customer *", ""},
		{"bindings --json --node mn1@*", `"mn-id":"mn1@lab.example"`},
		{"bindings --json --node mn2@*", ""},
	} {
		out := d.anchor.show(strings.Fields(c.args)...)
		none := out == "" || strings.HasPrefix(out, "no ")
		if c.want == "" && !none || c.want != "" && !strings.Contains(out, c.want) {
			t.Errorf("show %s:\n%s", c.args, out)
		}
	}
	if out := d.anchor.show("peers", "--peer", "mag2"); strings.Contains(out, "mag1") {
		t.Errorf("the other peer is shown as well:\n%s", out)
	}
	complete(t, d.anchor.host, privileged, "show", "peers", "--state-dir", d.lmaDir, "--peer", "[").expect(t, 2, "--peer [", "syntax error")
}

// A column shows what it counts in units of time as a time.
func TestSpan(t *testing.T) {
	for text, want := range map[string]string{"2212": "2.212ms", "0": "0s", none: none} {
		rtt := span(column{title: "RTT", cell: func(*client.Row) string { return text }}, time.Microsecond)
		if got := rtt.cell(nil); rtt.title != "RTT" || got != want {
			t.Errorf("%s is shown as %s below %s, want %s", text, got, rtt.title, want)
		}
	}
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		must(t, os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if got != string(want) {
		t.Errorf("got\n%s\nwant, by %s,\n%s", got, file, want)
	}
}

// TestWatch follows the bindings of an anchor while its gateway is disabled: the row changes, then it is gone.
func TestWatch(t *testing.T) {
	d := newDomain(t)
	d.anchor.set("100", elem("pmipv6"), elem("lma", "name", "lma"), elem("bce"), elem("delete-wait-time"))
	watching := program(privileged, "show", "bindings", "--state-dir", d.lmaDir, "--json", "--watch")
	out, err := watching.StdoutPipe()
	must(t, err)
	must(t, watching.Start())
	defer watching.Process.Kill()
	type line struct {
		Path  string
		Value map[string]any
		Gone  bool
	}
	lines := json.NewDecoder(out)
	next := func() (l line) {
		t.Helper()
		must(t, lines.Decode(&l))
		return l
	}
	const row = "/pmipv6/lma[name=lma]/bindings/binding[id=1]"
	if l := next(); l.Path != row || l.Value["state"] != "active" {
		t.Fatalf("at first: %+v", l)
	}
	d.disableGateway()
	l := next()
	for l.Value["state"] == "active" {
		l = next()
	}
	for !l.Gone {
		if l.Path != row || l.Value["state"] != "delete-pending" || l.Value["mn-id"] != "mn1@lab.example" {
			t.Fatalf("then: %+v", l)
		}
		l = next()
	}
	must(t, watching.Process.Signal(syscall.SIGINT))
	if err := watching.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
}

func TestWatchedTableIsPrintedWhenItChanges(t *testing.T) {
	h := newHost(t, "h")
	p := run(t, h, t.TempDir(), "--startup", write(t, "one.json", fmt.Sprintf(oneDomain, 1)))
	watching := program(privileged, "show", "pools", "--state-dir", p.dir, "--watch")
	var out, stderr bytes.Buffer
	watching.Stdout, watching.Stderr = &out, &stderr
	must(t, watching.Start())
	eventually(t, func() string {
		if strings.Count(p.show("pools"), "lma l1") != 1 {
			return "no pool"
		}
		return ""
	})
	p.end(syscall.SIGKILL)
	if err := watching.Wait(); err == nil || watching.ProcessState.ExitCode() != 5 {
		t.Errorf("without the element: %v", err)
	}
	if got := strings.Count(out.String(), "lma l1"); got > 1 {
		t.Errorf("%d tables of an unchanged pool:\n%s", got, &out)
	}
	if !strings.Contains(stderr.String(), "no element answers") {
		t.Errorf("standard error: %s", &stderr)
	}
}

func TestShowWithoutElement(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	complete(t, h, privileged, "show", "pools", "--state-dir", dir).expect(t, 5, "no element answers in "+dir, "mooring run")
	complete(t, h, privileged, "show", "pools", "--address", "127.0.0.1:9339", "--insecure-skip-verify").expect(t, 5, "no element answers at 127.0.0.1:9339: dial tcp 127.0.0.1:9339: connect: connection refused")
	complete(t, h, privileged, "show", "pools", "--address", "127.0.0.1", "--insecure-skip-verify").expect(t, 5, "127.0.0.1:9339: connect: connection refused")
}

// TestShowOverTLS logs in with everything that proves who somebody is, and with some things that do not.
func TestShowOverTLS(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	hash, err := access.HashPassword("correct horse")
	must(t, err)
	p := run(t, h, dir, "--gnmi", "127.0.0.1:0", "--netconf", "127.0.0.1:0", "--startup", write(t, "users.json", fmt.Sprintf(`{
		"mooring-system:system": {"user": [{"name": "alice", "password": %q}, {"name": "bob", "password": %[1]q}]},
		"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["alice"]}]}},
		"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l1", "domain": "d", "network": [
			{"name": "home", "pool": {"mobile-node": {"ipv4": {"start-address": "198.18.0.2", "pool-prefix": 16}}}}]}]}}`, hash)))
	at := p.said("gNMI")
	netip.MustParseAddrPort(at)
	fingerprint, certificate := p.said("certificate"), filepath.Join(dir, "keys/certificate.pem")
	right, wrong := write(t, "right", "correct horse\nbattery\n"), write(t, "wrong", "staple")
	for name, c := range map[string]struct {
		args  string
		code  int
		texts []string
	}{
		"by fingerprint":    {"--user alice --password-file " + right + " --fingerprint " + strings.ToLower(fingerprint), 0, nil},
		"by authority":      {"--user alice --password-file " + right + " --ca " + certificate, 0, nil},
		"believing":         {"--user alice --password-file " + right + " --insecure-skip-verify", 0, nil},
		"wrong password":    {"--user alice --password-file " + wrong + " --ca " + certificate, 1, []string{"authentication failed", "--user"}},
		"nobody":            {"--ca " + certificate, 1, []string{"--user"}},
		"unknown authority": {"--user alice --password-file " + right, 5, []string{"that can be trusted: failed to verify certificate", "--fingerprint"}},
		"wrong fingerprint": {"--user alice --password-file " + right + " --fingerprint 00:11", 5, []string{"that can be trusted: the element's certificate has the fingerprint " + fingerprint, "--fingerprint"}},
		"no file":           {"--user alice --password-file /nonexistent", 1, []string{"password: open /nonexistent"}},
		"no authority":      {"--user alice --password-file " + right + " --ca " + right, 1, []string{right + ": there is no certificate"}},
		"no client key":     {"--cert " + certificate + " --key " + right, 1, []string{"client certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := complete(t, h, privileged, append([]string{"show", "pools", "--address", at}, strings.Fields(c.args)...)...)
			o.expect(t, c.code, c.texts...)
			if shown := strings.Contains(o.out, "198.18.0.2"); shown != (c.code == 0) {
				t.Errorf("standard output: %s", o.out)
			}
		})
	}
	ssh := p.said("NETCONF")
	complete(t, h, privileged, "show", "pools", "--address", ssh, "--insecure-skip-verify").expect(t, 5, "what is there does not speak TLS", "port 9339")
	o := complete(t, h, privileged, "show", "pools", "--address", at, "--user", "bob", "--password-file", right, "--ca", certificate)
	if strings.Contains(o.out, "198.18.0.2") {
		t.Errorf("bob, who may do nothing, is shown:\n%s", o.out)
	}
}
