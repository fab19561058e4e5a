package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// command runs a subcommand on the state folder of an element.
func (p *process) command(args ...string) outcome {
	p.t.Helper()
	return complete(p.t, p.host, privileged, append(args, "--state-dir", p.dir)...)
}

// received is how many PBUs an anchor says that it received, and since when it counts.
func (d *domain) received(what string) (n, since string) {
	for _, row := range d.anchor.values(what) {
		if s, ok := row["statistics"].(map[string]any); ok {
			return fmt.Sprint(s["pbu"].(map[string]any)["received"]), fmt.Sprint(s["discontinuity-time"])
		}
	}
	return "", ""
}

// OPS-06, OPS-13, OPS-17: the command line clears statistics and bindings, over NETCONF on the local socket, and what it cannot clear it says.
func TestClear(t *testing.T) {
	d := newDomain(t)
	if n, _ := d.received("peers"); n == "0" || n == "" {
		t.Fatalf("%q PBUs were received", n)
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"clear", 2, "bindings or statistics"},
		{"clear moons", 2, "unknown command"},
		{"clear bindings", 2, "one of --all, --node, --id, --peer and --customer"},
		{"clear bindings --all --node x", 2, "one of --all, --node, --id, --peer and --customer"},
		{"clear bindings --node nobody@lab.example", 1, `lma lma: there is no binding with nai 'nobody@lab.example'`},
		{"clear statistics --peer nobody", 1, `lma lma: there is no mag 'nobody'`},
		{"clear bindings --customer NOBODY", 1, `lma lma: there is no binding with customer 'NOBODY'`},
		{"clear statistics --customer NOBODY", 1, `lma lma: there is no customer 'NOBODY'`},
		{"clear statistics --customer NOBODY --peer mag1", 2, "--peer or --customer"},
		{"clear statistics --machine other", 1, "no LMA or MAG with the name other runs"},
	} {
		if o := d.anchor.command(strings.Fields(c.args)...); o.out != "" {
			t.Errorf("%s: %s", c.args, o.out)
		} else {
			o.expect(t, c.code, c.says)
		}
	}
	if n, _ := d.received("peers"); n == "0" {
		t.Error("what was refused has cleared something")
	}
	o := d.anchor.command("clear", "statistics", "--peer", "mag1", "--json")
	o.expect(t, 0)
	var told struct {
		Machine string `json:"machine"`
		Since   string `json:"discontinuity-time"`
	}
	must(t, json.Unmarshal([]byte(o.out), &told))
	if n, since := d.received("peers"); told.Machine != "lma lma" || n != "0" || since != told.Since {
		t.Errorf("%+v was told; %s PBUs since %s", told, n, since)
	}
	o = d.gateway.command("clear", "bindings", "--node", "mn1@lab.example")
	if o.expect(t, 0); o.out != "mag mag1: bindings that end: 1\n" {
		t.Errorf("the gateway says %q", o.out)
	}
	eventually(t, func() string {
		if n, _ := d.received("peers"); n == "0" {
			return "the anchor has received nothing since its counters began anew"
		}
		return ""
	})
	complete(t, d.lma, privileged, "clear", "statistics", "--state-dir", t.TempDir()).expect(t, 5, "no element answers in")
}
