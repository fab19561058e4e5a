package gnmi

import (
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
)

func commit(id string, duration time.Duration) *extpb.Extension {
	request := &extpb.CommitRequest{}
	if duration != 0 {
		request.RollbackDuration = durationpb.New(duration)
	}
	return &extpb.Extension{Ext: &extpb.Extension_Commit{Commit: &extpb.Commit{Id: id, Action: &extpb.Commit_Commit{Commit: request}}}}
}

func confirm(id string) *extpb.Extension {
	return &extpb.Extension{Ext: &extpb.Extension_Commit{Commit: &extpb.Commit{Id: id, Action: &extpb.Commit_Confirm{Confirm: &extpb.CommitConfirm{}}}}}
}

func cancel(id string) *extpb.Extension {
	return &extpb.Extension{Ext: &extpb.Extension_Commit{Commit: &extpb.Commit{Id: id, Action: &extpb.Commit_Cancel{Cancel: &extpb.CommitCancel{}}}}}
}

// prolong sets when a commit is undone.
func prolong(id string, d *durationpb.Duration) *extpb.Extension {
	return &extpb.Extension{Ext: &extpb.Extension_Commit{Commit: &extpb.Commit{Id: id, Action: &extpb.Commit_SetRollbackDuration{
		SetRollbackDuration: &extpb.CommitSetRollbackDuration{RollbackDuration: d}}}}}
}

func depth(level uint32) *extpb.Extension {
	return &extpb.Extension{Ext: &extpb.Extension_Depth{Depth: &extpb.Depth{Level: level}}}
}

func candidate(role string, high, low uint64) *extpb.Extension {
	return &extpb.Extension{Ext: &extpb.Extension_MasterArbitration{MasterArbitration: &extpb.MasterArbitration{
		Role: &extpb.Role{Id: role}, ElectionId: &extpb.Uint128{High: high, Low: low}}}}
}

func history(h *extpb.History) *extpb.Extension {
	return &extpb.Extension{Ext: &extpb.Extension_History{History: h}}
}

func span(start, end int64) *extpb.Extension {
	return history(&extpb.History{Request: &extpb.History_Range{Range: &extpb.TimeRange{Start: start, End: end}}})
}

var (
	snapshot   = history(&extpb.History{Request: &extpb.History_SnapshotTime{SnapshotTime: 1}})
	configOnly = &extpb.Extension{Ext: &extpb.Extension_ConfigSubscription{ConfigSubscription: &extpb.ConfigSubscription{
		Action: &extpb.ConfigSubscription_Start{Start: &extpb.ConfigSubscriptionStart{}}}}}
	foreign = &extpb.Extension{Ext: &extpb.Extension_RegisteredExt{RegisteredExt: &extpb.RegisteredExtension{Id: 999, Msg: []byte("x")}}}
)

// extending is what extensions are asked for.
var extending = []exchange{
	{32, with(&gpb.SetRequest{}, foreign), codes.OK, nil},
	{73, with(&gpb.SetRequest{}, confirm("c")), codes.FailedPrecondition, nil},
	{73, with(&gpb.SetRequest{}, cancel("c")), codes.FailedPrecondition, nil},
	{74, with(&gpb.SetRequest{}, prolong("c", durationpb.New(time.Minute))), codes.FailedPrecondition, nil},
	{76, with(getAs(gpb.Encoding_PROTO, anchor), depth(0)), codes.OK, []string{"/bce/maximum", "/domain"}},
	{76, with(getAs(gpb.Encoding_PROTO, anchor), depth(1)), codes.OK, []string{"!/bce/maximum", "/domain"}},
	{76, with(getAs(gpb.Encoding_PROTO, anchor), depth(2)), codes.OK, []string{"/bce/maximum", "!/bindings/", "/domain"}},
	{76, with(subscribing(once, anchor), depth(1)), codes.OK, []string{"!/bce/maximum", "/domain"}},
	{76, with(getAs(gpb.Encoding_PROTO, "/system/user"), depth(1)), codes.OK, []string{"[name=operator]/name", "[name=reader]/name"}},
	{76, with(update(hostName, `"x"`), depth(1)), codes.InvalidArgument, []string{"depth"}},
	{76, with(&gpb.CapabilityRequest{}, depth(1)), codes.InvalidArgument, []string{"depth"}},
	{77, with(subscribing(once, anchor), configOnly), codes.InvalidArgument, []string{"STREAM"}},
	{77, with(sampling(anchor, func(*gpb.Subscription) {}), configOnly), codes.InvalidArgument, []string{"samples"}},
	{77, with(get(anchor), configOnly), codes.InvalidArgument, []string{"subscribe"}},
	{78, with(update(hostName, `"lma1"`), &extpb.Extension{Ext: &extpb.Extension_MasterArbitration{MasterArbitration: &extpb.MasterArbitration{}}}), codes.InvalidArgument, []string{"election id"}},
	{78, with(get(hostName), candidate("r", 9, 9)), codes.InvalidArgument, []string{"arbitration"}},
	{79, with(subscribing(once, anchor), snapshot), codes.Unimplemented, []string{"history"}},
	{79, with(subscribing(streaming, anchor), span(1, 2)), codes.Unimplemented, []string{"history"}},
	{79, with(subscribing(streaming, anchor), snapshot), codes.InvalidArgument, []string{"history"}},
	{79, with(subscribing(once, anchor), span(1, 2)), codes.InvalidArgument, []string{"history"}},
	{79, with(subscribing(streaming, anchor), span(2, 1)), codes.InvalidArgument, []string{"history"}},
	{80, with(&gpb.CapabilityRequest{}, foreign), codes.OK, nil},
	{80, with(get(hostName), foreign), codes.OK, []string{"lma1"}},
	{80, with(update(hostName, `"lma1"`), foreign), codes.OK, []string{"UPDATE"}},
	{80, with(subscribing(once, hostName), foreign), codes.OK, []string{"lma1"}},
}

// try makes a Set with an extension, and compares its code.
func (c *conformer) try(r *gpb.SetRequest, x *extpb.Extension, code codes.Code, says ...string) {
	c.t.Helper()
	exchange{0, with(r, x), code, says}.check(c.t, c)
}

// trials are commits that may be undone, and what else takes more than one exchange with an extension.
var trials = map[int]course{
	71: func(t *testing.T, _ *running, c *conformer) {
		s := c.subscribe(streaming, nil, maximum).sync()
		c.try(update(maximum, "71"), commit("c1", 300*time.Millisecond), codes.OK)
		s.until(maximum, "71")
		s.until(maximum, "128000") // nobody confirms
		c.try(update(maximum, "72"), commit("c2", 0), codes.OK)
		c.try(&gpb.SetRequest{}, confirm("c2"), codes.OK)
		c.try(update(maximum, "73"), commit("c3", time.Hour), codes.OK)
		c.try(&gpb.SetRequest{}, cancel("c3"), codes.OK)
		c.has(maximum, " 72\n")
		c.set(remove(maximum))
	},
	72: func(t *testing.T, _ *running, c *conformer) {
		c.try(update(maximum, "72"), commit("c1", time.Hour), codes.OK)
		c.try(update(maximum, "73"), commit("c2", time.Hour), codes.FailedPrecondition)
		exchange{72, update(maximum, "73"), codes.FailedPrecondition, nil}.check(t, c)
		c.has(maximum, " 72\n")
		c.try(&gpb.SetRequest{}, cancel("c1"), codes.OK)
	},
	73: func(t *testing.T, _ *running, c *conformer) {
		c.try(update(maximum, "73"), commit("c1", time.Hour), codes.OK)
		for id, code := range map[string]codes.Code{"c2": codes.InvalidArgument, "": codes.InvalidArgument} {
			c.try(&gpb.SetRequest{}, confirm(id), code)
			c.try(&gpb.SetRequest{}, cancel(id), code)
		}
		c.try(&gpb.SetRequest{}, cancel("c1"), codes.OK)
	},
	74: func(t *testing.T, _ *running, c *conformer) {
		c.try(update(maximum, "74"), commit("c1", time.Hour), codes.OK)
		for _, d := range []*durationpb.Duration{nil, {}, {Seconds: -1}} {
			c.try(&gpb.SetRequest{}, prolong("c1", d), codes.InvalidArgument, "c1")
		}
		s := c.subscribe(streaming, nil, maximum).sync()
		c.try(&gpb.SetRequest{}, prolong("c1", durationpb.New(time.Millisecond)), codes.OK)
		s.until(maximum, "128000")
	},
	77: func(t *testing.T, r *running, c *conformer) {
		s := c.open(with(subscribing(streaming, anchor), configOnly).(*gpb.SubscribeRequest)).sync()
		if s.told[maximum] != "128000" || s.told[first] != "" {
			t.Errorf("at first %v", s.told)
		}
		done := func() *extpb.ConfigSubscriptionSyncDone {
			for {
				for _, x := range s.next().GetExtension() {
					return x.GetConfigSubscription().GetSyncDone()
				}
			}
		}
		check(t, c.load(77))
		if d := done(); d.GetCommitConfirmId() != "" || s.told[maximum] != "77" {
			t.Errorf("a commit ends with %v, told is %s", d, s.told[maximum])
		}
		c.try(update(maximum, "78"), commit("c1", time.Hour), codes.OK)
		if d := done(); d.GetCommitConfirmId() != "c1" || s.told[maximum] != "78" {
			t.Errorf("a trial ends with %v, told is %s", d, s.told[maximum])
		}
		c.try(&gpb.SetRequest{}, cancel("c1"), codes.OK)
		if d := done(); d.GetCommitConfirmId() != "" || s.told[maximum] != "77" {
			t.Errorf("what undoes it ends with %v, told is %s", d, s.told[maximum])
		}
		r.commitOverNETCONF(t, "79")
		if done(); s.told[maximum] != "79" {
			t.Errorf("of a commit over NETCONF is told %s", s.told[maximum])
		}
		c.set(remove(maximum))
	},
	78: func(t *testing.T, _ *running, c *conformer) {
		for _, x := range []struct {
			role      string
			high, low uint64
			code      codes.Code
			says      []string
		}{
			{"a", 0, 5, codes.OK, nil}, {"a", 0, 5, codes.OK, nil}, {"a", 0, 7, codes.OK, nil}, {"b", 0, 1, codes.OK, nil}, {"a", 1, 0, codes.OK, nil},
			{"a", 0, 9, codes.PermissionDenied, []string{"1:0"}},
		} {
			c.try(update(hostName, `"lma1"`), candidate(x.role, x.high, x.low), x.code, x.says...)
		}
		c.try(&gpb.SetRequest{}, candidate("a", 2, 3), codes.OK) // an empty Set raises the id
		c.try(update(hostName, `"lma1"`), candidate("a", 2, 2), codes.PermissionDenied, "2:3")
		c.set(update(hostName, `"lma1"`)) // whoever takes no part is not concerned
	},
}
