package element

import (
	"context"
	"net"
	"strconv"

	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/netconf"
	"mooring/server/state"
)

// callHome is a consumer. The server begins after the datastore, and then asks for the managers itself.
func (e *Element) callHome(_ context.Context, config *apply.Config) (datastore.Prepared, error) {
	return applied(func() {
		if e.netconf != nil {
			e.netconf.CallHome.Configure(managers(config.Manage))
		}
	}), nil
}

func managers(m *apply.Management) (list []netconf.Manager) {
	for _, c := range m.CallHome {
		list = append(list, netconf.Manager{
			Name: c.Name, Address: net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), TLS: c.TLS,
			KeepAlive: c.KeepAlive, Period: c.Period, IdleTimeout: c.IdleTimeout,
		})
	}
	return list
}

func (e *Element) callHomeStatus() (list []state.Manager) {
	if e.netconf == nil {
		return nil
	}
	for _, s := range e.netconf.CallHome.Status() {
		m := state.Manager{Name: s.Name, Connected: s.Connected, Next: s.Next}
		if s.Error != nil {
			m.Error = s.Error.Error()
		}
		list = append(list, m)
	}
	return list
}
