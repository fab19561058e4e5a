package ios

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mooring/server/tree/schema"
	"mooring/server/tree/validate"
)

// Dialect is a way of writing configurations.
type Dialect uint8

// The dialects.
const (
	XR  Dialect = 1 << iota // IOS XR
	IOS                     // IOS and IOS XE
)

// Dialects are the dialects by the names that users give them.
var Dialects = map[string]Dialect{"ios-xr": XR, "ios": IOS}

// row is a command of a mode.
type row struct {
	ids    string // of the features that it is there for
	syntax string // see parsePatterns
	// at leads from the node of the mode to the one that the command is about: nothing for the mode's own. The keys of lists on the way
	// are arguments, or in set.
	at string
	// names are leaves that routers tell such entries apart by, and that are no keys here.
	names  string
	set    string // leaves below at that the command sets, apart from its arguments: "leaf=value other=$argument"
	clears string // leaves that it takes out first: a command replaces what one like it said before
	unset  string // what no sets instead of removing leaves, in the form of set
	enters string // the mode that follows
	only   Dialect
	// readOnly rows are other ways to write what a row before them writes.
	readOnly bool
	warn     string // said of who uses the row, after the kind of warning
	refuse   string // why a command that is known cannot be taken
	mind     string // is added to what is said of a word that is refused
	derive   func(values map[string]string)
}

// kinds of rows that stand for nothing in the model
func leftOut(syntax, why string) row {
	return row{syntax: syntax, readOnly: true, warn: "W-MIX left out: " + why}
}

// table is a mode as it is written down.
type table struct {
	node string // whose children the commands are about, as a path of names
	rows []row
	// open modes have no rows: what stands in them is left out, see leaveOut.
	open bool
}

// mode is a table bound to a schema.
type mode struct {
	name     string
	def      *schema.Node
	commands []*command
	open     bool
}

// command is a row bound to a schema.
type command struct {
	*row
	mode     *mode
	patterns []pattern
	at       []*schema.Node
	enters   *mode
	set      []setting
	unset    []setting
	repeats  bool // it takes one value of a leaf-list, and may stand several times
}

// setting is a leaf and its value, which an argument may give.
type setting struct {
	leaf, value string
	from        string // the argument; then there is no value
}

// Grammar reads and writes texts of one schema. It is safe for concurrent use.
type Grammar struct {
	schema *schema.Schema
	rules  *validate.Rules
	modes  map[string]*mode
}

// New binds the tables to a schema, which has to hold everything that they are about.
func New(s *schema.Schema) (*Grammar, error) {
	rules, err := validate.Compile(s)
	if err != nil {
		return nil, err
	}
	g := &Grammar{schema: s, rules: rules, modes: map[string]*mode{}}
	var errs []error
	for name, t := range tables {
		m := &mode{name: name, def: s.Root, open: t.open}
		if chain, err := descend(s.Root, t.node); err != nil {
			errs = append(errs, fmt.Errorf("mode %s: %w", name, err))
		} else if len(chain) > 0 {
			m.def = chain[len(chain)-1]
		}
		g.modes[name] = m
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for name, t := range tables {
		for i := range t.rows {
			c, err := g.bind(g.modes[name], &t.rows[i])
			if err != nil {
				errs = append(errs, fmt.Errorf("mode %s: %s: %w", name, t.rows[i].syntax, err))
				continue
			}
			g.modes[name].commands = append(g.modes[name].commands, c)
		}
	}
	return g, errors.Join(errs...)
}

func (g *Grammar) bind(m *mode, r *row) (c *command, err error) {
	c = &command{row: r, mode: m, set: settings(r.set), unset: settings(r.unset)}
	if c.patterns, err = parsePatterns(r.syntax); err != nil {
		return nil, err
	}
	if c.at, err = descend(m.def, r.at); err != nil {
		return nil, err
	}
	if r.enters != "" {
		if c.enters = g.modes[r.enters]; c.enters == nil {
			return nil, fmt.Errorf("there is no mode %s", r.enters)
		}
	}
	return c, c.check()
}

// check finds leaves that do not exist, and whether one of them is a list.
func (c *command) check() error {
	var leaves []string
	for _, p := range c.patterns {
		for _, e := range p {
			if e.arg != nil && !e.arg.kind.ignored {
				leaves = append(leaves, e.arg.leaf)
				c.repeats = c.repeats || e.arg.each
			}
		}
	}
	for _, s := range slices.Concat(c.set, c.unset) {
		leaves = append(leaves, s.leaf)
	}
	leaves = append(leaves, strings.Fields(c.clears+" "+c.names)...)
	for _, leaf := range leaves {
		if c.key(leaf) != nil {
			continue
		}
		if _, err := descend(c.node(), leaf); err != nil {
			return err
		}
	}
	return nil
}

// node is the definition that the command is about.
func (c *command) node() *schema.Node {
	if len(c.at) == 0 {
		return c.mode.def
	}
	return c.at[len(c.at)-1]
}

// key is the key called name of a list on the way to the node, or nil.
func (c *command) key(name string) *schema.Node {
	for _, def := range c.at {
		for _, k := range def.Keys {
			if k.Name == name {
				return k
			}
		}
	}
	return nil
}

// descend follows names down from a definition.
func descend(from *schema.Node, path string) (chain []*schema.Node, err error) {
	for name := range strings.SplitSeq(path, "/") {
		if name == "" {
			continue
		}
		next := from.ChildNamed(name)
		if next == nil {
			return nil, fmt.Errorf("%s has no %s", from, name)
		}
		chain, from = append(chain, next), next
	}
	return chain, nil
}

func settings(text string) (list []setting) {
	for field := range strings.FieldsSeq(text) {
		leaf, value, _ := strings.Cut(field, "=")
		s := setting{leaf: leaf, value: value}
		if from, ok := strings.CutPrefix(value, "$"); ok {
			s = setting{leaf: leaf, from: from}
		}
		list = append(list, s)
	}
	return list
}

// in reports whether a row belongs to a dialect.
func (r *row) in(d Dialect) bool { return r.only == 0 || r.only&d != 0 }
