package gnmi

import (
	"context"
	"slices"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// FuzzSet sends any request to a server. One that is refused has changed nothing, and says that the request is at fault; after one that is accepted all of
// the configuration can be read.
func FuzzSet(f *testing.F) {
	for _, req := range []*gpb.SetRequest{
		{},
		updates(sys+"/load", "11", sys+"/server[name=a]", `{"port": 5}`),
		{Delete: paths(sys + "/load"), Replace: []*gpb.Update{update(sys+"/name", text("b"))}},
		{Replace: []*gpb.Update{update("/", ietf(`{"example-system:system": {"name": "c"}}`))}},
		{UnionReplace: []*gpb.Update{update(sys, ietf(`{"name": "d"}`)), update(sys+"/load", uints(3))}},
		{Prefix: &gpb.Path{Target: "t", Origin: "example-system"}, Update: []*gpb.Update{update("/system/load", text("x"))}},
		{Delete: paths("/user[realm=*]", "/..."), Extension: []*extpb.Extension{{Ext: &extpb.Extension_MasterArbitration{MasterArbitration: &extpb.MasterArbitration{ElectionId: &extpb.Uint128{Low: 1}}}}}},
	} {
		octets, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(octets)
	}
	e := newElement(f)
	first := e.store.Running().Root
	blameless := []codes.Code{codes.Internal, codes.Unknown, codes.Unavailable}
	f.Fuzz(func(t *testing.T, octets []byte) {
		req := &gpb.SetRequest{}
		if proto.Unmarshal(octets, req) != nil || slices.ContainsFunc(req.Extension, func(x *extpb.Extension) bool { return x.GetCommit() != nil }) {
			return // a commit that waits would refuse all that follow
		}
		e.t = t
		ctx := context.WithValue(t.Context(), userKey{}, adminUser)
		before := e.store.Running().Root
		if _, err := e.server.service.Set(ctx, req); err != nil {
			if slices.Contains(blameless, status.Code(err)) || e.store.Running().Root != before {
				t.Errorf("%v: %v; changed: %v", req, err, e.store.Running().Root != before)
			}
			return
		}
		for _, encoding := range []gpb.Encoding{gpb.Encoding_JSON, gpb.Encoding_JSON_IETF, gpb.Encoding_PROTO} {
			if _, err := e.server.service.Get(ctx, &gpb.GetRequest{Path: paths("/"), Type: gpb.GetRequest_CONFIG, Encoding: encoding}); err != nil {
				t.Errorf("after %v: %v", req, err)
			}
		}
		e.replace(first)
	})
}
