package gnmi

import (
	"context"
	"errors"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Get implements gNMI. All paths are answered from one configuration; state is as of the moment when each row is read. When one path
// fails, the whole does.
func (s *service) Get(ctx context.Context, req *gpb.GetRequest) (*gpb.GetResponse, error) {
	x, f := readExtensions("get", req.GetExtension())
	if f != nil {
		return nil, f
	}
	set, f := explicitOnly(ctx)
	if f != nil {
		return nil, f
	}
	if f := checkEncoding(req.GetEncoding()); f != nil {
		return nil, f
	}
	used, f := s.used(req.GetUseModels())
	if f != nil {
		return nil, f
	}
	places, err := s.resolveAll("get", req.GetPrefix(), req.GetPath())
	if err != nil {
		return nil, err
	}
	g := &getter{reader: s.reader(userOf(ctx), used, nil), GetRequest: req, running: s.options.Store.Running(), depth: x.depth, room: s.options.Limits.Get}
	g.explicit = set
	g.announce(ctx)
	resp := &gpb.GetResponse{}
	var wrong faults
	for _, p := range places {
		n, f := g.get(ctx, p)
		if f != nil {
			wrong = append(wrong, f)
			continue
		}
		resp.Notification = append(resp.Notification, n)
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return resp, nil
}

// getter answers one Get.
type getter struct {
	*reader
	*gpb.GetRequest
	running *datastore.Snapshot
	depth   int
	room    int // octets that the answer may still take
}

// get makes the Notification of one path.
func (g *getter) get(ctx context.Context, p *place) (*gpb.Notification, *fault) {
	if f := p.readable(g.access); f != nil {
		return nil, f
	}
	now := time.Now()
	to := newFinder(g.schema.Root, g.room)
	g.sink = to
	err := g.gather(ctx, p, now)
	g.room = to.room
	switch {
	case errors.Is(err, errTooMuch):
		return nil, faultf(codes.ResourceExhausted, "%s: the answer is larger than %d octets; ask for less, or subscribe with mode ONCE", p.text, g.options.Limits.Get)
	case ctx.Err() != nil:
		return nil, faultf(codes.Canceled, "%s: %v", p.text, context.Cause(ctx))
	case err != nil:
		return nil, stateFault(p.text, err)
	}
	n := &gpb.Notification{Timestamp: now.UnixNano()}
	skip := g.prefixOf(p, n)
	for _, pattern := range p.patterns {
		to.root.match(pattern, nil, func(f *found, at schema.Path) { n.Update = g.appendUpdates(n.Update, f, at, skip) })
	}
	if len(n.Update) == 0 {
		return nil, faultf(codes.NotFound, "%s: there is nothing", p.text)
	}
	return n, nil
}

// readable refuses a path to one node that the user may not read. What is refused among many is left out (RFC 8341 section 3.2.4).
func (p *place) readable(a *access.Access) *fault {
	if p.wildcard {
		return nil
	}
	for _, pattern := range p.patterns {
		if _, readable := a.Reader(pattern); !readable {
			return faultf(codes.PermissionDenied, "%s: you may not read this", p.text)
		}
	}
	return nil
}

// gather reads what the type of the request asks for. What this element calls state is all operational: none of it repeats the
// configuration (RFC 8342), so OPERATIONAL is the same as STATE.
func (g *getter) gather(ctx context.Context, p *place, now time.Time) error {
	kind := g.GetType()
	if kind == gpb.GetRequest_ALL || kind == gpb.GetRequest_CONFIG {
		if err := g.config(tree.Diff(nil, g.running.Root), selectionOf(p.patterns, g.depth), now, false); err != nil {
			return err
		}
	}
	if kind == gpb.GetRequest_CONFIG {
		return nil
	}
	for _, t := range g.tables(p.patterns, g.depth) {
		if err := g.rows(ctx, t, now); err != nil {
			return err
		}
	}
	return nil
}

// prefixOf gives the Notification the prefix of the request, and tells how many elements of a path are in it. A prefix with wildcards
// stays out, since the element sends none.
func (g *getter) prefixOf(p *place, n *gpb.Notification) (skip int) {
	prefix := &gpb.Path{Target: g.GetPrefix().GetTarget(), Origin: p.origin}
	if at, ok := concrete(g.GetPrefix(), p); ok {
		prefix.Elem = elemsOf(at)
		skip = len(at)
	}
	if g.GetPrefix() != nil || p.origin != "" {
		n.Prefix = prefix
	}
	return skip
}

// concrete gives the path that a prefix is, when that is the same for all that p means.
func concrete(prefix *gpb.Path, p *place) (schema.Path, bool) {
	elems := prefix.GetElem()
	for i, e := range elems {
		if e.Name == anyElement || e.Name == anyElements || !closed(p.patterns[0][i]) {
			return nil, false
		}
	}
	return p.patterns[0][:len(elems)], true
}

func (g *getter) appendUpdates(list []*gpb.Update, f *found, at schema.Path, skip int) []*gpb.Update {
	if e := g.GetEncoding(); e != gpb.Encoding_PROTO && e != gpb.Encoding_ASCII {
		return append(list, &gpb.Update{Path: &gpb.Path{Elem: elemsOf(at[skip:])}, Val: f.value(g.GetEncoding())})
	}
	config := g.GetType() == gpb.GetRequest_ALL || g.GetType() == gpb.GetRequest_CONFIG
	f.leaves(at, func(leaf *found, at schema.Path) {
		if leaf.def.Config && !config {
			return // a key, which the path has already
		}
		list = append(list, &gpb.Update{Path: &gpb.Path{Elem: elemsOf(at[skip:])}, Val: leaf.value(g.GetEncoding())})
	})
	return list
}
