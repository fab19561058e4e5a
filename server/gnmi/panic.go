package gnmi

import (
	"context"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// A mistake of ours in one RPC shall not end the element, which forwards the traffic of others: a panic ends the RPC and is logged.

// recovered makes an error of a panic. It is deferred by whatever runs RPCs in a goroutine of its own.
func recovered(log *slog.Logger, what string, err *error) {
	if r := recover(); r != nil {
		log.Error("gNMI: internal error", "method", what, "panic", r, "stack", string(debug.Stack()))
		*err = faultf(codes.Internal, "%s: internal error; the log of the element has the details", what)
	}
}

func recoverUnary(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
		defer recovered(log, info.FullMethod, &err)
		return next(ctx, req)
	}
}

func recoverStream(log *slog.Logger) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
		defer recovered(log, info.FullMethod, &err)
		return next(srv, stream)
	}
}
