package gnmi

import (
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// TestDefaultsWhoseConditionIsFalse are not told, and come and go with their condition (RFC 7950 section 7.21.5).
func TestDefaultsWhoseConditionIsFalse(t *testing.T) {
	const road, prefix = "/example-conditions:road", "example-conditions:"
	e := newElement(t)
	c := e.client()
	c.set(t, updates(road, `{"lane": [{"id": 1}, {"id": 2}]}`))
	if got, want := c.value(t, road), `{"`+prefix+`kind": "street", "`+prefix+`lane": [
		{"id": 1, "surface": {"material": "asphalt"}}, {"id": 2, "surface": {"material": "asphalt"}}]}`; !sameJSON(got, want) {
		t.Errorf("a street is %s, want %s", got, want)
	}
	for _, none := range []string{"/toll", "/signs", "/signs/colour", "/lane[id=1]/surface/quiet"} {
		if got := c.value(t, road+none); got != "" {
			t.Errorf("%s of a street is %s", none, got)
		}
	}
	c.set(t, &gpb.SetRequest{Update: []*gpb.Update{update(road+"/kind", ietf(`"motorway"`))}})
	if got, want := c.value(t, road), `{"`+prefix+`kind": "motorway", "`+prefix+`toll": 9, "`+prefix+`signs": {"colour": "blue"}, "`+prefix+`lane": [
		{"id": 1, "surface": {"quiet": true, "material": "asphalt"}}, {"id": 2, "surface": {"material": "asphalt"}}]}`; !sameJSON(got, want) {
		t.Errorf("a motorway is %s, want %s", got, want)
	}
}
