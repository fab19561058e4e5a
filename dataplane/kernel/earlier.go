package kernel

import (
	"errors"
	"slices"

	"mooring/dataplane/netlink"
)

// Earlier versions had other marks, with a policy rule for each (docs/adr/0475). What leads by them does so until all sources have those of now.

// tidyMarks replaces marks of an earlier version, and removes what leads nowhere.
func (c *Carrier) tidyMarks() error {
	p := c.places[""]
	if p == nil || p.lacks != nil {
		return nil
	}
	if err := c.remark(); err != nil {
		return err
	}
	for _, to := range c.sources {
		if netlink.IsEarlierMark(to.mark) { // its device is down, or gone
			return nil
		}
	}
	if err := p.filter.forgetEarlier(); err != nil {
		return err
	}
	return p.host.TidyMarks()
}

// remark gives sources the marks of the devices that they lead into, where these lead there by now. When it returns, no packet is on its way with another one:
// between its mark and its route, it would lose what leads there.
func (c *Carrier) remark() error {
	var changes []sourceChange
	for key, to := range c.sources {
		t := c.tunnels[to.path.Tunnel]
		if t == nil || t.devices[to.path] == nil || !t.devices[to.path].steered {
			continue
		}
		if mark := netlink.MarkOf(t.devices[to.path].index); to.mark != mark {
			changes = append(changes, sourceChange{key, to, steering{to.path, mark}})
		}
	}
	var errs []error
	for some := range slices.Chunk(changes, elementsAtOnce) {
		errs = append(errs, c.changeSources(some))
	}
	if len(changes) > 0 {
		netlink.AwaitPackets()
	}
	return errors.Join(errs...)
}

// forgetEarlier removes what earlier marks stand for.
func (f *filter) forgetEarlier() error {
	if len(f.earlier) == 0 {
		return nil
	}
	err := f.flush(f.conn.SetDeleteElements(f.paths, f.earlier))
	if err == nil || isAbsent(err) {
		f.earlier, err = nil, nil
	}
	return err
}
