package lab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A host that cannot carry what was asked for is unfit for the lab, which is not the lab's failure; the error is free of gRPC's words.
func TestExplainCommit(t *testing.T) {
	c := &client{name: "mag1"}
	err := c.explainCommit(status.Error(codes.Unimplemented, "/mooring-system:system/dataplane/backend: the kernel cannot"))
	if _, unfit := errors.AsType[*Unfit](err); !unfit || strings.Contains(err.Error(), "rpc error") ||
		!strings.HasPrefix(err.Error(), "commit the configuration of mag1: /mooring-system:system/dataplane/backend: the kernel cannot\n") ||
		!strings.Contains(err.Error(), "--vm") {
		t.Errorf("what the host lacks: %v", err)
	}
	err = c.explainCommit(status.Error(codes.InvalidArgument, "no node"))
	if _, unfit := errors.AsType[*Unfit](err); unfit || err.Error() != "commit the configuration of mag1: no node" {
		t.Errorf("a mistake in the example: %v", err)
	}
}

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
