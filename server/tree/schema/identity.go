package schema

import (
	"cmp"
	"errors"
	"slices"
)

// Identity is a YANG identity (RFC 7950 section 7.18).
type Identity struct {
	Module      *Module
	Name        string
	Bases       []*Identity
	Description string
	Status      Status
	ancestors   map[*Identity]bool // every identity that it is derived from
}

// QualifiedName is "module:name", the canonical form of identityref values here (RFC 7951 section 6.8).
func (i *Identity) QualifiedName() string { return i.Module.Name + ":" + i.Name }

// DerivedFrom reports whether i is derived from base; no identity is derived from itself (RFC 7950 section 7.18.2).
func (i *Identity) DerivedFrom(base *Identity) bool { return i.ancestors[base] }

// collectIdentities reads the identities of all modules and resolves their bases.
func (c *compiler) collectIdentities() error {
	var errs []error
	bases := map[*Identity][]*statement{}
	for _, m := range c.schema.Modules {
		for _, u := range m.unit.all() {
			for _, s := range u.top.all("identity") {
				missing, err := supported(s.subs)
				if err != nil || missing != "" {
					errs = append(errs, err)
					continue
				}
				id := &Identity{Module: m, Name: s.arg, Description: s.value("description"), Status: status(s.subs)}
				c.schema.identities[name{m.Name, s.arg}] = id
				c.schema.Identities = append(c.schema.Identities, id)
				bases[id] = s.all("base")
			}
		}
	}
	for id, list := range bases {
		for _, s := range list {
			base, err := c.identity(s)
			errs = append(errs, err)
			if err == nil {
				id.Bases = append(id.Bases, base)
			}
		}
	}
	for _, id := range c.schema.Identities {
		id.ancestors = map[*Identity]bool{}
		id.climb(id)
		if id.ancestors[id] {
			errs = append(errs, errors.New("identity "+id.QualifiedName()+" is derived from itself"))
		}
	}
	slices.SortFunc(c.schema.Identities, func(a, b *Identity) int { return cmp.Compare(a.QualifiedName(), b.QualifiedName()) })
	return errors.Join(errs...)
}

func (i *Identity) climb(at *Identity) {
	for _, b := range at.Bases {
		if !i.ancestors[b] {
			i.ancestors[b] = true
			i.climb(b)
		}
	}
}

// identity resolves the argument of a base statement.
func (c *compiler) identity(s *statement) (*Identity, error) {
	m, local, err := s.split(s.arg)
	if err != nil {
		return nil, err
	}
	if id := c.schema.identities[name{m.Name, local}]; id != nil {
		return id, nil
	}
	return nil, s.errorf("identity %q is not defined, or a feature switches it off", s.arg)
}
