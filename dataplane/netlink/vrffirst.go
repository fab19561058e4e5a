package netlink

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The first rule of a host looks all destinations up among the addresses of the default VRF, and the rule for VRFs comes later, with priority 1000. So an
// address of the host would take what is for the same address of a customer. vrfFirst has a rule for VRFs come before the first one, with the
// same priority, and moves no other. (Documentation/networking/vrf.rst moves the first one behind, and so behind those of others.) Like the kernel's own
// rule for VRFs, it stays; what is in no VRF it does not concern.
//
// Of rules with the same priority, the one that was added last is the last, so the first is added again before it is removed.
func (h *Host) vrfFirst(family int) error {
	first, err := h.firstRules(family)
	if err != nil {
		return err
	}
	local, vrf := slices.Index(first, localRule), slices.Index(first, vrfRule)
	if local < 0 || vrf >= 0 && vrf < local {
		return nil
	}
	var steps []ruleStep
	if vrf < 0 {
		steps = append(steps, ruleStep{unix.RTM_NEWRULE, vrfRule})
	}
	if vrf < 0 || !slices.Contains(first[vrf:], localRule) { // or a process was killed that had come so far
		steps = append(steps, ruleStep{unix.RTM_NEWRULE, localRule})
	}
	for _, s := range append(steps, ruleStep{unix.RTM_DELRULE, localRule}) {
		if err := h.changeFirst(family, s); err != nil {
			return err
		}
	}
	return nil
}

// firstRule is a rule with priority 0.
type firstRule uint8

const (
	otherRule firstRule = iota
	localRule           // of the table of local addresses
	vrfRule             // of the table of whatever VRF it is
)

type ruleStep struct {
	kind int
	rule firstRule
}

// firstRules lists the rules with priority 0 in their order.
func (h *Host) firstRules(family int) ([]firstRule, error) {
	messages, err := Dump(func() ([][]byte, error) {
		request := nl.NewNetlinkRequest(unix.RTM_GETRULE, unix.NLM_F_DUMP)
		request.Sockets = h.raw
		request.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family)}})
		return request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWRULE)
	})
	if err != nil {
		return nil, fmt.Errorf("list policy rules: %w", err)
	}
	var all []firstRule
	for _, m := range messages {
		if rule, first := parseFirst(m); first {
			all = append(all, rule)
		}
	}
	return all, nil
}

// parseFirst reads the body of an RTM_NEWRULE message. A rule that says what it is for is another one.
func parseFirst(m []byte) (rule firstRule, first bool) {
	if len(m) < unix.SizeofRtMsg {
		return otherRule, false
	}
	attributes, err := nl.ParseRouteAttr(m[unix.SizeofRtMsg:])
	if err != nil {
		return otherRule, false
	}
	if m[4] == unix.RT_TABLE_LOCAL {
		rule = localRule
	}
	first = true
	for _, a := range attributes {
		switch a.Attr.Type {
		case nl.FRA_PRIORITY:
			first = binary.NativeEndian.Uint32(a.Value) == 0
		case nl.FRA_L3MDEV:
			rule = vrfRule
		case nl.FRA_SRC, nl.FRA_DST, nl.FRA_IIFNAME, nl.FRA_OIFNAME, nl.FRA_FWMARK, nl.FRA_UID_RANGE, nl.FRA_IP_PROTO, nl.FRA_SPORT_RANGE, nl.FRA_DPORT_RANGE:
			return otherRule, first
		}
	}
	return rule, first
}

func (h *Host) changeFirst(family int, s ruleStep) error {
	request := nl.NewNetlinkRequest(s.kind, unix.NLM_F_ACK)
	if s.kind == unix.RTM_NEWRULE {
		request.Flags |= unix.NLM_F_CREATE // and not only if there is none
	}
	request.Sockets = h.raw
	message := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family), Type: unix.FR_ACT_TO_TBL}}
	if s.rule == localRule {
		message.Table = unix.RT_TABLE_LOCAL
	}
	request.AddData(message)
	if s.rule == vrfRule {
		request.AddData(nl.NewRtAttr(nl.FRA_L3MDEV, []byte{1}))
	}
	request.AddData(nl.NewRtAttr(nl.FRA_PRIORITY, nl.Uint32Attr(0)))
	request.AddData(nl.NewRtAttr(nl.FRA_PROTOCOL, []byte{unix.RTPROT_KERNEL})) // as its rules of the same kind have
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("policy rules for VRFs: %w", Explain(err))
	}
	return nil
}
