package aaa

import (
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unique"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2867"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// Scenarios are testdata/*.txt: lines that say what happens, each followed by the records that it gives, behind "> ".
//
//	at SECONDS                                   the time, since the beginning
//	configure NAME [interim SECONDS] [...]       the anchors that are accounted
//	compare NAME CAUSE                           with the bindings
//	bind NAME ID NODE CAREOF [home A] [hnp P] [net P] [customer C VRF]
//	                                             a binding is made, prolonged or moved; with "silently" at the end no event tells of it.
//	                                             CAREOF may be CAREOF%VRF, in the VRF of a transport
//	deregister NAME ID / delete NAME ID REASON [trigger NUMBER] [silently]
//	count NAME ID RX TX / count CAREOF RX TX     what the counters of a node or tunnel show: octets, and a packet for each 100
//	advance / checkpoint
//	restart                                      the process is killed and begins anew, with what is on disk; counters begin at 0
//	sessions                                     the sessions that are open
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("found only %q, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			scenario.Compare(t, file, string(text), play(t, string(text)))
		})
	}
}

// world is a ledger and what it looks at.
type world struct {
	t        *testing.T
	start    time.Time
	now      time.Time
	ledger   *Ledger
	bindings map[string]map[dataplane.SessionID]*mobility.Binding
	nodes    map[string]Usage
	tunnels  map[string]Usage
	disk     map[uint64][]byte
	last     uint64
}

func (w *world) Node(anchor string, id dataplane.SessionID) (Usage, bool) {
	u, ok := w.nodes[fmt.Sprint(anchor, id)]
	return u, ok
}

func (w *world) Tunnel(id dataplane.TunnelID) (Usage, bool) {
	u, ok := w.tunnels[id.Peer.String()]
	return u, ok
}

func newWorld(t *testing.T) *world {
	start := time.Unix(1_800_000_000, 0)
	w := &world{
		t: t, start: start, now: start, bindings: map[string]map[dataplane.SessionID]*mobility.Binding{},
		nodes: map[string]Usage{}, tunnels: map[string]Usage{}, disk: map[uint64][]byte{},
	}
	w.ledger = NewLedger(w, start, 0, nil)
	return w
}

func play(t *testing.T, text string) string {
	w := newWorld(t)
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "> ") {
			continue
		}
		out.WriteString(line)
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var c Changes
		for _, said := range w.do(strings.Fields(line), &c) {
			fmt.Fprintf(&out, "> %s\n", said)
		}
		for i := range c.Records {
			fmt.Fprintf(&out, "> %s\n", w.text(&c.Records[i]))
		}
		w.keep(&c)
	}
	return out.String()
}

// keep does what the disk does.
func (w *world) keep(c *Changes) {
	for _, s := range c.Open {
		kept := s.Kept()
		octets, err := kept.AppendBinary(nil)
		if err != nil {
			w.t.Fatal(err)
		}
		w.disk[s.Number()] = octets
	}
	for _, number := range c.Closed {
		delete(w.disk, number)
	}
	w.last = max(w.last, c.Last)
}

func (w *world) do(words []string, c *Changes) (said []string) {
	silently := words[len(words)-1] == "silently"
	switch words[0] {
	case "at":
		w.now = w.start.Add(time.Duration(w.number(words[1])) * time.Second)
	case "configure":
		for _, name := range w.ledger.Configure(w.now, w.anchors(words[1:]), c) {
			said = append(said, "fresh "+name)
		}
	case "compare":
		cause := map[string]rfc2866.AcctTerminateCause{
			"NAS-Reboot": rfc2866.AcctTerminateCause_Value_NASReboot, "Admin-Reboot": rfc2866.AcctTerminateCause_Value_AdminReboot,
			"NAS-Error": rfc2866.AcctTerminateCause_Value_NASError}[words[2]]
		w.ledger.Compare(w.now, words[1], w.rows(words[1]), cause, c)
	case "bind":
		w.bind(words, silently, c)
	case "deregister":
		b := *w.bindings[words[1]][dataplane.SessionID(w.number(words[2]))]
		b.State, b.Updated = mobility.StateDeletePending, mobility.At(w.now)
		w.bindings[words[1]][b.ID] = &b
		w.ledger.Event(w.now, words[1], &mobility.Event{Kind: mobility.BindingDeregistered, Node: b.Node, Binding: &b}, c)
	case "delete":
		b := w.bindings[words[1]][dataplane.SessionID(w.number(words[2]))]
		delete(w.bindings[words[1]], b.ID)
		if !silently {
			ev := &mobility.Event{Kind: mobility.BindingDeleted, Node: b.Node, Binding: b, Reason: reason(words[3])}
			if len(words) > 5 {
				ev.Trigger = wire.RevocationTrigger(w.number(words[5]))
			}
			w.ledger.Event(w.now, words[1], ev, c)
		}
	case "count":
		w.count(words[1:])
	case "advance":
		w.ledger.Advance(w.now, c)
	case "checkpoint":
		w.ledger.Checkpoint(0, 1, c)
	case "restart":
		w.restart()
	case "sessions":
		for s := range w.ledger.Sessions {
			said = append(said, fmt.Sprintf("%s %v of %s, joined %s", short(s.ID()), s.Kind(), s.Anchor(), short(w.ledger.MultiSession(s))))
		}
		slices.Sort(said)
	default:
		w.t.Fatalf("nobody knows %q", words)
	}
	return said
}

func (w *world) anchors(words []string) (list []Anchor) {
	for i := 0; i < len(words); i++ {
		a := Anchor{Name: words[i], Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
		if i+2 < len(words) && words[i+1] == "interim" {
			a.Interim = time.Duration(w.number(words[i+2])) * time.Second
			i += 2
		}
		list = append(list, a)
	}
	return list
}

func (w *world) rows(name string) iter.Seq[*mobility.Binding] { return maps.Values(w.bindings[name]) }

func (w *world) bind(words []string, silently bool, c *Changes) {
	name, id := words[1], dataplane.SessionID(w.number(words[2]))
	careOf, transport, _ := strings.Cut(words[4], "%")
	local, peer := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr(careOf)
	b := &mobility.Binding{
		Holding: &mobility.Holding{Node: mobility.NAI(words[3]), LinkID: "\x02\x00\x5e\x10\x00\x01", Created: mobility.At(w.now)},
		ID:      id, State: mobility.StateActive, Updated: mobility.At(w.now), Access: wire.Access80211,
		Ends: unique.Make(mobility.Ends{Local: local, Tunnel: dataplane.TunnelID{VRF: transport, Local: local, Peer: peer, Encap: dataplane.EncapGRE}}),
	}
	for i := 5; i+1 < len(words); i += 2 {
		switch words[i] {
		case "home":
			b.Home = mobility.HomeOf(netip.MustParsePrefix(words[i+1]))
		case "hnp":
			b.Prefixes = append(b.Prefixes, netip.MustParsePrefix(words[i+1]))
		case "net":
			b.Networks = append(b.Networks, netip.MustParsePrefix(words[i+1]))
		case "customer":
			b.Tenancy = unique.Make(mobility.Tenancy{Customer: words[i+1], VRF: words[i+2]})
			i++
		}
	}
	kind := mobility.BindingCreated
	if w.bindings[name] == nil {
		w.bindings[name] = map[dataplane.SessionID]*mobility.Binding{}
	}
	if was := w.bindings[name][id]; was != nil {
		kind, b.Created = mobility.BindingRefreshed, was.Created
		if was.Ends != b.Ends {
			kind = mobility.BindingHandover
		}
	}
	w.bindings[name][id] = b
	if !silently {
		w.ledger.Event(w.now, name, &mobility.Event{Kind: kind, Node: b.Node, Binding: b}, c)
	}
}

func reason(text string) mobility.DeleteReason {
	for r := mobility.Deregistered; r <= mobility.Revoked; r++ {
		if r.String() == text {
			return r
		}
	}
	panic("no such reason: " + text)
}

func (w *world) count(words []string) {
	table, key := w.tunnels, words[0]
	if len(words) == 4 {
		table, key = w.nodes, words[0]+words[1]
	} else {
		key, _, _ = strings.Cut(key, "%")
	}
	rx, tx := w.number(words[len(words)-2]), w.number(words[len(words)-1])
	table[key] = Usage{rx / 100, rx, tx / 100, tx}
}

func (w *world) restart() {
	var open []*Kept
	for _, number := range slices.Sorted(maps.Keys(w.disk)) {
		k := &Kept{Number: number}
		if err := k.UnmarshalBinary(w.disk[number]); err != nil {
			w.t.Fatal(err)
		}
		open = append(open, k)
	}
	clear(w.nodes)
	clear(w.tunnels)
	w.ledger = NewLedger(w, w.start, w.last, open)
}

func (w *world) number(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// short leaves out what all names of sessions begin with.
func short(id string) string { return strings.TrimLeft(id[strings.IndexByte(id, '-')+1:], "0") }

// text writes the part of a record that changes from one to the next.
func (w *world) text(r *Record) string {
	attributes, err := radius.ParseAttributes(r.Attributes)
	if err != nil {
		w.t.Fatal(err)
	}
	p := &radius.Packet{Attributes: attributes}
	said := []string{r.Status().String(), short(r.Session())}
	add := func(name string, value any) { said = append(said, fmt.Sprint(name, "=", value)) }
	if announces := r.Status() > 3; announces {
		return strings.Join(append(said, r.Anchor()), " ")
	}
	if user := rfc2865.UserName_GetString(p); user != "" {
		add("user", user)
	} else {
		_, peer := rfc2868.TunnelClientEndpoint_GetString(p)
		if _, vrf, ok := strings.Cut(rfc2867.AcctTunnelConnection_GetString(p), "%"); ok {
			peer += "%" + vrf
		}
		add("tunnel", peer)
	}
	add("joined", short(rfc2866.AcctMultiSessionID_GetString(p)))
	if home := rfc2865.FramedIPAddress_Get(p); home != nil {
		add("home", home)
	}
	for _, a := range attributes {
		if a.Type == rfc2865.FramedRoute_Type || a.Type == rfc3162.FramedIPv6Route_Type {
			add("network", strings.Fields(string(a.Attribute))[0])
		}
		if name, value := AVPair(a.Attribute); a.Type == rfc2865.VendorSpecific_Type {
			add(name, value)
		}
	}
	if r.Status() != rfc2866.AcctStatusType_Value_Start {
		add("seconds", uint32(rfc2866.AcctSessionTime_Get(p)))
		if _, err := rfc2866.AcctInputOctets_Lookup(p); err == nil {
			in := uint64(rfc2869.AcctInputGigawords_Get(p))<<32 + uint64(rfc2866.AcctInputOctets_Get(p))
			out := uint64(rfc2869.AcctOutputGigawords_Get(p))<<32 + uint64(rfc2866.AcctOutputOctets_Get(p))
			add("in", fmt.Sprint(in, "/", uint32(rfc2866.AcctInputPackets_Get(p))))
			add("out", fmt.Sprint(out, "/", uint32(rfc2866.AcctOutputPackets_Get(p))))
		}
	}
	if cause, err := rfc2866.AcctTerminateCause_Lookup(p); err == nil {
		add("cause", cause)
	}
	if at := rfc2869.EventTimestamp_Get(p); at.Unix() != r.At.Unix() {
		w.t.Errorf("the Event-Timestamp is %v, of a record of %v", at, r.At)
	}
	if !r.At.Equal(w.now) {
		add("at", int(r.At.Sub(w.start)/time.Second))
	}
	return strings.Join(said, " ")
}
