package gnmi

import (
	"context"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"mooring/server/tree"
)

// What gNMI's messages have no place for travels as metadata of its RPCs. A client that knows nothing of it is served as the
// specification says.
const (
	// warningHeader is the trailer of a Set that carries what its commit warned of, one value for each.
	warningHeader = "mooring-warning-bin"
	// defaultsHeader says in a Get which values are told (RFC 6243 section 3): reportAll or explicit. The header of the answer
	// repeats what was asked for, so that the client can tell an element that does not know this.
	defaultsHeader = "mooring-defaults"
	// transactionHeader of the answer to a Get of configuration names the commit that it was read from, as the transaction-id of
	// NETCONF does.
	transactionHeader = "mooring-transaction"
	// basedOnHeader of a Set is the transaction that its changes are based on: after any other commit they are refused.
	basedOnHeader = "mooring-based-on"
)

// The ways to tell defaults.
const (
	reportAll = "report-all"
	explicit  = "explicit"
)

// maxWarnings bounds how many are sent.
const maxWarnings = 50

// warn sends the warnings of a commit.
func warn(ctx context.Context, warnings []*tree.Error) {
	md := metadata.MD{}
	for _, w := range warnings[:min(len(warnings), maxWarnings)] {
		md.Append(warningHeader, w.Error())
	}
	grpc.SetTrailer(ctx, md) // fails only when the RPC has ended
}

// given is the value that a request has for a key of metadata, "" where there is none.
func given(ctx context.Context, key string) string {
	if values := metadata.ValueFromIncomingContext(ctx, key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// explicitOnly reports whether a Get asks for no other configuration than what was set.
func explicitOnly(ctx context.Context) (bool, *fault) {
	switch mode := given(ctx, defaultsHeader); mode {
	case "", reportAll:
		return false, nil
	case explicit:
		return true, nil
	default:
		return false, faultf(codes.InvalidArgument, "get: metadata %s is %q; it may be %s or %s", defaultsHeader, mode, reportAll, explicit)
	}
}

// announce says in the header of the answer what configuration it is about to tell.
func (g *getter) announce(ctx context.Context) {
	if kind := g.GetType(); kind != gpb.GetRequest_ALL && kind != gpb.GetRequest_CONFIG {
		return
	}
	md := metadata.Pairs(transactionHeader, g.running.Transaction())
	if mode := given(ctx, defaultsHeader); mode != "" {
		md.Set(defaultsHeader, mode)
	}
	grpc.SetHeader(ctx, md) // fails only when the RPC has ended
}
