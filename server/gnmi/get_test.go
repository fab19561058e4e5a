package gnmi

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

func TestGNMI18OneNotificationForEachPath(t *testing.T) {
	c := newElement(t).client()
	before := time.Now().UnixNano()
	asked := []string{lmaPath + "/bce/maximum", "/example-system:system/load", lmaPath + "/bce/maximum", "/example-system:system"}
	resp := c.get(t, asked...)
	if len(resp.GetNotification()) != len(asked) {
		t.Fatalf("%d notifications for %d paths", len(resp.GetNotification()), len(asked))
	}
	for i, n := range resp.GetNotification() {
		if got := textOf(n.GetPrefix(), n.GetUpdate()[0].GetPath()); got != strings.TrimPrefix(asked[i], "") && got != strings.Replace(asked[i], "example-system:", "", 1) {
			t.Errorf("notification %d is about %s, want %s", i, got, asked[i])
		}
		if n.GetTimestamp() < before || n.GetTimestamp() > time.Now().UnixNano() {
			t.Errorf("timestamp %d is not of now", n.GetTimestamp())
		}
	}
}

func TestGNMI19Defaults(t *testing.T) {
	c := newElement(t).client()
	for at, want := range map[string]string{
		"/example-system:system/enabled": "true", "/example-system:system/mode": `"slow"`, "/example-system:system/port": "[830,9339]",
		"/example-system:system/drift": "-5", "/example-system:system/transport": `"example-types:ipv4"`, lmaPath + "/bce/lifetime": "3600",
	} {
		if got := c.value(t, at); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
}

// Whoever asks for what was set is told that, values among it that are the default, and nothing else.
func TestExplicit(t *testing.T) {
	e := newElement(t)
	e.client().set(t, updates(lmaPath+"/bce/lifetime", "3600"))
	asked := func(mode string, kind gpb.GetRequest_DataType, path string) (string, metadata.MD) {
		header := metadata.MD{}
		resp, err := e.local().Get(metadata.AppendToOutgoingContext(t.Context(), defaultsHeader, mode),
			&gpb.GetRequest{Path: paths(path), Type: kind, Encoding: gpb.Encoding_JSON_IETF}, grpc.Header(&header))
		if err != nil {
			t.Fatal(err)
		}
		return string(resp.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal()), header
	}
	got, header := asked(explicit, gpb.GetRequest_CONFIG, "/")
	root, err := tree.DecodeJSON(strings.NewReader(got), testSchema().Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !root.Equal(e.store.Running().Root) {
		t.Errorf("what was set is told as\n%s", got)
	}
	if header.Get(defaultsHeader)[0] != explicit || header.Get(transactionHeader)[0] != e.store.Running().Transaction() {
		t.Errorf("the header is %v", header)
	}
	if got, _ := asked(explicit, gpb.GetRequest_CONFIG, lmaPath+"/bce"); got != `{"mooring-pmipv6:maximum":2500,"mooring-pmipv6:lifetime":3600}` {
		t.Errorf("what was set is told as %s", got)
	}
	if got, _ := asked(reportAll, gpb.GetRequest_ALL, lmaPath+"/bce"); !strings.Contains(got, "delete-wait-time") {
		t.Errorf("everything is told as %s", got)
	}
	_, err = e.local().Get(metadata.AppendToOutgoingContext(t.Context(), defaultsHeader, "all"), &gpb.GetRequest{Path: paths("/"), Encoding: gpb.Encoding_JSON_IETF})
	wantCode(t, err, codes.InvalidArgument, defaultsHeader, `"all"`, reportAll, explicit)
}

func TestGNMI20NothingThereGNMI21Unknown(t *testing.T) {
	c := newElement(t).client()
	for at, code := range map[string]codes.Code{
		"/example-system:system/backup":                  codes.NotFound,
		"/example-system:system/ntp":                     codes.NotFound, // of a case that is not in use
		"/pmipv6/lma[name=other]":                        codes.NotFound,
		lmaPath + "/bindings/binding[id=7]":              codes.NotFound,
		lmaPath + "/bindings/binding[id=7]/sequence":     codes.NotFound,
		"/example-system:system/gps":                     codes.Unimplemented, // needs a feature
		"/example-system:system/load/deeper":             codes.Unimplemented,
		"/nowhere":                                       codes.Unimplemented,
		"/no-such-module:system":                         codes.Unimplemented,
		"/user[realm=x][id=ann]":                         codes.InvalidArgument,
		lmaPath + "/bindings/binding[id=1][id2=2]/state": codes.InvalidArgument,
	} {
		_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths(at)})
		wantCode(t, err, code, "get /")
	}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths("/example-system:system/gps")})
	wantCode(t, err, codes.Unimplemented, "radio")
}

func TestGNMI22Types(t *testing.T) {
	e := newElement(t)
	e.bindings.Put(session(1, nil))
	c := e.client()
	configured := func(at string) bool {
		def := testSchema().Root
		for _, elem := range path(at).GetElem() {
			module, local := splitName(elem.GetName())
			if def = def.ChildNamed(local); module != "" {
				def = testSchema().Root.Child(module, local)
			}
		}
		return def.Config
	}
	byType := map[gpb.GetRequest_DataType]map[string]string{}
	for _, kind := range []gpb.GetRequest_DataType{gpb.GetRequest_CONFIG, gpb.GetRequest_STATE, gpb.GetRequest_OPERATIONAL, gpb.GetRequest_ALL} {
		resp := c.ask(t, &gpb.GetRequest{Type: kind, Path: paths("/pmipv6"), Encoding: gpb.Encoding_PROTO})
		byType[kind] = values(resp.GetNotification()...)
		for at := range byType[kind] {
			if is := configured(at); kind == gpb.GetRequest_CONFIG && !is || (kind == gpb.GetRequest_STATE || kind == gpb.GetRequest_OPERATIONAL) && is {
				t.Errorf("%s has %s", kind, at)
			}
		}
	}
	if byType[gpb.GetRequest_STATE][lmaPath+"/bindings/binding[id=1]/sequence"] != "uint 1" || byType[gpb.GetRequest_CONFIG][lmaPath+"/bce/maximum"] != "uint 2500" {
		t.Errorf("CONFIG %v, STATE %v", byType[gpb.GetRequest_CONFIG], byType[gpb.GetRequest_STATE])
	}
	union := maps.Clone(byType[gpb.GetRequest_CONFIG])
	maps.Copy(union, byType[gpb.GetRequest_STATE])
	if !slices.Equal(sorted(union), sorted(byType[gpb.GetRequest_ALL])) {
		t.Error("ALL is not CONFIG and STATE")
	}
	if !slices.Equal(sorted(byType[gpb.GetRequest_OPERATIONAL]), sorted(byType[gpb.GetRequest_STATE])) {
		t.Error("OPERATIONAL is not STATE")
	}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Type: gpb.GetRequest_STATE, Path: paths(lmaPath + "/bce")})
	wantCode(t, err, codes.NotFound)
	_, err = c.Get(t.Context(), &gpb.GetRequest{Type: gpb.GetRequest_CONFIG, Path: paths(lmaPath + "/bindings")})
	wantCode(t, err, codes.NotFound)
}

// everyType gives a value to each leaf of the example.
func (e *element) everyType(t testing.TB) {
	t.Helper()
	e.local().set(t, updates("/example-system:system", `{"ratio": "1.50", "flags": "left up", "key": "AQID", "transport": "example-system:udp", "marker": [null],
		"where": "/example-system:system/example-system:name", "either": 5, "server": ["b", "a"], "tls": {"port": 1}}`))
}

func TestGNMI23Encodings(t *testing.T) {
	e := newElement(t)
	c := e.client()
	for encoding, want := range map[gpb.Encoding]string{gpb.Encoding_JSON: "json_val", gpb.Encoding_JSON_IETF: "json_ietf_val", gpb.Encoding_PROTO: "string_val", gpb.Encoding_ASCII: "ascii_val"} {
		v := c.ask(t, &gpb.GetRequest{Path: paths("/example-system:system/name"), Encoding: encoding}).GetNotification()[0].GetUpdate()[0].GetVal()
		if got := fieldOf(v); got != want {
			t.Errorf("%s: %s, want %s", encoding, got, want)
		}
	}
	if v := c.ask(t, &gpb.GetRequest{Path: paths("/example-system:system/name")}).GetNotification()[0].GetUpdate()[0].GetVal(); fieldOf(v) != "json_val" {
		t.Errorf("no encoding gives %s", fieldOf(v))
	}
	for _, encoding := range []gpb.Encoding{gpb.Encoding_BYTES, 77} {
		_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths("/example-system:system/name"), Encoding: encoding})
		wantCode(t, err, codes.Unimplemented, encoding.String())
		list := on(gpb.SubscriptionList_ONCE, "/example-system:system/name")
		list.Encoding = encoding
		wantCode(t, c.watch(t, list).end(), codes.Unimplemented, encoding.String())
	}
}

// In ASCII, each leaf is the text that YANG has for it.
func TestASCII(t *testing.T) {
	e := newElement(t)
	e.everyType(t)
	e.bindings.Put(session(1, nil))
	list := on(gpb.SubscriptionList_ONCE, sys, bindings)
	list.Encoding = gpb.Encoding_ASCII
	w := e.client().watch(t, list)
	w.sync()
	got := values(e.client().ask(t, &gpb.GetRequest{Path: paths(sys, bindings), Encoding: gpb.Encoding_ASCII}).GetNotification()...)
	for _, told := range []map[string]string{got, w.tree} {
		for at, want := range map[string]string{
			"/system/load": "10", "/system/ratio": "1.5", "/system/key": "AQID", "/system/server": "b\na", "/system/enabled": "true", "/system/tls/port": "1",
			"/system/transport": "example-system:udp", bindingPath(1, "sequence"): "1", bindingPath(1, "mn-id"): "node1@example.net",
		} {
			if told[at] != "ascii "+want {
				t.Errorf("%s is %q, want %q", at, told[at], want)
			}
		}
	}
}

func fieldOf(v *gpb.TypedValue) string {
	m := v.ProtoReflect()
	return string(m.WhichOneof(m.Descriptor().Oneofs().ByName("value")).Name())
}

func TestGNMI24JSON(t *testing.T) {
	e := newElement(t)
	e.everyType(t)
	c := e.client()
	const want = `{"example-system:name": "mooring", "example-system:load": 10, "example-system:ratio": "1.5", "example-system:enabled": true,
		"example-system:mode": "slow", "example-system:flags": "up left", "example-system:key": "AQID", "example-system:transport": "example-system:udp",
		"example-system:marker": [null], "example-system:where": "/example-system:system/name", "example-system:either": 5, "example-system:server": ["b", "a"],
		"example-system:port": [830, 9339], "example-system:tls": {"port": 1}, "example-system:drift": -5, "example-system:limit": 20}`
	if got := c.value(t, "/example-system:system"); !sameJSON(got, want) {
		t.Errorf("JSON_IETF is %s, want %s", got, want)
	}
	// What is written is what RFC 7951 makes of it: the decoder of the datastore reads it.
	if _, err := tree.DecodeJSONAt(strings.NewReader(c.value(t, "/")), testSchema(), nil, tree.DecodeOptions{State: true}); err != nil {
		t.Error(err)
	}
	plain := c.ask(t, &gpb.GetRequest{Path: paths("/example-system:system")}).GetNotification()[0].GetUpdate()[0].GetVal()
	const wantPlain = `{"name": "mooring", "load": 10, "ratio": 1.5, "enabled": true, "mode": "slow", "flags": "up left", "key": "AQID", "transport": "udp",
		"marker": [null], "where": "/example-system:system/name", "either": 5, "server": ["b", "a"], "port": [830, 9339], "tls": {"port": 1}, "drift": -5, "limit": 20}`
	if got := textOfValue(plain); !sameJSON(got, wantPlain) {
		t.Errorf("JSON is %s, want %s", got, wantPlain)
	}
	// What is told in one encoding can be written in the same.
	for _, encoding := range []gpb.Encoding{gpb.Encoding_JSON, gpb.Encoding_JSON_IETF} {
		before := e.store.Running()
		resp := c.ask(t, &gpb.GetRequest{Type: gpb.GetRequest_CONFIG, Path: paths("/example-system:system"), Encoding: encoding})
		c.set(t, &gpb.SetRequest{Replace: []*gpb.Update{update("/example-system:system", resp.GetNotification()[0].GetUpdate()[0].GetVal())}})
		if got := values(c.ask(t, &gpb.GetRequest{Type: gpb.GetRequest_CONFIG, Path: paths("/example-system:system"), Encoding: encoding}).GetNotification()...); !maps.Equal(got, values(resp.GetNotification()...)) {
			t.Errorf("%s: %v came back as %v (commit %d)", encoding, resp, got, before.ID)
		}
	}
}

func TestGNMI25LeavesAreBare(t *testing.T) {
	e := newElement(t)
	e.everyType(t)
	for at, want := range map[string]string{
		"name": `"mooring"`, "load": "10", "ratio": `"1.5"`, "enabled": "true", "marker": "[null]", "server": `["b","a"]`, "either": "5", "transport": `"example-system:udp"`,
	} {
		if got := e.client().value(t, "/example-system:system/"+at); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
}

func TestGNMI26PROTO(t *testing.T) {
	e := newElement(t)
	e.everyType(t)
	want := map[string]string{
		"name": "string mooring", "load": "uint 10", "ratio": "double 1.5", "enabled": "bool true", "mode": "string slow", "flags": "string up left",
		"key": `bytes "\x01\x02\x03"`, "transport": "string example-system:udp", "marker": "bool true", "where": "string /example-system:system/name", "either": "int 5",
		"server": "[string b, string a]", "port": "[uint 830, uint 9339]", "tls/port": "uint 1", "drift": "int -5", "limit": "uint 20",
	}
	got := values(e.client().ask(t, &gpb.GetRequest{Path: paths("/example-system:system"), Encoding: gpb.Encoding_PROTO}).GetNotification()...)
	for at, v := range want {
		if got["/system/"+at] != v {
			t.Errorf("%s is %q, want %q", at, got["/system/"+at], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d leaves, want %d: %v", len(got), len(want), got)
	}
}

func TestGNMI27UseModels(t *testing.T) {
	e := newElement(t)
	c := e.client()
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths("/"), UseModels: []*gpb.ModelData{{Name: "openconfig-interfaces"}}})
	wantCode(t, err, codes.InvalidArgument, "openconfig-interfaces")
	_, err = c.Get(t.Context(), &gpb.GetRequest{Path: paths("/"), UseModels: []*gpb.ModelData{{Name: "mooring-system", Version: "1999-01-01"}}})
	wantCode(t, err, codes.InvalidArgument, "1999-01-01")
	use := []*gpb.ModelData{{Name: "mooring-system", Version: testSchema().Module("mooring-system").Revision}}
	got := values(c.ask(t, &gpb.GetRequest{Path: paths("/"), Encoding: gpb.Encoding_PROTO, UseModels: use}).GetNotification()...)
	list := on(gpb.SubscriptionList_ONCE, "/")
	list.UseModels = use
	w := c.watch(t, list)
	w.sync()
	for _, told := range []map[string]string{got, w.tree} {
		if len(told) == 0 {
			t.Error("nothing is told")
		}
		for at := range told {
			if !strings.HasPrefix(at, "/mooring-system:system/") {
				t.Errorf("another model is told: %s", at)
			}
		}
	}
}

func TestGNMI28TooLarge(t *testing.T) {
	e := newElement(t, func(o *Options) { o.Limits.Get = 100_000 })
	for i := range 2000 {
		e.bindings.Put(session(i+1, nil))
	}
	c := e.client()
	for _, encoding := range []gpb.Encoding{gpb.Encoding_JSON, gpb.Encoding_PROTO} {
		_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths("/pmipv6/lma/bindings"), Encoding: encoding})
		wantCode(t, err, codes.ResourceExhausted, "100000")
	}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: slices.Repeat(paths(lmaPath+"/bindings/binding[id=1]"), 300)})
	wantCode(t, err, codes.ResourceExhausted) // all paths share the room
	if got := c.value(t, lmaPath+"/bindings/binding[id=7cf]/sequence"); got != "1" {
		t.Errorf("afterwards one binding has %s", got)
	}
}

// The size that is counted is near that of what is sent, so that the limit is one.
func TestSizeOfAnswer(t *testing.T) {
	e := newElement(t)
	for i := range 500 {
		e.bindings.Put(session(i+1, nil))
	}
	resp := e.local().get(t, lmaPath+"/bindings")
	sent := len(resp.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal())
	s := e.server.service
	to := newFinder(s.schema.Root, 1<<30)
	r := s.reader(adminUser, nil, to)
	for _, table := range s.tables([]schema.Path{pattern(t, lmaPath+"/bindings")}, 0) {
		if err := r.rows(t.Context(), table, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if counted := 1<<30 - to.room; counted < sent*2/3 || counted > sent*3/2 {
		t.Errorf("%d octets were counted, %d sent", counted, sent)
	}
}

// A Get of one binding by its key costs the same however many there are.
func TestKeyedGetIsALookUp(t *testing.T) {
	e := newElement(t)
	ctx := context.WithValue(t.Context(), userKey{}, adminUser)
	cost := func() float64 {
		return testing.AllocsPerRun(20, func() {
			resp, err := e.server.service.Get(ctx, &gpb.GetRequest{Path: paths(bindingPath(7, "")), Encoding: gpb.Encoding_PROTO})
			if err != nil || len(resp.GetNotification()[0].GetUpdate()) < 10 {
				t.Fatal(resp, err)
			}
		})
	}
	for i := range 10 {
		e.bindings.Put(session(i+1, nil))
	}
	few := cost()
	for i := range 20_000 {
		e.bindings.Put(session(i+1, nil))
	}
	if many := cost(); many > 1.1*few {
		t.Errorf("%v allocations among 20,000 bindings, %v among ten", many, few)
	}
}
