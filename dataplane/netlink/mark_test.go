package netlink_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// indexes are as near to each other as can be, and as far.
var indexes = []int{7, 8, 15, 16, 17, 255, 256, 4095, 4096, 1<<14 - 1, 1 << 14, 1<<15 + 3, 1<<16 + 7, 1<<19 + 1<<14 + 9, 1<<20 - 2, 1<<20 - 1}

// A mark leads to the interface that it stands for, and nowhere else, whichever others are led anywhere, and whatever others make of the bits that are not
// ours. What has another mark is not concerned. When the last is gone, all rules are.
func TestMarksLead(t *testing.T) {
	h, n := newHost(t)
	must(t, h.Up("access1"), h.Address("access1", "192.0.2.1/24"), h.Address("access1", "2001:db8::1/64"), h.Route("0.0.0.0/0", "192.0.2.2"), h.Route("::/0", "2001:db8::2"))
	before := rulesOf(t, h)
	for _, index := range indexes {
		link := &netlib.Veth{LinkAttrs: netlib.LinkAttrs{Name: fmt.Sprint("p", index), Index: index}, PeerName: fmt.Sprint("q", index)}
		must(t, h.Net.LinkAdd(link), h.Up(link.Name), h.Up(link.PeerName))
	}
	access, err := n.LinkIndex("access1")
	must(t, err)
	led := map[int]bool{}
	check := func() {
		t.Helper()
		for _, index := range indexes {
			for _, others := range []uint32{0, 0x4000, 0x8000, 0xc000} {
				want := index
				if len(led) == 0 {
					want = access
				} else if !led[index] {
					want = 0
				}
				if got := wayOut(t, h, netlink.MarkOf(index)|others); got != want {
					t.Fatalf("with %v, mark %#x leads to %d, and should to %d", led, netlink.MarkOf(index)|others, got, want)
				}
			}
		}
		for _, mark := range []uint32{0, 1, 0x4000, netlink.MarkUnproven, netlink.MarkOf(7) << 1, netlink.EarlierMarkOf(7)} {
			if got := wayOut(t, h, mark); got != access {
				t.Fatalf("mark %#x leads to %d", mark, got)
			}
		}
	}
	for _, i := range rand.Perm(len(indexes)) {
		must(t, n.SteerMark(fmt.Sprint("p", indexes[i]), indexes[i]))
		led[indexes[i]] = true
		check()
	}
	found, err := n.Marks()
	must(t, err)
	for _, index := range indexes {
		if found[index] != netlink.MarkComplete {
			t.Errorf("of %d there are %d", index, found[index])
		}
	}
	for _, i := range rand.Perm(len(indexes)) {
		must(t, n.UnsteerMark(indexes[i]))
		delete(led, indexes[i])
		check()
	}
	if after := rulesOf(t, h); !reflect.DeepEqual(after, before) {
		t.Errorf("left: %v\nand there were %v", after, before)
	}
	if err := n.SteerMark("access1", 1<<20); err == nil {
		t.Error("a mark that there is none of")
	}
}

// Whichever rule is missing, the marks that it leads are not complete, and are made so. What leads nowhere goes, and what an earlier version had made.
func TestMarksAreMadeComplete(t *testing.T) {
	h, n := newHost(t)
	must(t, h.Up("access1"), h.Address("access1", "192.0.2.1/24"), h.Address("access1", "2001:db8::1/64"))
	index, err := n.LinkIndex("access1")
	must(t, err)
	before := rulesOf(t, h)
	must(t, n.SteerMark("access1", index))
	whole := rulesOf(t, h)
	ours := 0
	for _, rule := range whole {
		if rule.Protocol != netlink.Protocol {
			continue
		}
		ours++
		must(t, h.Net.RuleDel(&rule))
		found, err := n.Marks()
		must(t, err)
		if found[index] == netlink.MarkComplete {
			t.Errorf("complete without %+v", rule)
		}
		must(t, n.SteerMark("access1", index))
		if got := len(rulesOf(t, h)); got != len(whole) || wayOut(t, h, netlink.MarkOf(index)) != index {
			t.Fatalf("after %+v was gone, there are %d rules, and should be %d", rule, got, len(whole))
		}
	}
	if ours == 0 {
		t.Fatal("no rule is ours: nothing was tested")
	}
	for _, rule := range rulesOf(t, h) { // the leaves
		if rule.Table > netlink.TableMark {
			must(t, h.Net.RuleDel(&rule))
		}
	}
	for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
		earlier := netlib.NewRule()
		earlier.Family, earlier.Priority, earlier.Protocol = family, netlink.RulePriority-1, netlink.Protocol
		earlier.Mark, earlier.Table = netlink.EarlierMarkOf(99), netlink.TableMark+99
		must(t, h.Net.RuleAdd(earlier))
	}
	found, err := n.Marks()
	must(t, err, n.TidyMarks())
	if after := rulesOf(t, h); len(found) != 0 || !reflect.DeepEqual(after, before) {
		t.Errorf("marks %v; left: %v\nand there were %v", found, after, before)
	}
}

func rulesOf(t *testing.T, h *netns.Host) (all []netlib.Rule) {
	t.Helper()
	for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
		rules, err := h.Net.RuleList(family)
		must(t, err)
		all = append(all, rules...)
	}
	return all
}

// wayOut asks the host where packets with a mark leave, of both families; 0: they are discarded.
func wayOut(t *testing.T, h *netns.Host, mark uint32) (index int) {
	t.Helper()
	for i, to := range []string{"198.51.100.1", "2001:db8:ffff::1"} {
		routes, err := h.Net.RouteGetWithOptions(net.ParseIP(to), &netlib.RouteGetOptions{Mark: mark})
		out := 0
		if err == nil && len(routes) == 1 {
			out = routes[0].LinkIndex
		} else if !errors.Is(err, unix.EINVAL) {
			t.Fatalf("mark %#x: %v, %v", mark, routes, err)
		}
		if i > 0 && out != index {
			t.Fatalf("mark %#x leads to %d by IPv4, and to %d by IPv6", mark, index, out)
		}
		index = out
	}
	return index
}

// With a thousand paths, a packet passes as many policy rules as with one if it has no mark, and a hundred or so if it has one.
func TestManyMarks(t *testing.T) {
	h, n := newHost(t)
	must(t, h.Up("access1"))
	const first, many, levels, fanOut = 4000, 1000, 5, 16
	passedBy := func(mark uint32) int {
		t.Helper()
		passed := 0
		for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
			rules, err := h.Net.RuleList(family)
			must(t, err)
			passed = max(passed, pass(rules, mark))
		}
		return passed
	}
	must(t, n.SteerMark("access1", first))
	alone := passedBy(0)
	for i := range many {
		must(t, n.SteerMark("access1", first+i))
	}
	if now := passedBy(0); now != alone {
		t.Errorf("a packet without a mark passes %d rules, and %d with one path", now, alone)
	}
	for _, i := range []int{0, many / 2, many - 1} {
		if now := passedBy(netlink.MarkOf(first + i)); now > alone+levels*fanOut {
			t.Errorf("packets of path %d pass %d rules, those without a mark %d", i, now, alone)
		}
	}
}

// pass counts the rules that a packet with a mark passes up to that which leads to its table, or to the main one.
func pass(rules []netlib.Rule, mark uint32) (passed int) {
	for i := 0; i < len(rules); i++ {
		r := rules[i]
		passed++
		takes := r.Mask == nil || (mark^r.Mark)&*r.Mask == 0
		switch {
		case takes == r.Invert || r.IifName != "":
		case r.Goto > 0:
			i = slices.IndexFunc(rules, func(to netlib.Rule) bool { return to.Priority == r.Goto }) - 1
		case r.Table == unix.RT_TABLE_MAIN || r.Table > netlink.TableMark:
			return passed
		}
	}
	return passed
}

// Interfaces with numbers that there are no tables for are refused, with the reason and what can be done. Nothing is made for them.
func TestBeyondTables(t *testing.T) {
	h, n := newHost(t)
	const index = 1 << 20
	link := &netlib.Veth{LinkAttrs: netlib.LinkAttrs{Name: "far", Index: index}, PeerName: "peer"}
	must(t, h.Net.LinkAdd(link), h.Up("far"), h.Up("peer"))
	before := rulesOf(t, h)
	for what, c := range map[string]struct {
		err   error
		table int
		todo  string
	}{
		"access link": {n.SetLink(dataplane.Link{Name: "far"}, ""), netlink.TableAccess + index, "ip link add"},
		"tunnel":      {n.SteerMark("far", index), netlink.TableMark + index, "dataplane backend userspace"},
	} {
		for _, say := range []string{"interface far is number 1048576", "up to 1048575", "restart it", c.todo} {
			if c.err == nil || !strings.Contains(c.err.Error(), say) {
				t.Errorf("%s: %v does not say %q", what, c.err, say)
			}
		}
		routes, err := h.Net.RouteListFiltered(netlib.FAMILY_ALL, &netlib.Route{Table: c.table}, netlib.RT_FILTER_TABLE)
		if err != nil || len(routes) > 0 {
			t.Errorf("%s: there are %v: %v", what, routes, err)
		}
	}
	if after := rulesOf(t, h); !reflect.DeepEqual(after, before) {
		t.Errorf("the rules are\n%v\nand were\n%v", after, before)
	}
}
