package planetest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// policyRule is a policy rule of a host, as far as packets that come from nowhere in particular see it.
type policyRule struct {
	family, priority, protocol, action int
	table, target                      uint32 // of a jump
	mark, mask                         uint32
	inverted, other                    bool // other: only some packets see it
	selector                           string
}

// policyRules lists those of a family, in the order in which packets pass them.
func (s *survey) policyRules(family int) (all []policyRule, err error) {
	header := make([]byte, unix.SizeofRtMsg)
	header[0] = byte(family)
	messages, err := s.dump(unix.RTM_GETRULE, unix.RTM_NEWRULE, header)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		attributes, err := nl.ParseRouteAttr(m[unix.SizeofRtMsg:])
		if err != nil {
			return nil, err
		}
		const inverted = 2 // FIB_RULE_INVERT of linux/fib_rules.h, and what follows of its struct fib_rule_hdr
		r := policyRule{family: family, action: int(m[7]), inverted: binary.NativeEndian.Uint32(m[8:])&inverted != 0}
		for _, a := range attributes {
			r.attribute(int(a.Attr.Type), a.Value)
		}
		all = append(all, r)
	}
	return all, nil
}

func (r *policyRule) attribute(kind int, value []byte) {
	number := func() uint32 { return binary.NativeEndian.Uint32(value) }
	switch kind {
	case nl.FRA_PRIORITY:
		r.priority = int(number())
	case unix.RTA_TABLE:
		r.table = number()
	case nl.FRA_GOTO:
		r.target = number()
	case nl.FRA_FWMARK:
		r.mark = number()
	case nl.FRA_FWMASK:
		r.mask = number()
	case nl.FRA_PROTOCOL:
		r.protocol = int(value[0])
	case nl.FRA_IIFNAME:
		r.other, r.selector = true, r.selector+" iif "+unix.ByteSliceToString(value)
	case nl.FRA_SRC:
		r.other, r.selector = true, r.selector+fmt.Sprintf(" from %d", value)
	}
}

// takes reports whether a packet with this mark is for the rule.
func (r policyRule) takes(mark uint32) bool {
	return !r.other && ((mark^r.mark)&r.mask == 0) != r.inverted
}

func (r policyRule) isJump() bool { return r.action == nl.FR_ACT_GOTO }

// pass has a packet with a mark pass rules as the kernel does, up to that which leads to the main table or one of a mark, or discards it: it returns how
// many it has passed, and that rule.
func pass(rules []policyRule, mark uint32) (passed int, last policyRule) {
	for i := 0; i < len(rules); i++ {
		r := rules[i]
		passed++
		switch {
		case !r.takes(mark):
		case r.isJump():
			to := slices.IndexFunc(rules, func(other policyRule) bool { return other.priority == int(r.target) })
			if to > i {
				i = to - 1
			}
		case r.action == unix.RTN_BLACKHOLE, r.table == unix.RT_TABLE_MAIN, r.table > netlink.TableMark:
			return passed, r
		}
	}
	return passed, policyRule{}
}

// longestWays are how many policy rules a packet passes that has no mark, and one that has, at most; and finds that all marks lead to their tables.
func longestWays(t *testing.T, h *netns.Host) (unmarked, marked int) {
	t.Helper()
	s, err := look(h)
	must(t, err)
	for _, family := range families {
		rules, err := s.policyRules(family)
		must(t, err)
		passed, _ := pass(rules, 0)
		unmarked = max(unmarked, passed)
		for _, r := range rules {
			if r.table <= netlink.TableMark {
				continue
			}
			mark := netlink.MarkOf(int(r.table - netlink.TableMark))
			passed, last := pass(rules, mark)
			if last != r {
				t.Errorf("mark %#x leads to %+v, and should to %+v", mark, last, r)
			}
			marked = max(marked, passed)
		}
	}
	return unmarked, marked
}

// rules says what rules there are. Those between a mark and its table are as many as interfaces happen to have indexes beside each other: they are said
// of the mark.
func (s *survey) rules() error {
	for _, family := range families {
		rules, err := s.policyRules(family)
		if err != nil {
			return err
		}
		var marks []uint32
		for _, r := range rules {
			if r.protocol == netlink.Protocol && r.table > netlink.TableMark && s.names[r.table-netlink.TableMark] != "" {
				marks = append(marks, r.mark)
			}
		}
		for _, r := range rules {
			between := func(mark uint32) bool { return r.mask != 0 && r.table == 0 && r.takes(mark) }
			if r.protocol != unix.RTPROT_KERNEL && !(r.protocol == netlink.Protocol && slices.ContainsFunc(marks, between)) {
				s.say("rule %s", s.policyRule(rules, r))
			}
		}
	}
	return nil
}

func (s *survey) policyRule(rules []policyRule, r policyRule) string {
	text := fmt.Sprintf("%d protocol %d family %d%s", r.priority, r.protocol, r.family, r.selector)
	mark := fmt.Sprintf("%s/%#x", s.mark(r.mark), r.mask)
	switch {
	case r.inverted:
		text += " not fwmark " + mark
	case r.mask != 0:
		text += " fwmark " + mark
	}
	switch jumps, discards := between(rules, r.mark); {
	case r.isJump():
		return fmt.Sprintf("%s: goto %d", text, r.target)
	case r.table == 0:
		return fmt.Sprintf("%s: action %d", text, r.action)
	case r.protocol == netlink.Protocol && jumps > 0: // at a priority that is another one with another index
		return fmt.Sprintf("%s: table %s after %d jumps, else %d discard", text[len(fmt.Sprint(r.priority))+1:], s.table(r.table), jumps, discards)
	}
	return fmt.Sprintf("%s: table %s", text, s.table(r.table))
}

// between counts the rules that jump with a mark, and that discard it.
func between(rules []policyRule, mark uint32) (jumps, discards int) {
	for _, r := range rules {
		switch {
		case r.mask == 0 || r.inverted || !r.takes(mark):
		case r.isJump():
			jumps++
		case r.action == unix.RTN_BLACKHOLE:
			discards++
		}
	}
	return jumps, discards
}

// mark names the interface that a mark stands for.
func (s *survey) mark(mark uint32) string {
	for index, name := range s.names {
		if mark == netlink.MarkOf(int(index)) {
			return "mark " + name
		}
	}
	return fmt.Sprintf("%#x", mark)
}
