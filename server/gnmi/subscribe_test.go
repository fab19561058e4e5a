package gnmi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"mooring/mobility"
)

const bindings = lmaPath + "/bindings"

// binding is the path to a leaf of a binding.
func bindingPath(id int, leaf string) string {
	at := fmt.Sprintf("%s/binding[id=%x]", bindings, id)
	if leaf != "" {
		at += "/" + leaf
	}
	return at
}

func poll() *gpb.SubscribeRequest {
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Poll{Poll: &gpb.Poll{}}}
}

func subscribe(list *gpb.SubscriptionList) *gpb.SubscribeRequest {
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}
}

func TestGNMI47FirstMessage(t *testing.T) {
	c := newElement(t).client()
	wantCode(t, c.watchWith(t, poll()).end(), codes.InvalidArgument, "first message")
	wantCode(t, c.watchWith(t, &gpb.SubscribeRequest{}).end(), codes.InvalidArgument, "first message")
	stream, err := c.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stream.CloseSend()
	_, err = stream.Recv()
	wantCode(t, err, codes.InvalidArgument)
}

func TestGNMI48SecondList(t *testing.T) {
	e := newElement(t)
	c := e.client()
	other := c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
	other.sync()
	for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_STREAM, gpb.SubscriptionList_POLL} {
		w := c.watch(t, on(mode, sys+"/load"))
		w.sync()
		w.stream.Send(subscribe(on(mode, sys+"/load")))
		wantCode(t, w.end(), codes.InvalidArgument, "Poll")
	}
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
	w.sync()
	w.stream.Send(poll())
	wantCode(t, w.end(), codes.InvalidArgument, "Poll")
	c.set(t, updates(sys+"/load", "66"))
	other.until("/system/load", "uint 66")
}

func TestGNMI49NoPaths(t *testing.T) {
	c := newElement(t).client()
	wantCode(t, c.watch(t, &gpb.SubscriptionList{}).end(), codes.InvalidArgument, "no path")
	wantCode(t, c.watch(t, &gpb.SubscriptionList{Mode: 9, Subscription: []*gpb.Subscription{{}}}).end(), codes.InvalidArgument, "mode 9")
	wantCode(t, c.watch(t, &gpb.SubscriptionList{Subscription: []*gpb.Subscription{{Mode: 9}}}).end(), codes.InvalidArgument, "mode 9")
}

func TestGNMI50NothingYet(t *testing.T) {
	e := newElement(t)
	c := e.client()
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, bindingPath(5, ""), "/user[realm=1][id=ann]", sys+"/backup", sys+"/tls"))
	w.sync()
	if len(w.tree) > 0 {
		t.Errorf("told are %v", w.tree)
	}
	e.bindings.Put(session(4, nil))
	e.bindings.Put(session(5, nil))
	w.until(bindingPath(5, "sequence"), "uint 1")
	c.set(t, updates("/user", `[{"realm": 1, "id": "ann"}, {"realm": 1, "id": "ben"}]`, sys, `{"backup": "b", "tls": {"port": 5}}`))
	w.until("/user[id=ann][realm=1]/id", "string ann")
	w.until("/system/backup", "string b")
	w.until("/system/tls/port", "uint 5")
	for at := range w.tree {
		if strings.Contains(at, "ben") || strings.Contains(at, "binding[id=4]") {
			t.Errorf("nobody asked for %s", at)
		}
	}
	wantCode(t, c.watch(t, on(gpb.SubscriptionList_STREAM, "/nowhere")).end(), codes.Unimplemented)
}

func TestGNMI51OneLeafInAnUpdate(t *testing.T) {
	e := newElement(t)
	e.everyType(t)
	e.bindings.Put(session(1, nil))
	list := on(gpb.SubscriptionList_ONCE, "/")
	list.Encoding = gpb.Encoding_JSON_IETF
	for _, aggregate := range []bool{false, true} {
		list.AllowAggregation = aggregate
		for _, n := range e.client().watch(t, list).sync() {
			for _, u := range n.GetUpdate() {
				if v := string(u.GetVal().GetJsonIetfVal()); v == "" || v[0] == '{' || strings.HasPrefix(v, "[{") {
					t.Errorf("%s is %s", textOf(n.GetPrefix(), u.GetPath()), v)
				}
			}
		}
	}
}

func TestGNMI53Timestamps(t *testing.T) {
	e := newElement(t)
	before := time.Now().UnixNano()
	w := e.client().watch(t, on(gpb.SubscriptionList_STREAM, sys, bindings))
	last := before
	check := func(n *gpb.Notification) {
		if n.GetTimestamp() < last || n.GetTimestamp() > time.Now().UnixNano() {
			t.Errorf("timestamp %d after %d", n.GetTimestamp(), last)
		}
		last = n.GetTimestamp()
	}
	for _, n := range w.sync() {
		check(n)
	}
	for i := range 20 {
		e.client().set(t, updates(sys+"/drift", fmt.Sprint(i+1)))
		check(w.next())
		e.bindings.Put(refresh(1, uint16(i+2)))
		check(w.next())
	}
}

func TestGNMI54BackToDefault(t *testing.T) {
	c := newElement(t).client()
	c.set(t, updates(sys, `{"enabled": false, "drift": 9}`))
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys))
	w.sync()
	c.set(t, &gpb.SetRequest{Delete: paths(sys + "/enabled")})
	n := w.next()
	if len(n.GetDelete()) > 0 || values(n)["/system/enabled"] != "bool true" {
		t.Errorf("told is %v", n)
	}
	c.set(t, updates(sys+"/ntp", `"n"`)) // another case: the default of this one is no more
	w.until("/system/ntp", "string n")
	if w.tree["/system/drift"] != "" {
		t.Errorf("drift is still told: %v", w.tree)
	}
	c.set(t, &gpb.SetRequest{Delete: paths(sys + "/ntp")})
	w.until("/system/drift", "int -5")
}

func TestGNMI55EntriesComeAndGo(t *testing.T) {
	e := newElement(t)
	c := e.client()
	e.addUsers(t)
	e.bindings.Put(session(1, nil))
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, "/user", bindings))
	w.sync()
	first := maps.Clone(w.tree)
	one := func(at string) {
		t.Helper()
		n := w.next()
		if len(n.GetUpdate()) > 0 || len(n.GetDelete()) != 1 || textOf(n.GetPrefix(), n.GetDelete()[0]) != at {
			t.Errorf("told is %v, want a delete of %s", n, at)
		}
	}
	c.set(t, &gpb.SetRequest{Delete: paths("/user[realm=1][id=ben]")})
	one("/user[id=ben][realm=1]")
	e.bindings.Delete(1)
	one(bindingPath(1, ""))
	c.set(t, updates("/user[realm=1][id=ben]", `{"note": [{"at": 5, "text": "five"}, {"at": 3, "text": "three"}]}`))
	e.bindings.Put(session(1, nil))
	for range 4 { // a user, two notes, a binding
		w.next()
	}
	delete(first, bindingPath(1, "remaining-lifetime"))
	delete(w.tree, bindingPath(1, "remaining-lifetime"))
	if !maps.Equal(w.tree, first) {
		t.Errorf("all leaves again are %v, want %v", sorted(w.tree), sorted(first))
	}
	// A delete and a new entry that both happen before the subscriber looks are told as what the entry became.
	c.set(t, &gpb.SetRequest{Replace: []*gpb.Update{update("/user[realm=1][id=ann]", ietf(`{"mail": "new"}`))}})
	n := w.next()
	if values(n)["/user[id=ann][realm=1]/mail"] != "string new" || len(n.GetDelete()) != 1 || textOf(n.GetPrefix(), n.GetDelete()[0]) != "/user[id=ann][realm=1]/address/street" {
		t.Errorf("told is %v", n)
	}
}

func TestGNMI56HalfClosed(t *testing.T) {
	e := newElement(t)
	w := e.client().watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
	w.stream.CloseSend()
	w.sync()
	e.client().set(t, updates(sys+"/load", "3"))
	w.until("/system/load", "uint 3")
}

func TestGNMI57Once(t *testing.T) {
	e := newElement(t)
	e.bindings.Put(session(1, nil))
	c := e.client()
	w := c.watch(t, on(gpb.SubscriptionList_ONCE, sys, bindings))
	w.sync()
	if err := w.end(); err != nil {
		t.Errorf("ends with %v", err)
	}
	if w.tree["/system/load"] != "uint 10" || w.tree[bindingPath(1, "mn-id")] != "string node1@example.net" {
		t.Errorf("told are %v", w.tree)
	}
	w = c.watch(t, on(gpb.SubscriptionList_ONCE, "/user", bindingPath(7, "")))
	if list := w.sync(); len(list) != 0 {
		t.Errorf("told is %v", list)
	}
	if err := w.end(); err != nil {
		t.Errorf("ends with %v", err)
	}
}

func TestGNMI58Poll(t *testing.T) {
	e := newElement(t)
	c := e.client()
	w := c.watch(t, on(gpb.SubscriptionList_POLL, sys))
	w.sync()
	for i := range 3 {
		c.set(t, updates(sys+"/drift", fmt.Sprint(i+1)))
		w.tree = map[string]string{}
		w.stream.Send(poll())
		w.sync()
		if w.tree["/system/drift"] != fmt.Sprint("int ", i+1) || w.tree["/system/name"] != "string mooring" {
			t.Errorf("poll %d: %v", i, w.tree)
		}
	}
	w.stream.CloseSend()
	if err := w.end(); err != nil {
		t.Errorf("ends with %v", err)
	}
}

func TestGNMI59UpdatesOnly(t *testing.T) {
	c := newElement(t).client()
	for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_ONCE, gpb.SubscriptionList_POLL} {
		list := on(mode, "/")
		list.UpdatesOnly = true
		w := c.watch(t, list)
		if told := w.sync(); len(told) != 0 {
			t.Errorf("%s: %v", mode, told)
		}
		if mode == gpb.SubscriptionList_POLL {
			w.stream.Send(poll())
			if told := w.sync(); len(told) != 0 {
				t.Errorf("%s: %v", mode, told)
			}
		}
	}
}

func TestGNMI60OnChange(t *testing.T) {
	e := newElement(t)
	c := e.client()
	e.bindings.Put(session(1, nil))
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys, bindings))
	w.sync()
	c.set(t, updates(sys, `{"drift": 8, "load": 10}`))
	if got := values(w.next()); !maps.Equal(got, map[string]string{"/system/drift": "int 8"}) {
		t.Errorf("told are %v", got)
	}
	e.bindings.Put(refresh(1, 2))
	if got := values(w.next()); !maps.Equal(got, map[string]string{bindingPath(1, "sequence"): "uint 2"}) {
		t.Errorf("told are %v", got)
	}
	e.bindings.Put(session(1, func(b *mobility.Binding) { b.Prefixes, b.Sequence = nil, 2 }))
	n := w.next()
	var gone []string
	for _, path := range n.GetDelete() {
		gone = append(gone, textOf(n.GetPrefix(), path))
	}
	if told := values(n); !maps.Equal(told, map[string]string{bindingPath(1, "hnp-count"): "uint 0"}) || !slices.Equal(gone, []string{bindingPath(1, "hnp"), bindingPath(1, "service")}) {
		t.Errorf("told is %v", n)
	}
	e.bindings.Put(session(1, func(b *mobility.Binding) { b.Prefixes, b.Sequence = nil, 2 })) // the same again
	w.quiet(50 * time.Millisecond)
}

func TestGNMI61UpdatesOnlyStream(t *testing.T) {
	e := newElement(t)
	e.bindings.Put(session(1, nil))
	e.bindings.Put(session(2, nil))
	for _, mode := range []gpb.SubscriptionMode{gpb.SubscriptionMode_ON_CHANGE, gpb.SubscriptionMode_TARGET_DEFINED} {
		list := on(gpb.SubscriptionList_STREAM, sys, bindings)
		list.UpdatesOnly = true
		for _, sub := range list.Subscription {
			sub.Mode = mode
		}
		w := e.client().watch(t, list)
		if told := w.sync(); len(told) != 0 {
			t.Errorf("initial values: %v", told)
		}
		e.client().set(t, updates(sys+"/drift", fmt.Sprint(10+int(mode))))
		w.next()
		e.bindings.Put(refresh(2, uint16(10+mode)))
		w.next()
		if want := []string{bindingPath(2, "sequence"), "/system/drift"}; !slices.Equal(sorted(w.tree), want) {
			t.Errorf("told are %v, want %v", w.tree, want)
		}
	}
}
