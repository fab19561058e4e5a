package ios

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mooring/server/tree/schema"
)

// execution is a command that is being carried out.
type execution struct {
	*importer
	*found
	line   *line
	path   schema.Path         // of the node that the command is about
	values map[string][]string // canonical, by leaf
	paths  []string            // what was set
	advice []advice            // about values
}

// advice is a warning about a word.
type advice struct {
	text string
	word *word
}

// readValues checks all words before anything is set. It says false, and has told why, when one is refused.
func (x *execution) readValues() bool {
	x.values = map[string][]string{}
	words := x.found.values()
	good := true
	for _, e := range x.pattern {
		if e.arg == nil || e.arg.kind.ignored || x.values[e.arg.leaf] != nil {
			continue
		}
		values, warning, bad, err := x.readValue(e.arg, words[e.arg.leaf])
		if err != nil {
			x.refuse(bad, codeOf(err), err.Error()+x.reminder(), "")
			good = false
			values = []string{""}
		}
		x.values[e.arg.leaf] = values
		if warning != "" {
			x.advice = append(x.advice, advice{warning, x.wordOf(e.arg.leaf, 0)})
		}
	}
	return good && x.complete()
}

// isNamesake reports, and has told, that the text has made an entry of this name already which is another one on a router.
func (x *execution) isNamesake() bool {
	for leaf := range strings.FieldsSeq(x.names) {
		path := x.descend(x.path).Append(x.node().ChildNamed(leaf))
		there := x.draft.root.Get(path)
		if there == nil || there.Value() == x.values[leaf][0] {
			continue
		}
		since := ""
		if w := x.draft.wordOf(path); w != nil {
			since = fmt.Sprintf(" since line %d", w.line.number)
		}
		x.refuse(x.wordOf(leaf, 0), NotUnique, fmt.Sprintf("%s %s has the %s %s%s: routers may have another one in %s, here names are unique; "+
			"give it a name of its own, or take the first out with no", x.node().Name, path.Parent().Last().Keys[0], leaf, there.Value(), since, x.values[leaf][0]), "")
		return true
	}
	return false
}

// codeOf is the kind of an error about a value.
func codeOf(err error) string {
	if _, ok := errors.AsType[*unreadableError](err); ok {
		return Unreadable
	}
	return OutOfRange
}

func (x *execution) reminder() string {
	if x.mind == "" {
		return ""
	}
	return " (" + x.mind + ")"
}

// complete adds what the row says of values that no word gives.
func (x *execution) complete() bool {
	if x.derive != nil {
		flat := map[string]string{}
		for leaf, list := range x.values {
			flat[leaf] = list[0]
		}
		x.derive(flat)
		for leaf, value := range flat {
			x.values[leaf] = []string{value}
		}
	}
	for _, s := range x.command.set {
		if s.from != "" {
			s.value = x.values[s.from][0]
		}
		x.values[s.leaf] = []string{s.value}
	}
	return true
}

// readValue gives the values that the words of an argument stand for: of a leaf-list one for each, otherwise one for all.
func (x *execution) readValue(a *argument, words []word) (values []string, advice string, bad *word, err error) {
	def := x.leaf(a.leaf)
	groups := [][]word{words}
	if a.all {
		groups = nil
		for i := range words {
			groups = append(groups, words[i:i+1])
		}
	}
	for _, group := range groups {
		var texts []string
		for _, w := range group {
			texts = append(texts, w.text)
		}
		value, err := a.kind.value(texts)
		if err == nil {
			value, err = def.Type.ParseCanonical(value)
			err = withRange(def, texts, err)
		}
		if err != nil {
			at := 0
			if of, ok := errors.AsType[*wordError](err); ok {
				at = of.at
			}
			return nil, "", &group[at], err
		}
		if a.kind.advice != nil {
			advice = a.kind.advice(value)
		}
		values = append(values, value)
	}
	return values, advice, nil, nil
}

// leaf is the definition of an argument.
func (x *execution) leaf(name string) *schema.Node {
	if key := x.key(name); key != nil {
		return key
	}
	chain, _ := descend(x.node(), name) // New has checked that it exists
	return chain[len(chain)-1]
}

// withRange says what a leaf takes, to somebody who gave it something else.
func withRange(def *schema.Node, words []string, err error) error {
	if err == nil {
		return nil
	}
	text := strings.Join(words, " ")
	switch t := def.Type.Resolved(); {
	case len(t.Enums) > 0:
		var names []string
		for _, e := range t.Enums {
			names = append(names, e.Name)
		}
		return fmt.Errorf("%q is none of %s", text, strings.Join(names, ", "))
	case t.Base.IsInteger() && len(t.Ranges) > 0:
		units := ""
		if def.Units != "" {
			units = " " + def.Units
		}
		return fmt.Errorf("%s takes %s..%s%s, not %s", def.Name, t.Ranges[0].Min, t.Ranges[len(t.Ranges)-1].Max, units, text)
	}
	return fmt.Errorf("%s: %w", def.Name, err)
}

// write sets what the command says.
func (x *execution) write() {
	x.path = x.descend(x.path)
	if last := len(x.at) - 1; last >= 0 && (x.at[last].Kind == schema.List || x.at[last].Presence) {
		x.draft.ensure(x.path, x.keyWord())
		x.paths = append(x.paths, x.path.String())
	} else if len(x.pattern) > 0 && x.enters != nil && len(x.path) > 0 {
		x.draft.note(x.path, &x.words[0])
	}
	for leaf := range strings.FieldsSeq(x.clears) {
		x.draft.clear(x.pathOf(leaf))
	}
	for _, leaf := range x.leaves() {
		if key := x.key(leaf); key != nil {
			if key.Parent == x.node() {
				x.draft.note(x.path.Append(key), x.wordOf(leaf, 0))
			}
			x.mention(x.leaf(leaf), x.values[leaf][0], x.wordOf(leaf, 0))
			continue
		}
		x.setLeaf(leaf)
	}
}

// leaves are the leaves that have values, in the order in which the command names them.
func (x *execution) leaves() (list []string) {
	add := func(leaf string) {
		if x.values[leaf] != nil && !slices.Contains(list, leaf) {
			list = append(list, leaf)
		}
	}
	for _, e := range x.pattern {
		if e.arg != nil {
			add(e.arg.leaf)
		}
	}
	for _, s := range x.command.set {
		add(s.leaf)
	}
	add("timeout") // see heartbeatTimeout
	return list
}

// descend adds the way to the node that the command is about to a path.
func (x *execution) descend(path schema.Path) schema.Path {
	for _, def := range x.at {
		var keys []string
		for _, k := range def.Keys {
			if x.values[k.Name] == nil { // an entry of an access list that is not numbered
				x.values[k.Name] = []string{x.nextNumber(path.Append(def, ""))}
			}
			keys = append(keys, x.values[k.Name][0])
		}
		path = path.Append(def, keys...)
	}
	return path
}

// numberStep is how far apart entries are numbered by themselves.
const numberStep = 10

func (x *execution) nextNumber(path schema.Path) string {
	highest := 0
	for name := range x.draft.entries(path) {
		if n, err := strconv.Atoi(name); err == nil {
			highest = max(highest, n)
		}
	}
	return strconv.Itoa((highest/numberStep + 1) * numberStep)
}

// pathOf leads to a leaf below the node that the command is about.
func (x *execution) pathOf(leaf string) schema.Path {
	chain, _ := descend(x.node(), leaf) // New has checked that it exists
	path := x.path
	for _, def := range chain {
		path = path.Append(def)
	}
	return path
}

func (x *execution) setLeaf(leaf string) {
	path := x.pathOf(leaf)
	for i, value := range x.values[leaf] {
		x.draft.set(path, value, x.wordOf(leaf, i))
		x.paths = append(x.paths, path.String()+" = "+shown(path.Last().Node, value))
		x.mention(path.Last().Node, value, x.wordOf(leaf, i))
	}
}

// wordOf is the word that gives a leaf its i-th value or, where none does, the first of the command.
func (x *execution) wordOf(leaf string, i int) *word {
	for _, s := range x.command.set {
		if s.leaf == leaf && s.from != "" {
			leaf = s.from
		}
	}
	if words := x.found.values()[leaf]; len(words) > 0 {
		return &words[min(i, len(words)-1)]
	}
	return &x.words[0]
}

// keyWord is the word that names the node that the command is about.
func (x *execution) keyWord() *word {
	if keys := x.at[len(x.at)-1].Keys; len(keys) > 0 {
		return x.wordOf(keys[0].Name, 0)
	}
	return &x.words[0]
}

// shown is a value as reports may tell it: secrets are not told.
func shown(def *schema.Node, value string) string {
	if def.DefaultDenyAll {
		return "***"
	}
	return value
}

// hideSecrets makes the line unreadable where it has one: what is reported of it is for everybody.
func (x *execution) hideSecrets() {
	for leaf, words := range x.found.values() {
		for _, w := range words {
			if a := (&candidate{x.command, x.pattern, 0}).argument(leaf); !a.kind.ignored && x.leaf(leaf).DefaultDenyAll {
				w.hide()
			}
		}
	}
}

// globalVRF stands for no VRF in a transport.
const globalVRF = "default"

// mention makes the VRF that a command names: routers have it from commands that need not be part of the text, and here a name is all
// that there is to one.
func (x *execution) mention(def *schema.Node, value string, by *word) {
	if def.Name != "vrf" || value == globalVRF {
		return
	}
	list := x.schema.Root.ChildNamed("network-instances").ChildNamed("network-instance")
	path := schema.Path{}.Append(list.Parent).Append(list, value)
	if x.draft.root.Get(path) == nil {
		x.draft.ensure(path, by)
		x.paths = append(x.paths, path.String())
	}
}
