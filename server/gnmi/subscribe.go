package gnmi

import (
	"errors"
	"io"
	"math"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"mooring/server/access"
	"mooring/server/tree/schema"
)

// subscribeStream is the stream of a Subscribe.
type subscribeStream = grpc.BidiStreamingServer[gpb.SubscribeRequest, gpb.SubscribeResponse]

// Subscribe implements gNMI.
func (s *service) Subscribe(stream subscribeStream) error {
	user := userOf(stream.Context())
	done, f := s.streams.open(user.Name) // a stream costs something even if its client never says what it wants
	if f != nil {
		return f
	}
	defer done()
	req, err := stream.Recv()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return faultf(codes.InvalidArgument, "subscribe: the stream has ended before a subscription was asked for")
		}
		return err
	}
	list, err := s.subscriptions(req)
	if err != nil {
		return err
	}
	if f := list.readable(s.options.Access.For(user)); f != nil {
		return f
	}
	return newSubscriber(s, stream, user, list).run()
}

// subscriptionList is what a client asks for in its first message.
type subscriptionList struct {
	*gpb.SubscriptionList
	used   models
	depth  int  // how many levels of a node are told; 0: all
	config bool // only configuration is told, and where each commit ends
	items  []*subscription
}

// subscription is one path, and how it is followed.
type subscription struct {
	*place
	manner
}

// manner is how something is followed in a STREAM. What is followed alike is followed together.
type manner struct {
	interval  time.Duration // between samples; 0: on change
	heartbeat time.Duration // after which everything is told again; 0: never
	suppress  bool          // samples leave out what is as it was
}

// subscriptions reads the first message. The error lists all that is wrong.
func (s *service) subscriptions(req *gpb.SubscribeRequest) (*subscriptionList, error) {
	x, f := readExtensions("subscribe", req.GetExtension())
	if f != nil {
		return nil, f
	}
	list := &subscriptionList{SubscriptionList: req.GetSubscribe(), depth: x.depth, config: x.config}
	if list.SubscriptionList == nil {
		return nil, faultf(codes.InvalidArgument, "subscribe: the first message must be a SubscriptionList")
	}
	if _, known := gpb.SubscriptionList_Mode_name[int32(list.GetMode())]; !known {
		return nil, faultf(codes.InvalidArgument, "subscribe: there is no mode %d", list.GetMode())
	}
	if f := checkHistory(x.history, list.GetMode()); f != nil {
		return nil, f
	}
	if f := checkEncoding(list.GetEncoding()); f != nil {
		return nil, f
	}
	if list.used, f = s.used(list.GetUseModels()); f != nil {
		return nil, f
	}
	var paths []*gpb.Path
	for _, sub := range list.GetSubscription() {
		paths = append(paths, sub.GetPath())
	}
	places, err := s.resolveAll("subscribe", list.GetPrefix(), paths)
	if err != nil {
		return nil, err
	}
	var wrong faults
	for i, sub := range list.GetSubscription() {
		item := &subscription{place: places[i]}
		if list.GetMode() == gpb.SubscriptionList_STREAM {
			if item.manner, f = s.options.Limits.manner(sub, places[i]); f != nil {
				wrong = append(wrong, f)
			}
		}
		list.items = append(list.items, item)
	}
	for _, f := range []*fault{list.nested(), list.followsConfig()} {
		if f != nil {
			wrong = append(wrong, f)
		}
	}
	return list, wrong.err()
}

// nested refuses paths inside each other when the depth is limited: what the inner one wants is too deep for the outer one.
func (l *subscriptionList) nested() *fault {
	all := 0
	for _, sub := range l.items {
		all += len(sub.patterns)
	}
	if l.depth > 0 && len(patternsOf(l.items)) < all {
		return faultf(codes.InvalidArgument, "subscribe: with the extension depth, no path may lead to what another one contains")
	}
	return nil
}

// followsConfig refuses what has no end of a commit to tell.
func (l *subscriptionList) followsConfig() *fault {
	if !l.config {
		return nil
	}
	if l.GetMode() != gpb.SubscriptionList_STREAM {
		return faultf(codes.InvalidArgument, "subscribe: the extension config subscription is one of mode STREAM")
	}
	for _, sub := range l.items {
		if sub.manner != (manner{}) {
			return faultf(codes.InvalidArgument, "%s: the extension config subscription tells what commits change; leave out samples and heartbeats", sub.text)
		}
	}
	return nil
}

// manner reads how a path is to be followed. TARGET_DEFINED is on change for everything: all of it can be.
func (l Limits) manner(sub *gpb.Subscription, p *place) (m manner, f *fault) {
	switch sub.GetMode() {
	case gpb.SubscriptionMode_ON_CHANGE:
	case gpb.SubscriptionMode_TARGET_DEFINED:
		if sub.GetSampleInterval() != 0 {
			return m, faultf(codes.InvalidArgument, "%s: the sample interval is the element's choice with TARGET_DEFINED; leave it out", p.text)
		}
	case gpb.SubscriptionMode_SAMPLE:
		m.suppress = sub.GetSuppressRedundant()
		if m.interval, f = l.interval(sub.GetSampleInterval(), "sample interval", p); f != nil {
			return m, f
		}
		if m.interval == 0 {
			m.interval = l.SampleInterval
		}
	default:
		return m, faultf(codes.InvalidArgument, "%s: there is no subscription mode %d", p.text, sub.GetMode())
	}
	if m.heartbeat, f = l.interval(sub.GetHeartbeatInterval(), "heartbeat interval", p); f != nil {
		return m, f
	}
	if m.heartbeat > 0 && m.heartbeat < m.interval {
		return m, faultf(codes.InvalidArgument, "%s: a heartbeat interval of %v is shorter than the sample interval of %v", p.text, m.heartbeat, m.interval)
	}
	return m, nil
}

func (l Limits) interval(ns uint64, what string, p *place) (time.Duration, *fault) {
	if ns > math.MaxInt64 {
		return 0, faultf(codes.InvalidArgument, "%s: a %s of %d ns is longer than anybody can wait", p.text, what, ns)
	}
	d := time.Duration(ns)
	if d > 0 && d < l.SampleInterval {
		return 0, faultf(codes.InvalidArgument, "%s: a %s of %v; the shortest is %v", p.text, what, d, l.SampleInterval)
	}
	return d, nil
}

// readable refuses paths that the user may not read.
func (l *subscriptionList) readable(a *access.Access) *fault {
	for _, sub := range l.items {
		if f := sub.readable(a); f != nil {
			return f
		}
	}
	return nil
}

// patterns are those of all subscriptions.
func patternsOf(items []*subscription) (list []schema.Path) {
	for _, sub := range items {
		list = append(list, sub.patterns...)
	}
	return covering(list)
}

// origin is what a client called the origin of the node at a path.
func (l *subscriptionList) origin(at schema.Path) string {
	for _, sub := range l.items {
		if len(at) > 0 && sub.origin == at[0].Node.Module.Name {
			return sub.origin
		}
	}
	for _, sub := range l.items {
		if sub.origin == "" || sub.origin == elementOrigin {
			return sub.origin
		}
	}
	return l.items[0].origin
}
