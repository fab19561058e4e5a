package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A gateway that is asked to end takes back what it made on the host, and its anchor keeps the binding: a restart costs no
// registration. The next one serves the node at once.
func TestTerminatedGatewayLeavesNothingAndKeepsItsBindings(t *testing.T) {
	d := newDomain(t)
	if made := held(t, d.mag); !slices.ContainsFunc(made, func(s string) bool { return strings.HasPrefix(s, "mooring") }) {
		t.Fatalf("the gateway has made %q, and no device", made)
	}
	before := d.anchor.values("bindings")[0]
	if code := d.gateway.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := held(t, d.mag); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	after := d.anchor.values("bindings")[0]
	if after["state"] != "active" || after["sequence"] != before["sequence"] {
		t.Errorf("the anchor was told something: %v, then %v", before, after)
	}
	d.gateway = run(t, d.mag, d.magDir)
	d.registered(1)
	if now := d.anchor.values("bindings")[0]; now["id"] != before["id"] || now["created"] != before["created"] {
		t.Errorf("not the same binding: %v, then %v", before, now)
	}
}

// What a killed gateway leaves is taken over by the next one that wants it.
func TestKilledGatewayIsSucceeded(t *testing.T) {
	d := newDomain(t)
	before := d.anchor.values("bindings")[0]
	d.gateway.end(syscall.SIGKILL)
	if left := held(t, d.mag); len(left) == 0 {
		t.Fatal("a killed process leaves nothing, so that there is nothing to take over")
	}
	d.gateway = run(t, d.mag, d.magDir)
	d.registered(1)
	if now := d.anchor.values("bindings")[0]; now["id"] != before["id"] {
		t.Errorf("not the same binding: %v, then %v", before, now)
	}
	if code := d.gateway.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := held(t, d.mag); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// What a killed element leaves is removed by the next one that does not want it.
func TestLeftoversOfAnotherConfigurationAreRemoved(t *testing.T) {
	d := newDomain(t)
	for _, p := range []*process{d.gateway, d.anchor} {
		p.end(syscall.SIGKILL)
		if left := held(t, p.host); len(left) == 0 {
			t.Fatalf("%s: a killed process leaves nothing, so that there is nothing to remove", p.host.Name)
		}
		run(t, p.host, p.dir, "--startup", write(t, "other.json", `{"mooring-system:system": {"host-name": "other"}}`), "--startup-replace")
		eventually(t, func() string {
			return strings.Join(held(t, p.host), "\n")
		})
	}
}

// Who disables the gateway in the configuration takes leave of the anchor.
func TestDisabledGatewayDeregisters(t *testing.T) {
	d := newDomain(t)
	d.disableGateway()
	eventually(t, func() string {
		for _, b := range d.anchor.values("bindings") {
			if b["state"] == "active" {
				return "the binding is still active"
			}
		}
		return strings.Join(held(t, d.mag), "\n")
	})
}
