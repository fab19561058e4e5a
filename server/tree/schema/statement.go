package schema

import (
	"fmt"
	"strings"

	"github.com/openconfig/goyang/pkg/yang"
)

// statement is one YANG statement with the way up, which scopes of typedefs and groupings need.
type statement struct {
	keyword string
	arg     string
	subs    []*statement
	parent  *statement
	unit    *unit
	pos     string // file:line:column
}

// unit is one file: a module or a submodule, with the prefixes that it declares.
type unit struct {
	module   *Module
	top      *statement
	prefixes map[string]*Module // own prefix included
	includes []*unit            // of a module: all its submodules; of a submodule: its module's
	owner    *unit              // the module's unit; itself for a module
	version  string
}

func newStatement(s *yang.Statement, parent *statement, u *unit) *statement {
	st := &statement{keyword: s.Keyword, arg: s.Argument, parent: parent, unit: u, pos: s.Location()}
	for _, sub := range s.SubStatements() {
		st.subs = append(st.subs, newStatement(sub, st, u))
	}
	return st
}

// sub returns the first substatement with that keyword, or nil.
func (s *statement) sub(keyword string) *statement {
	for _, c := range s.subs {
		if c.keyword == keyword {
			return c
		}
	}
	return nil
}

// value returns the argument of the first substatement with that keyword, or "".
func (s *statement) value(keyword string) string {
	if c := s.sub(keyword); c != nil {
		return c.arg
	}
	return ""
}

// all returns the substatements with that keyword.
func (s *statement) all(keyword string) []*statement { return withKeyword(s.subs, keyword) }

func withKeyword(list []*statement, keyword string) (found []*statement) {
	for _, c := range list {
		if c.keyword == keyword {
			found = append(found, c)
		}
	}
	return found
}

func (s *statement) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{s.pos}, args...)...)
}

// split resolves a possibly prefixed name that stands in s: the module it names and the local part.
func (s *statement) split(qualified string) (*Module, string, error) {
	prefix, local, ok := strings.Cut(qualified, ":")
	if !ok {
		return s.unit.module, qualified, nil
	}
	m := s.unit.prefixes[prefix]
	if m == nil {
		return nil, "", s.errorf("prefix %q of %q is not declared by an import", prefix, qualified)
	}
	return m, local, nil
}

// lookup finds the definition (typedef or grouping) that a name in s refers to: in the enclosing statements, then at the
// top of the module and its submodules.
func (s *statement) lookup(keyword, qualified string) (*statement, error) {
	m, local, err := s.split(qualified)
	if err != nil {
		return nil, err
	}
	if m == s.unit.module {
		for at := s; at != nil; at = at.parent {
			for _, c := range at.subs {
				if c.keyword == keyword && c.arg == local {
					return c, nil
				}
			}
		}
	}
	for _, u := range m.unit.all() {
		for _, c := range u.top.subs {
			if c.keyword == keyword && c.arg == local {
				return c, nil
			}
		}
	}
	return nil, s.errorf("%s %q is not defined", keyword, qualified)
}

// all returns the units of the module that u belongs to, the module's own first.
func (u *unit) all() []*unit { return append([]*unit{u.owner}, u.owner.includes...) }
