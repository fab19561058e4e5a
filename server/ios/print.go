package ios

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Print writes a configuration as text of a dialect: reading that gives the same configuration again. left names what routers have no
// commands for; it stands at the end of the text in lines that are comments to them, see modelMark. root is a tree of the schema that the
// grammar was made of.
func (g *Grammar) Print(root *tree.Node, d Dialect) (text string, left []string) {
	p := &printer{Grammar: g, dialect: d, torn: map[string]bool{}, again: true}
	for p.again {
		p.text, p.done, p.rest, p.again = strings.Builder{}, map[string]bool{}, nil, false
		p.mode(g.modes["global"], root, nil)
		p.leftovers(root, nil)
	}
	for _, r := range p.rest {
		p.line(modelLine(r.path, r.node))
		left = append(left, r.String())
	}
	return p.text.String(), left
}

// printer writes one text.
type printer struct {
	*Grammar
	dialect Dialect
	text    strings.Builder
	depth   int
	done    map[string]bool // paths of what stands in the text
	rest    []remnant
	// torn are the paths of lists whose order means something and which commands would put into another, or make only some entries
	// of: commands are to make none of them. again says that one was found.
	torn  map[string]bool
	again bool
}

// remnant is a node that the commands of a text do not make, with all that is below it.
type remnant struct {
	path schema.Path
	node *tree.Node
}

// String tells a person what it is.
func (r remnant) String() string {
	if def := r.node.Schema(); !def.HasChildren() {
		return r.path.String() + " = " + shown(def, r.node.Value())
	}
	return r.path.String()
}

func (p *printer) line(words string) {
	fmt.Fprintf(&p.text, "%s%s\n", strings.Repeat(" ", p.depth), words)
}

// mode writes what the commands of a mode say of the node n.
func (p *printer) mode(m *mode, n *tree.Node, path schema.Path) {
	for i, c := range m.commands {
		group := []*command{c}
		if c.ordered() && slices.ContainsFunc(m.commands[:i], func(o *command) bool { return o.row.at == c.row.at }) {
			continue // it was part of a group
		} else if c.ordered() {
			group = slices.DeleteFunc(slices.Clone(m.commands[i:]), func(o *command) bool { return o.row.at != c.row.at })
		}
		p.instances(group, c.at, instance{node: n, path: path})
	}
}

// ordered reports whether the command makes entries of a list whose order means something: they are written one by one, whichever command
// makes each.
func (c *command) ordered() bool { return len(c.at) > 0 && c.node().UserOrdered }

// instance is a node that a command is about.
type instance struct {
	node *tree.Node
	path schema.Path
	keys map[string]string
	seen map[string]looked // leaves that were looked for already
}

// looked is a leaf, or that there is none.
type looked struct {
	value, path string
	ok          bool
}

// instances writes the commands of a group for each node that chain leads to.
func (p *printer) instances(group []*command, chain []*schema.Node, i instance) {
	if len(chain) == 0 {
		i.seen = map[string]looked{}
		for _, c := range group {
			for c.in(p.dialect) && !c.readOnly && p.command(c, i) && c.repeats {
				continue // once for each value of a leaf-list
			}
		}
		return
	}
	kid := i.node.Child(chain[0])
	switch {
	case kid == nil || len(p.torn) > 0 && p.torn[i.path.Append(chain[0]).String()]:
	case kid.IsList():
		for e := range kid.Entries() {
			keys := map[string]string{}
			for k, v := range i.keys {
				keys[k] = v
			}
			for n, k := range chain[0].Keys {
				keys[k.Name] = e.Keys()[n]
			}
			p.instances(group, chain[1:], instance{node: e, path: append(slices.Clip(i.path), e.Step()), keys: keys})
		}
	default:
		p.instances(group, chain[1:], instance{node: kid, path: i.path.Append(chain[0]), keys: i.keys})
	}
}

// written is a command in words, and what it stands for.
type written struct {
	words  []string
	paths  []string
	values map[string][]string // of the arguments, by leaf
}

// command writes one, if it says something that is not in the text already, and then what its mode holds. It reports whether it may have
// more to say.
func (p *printer) command(c *command, i instance) bool {
	var best *written
	for _, pattern := range c.patterns {
		if w := p.render(c, pattern, i); w != nil && w.betters(best) && (!p.news(w) || p.reads(c, w)) {
			best = w
		}
	}
	if best == nil || !p.news(best) {
		return p.negated(c, i)
	}
	for _, path := range best.paths {
		p.done[path] = true
	}
	p.line(strings.Join(best.words, " "))
	if c.enters != nil && !c.enters.open {
		p.depth++
		p.mode(c.enters, i.node, i.path)
		p.depth--
		p.line("!")
	}
	return true
}

// betters reports whether w says more than another, or as much in fewer words.
func (w *written) betters(other *written) bool {
	if other == nil || len(w.values) != len(other.values) {
		return other == nil || len(w.values) > len(other.values)
	}
	return len(w.words) < len(other.words)
}

// news reports whether a command says something that is not in the text already.
func (p *printer) news(w *written) bool {
	return slices.ContainsFunc(w.paths, func(path string) bool { return !p.done[path] })
}

// reads reports whether the words of a command are read as what they are written for: a name may be like a keyword, or hold blanks.
func (p *printer) reads(c *command, w *written) bool {
	lines := splitLines(strings.Join(w.words, " "))
	if len(lines) != 1 || lines[0].prompted || len(lines[0].words) != len(w.words) {
		return false
	}
	f, missed := c.mode.match(lines[0].words, p.dialect)
	if missed != nil || f.command != c {
		return false
	}
	x := &execution{found: f}
	values := map[string][]string{}
	for leaf, words := range f.values() {
		a := (&candidate{c, f.pattern, 0}).argument(leaf)
		if a.kind.ignored {
			return false
		}
		var err error
		if values[leaf], _, _, err = x.readValue(a, words); err != nil {
			return false
		}
	}
	return maps.EqualFunc(values, w.values, slices.Equal)
}

// negated writes a command with no in front where that says something.
func (p *printer) negated(c *command, i instance) bool {
	if len(c.unset) == 0 {
		return false
	}
	w := (&written{}).with(c.unset, i)
	if w == nil || p.done[w.paths[0]] {
		return false
	}
	for _, path := range w.paths {
		p.done[path] = true
	}
	words := []string{"no"}
	for _, e := range c.patterns[0] {
		words = append(words, e.keyword)
	}
	p.line(strings.Join(words, " "))
	return true
}

// render writes a pattern with the values of an instance; nil: it does not have them.
func (p *printer) render(c *command, pattern pattern, i instance) *written {
	w := &written{values: map[string][]string{}}
	if last := len(c.at) - 1; last >= 0 && (c.at[last].Kind == schema.List || c.at[last].Presence) {
		w.paths = append(w.paths, i.path.String())
	}
	values := map[string][]string{} // words that are still to be written
	for _, e := range pattern {
		if e.arg == nil {
			w.words = append(w.words, e.keyword)
			continue
		}
		leaf := e.arg.leaf
		if values[leaf] == nil {
			texts, ok := p.values(e.arg, pattern, i, w)
			if !ok {
				return nil
			}
			values[leaf] = texts
		}
		w.words = append(w.words, values[leaf][0])
		values[leaf] = values[leaf][1:]
	}
	for key := range i.keys {
		if values[key] == nil && !slices.ContainsFunc(c.set, func(s setting) bool { return s.leaf == key }) && c.key(key) != nil {
			return nil
		}
	}
	return w.with(c.set, i)
}

// with adds what the command sets apart from its arguments.
func (w *written) with(set []setting, i instance) *written {
	for _, s := range set {
		want := s.value
		if s.from != "" {
			want, _, _ = i.leaf(s.from)
		}
		value, path, ok := i.leaf(s.leaf)
		if !ok || value != want {
			return nil
		}
		w.paths = append(w.paths, path)
	}
	return w
}

// leaf returns a key or a leaf below an instance, and where it is.
func (i instance) leaf(name string) (value, path string, ok bool) {
	if key, isKey := i.keys[name]; isKey {
		return key, i.path.String(), true
	}
	l, known := i.seen[name]
	if !known {
		if n, at := i.descend(name); n != nil && !n.IsList() {
			l = looked{n.Value(), at.String(), true}
		}
		i.seen[name] = l
	}
	return l.value, l.path, l.ok
}

// descend follows names from an instance down.
func (i instance) descend(names string) (*tree.Node, schema.Path) {
	n, path := i.node, i.path
	chain, _ := descend(n.Schema(), names)
	for _, def := range chain {
		if n = n.Child(def); n == nil {
			return nil, nil
		}
		path = path.Append(def)
	}
	return n, path
}

// values are the words of an argument, as many as the pattern has places for it.
func (p *printer) values(a *argument, in pattern, i instance, w *written) (texts []string, ok bool) {
	places := 0
	for _, e := range in {
		if e.arg != nil && e.arg.leaf == a.leaf {
			places++
		}
	}
	switch {
	case a.kind.ignored:
		return nil, false
	case a.each:
		texts, ok = p.nextValue(a, i, w)
	case a.all:
		texts, ok = allValues(a, places, i, w)
	default:
		value, path, known := i.leaf(a.leaf)
		if !known {
			return nil, false
		}
		w.paths = append(w.paths, path)
		w.values[a.leaf] = []string{value}
		texts, ok = a.kind.text(value)
	}
	return texts, ok && len(texts) == places
}

// nextValue is the first value of a leaf-list that is not in the text.
func (p *printer) nextValue(a *argument, i instance, w *written) ([]string, bool) {
	list, path := i.descend(a.leaf)
	if list == nil {
		return nil, false
	}
	for e := range list.Entries() {
		at := path.Parent().Append(path.Last().Node, e.Value()).String()
		if !p.done[at] {
			w.paths = append(w.paths, at)
			w.values[a.leaf] = []string{e.Value()}
			return a.kind.text(e.Value())
		}
	}
	return nil, false
}

// allValues are those of a leaf-list that has as many as there are places.
func allValues(a *argument, places int, i instance, w *written) (texts []string, ok bool) {
	list, path := i.descend(a.leaf)
	if list == nil || list.Len() != places {
		return nil, false
	}
	for e := range list.Entries() {
		text, ok := a.kind.text(e.Value())
		if !ok {
			return nil, false
		}
		texts = append(texts, text...)
		w.paths = append(w.paths, path.Parent().Append(path.Last().Node, e.Value()).String())
		w.values[a.leaf] = append(w.values[a.leaf], e.Value())
	}
	return texts, true
}

// leftovers collects what is not in the text. It reports whether anything below n is.
func (p *printer) leftovers(n *tree.Node, path schema.Path) (some bool) {
	for kid := range n.Children() {
		def := kid.Schema()
		nodes := []*tree.Node{kid}
		if kid.IsList() {
			nodes = slices.Collect(kid.Entries())
		}
		made := 0
		for _, k := range nodes {
			if p.leftover(k, append(path[:len(path):len(path)], k.Step())) {
				made++
			}
		}
		some = some || made > 0 && !def.IsKey()
		if def.Kind == schema.List && def.UserOrdered && made > 0 && (made < len(nodes) || !placedInOrder(nodes)) {
			p.torn[path.Append(def).String()] = true
			p.again = true
		}
	}
	return some
}

// leftover collects what is not in the text of n and what is below it. It reports whether the text makes n.
func (p *printer) leftover(n *tree.Node, path schema.Path) bool {
	before := len(p.rest)
	made := n.Schema().HasChildren() && p.leftovers(n, path)
	if made || p.done[path.String()] || n.Schema().IsKey() {
		return true
	}
	p.rest = append(p.rest[:before], remnant{path, n})
	return false
}
