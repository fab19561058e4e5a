package access

import (
	"iter"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Dangling tells of rules that can never match, because the schema has nothing of the name or path that they give: a deny rule with
// a mistake in it denies nothing. Rules that are in old already are passed over; nil has none. Each is a warning with the app-tag
// W-REF at the leaf in question.
func Dangling(old, new *tree.Node) (warnings []*tree.Error) {
	if new == nil {
		return nil
	}
	for path, rule := range rules(new) {
		if old == nil || !old.Get(path).Same(rule) {
			warnings = append(warnings, dangling(path, rule)...)
		}
	}
	return warnings
}

// rules yields the rules of a configuration with their paths, which may be kept.
func rules(root *tree.Node) iter.Seq2[schema.Path, *tree.Node] {
	return func(yield func(schema.Path, *tree.Node) bool) {
		def := root.Schema().Child("ietf-netconf-acm", "nacm")
		if def == nil {
			return
		}
		nacm := root.Child(def)
		if nacm == nil {
			return
		}
		top := schema.Path{{Node: def}}
		for list := range nacm.ChildNamed("rule-list").Entries() {
			for rule := range list.ChildNamed("rule").Entries() {
				if !yield(top.Append(list.Schema(), list.Keys()...).Append(rule.Schema(), rule.Keys()...), rule) {
					return
				}
			}
		}
	}
}

// dangling checks the names of one rule.
func dangling(path schema.Path, rule *tree.Node) (warnings []*tree.Error) {
	s := rule.Schema().Schema()
	module, _ := rule.EffectiveLeaf("module-name")
	check := func(leaf, what string, known func(value string) bool) {
		value, given := rule.Leaf(leaf)
		if !given || value == "*" || known(value) {
			return
		}
		warnings = append(warnings, &tree.Error{Tag: tree.DataMissing, AppTag: "W-REF", Warning: true, Path: path.Append(rule.Schema().ChildNamed(leaf)),
			Message: what + " " + schema.Quote(value) + " does not exist, so the rule matches nothing, whether it permits or denies"})
	}
	inModule := func(is func(m *schema.Module) bool) bool {
		for _, m := range s.Modules {
			if (module == "*" || module == m.Name) && is(m) {
				return true
			}
		}
		return false
	}
	check("module-name", "module", func(name string) bool { return s.Module(name) != nil })
	check("path", "the node", func(text string) bool { return !parseRulePath(s, text).broken })
	check("rpc-name", "an rpc of the name", func(name string) bool {
		return inModule(func(m *schema.Module) bool { return s.RPC(m.Name, name) != nil })
	})
	check("notification-name", "a notification of the name", func(name string) bool {
		return inModule(func(m *schema.Module) bool { return s.Notification(m.Name, name) != nil })
	})
	return warnings
}
