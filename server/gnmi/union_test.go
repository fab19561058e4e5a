package gnmi

import (
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
)

func TestGNMI43UnionReplace(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	c := e.client()
	unite := func(list ...*gpb.Update) (*gpb.SetResponse, error) {
		return c.Set(t.Context(), &gpb.SetRequest{UnionReplace: list})
	}
	other := func(origin, at string, v *gpb.TypedValue) *gpb.Update {
		return &gpb.Update{Path: &gpb.Path{Origin: origin, Elem: path(at).Elem}, Val: v}
	}
	// What stands at the paths goes; what is said of them in several places is put together. Everything else stays.
	resp, err := unite(update(sys, ietf(`{"name": "a", "drift": 3}`)), other("example-system", "/system", ietf(`{"load": 7, "drift": 3}`)), update("/user", ietf(`[{"realm": 9, "id": "zoe"}]`)))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range resp.GetResponse() {
		if r.GetOp() != gpb.UpdateResult_UNION_REPLACE || i > 2 {
			t.Errorf("result %v", r)
		}
	}
	if got := e.config(sys); !sameJSON(got, `{"name": "a", "drift": 3, "load": 7}`) {
		t.Errorf("the system is %s", got)
	}
	if got := e.config("/user"); !sameJSON(got, `[{"realm": 9, "id": "zoe"}]`) || e.config("/pmipv6") == "" {
		t.Errorf("users are %s, pmipv6 %s", got, e.config("/pmipv6"))
	}
	before := e.store.Running()
	_, err = unite(update(sys, ietf(`{"load": 7}`)), other("example-system", "/system/load", uints(8)))
	wantCode(t, err, codes.InvalidArgument, `"8"`, `"7"`, "/system/load", "union_replace /system/load", "union_replace /example-system:system")
	for _, req := range []*gpb.SetRequest{{Delete: paths(sys)}, {Update: []*gpb.Update{update(sys, ietf("{}"))}}, {Replace: []*gpb.Update{update(sys, ietf("{}"))}}} {
		req.UnionReplace = []*gpb.Update{update("/user", ietf("[]"))}
		_, err = c.Set(t.Context(), req)
		wantCode(t, err, codes.InvalidArgument, "union_replace")
	}
	_, err = unite(update(sys+"/backup", text("a"))) // what is forbidden is forbidden
	wantCode(t, err, codes.FailedPrecondition)
	if e.store.Running() != before {
		t.Error("something was committed")
	}
	if _, err = unite(update("/", ietf(`{"example-system:system": {"name": "alone"}}`)), update(sys+"/server", ietf(`["x"]`))); err != nil {
		t.Fatal(err)
	}
	if got := e.config("/"); !sameJSON(got, `{"example-system:system": {"name": "alone", "server": ["x"]}}`) {
		t.Errorf("everything is %s", got)
	}
}
