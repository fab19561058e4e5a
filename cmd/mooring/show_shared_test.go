package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"layeh.com/radius"
	"layeh.com/radius/rfc2866"

	"mooring/cmd/mooring/client"
	"mooring/dataplane/netns"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// shared is an anchor that a customer has a share of, with a MAG and a RADIUS server on another host. Both are this test, which knows what it
// has sent.
type shared struct {
	t       *testing.T
	p       *process
	op      *netns.Host
	mag     *net.UDPConn
	updates map[string]int // sent, by the anchor's address
	seq     uint16
	records *records
}

const (
	ownAddress  = "192.0.2.1"
	custAddress = "192.0.2.2"
	magAddress  = "192.0.2.77"
)

func newShared(t *testing.T) *shared {
	s := &shared{t: t, op: newHost(t, "op"), updates: map[string]int{}}
	h := newHost(t, "lma")
	must(t, netns.Connect(h, "core", s.op, "core"), h.Address("core", ownAddress+"/24"), h.Address("core", custAddress+"/24"), s.op.Address("core", magAddress+"/24"))
	s.mag = s.listen(mobility.ControlPort)
	s.records = &records{conn: s.listen(1813), starts: map[string]int{}}
	go s.records.serve()
	s.p = run(t, h, t.TempDir(), "--startup", "testdata/shared/lma.json")
	eventually(t, func() string {
		if up := strings.Count(s.show("addresses --status up"), "192.0.2."); up != 2 || s.cells(s.show("vrfs"), "RED")["STATUS"] != "up" {
			return "the anchor does not listen yet"
		}
		return ""
	})
	return s
}

func (s *shared) listen(port int) (c *net.UDPConn) {
	must(s.t, s.op.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(magAddress), Port: port})
		return err
	}))
	s.t.Cleanup(func() { c.Close() })
	return c
}

// update is a Proxy Binding Update that asks for any prefix for a node.
func (s *shared) update(node string, handoff wire.Handoff, lifetime wire.Lifetime) *wire.BindingUpdate {
	s.seq++
	u := &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP, Seq: s.seq, Lifetime: lifetime}
	u.MNID = wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte(node)})
	u.HNPs = []wire.HNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}}
	u.Handoff, u.AccessType, u.Timestamp = wire.Some(handoff), wire.Some(wire.Access80211), wire.Some(wire.TimestampOf(time.Now()))
	return u
}

// send sends an update that nobody answers.
func (s *shared) send(to string, u *wire.BindingUpdate) {
	s.t.Helper()
	b, err := u.AppendBinary(nil)
	must(s.t, err)
	_, err = s.mag.WriteToUDPAddrPort(b, netip.AddrPortFrom(netip.MustParseAddr(to), mobility.ControlPort))
	must(s.t, err)
	s.updates[to]++
}

// ask sends an update and compares the status of the answer.
func (s *shared) ask(to string, u *wire.BindingUpdate, want wire.Status) *wire.BindingAck {
	s.t.Helper()
	s.send(to, u)
	must(s.t, s.mag.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 2048)
	n, _, err := s.mag.ReadFromUDPAddrPort(b)
	must(s.t, err)
	m, err := wire.Parse(b[:n])
	must(s.t, err)
	a, ok := m.(*wire.BindingAck)
	if !ok || a.Status != want {
		s.t.Fatalf("the answer is %+v, want status %d", m, want)
	}
	return a
}

// inject is what the tables tell of.
func (s *shared) inject() {
	first := s.ask(ownAddress, s.update("n1@example.net", wire.HandoffNewInterface, 900), wire.StatusAccepted)
	again := s.update("n1@example.net", wire.HandoffUnchanged, 900)
	again.HNPs = first.HNPs
	s.ask(ownAddress, again, wire.StatusAccepted)
	nobody := s.update("", wire.HandoffNewInterface, 900)
	nobody.MNID = wire.Opt[wire.MNID]{}
	s.ask(ownAddress, nobody, wire.StatusMissingMNID)
	plain := s.update("n1@example.net", wire.HandoffUnchanged, 900)
	plain.Flags = wire.UpdateA
	s.send(ownAddress, plain)
	s.ask(ownAddress, s.update("n2@example.net", wire.HandoffNewInterface, 900), wire.StatusAccepted)

	own := s.update("c1@example.net", wire.HandoffNewInterface, 900)
	own.HNPs[0].Prefix = netip.MustParsePrefix("2001:db8:c::/64")
	own.DMNPs = []wire.DMNP{{Prefix: netip.MustParsePrefix("198.51.100.0/24")}, {Prefix: netip.MustParsePrefix("2001:db8:d::/56")}}
	s.ask(custAddress, own, wire.StatusAccepted)
	unauthorized := s.update("c2@elsewhere.example", wire.HandoffNewInterface, 900)
	s.ask(custAddress, unauthorized, wire.StatusProxyRegNotEnabled)
}

// home is what the anchor tells of its pool, and lose takes it from the host as somebody else would.
const home = "2001:db8:100::/40"

func (s *shared) lose(prefix string) {
	s.t.Helper()
	_, dst, err := net.ParseCIDR(prefix)
	must(s.t, err)
	routes, err := s.p.host.Net.RouteListFiltered(netlib.FAMILY_V6, &netlib.Route{Dst: dst}, netlib.RT_FILTER_DST)
	must(s.t, err)
	if len(routes) != 1 {
		s.t.Fatalf("routes to %s: %v", prefix, routes)
	}
	must(s.t, s.p.host.Net.RouteDel(&routes[0]))
}

// records is a RADIUS server that takes accounting records and counts them.
type records struct {
	conn   *net.UDPConn
	mu     sync.Mutex
	starts map[string]int // Start records, by the session
	all    int
}

func (r *records) serve() {
	b := make([]byte, 4096)
	for {
		n, from, err := r.conn.ReadFromUDP(b)
		if err != nil {
			return
		}
		p, err := radius.Parse(b[:n], []byte("cisco"))
		if err != nil || !radius.IsAuthenticRequest(b[:n], []byte("cisco")) {
			continue
		}
		r.mu.Lock()
		r.all++
		if rfc2866.AcctStatusType_Get(p) == rfc2866.AcctStatusType_Value_Start {
			r.starts[rfc2866.AcctSessionID_GetString(p)]++
		}
		r.mu.Unlock()
		if answer, err := p.Response(radius.CodeAccountingResponse).Encode(); err == nil {
			r.conn.WriteToUDP(answer, from)
		}
	}
}

// started returns how many sessions have begun, and how many records came.
func (r *records) started() (sessions, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.starts), r.all
}

// between is what separates cells of a table.
var between = regexp.MustCompile(`  +`)

// show returns what a view prints, with its flags.
func (s *shared) show(command string) string {
	s.t.Helper()
	return s.p.show(strings.Fields(command)...)
}

// cells are those of the only line of a table in which a text stands, by the titles above.
func (s *shared) cells(table, having string) map[string]string {
	s.t.Helper()
	titles, lines, _ := strings.Cut(table, "\n")
	cells := map[string]string{}
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(between.ReplaceAllString(line, "  "))
		if !strings.Contains(line+"  ", having) {
			continue
		}
		if len(cells) > 0 {
			s.t.Fatalf("several lines have %q:\n%s", having, table)
		}
		values := strings.Split(line, "  ")
		for i, title := range between.Split(titles, -1) {
			cells[title] = values[i]
		}
	}
	return cells
}

// OPS-01, OPS-03, OPS-05, OPS-06, OPS-07, OPS-10, OPS-11, OPS-12, OPS-13, OPS-14, OPS-16: what mooring show tells of an anchor is what was sent to it, a row and more of each view.
func TestShowTellsWhatWasInjected(t *testing.T) {
	s := newShared(t)
	s.inject()
	manager, err := manage(t.Context(), &client.Target{StateDir: s.p.dir})
	must(t, err)
	must(t, manager.Do("<get><filter/></get>", nil))
	eventually(t, func() string {
		sessions, all := s.records.started()
		server := s.cells(s.show("radius-servers"), "radius1")
		own, customer := s.cells(s.show("accounting"), "lma lma1  -"), s.cells(s.show("accounting"), "CUST1")
		if sessions != 5 || server["RESPONSES"] != strconv.Itoa(all) || own["STARTS"] != "5" || own["QUEUED"] != "0" || customer["STARTS"] != "2" {
			return fmt.Sprintf("%d sessions and %d records were accounted for: %v, %v, %v", sessions, all, server, own, customer)
		}
		return ""
	})
	sessions, _ := s.records.started()
	number, tables := strconv.Itoa, map[string]string{}
	for _, c := range []struct {
		args, having, title, want string
	}{
		{"machines", "lma lma1", "BINDINGS", "3"},
		{"machines --wide", "lma lma1", "OF CUSTOMERS", "1"},
		{"bindings --customer CUST1", "c1@example.net", "STATE", "active"},
		{"bindings --customer CUST1 --wide", "c1@example.net", "MOBILE NETWORKS", "198.51.100.0/24,2001:db8:d::/56"},
		{"addresses", custAddress, "STATUS", "up"},
		{"addresses", custAddress, "CUSTOMER", "CUST1"},
		{"customers", "CUST1", "BINDINGS", "1"},
		{"customers", "CUST1", "NETWORKS", "2"},
		{"customers", "CUST1", "MOST", "10"},
		{"customers --wide", "CUST1", "IPV4 NETWORKS", "1"},
		{"customers --wide", "CUST1", "IPV6 NETWORKS", "1"},
		{"customers --wide", "CUST1", "PBU", number(s.updates[custAddress])},
		{"radius-servers", "radius1", "TIMEOUTS", "0"},
		{"statistics", "pbu received  ", "COUNT", number(s.updates[ownAddress] + s.updates[custAddress])},
		{"statistics", "packets ipv4 received  ", "COUNT", number(s.updates[ownAddress] + s.updates[custAddress])},
		{"statistics", "pbu accepted initial", "COUNT", "3"},
		{"statistics", "pbu accepted refresh", "COUNT", "1"},
		{"statistics", "pba by-status 160 ", "COUNT", "1"},
		{"statistics", "drop not-proxy", "COUNT", "1"},
		{"statistics", "pbu accepted handover", "COUNT", ""},
		{"statistics --wide", "pbu accepted handover", "COUNT", "0"},
		{"statistics --customer CUST1", "pbu received  ", "COUNT", number(s.updates[custAddress])},
		{"statistics --customer CUST1", "pba by-status 0 accepted", "COUNT", "1"},
		{"statistics --customer CUST1", "accounting start-sent", "COUNT", "2"},
		{"statistics --peer mag1", "pbu received  ", "COUNT", number(s.updates[ownAddress])},
		{"statistics --peer mag1", "pba by-status 160 ", "COUNT", "1"},
		{"settings", "bce maximum ", "VALUE", "128000"}, // OPS-15: nobody has set it
		{"settings", "domain ", "VALUE", "example.net"},
		{"accounting", "lma lma1  -", "STARTS", number(sessions)},
		{"accounting", "lma lma1  CUST1", "STARTS", "2"},
		{"accounting-sessions --type tunnel", "ip-192.0.2.2-192.0.2.77", "TYPE", "tunnel"},
		{"radius-servers", "radius1", "ACCOUNTING", "up"},
		{"entitlement", "lma lma1", "BINDINGS", "3"},
		{"entitlement", "lma lma1", "IN COMPLIANCE", "false"},
		{"entitlement", "lma lma1", "PEAK", "3"},
		{"managers", "admin", "REQUESTS", "1"},
		{"vrfs", "RED", "STATUS", "up"},
		{"warnings", "W-REF", "PATH", "/mooring-pmipv6:pmipv6/domain[name='example.net']/nai[id='@home.example.net']/network"},
		{"commits", "startup", "ID", "1"},
		{"element", "configuration commit-id", "VALUE", "1"},
		{"element", "notification-log maximum  ", "VALUE", "10000"},
		{"element", "binding-store state", "VALUE", "ok"},
		{"element", "dataplane objects failed", "VALUE", "0"},
		{"element", "denied-operations", "VALUE", "0"},
		{"element", "role", "VALUE", "local-mobility-anchor,mobile-access-gateway"},
		{"management", "gNMI", "LISTENS AT", strings.ReplaceAll(s.p.said("gNMI"), " ", ",")},
	} {
		if tables[c.args] == "" {
			tables[c.args] = s.show(c.args)
		}
		if got := s.cells(tables[c.args], c.having)[c.title]; got != c.want {
			t.Errorf("show %s: %s of %s is %q, want %q", c.args, c.title, c.having, got, c.want)
		}
	}
	if nodes := strings.Count(s.show("accounting-sessions --type mobile-node"), "\n") - 1; nodes != 3 {
		t.Errorf("%d nodes are accounted for", nodes)
	}
	s.golden("machines", "addresses", "customers", "customers --wide", "statistics", "statistics --customer CUST1", "statistics --peer *", "accounting",
		"radius-servers", "entitlement", "vrfs", "warnings", "commits", "managers", "interfaces")
	s.parsed()
	must(t, manager.Close())
	s.lose(home)
	eventually(t, func() string {
		if s.cells(s.show("repairs"), home)["OBJECTS"] != "1" {
			return "no repair is shown"
		}
		return ""
	})
}

// golden compares tables with files, but for the width of columns, which is that of times and names that differ.
func (s *shared) golden(commands ...string) {
	for _, command := range commands {
		s.t.Run(command, func(t *testing.T) {
			got := between.ReplaceAllString(s.show(command), "  ")
			for _, c := range slices.Concat(variable, variableHere) {
				got = c.pattern.ReplaceAllString(got, c.by)
			}
			compare(t, filepath.Join("testdata/shared", strings.NewReplacer(" --", "-", " ", "-", "*", "all").Replace(command)+".table"), got)
		})
	}
}

// parsed reads what each view prints as JSON: rows of its own kind, a line each.
func (s *shared) parsed() {
	s.t.Helper()
	for _, v := range views {
		for line := range strings.Lines(s.show(v.name + " --json")) {
			var row struct {
				Path  string
				Value map[string]any
			}
			must(s.t, json.Unmarshal([]byte(line), &row))
			at := strings.TrimPrefix(withoutKeys(row.Path), "/")
			if len(row.Value) == 0 || !slices.ContainsFunc(v.allRows(), func(r client.Subscription) bool { return strings.HasPrefix(at, cmp.Or(r.Row, r.Path)) }) {
				s.t.Errorf("show %s: %s", v.name, line)
			}
		}
	}
}
