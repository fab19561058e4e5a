package apply

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"mooring/mobility/trie"
	"mooring/server/tree"
)

// reference is a name that profiles give for something of an LMA. It may lead nowhere: that is warned of.
type reference struct{ leaf, name string }

// referring are the leaves of profiles that are references.
var referring = []string{"network", "customer"}

// naming says how many profiles make each reference of a leaf.
func (p *profiles) naming(leaf string) *trie.Map[int] {
	if leaf == "customer" {
		return &p.customers
	}
	return &p.networks
}

// references yields those of a profile.
func references(profile *tree.Node) iter.Seq[reference] {
	return func(yield func(reference) bool) {
		for _, leaf := range referring {
			if name, ok := profile.Leaf(leaf); ok && !yield(reference{leaf, name}) {
				return
			}
		}
	}
}

// mentions are the changed profiles by what they refer to.
type mentions map[reference]*mention

type mention struct {
	count int
	first []place // at most maxReported
}

func (m mentions) note(at place) {
	if at.node == nil {
		return
	}
	for r := range references(at.node) {
		if m[r] == nil {
			m[r] = &mention{}
		}
		m[r].count++
		if len(m[r].first) < maxReported {
			m[r].first = append(m[r].first, at)
		}
	}
}

// checkReferences warns of profiles that name what no LMA of their domain has. Where the domain has no LMA here, another element knows.
func (j *job) checkReferences() {
	j.new.dangling = map[string]map[reference]bool{}
	for name, d := range j.new.domains {
		before, seen := j.old.dangling[name], j.mentions[name]
		if seen == nil && !j.networksChanged {
			j.new.dangling[name] = before
			continue
		}
		j.new.dangling[name] = j.dangling(d)
		j.reportDangling(d, j.new.dangling[name], before, seen)
	}
}

// dangling costs the number of names that are referred to, not of the profiles that do.
func (j *job) dangling(d *domain) map[reference]bool {
	known, anchored := j.known(d)
	if !anchored {
		return nil
	}
	var dangling map[reference]bool
	for _, leaf := range referring {
		for name := range d.store.naming(leaf).All() {
			if r := (reference{leaf, name}); !known[r] {
				if dangling == nil {
					dangling = map[reference]bool{}
				}
				dangling[r] = true
			}
		}
	}
	return dangling
}

// known is what the LMAs of a domain have, and whether there are any.
func (j *job) known(d *domain) (known map[reference]bool, anchored bool) {
	known = map[reference]bool{}
	for _, a := range j.new.lmas {
		if a.native.Domain != d.native {
			continue
		}
		anchored = true
		for network := range a.native.Networks {
			known[reference{"network", network}] = true
		}
		for customer, c := range a.native.Customers {
			known[reference{"customer", customer}] = true
			for network := range c.Networks {
				known[reference{"network", network}] = true
			}
		}
	}
	return known, anchored
}

// reportDangling warns of the profiles that have changed and of those that refer to what is gone.
func (j *job) reportDangling(d *domain, dangling, before map[reference]bool, seen mentions) {
	orphaned := map[reference]bool{}
	for _, r := range slices.SortedFunc(maps.Keys(dangling), compareReferences) {
		now := seen[r]
		if all, _ := d.store.naming(r.leaf).Get(r.name); !before[r] && (now == nil || now.count < all) {
			orphaned[r] = true
			continue
		}
		if now != nil {
			for _, at := range now.first {
				j.warnings = append(j.warnings, danglingReference(at, r))
			}
		}
	}
	if len(orphaned) == 0 {
		return
	}
	n := 0
	d.referrers(func(at place, r reference) bool {
		if orphaned[r] {
			n++
			j.warnings = append(j.warnings, danglingReference(at, r))
		}
		return n < maxReported
	})
}

func compareReferences(a, b reference) int {
	return cmp.Or(cmp.Compare(a.leaf, b.leaf), cmp.Compare(a.name, b.name))
}

func danglingReference(at place, r reference) *tree.Error {
	but := "registrations that need it are refused"
	if r.leaf == "network" {
		but = "nodes are refused, unless their customer's network is unauthorized, which looks at none"
	}
	return warning(at.child(r.leaf), BadReference, "no LMA of the domain has %s %s; %s", r.leaf, r.name, but)
}

// danglingProfiles yields a warning for each reference of a profile to what no LMA has.
func (d *domain) danglingProfiles(dangling map[reference]bool, yield func(*tree.Error) bool) bool {
	if len(dangling) == 0 {
		return true
	}
	return d.referrers(func(at place, r reference) bool {
		return !dangling[r] || yield(danglingReference(at, r))
	})
}

// referrers yields the entries of both lists with what they refer to, in the order of the configuration. It reports whether it went to the end.
func (d *domain) referrers(yield func(at place, r reference) bool) bool {
	for _, name := range []string{"nai", "profile"} {
		list := d.at.child(name)
		for e := range list.node.Entries() {
			for r := range references(e) {
				if !yield(list.entry(e), r) {
					return false
				}
			}
		}
	}
	return true
}
