package gnmi

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/tree"
)

// subscriber is one Subscribe that is being served.
type subscriber struct {
	*service
	stream subscribeStream
	user   access.User
	list   *subscriptionList
	sends  atomic.Uint64 // odd while a message is being sent

	outbox outbox
}

func newSubscriber(s *service, stream subscribeStream, user access.User, list *subscriptionList) *subscriber {
	x := &subscriber{service: s, stream: stream, user: user, list: list}
	wire := wireOf(stream)
	x.outbox.send = func(b mem.Buffer) error { return x.sending(func() error { return wire(b) }) }
	return x
}

// run serves the subscription in a goroutine of its own, so that a client who does not read keeps only that from going on. It ends with the
// stream.
func (x *subscriber) run() error {
	ctx, cancel := context.WithCancelCause(x.stream.Context())
	defer cancel(nil)
	polls := make(chan struct{})
	go x.receive(ctx, cancel, polls)
	result := make(chan error, 1)
	go func() { result <- x.serveSafely(ctx, polls) }()
	const looks = 4 // so often within the time that a message may take: a timer for each message would cost more than the message
	ticker := time.NewTicker(x.options.Limits.Stall / looks)
	defer ticker.Stop()
	stuck, seen := 0, uint64(0)
	for stuck < looks {
		select {
		case err := <-result:
			return x.status(ctx, err)
		case <-x.closing:
			return faultf(codes.Unavailable, "subscribe: the element is shutting down")
		case <-ctx.Done():
			return x.status(ctx, ctx.Err())
		case <-ticker.C:
		}
		if now := x.sends.Load(); now == seen && now%2 == 1 {
			stuck++
		} else {
			stuck, seen = 0, now
		}
	}
	return faultf(codes.ResourceExhausted, "subscribe: nothing could be sent for %v; the client does not read", x.options.Limits.Stall)
}

// status gives what ended a subscription as the client is told.
func (x *subscriber) status(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if f, ok := errors.AsType[*fault](cause); ok {
		return f
	}
	if cause != nil && err != nil {
		return status.FromContextError(cause).Err()
	}
	if _, ok := status.FromError(err); !ok { // what the state comes from does not answer
		return stateFault("subscribe", err)
	}
	return err
}

// receive reads what the client sends after its first message: polls, or nothing. A client may close its side and still be served.
func (x *subscriber) receive(ctx context.Context, cancel context.CancelCauseFunc, polls chan<- struct{}) {
	for {
		req, err := x.stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			close(polls)
			return
		case err != nil:
			cancel(err)
			return
		case req.GetPoll() == nil || x.list.GetMode() != gpb.SubscriptionList_POLL:
			cancel(faultf(codes.InvalidArgument, "subscribe: after the first message only a Poll may follow, and only in mode POLL"))
			return
		}
		select {
		case polls <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

func (x *subscriber) serveSafely(ctx context.Context, polls <-chan struct{}) (err error) {
	defer recovered(x.options.Log, "subscribe", &err)
	return x.serve(ctx, polls)
}

func (x *subscriber) serve(ctx context.Context, polls <-chan struct{}) error {
	switch x.list.GetMode() {
	case gpb.SubscriptionList_ONCE:
		return x.once(ctx)
	case gpb.SubscriptionList_POLL:
		return x.poll(ctx, polls)
	}
	return x.follow(ctx)
}

func (x *subscriber) poll(ctx context.Context, polls <-chan struct{}) error {
	if err := x.once(ctx); err != nil {
		return err
	}
	for {
		select {
		case _, more := <-polls:
			if !more {
				return nil
			}
			if err := x.once(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// once tells everything, and that this was all.
func (x *subscriber) once(ctx context.Context) error {
	if !x.list.GetUpdatesOnly() {
		r := x.newReader()
		patterns, now := patternsOf(x.list.items), time.Now()
		if err := r.config(tree.Diff(nil, x.options.Store.Running().Root), selectionOf(patterns, x.list.depth), now, false); err != nil {
			return err
		}
		for _, t := range x.tables(patterns, x.list.depth) {
			if err := r.rows(ctx, t, now); err != nil {
				return err
			}
		}
	}
	return x.sync()
}

// newReader reads for the subscriber's user and tells the subscriber.
func (x *subscriber) newReader() *reader {
	return x.reader(x.user, x.list.used, &notifier{
		outbox: &x.outbox, target: x.list.GetPrefix().GetTarget(), origin: x.list.origin, values: valueEncoder{encoding: x.list.GetEncoding()},
	})
}

// committed tells that what a commit has changed was told. Its id is that of the history and, until it is confirmed, what confirms it.
func (x *subscriber) committed(s *datastore.Snapshot) error {
	done := &extpb.ConfigSubscriptionSyncDone{CommitConfirmId: s.Persist, ServerCommitId: strconv.FormatUint(s.ID, 10), Done: true}
	return x.send(&gpb.SubscribeResponse{Extension: []*extpb.Extension{{Ext: &extpb.Extension_ConfigSubscription{
		ConfigSubscription: &extpb.ConfigSubscription{Action: &extpb.ConfigSubscription_SyncDone{SyncDone: done}},
	}}}})
}

func (x *subscriber) sync() error {
	return x.send(&gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_SyncResponse{SyncResponse: true}})
}

// send sends a message after those that have been gathered.
func (x *subscriber) send(resp *gpb.SubscribeResponse) error {
	if err := x.outbox.flush(); err != nil {
		return err
	}
	return x.sending(func() error { return x.stream.Send(resp) })
}

// sending counts what is sent, for who looks whether anything can be.
func (x *subscriber) sending(send func() error) error {
	x.sends.Add(1)
	defer x.sends.Add(1)
	return send()
}
