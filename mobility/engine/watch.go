package engine

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// A node can be watched: what arrives for it, and what its machine asks for because of it, is told as records. The machines know nothing of that:
// the loop looks at what goes in and comes out, and where nobody watches that costs the comparison of a pointer.

// RecordKind says what sort of thing a record is about.
type RecordKind uint8

// The kinds.
const (
	Received   RecordKind = iota + 1 // a message, before the machine has looked at it
	Sent                             // a message
	Changed                          // a row of the binding table
	Forwarding                       // what the dataplane is asked for, and what it says
	Access                           // what was noticed on the access link, and what is offered there
	Happened                         // a decision with its reason, or something about the peer
)

func (k RecordKind) String() string {
	return [...]string{"", "received", "sent", "binding", "forwarding", "access", "event"}[k]
}

// Record is something that happened to a node that is watched.
type Record struct {
	At      time.Time
	Machine Name
	Node    mobility.NodeID
	Kind    RecordKind
	Text    string // for people, without secrets: of an authentication option it names type and SPI alone
}

// maxRecords may wait for the sink. Those that come when it is full are lost, and counted.
const maxRecords = 8192

// Watching is a node that is watched.
type Watching struct {
	Lost atomic.Uint64 // records that there was no room for
}

// watched is what the loop knows of a node that is watched.
type watched struct {
	*Watching
	node mobility.NodeID
	rows map[dataplane.SessionID]*mobility.Binding // as they were told of
}

// Watch begins to tell Options.Records of a node, which need not exist; ok is false where the machine does not run. Who watches a node
// already begins anew.
func (e *Engine) Watch(ctx context.Context, machine Name, node mobility.NodeID) (w *Watching, ok bool, err error) {
	w = &Watching{}
	err = e.Do(ctx, func() {
		u := e.element.named(machine)
		if ok = u != nil && e.Records != nil; !ok {
			return
		}
		if u.watched == nil {
			u.watched = map[mobility.NodeID]*watched{}
		}
		one := &watched{w, node, map[dataplane.SessionID]*mobility.Binding{}}
		u.watched[node] = one
		e.compareRows(time.Now(), u, one)
	})
	return w, ok, err
}

// Unwatch ends what Watch began, unless somebody began anew since.
func (e *Engine) Unwatch(ctx context.Context, machine Name, node mobility.NodeID, w *Watching) error {
	return e.Do(ctx, func() {
		u := e.element.named(machine)
		if u == nil || u.watched[node] == nil || u.watched[node].Watching != w {
			return
		}
		if delete(u.watched, node); len(u.watched) == 0 {
			u.watched = nil
		}
	})
}

// named returns the machine of that name, or nil.
func (e *element) named(name Name) *unit {
	for _, u := range e.units {
		if u.Name == name {
			return u
		}
	}
	return nil
}

func (e *Engine) tell(now time.Time, u *unit, w *watched, kind RecordKind, format string, values ...any) {
	if !e.records.offer(Record{now, u.Name, w.node, kind, fmt.Sprintf(format, values...)}) {
		w.Lost.Add(1)
	}
}

// concerns says whether a message is about the node: it names it, or names none and the peer at the other end has bindings of it.
func (w *watched) concerns(peer netip.Addr, m wire.Message) bool {
	if id, ok := nodeIn(m); ok {
		return mobility.NodeIDOf(id) == w.node
	}
	for _, b := range w.rows {
		if b.Ends.Value().Remote.Addr() == peer {
			return true
		}
	}
	return false
}

// nodeIn returns the Mobile Node Identifier of a message, where it has one.
func nodeIn(m wire.Message) (id wire.MNID, ok bool) {
	switch m := m.(type) {
	case *wire.BindingUpdate:
		return m.MNID.Value, m.MNID.Set
	case *wire.BindingAck:
		return m.MNID.Value, m.MNID.Set
	case *wire.Revocation:
		return m.MNID.Value, m.MNID.Set
	case *wire.RevocationAck:
		return m.MNID.Value, m.MNID.Set
	}
	return id, false
}

func (e *Engine) sawMessage(now time.Time, u *unit, kind RecordKind, other mobility.Endpoint, m wire.Message, bad error) {
	direction := map[RecordKind]string{Received: "from", Sent: "to"}[kind]
	for _, w := range u.watched {
		switch {
		case !w.concerns(other.Addr.Addr(), m):
		case bad != nil:
			e.tell(now, u, w, kind, "%s %s: %v", direction, endpointText(other), bad)
		default:
			e.tell(now, u, w, kind, "%s %s: %v", direction, endpointText(other), m)
		}
	}
}

func (e *Engine) sawAttachment(now time.Time, u *unit, a mobility.Attachment) {
	for _, w := range u.watched {
		e.learnRows(u, w)
		if a.Kind == mobility.LinkLost || w.hasLink(a.MAC) {
			e.tell(now, u, w, Access, "%s", attachmentText(a))
		}
	}
}

// learnRows lets w know of the rows that its node has, whether they were told of or not.
func (e *Engine) learnRows(u *unit, w *watched) {
	for b := range u.table.ByNode(w.node) {
		if w.rows[b.ID] == nil {
			w.rows[b.ID] = &mobility.Binding{Holding: b.Holding, ID: b.ID, Ends: b.Ends}
		}
	}
}

func (w *watched) hasLink(mac dataplane.MAC) bool {
	for _, b := range w.rows {
		if string(b.LinkID) == string(mac[:]) {
			return true
		}
	}
	return false
}

func (e *Engine) sawResult(now time.Time, u *unit, r dataplane.Result) {
	for _, w := range u.watched {
		if w.rows[r.ID] != nil {
			e.tell(now, u, w, Forwarding, "%s", resultText(r))
		}
	}
}

// sawEffects tells of what a machine asks for, in the order in which it is done. The identifiers of sessions are still those of the machine.
func (e *Engine) sawEffects(now time.Time, u *unit, out *mobility.Effects) {
	for _, w := range u.watched {
		e.learnRows(u, w)
		for _, c := range out.Sessions {
			if w.rows[c.ID] != nil {
				e.tell(now, u, w, Forwarding, "%s", sessionText(c))
			}
		}
		for _, g := range out.Grants {
			if w.hasLink(g.MAC) {
				e.tell(now, u, w, Access, "offered on %s: %s", g.Link, addressesText(g.Prefixes, g.Home))
			}
		}
	}
	for _, d := range out.Send {
		m, err := wire.Parse(d.Octets)
		e.sawMessage(now, u, Sent, d.To, m, err)
	}
	for _, w := range u.watched {
		for i := range out.Events {
			e.sawEvent(now, u, w, &out.Events[i])
		}
		e.compareRows(now, u, w)
	}
}

func sessionText(c dataplane.Change) string {
	switch s := c.Session; {
	case s == nil:
		return fmt.Sprintf("session %d: forward no more", c.ID)
	case s.Blocked:
		return fmt.Sprintf("session %d: discard the traffic of %v", c.ID, s.Prefixes)
	default:
		return fmt.Sprintf("session %d: forward %v through %s tunnel %v-%v", c.ID, s.Prefixes, s.Path.Tunnel.Encap, s.Path.Tunnel.Local, s.Path.Tunnel.Peer)
	}
}

func (e *Engine) sawEvent(now time.Time, u *unit, w *watched, ev *mobility.Event) {
	var text strings.Builder
	switch {
	case ev.Node == w.node:
		text.WriteString(ev.Kind.String())
	case ev.Path != nil && w.concerns(ev.Peer.Addr(), nil):
		fmt.Fprintf(&text, "%s of peer %s", ev.Kind, ev.Peer.Addr())
	default:
		return
	}
	switch ev.Kind {
	case mobility.RegistrationRefused:
		fmt.Fprintf(&text, ": status %d (%v)", uint8(ev.Status), ev.Status)
	case mobility.BindingDeleted:
		fmt.Fprintf(&text, ": %v", ev.Reason)
	}
	e.tell(now, u, w, Happened, "%s", &text)
}

// compareRows tells what became of the rows of a node since it was told of them last.
func (e *Engine) compareRows(now time.Time, u *unit, w *watched) {
	var ids []dataplane.SessionID
	present := map[dataplane.SessionID]*mobility.Binding{}
	for b := range u.table.ByNode(w.node) {
		present[b.ID] = b
		ids = append(ids, b.ID)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if b := present[id]; w.rows[id] != b {
			was := mobility.State(0)
			if old := w.rows[id]; old != nil {
				was = old.State
			}
			e.tell(now, u, w, Changed, "%s", rowText(now, was, b))
			w.rows[id] = b
		}
	}
	for id := range w.rows {
		if present[id] == nil {
			e.tell(now, u, w, Changed, "binding %x: gone", uint64(id))
			delete(w.rows, id)
		}
	}
}

func rowText(now time.Time, was mobility.State, b *mobility.Binding) string {
	var text strings.Builder
	fmt.Fprintf(&text, "binding %x: %s", uint64(b.ID), b.State)
	if was != 0 && was != b.State {
		fmt.Fprintf(&text, " after %s", was)
	}
	ends := b.Ends.Value()
	fmt.Fprintf(&text, ", %s, between %v and %v", addressesText(b.Prefixes, b.Home.Prefix()), ends.Local, ends.Remote.Addr())
	if b.Lifetime > 0 {
		fmt.Fprintf(&text, ", lifetime %v", b.Lifetime)
	}
	if b.Expires != 0 {
		fmt.Fprintf(&text, ", expires in %v", b.Expires.Time().Sub(now).Round(time.Second))
	}
	return text.String()
}

func addressesText(prefixes []netip.Prefix, home netip.Prefix) string {
	var texts []string
	for _, p := range append(slices.Clip(prefixes), home) {
		if p.IsValid() {
			texts = append(texts, p.String())
		}
	}
	return cmp.Or(strings.Join(texts, " "), "no addresses")
}
