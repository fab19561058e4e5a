package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"mooring/dataplane/kernel"
)

// withVRF is the anchor of the lab with a VRF, whose interface there is not, and one pool more.
func withVRF(t *testing.T, of string) string {
	t.Helper()
	text, err := os.ReadFile(of)
	must(t, err)
	return write(t, "wanted.json", strings.Replace(string(text), "{", `{"ietf-network-instance:network-instances": {"network-instance": [
		{"name": "red", "mooring-network-instance:vrf": {"table": 70, "interface": ["ce0"]}}]},`, 1))
}

// What a configuration would do is said in the order in which it is done, by a running element and of a start; nothing is done, and what makes
// no sense is refused with its place.
func TestPlan(t *testing.T) {
	h, dir := newHost(t, "lma"), t.TempDir()
	const file = "../../examples/lab/ipv6/lma.json"
	wanted := withVRF(t, file)
	start := complete(t, h, privileged, "plan", wanted, "--state-dir", dir)
	start.expect(t, 0)
	if !strings.HasPrefix(start.out, "make    vrf red table 70\nmake    member ce0 vrf red\nmake    route ") || !strings.HasSuffix(start.out, " to make, 0 to change, 0 to remove\n") {
		t.Errorf("of a start: %s", start.out)
	}
	p := run(t, h, dir, "--startup", file)
	o := p.command("plan", wanted)
	o.expect(t, 0)
	if want := "make    vrf red table 70\nmake    member ce0 vrf red\n2 to make, 0 to change, 0 to remove\n"; o.out != want {
		t.Errorf("of the running element: %s, want %s", o.out, want)
	}
	o = p.command("plan", wanted, "--json", "--check")
	o.expect(t, 1, "there is something to do")
	if want := `{"operation":"make","object":"vrf red table 70"}` + "\n" + `{"operation":"make","object":"member ce0 vrf red"}` + "\n"; o.out != want {
		t.Errorf("as JSON: %s", o.out)
	}
	for name, args := range map[string][]string{"the candidate": nil, "what runs": {file}} {
		o = p.command(append([]string{"plan", "--check"}, args...)...)
		if o.expect(t, 0); o.out != "0 to make, 0 to change, 0 to remove\n" {
			t.Errorf("%s: %s", name, o.out)
		}
	}
	bad := write(t, "bad.json", `{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "domain": "gone"}]}}`)
	p.command("plan", bad).expect(t, 2, "/mooring-pmipv6:pmipv6/lma[name='l']/domain")
	complete(t, h, privileged, "plan", bad, "--state-dir", t.TempDir()).expect(t, 2, "/mooring-pmipv6:pmipv6/lma[name='l']/domain")
	complete(t, h, privileged, "plan", "--state-dir", t.TempDir()).expect(t, 5, "no element answers")
	p.command("plan", "gone.json").expect(t, 2, "gone.json")
	p.command("plan", "a", "b").expect(t, 2, "at most 1 arg")
	text, err := os.ReadFile(file)
	must(t, err)
	adopting := write(t, "adopting.json", strings.NewReplacer(`{"id": "mag1",`, `{"id": "mag1", "tunnel-interface": "tunnel-ip97",`, `"mooring-system:system": {`,
		`"mooring-system:system": {"dataplane": {"backend": "userspace"}, `).Replace(string(text)))
	p.command("plan", adopting).expect(t, 1, "/pm:tunnel-interface: ", "only where the kernel carries it")
	complete(t, h, privileged, "plan", adopting, "--state-dir", t.TempDir()).expect(t, 1, "/tunnel-interface: ", "only where the kernel carries it")
	byKernel := write(t, "kernel.json", strings.Replace(string(text), `"mooring-system:system": {`, `"mooring-system:system": {"dataplane": {"backend": "kernel"}, `, 1))
	lacks := kernel.Probe() // by this host, whichever it is
	for what, o := range map[string]outcome{"running": p.command("plan", byKernel), "start": complete(t, h, privileged, "plan", byKernel, "--state-dir", t.TempDir())} {
		if len(lacks) == 0 {
			if o.expect(t, 0); !strings.HasSuffix(o.out, " to remove\n") {
				t.Errorf("%s: %s", what, o.out)
			}
			continue
		}
		if o.expect(t, 1, "backend: the kernel of this host cannot carry tunnels; load what is missing"); o.out != "" {
			t.Errorf("%s: planned is %s", what, o.out)
		}
	}
	if shown := p.show("objects"); !strings.Contains(shown, "installed") && !strings.Contains(shown, "no objects") || strings.Contains(shown, "red") {
		t.Errorf("planning has changed what is wanted: %s", shown)
	}
}

// What a configuration makes of the bindings that there are is planned, too: tunnels of another MTU, and everything that goes with an anchor. (The
// tunnels of another backend: dataplane/backend TestSwitch.)
func TestPlanOfBindings(t *testing.T) {
	d := newDomain(t)
	text, err := os.ReadFile(d.lmaFile)
	must(t, err)
	planned := func(name, old, now string) string {
		t.Helper()
		wanted := strings.Replace(string(text), old, now, 1)
		if wanted == string(text) {
			t.Fatalf("%s has no %s", d.lmaFile, old)
		}
		o := d.anchor.command("plan", write(t, name, wanted))
		o.expect(t, 0)
		return o.out
	}
	narrow := planned("narrow.json", `"name": "lma",`, `"name": "lma", "tunnel": {"mtu": 1400},`)
	if !strings.HasPrefix(narrow, "change  tunnel ") || !strings.Contains(narrow, "1400") || !strings.HasSuffix(narrow, "\n0 to make, 1 to change, 0 to remove\n") {
		t.Errorf("of a narrower tunnel: %s", narrow)
	}
	before := fmt.Sprint(d.anchor.values("objects"))
	gone := planned("gone.json", `"name": "lma",`, `"name": "lma", "enabled": false,`)
	for _, want := range []string{"remove  route 198.18.0.2/32", "remove  route 2001:db8:100:", "remove  tunnel ", "0 to make, 0 to change, "} {
		if !strings.Contains(gone, want) {
			t.Errorf("of an anchor that goes: no %q in %s", want, gone)
		}
	}
	if after := fmt.Sprint(d.anchor.values("objects")); after != before {
		t.Errorf("planning has made %s of %s", after, before)
	}
}
