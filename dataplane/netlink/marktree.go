package netlink

import (
	"slices"

	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The kernel asks policy rules one after the other. So those that lead marks to tables are a tree, whose branches are jumped to, and a packet passes by few of
// them, however many there are (docs/adr/0475). Rules only lead onwards, so the tree is behind all other rules: what has none of our marks does not get there.
//
//	5899           fwmark MARKS goto the first branch
//	               …                                    rules of others, and the host's own tables
//	treeFirst      not fwmark MARKS goto treeLast       what has found no route at all
//	a branch       fwmark SOME goto that of SOME        up to 16
//	… + 1          fwmark THESE blackhole               marks that stand for nothing
//	a last branch  fwmark MARK lookup TABLE             up to 16
//	… + 1          fwmark THESE blackhole
//	treeLast       nop

const (
	levelBits = 4 // of an index that a branch decides by: it has up to 16 rules
	levels    = indexBits / levelBits
)

// branch stands for all interface indexes that begin with the same bits. One of level 0 is the whole tree, one of the last level is one index.
type branch struct {
	level  int
	prefix uint32 // level*levelBits bits
}

func branchOf(index, level int) branch {
	return branch{level, uint32(index) >> (levelBits * (levels - level))}
}

func (b branch) isLeaf() bool   { return b.level == levels }
func (b branch) parent() branch { return branch{b.level - 1, b.prefix >> levelBits} }

func (b branch) child(i uint32) branch { return branch{b.level + 1, b.prefix<<levelBits | i} }

// priority is that of the rules of a branch that is no leaf.
func (b branch) priority() int {
	return treeFirst + 2 + 2*(b.level<<(indexBits-levelBits)|int(b.prefix))
}

// marks are those of a branch, by value and mask.
func (b branch) marks() (mark, mask uint32) {
	shift := levelBits * (levels - b.level)
	return markBase | spread(b.prefix<<shift), MarkMask &^ spread(1<<shift-1)
}

// spread has an index pass over the bits that are not ours.
func spread(index uint32) uint32 {
	const low = 1<<14 - 1
	return index&low | index&^low<<2
}

// gather is the inverse of spread, of the bits that are an index's.
func gather(mark uint32) uint32 {
	const low = 1<<14 - 1
	return mark&low | mark>>2&(1<<indexBits-1)&^low
}

// treeRule is a rule of the tree, by what it does for a branch.
type treeRule struct {
	branch
	role role
}

type role uint8

const (
	enter role = iota // leads to the branch, or to the table of a leaf
	leave             // discards what no rule of the branch leads on
	pass              // takes what has no mark past the tree
	end               // of the tree
)

// rules are those that a branch has, in the order in which they are made. Those of what is below it are made before, so that it leads somewhere.
func (b branch) rules() []treeRule {
	switch {
	case b.isLeaf():
		return []treeRule{{b, enter}}
	case b.level > 0:
		return []treeRule{{b, leave}, {b, enter}}
	}
	return []treeRule{{b, end}, {b, pass}, {b, leave}, {b, enter}}
}

// message is the rule as the library has it.
func (r treeRule) message(family int) *netlib.Rule {
	rule := netlib.NewRule()
	rule.Family, rule.Protocol = family, Protocol
	mark, mask := r.marks()
	rule.Mark, rule.Mask = mark, &mask
	switch r.role {
	case enter:
		rule.Priority = RulePriority - 1
		if r.level > 0 {
			rule.Priority = r.parent().priority()
		}
		if r.isLeaf() {
			rule.Table = TableMark + int(r.prefix)
		} else {
			rule.Goto = r.priority()
		}
	case leave:
		rule.Priority, rule.Type = r.priority()+1, unix.RTN_BLACKHOLE
	case pass:
		rule.Priority, rule.Goto, rule.Invert = treeFirst, treeLast, true
	case end:
		rule.Priority, rule.Type, rule.Mark, rule.Mask = treeLast, nl.FR_ACT_NOP, 0, nil
	}
	return rule
}

// parseTreeRule finds out which rule of the tree has this priority, and this mark.
func parseTreeRule(priority int, mark uint32) (r treeRule, ok bool) {
	at := priority - treeFirst - 2
	switch {
	case priority == RulePriority-1 && mark == markBase:
		return treeRule{role: enter}, true
	case priority == treeFirst:
		return treeRule{role: pass}, true
	case priority == treeLast:
		return treeRule{role: end}, true
	case at < 0 || priority > treeLast:
		return r, false
	}
	of := branch{at / 2 >> (indexBits - levelBits), uint32(at / 2 & (1<<(indexBits-levelBits) - 1))}
	if of.level >= levels || of.prefix>>(of.level*levelBits) != 0 {
		return r, false
	}
	if at%2 == 1 {
		return treeRule{of, leave}, true
	}
	return treeRule{branchOf(int(gather(mark)), of.level+1), enter}, true
}

// isTreeRule reports which rule of the tree a listed one of ours is. The library does not list what a rule without table and target does.
func isTreeRule(found netlib.Rule) (treeRule, bool) {
	r, ok := parseTreeRule(found.Priority, found.Mark)
	want := r.message(found.Family)
	return r, ok && found.Priority == want.Priority && found.Mark == want.Mark && maskOf(found) == maskOf(*want) && found.Table == want.Table &&
		found.Goto == want.Goto && found.Invert == want.Invert && found.IifName == "" && found.OifName == "" && found.Src == nil && found.Dst == nil
}

func maskOf(rule netlib.Rule) uint32 {
	if rule.Mask == nil {
		return 0
	}
	return *rule.Mask
}

// ruleSet is what there is of the tree.
type ruleSet map[treeRule]bool

// leads reports whether all is there that leads marks of this index to their table.
func (s ruleSet) leads(index int) bool {
	for level := levels; level >= 0; level-- {
		if slices.ContainsFunc(branchOf(index, level).rules(), func(r treeRule) bool { return !s[r] }) {
			return false
		}
	}
	return true
}

// isBare reports whether a branch has nothing below it.
func (s ruleSet) isBare(b branch) bool {
	for i := range uint32(1 << levelBits) {
		if !b.isLeaf() && s[treeRule{b.child(i), enter}] {
			return false
		}
	}
	return true
}
