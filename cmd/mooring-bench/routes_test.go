package main

import (
	"strings"
	"testing"

	"mooring/dataplane/backend"
)

// Few bindings: all of them are installed, the others removed, and each line has what it should have.
func TestRoutes(t *testing.T) {
	o := routesOptions{bindings: 500, peers: 10}
	results, err := o.run(t.Context(), backend.Userspace)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"routes-plain": 500, "routes-tunnels": 10, "routes-alone": 490, "routes-install": 500, "routes-remove": 50}
	for _, r := range results {
		if n := want[r.Name]; n != 0 && r.N != n || r.N <= 0 || r.Wall <= 0 || r.Ratio <= 0 {
			t.Errorf("%+v", r)
		}
	}
	if len(results) != 6 {
		t.Errorf("%d lines", len(results))
	}
}

func TestRoutesOfNobody(t *testing.T) {
	for _, o := range []routesOptions{{bindings: 10}, {peers: 10}} {
		if _, err := o.run(t.Context(), backend.Userspace); err == nil || !strings.Contains(err.Error(), "--peers") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
