package netconf

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/state"
	"mooring/server/tree/schema"
)

// counters count what happened, for a session or for the server (RFC 6022 sections 2.1.4 and 2.1.5).
type counters struct {
	in, bad, outErrors           atomic.Uint64
	notifications                atomic.Uint64
	sessions, badHellos, dropped atomic.Uint64 // of the server only
}

// counter32 is a value of zero-based-counter32, which begins again at its end.
func counter32(c *atomic.Uint64) uint64 { return uint64(uint32(c.Load())) }

const monitoring = "/ietf-netconf-monitoring:netconf-state"

// mountMonitoring mounts /netconf-state (RFC 6022); a schema without it has none.
func (s *Server) mountMonitoring() error {
	top := s.schema.Find(monitoring)
	if top == nil {
		return nil
	}
	at := func(path string) *schema.Node { return s.schema.Find(monitoring + path) }
	capability := at("/capabilities/capability")
	s.mount(at("/capabilities"), func(out *state.Out) {
		row := out.Row()
		for _, c := range s.capabilities() {
			row.Text(capability, c)
		}
	})
	s.mount(at("/datastores/datastore"), s.datastoreRows(at("/datastores/datastore")))
	namespace, location := at("/schemas/schema/namespace"), at("/schemas/schema/location")
	s.mount(at("/schemas/schema"), func(out *state.Out) {
		for _, d := range documents(s.schema) {
			row := out.Row(d.name, d.revision, "ietf-netconf-monitoring:yang")
			row.Text(namespace, d.module.Namespace)
			row.Text(location, "NETCONF")
		}
	})
	s.mount(at("/sessions/session"), s.sessionRows(at("/sessions/session")))
	statistics := at("/statistics")
	s.mount(statistics, func(out *state.Out) {
		row := out.Row()
		row.Time(statistics.ChildNamed("netconf-start-time"), s.started)
		row.Uint(statistics.ChildNamed("in-bad-hellos"), counter32(&s.total.badHellos))
		row.Uint(statistics.ChildNamed("in-sessions"), counter32(&s.total.sessions))
		row.Uint(statistics.ChildNamed("dropped-sessions"), counter32(&s.total.dropped))
		s.total.render(row, statistics)
	})
	return nil
}

// mount mounts a table that holds all of a node.
func (s *Server) mount(def *schema.Node, rows func(*state.Out)) {
	s.state.Mount(state.Table{Node: def, Parts: def.Children, Read: rowsOf(rows)})
}

// rowsOf makes what reads a table of something that cannot fail.
func rowsOf(rows func(*state.Out)) func(context.Context, state.Keys, *state.Out) error {
	return func(_ context.Context, _ state.Keys, out *state.Out) error {
		rows(out)
		return nil
	}
}

// render writes the grouping common-counters.
func (c *counters) render(row *state.Sink, def *schema.Node) {
	row.Uint(def.ChildNamed("in-rpcs"), counter32(&c.in))
	row.Uint(def.ChildNamed("in-bad-rpcs"), counter32(&c.bad))
	row.Uint(def.ChildNamed("out-rpc-errors"), counter32(&c.outErrors))
	row.Uint(def.ChildNamed("out-notifications"), counter32(&c.notifications))
}

func (s *Server) datastoreRows(def *schema.Node) func(*state.Out) {
	transaction := def.ChildNamed("transaction-id")
	locks := def.ChildNamed("locks")
	global := locks.ChildNamed("global-lock")
	return func(out *state.Out) {
		held, parts := s.store.Locks(), s.store.PartialLocks()
		for _, target := range []datastore.Target{datastore.RunningStore, datastore.CandidateStore} {
			row := out.Row(string(target))
			if lock, ok := held[target]; ok {
				row.Open(locks)
				row.Open(global)
				row.Uint(global.ChildNamed("locked-by-session"), uint64(lock.Holder.ID))
				row.Time(global.ChildNamed("locked-time"), lock.Since)
				row.Close()
				row.Close()
			}
			if target == datastore.RunningStore {
				renderParts(row, locks, parts)
				row.Text(transaction, s.store.Running().Transaction())
			}
		}
	}
}

// renderParts writes partial locks.
func renderParts(row *state.Sink, locks *schema.Node, held []datastore.PartialLock) {
	if len(held) == 0 {
		return
	}
	def := locks.ChildNamed("partial-lock")
	row.Open(locks)
	for _, lock := range held {
		row.Open(def)
		row.Uint(def.ChildNamed("lock-id"), uint64(lock.ID))
		row.Uint(def.ChildNamed("locked-by-session"), uint64(lock.Holder.ID))
		row.Time(def.ChildNamed("locked-time"), lock.Since)
		for _, expression := range lock.Select {
			row.Text(def.ChildNamed("select"), expression)
		}
		for _, node := range lock.Nodes {
			row.Text(def.ChildNamed("locked-node"), node.String())
		}
		row.Close()
	}
	row.Close()
}

// transportOf names the transport by how the user came in.
func transportOf(u access.User) string {
	if u.Origin == access.TLS {
		return "ietf-netconf-monitoring:netconf-tls"
	}
	return "ietf-netconf-monitoring:netconf-ssh"
}

func (s *Server) sessionRows(def *schema.Node) func(*state.Out) {
	return func(out *state.Out) {
		s.mu.Lock()
		list := make([]*session, 0, len(s.sessions))
		for _, x := range s.sessions {
			list = append(list, x)
		}
		s.mu.Unlock()
		slices.SortFunc(list, func(a, b *session) int { return cmp.Compare(a.id, b.id) })
		for _, x := range list {
			row := out.Row(strconv.FormatUint(uint64(x.id), 10))
			row.Text(def.ChildNamed("transport"), transportOf(x.user))
			row.Text(def.ChildNamed("username"), x.user.Name)
			if from, err := netip.ParseAddrPort(x.user.Remote); err == nil {
				row.Addr(def.ChildNamed("source-host"), from.Addr().Unmap())
			}
			row.Time(def.ChildNamed("login-time"), x.started)
			x.count.render(row, def)
		}
	}
}
