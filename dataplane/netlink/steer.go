package netlink

import (
	"errors"
	"fmt"
	"net/netip"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var defaults = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}

// steer leads what arrives on an interface to the device uplink, whatever it is bound for. The rule's table says "discard"
// behind that, so that nothing leaks out when the device is gone.
func (h *Host) steer(link *netlib.LinkAttrs, uplink string) error {
	table := TableAccess + link.Index
	if table > tableLast {
		return beyondTables(link.Name, link.Index, "or make this one anew with a number that is free (ip link add … index N)")
	}
	if err := h.clearRules(link.Name, table); err != nil { // an interface of that name may have come and gone before
		return err
	}
	for i, family := range families {
		if err := h.SetRoute(Route{Prefix: defaults[i], Table: table, Device: uplink}); err != nil {
			return err
		}
		if err := h.backstop(i, table); err != nil {
			return err
		}
		if err := h.handle.RuleAdd(accessRule(family, link.Name, table)); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("policy rule for %s: %w", link.Name, Explain(err))
		}
	}
	return nil
}

// beyondTables refuses an interface whose number no routing table of ours is for, and says what can be done but for a new beginning.
func beyondTables(device string, index int, otherwise string) error {
	return fmt.Errorf("interface %s is number %d of the host, and there are routing tables for numbers up to %d alone; the host counts all interfaces "+
		"that it ever had, and begins anew when it starts: restart it, or the container that has this network, %s", device, index, 1<<indexBits-1, otherwise)
}

// backstop has a table discard what no other route of it covers, in the family of this number.
func (h *Host) backstop(family, table int) error {
	route := wire(Route{Prefix: defaults[family], Table: table})
	route.Type, route.Priority = unix.RTN_BLACKHOLE, metricLast
	if err := h.handle.RouteReplace(route); err != nil {
		return fmt.Errorf("table %d: %w", table, Explain(err))
	}
	return nil
}

// unsteer removes the rules of an interface and the routes of its table.
func (h *Host) unsteer(name string, index int) error {
	err := h.clearRules(name, 0)
	for _, family := range families {
		if index != 0 {
			err = errors.Join(err, h.emptyTable(family, TableAccess+index))
		}
	}
	return err
}

// clearRules removes the rules of an interface, and what is in their tables, but for the table keep.
func (h *Host) clearRules(name string, keep int) error {
	var errs []error
	for _, family := range families {
		rules, err := h.rules(family)
		errs = append(errs, err)
		for _, rule := range rules {
			if rule.IifName == name && rule.Table != keep {
				errs = append(errs, h.deleteRule(rule), h.emptyTable(family, rule.Table))
			}
		}
	}
	return errors.Join(errs...)
}

func (h *Host) deleteRule(rule netlib.Rule) error {
	err := h.handle.RuleDel(accessRule(rule.Family, rule.IifName, rule.Table))
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete policy rule for %s: %w", rule.IifName, Explain(err))
	}
	return nil
}

func (h *Host) emptyTable(family, table int) error {
	routes, err := h.listed(family, table)
	for _, r := range routes {
		route := wire(Route{Prefix: r.prefix, Table: table})
		route.Priority, route.Scope = int(r.metric), netlib.SCOPE_NOWHERE
		if e := h.handle.RouteDel(route); e != nil && !errors.Is(e, unix.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return fmt.Errorf("empty table %d: %w", table, Explain(err))
	}
	return nil
}

func isAccess(table int) bool { return table > TableAccess && table <= tableLast }

// rules lists our rules of a family.
func (h *Host) rules(family int) ([]netlib.Rule, error) {
	all, err := h.allRules(family)
	var ours []netlib.Rule
	for _, rule := range all {
		if rule.Protocol == Protocol {
			rule.Family = family
			ours = append(ours, rule)
		}
	}
	return ours, err
}

// allRules lists the rules of a family, whoever made them.
func (h *Host) allRules(family int) ([]netlib.Rule, error) {
	all, err := Dump(func() ([]netlib.Rule, error) { return h.handle.RuleList(family) })
	if err != nil {
		return nil, fmt.Errorf("list policy rules: %w", err)
	}
	return all, nil
}

func accessRule(family int, link string, table int) *netlib.Rule {
	rule := netlib.NewRule()
	rule.Family, rule.IifName, rule.Table, rule.Priority, rule.Protocol = family, link, table, RulePriority, Protocol
	return rule
}
