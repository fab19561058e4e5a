package apply

import (
	"slices"
	"testing"
)

// DOM-06: the store of profiles tells which entries got another customer, or may not be used on customers' transports any more, and none else.
func TestDOM06_Rehomed(t *testing.T) {
	e := shared()
	document := func(nodes, named string) string {
		return `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "nai": [` + nodes + `], "profile": [` + named + `]}]}}`
	}
	before, _, err := e.Translate(nil, e.merge(t, e.parse(t, base), document(
		`{"id": "a@x"}, {"id": "b@x", "customer": "C1"}, {"id": "c@x", "customer": "C1"}, {"id": "d@x"}, {"id": "@x"}`, `{"name": "p"}, {"name": "q", "customer": "C1"}`)))
	if err != nil {
		t.Fatal(err)
	}
	after, _, err := e.Translate(before, e.merge(t, e.parse(t, base), document(
		`{"id": "a@x", "customer": "C2"}, {"id": "b@x"}, {"id": "c@x", "customer": "C1", "service": "dual"}, {"id": "@x", "mobile-local-loop": false}, {"id": "e@x"}, {"id": "f@x", "customer": "C3"}`,
		`{"name": "p", "customer": "C1"}, {"name": "q", "customer": "C1", "service": "dual"}`)))
	if err != nil {
		t.Fatal(err)
	}
	was, is := before.Mobility.LMAs["l"].Domain.Profiles, after.Mobility.LMAs["l"].Domain.Profiles
	want := []string{"@x", "a@x", "d@x", "f@x", "p"} // b may be anywhere now, nothing of c's customer is different, e has no customer, d has its realm's profile
	if got := slices.Sorted(is.Rehomed(was)); !slices.Equal(got, want) {
		t.Errorf("%q have another customer, want %q", got, want)
	}
	if got := slices.Collect(is.Rehomed(is)); len(got) > 0 {
		t.Errorf("%q differ from themselves", got)
	}
}
