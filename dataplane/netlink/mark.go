package netlink

import (
	"errors"
	"fmt"
	"slices"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// MarkOf is the mark of packets that are to leave by the interface of this index, wherever they are bound, and the number of the
// table that says so.
func MarkOf(index int) uint32 { return uint32(TableMark + index) }

// SteerMark leads marked packets to a device. Behind that, the table says "discard".
func (h *Host) SteerMark(device string, index int) error {
	table := TableMark + index
	if index <= 0 || table > markLast {
		return fmt.Errorf("interface %s: index %d is beyond our range of routing tables", device, index)
	}
	for i, family := range families {
		if err := h.SetRoute(Route{Prefix: defaults[i], Table: table, Device: device}); err != nil {
			return err
		}
		if err := h.backstop(i, table); err != nil {
			return err
		}
		if err := h.handle.RuleAdd(markRule(family, table)); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("policy rule for what leaves by %s: %w", device, Explain(err))
		}
	}
	return nil
}

// UnsteerMark takes back what SteerMark did.
func (h *Host) UnsteerMark(index int) error {
	var errs []error
	for _, family := range families {
		err := h.handle.RuleDel(markRule(family, TableMark+index))
		if err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("delete policy rule: %w", Explain(err)))
		}
		errs = append(errs, h.emptyTable(family, TableMark+index))
	}
	return errors.Join(errs...)
}

// MarkComplete is how many things SteerMark makes: a rule, a route into the device and one behind it for each family.
const MarkComplete = 6

// Marks lists the interfaces, by index, that marked packets are led to, with how much there is of MarkComplete. Where there is no rule, there
// is nothing.
func (h *Host) Marks() (map[int]int, error) {
	found := map[int]int{}
	for _, family := range families {
		rules, err := h.rules(family)
		if err != nil {
			return nil, err
		}
		for _, rule := range rules {
			if !isMark(rule.Table) || rule.Mark != uint32(rule.Table) {
				continue
			}
			routes, err := h.listed(family, rule.Table)
			if err != nil {
				return nil, err
			}
			index := rule.Table - TableMark
			found[index]++
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

func isMark(table int) bool { return table > TableMark && table <= markLast }

func markRule(family, table int) *netlib.Rule {
	rule := netlib.NewRule()
	rule.Family, rule.Table, rule.Priority, rule.Protocol = family, table, RulePriority-1, Protocol
	rule.Mark = uint32(table)
	return rule
}
