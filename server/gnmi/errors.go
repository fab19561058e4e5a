package gnmi

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"mooring/server/state"
	"mooring/server/tree"
)

// fault is one thing that is wrong with a request: the code of gRPC, and what and where.
type fault struct {
	code codes.Code
	text string
	// value is what could be read of a value with errors, where that is what is wrong.
	value *tree.Incomplete
}

func faultf(code codes.Code, format string, args ...any) *fault {
	return &fault{code: code, text: fmt.Sprintf(format, args...)}
}

func (f *fault) Error() string { return f.text }

// GRPCStatus lets a fault be returned from an RPC.
func (f *fault) GRPCStatus() *status.Status { return status.New(f.code, f.text) }

// stateFault is what it means for a request that state could not be read.
func stateFault(what string, err error) *fault {
	if errors.Is(err, state.ErrInternal) {
		return faultf(codes.Internal, "%s: %v", what, err)
	}
	return faultf(codes.Unavailable, "%s: %v", what, err)
}

// faults are all that is wrong with a request, in its order.
type faults []*fault

// maxMessage bounds the message of a status, which travels in a header: clients refuse headers beyond 8 kB or so.
const maxMessage = 4 << 10

// err is the status of the RPC: the code of the first fault, and the text of all. It is nil when there is none.
func (list faults) err() error {
	if len(list) == 0 {
		return nil
	}
	var b strings.Builder
	for i, f := range list {
		if i > 0 && b.Len()+len(f.text) > maxMessage {
			fmt.Fprintf(&b, "; and %d more", len(list)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.text)
	}
	return status.Error(list[0].code, b.String())
}

// codeOf maps an error-tag to the code that the error contract of the element gives it.
//
//	what is wrong with the request itself        InvalidArgument
//	what the configuration or the state forbids  FailedPrecondition
//	somebody else changed the same               Aborted: reading again and trying again helps
func codeOf(e *tree.Error) codes.Code {
	switch e.Tag {
	case tree.AccessDenied:
		return codes.PermissionDenied
	case tree.InUse, tree.LockDenied:
		return codes.FailedPrecondition
	case tree.DataExists:
		return codes.AlreadyExists
	case tree.NotSupported:
		return codes.Unimplemented
	case tree.ResourceDenied:
		return codes.ResourceExhausted
	case tree.RollbackFailed:
		return codes.Internal
	case tree.DataMissing:
		if e.AppTag == "instance-required" { // of a leafref; otherwise something mandatory is missing
			return codes.FailedPrecondition
		}
	case tree.OperationFailed:
		switch e.AppTag {
		case "": // not the configuration but what keeps it, such as the disk
			return codes.Internal
		case "conflict":
			return codes.Aborted
		}
		return codes.FailedPrecondition // must, unique, numbers of elements
	}
	return codes.InvalidArgument
}
