package access

import (
	"cmp"
	"slices"
	"strings"

	"mooring/server/tree/schema"
)

// rulePath is the path of a data-node rule: like an instance-identifier, but keys may be left out, which matches all
// entries, and $USER stands for the name of the user (RFC 8341, typedef node-instance-identifier).
type rulePath struct {
	steps []ruleStep
	// broken: the path names what is not in the schema, and matches nothing.
	broken bool
}

type ruleStep struct {
	node *schema.Node
	keys []ruleKey // as schema.Step has them; nil matches every entry
}

// ruleKey is what a rule wants of one key.
type ruleKey struct {
	given, user bool   // neither: any value; user: the name of the user
	value       string // canonical
}

// userVariable stands for the name of the user, unquoted.
const userVariable = "$USER"

// parseRulePath reads a path as it is kept: with module names before names. An absent rule is better than a wrong match, so
// what cannot be read, or is not in the schema, matches nothing.
func parseRulePath(s *schema.Schema, text string) *rulePath {
	broken := &rulePath{broken: true}
	p := &rulePath{}
	at, module := s.Root, ""
	rest := strings.TrimSpace(text)
	for rest != "" && rest != "/" {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, "/"); !ok {
			return broken
		}
		end := strings.IndexAny(rest, "/[")
		if end < 0 {
			end = len(rest)
		}
		name := strings.TrimSpace(rest[:end])
		if m, local, qualified := strings.Cut(name, ":"); qualified {
			module, name = m, local
		}
		if at = childOf(at, module, name); at == nil {
			return broken
		}
		step := ruleStep{node: at}
		rest = strings.TrimSpace(rest[end:])
		for strings.HasPrefix(rest, "[") {
			if rest, ok = step.predicate(rest[1:]); !ok {
				return broken
			}
		}
		p.steps = append(p.steps, step)
	}
	return p
}

// childOf finds a data node, or an action or notification tied to one.
func childOf(n *schema.Node, module, local string) *schema.Node {
	if child := cmp.Or(n.Child(module, local), n.Action(module, local)); child != nil {
		return child
	}
	for _, notification := range n.Notifications {
		if notification.Name == local && notification.Module.Name == module {
			return notification
		}
	}
	return nil
}

// predicate reads key='value'] or key=$USER] and returns what follows.
func (s *ruleStep) predicate(text string) (rest string, ok bool) {
	name, after, ok := strings.Cut(text, "=")
	if !ok {
		return "", false
	}
	name = strings.TrimSpace(name)
	if _, local, qualified := strings.Cut(name, ":"); qualified {
		name = local
	}
	key, typ := s.key(name)
	if key == nil {
		return "", false
	}
	after = strings.TrimSpace(after)
	switch {
	case strings.HasPrefix(after, userVariable):
		*key = ruleKey{given: true, user: true}
		after = after[len(userVariable):]
	case strings.HasPrefix(after, "'") || strings.HasPrefix(after, `"`):
		value, behind, closed := strings.Cut(after[1:], after[:1])
		canonical, err := typ.ParseCanonical(value)
		if !closed || err != nil {
			return "", false
		}
		*key = ruleKey{given: true, value: canonical}
		after = behind
	default:
		return "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimSpace(after), "]")
	return strings.TrimSpace(rest), ok
}

// key returns the place for a key of that name, or for the value of a leaf-list, and the type of it; nil if there is none.
func (s *ruleStep) key(name string) (*ruleKey, *schema.Type) {
	keys := s.node.Keys
	if s.node.Kind == schema.LeafList && name == "." {
		keys, name = []*schema.Node{s.node}, s.node.Name
	}
	i := slices.IndexFunc(keys, func(n *schema.Node) bool { return n.Name == name })
	if i < 0 {
		return nil, nil
	}
	if s.keys == nil {
		s.keys = make([]ruleKey, len(keys))
	}
	return &s.keys[i], keys[i].Type
}

// matches reports whether one step of a rule matches one step of a path.
func (s *ruleStep) matches(at schema.Step, user string) bool {
	if at.Node != s.node || s.keys != nil && at.Keys == nil { // a rule for some entries is none for the list as a whole
		return false
	}
	for i, k := range at.Keys {
		switch {
		case s.keys == nil || !s.keys[i].given:
		case s.keys[i].user && user != k, !s.keys[i].user && s.keys[i].value != k:
			return false
		}
	}
	return true
}

// covers reports whether the node at path is the one of the rule or below it.
func (p *rulePath) covers(path schema.Path, user string) bool {
	if p.broken || len(path) < len(p.steps) {
		return false
	}
	for i := range p.steps {
		if !p.steps[i].matches(path[i], user) {
			return false
		}
	}
	return true
}
