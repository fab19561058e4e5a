package plane

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// deviceName is the name of the vrf interface of a VRF: the same where an interface may be called so.
func deviceName(vrf string) string {
	fits := len(vrf) < unix.IFNAMSIZ && vrf != "." && vrf != ".." && !strings.ContainsAny(vrf, "/: \t\n\v\f\r%")
	if fits {
		return vrf
	}
	sum := sha256.Sum256([]byte(vrf))
	return "vrf-" + hex.EncodeToString(sum[:5])
}

// openDevice finds or makes the vrf interface; of what it makes, nothing is left when it fails. It wraps netlink.ErrNoVRFs where there can be none.
func (p *Plane) openDevice(v *vrf) error {
	if p.NoVRFDevices {
		return netlink.ErrNoVRFs
	}
	host, name := p.hosts[""], deviceName(v.Name)
	d, found, err := p.findDevice(name)
	if err != nil {
		return err
	}
	made := false
	switch ours := d.Alias == aliasPrefix+v.Name; {
	case found && (v.Table == 0 || v.Table == d.Table):
		v.ours = ours
	case found && !ours:
		return fmt.Errorf("vrf interface %s is there already, with table %d and not %d; configure that, or none", name, d.Table, v.Table)
	default:
		if found {
			if err := host.DeleteVRF(name); err != nil {
				return err
			}
		}
		if d, err = p.makeDevice(name, v.VRF); err != nil {
			return err
		}
		v.ours, made = true, true
	}
	if !d.Up {
		err = host.RaiseVRF(name)
	}
	v.device, v.host = name, host.Part(v.Name, d)
	if err == nil {
		err = v.host.Isolate()
	}
	if err == nil {
		return nil
	}
	v.host.Close()
	if made {
		err = errors.Join(err, host.DeleteVRF(name))
	}
	return err
}

func (p *Plane) makeDevice(name string, o dataplane.VRF) (d netlink.VRF, err error) {
	host, table := p.hosts[""], o.Table
	if table == 0 {
		table, err = host.FreeTable()
	} else {
		err = host.CheckTable(table)
	}
	if err != nil {
		return d, err
	}
	err = host.AddVRF(name, aliasPrefix+o.Name, table)
	if errors.Is(err, unix.EEXIST) {
		err = fmt.Errorf("interface %s is there already, and is no vrf interface: %w", name, err)
	}
	if err != nil {
		return d, err
	}
	d, found, err := p.findDevice(name)
	if err == nil && !found {
		err = fmt.Errorf("vrf interface %s: %w", name, dataplane.ErrNoLink)
	}
	if err != nil {
		err = errors.Join(err, host.DeleteVRF(name))
	}
	return d, err
}

func (p *Plane) findDevice(name string) (d netlink.VRF, found bool, err error) {
	all, err := p.devices()
	d, found = all[name]
	return d, found, err
}

// devices lists the vrf interfaces by name.
func (p *Plane) devices() (map[string]netlink.VRF, error) {
	all, err := p.hosts[""].VRFs()
	byName := map[string]netlink.VRF{}
	for _, d := range all {
		byName[d.Name] = d
	}
	return byName, err
}

// keepVRF makes a vrf interface whole that was there before. One that is another one now has to be told of.
func (p *Plane) keepVRF(v *vrf, o dataplane.VRF) error {
	now := &vrf{VRF: o}
	if err := p.openDevice(now); err != nil {
		return err
	}
	same := v.host.Same(now.host)
	v.VRF, v.ours = o, now.ours
	if same {
		return nil
	}
	old := v.host
	v.host = now.host
	p.hosts[v.Name] = v.host
	old.Close()
	err := p.each(func(c Carrier) error { return c.Attach(v.Name, v.host) })
	p.watchers.notify(dataplane.Event{Kind: dataplane.Overrun}) // what was in it is not any more
	p.renewed(v.Name)
	return err
}

// intact reports whether a VRF is as it was made, where d is what has the name of its interface.
func (v *vrf) intact(d netlink.VRF, seen *view) bool {
	if v.device == "" {
		return true
	}
	l := seen.listings[seen.hosts[""]]
	return d.Up && v.host.Is(d) && l.Isolates(v.host)
}
