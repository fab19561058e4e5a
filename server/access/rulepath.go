package access

import (
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
	module, local string
	keys          map[string]string // local name of the key to its value; "." for a leaf-list
}

// userVariable stands for the name of the user, unquoted.
const userVariable = "$USER"

// parseRulePath reads a path as it is kept: with module names before names. An absent rule type is better than a wrong
// match, so what cannot be read matches nothing.
func parseRulePath(s *schema.Schema, text string) *rulePath {
	p := &rulePath{}
	rest := strings.TrimSpace(text)
	module := ""
	for rest != "" && rest != "/" {
		if !strings.HasPrefix(rest, "/") {
			p.broken = true
			return p
		}
		rest = rest[1:]
		end := strings.IndexAny(rest, "/[")
		if end < 0 {
			end = len(rest)
		}
		step := ruleStep{local: strings.TrimSpace(rest[:end]), keys: map[string]string{}}
		if m, local, ok := strings.Cut(step.local, ":"); ok {
			module, step.local = m, local
		}
		step.module = module
		rest = strings.TrimSpace(rest[end:])
		for strings.HasPrefix(rest, "[") {
			var ok bool
			if rest, ok = step.predicate(rest); !ok {
				p.broken = true
				return p
			}
		}
		p.broken = p.broken || s.Module(module) == nil
		p.steps = append(p.steps, step)
	}
	return p
}

// predicate reads [key='value'] or [key=$USER] and returns what follows.
func (s *ruleStep) predicate(text string) (rest string, ok bool) {
	key, after, ok := strings.Cut(text[1:], "=")
	if !ok {
		return "", false
	}
	after = strings.TrimSpace(after)
	_, local, prefixed := strings.Cut(strings.TrimSpace(key), ":")
	if !prefixed {
		local = strings.TrimSpace(key)
	}
	var value string
	switch {
	case strings.HasPrefix(after, userVariable):
		value, after = userVariable, after[len(userVariable):]
	case strings.HasPrefix(after, "'") || strings.HasPrefix(after, `"`):
		end := strings.IndexByte(after[1:], after[0])
		if end < 0 {
			return "", false
		}
		value, after = "'"+after[1:1+end], after[end+2:] // the mark tells a text that reads $USER from the variable
	default:
		return "", false
	}
	s.keys[local] = value
	after = strings.TrimSpace(after)
	return strings.TrimSpace(strings.TrimPrefix(after, "]")), strings.HasPrefix(after, "]")
}

// matches reports whether one step of a rule matches one step of a path.
func (s *ruleStep) matches(at schema.Step, user string) bool {
	if at.Node.Name != s.local || at.Node.Module.Name != s.module {
		return false
	}
	for i, k := range at.Keys {
		name := "."
		if at.Node.Kind == schema.List {
			name = at.Node.Keys[i].Name
		}
		want, given := s.keys[name]
		if given && want != userVariable && want[1:] != k || given && want == userVariable && user != k {
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
