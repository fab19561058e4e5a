package gnmi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Set implements gNMI. All operations are one commit: when one of them is wrong, or the outcome is, nothing has changed anywhere.
func (s *service) Set(ctx context.Context, req *gpb.SetRequest) (*gpb.SetResponse, error) {
	x, f := readExtensions("set", req.GetExtension())
	if f != nil {
		return nil, f
	}
	operations, wrong, err := s.operations(req)
	if err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		return nil, s.explain(userOf(ctx), operations, wrong)
	}
	pending, f := pendingOf(x.commit, len(operations))
	if f != nil {
		return nil, f
	}
	when, err := s.carryOut(ctx, x, operations, pending)
	if err != nil {
		return nil, err
	}
	resp := &gpb.SetResponse{Prefix: req.GetPrefix(), Timestamp: when.UnixNano()}
	for _, op := range operations {
		resp.Response = append(resp.Response, &gpb.UpdateResult{Path: op.path, Op: op.kind})
	}
	return resp, nil
}

// carryOut does what a Set asks for when it is its turn, and returns the time at which that held.
func (s *service) carryOut(ctx context.Context, x extensions, operations []*operation, p *pending) (time.Time, error) {
	done, err := s.turn(ctx)
	if err != nil {
		return time.Time{}, status.FromContextError(err).Err()
	}
	defer done()
	if err := s.arbitrate(userOf(ctx), x.election); err != nil {
		return time.Time{}, err
	}
	switch {
	case p != nil && p.id != "":
		return time.Now(), s.decide(ctx, userOf(ctx), p)
	case p != nil || len(operations) > 0:
		return s.commit(ctx, userOf(ctx), operations, p)
	}
	return time.Now(), nil
}

// operation is one operation of a Set.
type operation struct {
	kind  gpb.UpdateResult_Operation
	path  *gpb.Path // as the client gave it
	place *place
	edits []tree.Edit // of replace and update; those of a delete depend on what there is
	// clears, of a union_replace, come before the edits of any
	clears []tree.Edit
}

// operations reads the operations of a Set in the order in which they are made (section 3.4.3), and says what is wrong with any of them.
func (s *service) operations(req *gpb.SetRequest) ([]*operation, faults, error) {
	n := len(req.GetDelete()) + len(req.GetReplace()) + len(req.GetUpdate())
	if unions := len(req.GetUnionReplace()); unions > 0 && n > 0 {
		return nil, nil, faultf(codes.InvalidArgument, "set: union_replace stands beside delete, replace or update; it replaces all that is in the way, alone")
	} else if unions > 0 {
		n = unions
	}
	if n > s.options.Limits.Operations {
		return nil, nil, faultf(codes.ResourceExhausted, "set: %d operations in one request; the limit is %d", n, s.options.Limits.Operations)
	}
	list := make([]*operation, 0, n)
	var wrong faults
	add := func(op *operation, f *fault) {
		list = append(list, op)
		if f != nil {
			wrong = append(wrong, f)
		}
	}
	nodes := 0
	for _, path := range req.GetDelete() {
		op, f := s.deletion(req.GetPrefix(), path)
		add(op, f)
		if f == nil {
			nodes += len(op.place.patterns)
		}
		if nodes > s.options.Limits.Operations {
			return nil, nil, faultf(codes.ResourceExhausted, "set: the deletes stand for more than %d nodes of the models", s.options.Limits.Operations)
		}
	}
	for _, u := range req.GetReplace() {
		add(s.writing(gpb.UpdateResult_REPLACE, req.GetPrefix(), u))
	}
	for _, u := range req.GetUpdate() {
		add(s.writing(gpb.UpdateResult_UPDATE, req.GetPrefix(), u))
	}
	if len(req.GetUnionReplace()) > 0 {
		list, wrong = s.union(req)
	}
	if len(wrong) == 0 && n > 0 {
		var places []*place
		for _, op := range list {
			places = append(places, op.place)
		}
		if f := checkOrigins(req.GetPrefix(), places); f != nil {
			wrong = append(wrong, f)
		}
	}
	return list, wrong, nil
}

func (s *service) deletion(prefix, path *gpb.Path) (*operation, *fault) {
	op := &operation{kind: gpb.UpdateResult_DELETE, path: path}
	r := &resolver{schema: s.schema, op: "delete", prefix: prefix, unknown: codes.NotFound}
	var f *fault
	if op.place, f = r.resolve(path); f != nil {
		return op, f
	}
	return op, op.place.deletable()
}

// deletable refuses what is not configuration or cannot go by itself. What a wildcard stands for besides is passed over.
func (p *place) deletable() *fault {
	if p.wildcard {
		p.patterns = slices.DeleteFunc(p.patterns, func(at schema.Path) bool { return len(at) > 0 && (!at.Last().Node.Config || at.Last().Node.IsKey()) })
		return nil
	}
	for _, at := range p.patterns {
		if f := p.configured(at); f != nil {
			return f
		}
		if len(at) > 0 && at.Last().Node.IsKey() {
			return faultf(codes.InvalidArgument, "%s: a key goes with its entry; delete that", p.text)
		}
	}
	return nil
}

func (p *place) configured(at schema.Path) *fault {
	if len(at) > 0 && !at.Last().Node.Config {
		return faultf(codes.InvalidArgument, "%s: this is state and cannot be configured", p.text)
	}
	return nil
}

// writing reads a replace or an update.
func (s *service) writing(kind gpb.UpdateResult_Operation, prefix *gpb.Path, u *gpb.Update) (*operation, *fault) {
	op := &operation{kind: kind, path: u.GetPath()}
	r := &resolver{schema: s.schema, op: strings.ToLower(kind.String()), prefix: prefix, unknown: codes.NotFound}
	var f *fault
	if op.place, f = r.resolve(u.GetPath()); f != nil {
		return op, f
	}
	p := &payload{schema: s.schema, place: op.place, replace: kind == gpb.UpdateResult_REPLACE, value: u.GetVal()}
	op.edits, f = p.edits(slices.Concat(prefix.GetElem(), u.GetPath().GetElem()))
	return op, f
}

// attempts is how often a Set is tried when others commit changes to the same nodes in between.
const attempts = 5

// commit makes the operations on a candidate of their own and commits that. Who commits through NETCONF meanwhile may have changed the same, and then the operations are made again on top of that. It returns the time of the configuration that runs then.
func (s *service) commit(ctx context.Context, user access.User, operations []*operation, p *pending) (time.Time, error) {
	session := s.options.Store.NewSession(user, 0)
	defer session.Close()
	o := datastore.CommitOptions{Via: "gnmi", Check: s.options.Access.For(user).Changes, BasedOn: given(ctx, basedOnHeader)}
	if p != nil {
		o.Confirm = p.confirm
	}
	var result *datastore.Result
	var err error
	for range attempts {
		result, err = commitOnce(ctx, session.Private(), operations, o)
		if o.BasedOn != "" || !slices.ContainsFunc(tree.Errors(err), func(e *tree.Error) bool { return codeOf(e) == codes.Aborted }) {
			break
		}
	}
	if err != nil {
		return time.Time{}, refusal(ctx, err)
	}
	warn(ctx, result.Warnings)
	return result.Snapshot.Time, nil
}

func commitOnce(ctx context.Context, c *datastore.Candidate, operations []*operation, o datastore.CommitOptions) (*datastore.Result, error) {
	if _, err := c.Edit(nil); err != nil { // from here on, the candidate is what running is now
		return nil, err
	}
	edits := editsOf(operations, c.Root())
	if _, err := c.Edit(o.Check, edits...); err != nil {
		return nil, c.Refusal(o.Check, err, edits...)
	}
	return c.Commit(ctx, o)
}

func editsOf(operations []*operation, root *tree.Node) (edits []tree.Edit) {
	for _, op := range operations {
		edits = append(edits, op.clears...)
	}
	for _, op := range operations {
		if op.kind != gpb.UpdateResult_DELETE {
			edits = append(edits, op.edits...)
			continue
		}
		for _, pattern := range op.place.patterns {
			edits = appendRemovals(edits, root, pattern)
		}
	}
	return edits
}

// explain says what is wrong with operations. Where that are errors in values alone, what could be read of them is judged too.
func (s *service) explain(user access.User, operations []*operation, wrong faults) error {
	var values []error
	for _, f := range wrong {
		if f.value == nil {
			return wrong.err()
		}
		values = append(values, f.value)
	}
	session := s.options.Store.NewSession(user, 0)
	defer session.Close()
	c := session.Private()
	known := errors.Join(values...)
	all := c.Refusal(s.options.Access.For(user).Changes, known, editsOf(operations, c.Root())...)
	for _, e := range tree.Errors(all) {
		if !slices.Contains(tree.Errors(known), e) {
			wrong = append(wrong, faultf(codeOf(e), "%v", e))
		}
	}
	return wrong.err()
}

// refusal gives the status of a commit that failed; nil for one that did not. It lists everything that is wrong.
func refusal(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	var wrong faults
	for _, e := range tree.Errors(err) {
		wrong = append(wrong, faultf(codeOf(e), "%v", e))
	}
	return wrong.err()
}

// appendRemovals appends edits that remove what a pattern leads to from the root.
func appendRemovals(edits []tree.Edit, root *tree.Node, pattern schema.Path) []tree.Edit {
	s := root.Schema().Schema()
	if len(pattern) == 0 {
		return append(edits, tree.Edit{Op: tree.Replace, Node: tree.NewRoot(s)})
	}
	for at := range instances(root, pattern, nil) {
		edits = append(edits, tree.At(s, at, tree.Remove, nil))
	}
	return edits
}

// instances yields the paths to what a pattern leads to from a node, at which at ends.
func instances(n *tree.Node, pattern, at schema.Path) func(yield func(schema.Path) bool) {
	return func(yield func(schema.Path) bool) { walkInstances(n, pattern, at, yield) }
}

func walkInstances(n *tree.Node, pattern, at schema.Path, yield func(schema.Path) bool) bool {
	if len(pattern) == 0 {
		return yield(at)
	}
	step := pattern[0]
	held := n.Child(step.Node)
	switch {
	case held == nil:
		return true
	case !held.IsList() || len(step.Keys) == 0:
		return walkInstances(held, pattern[1:], at.Append(step.Node), yield)
	case !slices.Contains(step.Keys, state.Any):
		e := held.Entry(step.Keys...)
		return e == nil || walkInstances(e, pattern[1:], at.Append(step.Node, step.Keys...), yield)
	}
	for e := range held.Entries() {
		if matches(step, e.Step()) && !walkInstances(e, pattern[1:], at.Append(step.Node, e.Keys()...), yield) {
			return false
		}
	}
	return true
}
