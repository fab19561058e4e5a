package engine

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/heartbeat"
	"mooring/mobility/lma"
	"mooring/mobility/mag"
	"mooring/mobility/pool"
)

// LMA is read access to an anchor of the element, for as long as one likes: when the anchor is gone, its table is empty.
type LMA struct {
	Name       string
	Table      *binding.Table
	Statistics *mobility.Statistics

	engine *Engine
	anchor *anchor
}

// Peers returns the MAGs, configured and learned.
func (l *LMA) Peers(ctx context.Context) (peers []lma.PeerState, err error) {
	err = l.engine.Do(ctx, func() { peers = slices.Collect(l.anchor.lma.Peers) })
	return peers, err
}

// Networks returns the usage of the pools of each network, by its name.
func (l *LMA) Networks(ctx context.Context) (networks map[string][]pool.Usage, err error) {
	networks = map[string][]pool.Usage{}
	err = l.engine.Do(ctx, func() {
		for name, usage := range l.anchor.lma.Networks {
			networks[name] = usage
		}
	})
	return networks, err
}

// Entitlement returns how the anchor uses what its operator is entitled to.
func (l *LMA) Entitlement(ctx context.Context) (use lma.EntitlementState, err error) {
	err = l.engine.Do(ctx, func() { use = l.anchor.lma.Entitlement() })
	return use, err
}

// LowerMarks makes the high-water marks of all pools, and of the entitlement, begin anew with what is used now.
func (l *LMA) LowerMarks(ctx context.Context) error {
	return l.engine.Do(ctx, func() { l.anchor.lma.LowerMarks(time.Now()) })
}

// Customers returns the customers of the anchor.
func (l *LMA) Customers(ctx context.Context) (customers []lma.CustomerState, err error) {
	err = l.engine.Do(ctx, func() { customers = slices.Collect(l.anchor.lma.Customers) })
	return customers, err
}

// Session returns the identifier that the session of a binding has in the dataplane.
func (l *LMA) Session(id dataplane.SessionID) dataplane.SessionID { return l.anchor.session(id) }

// Health says whether the MAG of a binding answers heartbeats.
func (l *LMA) Health(b *mobility.Binding) heartbeat.Health { return l.anchor.lma.Health(b) }

// Clear ends the bindings that match picks, and returns how many they were. That they end survives the process from then on.
func (l *LMA) Clear(ctx context.Context, match func(*mobility.Binding) bool) (ended int, err error) {
	return l.engine.clear(ctx, &l.anchor.unit, l.anchor.lma, match)
}

// MAG is read access to a gateway of the element, as LMA is to an anchor.
type MAG struct {
	Name       string
	Table      *binding.Table
	Statistics *mobility.Statistics

	engine  *Engine
	gateway *gateway
}

// Clear de-registers the bindings that match picks, and returns how many they were.
func (m *MAG) Clear(ctx context.Context, match func(*mobility.Binding) bool) (ended int, err error) {
	return m.engine.clear(ctx, &m.gateway.unit, m.gateway.mag, match)
}

// Health says whether the LMA of a binding answers heartbeats.
func (m *MAG) Health(b *mobility.Binding) heartbeat.Health { return m.gateway.mag.Health(b) }

// Anchors returns the LMAs of the gateway.
func (m *MAG) Anchors(ctx context.Context) (anchors []mag.AnchorState, err error) {
	err = m.engine.Do(ctx, func() { anchors = slices.Collect(m.gateway.mag.Anchors) })
	return anchors, err
}

// Session returns the identifier that the session of a binding has in the dataplane.
func (m *MAG) Session(id dataplane.SessionID) dataplane.SessionID { return m.gateway.session(id) }

type clearer interface {
	Clear(now time.Time, id dataplane.SessionID, out *mobility.Effects) bool
}

// clearedAtOnce is how many bindings a step clears, so that others wait for some milliseconds.
const clearedAtOnce = 256

// clear ends the bindings of a machine that match picks, and returns when nobody can make that undone.
func (e *Engine) clear(ctx context.Context, u *unit, machine clearer, match func(*mobility.Binding) bool) (ended int, err error) {
	var ids []dataplane.SessionID
	for b := range u.table.All() {
		if match(b) {
			ids = append(ids, b.ID)
		}
	}
	slices.Sort(ids)
	for some := range slices.Chunk(ids, clearedAtOnce) {
		err = e.Do(ctx, func() {
			now := time.Now()
			for _, id := range some {
				if b := u.table.Get(id); b == nil || !match(b) {
					continue // it has ended or moved meanwhile
				}
				if e.tracing {
					e.trace(now, u.Name, fmt.Sprintf("clear %d", id))
				}
				machine.Clear(now, id, e.element.mark(u))
				ended++
			}
		})
		if err != nil {
			return ended, err
		}
	}
	return ended, e.await(ctx)
}

// registry is the machines for readers. It is replaced, never changed.
type registry struct {
	lmas []*LMA
	mags []*MAG
}

// newRegistry lists the machines; readers of those that were there before keep what they have.
func (e *Engine) newRegistry() *registry {
	r := new(registry)
	for _, u := range e.element.units {
		if u.Role == RoleLMA {
			r.lmas = append(r.lmas, &LMA{u.Name.Name, u.table, u.Statistics(), e, e.element.anchors[u.Name.Name]})
		} else {
			r.mags = append(r.mags, &MAG{u.Name.Name, u.table, u.Statistics(), e, e.element.gateways[u.Name.Name]})
		}
	}
	return r
}

// LMAs returns the anchors, sorted by name. The slice may not be changed.
func (e *Engine) LMAs() []*LMA { return e.registry.Load().lmas }

// MAGs returns the gateways, sorted by name. The slice may not be changed.
func (e *Engine) MAGs() []*MAG { return e.registry.Load().mags }

// LMA returns the anchor of that name, or nil.
func (e *Engine) LMA(name string) *LMA {
	for _, l := range e.LMAs() {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// MAG returns the gateway of that name, or nil.
func (e *Engine) MAG(name string) *MAG {
	for _, m := range e.MAGs() {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Status is how the loop is doing.
type Status struct {
	Steps         uint64        // inbox messages handled
	Messages      uint64        // Mobility Headers handled
	LastStep      time.Duration // how long the last step took
	LongestStep   time.Duration
	Waiting       int    // messages that waited in the inbox when the last step began
	MostWaiting   int    // at most so far
	Stalls        uint64 // times that nothing was read because the dataplane was full
	Unclaimed     uint64 // messages and attachments for an address or a link that no machine has any more
	EventsDropped uint64 // that the sink was too slow for
}

// Status returns how the loop is doing.
func (e *Engine) Status() Status {
	m := &e.meter
	return Status{
		Steps:         m.steps.Load(),
		Messages:      m.messages.Load(),
		LastStep:      time.Duration(m.lastStep.Load()),
		LongestStep:   time.Duration(m.longestStep.Load()),
		Waiting:       int(m.depth.Load()),
		MostWaiting:   int(m.deepest.Load()),
		Stalls:        m.stalls.Load(),
		Unclaimed:     m.unclaimed.Load(),
		EventsDropped: e.events.dropped.Load(),
	}
}

// meter is written by the loop and read by anybody.
type meter struct {
	steps, messages, stalls, unclaimed atomic.Uint64
	lastStep, longestStep              atomic.Int64 // nanoseconds
	depth, deepest                     atomic.Int64
}

func (m *meter) waiting(n int) {
	m.depth.Store(int64(n))
	m.deepest.Store(max(m.deepest.Load(), int64(n)))
}

func (m *meter) step(took time.Duration) {
	m.steps.Add(1)
	m.lastStep.Store(int64(took))
	m.longestStep.Store(max(m.longestStep.Load(), int64(took)))
}
