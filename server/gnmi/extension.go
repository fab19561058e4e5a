package gnmi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"mooring/server/access"
	"mooring/server/datastore"
)

// extensions are those of a request that are served.
type extensions struct {
	depth    int           // how many levels of a node are told; 0: all
	commit   *extpb.Commit // nil: none
	config   bool          // only configuration is told, and where a commit ends
	history  *extpb.History
	election *election // nil: whoever asks does not take part in any
}

// readExtensions reads the extensions of a request. It refuses those that gNMI itself defines and that are not served there, since a
// client relies on what they promise. Those that others register, and those that are newer than we are, do not alter what an RPC does, so
// they are passed over.
func readExtensions(op string, list []*extpb.Extension) (x extensions, f *fault) {
	for _, e := range list {
		switch ext := e.GetExt().(type) {
		case *extpb.Extension_Depth:
			if ext.Depth.GetLevel() > 0 { // 0 is as without it
				x.depth, f = int(ext.Depth.GetLevel()), onlyOf(op, "depth", "get", "subscribe")
			}
		case *extpb.Extension_Commit:
			x.commit, f = ext.Commit, onlyOf(op, "commit", "set")
		case *extpb.Extension_MasterArbitration:
			if f = onlyOf(op, "master arbitration", "set"); f == nil {
				x.election, f = electionOf(ext.MasterArbitration)
			}
		case *extpb.Extension_History:
			x.history, f = ext.History, onlyOf(op, "history", "subscribe")
		case *extpb.Extension_ConfigSubscription:
			if x.config = true; ext.ConfigSubscription.GetStart() == nil {
				f = faultf(codes.InvalidArgument, "%s: the extension config subscription wants start", op)
			} else {
				f = onlyOf(op, "config subscription", "subscribe")
			}
		}
		if f != nil {
			return x, f
		}
	}
	return x, nil
}

// onlyOf refuses an extension outside the RPCs that it is for.
func onlyOf(op, name string, rpcs ...string) *fault {
	if slices.Contains(rpcs, op) {
		return nil
	}
	return faultf(codes.InvalidArgument, "%s: the extension %s is one of %s", op, name, strings.Join(rpcs, " and "))
}

// checkHistory refuses the extension history: nothing is kept of what state was. What no element could serve is wrong in itself.
func checkHistory(h *extpb.History, mode gpb.SubscriptionList_Mode) *fault {
	wrong := ""
	switch r := h.GetRequest().(type) {
	case nil:
		if h == nil {
			return nil
		}
		wrong = "the extension history wants a time or a range"
	case *extpb.History_SnapshotTime:
		if mode != gpb.SubscriptionList_ONCE {
			wrong = "a snapshot of history is told in mode ONCE"
		}
	case *extpb.History_Range:
		switch {
		case mode != gpb.SubscriptionList_STREAM:
			wrong = "a range of history is told in mode STREAM"
		case r.Range.GetEnd() != 0 && r.Range.GetStart() > r.Range.GetEnd():
			wrong = "the range of history ends before it starts"
		}
	}
	if wrong != "" {
		return faultf(codes.InvalidArgument, "subscribe: %s", wrong)
	}
	return faultf(codes.Unimplemented, "subscribe: the extension history is not supported: nothing is kept of what state was")
}

// pending is what a Set does to the commit that waits to be confirmed: it makes one, or decides on the one there is.
type pending struct {
	confirm *datastore.Confirm // of the commit; nil: it is final
	id      string             // that the commit was made with, "" to make one
	cancel  bool
}

// pendingOf reads the extension commit. operations is how many the Set has, which only a new commit may.
func pendingOf(x *extpb.Commit, operations int) (*pending, *fault) {
	if x == nil {
		return nil, nil
	}
	if x.GetId() == "" {
		return nil, faultf(codes.InvalidArgument, "set: the extension commit wants an id")
	}
	if _, makes := x.GetAction().(*extpb.Commit_Commit); !makes && operations > 0 {
		return nil, faultf(codes.InvalidArgument, "set: what confirms, cancels or prolongs commit %q cannot change anything", x.GetId())
	}
	p := &pending{id: x.GetId()}
	switch action := x.GetAction().(type) {
	case *extpb.Commit_Commit:
		d, err := rollbackAfter(action.Commit.GetRollbackDuration())
		if err != nil {
			return nil, faultf(codes.InvalidArgument, "set: commit %q: %v", x.GetId(), err)
		}
		return &pending{confirm: &datastore.Confirm{Timeout: d, Persist: x.GetId()}}, nil
	case *extpb.Commit_SetRollbackDuration:
		d, err := rollbackAfter(action.SetRollbackDuration.GetRollbackDuration())
		if err == nil && d == 0 {
			err = fmt.Errorf("a rollback duration is wanted")
		}
		if err != nil {
			return nil, faultf(codes.InvalidArgument, "set: commit %q: %v", x.GetId(), err)
		}
		p.confirm = &datastore.Confirm{Timeout: d, Persist: x.GetId()}
	case *extpb.Commit_Confirm:
	case *extpb.Commit_Cancel:
		p.cancel = true
	default:
		return nil, faultf(codes.InvalidArgument, "set: commit %q: the extension says not what to do with it", x.GetId())
	}
	return p, nil
}

// rollbackAfter reads a rollback duration; 0 is that none is given, which leaves it to the datastore: 10 minutes, as gNMI wants.
func rollbackAfter(d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	if err := d.CheckValid(); err != nil {
		return 0, err
	}
	if d.AsDuration() <= 0 {
		return 0, fmt.Errorf("a rollback duration of %v is none", d.AsDuration())
	}
	return d.AsDuration(), nil
}

// netconfModule has the rpcs whose rules say who may commit, confirm and cancel.
const netconfModule = "ietf-netconf"

// decide confirms, cancels or prolongs the commit that waits to be confirmed, whether it came through gNMI or NETCONF.
func (s *service) decide(ctx context.Context, user access.User, p *pending) error {
	if owner, _, _ := s.options.Store.Pending(); owner == nil {
		return faultf(codes.FailedPrecondition, "set: no commit waits to be confirmed")
	}
	rpc := "commit"
	if p.cancel {
		rpc = "cancel-commit"
	}
	if err := s.options.Access.For(user).Exec(netconfModule, rpc, s.schema.RPC(netconfModule, rpc)); err != nil {
		return refusal(ctx, err)
	}
	session := s.options.Store.NewSession(user, 0)
	defer session.Close()
	if p.cancel {
		return refusal(ctx, session.Cancel(p.id))
	}
	_, err := session.Private().Commit(ctx, datastore.CommitOptions{Via: "gnmi", PersistID: p.id, Confirm: p.confirm})
	return refusal(ctx, err)
}
