package lab

import (
	"fmt"
	"slices"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Rows are brought up to date by updates of leaves, and go with the whole binding.
func TestTake(t *testing.T) {
	binding := &gpb.Path{Elem: []*gpb.PathElem{{Name: "mooring-pmipv6:pmipv6"}, {Name: "lma", Key: map[string]string{"name": "lma"}},
		{Name: "bindings"}, {Name: "binding", Key: map[string]string{"id": "1"}}}}
	leaf := func(name string) *gpb.Path { return &gpb.Path{Elem: []*gpb.PathElem{{Name: name}}} }
	value := func(json string) *gpb.TypedValue {
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(json)}}
	}
	rows := map[string]row{}
	var got []string
	for _, n := range []*gpb.Notification{
		{Prefix: binding, Update: []*gpb.Update{{Path: leaf("peer"), Val: value(`"mag1"`)}, {Path: leaf("handoff-count"), Val: value("0")}}},
		{Prefix: binding, Update: []*gpb.Update{{Path: leaf("handoff-count"), Val: value("1")}}, Delete: []*gpb.Path{leaf("peer")}},
		{Delete: []*gpb.Path{binding}},
	} {
		take(rows, n, func(_ time.Time, before, after row) { got = append(got, fmt.Sprint(before, " to ", after)) })
	}
	want := []string{
		"map[] to map[handoff-count:0 peer:mag1]",
		"map[handoff-count:0 peer:mag1] to map[handoff-count:1]",
		"map[handoff-count:1] to map[]",
	}
	if !slices.Equal(got, want) || len(rows) != 0 {
		t.Errorf("changes\n%q, want\n%q; left %v", got, want, rows)
	}
}
