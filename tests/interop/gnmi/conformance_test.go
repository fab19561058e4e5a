package gnmi

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	maximum  = "/pmipv6/lma[name=lma1]/bce/maximum"
	bindings = "/pmipv6/lma[name=lma1]/bindings"
	first    = bindings + "/binding[id=1]/sequence"
)

func TestConformGNMI03Passwords(t *testing.T) {
	e := serve(t)
	certificate, err := tls.LoadX509KeyPair(filepath.Join(e.dir, "client.crt"), filepath.Join(e.dir, "client.key"))
	check(t, err)
	for _, in := range []*conformer{e.conform(t, user, password), e.conform(t, "", "", certificate)} {
		if _, err := in.Capabilities(t.Context(), &gpb.CapabilityRequest{}); err != nil {
			t.Error(err)
		}
	}
	for _, out := range []*conformer{e.conform(t, user, "wrong"), e.conform(t, "nobody", password), e.conform(t, "", ""), e.conform(t, user, "", certificate)} {
		_, err := out.Capabilities(t.Context(), &gpb.CapabilityRequest{})
		out.refuses(err, codes.Unauthenticated)
		_, err = out.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{path(t, maximum)}})
		out.refuses(err, codes.Unauthenticated)
		out.refuses(out.load(1), codes.Unauthenticated)
		out.refuses(out.subscribe(gpb.SubscriptionList_ONCE, nil, maximum).end(), codes.Unauthenticated)
	}
}

func TestConformGNMI58PollGNMI56HalfClosed(t *testing.T) {
	e := serve(t)
	e.put(1, 1)
	c := e.conform(t, user, password)
	poll := c.subscribe(gpb.SubscriptionList_POLL, nil, bindings).sync()
	for i := range 3 {
		e.put(1, uint16(i+10))
		clear(poll.told)
		check(t, poll.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Poll{Poll: &gpb.Poll{}}}))
		if poll.sync(); poll.told[first] != fmt.Sprint(i+10) {
			t.Errorf("poll %d tells %v", i, poll.told)
		}
	}
	poll.CloseSend()
	if err := poll.end(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	half := c.subscribe(gpb.SubscriptionList_STREAM, nil, bindings)
	half.CloseSend()
	half.sync()
	e.put(1, 99)
	half.until(first, "99")
}

func TestConformExtensions(t *testing.T) {
	e := serve(t)
	e.put(1, 1)
	c := e.conform(t, user, password)
	commit := func(c *extpb.Commit) *extpb.Extension {
		c.Id = "c1"
		return &extpb.Extension{Ext: &extpb.Extension_Commit{Commit: c}}
	}
	config := c.subscribe(gpb.SubscriptionList_STREAM, []*extpb.Extension{{Ext: &extpb.Extension_ConfigSubscription{ConfigSubscription: &extpb.ConfigSubscription{
		Action: &extpb.ConfigSubscription_Start{Start: &extpb.ConfigSubscriptionStart{}}}}}}, "/pmipv6").sync()
	done := func() *extpb.ConfigSubscriptionSyncDone {
		for {
			for _, x := range config.next().GetExtension() {
				return x.GetConfigSubscription().GetSyncDone()
			}
		}
	}
	// 71 and 77: a trial is told and ends with its id, and so does what undoes it when nobody confirms.
	check(t, c.load(5, commit(&extpb.Commit{Action: &extpb.Commit_Commit{Commit: &extpb.CommitRequest{RollbackDuration: durationpb.New(300 * time.Millisecond)}}})))
	if d := done(); d.GetCommitConfirmId() != "c1" || config.told[maximum] != "5" {
		t.Errorf("the trial ends with %v, told is %s", d, config.told[maximum])
	}
	if d := done(); d.GetCommitConfirmId() != "" || config.told[maximum] == "5" {
		t.Errorf("what undoes it ends with %v, told is %s", d, config.told[maximum])
	}
	// 78
	as := func(low uint64) *extpb.Extension {
		return &extpb.Extension{Ext: &extpb.Extension_MasterArbitration{MasterArbitration: &extpb.MasterArbitration{Role: &extpb.Role{Id: "r"}, ElectionId: &extpb.Uint128{Low: low}}}}
	}
	check(t, c.load(6, as(2)))
	c.refuses(c.load(7, as(1)), codes.PermissionDenied)
	// 76
	shallow := c.subscribe(gpb.SubscriptionList_ONCE, []*extpb.Extension{{Ext: &extpb.Extension_Depth{Depth: &extpb.Depth{Level: 1}}}}, "/pmipv6/lma").sync()
	if shallow.told[maximum] != "" || shallow.told["/pmipv6/lma[name=lma1]/domain"] == "" {
		t.Errorf("depth 1 tells %v", shallow.told)
	}
	// 79
	past := []*extpb.Extension{{Ext: &extpb.Extension_History{History: &extpb.History{Request: &extpb.History_SnapshotTime{SnapshotTime: 1}}}}}
	c.refuses(c.subscribe(gpb.SubscriptionList_ONCE, past, bindings).end(), codes.Unimplemented)
	// 80
	foreign := &extpb.Extension{Ext: &extpb.Extension_RegisteredExt{RegisteredExt: &extpb.RegisteredExtension{Id: 999}}}
	check(t, c.load(8, foreign))
}

// A reader that has stopped while bindings change all the time delays nobody who changes them, costs a bounded amount, and gets the last of
// everything when it reads on.
func TestConformGNMI67StoppedReader(t *testing.T) {
	e := serve(t)
	const n, rounds = 1000, 60
	for i := range n {
		e.put(i+1, 1)
	}
	s := e.conform(t, user, password).subscribe(gpb.SubscriptionList_STREAM, nil, bindings).sync()
	before := heap()
	for round := range rounds { // nobody reads meanwhile, and yet this goes on
		for i := range n {
			e.put(i+1, uint16(round+2))
		}
		time.Sleep(10 * time.Millisecond)
	}
	if grown := int64(heap()) - int64(before); grown > 32<<20 {
		t.Errorf("a reader that has stopped costs %d octets", grown)
	}
	messages := 0
	for left := n; left > 0; messages++ {
		for _, u := range s.next().GetUpdate().GetUpdate() {
			if u.GetPath().GetElem()[0].GetName() == "sequence" && u.GetVal().GetUintVal() == rounds+1 {
				left--
			}
		}
	}
	if messages >= n*rounds {
		t.Errorf("%d messages: nothing was merged", messages)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
