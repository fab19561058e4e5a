package gnmi

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"mooring/server/access"
	"mooring/server/datastore"
)

// commitExtension is the extension commit with an id and an action.
func commitExtension(id string, action any) []*extpb.Extension {
	c := &extpb.Commit{Id: id}
	switch action := action.(type) {
	case *extpb.CommitRequest:
		c.Action = &extpb.Commit_Commit{Commit: action}
	case *extpb.CommitConfirm:
		c.Action = &extpb.Commit_Confirm{Confirm: action}
	case *extpb.CommitCancel:
		c.Action = &extpb.Commit_Cancel{Cancel: action}
	case *extpb.CommitSetRollbackDuration:
		c.Action = &extpb.Commit_SetRollbackDuration{SetRollbackDuration: action}
	}
	return []*extpb.Extension{{Ext: &extpb.Extension_Commit{Commit: c}}}
}

// trial changes the load and waits to be confirmed.
func trial(id, load string, after time.Duration) *gpb.SetRequest {
	req := updates(sys+"/load", load)
	action := &extpb.CommitRequest{}
	if after > 0 {
		action.RollbackDuration = durationpb.New(after)
	}
	req.Extension = commitExtension(id, action)
	return req
}

func decide(id string, action any) *gpb.SetRequest {
	return &gpb.SetRequest{Extension: commitExtension(id, action)}
}

func TestGNMI71CommitConfirmed(t *testing.T) {
	e := newElement(t)
	c := e.client()
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
	w.sync()
	c.set(t, trial("c1", "20", 100*time.Millisecond))
	w.until("/system/load", "uint 20")
	w.until("/system/load", "uint 10") // nobody confirms
	c.set(t, trial("c2", "30", 0))
	if _, id, deadline := e.store.Pending(); id != "c2" || time.Until(deadline) < 9*time.Minute || time.Until(deadline) > 10*time.Minute {
		t.Errorf("commit %q waits until %v", id, deadline)
	}
	c.set(t, decide("c2", &extpb.CommitConfirm{}))
	if owner, _, _ := e.store.Pending(); owner != nil || c.value(t, sys+"/load") != "30" {
		t.Errorf("after the confirmation: load %s", c.value(t, sys+"/load"))
	}
	c.set(t, trial("c3", "40", time.Hour))
	c.set(t, decide("c3", &extpb.CommitCancel{}))
	if got := c.value(t, sys+"/load"); got != "30" {
		t.Errorf("after it was cancelled: load %s", got)
	}
}

func TestGNMI72OneAtATime(t *testing.T) {
	e := newElement(t)
	c := e.client()
	c.set(t, trial("c1", "20", time.Hour))
	_, err := c.Set(t.Context(), trial("c2", "30", time.Hour))
	wantCode(t, err, codes.FailedPrecondition)
	_, err = c.Set(t.Context(), trial("c1", "30", time.Hour))
	wantCode(t, err, codes.FailedPrecondition)
	_, err = c.Set(t.Context(), updates(sys+"/load", "30"))
	wantCode(t, err, codes.FailedPrecondition)
	if got := c.value(t, sys+"/load"); got != "20" {
		t.Errorf("the trial runs with load %s", got)
	}
}

func TestGNMI73ConfirmWhat(t *testing.T) {
	e := newElement(t)
	c := e.client()
	for _, action := range []any{&extpb.CommitConfirm{}, &extpb.CommitCancel{}, &extpb.CommitSetRollbackDuration{RollbackDuration: durationpb.New(time.Minute)}} {
		_, err := c.Set(t.Context(), decide("c1", action))
		wantCode(t, err, codes.FailedPrecondition)
	}
	c.set(t, trial("c1", "20", time.Hour))
	for _, action := range []any{&extpb.CommitConfirm{}, &extpb.CommitCancel{}, &extpb.CommitSetRollbackDuration{RollbackDuration: durationpb.New(time.Minute)}} {
		_, err := c.Set(t.Context(), decide("c2", action))
		wantCode(t, err, codes.InvalidArgument, "another id")
		_, err = c.Set(t.Context(), decide("", action))
		wantCode(t, err, codes.InvalidArgument, "id")
		both := updates(sys+"/load", "30")
		both.Extension = commitExtension("c1", action)
		_, err = c.Set(t.Context(), both)
		wantCode(t, err, codes.InvalidArgument)
	}
	_, err := c.Set(t.Context(), decide("c1", nil))
	wantCode(t, err, codes.InvalidArgument)
	_, err = e.over("bob", "secret").Set(t.Context(), decide("c1", &extpb.CommitConfirm{}))
	wantCode(t, err, codes.PermissionDenied)
	if owner, _, _ := e.store.Pending(); owner == nil {
		t.Error("the commit does not wait any more")
	}
	// One that came through NETCONF is confirmed by its persist-id.
	c.set(t, decide("c1", &extpb.CommitCancel{}))
	netconf := e.store.NewSession(access.User{Name: "dora", Origin: access.SSH}, 7)
	defer netconf.Close()
	if _, err := netconf.Candidate().Commit(t.Context(), datastore.CommitOptions{Confirm: &datastore.Confirm{Persist: "p"}}); err != nil {
		t.Fatal(err)
	}
	c.set(t, decide("p", &extpb.CommitConfirm{}))
	if owner, _, _ := e.store.Pending(); owner != nil {
		t.Error("the commit still waits")
	}
}

func TestGNMI74RollbackDuration(t *testing.T) {
	e := newElement(t)
	c := e.client()
	c.set(t, trial("c1", "20", time.Hour))
	for _, d := range []*durationpb.Duration{nil, {}, {Seconds: -1}, {Nanos: -1, Seconds: 1}} {
		_, err := c.Set(t.Context(), decide("c1", &extpb.CommitSetRollbackDuration{RollbackDuration: d}))
		wantCode(t, err, codes.InvalidArgument, "c1")
	}
	c.set(t, decide("c1", &extpb.CommitSetRollbackDuration{RollbackDuration: durationpb.New(5 * time.Minute)}))
	if _, _, deadline := e.store.Pending(); time.Until(deadline) > 5*time.Minute || time.Until(deadline) < 4*time.Minute {
		t.Errorf("the commit waits until %v", deadline)
	}
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
	w.sync()
	c.set(t, decide("c1", &extpb.CommitSetRollbackDuration{RollbackDuration: durationpb.New(time.Millisecond)}))
	w.until("/system/load", "uint 10")
	_, err := c.Set(t.Context(), &gpb.SetRequest{Extension: commitExtension("c2", &extpb.CommitRequest{RollbackDuration: durationpb.New(-time.Second)})})
	wantCode(t, err, codes.InvalidArgument, "c2")
}

// An element that is killed while a commit waits comes back with the configuration before it.
// What is on the disk while a commit waits to be confirmed; cmd/mooring has the same of an element that is killed.
func TestGNMI75WhatIsOnDisk(t *testing.T) {
	e := newElement(t)
	c := e.client()
	c.set(t, trial("c1", "20", time.Hour))
	if got := c.value(t, sys+"/load"); got != "20" {
		t.Errorf("the trial runs with load %s", got)
	}
	left := t.TempDir() // what is on the disk now, and nothing that an orderly end would add
	if err := os.CopyFS(left, os.DirFS(e.dir)); err != nil {
		t.Fatal(err)
	}
	dir, err := os.OpenRoot(left)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	again, err := datastore.Open(t.Context(), datastore.Options{Schema: testSchema(), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if load, _ := again.Running().Root.Get(pattern(t, sys)).Leaf("load"); load != "10" {
		t.Errorf("the element comes back with load %s", load)
	}
	if owner, _, _ := again.Pending(); owner != nil {
		t.Error("a commit still waits")
	}
}

func depthExtension(level uint32) []*extpb.Extension {
	return []*extpb.Extension{{Ext: &extpb.Extension_Depth{Depth: &extpb.Depth{Level: level}}}}
}

func TestGNMI76Depth(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	e.everyType(t)
	e.bindings.Put(session(1, nil))
	c := e.client()
	told := func(level uint32, at string) []string {
		t.Helper()
		resp, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths(at), Encoding: gpb.Encoding_PROTO, Extension: depthExtension(level)})
		if err != nil {
			wantCode(t, err, codes.NotFound)
		}
		got := sorted(values(resp.GetNotification()...))
		req := subscribe(on(gpb.SubscriptionList_ONCE, at))
		req.Extension = depthExtension(level)
		w := c.watchWith(t, req)
		if w.sync(); !slices.Equal(sorted(w.tree), got) {
			t.Errorf("%s, depth %d: Subscribe %v, Get %v", at, level, sorted(w.tree), got)
		}
		return got
	}
	all := told(0, "/user")
	const ann, ben, ann2 = "/user[id=ann][realm=1]", "/user[id=ben][realm=1]", "/user[id=ann][realm=2]"
	for _, x := range []struct {
		level uint32
		at    string
		want  []string
	}{
		{1, "/user", []string{ann + "/id", ann + "/mail", ann + "/realm", ann2 + "/id", ann2 + "/realm", ben + "/id", ben + "/realm"}},
		{2, "/user", all},
		{9, "/user", all},
		{1, "/user[realm=1][id=ann]", []string{ann + "/id", ann + "/mail", ann + "/realm"}},
		{1, "/user[realm=1][id=ann]/mail", []string{ann + "/mail"}},
		{1, "/user[realm=1][id=ben]/note", []string{ben + "/note[at=3]/at", ben + "/note[at=3]/text", ben + "/note[at=5]/at", ben + "/note[at=5]/text"}},
		{1, "/", nil},
		{1, lmaPath + "/bindings", nil},
	} {
		if got := told(x.level, x.at); !slices.Equal(got, x.want) {
			t.Errorf("%s, depth %d: %v, want %v", x.at, x.level, got, x.want)
		}
	}
	if got := told(1, bindings+"/binding"); len(got) == 0 || !slices.Equal(got, told(2, bindings)) {
		t.Errorf("bindings: %v", got)
	}
	if got := told(1, sys); slices.Contains(got, "/system/tls/port") || !slices.Contains(got, "/system/server") {
		t.Errorf("depth 1: %v", got)
	}
	_, err := c.Set(t.Context(), &gpb.SetRequest{Extension: depthExtension(1)})
	wantCode(t, err, codes.InvalidArgument, "depth")
	_, err = c.Capabilities(t.Context(), &gpb.CapabilityRequest{Extension: depthExtension(1)})
	wantCode(t, err, codes.InvalidArgument, "depth")
	req := subscribe(on(gpb.SubscriptionList_ONCE, "/user", "/user/note"))
	req.Extension = depthExtension(1)
	wantCode(t, c.watchWith(t, req).end(), codes.InvalidArgument, "depth")
}

func configSubscription() []*extpb.Extension {
	return []*extpb.Extension{{Ext: &extpb.Extension_ConfigSubscription{ConfigSubscription: &extpb.ConfigSubscription{
		Action: &extpb.ConfigSubscription_Start{Start: &extpb.ConfigSubscriptionStart{}}}}}}
}

// syncDone reads up to the next sync_done, which no state may precede.
func (w *watch) syncDone() *extpb.ConfigSubscriptionSyncDone {
	w.t.Helper()
	for {
		m, err := w.stream.Recv()
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range m.GetExtension() {
			if done := e.GetConfigSubscription().GetSyncDone(); done.GetDone() {
				return done
			}
		}
		w.apply(m.GetUpdate())
	}
}

func TestGNMI77ConfigSubscription(t *testing.T) {
	e := newElement(t)
	e.bindings.Put(session(1, nil))
	c := e.client()
	req := subscribe(on(gpb.SubscriptionList_STREAM, sys, lmaPath))
	req.Extension = configSubscription()
	w := c.watchWith(t, req)
	if w.sync(); w.tree["/system/load"] != "uint 10" || w.tree[lmaPath+"/bce/maximum"] == "" {
		t.Errorf("told are %v", w.tree)
	}
	for at := range w.tree {
		if strings.Contains(at, "/bindings/") || strings.Contains(at, "oper-status") {
			t.Errorf("state is told: %s", at)
		}
	}
	// Each commit has its end, also one that changes nothing that is followed, and one through another protocol.
	for i := range 3 {
		c.set(t, updates(sys+"/drift", fmt.Sprint(i+1)))
	}
	for i := range 3 {
		if done := w.syncDone(); w.tree["/system/drift"] != fmt.Sprint("int ", i+1) || done.GetCommitConfirmId() != "" || done.GetServerCommitId() == "" {
			t.Errorf("commit %d ends with %v at %v", i, done, w.tree)
		}
	}
	c.set(t, updates("/user[realm=1][id=ann]", "{}"))
	w.syncDone()
	e.replaceLeaf(sys+"/drift", "77")
	if w.syncDone(); w.tree["/system/drift"] != "int 77" {
		t.Errorf("a commit of another protocol tells %v", w.tree)
	}
	// A trial ends with its id, what undoes it ends too, and what confirms it changes nothing.
	c.set(t, trial("c1", "20", time.Hour))
	if done := w.syncDone(); done.GetCommitConfirmId() != "c1" || w.tree["/system/load"] != "uint 20" {
		t.Errorf("the trial ends with %v", done)
	}
	c.set(t, decide("c1", &extpb.CommitCancel{}))
	if done := w.syncDone(); done.GetCommitConfirmId() != "" || w.tree["/system/load"] != "uint 10" {
		t.Errorf("what undoes it ends with %v", done)
	}
	c.set(t, trial("c2", "30", time.Hour))
	w.syncDone()
	c.set(t, decide("c2", &extpb.CommitConfirm{}))
	w.quiet(50 * time.Millisecond)
}

func TestGNMI77WrongConfigSubscriptions(t *testing.T) {
	c := newElement(t).client()
	for what, list := range map[string]*gpb.SubscriptionList{"STREAM": on(gpb.SubscriptionList_ONCE, sys), "samples": sampled(time.Second, sys)} {
		req := subscribe(list)
		req.Extension = configSubscription()
		wantCode(t, c.watchWith(t, req).end(), codes.InvalidArgument, what)
	}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths(sys), Extension: configSubscription()})
	wantCode(t, err, codes.InvalidArgument, "subscribe")
	req := subscribe(on(gpb.SubscriptionList_STREAM, sys))
	req.Extension = []*extpb.Extension{{Ext: &extpb.Extension_ConfigSubscription{ConfigSubscription: &extpb.ConfigSubscription{}}}}
	wantCode(t, c.watchWith(t, req).end(), codes.InvalidArgument, "start")
}

// candidacy is the extension master arbitration.
func candidacy(role string, high, low uint64) []*extpb.Extension {
	return []*extpb.Extension{{Ext: &extpb.Extension_MasterArbitration{MasterArbitration: &extpb.MasterArbitration{
		Role: &extpb.Role{Id: role}, ElectionId: &extpb.Uint128{High: high, Low: low}}}}}
}

func TestGNMI78Arbitration(t *testing.T) {
	e := newElement(t)
	c := e.client()
	try := func(role string, high, low uint64) error {
		req := updates(sys+"/drift", fmt.Sprint(high*10+low+1))
		req.Extension = candidacy(role, high, low)
		_, err := c.Set(t.Context(), req)
		return err
	}
	for _, err := range []error{try("a", 0, 5), try("a", 0, 5), try("a", 0, 7), try("b", 0, 1), try("a", 1, 0)} {
		if err != nil {
			t.Error(err)
		}
	}
	before := e.store.Running()
	wantCode(t, try("a", 0, 9), codes.PermissionDenied, "1:0", "0:9")
	if _, err := c.Set(t.Context(), &gpb.SetRequest{Extension: candidacy("a", 2, 3)}); err != nil { // an empty Set raises the id
		t.Error(err)
	}
	wantCode(t, try("a", 2, 2), codes.PermissionDenied, "2:3")
	if e.store.Running() != before {
		t.Error("a client that is not the master has committed")
	}
	c.set(t, updates(sys+"/drift", "99")) // whoever takes no part is not concerned
	_, err := c.Set(t.Context(), &gpb.SetRequest{Extension: []*extpb.Extension{{Ext: &extpb.Extension_MasterArbitration{MasterArbitration: &extpb.MasterArbitration{}}}}})
	wantCode(t, err, codes.InvalidArgument, "election id")
	_, err = c.Get(t.Context(), &gpb.GetRequest{Path: paths(sys), Extension: candidacy("a", 9, 9)})
	wantCode(t, err, codes.InvalidArgument, "arbitration")
	// Who may not commit cannot take the mastership from who may.
	_, err = e.over("bob", "secret").Set(t.Context(), &gpb.SetRequest{Extension: candidacy("a", 99, 0)})
	wantCode(t, err, codes.PermissionDenied, "bob")
	if err := try("a", 2, 3); err != nil {
		t.Error(err)
	}
	for i := range maxRoles {
		err = try(fmt.Sprint(i), 1, 1)
	}
	wantCode(t, err, codes.ResourceExhausted, "1000")
}

func TestGNMI79History(t *testing.T) {
	c := newElement(t).client()
	at := func(h *extpb.History) []*extpb.Extension {
		return []*extpb.Extension{{Ext: &extpb.Extension_History{History: h}}}
	}
	snapshot := &extpb.History{Request: &extpb.History_SnapshotTime{SnapshotTime: 1}}
	span := func(start, end int64) *extpb.History {
		return &extpb.History{Request: &extpb.History_Range{Range: &extpb.TimeRange{Start: start, End: end}}}
	}
	for _, x := range []struct {
		mode gpb.SubscriptionList_Mode
		of   *extpb.History
		code codes.Code
	}{
		{gpb.SubscriptionList_ONCE, snapshot, codes.Unimplemented}, {gpb.SubscriptionList_STREAM, span(1, 2), codes.Unimplemented},
		{gpb.SubscriptionList_STREAM, snapshot, codes.InvalidArgument}, {gpb.SubscriptionList_POLL, snapshot, codes.InvalidArgument},
		{gpb.SubscriptionList_ONCE, span(1, 2), codes.InvalidArgument}, {gpb.SubscriptionList_STREAM, span(2, 1), codes.InvalidArgument},
		{gpb.SubscriptionList_STREAM, &extpb.History{}, codes.InvalidArgument},
	} {
		req := subscribe(on(x.mode, sys))
		req.Extension = at(x.of)
		wantCode(t, c.watchWith(t, req).end(), x.code, "history")
	}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths(sys), Extension: at(snapshot)})
	wantCode(t, err, codes.InvalidArgument, "history")
	_, err = c.Get(t.Context(), &gpb.GetRequest{Path: paths(sys), Extension: commitExtension("c", &extpb.CommitConfirm{})})
	wantCode(t, err, codes.InvalidArgument, "commit")
}

func TestGNMI80ForeignExtensions(t *testing.T) {
	c := newElement(t).client()
	if _, err := c.Capabilities(t.Context(), &gpb.CapabilityRequest{Extension: foreignExtension()}); err != nil {
		t.Error(err)
	}
	c.ask(t, &gpb.GetRequest{Path: paths(sys), Extension: foreignExtension()})
	req := updates(sys+"/load", "5")
	req.Extension = foreignExtension()
	c.set(t, req)
	sub := subscribe(on(gpb.SubscriptionList_ONCE, sys))
	sub.Extension = foreignExtension()
	if w := c.watchWith(t, sub); len(w.sync()) == 0 {
		t.Error("nothing is told")
	}
}

// foreignExtension is one that somebody registered, and one that is newer than we are.
func foreignExtension() []*extpb.Extension {
	return []*extpb.Extension{{Ext: &extpb.Extension_RegisteredExt{RegisteredExt: &extpb.RegisteredExtension{Id: 999, Msg: []byte("x")}}}, {}}
}
