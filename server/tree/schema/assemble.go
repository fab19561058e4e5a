package schema

import (
	"errors"
	"slices"
)

// assemble expands the top level of every implemented module, then applies augments and deviations across modules.
func (c *compiler) assemble() (*definition, error) {
	root := &definition{keyword: "root"}
	var errs []error
	var augments, deviations []*statement
	for _, m := range c.schema.Modules {
		if !m.Implemented {
			continue
		}
		for _, u := range m.unit.all() {
			kids, err := expand(u.top.subs, m, 0)
			errs = append(errs, err)
			root.kids = append(root.kids, kids...)
			augments = append(augments, u.top.all("augment")...)
			deviations = append(deviations, u.top.all("deviation")...)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return root, errors.Join(augmentAll(root, augments), deviateAll(root, deviations))
}

// augmentAll applies augments until none finds its target any more: one may add to what another brought in.
func augmentAll(root *definition, pending []*statement) error {
	var errs []error
	for progress := true; progress; {
		progress = false
		var waiting []*statement
		for _, a := range pending {
			target := root.descend(a, a.arg, a.unit.module)
			if target == nil {
				waiting = append(waiting, a)
				continue
			}
			progress = true
			errs = append(errs, augment(target, a, a.unit.module, 0))
		}
		pending = waiting
	}
	for _, a := range pending {
		errs = append(errs, a.errorf("augment: no node %q in an implemented module", a.arg))
	}
	return errors.Join(errs...)
}

func deviateAll(root *definition, deviations []*statement) error {
	var errs []error
	for _, d := range deviations {
		target := root.descend(d, d.arg, d.unit.module)
		if target == nil {
			errs = append(errs, d.errorf("deviation: no node %q in an implemented module", d.arg))
			continue
		}
		if m := target.module; !slices.Contains(m.Deviations, d.unit.module) {
			m.Deviations = append(m.Deviations, d.unit.module)
		}
		for _, how := range d.all("deviate") {
			errs = append(errs, deviate(root, target, how))
		}
	}
	return errors.Join(errs...)
}

func deviate(root, target *definition, how *statement) error {
	switch how.arg {
	case "not-supported":
		root.remove(target)
	case "add":
		target.props = append(target.props, how.subs...)
	case "replace":
		for _, p := range how.subs {
			target.replaced(p.keyword, how)
			target.props = append(target.props, p)
		}
	case "delete":
		for _, p := range how.subs {
			target.props = slices.DeleteFunc(target.props, func(o *statement) bool { return o.keyword == p.keyword && o.arg == p.arg })
		}
	default:
		return how.errorf("deviate %q is none of not-supported, add, replace, delete", how.arg)
	}
	return nil
}

// remove takes target out of the tree below d.
func (d *definition) remove(target *definition) {
	d.kids = slices.DeleteFunc(d.kids, func(k *definition) bool { return k == target })
	for _, k := range d.kids {
		k.remove(target)
	}
}
