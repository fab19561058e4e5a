package ios

import (
	"fmt"
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// negate carries out a command with no in front. It may end early: then it is about every command that begins so.
func (im *importer) negate(l *line, words []word) {
	at, alive, m := im.chooseBegun(l, words)
	if m != nil {
		im.misread(l, words, at, m)
		return
	}
	im.enter(l, at)
	fr := im.frames[at]
	if fr.refused != nil {
		im.skip(l, fr.refused)
		return
	}
	n := &negation{importer: im, line: l, words: words}
	for _, c := range begun(alive, len(words)) {
		n.take(c, fr.path)
	}
	item := im.item(&words[0], Taken, "", "", "")
	item.Column, item.Paths = 0, n.paths
	switch {
	case n.vague != nil:
		item.Outcome, item.Code, item.Column = Refused, Missing, words[len(words)-1].end()+1
		item.Message = "say which " + n.vague.Name + ": no removes nothing that it does not name"
	case n.err != nil:
		item.Outcome, item.Code, item.Message = Refused, OutOfRange, n.err.Error()
		item.Column = n.bad.column
	case !n.present && n.first != nil:
		at, message := n.absent()
		item.Outcome, item.Code, item.Message, item.Column = Warned, BadReference, message, at.column
	}
	im.report.Items = append(im.report.Items, item)
}

// begun are the commands to negate: those that the words are, or, where they are none, those that begin with them. Where they are a
// command, longer ones without a list entry of their own go with it: no aaa accounting ends interim records, too.
func begun(alive []candidate, n int) (list []candidate) {
	complete := slices.ContainsFunc(alive, func(c candidate) bool { return len(c.pattern) == n })
	for _, c := range alive {
		ownEntry := len(c.at) > 0 && c.node().Kind == schema.List
		if !complete || len(c.pattern) <= n || !ownEntry {
			list = append(list, c)
		}
	}
	return list
}

// chooseBegun is choose for the beginning of a command.
func (im *importer) chooseBegun(l *line, words []word) (at int, alive []candidate, m *miss) {
	for _, ended := range []bool{false, true} {
		for i := len(im.frames) - 1; i >= 0; i-- {
			if im.frames[i].ended(l, i) != ended {
				continue
			}
			alive, missed := im.frames[i].mode.begin(words, im.Dialect)
			if missed == nil {
				return i, alive, nil
			}
			if m == nil || missed.at > m.at {
				at, m = i, missed
			}
		}
	}
	return at, nil, m
}

// negation takes things out.
type negation struct {
	*importer
	line  *line
	words []word
	paths []string
	// present says that something of what is to go is there, or may be; first is where the first of it should be.
	present bool
	first   schema.Path
	vague   *schema.Node // a list of which no entry was named
	bad     *word
	err     error
}

// take takes out what one candidate is about: the entry or container with presence that it makes, or else its leaves.
func (n *negation) take(c candidate, path schema.Path) {
	x := &execution{importer: n.importer, found: &found{c.command, c.pattern, n.words}, line: n.line, path: path, values: map[string][]string{}}
	if n.err == nil {
		n.bad, n.err = x.readSome(c)
	}
	if n.err != nil {
		return
	}
	if len(c.command.unset) > 0 {
		n.present = true // for it sets something
		for _, s := range c.command.unset {
			x.values = map[string][]string{s.leaf: {s.value}}
			x.setLeaf(s.leaf)
		}
		n.paths = append(n.paths, x.paths...)
		return
	}
	for i, def := range c.at {
		keys, known := x.keysOf(def)
		if !known && i > 0 && c.at[i-1].Kind == schema.List {
			break // the entry of the list above
		} else if !known {
			n.takeEntries(path.Append(def), c.node())
			return
		}
		path = path.Append(def, keys...)
	}
	x.path = path
	if last := len(c.at) - 1; last >= 0 && (c.at[last].Kind == schema.List || c.at[last].Presence) {
		if n.err = n.otherwise(x); n.err == nil {
			n.remove(path)
		}
		return
	}
	n.takeLeaves(x, c)
}

// otherwise says that the entry to take out is another one than the command describes, as no customer c vrf v does of a customer in
// another VRF: a slip of the hand must not end a customer.
func (n *negation) otherwise(x *execution) error {
	for leaf, values := range x.values {
		path := x.pathOf(leaf)
		if path.Last().Node.Kind != schema.Leaf || slices.Contains(path.Parent().Last().Node.Keys, path.Last().Node) {
			continue
		}
		for _, root := range n.known() {
			if there := root.Get(path); there != nil && len(values) > 0 && there.Value() != values[0] {
				n.bad = &n.words[len(n.words)-1]
				return fmt.Errorf("it has another %s; nothing is removed", leaf) // which may be a secret
			}
		}
	}
	return nil
}

// readSome reads the values of the arguments that are there.
func (x *execution) readSome(c candidate) (*word, error) {
	for leaf, words := range x.found.values() {
		a := c.argument(leaf)
		if a.kind.ignored {
			continue
		}
		values, _, bad, err := x.readValue(a, words)
		if err != nil {
			return bad, err
		}
		x.values[leaf] = values
	}
	for _, s := range c.command.set {
		if s.from == "" {
			x.values[s.leaf] = []string{s.value}
		} else {
			x.values[s.leaf] = x.values[s.from]
		}
	}
	return nil, nil
}

// argument is the argument of a leaf.
func (c *candidate) argument(leaf string) *argument {
	i := slices.IndexFunc(c.pattern, func(e element) bool { return e.arg != nil && e.arg.leaf == leaf })
	return c.pattern[i].arg
}

// keysOf are the keys of a list, if all of them were given.
func (x *execution) keysOf(def *schema.Node) (keys []string, known bool) {
	for _, k := range def.Keys {
		if x.values[k.Name] == nil {
			return nil, false
		}
		keys = append(keys, x.values[k.Name][0])
	}
	return keys, true
}

// takeLeaves takes out all leaves of a command; of a leaf-list only the values that were given, if any.
func (n *negation) takeLeaves(x *execution, c candidate) {
	var leaves []string
	for _, e := range c.pattern {
		if e.arg != nil && !e.arg.kind.ignored {
			leaves = append(leaves, e.arg.leaf)
		}
	}
	for _, s := range c.command.set {
		leaves = append(leaves, s.leaf)
	}
	for _, leaf := range leaves {
		path := x.pathOf(leaf)
		def := path.Last().Node
		switch values := x.values[leaf]; {
		case def.Kind == schema.LeafList && c.argument(leaf).each && len(values) > 0:
			n.remove(path.Parent().Append(def, values[0]))
		case def.Kind == schema.LeafList:
			n.takeValues(path)
		default:
			n.remove(path)
		}
	}
}

// takeValues takes out a whole leaf-list.
func (n *negation) takeValues(path schema.Path) {
	def := path.Last().Node
	some := false
	for _, root := range n.known() {
		if list := root.Get(path); list != nil {
			for e := range list.Entries() {
				n.remove(path.Parent().Append(def, e.Value()))
				some = true
			}
		}
	}
	switch {
	case some:
	case n.Base != nil:
		n.note(path)
	case len(n.paths) == 0 && n.vague == nil:
		n.vague = def
	}
}

// takeEntries takes out all entries of a list, which have to be known.
func (n *negation) takeEntries(path schema.Path, of *schema.Node) {
	def := path.Last().Node
	some := false
	for _, root := range n.known() {
		if list := root.Get(path); list != nil && def == of {
			for e := range list.Entries() {
				n.remove(path.Parent().Append(def, e.Keys()...))
				some = true
			}
		}
	}
	if !some && len(n.paths) == 0 && n.vague == nil {
		n.vague = def
	} else if some {
		n.vague = nil
	}
}

// known are the configurations in which entries are looked for.
func (n *negation) known() []*tree.Node {
	if n.Base == nil {
		return []*tree.Node{n.draft.root}
	}
	return []*tree.Node{n.draft.root, n.Base}
}

// note keeps in mind whether what is to go is there. What the reader may not see counts as there.
func (n *negation) note(path schema.Path) {
	if n.first == nil {
		n.first = path
	}
	inBase := n.Base == nil || path.Last().Node.DefaultDenyAll || n.Base.Get(path) != nil && !n.draft.takes(path)
	n.present = n.present || inBase || n.draft.root.Get(path) != nil
}

// absent says what is not there, and at which word.
func (n *negation) absent() (at *word, message string) {
	step := n.first.Last()
	if len(step.Keys) == 0 {
		return &n.words[0], "nothing of this is configured; nothing is removed"
	}
	name := step.Node.Name
	if name == "acl" {
		name = "access list"
	}
	return wordFor(n.words, step.Keys[0]), fmt.Sprintf("there is no %s %s; nothing is removed", name, step.Keys[0])
}

func (n *negation) remove(path schema.Path) {
	n.note(path)
	if text := "no " + path.String(); !slices.Contains(n.paths, text) {
		n.paths = append(n.paths, text)
		n.vague = nil
	}
	n.draft.remove(path)
	n.draft.removers = append(n.draft.removers, n.line)
}
