package gnmi

import (
	"cmp"
	"context"

	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"

	"mooring/server/access"
)

// election is what a client says of itself in the extension master arbitration: that it is the master for a role, by the highest number.
type election struct {
	role      string
	high, low uint64
}

func electionOf(x *extpb.MasterArbitration) (*election, *fault) {
	if x.GetElectionId() == nil {
		return nil, faultf(codes.InvalidArgument, "set: the extension master arbitration wants an election id")
	}
	return &election{x.GetRole().GetId(), x.GetElectionId().GetHigh(), x.GetElectionId().GetLow()}, nil
}

func (e election) compare(other election) int {
	return cmp.Or(cmp.Compare(e.high, other.high), cmp.Compare(e.low, other.low))
}

// maxRoles bounds how many roles are remembered.
const maxRoles = 1000

// arbitrate lets a client be the master for its role, unless another one was with a higher id. Who may not commit cannot become master: nobody
// else could write then. The caller has the turn to change the configuration.
func (s *service) arbitrate(user access.User, e *election) error {
	if e == nil {
		return nil
	}
	if err := s.options.Access.For(user).Exec(netconfModule, "commit", s.schema.RPC(netconfModule, "commit")); err != nil {
		return refusal(context.Background(), err)
	}
	stored, known := s.elections[e.role]
	switch {
	case known && e.compare(stored) < 0:
		return faultf(codes.PermissionDenied, "set: the election id of role %q is %d:%d by now (high:low); yours is %d:%d, so that you are not its master any more",
			e.role, stored.high, stored.low, e.high, e.low)
	case !known && len(s.elections) >= maxRoles:
		return faultf(codes.ResourceExhausted, "set: %d roles have a master, as many as may", maxRoles)
	}
	s.elections[e.role] = *e
	return nil
}

// turn waits for the turn to change the configuration; done gives it back.
func (s *service) turn(ctx context.Context) (done func(), err error) {
	select {
	case s.setting <- struct{}{}:
		return func() { <-s.setting }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
