package planetest

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// HostText is what a host says of itself, as sorted lines, whoever made it: interfaces with the attributes of their kind, as "ip -d link"
// shows them, nexthops, routes, policy rules, permanent neighbours, UDP ports of tunnels, and tables of nftables with what is in them. It is read
// from the messages of the kernel, and nothing of ours has a part in it. What the kernel makes of its own accord is left out, and so is what is counted.
// Interfaces, and the tables and marks that are named after them, have their names, so that it is the same when they were made again.
func HostText(t testing.TB, h *netns.Host) string {
	t.Helper()
	s, err := look(h)
	for err != nil && strings.Contains(err.Error(), unix.ENOENT.Error()) { // a table has gone while it was read; the library does not wrap it
		s, err = look(h)
	}
	must(t, err)
	slices.Sort(s.lines)
	return strings.Join(s.lines, "\n") + "\n"
}

func look(h *netns.Host) (s *survey, err error) {
	s = &survey{host: h, names: map[uint32]string{}}
	for _, list := range []func() error{s.links, s.nexthops, s.routes, s.rules, s.neighbours, s.ports, s.nftables} {
		if err := list(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

type survey struct {
	host  *netns.Host
	names map[uint32]string // of interfaces, by index
	lines []string
}

func (s *survey) say(format string, values ...any) {
	s.lines = append(s.lines, strings.TrimSpace(fmt.Sprintf(format, values...)))
}

// dump asks the host for all objects of a kind.
func (s *survey) dump(request, answer uint16, header []byte) ([][]byte, error) {
	return netlink.Dump(func() (messages [][]byte, err error) {
		err = s.host.Do(func() error {
			r := nl.NewNetlinkRequest(int(request), unix.NLM_F_DUMP)
			r.AddRawData(header)
			messages, err = r.Execute(unix.NETLINK_ROUTE, answer)
			return err
		})
		return messages, err
	})
}

// attributes are those of a kind of interface that have names here (linux/if_tunnel.h, linux/if_link.h).
var (
	greAttributes = map[uint16]string{1: "dev", 2: "iflags", 3: "oflags", 4: "ikey", 5: "okey", 6: "local", 7: "remote", 8: "ttl", 9: "tos", 10: "pmtudisc",
		11: "encaplimit", 12: "flowlabel", 13: "flags", 14: "encap", 15: "encap-flags", 16: "encap-sport", 17: "encap-dport", 19: "ignore-df", 20: "fwmark"}
	ipAttributes = map[uint16]string{1: "dev", 2: "local", 3: "remote", 4: "ttl", 5: "tos", 6: "encaplimit", 7: "flowlabel", 8: "flags", 9: "proto",
		10: "pmtudisc", 15: "encap", 16: "encap-flags", 17: "encap-sport", 18: "encap-dport", 20: "fwmark"}
	kindAttributes = map[string]map[uint16]string{"gre": greAttributes, "ip6gre": greAttributes, "sit": ipAttributes, "ipip": ipAttributes,
		"ip6tnl": ipAttributes, "vrf": {1: "table"}}
)

// beginnings are the interfaces that a namespace begins with.
var beginnings = []string{"lo", "gre0", "gretap0", "erspan0", "ip6gre0", "sit0", "ip6tnl0", "tunl0"}

// links lists interfaces but for those that every namespace has.
func (s *survey) links() error {
	messages, err := s.dump(unix.RTM_GETLINK, unix.RTM_NEWLINK, make([]byte, unix.SizeofIfInfomsg))
	if err != nil {
		return err
	}
	for _, m := range messages {
		link, err := netlib.LinkDeserialize(nil, m)
		if err != nil {
			return err
		}
		s.names[uint32(link.Attrs().Index)] = link.Attrs().Name
	}
	for _, m := range messages {
		if err := s.link(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *survey) link(message []byte) error {
	link, err := netlib.LinkDeserialize(nil, message)
	if err != nil {
		return err
	}
	a := link.Attrs()
	attributes, err := nl.ParseRouteAttr(message[unix.SizeofIfInfomsg:])
	if err != nil {
		return err
	}
	var kind, data string
	for _, attribute := range attributes {
		if attribute.Attr.Type&nl.NLA_TYPE_MASK == unix.IFLA_LINKINFO {
			if kind, data, err = s.linkInfo(attribute.Value); err != nil {
				return err
			}
		}
	}
	if slices.Contains(beginnings, a.Name) {
		return nil
	}
	state := "down"
	if a.RawFlags&unix.IFF_UP != 0 {
		state = "up"
	}
	if master := s.names[uint32(a.MasterIndex)]; master != "" {
		data += " master " + master
	}
	if a.Group != 0 {
		data += " group " + cmp.Or(s.names[a.Group], fmt.Sprint(a.Group))
	}
	if a.Alias != "" {
		data += fmt.Sprintf(" alias %q", a.Alias)
	}
	s.say("link %s: %s %s mtu %d%s", a.Name, kind, state, a.MTU, data)
	return nil
}

// linkInfo reads the kind of an interface, and what it says of it, but for what is 0.
func (s *survey) linkInfo(b []byte) (kind, data string, err error) {
	infos, err := nl.ParseRouteAttr(b)
	if err != nil {
		return "", "", err
	}
	for _, info := range infos {
		switch info.Attr.Type {
		case nl.IFLA_INFO_KIND:
			kind = strings.TrimRight(string(info.Value), "\x00")
		case nl.IFLA_INFO_DATA:
			values, err := nl.ParseRouteAttr(info.Value)
			if err != nil {
				return "", "", err
			}
			for _, v := range values {
				if name := kindAttributes[kind][v.Attr.Type]; name != "" && slices.ContainsFunc(v.Value, func(b byte) bool { return b != 0 }) {
					data += " " + name + " " + s.value(name, v.Value)
				}
			}
		}
	}
	return kind, data, nil
}

func (s *survey) value(name string, b []byte) string {
	switch {
	case name == "local" || name == "remote":
		return net.IP(b).String()
	case name == "dev":
		return s.names[binary.NativeEndian.Uint32(b)]
	case strings.HasSuffix(name, "port"):
		return fmt.Sprint(binary.BigEndian.Uint16(b))
	case strings.HasSuffix(name, "key"):
		return fmt.Sprint(binary.BigEndian.Uint32(b))
	case name == "iflags" || name == "oflags":
		return fmt.Sprintf("%#x", binary.BigEndian.Uint16(b))
	case name == "flags" && len(b) == 4:
		return fmt.Sprintf("%#x", binary.NativeEndian.Uint32(b))
	case len(b) == 1:
		return fmt.Sprint(b[0])
	case len(b) == 2:
		return fmt.Sprint(binary.NativeEndian.Uint16(b))
	case len(b) == 4:
		return fmt.Sprint(binary.NativeEndian.Uint32(b))
	}
	return fmt.Sprintf("%x", b)
}

// nexthops lists nexthop objects (linux/nexthop.h).
func (s *survey) nexthops() error {
	const header, id, blackhole, device, gateway = 8, 1, 4, 5, 6 // sizeof(struct nhmsg), NHA_*
	messages, err := s.dump(unix.RTM_GETNEXTHOP, unix.RTM_NEWNEXTHOP, make([]byte, header))
	if err != nil {
		return err
	}
	for _, m := range messages {
		attributes, err := nl.ParseRouteAttr(m[header:])
		if err != nil {
			return err
		}
		text := fmt.Sprintf("protocol %d", m[2])
		number := uint32(0)
		for _, a := range attributes {
			switch a.Attr.Type {
			case id:
				number = binary.NativeEndian.Uint32(a.Value)
			case blackhole:
				text += " blackhole"
			case device:
				text += " dev " + s.names[binary.NativeEndian.Uint32(a.Value)]
			case gateway:
				text += " via " + net.IP(a.Value).String()
			}
		}
		s.say("nexthop %d: %s", number, text)
	}
	return nil
}

var families = []int{netlib.FAMILY_V4, netlib.FAMILY_V6}

func (s *survey) routes() error {
	for _, family := range families {
		routes, err := netlink.Dump(func() ([]netlib.Route, error) {
			return s.host.Net.RouteListFiltered(family, &netlib.Route{Table: unix.RT_TABLE_UNSPEC}, netlib.RT_FILTER_TABLE)
		})
		if err != nil {
			return err
		}
		for _, r := range routes {
			if r.Protocol == unix.RTPROT_KERNEL {
				continue
			}
			to := "dev " + s.names[uint32(r.LinkIndex)]
			if r.Type != unix.RTN_UNICAST {
				to = map[int]string{unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_LOCAL: "local"}[r.Type]
			}
			if r.Gw != nil {
				to += " via " + r.Gw.String()
			}
			s.say("route %s table %s metric %d protocol %d: %s", r.Dst, s.table(uint32(r.Table)), r.Priority, int(r.Protocol), to)
		}
	}
	return nil
}

// table names a routing table.
func (s *survey) table(n uint32) string {
	switch {
	case n == unix.RT_TABLE_MAIN:
		return "main"
	case s.names[n-netlink.TableMark] != "":
		return "mark " + s.names[n-netlink.TableMark]
	case s.names[n-netlink.TableAccess] != "":
		return "access " + s.names[n-netlink.TableAccess]
	}
	return fmt.Sprint(n)
}

func (s *survey) neighbours() error {
	all, err := netlink.Dump(func() ([]netlib.Neigh, error) { return s.host.Net.NeighList(0, netlib.FAMILY_ALL) })
	if err != nil {
		return err
	}
	for _, n := range all {
		if n.State&unix.NUD_PERMANENT != 0 && n.HardwareAddr.String() != "" {
			s.say("neighbour %s dev %s: %s", n.IP, s.names[uint32(n.LinkIndex)], n.HardwareAddr)
		}
	}
	return nil
}

// ports lists UDP ports at which tunnels end ("ip fou show"). A kernel without fou has none.
func (s *survey) ports() error {
	for _, family := range families {
		var ports []netlib.Fou
		err := s.host.Do(func() (err error) {
			ports, err = netlib.FouList(family)
			return err
		})
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
		for _, p := range ports {
			if p.Family == family {
				s.say("port %d family %d: encapsulation %d protocol %d", p.Port, p.Family, p.EncapType, p.Protocol)
			}
		}
	}
	return nil
}

// nftables lists tables with their chains, rules, sets and elements.
func (s *survey) nftables() error {
	conn, err := nftables.New(nftables.WithNetNSFd(s.host.FD()))
	if err != nil {
		return err
	}
	tables, err := conn.ListTables()
	if err != nil {
		return err
	}
	chains, err := conn.ListChains()
	if err != nil {
		return err
	}
	for _, table := range tables {
		name := fmt.Sprintf("nft %d %s", table.Family, table.Name)
		flags := ""
		if table.Flags != 0 {
			flags = fmt.Sprintf(" flags %#x", table.Flags)
		}
		s.say("%s%s", name, flags)
		for _, chain := range chains {
			if chain.Table.Name != table.Name || chain.Table.Family != table.Family {
				continue
			}
			if err := s.chain(conn, name, chain); err != nil {
				return err
			}
		}
		sets, err := conn.GetSets(table)
		if err != nil {
			return err
		}
		for _, set := range sets {
			if err := s.set(conn, name, set); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *survey) chain(conn *nftables.Conn, table string, chain *nftables.Chain) error {
	hook := ""
	if chain.Hooknum != nil && chain.Priority != nil {
		hook = fmt.Sprintf(" hook %d priority %d", *chain.Hooknum, *chain.Priority)
	}
	if chain.Policy != nil && *chain.Policy == nftables.ChainPolicyDrop {
		hook += " policy drop"
	}
	s.say("%s chain %s%s", table, chain.Name, hook)
	rules, err := conn.GetRules(chain.Table, chain)
	if err != nil {
		return err
	}
	for i, r := range rules {
		var said []string
		for _, e := range r.Exprs {
			said = append(said, expression(e))
		}
		s.say("%s chain %s rule %02d: %s", table, chain.Name, i, strings.Join(said, ", "))
	}
	return nil
}

// expression is what an expression is made of, but for what is 0 or false.
func expression(e expr.Any) string {
	if _, counts := e.(*expr.Counter); counts {
		return "Counter"
	}
	fields := nothing.ReplaceAllString(strings.TrimPrefix(fmt.Sprintf("%+v", e), "&"), "")
	return strings.TrimPrefix(fmt.Sprintf("%T", e), "*expr.") + strings.NewReplacer("{ ", "{", " Chain:}", "}", "{Chain:}", "{}").Replace(fields)
}

var nothing = regexp.MustCompile(` ?\b\w+:(0|false)\b`)

func (s *survey) set(conn *nftables.Conn, table string, set *nftables.Set) error {
	s.say("%s set %s: interval %t, map %t", table, set.Name, set.Interval, set.IsMap)
	if set.Dynamic { // packets make its elements
		return nil
	}
	elements, err := conn.GetSetElements(set)
	if err != nil {
		return err
	}
	for _, e := range elements {
		text := s.key(set, e.Key)
		if e.KeyEnd != nil {
			text += " to " + s.key(set, e.KeyEnd)
		}
		if e.IntervalEnd {
			text += " is the end"
		}
		if e.Comment != "" {
			text += ": comment " + e.Comment
		}
		if len(e.Val) == 4 {
			text += ": " + s.mark(binary.NativeEndian.Uint32(e.Val))
		}
		if len(e.Val) == 2 {
			text += fmt.Sprintf(": %d", binary.BigEndian.Uint16(e.Val))
		}
		s.say("%s set %s element %s", table, set.Name, text)
	}
	return nil
}

// key reads the names of interfaces, their indexes and marks, and addresses, in the key of an element.
func (s *survey) key(set *nftables.Set, b []byte) string {
	var parts []string
	if len(b) > nameLen { // of an interface, and an address
		parts, b = append(parts, unix.ByteSliceToString(b[:nameLen])), b[nameLen:]
	}
	if len(b) == nameLen {
		return strings.Join(append(parts, netip.AddrFrom16([16]byte(b)).String()), " ")
	}
	for ; len(b) >= 4; b = b[4:] {
		n := binary.NativeEndian.Uint32(b)
		switch name, mark := s.names[n], s.mark(n); {
		case strings.HasSuffix(set.KeyType.Name, "ipv4_addr"):
			parts = append(parts, netip.AddrFrom4([4]byte(b[:4])).String())
		case name != "":
			parts = append(parts, name)
		case strings.HasPrefix(mark, "mark "):
			parts = append(parts, mark)
		default:
			parts = append(parts, netip.AddrFrom4([4]byte(b[:4])).String())
		}
	}
	return strings.Join(parts, " ")
}

const nameLen = unix.IFNAMSIZ
