package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/mag"
	"mooring/mobility/transport"
)

// Commit is a configuration that the engine is ready to obey. Either Apply or Abort is called, once; neither can fail.
type Commit struct {
	engine    *Engine
	config    *mobility.Config
	addresses transport.Prepared
	vacated   chan struct{} // nil: nobody waits for that
	done      chan struct{}
	turns     int // that it has taken
}

// Prepare gets ready to obey config, which is nil for none: it opens the sockets of new addresses and disturbs nothing. What
// changes is found by comparison with what the machines obey, so the configuration before it is not looked at. It fails, with
// every reason, when an address or an access link has two owners, or a socket cannot be opened for good. One commit may be
// under way at a time.
func (e *Engine) Prepare(ctx context.Context, _, config *mobility.Config) (*Commit, error) {
	if config == nil {
		config = new(mobility.Config)
	}
	addresses, err := claims(config)
	if err != nil {
		return nil, err
	}
	if err := e.hold(ctx); err != nil {
		return nil, err
	}
	prepared, err := e.Transport.Prepare(addresses)
	if err != nil {
		e.letGo()
		return nil, err
	}
	return &Commit{engine: e, config: config, addresses: prepared, done: make(chan struct{})}, nil
}

// Abort gives the commit up.
func (c *Commit) Abort() {
	c.addresses.Abort()
	c.engine.letGo()
}

// Vacate may be called before Apply. It ends nearly all bindings that the commit leaves no machine or no customer for, in turns with everything else,
// and waits for it: so Apply has few turns.
func (c *Commit) Vacate() {
	vacated := make(chan struct{})
	c.vacated = vacated
	if !c.engine.post(c) {
		return
	}
	select {
	case <-vacated:
	case <-c.engine.stopped:
	}
}

// Apply makes the machines obey, and waits until they do. New ones begin, those that are gone take leave of their peers. Run
// has to have been called; when it has ended, nothing happens.
func (c *Commit) Apply() {
	if !c.engine.post(c) {
		c.addresses.Abort()
		return
	}
	select {
	case <-c.done:
	case <-c.engine.stopped:
		select {
		case <-c.done:
		default:
			c.addresses.Abort()
		}
	}
}

func (c *Commit) handle(e *Engine, now time.Time) {
	if e.underWay = nil; e.vacate(now, c) {
		e.underWay = c
		return
	}
	if c.vacated != nil {
		close(c.vacated)
		c.vacated = nil
		return
	}
	if e.tracing {
		e.trace(now, Name{}, c.String())
	}
	c.addresses.Open()
	e.closeMissing(now, c.config)
	e.reconfigure(now, c.config)
	e.forgetOthers()
	e.element.index()
	e.registry.Store(e.newRegistry())
	e.carryOut(now) // from the old addresses too
	e.flush(patience)
	e.departures = departures{from: c.addresses}
	e.retire()
	close(c.done)
}

const (
	vacatedAtOnce = 32      // bindings that a turn ends, so that others wait for a millisecond or so
	mostVacating  = 1 << 15 // turns of a commit for customers: MAGs may register anew what it ends
	mostVacated   = 4       // turns of a commit that may wait for the disk at a time
)

// vacate ends some of the bindings that the commit leaves no machine or no customer for, and reports whether it takes another turn.
func (e *Engine) vacate(now time.Time, c *Commit) (more bool) {
	c.turns++
	e.vacates = true
	for name, a := range e.element.anchors {
		switch cfg := c.config.LMAs[name]; {
		case cfg == nil:
			more = a.lma.Leave(now, vacatedAtOnce, e.element.mark(&a.unit)) || more
		case a.cfg != cfg && c.turns <= mostVacating:
			more = a.lma.Vacate(now, cfg, vacatedAtOnce, e.element.mark(&a.unit)) || more
		}
	}
	for name, g := range e.element.gateways {
		if c.config.MAGs[name] == nil {
			more = g.mag.Leave(now, vacatedAtOnce, e.element.mark(&g.unit)) || more
		}
	}
	return more
}

// borrow opens the addresses that an anchor is not configured to have any more and speaks from all the same, because it had them before it was
// restored. They are closed when that is said.
func (e *Engine) borrow(a *anchor) {
	var gone []transport.Address
	for at := range a.lma.Departed {
		gone = append(gone, transport.Address(at))
	}
	if len(gone) == 0 {
		return
	}
	opened, err := e.Transport.Prepare(gone)
	if err != nil {
		e.Log.Warn("MAGs are not told that their bindings end: what they spoke to is not configured any more, nor to be had", "error", err)
		return
	}
	opened.Open()
}

// closeMissing closes the machines that config does not have.
func (e *Engine) closeMissing(now time.Time, config *mobility.Config) {
	for name, a := range e.element.anchors {
		if config.LMAs[name] == nil {
			a.Close(now, e.element.mark(&a.unit))
			delete(e.element.anchors, name)
			e.element.leaving = append(e.element.leaving, a)
		}
	}
	for name, g := range e.element.gateways {
		if config.MAGs[name] == nil {
			g.Close(now, e.element.mark(&g.unit))
			delete(e.element.gateways, name)
		}
	}
}

// reconfigure makes the machines of config, and tells those that are there already of changes.
func (e *Engine) reconfigure(now time.Time, config *mobility.Config) {
	for name, cfg := range config.LMAs {
		switch a := e.element.anchors[name]; {
		case a == nil:
			table := binding.New()
			m := lma.New(now, cfg, table, e.RestartCounter)
			a = &anchor{unit: e.element.newUnit(Name{RoleLMA, name}, m, table), lma: m, cfg: cfg}
			e.element.anchors[name] = a
			e.restore(now, &a.unit, m)
			e.borrow(a)
			if e.Forgetful {
				m.AnnounceRestart(now, e.metBefore(&a.unit), e.element.mark(&a.unit))
			}
		case a.cfg != cfg:
			a.cfg = cfg
			a.lma.Reconfigure(now, cfg, e.element.mark(&a.unit))
		}
	}
	for name, cfg := range config.MAGs {
		switch g := e.element.gateways[name]; {
		case g == nil:
			table := binding.New()
			m := mag.New(now, cfg, table, e.RestartCounter)
			g = &gateway{unit: e.element.newUnit(Name{RoleMAG, name}, m, table), mag: m, cfg: cfg}
			e.element.gateways[name] = g
			e.restore(now, &g.unit, m)
			if e.Forgetful {
				m.AnnounceRestart(e.element.mark(&g.unit))
			}
		case g.cfg != cfg:
			g.cfg = cfg
			g.mag.Reconfigure(now, cfg, e.element.mark(&g.unit))
		}
	}
}

func (e *element) newUnit(name Name, m machine, table *binding.Table) unit {
	e.last++
	return unit{machine: m, Name: name, table: table, key: name.String(), number: e.last}
}

// index finds the machines by what messages name.
func (e *element) index() {
	e.units = e.units[:0]
	e.owners, e.links, e.numbers = map[transport.Address]owner{}, map[string]*gateway{}, map[dataplane.SessionID]*unit{}
	for _, name := range slices.Sorted(maps.Keys(e.anchors)) {
		a := e.anchors[name]
		e.units = append(e.units, &a.unit)
		for at := range a.cfg.Listens() {
			e.owners[transport.Address(at)] = owner{anchor: a}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.gateways)) {
		g := e.gateways[name]
		e.units = append(e.units, &g.unit)
		for _, addr := range g.cfg.Addresses {
			at := transport.Address{Addr: addr}
			e.owners[at] = owner{e.owners[at].anchor, g}
		}
		for _, link := range g.cfg.Links {
			e.links[link.Name] = g
		}
	}
	for _, u := range e.units {
		e.numbers[u.number] = u
	}
}

// claims lists the addresses of a configuration. Two machines of one role cannot have the same address, nor two MAGs the same
// access link: nobody could tell which of them a message or a node is for.
func claims(config *mobility.Config) ([]transport.Address, error) {
	var errs []error
	addresses := map[transport.Address]bool{}
	claim := func(role Role, owners map[transport.Address]string, name string, at transport.Address) {
		if other, taken := owners[at]; taken && other != name {
			errs = append(errs, fmt.Errorf("%v %s and %v %s have the same address %v; give one of them another", role, other, role, name, at))
		}
		owners[at] = name
		addresses[at] = true
	}
	owners := map[transport.Address]string{}
	for _, name := range slices.Sorted(maps.Keys(config.LMAs)) {
		for at := range config.LMAs[name].Listens() {
			claim(RoleLMA, owners, name, transport.Address(at))
		}
	}
	owners, links := map[transport.Address]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(config.MAGs)) {
		for _, addr := range config.MAGs[name].Addresses {
			claim(RoleMAG, owners, name, transport.Address{Addr: addr})
		}
		for _, link := range config.MAGs[name].Links {
			if other, taken := links[link.Name]; taken {
				errs = append(errs, fmt.Errorf("mag %s and mag %s have the same access link %s; take it from one of them", other, name, link.Name))
			}
			links[link.Name] = name
		}
	}
	sorted := slices.SortedFunc(maps.Keys(addresses), func(a, b transport.Address) int {
		return cmp.Or(cmp.Compare(a.VRF, b.VRF), a.Addr.Compare(b.Addr))
	})
	return sorted, errors.Join(errs...)
}
