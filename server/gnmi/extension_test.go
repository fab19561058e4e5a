package gnmi

import (
	"slices"
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
	c := e.local()
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
	c := e.local()
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
	c := e.local()
	for _, action := range []any{&extpb.CommitConfirm{}, &extpb.CommitCancel{}, &extpb.CommitSetRollbackDuration{RollbackDuration: durationpb.New(time.Minute)}} {
		_, err := c.Set(t.Context(), decide("c1", action))
		wantCode(t, err, codes.FailedPrecondition)
	}
	c.set(t, trial("c1", "20", time.Hour))
	for _, action := range []any{&extpb.CommitConfirm{}, &extpb.CommitCancel{}, &extpb.CommitSetRollbackDuration{RollbackDuration: durationpb.New(time.Minute)}} {
		_, err := c.Set(t.Context(), decide("c2", action))
		wantCode(t, err, codes.InvalidArgument)
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
	c := e.local()
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

func depthExtension(level uint32) []*extpb.Extension {
	return []*extpb.Extension{{Ext: &extpb.Extension_Depth{Depth: &extpb.Depth{Level: level}}}}
}

func TestGNMI76Depth(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	e.everyType(t)
	e.bindings.Put(session(1, nil))
	c := e.local()
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

// What is not served is refused rather than passed over, since clients rely on it: config subscription, arbitration and history.
func TestGNMI77GNMI78GNMI79Unsupported(t *testing.T) {
	c := newElement(t).local()
	for _, ext := range []*extpb.Extension{
		{Ext: &extpb.Extension_ConfigSubscription{ConfigSubscription: &extpb.ConfigSubscription{}}},
		{Ext: &extpb.Extension_MasterArbitration{MasterArbitration: &extpb.MasterArbitration{}}},
		{Ext: &extpb.Extension_History{History: &extpb.History{}}},
	} {
		list := []*extpb.Extension{ext}
		_, err := c.Capabilities(t.Context(), &gpb.CapabilityRequest{Extension: list})
		wantCode(t, err, codes.Unimplemented)
		_, err = c.Get(t.Context(), &gpb.GetRequest{Path: paths(sys), Extension: list})
		wantCode(t, err, codes.Unimplemented)
		_, err = c.Set(t.Context(), &gpb.SetRequest{Extension: list})
		wantCode(t, err, codes.Unimplemented)
		req := subscribe(on(gpb.SubscriptionList_STREAM, sys))
		req.Extension = list
		wantCode(t, c.watchWith(t, req).end(), codes.Unimplemented)
	}
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths(sys), Extension: commitExtension("c", &extpb.CommitConfirm{})})
	wantCode(t, err, codes.InvalidArgument, "commit")
}

func TestGNMI80ForeignExtensions(t *testing.T) {
	c := newElement(t).local()
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
