package gnmi

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gnmic is what a run of gnmic over TLS is given first.
func (e *element) gnmic(args ...string) []string {
	return append([]string{"-a", e.addr.String(), "--tls-ca", e.dir + "/ca.crt", "--tls-server-name", "localhost", "-u", user, "-p", password, "--timeout", "20s"}, args...)
}

// gnmicRun is a run of gnmic with just these arguments and no configuration of its user's.
func (e *element) gnmicRun(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, gnmic, args...)
	cmd.Env = append(os.Environ(), "HOME="+e.dir, "XDG_CONFIG_HOME="+e.dir)
	return cmd
}

// gnmicDoes runs gnmic with words as arguments and checks that it says certain others.
func (e *element) gnmicDoes(t *testing.T, args string, words ...string) string {
	t.Helper()
	out, ok := e.complete(t, e.gnmic(strings.Fields(args)...))
	if !ok {
		t.Errorf("gnmic %s: %s", args, out)
	}
	contains(t, out, words...)
	return out
}

// gnmicRefused runs gnmic, which is to fail with certain words.
func (e *element) gnmicRefused(t *testing.T, args string, words ...string) {
	t.Helper()
	out, ok := e.complete(t, e.gnmic(strings.Fields(args)...))
	if ok {
		t.Errorf("gnmic %s succeeds: %s", args, out)
	}
	contains(t, out, words...)
}

func (e *element) complete(t *testing.T, args []string) (out string, ok bool) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return run(e.gnmicRun(ctx, args...))
}

func (e *element) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(e.dir, name)
	check(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestGnmicCapabilities(t *testing.T) {
	out := serve(t).gnmicDoes(t, "capabilities", "gNMI version: 0.10.0", "mooring-pmipv6, The Mooring project,", "ietf-netconf-acm, IETF, 2018-02-14")
	contains(t, out, "supported encodings: - JSON - JSON_IETF - PROTO - ASCII")
}

func TestGnmicGet(t *testing.T) {
	e := serve(t)
	e.put(1, 41)
	for args, words := range map[string][]string{
		"-e json get --path /pmipv6/lma[name=lma1]/bce":                                    {`"create-wait-time": 1500`, `"maximum": 128000`},
		"-e json_ietf get --path /pmipv6/lma[name=lma1]/bce":                               {`"mooring-pmipv6:create-wait-time": 1500`, `"mooring-pmipv6:maximum": 128000`},
		"-e proto get --path /pmipv6/lma[name=lma1]/bce":                                   {`"Path": "pmipv6/lma[name=lma1]/bce/maximum"`, `"pmipv6/lma/bce/maximum": 128000`},
		"-e ascii get --path /pmipv6/lma[name=lma1]/bce/maximum":                           {`"pmipv6/lma/bce/maximum": "128000"`},
		"-e json_ietf get --path /pmipv6/lma[name=lma1]/statistics/pbu/received":           {`"pmipv6/lma/statistics/pbu/received": "0"`}, // counter64: RFC 7951 section 6.1
		"-e proto get --path /pmipv6/lma[name=lma1]/statistics/pbu/received":               {`"pmipv6/lma/statistics/pbu/received": 0`},
		"-e proto get --path /pmipv6/lma[name=lma1]/bindings/binding[id=1]/hnp":            {`"2001:db8:800:1::/64"`},
		"get --format flat --path /pmipv6/lma[name=lma1]/domain --path /system/host-name":  {"pmipv6/lma[name=lma1]/domain: example.net", "system/host-name: lma1"},
		"get --format flat --prefix /pmipv6/lma[name=lma1] --path domain --target x":       {"pmipv6/lma[name=lma1]/domain: example.net"},
		"get --format flat --path mooring:/system/host-name":                               {"mooring:/system/host-name: lma1"},
		"get --format flat --path mooring-system:/system/host-name --model mooring-system": {"mooring-system:/system/host-name: lma1"},
		"get --values-only --path /pmipv6/lma/bindings/binding/mn-id":                      {`"node1@example.net"`},
		"get --format prototext --path /system/version":                                    {`json_val:`, `0.1.0`},
		"--gzip get --path /system/version":                                                {`0.1.0`},
	} {
		e.gnmicDoes(t, args, words...)
	}
	config := e.gnmicDoes(t, "get --type config --path /pmipv6/lma", `"domain": "example.net"`)
	state := e.gnmicDoes(t, "get --type state --path /pmipv6/lma", `"bce-count": 1`, `"mn-id": "node1@example.net"`)
	if strings.Contains(config, "bce-count") || strings.Contains(state, `"domain"`) {
		t.Errorf("configuration: %s\nstate: %s", config, state)
	}
	e.gnmicDoes(t, "get --type operational --path /pmipv6/lma", `"bce-count": 1`)
	e.gnmicRefused(t, "-e bytes get --path /pmipv6", "Unimplemented", "BYTES")
	e.gnmicRefused(t, "get --path /nothing", "Unimplemented", "nothing")
	e.gnmicRefused(t, "get --path /pmipv6/lma[name=other]", "NotFound", "other")
	e.gnmicRefused(t, "get --path /pmipv6 --model nothing", "nothing")
}

func TestGnmicSet(t *testing.T) {
	e := serve(t)
	c := e.conform(t, user, password)
	json := e.file(t, "lma.json", `{"bce": {"maximum": 300, "lifetime": 300}}`)
	yaml := e.file(t, "lma.yaml", "bce:\n  maximum: 400\n")
	requests := e.file(t, "requests.yaml", `
updates:
  - path: /pmipv6/lma[name=lma1]/bce
    value: {maximum: 600}
    encoding: json_ietf
deletes: [/system/host-name]
`)
	text := e.file(t, "set.prototxt", `update: {path: {elem: {name: "system"} elem: {name: "host-name"}} val: {string_val: "by-proto"}}`)
	const lma, bce = "/pmipv6/lma[name=lma1]", "/pmipv6/lma[name=lma1]/bce"
	for _, step := range []struct{ set, path, now string }{
		{"--update " + bce + "/maximum:::uint:::101", bce + "/maximum", "101"},
		{"--update " + bce + "/maximum:::int:::102", bce + "/maximum", "102"},
		{"--update " + bce + "/maximum:::json:::103", bce + "/maximum", "103"},
		{"--update " + bce + "/maximum:::json_ietf:::104", bce + "/maximum", "104"},
		{"--update /system/host-name:::string:::anchor", "/system/host-name", "anchor"},
		{"--update " + lma + "/enabled:::bool:::false", lma + "/enabled", "false"},
		{"--update-path " + lma + "/address/ipv6 --update-file " + e.file(t, "addresses.json", `["2001:db8::2", "2001:db8::3"]`), lma + "/address/ipv6", "[2001:db8::2 2001:db8::3]"},
		{"--update-path " + bce + "/maximum --update-value 105", bce + "/maximum", "105"},
		{"--update-path " + lma + " --update-file " + json, bce + "/maximum", "300"},
		{"--update-path " + lma + " --update-file " + yaml, bce + "/maximum", "400"},
		{"--prefix " + lma + " --update bce/maximum:::uint:::401 --target x", bce + "/maximum", "401"},
		{"--update mooring:" + bce + "/maximum:::uint:::402", bce + "/maximum", "402"},
		{"--replace " + bce + ":::json_ietf:::{\"maximum\":403}", bce + "/lifetime", "3600"},
		{"--replace-path " + bce + " --replace-value {\"maximum\":404}", bce + "/maximum", "404"},
		{"--replace-path " + bce + " --replace-file " + e.file(t, "bce.json", `{"lifetime": 500}`), bce + "/maximum", "128000"},
		{"--union-replace " + bce + ":::json_ietf:::{\"maximum\":405}", bce + "/lifetime", "3600"},
		{"--request-file " + requests, bce + "/maximum", "600"},
		{"--proto-file " + text, "/system/host-name", "by-proto"},
		{"--delete " + bce + " --update " + bce + "/lifetime:::uint:::700", bce + "/maximum", "128000"},
	} {
		e.gnmicDoes(t, "set "+step.set, `"operation":`)
		if got := c.leaf(step.path); got != step.now {
			t.Errorf("set %s: now it is %s, want %s", step.set, got, step.now)
		}
	}
	e.gnmicDoes(t, `-e json_ietf getset --get /system/host-name --condition true --update "/system/host-name" --value "again"`, `"operation": "UPDATE"`)
	if got := c.leaf("/system/host-name"); got != "again" {
		t.Errorf("the name is %s", got)
	}
	before := e.store.Running()
	e.gnmicRefused(t, "set --update "+bce+"/maximum:::string:::many --update /nothing:::uint:::1", "InvalidArgument", "maximum", "nothing")
	e.gnmicRefused(t, "set --update "+bce+"/maximum:::ascii:::1", "Unimplemented", "ascii_val")
	e.gnmicRefused(t, "set --replace-cli show", "cli")
	if e.store.Running() != before {
		t.Error("something was committed")
	}
}

func TestGnmicWhoComesIn(t *testing.T) {
	e := serve(t)
	ca := []string{"-a", e.addr.String(), "--tls-ca", e.dir + "/ca.crt", "--tls-server-name", "localhost", "--timeout", "20s"}
	certificate := []string{"--tls-cert", e.dir + "/client.crt", "--tls-key", e.dir + "/client.key"}
	for name, run := range map[string]struct {
		args []string
		word string // that is said
		in   bool
	}{
		"password":                  {append(ca, "-u", user, "-p", password), "mooring-pmipv6", true},
		"wrong password":            {append(ca, "-u", user, "-p", "wrong"), "Unauthenticated", false},
		"nobody":                    {ca, "Unauthenticated", false},
		"certificate":               {append(ca, certificate...), "mooring-pmipv6", true},
		"certificate and no server": {append([]string{"-a", e.addr.String(), "--timeout", "20s", "--skip-verify"}, certificate...), "mooring-pmipv6", true},
		"TLS 1.2":                   {append(ca, "-u", user, "-p", password, "--tls-version", "1.2"), "mooring-pmipv6", true},
		"TLS 1.3":                   {append(ca, "-u", user, "-p", password, "--tls-version", "1.3"), "mooring-pmipv6", true},
		"TLS 1.1":                   {append(ca, "-u", user, "-p", password, "--tls-max-version", "1.1", "--timeout", "2s"), "failed", false},
		"no TLS":                    {[]string{"-a", e.addr.String(), "--insecure", "--timeout", "2s", "-u", user, "-p", password}, "failed", false},
		"local socket":              {[]string{"-a", "unix://" + e.socket, "--insecure"}, "mooring-pmipv6", true},
	} {
		t.Run(name, func(t *testing.T) {
			out, ok := e.complete(t, append(run.args, "capabilities"))
			if contains(t, out, run.word); ok != run.in {
				t.Errorf("it comes in: %v", ok)
			}
		})
	}
}
