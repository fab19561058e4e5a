package main

import (
	"syscall"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"mooring/cmd/mooring/client"
)

// try sets the host name, with a commit extension.
func (p *process) try(name string, commit *extpb.Commit) error {
	p.t.Helper()
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	req := &gpb.SetRequest{Extension: []*extpb.Extension{{Ext: &extpb.Extension_Commit{Commit: commit}}}}
	if name != "" {
		req.Update = []*gpb.Update{{Path: &gpb.Path{Elem: []*gpb.PathElem{elem("system"), elem("host-name")}}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: name}}}}
	}
	_, err = c.Set(p.t.Context(), req)
	return err
}

func (p *process) hostName() string {
	p.t.Helper()
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	answer, err := c.GNMIClient.Get(p.t.Context(), &gpb.GetRequest{Path: []*gpb.Path{{Elem: []*gpb.PathElem{elem("system"), elem("host-name")}}}, Encoding: gpb.Encoding_PROTO})
	must(p.t, err)
	return answer.GetNotification()[0].GetUpdate()[0].GetVal().GetStringVal()
}

// An element that is killed while a commit waits to be confirmed comes back with what it had before, and nothing is left to be confirmed. One
// that is killed after that keeps what was confirmed.
func TestGNMI75KilledWhilePending(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	p := run(t, h, dir, "--netconf", "off")
	p.set(`"before"`, elem("system"), elem("host-name"))
	trial := &extpb.Commit{Id: "c1", Action: &extpb.Commit_Commit{Commit: &extpb.CommitRequest{RollbackDuration: durationpb.New(time.Hour)}}}
	confirm := &extpb.Commit{Id: "c1", Action: &extpb.Commit_Confirm{Confirm: &extpb.CommitConfirm{}}}
	restart := func() {
		t.Helper()
		if code := p.end(syscall.SIGKILL); code != -1 {
			t.Fatalf("it is not killed but ends with %d", code)
		}
		p = run(t, h, dir, "--netconf", "off")
	}
	must(t, p.try("trial", trial))
	if now := p.hostName(); now != "trial" {
		t.Errorf("on trial is %s", now)
	}
	restart()
	if now := p.hostName(); now != "before" {
		t.Errorf("it comes back as %s", now)
	}
	if err := p.try("", confirm); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("something is left to be confirmed: %v", err)
	}
	must(t, p.try("trial", trial), p.try("", confirm))
	restart()
	if now := p.hostName(); now != "trial" {
		t.Errorf("what was confirmed is %s", now)
	}
}
