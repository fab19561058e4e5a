package gnmi

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/tree"
)

const sys = "/example-system:system"

// config is the explicit configuration below a path, as JSON.
func (e *element) config(at string) string {
	p := pattern(e.t, at)
	if len(p) > 0 && !closed(p.Last()) {
		p[len(p)-1].Keys = nil // the list as a whole
	}
	n := e.store.Running().Root.Get(p)
	if n == nil {
		return ""
	}
	return string(tree.AppendJSON(nil, n, n.Schema().Module))
}

func TestGNMI29Order(t *testing.T) {
	e := newElement(t)
	c := e.client()
	c.set(t, updates(sys, `{"name": "old", "load": 1, "server": ["x"]}`))
	c.set(t, &gpb.SetRequest{
		Update:  []*gpb.Update{update(sys+"/name", text("first")), update(sys+"/name", text("second"))},
		Replace: []*gpb.Update{update(sys, ietf(`{"name": "replaced", "drift": 4}`)), update(sys+"/drift", ietf("5"))},
		Delete:  paths(sys),
	})
	if got := e.config(sys); !sameJSON(got, `{"name": "second", "drift": 5}`) {
		t.Errorf("the outcome is %s", got)
	}
}

func TestGNMI30AllOrNothing(t *testing.T) {
	e := newElement(t)
	c := e.client()
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys))
	w.sync()
	before, history := e.store.Running(), len(e.history())
	for name, req := range map[string]*gpb.SetRequest{
		"a value":    updates(sys+"/load", "20", sys+"/ratio", `"77"`),
		"a path":     updates(sys+"/load", "20", sys+"/nowhere", `"77"`),
		"validation": updates(sys+"/load", "20", sys+"/backup", `"mooring"`),
	} {
		if _, err := c.Set(t.Context(), req); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if e.store.Running() != before || len(e.history()) != history {
		t.Error("something was committed")
	}
	w.quiet(50 * time.Millisecond)
}

func (e *element) history() []datastore.Snapshot {
	list, err := e.store.History()
	if err != nil {
		e.t.Fatal(err)
	}
	return list
}

// gate is what follows the configuration: it waits for the test to let a commit pass, or to refuse it, and warns.
type gate struct {
	closed  atomic.Bool
	arrived chan struct{}
	verdict chan error
}

func (g *gate) Translate(datastore.Change) ([]*tree.Error, error) { return nil, nil }

func (g *gate) Prepare(ctx context.Context, _ datastore.Change) (datastore.Prepared, []*tree.Error, error) {
	warnings := []*tree.Error{{Warning: true, Message: "the gäte creaks"}}
	if !g.closed.Load() {
		return g, warnings, nil
	}
	g.arrived <- struct{}{}
	return g, warnings, <-g.verdict
}

func (g *gate) Apply() {}
func (g *gate) Abort() {}

func TestGNMI31NothingIsToldBeforeItIsAccepted(t *testing.T) {
	g := &gate{arrived: make(chan struct{}), verdict: make(chan error)}
	e := newElementOver(t, g)
	c := e.client()
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
	w.sync()
	g.closed.Store(true)
	for _, verdict := range []error{&tree.Error{Tag: tree.InUse, Message: "not now"}, nil} {
		done := make(chan error)
		go func() {
			_, err := c.Set(t.Context(), updates(sys+"/load", "44"))
			done <- err
		}()
		<-g.arrived
		if got := c.value(t, sys+"/load"); got != "10" {
			t.Errorf("a change is seen before it is accepted: %s", got)
		}
		g.verdict <- verdict
		err := <-done
		if verdict != nil {
			wantCode(t, err, codes.FailedPrecondition, "not now")
		} else if err != nil {
			t.Error(err)
		}
	}
	if n := w.next(); values(n)["/system/load"] != "uint 44" || n.GetTimestamp() < e.store.Running().Time.UnixNano() {
		t.Errorf("the first that is told is %v", n)
	}
}

// What a commit warns of is in the trailer of the Set.
func TestWarnings(t *testing.T) {
	e := newElementOver(t, &gate{})
	var trailer metadata.MD
	if _, err := e.local().Set(t.Context(), updates(sys+"/load", "44"), grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	if got := trailer.Get(warningHeader); len(got) != 1 || got[0] != "the gäte creaks" {
		t.Errorf("warned of %q", got)
	}
}

// A Set that is based on one commit is refused after another, and changes nothing.
func TestBasedOn(t *testing.T) {
	e := newElement(t)
	based := metadata.AppendToOutgoingContext(t.Context(), basedOnHeader, e.store.Running().Transaction())
	if _, err := e.local().Set(based, updates(sys+"/load", "44")); err != nil {
		t.Fatal(err)
	}
	before := e.store.Running()
	_, err := e.local().Set(based, updates(sys+"/load", "45"))
	wantCode(t, err, codes.Aborted, "read again")
	if e.store.Running() != before {
		t.Error("it was committed")
	}
}

func TestGNMI32Empty(t *testing.T) {
	e := newElement(t)
	before := e.store.Running()
	for _, req := range []*gpb.SetRequest{{}, {Prefix: &gpb.Path{Target: "x"}}, {Extension: foreignExtension()}} {
		resp := e.client().set(t, req)
		if len(resp.GetResponse()) != 0 || resp.GetTimestamp() == 0 || !proto.Equal(resp.GetPrefix(), req.GetPrefix()) {
			t.Errorf("%v is answered by %v", req, resp)
		}
	}
	if e.store.Running() != before {
		t.Error("something was committed")
	}
}

func TestGNMI33Response(t *testing.T) {
	c := newElement(t).client()
	before := time.Now().UnixNano()
	req := &gpb.SetRequest{
		Prefix:  &gpb.Path{Target: "me", Elem: path(sys).Elem},
		Update:  []*gpb.Update{update("/load", uints(1)), update("/name", text("b"))},
		Replace: []*gpb.Update{update("/drift", ietf("3"))},
		Delete:  paths("/backup", "/ratio"),
	}
	resp := c.set(t, req)
	var got []string
	for _, r := range resp.GetResponse() {
		got = append(got, r.GetOp().String()+" "+textOf(nil, r.GetPath()))
	}
	if want := "[DELETE /backup DELETE /ratio REPLACE /drift UPDATE /load UPDATE /name]"; fmt.Sprint(got) != want {
		t.Errorf("results %v, want %s", got, want)
	}
	if resp.GetTimestamp() < before || !proto.Equal(resp.GetPrefix(), req.GetPrefix()) {
		t.Errorf("response %v", resp)
	}
}

func TestGNMI34Update(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	c := e.client()
	c.set(t, updates("/user", `[{"realm": 3, "id": "cat"}]`, "/user[realm=1][id=ann]/address", `{}`, sys, `{"server": ["b"], "drift": 7}`))
	if got := len(values(c.ask(t, &gpb.GetRequest{Path: paths("/user/id"), Encoding: gpb.Encoding_PROTO}).GetNotification()...)); got != 4 {
		t.Errorf("%d users, want 4", got)
	}
	if got := e.config("/user[realm=1][id=ann]"); !strings.Contains(got, "First") {
		t.Errorf("an update deleted something: %s", got)
	}
	// A leaf-list is one value: an update gives it anew.
	c.set(t, updates(sys+"/server", `["c", "a"]`))
	c.set(t, updates("/nacm/groups", `{"group": [{"name": "readers", "user-name": ["dora"]}]}`))
	if got := e.config(sys); !sameJSON(got, `{"name": "mooring", "load": 10, "drift": 7, "server": ["c", "a"]}`) {
		t.Errorf("the system is %s", got)
	}
	if got := e.config("/nacm/groups/group[name=readers]"); !sameJSON(got, `{"name": "readers", "user-name": ["dora"]}`) {
		t.Errorf("the group is %s", got)
	}
	if got := e.config("/nacm/groups/group[name=others]"); !strings.Contains(got, "carol") {
		t.Errorf("another group is %s", got)
	}
}

func TestGNMI35Replace(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	c := e.client()
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys, "/user"))
	w.sync()
	c.set(t, updates(sys, `{"enabled": false, "backup": "other"}`))
	w.until("/system/backup", "string other")
	c.set(t, &gpb.SetRequest{Replace: []*gpb.Update{update(sys, ietf(`{"name": "new"}`)), update("/user", ietf(`[{"realm": 9, "id": "zoe"}]`))}})
	w.until("/user[id=zoe][realm=9]/id", "string zoe")
	w.until("/system/enabled", "bool true")
	if w.tree["/system/name"] != "string new" || w.tree["/system/backup"] != "" || w.tree["/system/load"] != "uint 50" || len(w.tree) != 1+len(defaultsOfSystem)+2 {
		t.Errorf("told are %v", w.tree)
	}
	if got := e.config("/user"); !sameJSON(got, `[{"realm": 9, "id": "zoe"}]`) {
		t.Errorf("users are %s", got)
	}
	c.set(t, &gpb.SetRequest{Replace: []*gpb.Update{update("/user", ietf(`[]`))}})
	if got := e.config("/user"); got != "" {
		t.Errorf("users are %s, want none", got)
	}
	c.set(t, &gpb.SetRequest{Replace: []*gpb.Update{update("/user[realm=1][id=eve]", ietf(`{"realm": 1, "id": "eve"}`)), update(sys, ietf(`{}`))}})
	if got := e.config("/user"); !sameJSON(got, `[{"realm": 1, "id": "eve"}]`) || e.config(sys) != "" {
		t.Errorf("users are %s, the system %s", got, e.config(sys))
	}
}

var defaultsOfSystem = []string{"load", "enabled", "mode", "transport", "port", "drift", "limit"}

func TestGNMI36EmptyReplace(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	for at, value := range map[string]string{"/user[realm=1][id=ann]": " { } ", sys + "/name": "null"} {
		_, err := e.client().Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{update(at, ietf(value))}})
		wantCode(t, err, codes.InvalidArgument)
	}
}

func TestGNMI37Keys(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	c := e.client()
	for at, value := range map[string]string{
		"/user[realm=1]": "{}", "/user[realm=1]/mail": `"x"`, "/user[realm=1][id=*]": "{}", "/user[realm=1][id=*]/mail": `"x"`, "/*": "{}", "/...": "{}",
		"/user[realm=1][id=ann]":       `{"id": "ben"}`,
		"/user[realm=1][id=ann]/id":    `"ben"`,
		"/user[realm=1][id=ann]/realm": `2`,
		"/user":                        `[{"id": "ann"}]`,
	} {
		_, err := c.Set(t.Context(), updates(at, value))
		wantCode(t, err, codes.InvalidArgument, "update /")
		_, err = c.Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{update(at, ietf(value))}})
		wantCode(t, err, codes.InvalidArgument, "replace /")
	}
	_, err := c.Set(t.Context(), &gpb.SetRequest{Delete: paths("/user[realm=1][id=ann]/id")})
	wantCode(t, err, codes.InvalidArgument, "key")
	c.set(t, updates("/user[realm=1][id=ann]/id", `"ann"`, "/user[realm=4][id=new]/realm", "4")) // a key that is right makes its entry
	if got := e.config("/user[realm=4][id=new]"); !sameJSON(got, `{"realm": 4, "id": "new"}`) {
		t.Errorf("the new entry is %s", got)
	}
}

func TestGNMI38Values(t *testing.T) {
	c := newElement(t).client()
	for at, list := range map[string][]*gpb.TypedValue{
		"/load":      {ietf("101"), ietf(`"x"`), ietf(`{"a": 1}`), ietf("[1]"), text("5"), ietf("1.5"), uints(200), {Value: &gpb.TypedValue_IntVal{IntVal: -1}}},
		"/name":      {ietf(`"UPPER"`), ietf(`""`), ietf("5"), uints(5), text(strings.Repeat("a", 17)), {Value: &gpb.TypedValue_BoolVal{BoolVal: true}}},
		"/mode":      {ietf(`"radio"`), text("none")},
		"/enabled":   {text("true"), ietf(`"true"`), ietf("1")},
		"/ratio":     {ietf(`"1.555"`), ietf(`"99"`), {Value: &gpb.TypedValue_DoubleVal{DoubleVal: 12}}, {Value: &gpb.TypedValue_DecimalVal{DecimalVal: &gpb.Decimal64{Digits: 1, Precision: 19}}}}, //lint:ignore SA1019 clients still send it
		"/key":       {ietf(`"!"`), {Value: &gpb.TypedValue_BytesVal{BytesVal: []byte("123456789")}}, text("*")},
		"/transport": {text("udp-lite"), ietf(`"example-system:nope"`)},
		"/marker":    {ietf("true"), ietf(`""`), {Value: &gpb.TypedValue_BoolVal{BoolVal: false}}},
		"/either":    {uints(500), text("Not A Name")},
		"/server":    {ietf(`"a"`), text("a"), ietf(`["a", "a"]`), {Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: &gpb.ScalarArray{Element: []*gpb.TypedValue{uints(1)}}}}},
		"":           {ietf(`{"load": 7`), ietf(``), ietf(`[]`), ietf(`"x"`), text("x"), ietf(`{"nowhere": 1}`), ietf(`{"load": 7} {}`), ietf(`{"load": 7, "load": 8}`), nil, {}, ietf(`{"ntp": "x", "drift": 4}`)},
	} {
		for _, v := range list {
			_, err := c.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{update(sys+at, v)}})
			wantCode(t, err, codes.InvalidArgument, "update "+sys+at)
		}
	}
	_, err := c.Set(t.Context(), updates(sys, `{"load": 101, "mode": "radio", "server": ["a"], "ratio": "x"}`))
	wantCode(t, err, codes.InvalidArgument, "load", "mode", "ratio") // everything that is wrong is listed
	_, err = c.Set(t.Context(), updates(sys+"/load", "101", sys+"/nowhere", "1", "/user[x=1]", "{}"))
	wantCode(t, err, codes.InvalidArgument, "load", "nowhere", `"x"`)
}

// Every scalar that a type can be told as can be written.
func TestScalars(t *testing.T) {
	e := newElement(t)
	e.everyType(t)
	c := e.local()
	told := c.ask(t, &gpb.GetRequest{Path: paths(sys), Encoding: gpb.Encoding_PROTO}).GetNotification()[0]
	want := values(told)
	req := &gpb.SetRequest{Delete: paths(sys)}
	for _, u := range told.GetUpdate() {
		if name := u.GetPath().GetElem(); name[0].GetName() == "system" {
			name[0].Name = "example-system:system"
		}
		req.Update = append(req.Update, u)
	}
	c.set(t, req)
	if got := values(c.ask(t, &gpb.GetRequest{Path: paths(sys), Encoding: gpb.Encoding_PROTO}).GetNotification()...); !maps.Equal(got, want) {
		t.Errorf("written and told again: %v, want %v", got, want)
	}
	for _, v := range []*gpb.TypedValue{
		{Value: &gpb.TypedValue_FloatVal{FloatVal: 2.25}},                                          //lint:ignore SA1019 clients still send it
		{Value: &gpb.TypedValue_DecimalVal{DecimalVal: &gpb.Decimal64{Digits: 225, Precision: 2}}}, //lint:ignore SA1019 clients still send it
		{Value: &gpb.TypedValue_DoubleVal{DoubleVal: 2.25}}, text("2.25"),
	} {
		c.set(t, &gpb.SetRequest{Update: []*gpb.Update{update(sys+"/ratio", v)}})
		if got := c.value(t, sys+"/ratio"); got != `"2.25"` {
			t.Errorf("%v is %s", v, got)
		}
	}
	for digits, want := range map[int64]string{5: "0.05", -5: "-0.05", 1234: "12.34", -123: "-1.23", 0: "0.00"} {
		if got := decimal(digits, 2); got != want {
			t.Errorf("%d with two fraction digits is %s, want %s", digits, got, want)
		}
	}
}

func TestGNMI39Paths(t *testing.T) {
	c := newElement(t).client()
	for at, code := range map[string]codes.Code{
		"/nowhere": codes.NotFound, sys + "/gps": codes.NotFound, "/user[nokey=1]": codes.InvalidArgument,
		sys + "/count": codes.InvalidArgument, lmaPath + "/bindings": codes.InvalidArgument, lmaPath + "/bindings/binding[id=1]": codes.InvalidArgument,
	} {
		_, err := c.Set(t.Context(), updates(at, "{}"))
		wantCode(t, err, code)
		_, err = c.Set(t.Context(), &gpb.SetRequest{Delete: paths(at)})
		wantCode(t, err, code)
	}
	_, err := c.Set(t.Context(), updates(sys, `{"count": 3}`))
	wantCode(t, err, codes.InvalidArgument, "state")
}

func TestGNMI40Delete(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	c := e.client()
	c.set(t, &gpb.SetRequest{Delete: paths(sys+"/backup", "/user[realm=7][id=none]", "/user[realm=7]", "/part", "/user[realm=7][id=none]/note[at=1]")})
	c.set(t, &gpb.SetRequest{Delete: paths("/user[id=ann]")})
	if got := e.config("/user"); !strings.Contains(got, "ben") || strings.Contains(got, "ann") {
		t.Errorf("users are %s", got)
	}
	c.set(t, &gpb.SetRequest{Delete: paths("/user[realm=*]/note[at=3]")})
	if got := e.config("/user"); !strings.Contains(got, "five") || strings.Contains(got, "three") {
		t.Errorf("users are %s", got)
	}
	c.set(t, &gpb.SetRequest{Delete: paths("/*/note")})
	if got := e.config("/user"); !sameJSON(got, `[{"realm": 1, "id": "ben"}]`) {
		t.Errorf("users are %s", got)
	}
	c.set(t, &gpb.SetRequest{Delete: paths(sys)})
	if got := e.config(sys); got != "" {
		t.Errorf("the system is %s", got)
	}
	c.set(t, &gpb.SetRequest{Delete: []*gpb.Path{{Origin: "mooring-pmipv6"}}})
	if got := e.config("/pmipv6"); got != "" || e.config("/nacm") == "" {
		t.Errorf("pmipv6 is %s, nacm %s", got, e.config("/nacm"))
	}
	c.set(t, &gpb.SetRequest{Delete: paths("/")})
	if e.store.Running().Root.Len() != 0 {
		t.Errorf("something is left: %s", e.config("/"))
	}
}

func TestGNMI41Validation(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	c := e.client()
	for name, req := range map[string]*gpb.SetRequest{
		"leafref":      updates("/user[realm=1][id=ann]/friend", `"nobody"`),
		"must":         updates(sys+"/backup", `"mooring"`),
		"unique":       updates("/user[realm=5][id=max]", `{"mail": "ann@example.net", "address": {"street": "First"}}`),
		"max-elements": updates(sys+"/server", `["a", "b", "c", "d"]`),
		"mandatory":    updates(sys+"/tls", `{}`),
		"mandatory 2":  updates("/user[realm=1][id=ann]/note[at=1]", `{}`),
	} {
		before := e.store.Running()
		_, err := c.Set(t.Context(), req)
		want := codes.FailedPrecondition
		if strings.HasPrefix(name, "mandatory") {
			want = codes.InvalidArgument
		}
		wantCode(t, err, want)
		if e.store.Running() != before {
			t.Errorf("%s: something was committed", name)
		}
	}
	_, err := c.Set(t.Context(), updates("/user[realm=1][id=ann]/friend", `"nobody"`, sys+"/backup", `"mooring"`))
	wantCode(t, err, codes.FailedPrecondition, "friend", "name and backup differ") // everything that is wrong is listed
	_, err = c.Set(t.Context(), updates("/user[realm=1][id=ann]/friend", `"nobody"`, sys, `{"load": 200, "backup": "mooring", "tls": {}}`))
	wantCode(t, err, codes.InvalidArgument, "load: 200 is outside", "friend", "name and backup differ", "is mandatory and missing")
}

func TestGNMI42Origins(t *testing.T) {
	e := newElement(t)
	c := e.client()
	one := &gpb.Update{Path: &gpb.Path{Origin: "example-system", Elem: path("/system/load").Elem}, Val: uints(77)}
	two := &gpb.Update{Path: &gpb.Path{Origin: "mooring-system", Elem: path("/system/gnmi/port").Elem}, Val: uints(7777)}
	before := e.store.Running().ID
	c.set(t, &gpb.SetRequest{Update: []*gpb.Update{one, two}})
	if e.store.Running().ID != before+1 || !strings.Contains(e.config(sys), "77") || !strings.Contains(e.config("/mooring-system:system/gnmi"), "7777") {
		t.Errorf("%d commits: %s", e.store.Running().ID-before, e.config("/"))
	}
	two.Val = uints(70000)
	one.Val = uints(5)
	_, err := c.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{one, two}})
	wantCode(t, err, codes.InvalidArgument)
	whole := &gpb.Update{Path: &gpb.Path{Origin: "example-system"}, Val: ietf(`{"example-system:user": [{"realm": 1, "id": "ann"}]}`)}
	c.set(t, &gpb.SetRequest{Update: []*gpb.Update{whole}})
	if !strings.Contains(e.config(sys), "77") || e.config("/user") == "" {
		t.Errorf("after the update: %s", e.config("/"))
	}
	c.set(t, &gpb.SetRequest{Replace: []*gpb.Update{whole}})
	if e.config(sys) != "" || e.config("/user") == "" || e.config("/pmipv6") == "" {
		t.Errorf("after the replace: %s", e.config("/"))
	}
	whole.Val = ietf(`{"mooring-system:system": {"gnmi": {"port": 1}}}`)
	_, err = c.Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{whole}})
	wantCode(t, err, codes.InvalidArgument, "mooring-system:system")
}

func TestReplaceRoot(t *testing.T) {
	e := newElement(t)
	c := e.local()
	all := c.ask(t, &gpb.GetRequest{Type: gpb.GetRequest_CONFIG, Path: paths("/"), Encoding: gpb.Encoding_JSON_IETF}).GetNotification()[0].GetUpdate()[0].GetVal()
	c.set(t, &gpb.SetRequest{Replace: []*gpb.Update{update("/", ietf(`{"example-system:system": {"name": "alone"}}`))}})
	if got := e.config("/"); !sameJSON(got, `{"example-system:system": {"name": "alone"}}`) {
		t.Errorf("everything is %s", got)
	}
	c.set(t, &gpb.SetRequest{Replace: []*gpb.Update{update("/", all)}})
	if !strings.Contains(e.config("/pmipv6"), "lma1") {
		t.Errorf("everything is %s", e.config("/"))
	}
}

func TestGNMI44SetsTakeTurns(t *testing.T) {
	e := newElement(t)
	var wg sync.WaitGroup
	before := e.store.Running().ID
	const clients, each = 8, 10
	for i := range clients {
		c := e.client()
		wg.Go(func() {
			for j := range each {
				// All write one leaf, and each an entry of its own.
				req := updates(sys+"/drift", fmt.Sprint(i*1000+j+1), fmt.Sprintf("/user[realm=%d][id=u%d]", i, j), "{}")
				if _, err := c.Set(t.Context(), req); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := e.store.Running().ID - before; n != clients*each {
		t.Errorf("%d commits, want %d", n, clients*each)
	}
	// While NETCONF holds a lock, its holder is named.
	netconf := e.store.NewSession(access.User{Name: "dora", Origin: access.SSH}, 42)
	defer netconf.Close()
	if err := netconf.Lock(datastore.RunningStore); err != nil {
		t.Fatal(err)
	}
	_, err := e.client().Set(t.Context(), updates(sys+"/drift", "1"))
	wantCode(t, err, codes.FailedPrecondition, "locked", "42")
	if err := netconf.Unlock(datastore.RunningStore); err != nil {
		t.Fatal(err)
	}
	e.client().set(t, updates(sys+"/drift", "1"))
}

// Somebody who commits otherwise at the same time is no reason to fail: what a Set wants is made on top of that.
func TestSetBesideOtherCommits(t *testing.T) {
	e := newElement(t)
	stop := make(chan struct{})
	var other sync.WaitGroup
	other.Go(func() {
		at := pattern(t, sys+"/drift")
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			c := e.store.NewSession(access.Element, 0).Private()
			if _, err := c.Edit(nil, tree.At(testSchema(), at, tree.Merge, tree.NewLeaf(at.Last().Node, fmt.Sprint(i)))); err != nil {
				t.Error(err)
			}
			c.Commit(t.Context(), datastore.CommitOptions{}) // may lose
			time.Sleep(time.Millisecond)
		}
	})
	c := e.local()
	for i := range 50 {
		if _, err := c.Set(t.Context(), updates(sys+"/drift", fmt.Sprint(-i-10))); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	other.Wait()
}

func TestGNMI45Encodings(t *testing.T) {
	c := newElement(t).client()
	for _, v := range []*gpb.TypedValue{
		{Value: &gpb.TypedValue_AsciiVal{AsciiVal: "name x"}}, {Value: &gpb.TypedValue_AnyVal{AnyVal: &anypb.Any{}}}, {Value: &gpb.TypedValue_ProtoBytes{ProtoBytes: []byte("x")}},
	} {
		for _, at := range []string{sys, sys + "/name", sys + "/server"} {
			_, err := c.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{update(at, v)}})
			wantCode(t, err, codes.Unimplemented, fieldOf(v))
		}
	}
}

func TestGNMI46GetAfterSet(t *testing.T) {
	c := newElement(t).client()
	for i := range 50 {
		c.set(t, updates(sys+"/drift", fmt.Sprint(i+1)))
		if got := c.value(t, sys+"/drift"); got != fmt.Sprint(i+1) {
			t.Fatalf("after %d: %s", i+1, got)
		}
	}
}

func TestTooManyOperations(t *testing.T) {
	e := newElement(t, func(o *Options) { o.Limits.Operations = 10 })
	_, err := e.local().Set(t.Context(), &gpb.SetRequest{Delete: make([]*gpb.Path, 11)})
	wantCode(t, err, codes.ResourceExhausted, "11", "10")
}

func TestTooLargeRequest(t *testing.T) {
	e := newElement(t, func(o *Options) { o.Limits.Receive = 10_000 })
	_, err := e.local().Set(t.Context(), updates(sys+"/name", `"`+strings.Repeat("a", 20_000)+`"`))
	wantCode(t, err, codes.ResourceExhausted)
}

// A commit is durable and tells who made it.
func TestSetIsKept(t *testing.T) {
	e := newElement(t)
	if _, err := e.over("alice", "secret").Set(t.Context(), updates(sys+"/load", "42")); err != nil {
		t.Fatal(err)
	}
	last := e.history()[0]
	if last.User != "alice" || last.Via != "gnmi" {
		t.Errorf("the history says %s by %s", last.Via, last.User)
	}
}
