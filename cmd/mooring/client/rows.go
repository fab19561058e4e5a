package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Rows are what a Client has been told of some lists or containers of state.
type Rows struct {
	depths map[string]int // of a row, by the names on the way to it
	order  []*Row         // as they were first told of
	byPath map[string]*Row
}

// All returns the rows in the order in which they became known.
func (r *Rows) All() []*Row { return r.order }

// Get returns the rows of lists or containers, which paths name without keys: "pmipv6/lma/bindings/binding".
func (c *Client) Get(ctx context.Context, paths ...string) (*Rows, error) {
	rows := newRows(paths)
	stream, err := c.subscribe(ctx, gpb.SubscriptionList_ONCE, paths)
	if err != nil {
		return nil, err
	}
	for {
		response, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return nil, c.explain(err)
		}
		if n := response.GetUpdate(); n != nil {
			rows.take(n)
		}
	}
}

// Change is what a notification brought about: rows that are new or differ, and rows that are no more.
type Change struct{ Set, Gone []*Row }

// Follow calls synced with the rows there are, and changed after that whenever some change, until ctx ends or one of them
// returns an error.
func (c *Client) Follow(ctx context.Context, synced func(*Rows) error, changed func(*Rows, Change) error, paths ...string) error {
	rows := newRows(paths)
	stream, err := c.subscribe(ctx, gpb.SubscriptionList_STREAM, paths)
	if err != nil {
		return err
	}
	complete := false
	for {
		response, err := stream.Recv()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return c.explain(err)
		case response.GetSyncResponse():
			complete, err = true, synced(rows)
		case response.GetUpdate() != nil:
			if change := rows.take(response.GetUpdate()); complete {
				err = changed(rows, change)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (c *Client) subscribe(ctx context.Context, mode gpb.SubscriptionList_Mode, paths []string) (gpb.GNMI_SubscribeClient, error) {
	stream, err := c.Subscribe(ctx)
	if err != nil {
		return nil, c.explain(err)
	}
	request := &gpb.SubscriptionList{Mode: mode, Encoding: gpb.Encoding_JSON_IETF}
	for _, path := range paths {
		s := &gpb.Subscription{Path: &gpb.Path{}, Mode: gpb.SubscriptionMode_ON_CHANGE}
		for name := range strings.SplitSeq(path, "/") {
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

func newRows(paths []string) *Rows {
	r := &Rows{depths: map[string]int{}, byPath: map[string]*Row{}}
	for _, path := range paths {
		r.depths[path] = strings.Count(path, "/") + 1
	}
	return r
}

// take brings rows up to date.
func (r *Rows) take(n *gpb.Notification) (change Change) {
	for _, path := range n.GetDelete() {
		r.remove(slices.Concat(n.GetPrefix().GetElem(), path.GetElem()), &change)
	}
	var row *Row
	var at []*gpb.PathElem // leads to row
	for _, u := range n.GetUpdate() {
		elems := slices.Concat(n.GetPrefix().GetElem(), u.GetPath().GetElem())
		if row == nil || len(elems) <= len(at) || !slices.Equal(elems[:len(at)], at) {
			depth := r.depth(elems)
			if depth == 0 || depth == len(elems) {
				continue // beside what was asked for
			}
			at = elems[:depth]
			row = r.row(at)
			change.set(row)
		}
		row.value.set(elems[len(at):], u.GetVal().GetJsonIetfVal())
	}
	return change
}

func (c *Change) set(row *Row) {
	if !slices.Contains(c.Set, row) {
		c.Set = append(c.Set, row)
	}
}

// depth tells how many elements lead to the row that elems are in; 0 for none.
func (r *Rows) depth(elems []*gpb.PathElem) int {
	names := make([]string, 0, len(elems))
	for i, e := range elems {
		names = append(names, localName(e))
		if r.depths[strings.Join(names, "/")] > 0 {
			return i + 1
		}
	}
	return 0
}

func (r *Rows) row(elems []*gpb.PathElem) *Row {
	path := pathText(elems)
	row := r.byPath[path]
	if row == nil {
		row = &Row{Path: path, elems: elems, value: object{}}
		r.byPath[path] = row
		r.order = append(r.order, row)
	}
	return row
}

// remove takes out a part of a row, or the rows at elems and below.
func (r *Rows) remove(elems []*gpb.PathElem, change *Change) {
	if depth := r.depth(elems); depth > 0 && depth < len(elems) {
		if row := r.byPath[pathText(elems[:depth])]; row != nil {
			row.value.remove(elems[depth:])
			change.set(row)
		}
		return
	}
	gone := pathText(elems)
	r.order = slices.DeleteFunc(r.order, func(row *Row) bool {
		if row.Path != gone && !strings.HasPrefix(row.Path, gone+"/") {
			return false
		}
		delete(r.byPath, row.Path)
		change.Gone = append(change.Gone, row)
		return true
	})
}
