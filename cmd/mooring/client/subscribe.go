package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Subscription is something that is followed.
type Subscription struct {
	Path   string        // names without keys: "pmipv6/lma/bindings/binding"
	Row    string        // the list or container of which rows are made, on the way to Path; empty: Path
	Sample time.Duration // how often it is told of; 0: when it changes
}

func (s *Subscription) row() string {
	if s.Row != "" {
		return s.Row
	}
	return s.Path
}

// Whole are subscriptions to lists or containers, of which rows are made that hold all of them: "pmipv6/lma/bindings/binding".
func Whole(paths ...string) (list []Subscription) {
	for _, path := range paths {
		list = append(list, Subscription{Path: path})
	}
	return list
}

// Parts are subscriptions to some nodes below a list or container, of which rows are made that hold nothing else.
func Parts(row string, parts ...string) (list []Subscription) {
	for _, part := range parts {
		list = append(list, Subscription{Path: row + "/" + part, Row: row})
	}
	return list
}

// Get returns the rows there are of what is subscribed to. Those that keep refuses, unless it is nil, cost nothing where rows come whole.
func (c *Client) Get(ctx context.Context, keep func(*Row) bool, subscriptions ...Subscription) (*Rows, error) {
	rows := NewRows(subscriptions)
	inParts := slices.ContainsFunc(subscriptions, func(s Subscription) bool { return s.Row != "" })
	stream, err := c.subscribe(ctx, &gpb.SubscriptionList{Mode: gpb.SubscriptionList_ONCE}, subscriptions)
	if err != nil {
		return nil, err
	}
	var last []*Row // that may not be complete yet
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if inParts {
				last = slices.Clone(rows.All())
			}
			rows.judge(last, nil, keep)
			return rows, nil
		}
		if err != nil {
			return nil, c.explain(err)
		}
		n := response.GetUpdate()
		if n == nil {
			continue
		}
		now := rows.Take(n).Set
		if !inParts { // of which more may come at any time
			rows.judge(last, now, keep)
			last = now
		}
	}
}

// judge forgets the rows that are complete and not to be kept.
func (r *Rows) judge(rows, incomplete []*Row, keep func(*Row) bool) {
	for _, row := range rows {
		if keep != nil && !slices.Contains(incomplete, row) && !keep(row) {
			r.Forget(row)
		}
	}
}

// Follow calls synced with the rows there are, and changed after that whenever some change, until ctx ends or one of them
// returns an error.
func (c *Client) Follow(ctx context.Context, synced func(*Rows) error, changed func(Change) error, subscriptions ...Subscription) error {
	complete := false
	return c.Stream(ctx, subscriptions, false, func(rows *Rows, n News) error {
		switch {
		case n.Synced:
			complete = true
			return synced(rows)
		case complete:
			return changed(n.Change)
		}
		return nil
	})
}

// News is what one message of a stream tells.
type News struct {
	Change
	At     time.Time // when it was so, by the clock of the element
	Synced bool      // what there was at first has been told
}

// Stream calls got with everything that is told, until ctx ends, which is no error, or got returns one. With updatesOnly, what there is at
// first is not told; rows then hold what has changed since.
func (c *Client) Stream(ctx context.Context, subscriptions []Subscription, updatesOnly bool, got func(*Rows, News) error) error {
	rows := NewRows(subscriptions)
	stream, err := c.subscribe(ctx, &gpb.SubscriptionList{Mode: gpb.SubscriptionList_STREAM, UpdatesOnly: updatesOnly}, subscriptions)
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return c.explain(err)
		case response.GetSyncResponse():
			err = got(rows, News{Synced: true})
		case response.GetUpdate() != nil:
			n := response.GetUpdate()
			err = got(rows, News{Change: rows.Take(n), At: time.Unix(0, n.GetTimestamp())})
		}
		if err != nil {
			return err
		}
	}
}

// Complete asks for leaves of a row of which only a part was told.
func (c *Client) Complete(ctx context.Context, rows *Rows, row *Row, leaves ...string) error {
	request := &gpb.SubscriptionList{Mode: gpb.SubscriptionList_ONCE}
	for _, leaf := range leaves {
		path := &gpb.Path{Elem: append(slices.Clone(row.elems), &gpb.PathElem{Name: leaf})}
		request.Subscription = append(request.Subscription, &gpb.Subscription{Path: path})
	}
	stream, err := c.subscribe(ctx, request, nil)
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return c.explain(err)
		case response.GetUpdate() != nil:
			rows.Take(response.GetUpdate())
		}
	}
}

func (c *Client) subscribe(ctx context.Context, request *gpb.SubscriptionList, subscriptions []Subscription) (gpb.GNMI_SubscribeClient, error) {
	stream, err := c.Subscribe(ctx)
	if err != nil {
		return nil, c.explain(err)
	}
	request.Encoding = gpb.Encoding_JSON_IETF
	for _, sub := range subscriptions {
		s := &gpb.Subscription{Path: &gpb.Path{}, Mode: gpb.SubscriptionMode_ON_CHANGE}
		if sub.Sample > 0 {
			s.Mode, s.SampleInterval = gpb.SubscriptionMode_SAMPLE, uint64(sub.Sample)
		}
		for name := range strings.SplitSeq(sub.Path, "/") {
			s.Path.Elem = append(s.Path.Elem, &gpb.PathElem{Name: name})
		}
		request.Subscription = append(request.Subscription, s)
	}
	// Where the stream has ended already, Recv knows why.
	if err := stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: request}}); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("subscribe: %w", c.explain(err))
	}
	return stream, nil
}
