package watch

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mooring/cmd/mooring/client"
)

// Model is what is known of an element. One goroutine uses it at a time.
type Model struct {
	Target string // how the element is addressed

	name, version string
	started       time.Time
	commit, user  string

	machines map[string]*machine
	tunnels  map[string]*tunnel
	peers    map[string]*peer
	bindings map[string]*binding
	recent   []*binding // those of bindings, the one that changed last first

	events  []Event // the newest last
	pending int     // of them, how many Drain has not returned
	lost    string  // why there is no connection; empty: there is
	retry   time.Time
	synced  map[Stream]bool
}

// Stream is one of the streams that a Model is fed by.
type Stream uint8

// The streams.
const (
	General Stream = iota
	Bindings
)

// Bounds of what is kept.
const (
	maxBindings = 10_000
	maxEvents   = 500
)

// machine is an LMA or a MAG.
type machine struct {
	name     string // "lma lma1"
	bindings int
	meter
}

// tunnel is the traffic of a tunnel.
type tunnel struct {
	machine string
	meter
}

// peer is a MAG of an LMA, or a way from a MAG to an LMA.
type peer struct {
	machine, name, address, status, heartbeat string
	bindings                                  string
	changed                                   time.Time
}

// binding is a registered node.
type binding struct {
	path, machine, node, ipv4, ipv6, peer, state, forwarding, reason string
	created, changed                                                 time.Time
}

// NewModel returns a Model of which nothing is known.
func NewModel(target string) *Model {
	m := &Model{Target: target}
	m.Reset()
	return m
}

// Reset forgets what was told over a connection that is no more, but not what happened.
func (m *Model) Reset() {
	m.machines, m.tunnels, m.peers = map[string]*machine{}, map[string]*tunnel{}, map[string]*peer{}
	m.bindings, m.recent, m.synced = map[string]*binding{}, nil, map[Stream]bool{}
}

// Total is how many bindings the LMAs and MAGs say they have.
func (m *Model) Total() (n int) {
	for _, machine := range m.machines {
		n += machine.bindings
	}
	return n
}

// Lost notes that there is no connection, why, and when the next attempt is made.
func (m *Model) Lost(now time.Time, err error, next time.Time) {
	if m.lost == "" {
		m.happened(Event{At: now, Kind: "connection-lost", Text: "the connection is lost: " + err.Error()})
	}
	m.lost, m.retry = err.Error(), next
}

// Take takes in what a stream told. Rows that are not needed any more are forgotten.
func (m *Model) Take(s Stream, now time.Time, rows *client.Rows, n client.News) {
	if n.Synced {
		m.sync(s, now)
		return
	}
	for _, row := range n.Gone {
		m.remove(s, n.At, row)
	}
	for _, row := range n.Set {
		m.set(s, n.At, row)
	}
	for len(m.recent) > maxBindings {
		oldest := m.recent[len(m.recent)-1]
		m.drop(oldest)
		if row := rows.Row(oldest.path); row != nil {
			rows.Forget(row)
		}
	}
}

func (m *Model) sync(s Stream, now time.Time) {
	m.synced[s] = true
	if s == General {
		if m.lost != "" {
			m.happened(Event{At: now, Kind: "connected", Text: "connected again"})
		}
		m.lost = ""
	}
}

func (m *Model) set(s Stream, at time.Time, row *client.Row) {
	switch row.Of {
	case system:
		m.setSystem(at, row)
	case lmaStatistics, magStatistics:
		machine := m.machine(machineOf(row))
		machine.read(at, signalling(row))
		machine.bindings = int(number(row, "summary", "bce-count"))
		m.countWays()
	case lmaTraffic, magTraffic:
		if m.tunnels[row.Path] == nil {
			m.tunnels[row.Path] = &tunnel{machine: machineOf(row)}
		}
		m.tunnels[row.Path].read(at, traffic(row))
	case lmaPeer, magPath:
		m.setPeer(at, row)
	case repair:
		if m.synced[s] {
			m.happened(repaired(at, row))
		}
	case lmaBinding, magBinding:
		m.setBinding(s, at, row)
	}
}

func (m *Model) remove(s Stream, at time.Time, row *client.Row) {
	switch row.Of {
	case lmaStatistics, magStatistics:
		delete(m.machines, machineOf(row))
	case lmaTraffic, magTraffic:
		delete(m.tunnels, row.Path)
	case lmaPeer, magPath:
		if was := m.peers[row.Path]; was != nil && m.synced[s] {
			m.happened(was.event(at, "peer-gone", "is known no more"))
		}
		delete(m.peers, row.Path)
		m.countWays()
	case lmaBinding, magBinding:
		m.removeBinding(s, at, row)
	}
}

func (m *Model) setSystem(at time.Time, row *client.Row) {
	m.name, m.version = row.Text("host-name"), row.Text("version")
	m.started, _ = time.Parse(time.RFC3339, row.Text("started"))
	was := m.commit
	m.commit, m.user = row.Text("configuration", "commit-id"), row.Text("configuration", "user")
	if m.synced[General] && m.commit != was {
		m.happened(Event{At: at, Kind: "commit", Text: "configuration " + m.commit + " was committed by " + cmp.Or(m.user, "nobody")})
	}
}

func (m *Model) machine(name string) *machine {
	if m.machines[name] == nil {
		m.machines[name] = &machine{name: name}
	}
	return m.machines[name]
}

// machineOf names the LMA or MAG that a row is about.
func machineOf(r *client.Row) string {
	if name := r.Key("lma", "name"); name != "" {
		return "lma " + name
	}
	return "mag " + r.Key("mag", "name")
}

func (m *Model) setPeer(at time.Time, row *client.Row) {
	was := m.peers[row.Path]
	p := peerOf(row)
	if p.changed = at; was != nil && was.status == p.status {
		p.changed = was.changed
	}
	m.peers[row.Path] = p
	m.countWays()
	if !m.synced[General] {
		return
	}
	switch {
	case was == nil:
		m.happened(p.event(at, "peer-new", "is known now: "+p.status))
	case was.status != p.status:
		m.happened(p.event(at, "peer-"+p.status, "is "+p.status+", was "+was.status))
	}
}

func peerOf(r *client.Row) *peer {
	p := &peer{machine: machineOf(r), status: cmp.Or(r.Text("oper-status"), none), bindings: cmp.Or(r.Text("bindings"), none)}
	if r.Of == magPath {
		p.name, p.address, p.heartbeat = r.Text("lma"), r.Text("remote-address"), heartbeat(r)
		return p
	}
	p.name, p.address, p.heartbeat = r.Key("peer", "id"), r.Text("path", "address"), heartbeat(r, "path")
	return p
}

// countWays adds up the bindings of MAGs, which have no counter of their own.
func (m *Model) countWays() {
	total := map[string]int{}
	for _, p := range m.peers {
		n, _ := strconv.Atoi(p.bindings)
		total[p.machine] += n
	}
	for name, machine := range m.machines {
		if strings.HasPrefix(name, "mag ") {
			machine.bindings = total[name]
		}
	}
}

func (m *Model) setBinding(s Stream, at time.Time, row *client.Row) {
	was := m.bindings[row.Path]
	b := bindingOf(row)
	b.changed = at
	if was != nil {
		m.drop(was)
	} else if !m.synced[s] && !b.created.IsZero() {
		b.changed = b.created // it is one that was there before
	}
	m.bindings[row.Path] = b
	m.insert(b)
	if m.synced[s] {
		m.compare(was, b)
	}
}

// insert keeps recent sorted: rows that are told of at first come in no order.
func (m *Model) insert(b *binding) {
	i, _ := slices.BinarySearchFunc(m.recent, b, func(x, b *binding) int {
		return cmp.Or(b.changed.Compare(x.changed), 1) // what comes later goes first
	})
	m.recent = slices.Insert(m.recent, i, b)
}

func (m *Model) removeBinding(s Stream, at time.Time, row *client.Row) {
	was := m.bindings[row.Path]
	if was == nil {
		was = bindingOf(row)
	} else {
		m.drop(was)
	}
	if m.synced[s] {
		m.happened(was.event(at, "binding-gone", "is registered no more"))
	}
}

func (m *Model) drop(b *binding) {
	delete(m.bindings, b.path)
	if i := slices.Index(m.recent, b); i >= 0 {
		m.recent = slices.Delete(m.recent, i, i+1)
	}
}

func bindingOf(r *client.Row) *binding {
	b := &binding{
		path: r.Path, machine: machineOf(r), node: cmp.Or(r.Text("mn-id"), r.Key("binding", "id")), ipv4: r.Text("hoa"), ipv6: r.Text("hnp"),
		peer: r.Text("peer"), state: r.Text("state"), forwarding: r.Text("forwarding"), reason: r.Text("forwarding-error"),
	}
	b.created, _ = time.Parse(time.RFC3339, r.Text("created"))
	return b
}
