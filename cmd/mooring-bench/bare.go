package main

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
)

// withoutRules removes our table of nftables: nobody here puts it back. What the node sends has no mark then, and is led into
// the tunnel by the interface that it comes from.
func withoutRules() error {
	if err := steerByInterface(); err != nil {
		return err
	}
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	conn.DelTable(&nftables.Table{Name: netlink.FilterTable, Family: nftables.TableFamilyINet})
	return conn.Flush()
}

// steerByInterface gives each policy rule that leads a mark to a table a copy that asks for the access link, in front of all. An anchor has none.
func steerByInterface() error {
	var errs []error
	for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
		rules, err := netlib.RuleList(family)
		if err != nil {
			return fmt.Errorf("list policy rules: %w", err)
		}
		for _, r := range rules {
			if r.Protocol != netlink.Protocol || r.Mark == 0 || r.Goto > 0 || r.Table <= unix.RT_TABLE_LOCAL {
				continue
			}
			copied := netlib.NewRule()
			copied.Family, copied.Priority, copied.Table, copied.IifName = family, netlink.RulePriority-1, r.Table, accessLink
			errs = append(errs, netlib.RuleAdd(copied))
		}
	}
	return errors.Join(errs...)
}
