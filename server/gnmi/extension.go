package gnmi

import (
	"context"
	"fmt"
	"time"

	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"mooring/server/access"
	"mooring/server/datastore"
)

// extensions are those of a request that are served.
type extensions struct {
	depth  int           // how many levels of a node are told; 0: all
	commit *extpb.Commit // nil: none
}

// readExtensions reads the extensions of a request. It refuses those that gNMI itself defines and that are not served there, since a
// client relies on what they promise. Those that others register, and those that are newer than we are, do not alter what an RPC does, so
// they are passed over.
func readExtensions(op string, list []*extpb.Extension) (x extensions, f *fault) {
	for _, e := range list {
		name := ""
		switch ext := e.GetExt().(type) {
		case *extpb.Extension_Depth:
			if ext.Depth.GetLevel() == 0 {
				continue // no limit, as without it
			}
			if op == "set" || op == "capabilities" {
				return x, faultf(codes.InvalidArgument, "%s: the extension depth is one of Get and Subscribe", op)
			}
			x.depth = int(ext.Depth.GetLevel())
			continue
		case *extpb.Extension_Commit:
			if op != "set" {
				return x, faultf(codes.InvalidArgument, "%s: the extension commit is one of Set", op)
			}
			x.commit = ext.Commit
			continue
		case *extpb.Extension_MasterArbitration:
			name = "master arbitration"
		case *extpb.Extension_History:
			name = "history"
		case *extpb.Extension_ConfigSubscription:
			name = "config subscription"
		default:
			continue
		}
		return x, faultf(codes.Unimplemented, "%s: the extension %s is not supported", op, name)
	}
	return x, nil
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

// decide confirms, cancels or prolongs the commit that waits to be confirmed, whether it came through gNMI or NETCONF.
func (s *service) decide(ctx context.Context, user access.User, p *pending) error {
	if owner, _, _ := s.options.Store.Pending(); owner == nil {
		return faultf(codes.FailedPrecondition, "set: no commit waits to be confirmed")
	}
	rpc := "commit"
	if p.cancel {
		rpc = "cancel-commit"
	}
	const module = "ietf-netconf" // whose rules say who may do this
	if err := s.options.Access.For(user).Exec(module, rpc, s.schema.RPC(module, rpc)); err != nil {
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
