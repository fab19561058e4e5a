package schema

import (
	"errors"
	"slices"
	"strings"
)

// definition is a node on the way from text to Node: choices and cases are still levels of their own, and refine, augment
// and deviate may still change it. Conditions on features stay among the properties until the end, so that what a feature
// removes can be named in errors.
type definition struct {
	keyword string
	name    string
	module  *Module // of the namespace
	at      *statement
	props   []*statement
	kids    []*definition
	whens   []condition
}

// condition is a when statement and where it is evaluated, see When.Up.
type condition struct {
	at *statement
	up int
}

var (
	dataKeywords = []string{"container", "leaf", "leaf-list", "list", "choice", "anydata", "anyxml", "uses", "case", "action", "notification", "rpc", "input", "output"}
	// singles are the properties that a refine or a deviate replace sets anew (RFC 7950 sections 7.13.2, 7.20.3.2).
	singles = []string{"default", "description", "reference", "config", "mandatory", "presence", "min-elements", "max-elements", "type", "units"}
)

// maxUses bounds groupings that use themselves.
const maxUses = 64

// expand turns the data definitions among statements into definitions in the namespace of m.
func expand(statements []*statement, m *Module, depth int) ([]*definition, error) {
	var kids []*definition
	var errs []error
	for _, s := range statements {
		if !slices.Contains(dataKeywords, s.keyword) {
			continue
		}
		if s.keyword == "uses" {
			used, err := expandUses(s, m, depth)
			errs = append(errs, err)
			kids = append(kids, used...)
			continue
		}
		d, err := define(s, m, depth)
		errs = append(errs, err)
		kids = append(kids, d)
	}
	return kids, errors.Join(errs...)
}

func define(s *statement, m *Module, depth int) (*definition, error) {
	d := &definition{keyword: s.keyword, name: s.arg, module: m, at: s}
	if s.keyword == "input" || s.keyword == "output" {
		d.name = s.keyword
	}
	for _, sub := range s.subs {
		switch {
		case sub.keyword == "when":
			up := 0
			if s.keyword == "choice" || s.keyword == "case" {
				up = 1
			}
			d.whens = append(d.whens, condition{sub, up})
		case !slices.Contains(dataKeywords, sub.keyword):
			d.props = append(d.props, sub)
		}
	}
	kids, err := expand(s.subs, m, depth)
	d.add(kids)
	if s.keyword == "rpc" || s.keyword == "action" {
		for _, part := range []string{"input", "output"} {
			if find1(d.kids, nil, part) == nil {
				d.kids = append(d.kids, &definition{keyword: part, name: part, module: m, at: s})
			}
		}
	}
	return d, err
}

// add appends children; in a choice, a node without a case gets one of its name (RFC 7950 section 7.9.2).
func (d *definition) add(kids []*definition) {
	for _, k := range kids {
		if d.keyword == "choice" && k.keyword != "case" {
			k = &definition{keyword: "case", name: k.name, module: k.module, at: k.at, kids: []*definition{k}}
		}
		d.kids = append(d.kids, k)
	}
}

func expandUses(s *statement, m *Module, depth int) ([]*definition, error) {
	if depth++; depth > maxUses {
		return nil, s.errorf("grouping %q uses itself", s.arg)
	}
	g, err := s.lookup("grouping", s.arg)
	if err != nil {
		return nil, err
	}
	kids, err := expand(g.subs, m, depth)
	if err != nil {
		return nil, err
	}
	holder := &definition{kids: kids}
	var errs []error
	for _, r := range s.all("refine") {
		errs = append(errs, refine(holder, r))
	}
	for _, a := range s.all("augment") {
		target := holder.descend(a, a.arg, nil)
		if target == nil {
			errs = append(errs, a.errorf("augment: no %q in grouping %q", a.arg, s.arg))
			continue
		}
		errs = append(errs, augment(target, a, m, depth))
	}
	for _, k := range holder.kids {
		k.restrict(s)
	}
	return holder.kids, errors.Join(errs...)
}

// restrict puts the conditions of a uses or augment statement on a node that it brings in.
func (d *definition) restrict(s *statement) {
	d.props = append(d.props, s.all("if-feature")...)
	for _, w := range s.all("when") {
		d.whens = append(d.whens, condition{w, 1})
	}
}

func augment(target *definition, s *statement, m *Module, depth int) error {
	kids, err := expand(s.subs, m, depth)
	for _, k := range kids {
		k.restrict(s)
	}
	target.add(kids)
	return err
}

func refine(holder *definition, r *statement) error {
	target := holder.descend(r, r.arg, nil)
	if target == nil {
		return r.errorf("refine: no node %q in the grouping", r.arg)
	}
	for _, p := range r.subs {
		target.replaced(p.keyword, r)
		target.props = append(target.props, p)
	}
	return nil
}

// replaced drops properties that a refine or deviate by sets anew. It does so once for each keyword, since a leaf-list may
// be given several defaults.
func (d *definition) replaced(keyword string, by *statement) {
	if slices.Contains(singles, keyword) {
		d.props = slices.DeleteFunc(d.props, func(p *statement) bool { return p.keyword == keyword && p.parent != by })
	}
}

// descend follows a descendant schema node identifier. Names without prefix are in module m, or in any when m is nil.
func (d *definition) descend(at *statement, path string, m *Module) *definition {
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		module, local := m, step
		if strings.Contains(step, ":") {
			var err error
			if module, local, err = at.split(step); err != nil {
				return nil
			}
			if m == nil {
				module = nil // in a grouping, names carry the prefix of its text but live where it is used
			}
		}
		if d = find1(d.kids, module, local); d == nil {
			return nil
		}
	}
	return d
}

func find1(kids []*definition, m *Module, local string) *definition {
	for _, k := range kids {
		if k.name == local && (m == nil || k.module == m) {
			return k
		}
	}
	return nil
}

func (d *definition) prop(keyword string) string {
	if i := slices.IndexFunc(d.props, func(p *statement) bool { return p.keyword == keyword }); i >= 0 {
		return d.props[i].arg
	}
	return ""
}

func (d *definition) errorf(format string, args ...any) error { return d.at.errorf(format, args...) }
