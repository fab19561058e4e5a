package gnmi

import (
	"fmt"
	"maps"
	"math/rand/v2"
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
		{"id": 1, "limit": 30, "surface": {"quiet": true, "material": "asphalt"}}, {"id": 2, "surface": {"material": "asphalt"}}]}`; !sameJSON(got, want) {
		t.Errorf("a motorway is %s, want %s", got, want)
	}
}

// TestDefaultsComeAndGoElsewhere: a condition that reads other entries is as good as any. Whatever is set, who follows the configuration knows in
// the end what there is, and nobody else is told more than that.
func TestDefaultsComeAndGoElsewhere(t *testing.T) {
	const road = "/example-conditions:road"
	e := newElement(t)
	c := e.client()
	c.set(t, updates(road, `{"lane": [{"id": 1}, {"id": 2}]}`))
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, road))
	one := c.watch(t, on(gpb.SubscriptionList_STREAM, road+"/lane[id=1]/surface"))
	w.sync()
	one.sync()
	known := func(want map[string]string) {
		t.Helper()
		for !maps.Equal(w.tree, want) {
			w.next() // ends the test when nothing comes
		}
	}
	now := func() map[string]string {
		once := c.watch(t, on(gpb.SubscriptionList_ONCE, road))
		once.sync()
		return once.tree
	}
	c.set(t, updates(road+"/kind", `"motorway"`))
	one.until("/road/lane[id=1]/surface/quiet", "bool true")
	known(now())
	if w.tree["/road/lane[id=1]/limit"] == "" || w.tree["/road/lane[id=2]/limit"] != "" || w.tree["/road/lane[id=1]/bypass"] != "" {
		t.Errorf("of a motorway is told %v", w.tree)
	}
	random := rand.New(rand.NewPCG(4, 60))
	for range 60 {
		lane := fmt.Sprintf("%s/lane[id=%d]", road, 1+random.IntN(4))
		switch random.IntN(5) {
		case 0:
			c.set(t, updates(road+"/kind", `"motorway"`))
		case 1:
			c.set(t, updates(road+"/kind", `"street"`))
		case 2:
			c.set(t, updates(lane+"/surface/material", `"concrete"`))
		case 3:
			c.Set(t.Context(), updates(lane+"/surface/quiet", `false`)) // refused where the condition does not hold
		case 4:
			c.set(t, &gpb.SetRequest{Delete: paths(lane)})
		}
		known(now())
	}
}
