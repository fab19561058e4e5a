package access

import (
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Reader filters a walk to what the user may read (RFC 8341 section 3.2.4): what is refused is left out with everything
// below it. It returns nil when nothing is refused, which tree.Walk takes for no filter. The walk must start at what path
// leads to, whose own readability, and that of the nodes above, Reader also tells.
func (a *Access) Reader(path schema.Path) (filter tree.Filter, readable bool) {
	if a.all {
		return nil, true
	}
	r := &reader{access: a}
	r.levels = append(r.levels, level{open: a.pathRules()})
	for i := range path {
		if !r.enter(path[i]) {
			return nil, false
		}
	}
	return r, true
}

// pathRules returns the rules that could match further down: those with a path, for reading.
func (a *Access) pathRules() (open []int) {
	for i := range a.rules {
		if r := &a.rules[i]; r.path != nil && r.operations&opRead != 0 && !r.path.broken {
			open = append(open, i)
		}
	}
	return open
}

// reader walks down with the rules that still can match and those that have. Where none is open any more, the verdict
// depends on the definition alone and is remembered: a list of a million rows costs a look-up a node.
type reader struct {
	access *Access
	levels []level
	known  []verdicts
}

type level struct {
	depth   int
	open    []int // rules whose path has matched so far and goes on
	matched []int // rules whose path has been passed, sorted
}

// verdicts are what was decided below one set of matched rules.
type verdicts struct {
	matched []int
	byNode  map[*schema.Node]bool
}

func (r *reader) Enter(n *tree.Node) bool { return r.enter(n.Step()) }

func (r *reader) Leave() { r.levels = r.levels[:len(r.levels)-1] }

// Decided reports whether what may be read below depends on definitions alone, and on no keys.
func (r *reader) Decided() bool { return len(r.levels[len(r.levels)-1].open) == 0 }

func (r *reader) enter(step schema.Step) bool {
	top := r.levels[len(r.levels)-1]
	next := level{depth: top.depth + 1, matched: top.matched}
	for _, i := range top.open {
		p := r.access.rules[i].path
		switch {
		case len(p.steps) > top.depth && !p.steps[top.depth].matches(step, r.access.user.Name):
		case len(p.steps) <= next.depth:
			next.matched = slices.Insert(slices.Clone(next.matched), index(next.matched, i), i)
		default:
			next.open = append(next.open, i)
		}
	}
	if !r.verdict(step.Node, next.matched) {
		return false
	}
	r.levels = append(r.levels, next)
	return true
}

func index(sorted []int, v int) int {
	i, _ := slices.BinarySearch(sorted, v)
	return i
}

func (r *reader) verdict(def *schema.Node, matched []int) bool {
	i := slices.IndexFunc(r.known, func(v verdicts) bool { return slices.Equal(v.matched, matched) })
	if i < 0 {
		i = len(r.known)
		r.known = append(r.known, verdicts{matched, map[*schema.Node]bool{}})
	}
	v, ok := r.known[i].byNode[def]
	if !ok {
		v = r.decide(def, matched)
		r.known[i].byNode[def] = v
	}
	return v
}

func (r *reader) decide(def *schema.Node, matched []int) bool {
	a := r.access
	if a.nothing {
		return false
	}
	for i := range a.rules {
		rule := &a.rules[i]
		if rule.operations&opRead == 0 || rule.module != "" && rule.module != def.Module.Name {
			continue
		}
		if !rule.typed || rule.path != nil && slices.Contains(matched, i) {
			return rule.permit
		}
	}
	return a.byDefault(opRead, def)
}
