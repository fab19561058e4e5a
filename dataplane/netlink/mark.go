package netlink

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// MarkOf is the mark of packets that are to leave by the interface of this index, wherever they are bound.
func MarkOf(index int) uint32 { return markBase | spread(uint32(index)) }

// EarlierMarkOf is the mark that versions before docs/adr/0475 gave such packets.
func EarlierMarkOf(index int) uint32 { return uint32(TableMark + index) }

// IsEarlierMark reports whether a mark is one of those.
func IsEarlierMark(mark uint32) bool { return isMark(int(mark)) }

// Loopback is the index of that interface, in any namespace (LOOPBACK_IFINDEX of include/net/flow.h of Linux). Its mark is that of what the host is to take
// for its own, whatever address it is for.
const Loopback = 1

// SteerMark leads marked packets to a device. Behind that, the table says "discard". Of a device with an index of more than 20 bits it does nothing.
func (h *Host) SteerMark(device string, index int) error {
	table := TableMark + index
	if index <= 0 || !isMark(table) {
		return beyondTables(device, index, "or have user space carry the tunnel (dataplane backend userspace)")
	}
	for i, family := range families {
		if err := h.SetRoute(Route{Prefix: defaults[i], Table: table, Device: device, Own: index == Loopback}); err != nil {
			return err
		}
		if err := h.backstop(i, table); err != nil {
			return err
		}
		if err := h.marks.grow(h, family, index); err != nil {
			return fmt.Errorf("policy rule for what leaves by %s: %w", device, Explain(err))
		}
	}
	return nil
}

// UnsteerMark takes back what SteerMark did.
func (h *Host) UnsteerMark(index int) error {
	var errs []error
	for _, family := range families {
		if err := h.marks.prune(h, family, index); err != nil {
			errs = append(errs, fmt.Errorf("delete policy rule: %w", Explain(err)))
		}
		errs = append(errs, h.emptyTable(family, TableMark+index))
	}
	return errors.Join(errs...)
}

// MarkComplete is how many things SteerMark makes: the way of a mark through policy rules, a route into the device and one behind it for each family.
const MarkComplete = 6

// Marks lists the interfaces, by index, that marked packets are led to, with how much there is of MarkComplete. Where there is no rule, there
// is nothing.
func (h *Host) Marks() (map[int]int, error) {
	found := map[int]int{}
	for _, family := range families {
		led, err := h.marks.look(h, family)
		if err != nil {
			return nil, err
		}
		for index, leads := range led {
			routes, err := h.listed(family, TableMark+index)
			if err != nil {
				return nil, err
			}
			found[index] += 0
			if leads {
				found[index]++
			}
			for _, is := range []func(Listed) bool{
				func(r Listed) bool { return r.index == index }, func(r Listed) bool { return r.kind == unix.RTN_BLACKHOLE },
			} {
				if slices.ContainsFunc(routes, is) {
					found[index]++
				}
			}
		}
	}
	return found, nil
}

// TidyMarks removes policy rules that lead to no device, and those for marks of EarlierMarkOf, which are not set any more.
func (h *Host) TidyMarks() error {
	var errs []error
	for _, family := range families {
		errs = append(errs, h.marks.tidy(h, family))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete policy rule: %w", Explain(err))
	}
	return nil
}

func isMark(table int) bool { return table > TableMark && table < TableMark+1<<indexBits }

// markRules are the policy rules of a namespace that lead marks to tables, as far as is known.
type markRules struct {
	mu      sync.Mutex
	there   map[int]ruleSet       // by family
	earlier map[int][]netlib.Rule // that an earlier version made, by family
}

// look lists the rules of a family, and says of each index that a rule is for whether all is there that leads there.
func (m *markRules) look(h *Host, family int) (map[int]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.read(h, family); err != nil {
		return nil, err
	}
	led := map[int]bool{}
	for r := range m.there[family] {
		if r.isLeaf() {
			led[int(r.prefix)] = m.there[family].leads(int(r.prefix))
		}
	}
	return led, nil
}

func (m *markRules) read(h *Host, family int) error {
	rules, err := h.rules(family)
	if err != nil {
		return err
	}
	there, earlier := ruleSet{}, []netlib.Rule(nil)
	for _, rule := range rules {
		if r, ok := isTreeRule(rule); ok {
			there[r] = true
		} else if isMark(rule.Table) && rule.Mark == uint32(rule.Table) {
			earlier = append(earlier, rule)
		}
	}
	m.there[family], m.earlier[family] = there, earlier
	return nil
}

// known returns what there is of a family.
func (m *markRules) known(h *Host, family int) (ruleSet, error) {
	if m.there[family] == nil {
		if err := m.read(h, family); err != nil {
			return nil, err
		}
	}
	return m.there[family], nil
}

// has reports whether a rule should be there.
func (m *markRules) has(family int, r treeRule) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.there[family][r]
}

// grow makes what is missing of the way that marks of an index take, from its end to its beginning.
func (m *markRules) grow(h *Host, family, index int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	there, err := m.known(h, family)
	for level := levels; level >= 0 && err == nil; level-- {
		for _, r := range branchOf(index, level).rules() {
			if there[r] {
				continue
			}
			if err := h.handle.RuleAdd(r.message(family)); err != nil && !errors.Is(err, unix.EEXIST) {
				return err
			}
			there[r] = true
		}
	}
	return err
}

// prune removes a leaf, and the branches that have nothing below them then.
func (m *markRules) prune(h *Host, family, index int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	there, err := m.known(h, family)
	for b := branchOf(index, levels); err == nil && there.isBare(b); b = b.parent() {
		err = m.remove(h, family, b)
		if b.level == 0 {
			break
		}
	}
	return err
}

// remove removes the rules of a branch, that which leads to it first.
func (m *markRules) remove(h *Host, family int, b branch) error {
	for _, r := range slices.Backward(b.rules()) {
		if !m.there[family][r] {
			continue
		}
		delete(m.there[family], r) // before the host tells of it
		if err := h.handle.RuleDel(r.message(family)); err != nil && !errors.Is(err, unix.ENOENT) {
			m.there[family][r] = true
			return err
		}
	}
	return nil
}

func (m *markRules) tidy(h *Host, family int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	there, err := m.known(h, family)
	if err != nil {
		return err
	}
	var errs []error
	for level := levels - 1; level >= 0; level-- { // of a process that was killed meanwhile
		for r := range there {
			if r.level == level && there.isBare(r.branch) {
				errs = append(errs, m.remove(h, family, r.branch))
			}
		}
	}
	m.earlier[family] = slices.DeleteFunc(m.earlier[family], func(rule netlib.Rule) bool {
		err := h.handle.RuleDel(&rule)
		if errors.Is(err, unix.ENOENT) {
			err = nil
		}
		index := rule.Table - TableMark
		if err == nil && !there[treeRule{branchOf(index, levels), enter}] {
			err = h.emptyTable(family, rule.Table)
		}
		errs = append(errs, err)
		return err == nil
	})
	return errors.Join(errs...)
}
