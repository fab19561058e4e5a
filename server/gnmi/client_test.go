package gnmi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"mooring/server/access"
	"mooring/server/tree/schema"
)

// wantCode checks the code of an error, and that its message says certain things.
func wantCode(t testing.TB, err error, code codes.Code, words ...string) {
	t.Helper()
	if got := status.Code(err); got != code {
		t.Errorf("code %v, want %v (%v)", got, code, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(status.Convert(err).Message(), w) {
			t.Errorf("the message does not name %q: %v", w, err)
		}
	}
}

// textOf writes a path for people.
func textOf(prefix, p *gpb.Path) string {
	return pathText(slices.Concat(prefix.GetElem(), p.GetElem()))
}

// textOfValue writes a value in one line, with its field before it.
func textOfValue(v *gpb.TypedValue) string {
	switch v := v.GetValue().(type) {
	case *gpb.TypedValue_JsonIetfVal:
		return string(v.JsonIetfVal)
	case *gpb.TypedValue_JsonVal:
		return string(v.JsonVal)
	case *gpb.TypedValue_AsciiVal:
		return "ascii " + v.AsciiVal
	case *gpb.TypedValue_StringVal:
		return "string " + v.StringVal
	case *gpb.TypedValue_UintVal:
		return fmt.Sprint("uint ", v.UintVal)
	case *gpb.TypedValue_IntVal:
		return fmt.Sprint("int ", v.IntVal)
	case *gpb.TypedValue_BoolVal:
		return fmt.Sprint("bool ", v.BoolVal)
	case *gpb.TypedValue_DoubleVal:
		return fmt.Sprint("double ", v.DoubleVal)
	case *gpb.TypedValue_BytesVal:
		return fmt.Sprintf("bytes %q", v.BytesVal)
	case *gpb.TypedValue_LeaflistVal:
		var list []string
		for _, e := range v.LeaflistVal.GetElement() {
			list = append(list, textOfValue(e))
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	return fmt.Sprintf("%T", v.GetValue())
}

// values reads the updates of a notification: full path to value.
func values(list ...*gpb.Notification) map[string]string {
	m := map[string]string{}
	for _, n := range list {
		for _, u := range n.GetUpdate() {
			m[textOf(n.GetPrefix(), u.GetPath())] = textOfValue(u.GetVal())
		}
	}
	return m
}

// get asks for paths in JSON_IETF.
func (c client) get(t testing.TB, texts ...string) *gpb.GetResponse {
	t.Helper()
	return c.ask(t, &gpb.GetRequest{Path: paths(texts...), Encoding: gpb.Encoding_JSON_IETF})
}

func (c client) ask(t testing.TB, req *gpb.GetRequest) *gpb.GetResponse {
	t.Helper()
	resp, err := c.Get(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// value is the only value at a path; "" when there is none.
func (c client) value(t testing.TB, text string) string {
	t.Helper()
	resp, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths(text), Encoding: gpb.Encoding_JSON_IETF})
	if status.Code(err) == codes.NotFound {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	if u := resp.GetNotification()[0].GetUpdate(); len(u) == 1 {
		return textOfValue(u[0].GetVal())
	}
	t.Fatalf("%s: %v", text, resp)
	return ""
}

// sameJSON reports whether two JSON texts mean the same.
func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// ietf is a value in JSON_IETF; update puts it at a path.
func ietf(text string) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(text)}}
}

func text(s string) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: s}}
}

func uints(v uint64) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: v}}
}

func update(at string, v *gpb.TypedValue) *gpb.Update { return &gpb.Update{Path: path(at), Val: v} }

// updates makes a Set of JSON_IETF updates: path, value, path, value…
func updates(pairs ...string) *gpb.SetRequest {
	req := &gpb.SetRequest{}
	for i := 0; i < len(pairs); i += 2 {
		req.Update = append(req.Update, update(pairs[i], ietf(pairs[i+1])))
	}
	return req
}

func (c client) set(t testing.TB, req *gpb.SetRequest) *gpb.SetResponse {
	t.Helper()
	resp, err := c.Set(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// subscription is a Subscribe as a client sees it.
type watch struct {
	t      testing.TB
	stream gpb.GNMI_SubscribeClient
	cancel context.CancelFunc
	tree   map[string]string // what is known by now
}

// watch opens a Subscribe.
func (c client) watch(t testing.TB, list *gpb.SubscriptionList) *watch {
	t.Helper()
	return c.watchWith(t, &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}})
}

func (c client) watchWith(t testing.TB, first *gpb.SubscribeRequest) *watch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	stream, err := c.Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(first); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return &watch{t, stream, cancel, map[string]string{}}
}

// on subscribes to paths in PROTO.
func on(mode gpb.SubscriptionList_Mode, texts ...string) *gpb.SubscriptionList {
	list := &gpb.SubscriptionList{Mode: mode, Encoding: gpb.Encoding_PROTO}
	for _, at := range texts {
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: path(at), Mode: gpb.SubscriptionMode_ON_CHANGE})
	}
	return list
}

// next is the next Notification; nil is a sync_response.
func (w *watch) next() *gpb.Notification {
	w.t.Helper()
	m, err := w.stream.Recv()
	if err != nil {
		w.t.Fatal(err)
	}
	if m.GetSyncResponse() {
		return nil
	}
	w.apply(m.GetUpdate())
	return m.GetUpdate()
}

// apply makes of the tree what a notification says.
func (w *watch) apply(n *gpb.Notification) {
	for _, d := range n.GetDelete() {
		gone := textOf(n.GetPrefix(), d)
		maps.DeleteFunc(w.tree, func(at, _ string) bool {
			return at == gone || strings.HasPrefix(at, gone+"/") || strings.HasPrefix(at, gone+"[")
		})
	}
	maps.Copy(w.tree, values(n))
}

// sync reads up to the sync_response.
func (w *watch) sync() (list []*gpb.Notification) {
	w.t.Helper()
	for {
		n := w.next()
		if n == nil {
			return list
		}
		list = append(list, n)
	}
}

// until reads until the tree has a value at a path; "" is none.
func (w *watch) until(at, value string) {
	w.t.Helper()
	for w.tree[at] != value {
		w.next()
	}
}

// quiet checks that nothing comes for a while.
func (w *watch) quiet(d time.Duration) {
	w.t.Helper()
	came := make(chan *gpb.SubscribeResponse, 1)
	go func() {
		m, err := w.stream.Recv()
		if err == nil {
			came <- m
		}
		close(came)
	}()
	select {
	case m, ok := <-came:
		if ok {
			w.t.Errorf("something came: %v", m)
		}
	case <-time.After(d):
		w.cancel() // nothing can be read from it any more
		<-came
	}
}

// end is the error that a stream ends with, after whatever else comes.
func (w *watch) end() error {
	for {
		m, err := w.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n := m.GetUpdate(); n != nil {
			w.apply(n)
		}
	}
}

// sorted are the keys of a map.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// adminUser may do everything.
var adminUser = access.User{Name: "admin", Groups: []string{access.AdminGroup}, Origin: access.Local}

// pattern resolves a path that leads to one node of the schema.
func pattern(t testing.TB, at string) schema.Path {
	t.Helper()
	r := &resolver{schema: testSchema(), op: "test", unknown: codes.Unimplemented}
	p, f := r.resolve(path(at))
	if f != nil {
		t.Fatal(f)
	}
	return p.patterns[0]
}
