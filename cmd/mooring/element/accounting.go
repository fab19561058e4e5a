package element

import (
	"context"
	"errors"
	"iter"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/accountant"
	"mooring/mobility/aaa/client"
	"mooring/mobility/aaa/disconnect"
	"mooring/mobility/engine"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// recordsFile holds accounting records and open sessions, in the state folder.
const recordsFile = "accounting/records.db"

// openAccounting makes what accounts nodes and tunnels, what asks about nodes, and what lets RADIUS servers end sessions.
func (e *Element) openAccounting() {
	told := newRadiusEvents(e.events)
	e.accounting = accountant.New(accountant.Options{
		Root: e.folder.Root, Name: recordsFile, Log: e.Log, Meter: meter{e}, Bindings: e.bindingsOf,
		Dial:          client.Dialer{Enter: e.plane.InVRF}.Dial,
		Dropped:       func() uint64 { return e.engine.Status().EventsDropped },
		ServerChanged: told.accounting,
		RoomChanged:   told.room,
	})
	e.asker = client.NewAsker(client.AskerOptions{Log: e.Log, Dial: client.Dialer{Enter: e.plane.InVRF}.Dial, Changed: told.authorization})
	e.disconnects = disconnect.New(disconnect.Options{Log: e.Log, Clear: e.disconnect})
}

// bindingsOf yields the bindings of an anchor, none of one that does not run.
func (e *Element) bindingsOf(anchor string) iter.Seq[*mobility.Binding] {
	if l := e.engine.LMA(anchor); l != nil {
		return l.Table.All()
	}
	return func(func(*mobility.Binding) bool) {}
}

// account writes down what happened to the nodes of anchors, and returns when it is on disk.
func (e *Element) account(events []engine.Event) {
	e.accounting.Happened(accountant.EventsOf(events))
}

// charge is a consumer: what is accounted, where records and questions about nodes go, and who may end sessions. It comes after the machines.
func (e *Element) charge(_ context.Context, config *apply.Config) (datastore.Prepared, error) {
	if err := e.accounting.Prepare(config.Accounting); err != nil && !e.forced {
		return nil, err
	} else if err != nil {
		e.Log.Error("there is no accounting", "error", err)
	}
	change, err := e.disconnects.Prepare(config.Accounting.Disconnect)
	obey := func() {
		e.accounting.Configure(config.Accounting)
		e.asker.Configure(config.Accounting.Authorization)
	}
	switch {
	case err != nil && !e.forced:
		return nil, disconnectPortTaken(err)
	case err != nil:
		e.Log.Error("RADIUS servers cannot end sessions", "error", err)
		return applied(obey), nil
	}
	return &charged{change, obey}, nil
}

// charged does one more thing when a change of the listener is made.
type charged struct {
	*disconnect.Change
	also func()
}

func (c *charged) Apply() {
	c.Change.Apply()
	c.also()
}

func disconnectPortTaken(why error) error {
	s, err := model.Schema()
	if err != nil {
		return errors.Join(why, err)
	}
	path, err := schema.ParsePath(s, "/mooring-system:system/aaa/radius/dynamic-authorization/port", s.Module)
	if err != nil {
		return errors.Join(why, err)
	}
	return &tree.Error{Tag: tree.InUse, Path: path, Message: why.Error()}
}

// meter reads the counters of the dataplane.
type meter struct{ *Element }

func (m meter) Node(anchor string, binding dataplane.SessionID) (u aaa.Usage, ok bool) {
	l := m.engine.LMA(anchor)
	if l == nil {
		return u, false
	}
	return usage(m.plane.SessionUsage(l.Session(binding)))
}

func (m meter) Tunnel(id dataplane.TunnelID) (aaa.Usage, bool) { return usage(m.plane.TunnelUsage(id)) }

func usage(c dataplane.Counters, ok bool) (aaa.Usage, bool) {
	return aaa.Usage{RxPackets: c.RxPackets, RxOctets: c.RxOctets, TxPackets: c.TxPackets, TxOctets: c.TxOctets}, ok
}
