package gnmi

import (
	"maps"
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const lmaPath = "/pmipv6/lma[name=lma1]"

// users gives the element some list entries with two keys.
func (e *element) addUsers(t testing.TB) {
	t.Helper()
	e.local().set(t, updates(
		"/user[realm=1][id=ann]", `{"mail": "ann@example.net", "address": {"street": "First"}}`,
		"/user[realm=1][id=ben]", `{"note": [{"at": 5, "text": "five"}, {"at": 3, "text": "three"}]}`,
		"/user[realm=2][id=ann]", `{}`))
}

func TestGNMI09PrefixAndPath(t *testing.T) {
	e := newElement(t)
	c := e.client()
	if got := c.value(t, "/"); !strings.Contains(got, `"lma1"`) || !strings.Contains(got, "example-system:system") {
		t.Errorf("the empty path gives %s", got)
	}
	whole := path(lmaPath + "/bce/maximum")
	for split := range len(whole.Elem) + 1 {
		prefix, rest := &gpb.Path{Elem: whole.Elem[:split]}, &gpb.Path{Elem: whole.Elem[split:]}
		resp := c.ask(t, &gpb.GetRequest{Prefix: prefix, Path: []*gpb.Path{rest}, Encoding: gpb.Encoding_JSON_IETF})
		n := resp.GetNotification()[0]
		if got := values(n); len(got) != 1 || got[lmaPath+"/bce/maximum"] != "2500" {
			t.Errorf("split at %d: %v", split, got)
		}
		if !slices.EqualFunc(n.GetPrefix().GetElem(), prefix.Elem, func(a, b *gpb.PathElem) bool { return proto.Equal(a, b) }) {
			t.Errorf("split at %d: prefix %v", split, n.GetPrefix())
		}
		w := c.watch(t, &gpb.SubscriptionList{Prefix: prefix, Mode: gpb.SubscriptionList_ONCE, Subscription: []*gpb.Subscription{{Path: rest}}})
		if w.sync(); !maps.Equal(w.tree, map[string]string{lmaPath + "/bce/maximum": "2500"}) {
			t.Errorf("split at %d: subscribed to %v", split, w.tree)
		}
		c.set(t, &gpb.SetRequest{Prefix: prefix, Update: []*gpb.Update{{Path: rest, Val: uints(2500)}}})
	}
}

func TestGNMI10Target(t *testing.T) {
	e := newElement(t)
	c := e.client()
	for _, prefix := range []*gpb.Path{nil, {}, {Target: "lma1.example.net"}, {Target: "x", Elem: path("/example-system:system").Elem}} {
		at := path("/load")
		if len(prefix.GetElem()) == 0 {
			at = path("/example-system:system/load")
		}
		n := c.ask(t, &gpb.GetRequest{Prefix: prefix, Path: []*gpb.Path{at}}).GetNotification()[0]
		if n.GetPrefix().GetTarget() != prefix.GetTarget() {
			t.Errorf("Get of target %q answers for %q", prefix.GetTarget(), n.GetPrefix().GetTarget())
		}
		set := c.set(t, &gpb.SetRequest{Prefix: prefix, Update: []*gpb.Update{{Path: at, Val: uints(10)}}})
		if set.GetPrefix().GetTarget() != prefix.GetTarget() {
			t.Errorf("Set of target %q answers for %q", prefix.GetTarget(), set.GetPrefix().GetTarget())
		}
		w := c.watch(t, &gpb.SubscriptionList{Prefix: prefix, Mode: gpb.SubscriptionList_ONCE, Subscription: []*gpb.Subscription{{Path: at}}})
		for _, n := range w.sync() {
			if n.GetPrefix().GetTarget() != prefix.GetTarget() {
				t.Errorf("Subscribe to target %q is told of %q", prefix.GetTarget(), n.GetPrefix().GetTarget())
			}
		}
	}
}

// wrongPath checks what each RPC that takes paths says to one.
func wrongPath(t *testing.T, c client, prefix, at *gpb.Path, get, set codes.Code, words ...string) {
	t.Helper()
	_, err := c.Get(t.Context(), &gpb.GetRequest{Prefix: prefix, Path: []*gpb.Path{at}})
	wantCode(t, err, get, words...)
	wantCode(t, c.watch(t, &gpb.SubscriptionList{Prefix: prefix, Subscription: []*gpb.Subscription{{Path: at}}}).end(), get, words...)
	_, err = c.Set(t.Context(), &gpb.SetRequest{Prefix: prefix, Update: []*gpb.Update{{Path: at, Val: text("x")}}})
	wantCode(t, err, set, words...)
	_, err = c.Set(t.Context(), &gpb.SetRequest{Prefix: prefix, Delete: []*gpb.Path{at}})
	wantCode(t, err, set, words...)
}

func TestGNMI11TargetInPath(t *testing.T) {
	c := newElement(t).client()
	at := path("/example-system:system/name")
	at.Target = "lma1"
	wrongPath(t, c, nil, at, codes.InvalidArgument, codes.InvalidArgument, "target")
}

func TestGNMI12Origins(t *testing.T) {
	c := newElement(t).client()
	at := path("/system/name")
	at.Origin = "example-system"
	wrongPath(t, c, &gpb.Path{Origin: "mooring"}, at, codes.InvalidArgument, codes.InvalidArgument, "origin")
	prefix := path("/system")
	a, b := &gpb.Path{Origin: "example-system", Elem: path("/load").Elem}, &gpb.Path{Origin: "mooring-system", Elem: path("/gnmi").Elem}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Prefix: prefix, Path: []*gpb.Path{a, b}})
	wantCode(t, err, codes.InvalidArgument, "origins")
	_, err = c.Set(t.Context(), &gpb.SetRequest{Prefix: prefix, Delete: []*gpb.Path{a, b}})
	wantCode(t, err, codes.InvalidArgument, "origins")
	wantCode(t, c.watch(t, &gpb.SubscriptionList{Prefix: prefix, Subscription: []*gpb.Subscription{{Path: a}, {Path: b}}}).end(), codes.InvalidArgument, "origins")
}

func TestGNMI13Origins(t *testing.T) {
	c := newElement(t).client()
	at := path("/system/name")
	at.Origin = "openconfig"
	wrongPath(t, c, nil, at, codes.Unimplemented, codes.Unimplemented, "openconfig", "mooring")
	for _, origin := range []string{"", "mooring", "example-system"} {
		at := path("/system/load")
		at.Origin = origin
		n := c.ask(t, &gpb.GetRequest{Path: []*gpb.Path{at}}).GetNotification()[0]
		if got := n.GetPrefix().GetOrigin(); got != origin || len(values(n)) != 1 {
			t.Errorf("origin %q: answer of %q, %v", origin, got, n)
		}
		w := c.watch(t, &gpb.SubscriptionList{Mode: gpb.SubscriptionList_ONCE, Subscription: []*gpb.Subscription{{Path: at}}})
		for _, n := range w.sync() {
			if n.GetPrefix().GetOrigin() != origin {
				t.Errorf("origin %q: told of %q", origin, n.GetPrefix().GetOrigin())
			}
		}
	}
	// The origin of a module has what that module defines at the top, and no more.
	n := c.ask(t, &gpb.GetRequest{Path: []*gpb.Path{{Origin: "example-system"}}}).GetNotification()[0]
	for at := range values(n) {
		if !strings.HasPrefix(at, "/system") && !strings.HasPrefix(at, "/part") && !strings.HasPrefix(at, "/user") {
			t.Errorf("example-system has %s", at)
		}
	}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{{Origin: "example-system", Elem: path("/pmipv6").Elem}}})
	wantCode(t, err, codes.Unimplemented)
	_, err = c.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{{Origin: "ietf-inet-types"}}}) // defines types only
	wantCode(t, err, codes.Unimplemented)
}

func TestGNMI14Wildcards(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	for i := range 3 {
		e.bindings.Put(session(i+1, nil))
	}
	c := e.client()
	for _, same := range [][]string{
		{"/pmipv6/lma/bindings/binding/sequence", "/pmipv6/lma[name=*]/bindings/binding[id=*]/sequence", "/pmipv6/lma/*/binding/sequence", "/pmipv6/lma/bindings/*/sequence", "/pmipv6/.../binding/sequence", "/pmipv6/lma/bindings/.../sequence"},
		{"/user", "/user[realm=*]", "/user[id=*]", "/user[realm=*][id=*]"},
		{"/user[realm=1]", "/user[realm=1][id=*]"},
		{"/user[id=ann]", "/user[realm=*][id=ann]"},
		{"/.../binding/sequence", "/.../lma/.../sequence", "/*/lma/bindings/binding/sequence"},
		{"/example-system:system/...", "/example-system:system"},
	} {
		var want map[string]string
		for _, at := range same {
			resp, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths(at), Encoding: gpb.Encoding_PROTO})
			if err != nil {
				t.Errorf("%s: %v", at, err)
				continue
			}
			got := values(resp.GetNotification()...)
			w := c.watch(t, on(gpb.SubscriptionList_ONCE, at))
			if w.sync(); !maps.Equal(w.tree, got) {
				t.Errorf("%s: Get has %v, Subscribe %v", at, sorted(got), sorted(w.tree))
			}
			if want == nil {
				want = got
			}
			if len(got) == 0 || !maps.Equal(got, want) {
				t.Errorf("%s: %v, but %s: %v", at, sorted(got), same[0], sorted(want))
			}
		}
	}
	if got := values(c.ask(t, &gpb.GetRequest{Path: paths("/user[realm=1]/id"), Encoding: gpb.Encoding_PROTO}).GetNotification()...); len(got) != 2 {
		t.Errorf("a partial match gives %v", got)
	}
	if _, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths("/user[realm=7]")}); err == nil {
		t.Error("a wildcard that nothing matches gives something")
	}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths("/*[name=x]")})
	wantCode(t, err, codes.InvalidArgument)
}

func TestGNMI15KeysOfAnySigns(t *testing.T) {
	e := newElement(t)
	c := e.client()
	for _, name := range []string{"a/b", "a]b", `a\b`, "a b", "näi@exämple.net", "2001:db8::/64", "a[b=c]", "'\"", "a=b", "*x", "..."} {
		at := path("/mooring-system:system/user[name=alice]/authorized-key")
		at.Elem[2].Key = map[string]string{"name": name}
		const key = `{"algorithm": "ssh-ed25519", "key-data": "AAAAC3NzaC1lZDI1NTE5AAAAIGv/Ew=="}`
		c.set(t, &gpb.SetRequest{Update: []*gpb.Update{{Path: at, Val: ietf(key)}}})
		resp := c.ask(t, &gpb.GetRequest{Path: []*gpb.Path{at}})
		if got := resp.GetNotification()[0].GetUpdate()[0].GetPath().GetElem()[2].GetKey()["name"]; got != name {
			t.Errorf("Get: %q came back as %q", name, got)
		}
		w := c.watch(t, &gpb.SubscriptionList{Mode: gpb.SubscriptionList_ONCE, Subscription: []*gpb.Subscription{{Path: at}}})
		if got := w.sync()[0].GetPrefix().GetElem()[2].GetKey()["name"]; got != name {
			t.Errorf("Subscribe: %q came back as %q", name, got)
		}
		c.set(t, &gpb.SetRequest{Delete: []*gpb.Path{at}})
		if _, err := c.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{at}}); err == nil {
			t.Errorf("%q was not deleted", name)
		}
	}
}

func TestGNMI16NoWildcardsToldGNMI52UniquePaths(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	e.bindings.Put(session(1, nil))
	w := e.client().watch(t, on(gpb.SubscriptionList_STREAM, "/*", "/pmipv6/lma[name=*]/.../binding", "/pmipv6/lma", lmaPath, "/user[id=ann]"))
	told := map[string]int{}
	for _, n := range w.sync() {
		seen := map[string]bool{}
		for _, u := range n.GetUpdate() {
			at := textOf(n.GetPrefix(), u.GetPath())
			if strings.ContainsAny(at, "*\x00") || strings.Contains(at, "...") {
				t.Errorf("a wildcard is told: %s", at)
			}
			if seen[at] {
				t.Errorf("%s stands twice in one notification", at)
			}
			seen[at] = true
			told[at]++
		}
	}
	for at, n := range told {
		if n != 1 {
			t.Errorf("%s is told %d times although paths overlap in one manner", at, n)
		}
	}
	resp := e.client().get(t, "/user[realm=*]/id")
	for at := range values(resp.GetNotification()...) {
		if strings.Contains(at, "*") {
			t.Errorf("Get answers with %s", at)
		}
	}
}

func TestGNMI17Keys(t *testing.T) {
	c := newElement(t).client()
	wrongPath(t, c, nil, path("/pmipv6/lma[nome=lma1]"), codes.InvalidArgument, codes.InvalidArgument, "nome")
	wrongPath(t, c, nil, path("/example-system:system[name=x]/load"), codes.InvalidArgument, codes.InvalidArgument, "no list")
	wrongPath(t, c, nil, path("/user[realm=300][id=ann]"), codes.InvalidArgument, codes.InvalidArgument, "realm")
}

func TestMalformedPaths(t *testing.T) {
	c := newElement(t).local()
	wrongPath(t, c, nil, &gpb.Path{Elem: []*gpb.PathElem{{Name: ""}}}, codes.InvalidArgument, codes.InvalidArgument, "no name")
	wrongPath(t, c, nil, &gpb.Path{Elem: slices.Repeat([]*gpb.PathElem{{Name: "..."}}, 65)}, codes.InvalidArgument, codes.InvalidArgument, "limit")
	old := &gpb.Path{}
	//lint:ignore SA1019 that it is refused is the point
	old.Element = []string{"system"}
	wrongPath(t, c, nil, old, codes.InvalidArgument, codes.InvalidArgument, "elem")
	old.Elem = path("/example-system:system").Elem // gnmi_cli sends both
	c.ask(t, &gpb.GetRequest{Path: []*gpb.Path{old}})
	_, err := c.Get(t.Context(), &gpb.GetRequest{})
	wantCode(t, err, codes.InvalidArgument, "no path")
	many := &gpb.GetRequest{}
	for range 1025 {
		many.Path = append(many.Path, path("/example-system:system/name"))
	}
	_, err = c.Get(t.Context(), many)
	wantCode(t, err, codes.ResourceExhausted, "1025", "1024")
	_, err = c.Get(t.Context(), &gpb.GetRequest{Path: paths("/no/such", "/pmipv6/other", "/user[x=1]")})
	wantCode(t, err, codes.Unimplemented, `"no"`, `"other"`, `"x"`) // all are listed
}

// Nested wildcards cost no more than the models are large, and a request no more than its limit.
func TestManyWildcards(t *testing.T) {
	c := newElement(t).local()
	for n := 1; n < 32; n++ {
		for _, between := range []string{"/...", "/.../*"} {
			if _, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths(strings.Repeat(between, n) + "/name")}); err != nil {
				if code := status.Code(err); code != codes.ResourceExhausted && code != codes.Unimplemented && code != codes.NotFound {
					t.Errorf("%d times %s: %v", n, between, err)
				}
			}
		}
	}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths("/.../nothing")})
	wantCode(t, err, codes.Unimplemented)
	wide := &gpb.GetRequest{Path: slices.Repeat(paths("/.../name"), 1000)}
	_, err = c.Get(t.Context(), wide)
	wantCode(t, err, codes.ResourceExhausted, "2000")
	_, err = c.Set(t.Context(), &gpb.SetRequest{Delete: slices.Repeat(paths("/..."), 10)})
	if err != nil { // all that "..." stands for is below the root
		t.Error(err)
	}
}
